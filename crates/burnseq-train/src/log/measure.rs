//! A number of the log that a criterion computes from its sums.

/// A number of the log, such as the loss in bits per token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Its key.
    pub name: &'static str,
    /// Its value, not rounded.
    pub value: f64,
    /// Digits behind the point that the log shows.
    pub digits: i32,
}

impl Measure {
    /// A number that is shown with so many `digits` behind the point.
    pub fn new(name: &'static str, value: f64, digits: i32) -> Self {
        Self { name, value, digits }
    }
}
