//! What BLEU does with n-gram orders that have no match.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Smoothing of n-gram precisions; the numbers are those of Chen and Cherry 2014.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Smoothing {
    /// None: one order without a match makes the score 0.
    None,
    /// Method 1: zero matches become `value`.
    Floor {
        /// Matches to assume, above 0; sacreBLEU's default is 0.1.
        value: f64,
    },
    /// Method 2: `k` is added to matches and totals of all orders but the first (Lin and Och 2004).
    AddK {
        /// What is added, above 0; sacreBLEU's default is 1.
        k: f64,
    },
    /// Method 3: the n-th order without a match counts as `2^-n` matches (as mteval-v13a does).
    #[default]
    Exp,
}

/// N-gram counts and precisions after smoothing, by order.
pub(crate) struct Smoothed {
    /// Matches, with what add-k added.
    pub counts: Vec<f64>,
    /// N-grams of the hypotheses, with what add-k added.
    pub totals: Vec<f64>,
    /// Precisions in percent.
    pub precisions: Vec<f64>,
    /// Highest order for which the hypotheses have an n-gram.
    pub effective_order: usize,
}

impl Smoothing {
    /// The names that [`Smoothing::from_name`] knows.
    pub const NAMES: &'static str = "exp, floor, add-k, none";

    /// The smoothing of that name in sacreBLEU, with its default value where `value` is `None`.
    ///
    /// # Errors
    /// An unknown name, a value outside its range, or a value for a method that takes none.
    pub fn from_name(name: &str, value: Option<f64>) -> Result<Self> {
        let smoothing = match name {
            "exp" | "none" => {
                if let Some(value) = value {
                    let rule = "left out: only floor and add-k take one";
                    return Err(Error::Setting {
                        setting: "smoothing value",
                        value: value.to_string(),
                        rule,
                    });
                }
                if name == "exp" { Self::Exp } else { Self::None }
            }
            "floor" => Self::Floor {
                value: value.unwrap_or(0.1),
            },
            "add-k" => Self::AddK {
                k: value.unwrap_or(1.0),
            },
            _ => {
                let (what, choices) = ("smoothing method", Self::NAMES);
                return Err(Error::UnknownName {
                    what,
                    name: name.to_owned(),
                    choices,
                });
            }
        };
        smoothing.validate().map(|()| smoothing)
    }

    /// Checks the range of the value.
    ///
    /// # Errors
    /// A value that is not a finite number above 0.
    pub fn validate(self) -> Result<()> {
        match self {
            Self::Floor { value } | Self::AddK { k: value } if !(value.is_finite() && value > 0.0) => {
                let rule = "a finite number above 0";
                Err(Error::Setting {
                    setting: "smoothing value",
                    value: value.to_string(),
                    rule,
                })
            }
            _ => Ok(()),
        }
    }

    /// Precisions of all orders. The caller has made sure that some order has a match.
    pub(crate) fn apply(self, correct: &[u64], total: &[u64]) -> Smoothed {
        let mut counts: Vec<f64> = correct.iter().map(|&n| n as f64).collect();
        let mut totals: Vec<f64> = total.iter().map(|&n| n as f64).collect();
        let mut precisions = vec![0.0; counts.len()];
        let mut effective_order = 0;
        let mut halvings = 1.0;
        for order in 0..counts.len() {
            if let (Self::AddK { k }, 1..) = (self, order) {
                counts[order] += k;
                totals[order] += k;
            }
            // Higher orders have no n-gram either.
            if totals[order] == 0.0 {
                break;
            }
            effective_order = order + 1;
            precisions[order] = if counts[order] > 0.0 {
                100.0 * counts[order] / totals[order]
            } else {
                match self {
                    Self::Exp => {
                        halvings *= 2.0;
                        100.0 / (halvings * totals[order])
                    }
                    Self::Floor { value } => 100.0 * value / totals[order],
                    Self::None | Self::AddK { .. } => 0.0,
                }
            };
        }
        Smoothed {
            counts,
            totals,
            precisions,
            effective_order,
        }
    }
}

/// As in signatures: `exp`, `floor[0.10]`, `add-k[1.00]`, `none`.
impl fmt::Display for Smoothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Floor { value } => write!(f, "floor[{value:.2}]"),
            Self::AddK { k } => write!(f, "add-k[{k:.2}]"),
            Self::Exp => f.write_str("exp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_without_a_match_halves_again_under_exp() {
        let smoothed = Smoothing::Exp.apply(&[3, 0, 0], &[4, 2, 1]);
        assert_eq!(smoothed.precisions, [75.0, 25.0, 25.0]); // 3/4, 1/2 of 1/2, 1/4 of 1
    }

    #[test]
    fn add_k_leaves_unigrams_alone() {
        let smoothed = Smoothing::AddK { k: 1.0 }.apply(&[1, 0], &[2, 1]);
        assert_eq!((smoothed.precisions[0], smoothed.precisions[1]), (50.0, 50.0));
        assert_eq!((smoothed.counts[0], smoothed.counts[1]), (1.0, 1.0));
    }

    #[test]
    fn orders_without_ngrams_are_not_effective() {
        let smoothed = Smoothing::Floor { value: 0.1 }.apply(&[1, 0, 0], &[2, 1, 0]);
        assert_eq!(smoothed.effective_order, 2);
        assert_eq!(smoothed.precisions[2], 0.0);
    }

    #[test]
    fn names_and_values_are_checked() {
        assert_eq!(
            Smoothing::from_name("floor", None),
            Ok(Smoothing::Floor { value: 0.1 })
        );
        let unknown = Smoothing::from_name("laplace", None).unwrap_err().to_string();
        assert_eq!(
            unknown,
            "unknown smoothing method `laplace`; choose one of: exp, floor, add-k, none"
        );
        assert!(Smoothing::from_name("add-k", Some(f64::NAN)).is_err());
        assert!(Smoothing::from_name("exp", Some(1.0)).is_err());
    }
}
