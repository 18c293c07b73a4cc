//! Sums by name, so that whatever a criterion sums is logged and saved without a field of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sums by name. One that was never added to is 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamedSums(BTreeMap<String, f64>);

impl NamedSums {
    /// The sum of that name.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// Adds to the sum of that name.
    pub fn add(&mut self, name: &str, value: f64) {
        match self.0.get_mut(name) {
            Some(sum) => *sum += value,
            None => {
                self.0.insert(name.to_owned(), value);
            }
        }
    }

    /// Adds other sums, name by name.
    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, value)| self.add(name, *value));
    }
}

impl<const N: usize> From<[(&str, f64); N]> for NamedSums {
    fn from(sums: [(&str, f64); N]) -> Self {
        Self(sums.map(|(name, value)| (name.to_owned(), value)).into())
    }
}
