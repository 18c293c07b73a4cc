//! Linear warm-up, then polynomial decay to a final rate.

use serde::{Deserialize, Serialize};

use super::{at_least_zero, refuse, single_rate};
use crate::Result;
use crate::error::ConfigProblems;

/// Configuration of [`PolynomialDecay`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialDecayConfig {
    /// Updates of the linear warm-up from 0.
    pub warmup_updates: u64,
    /// Update from which on the rate is the final one; `None`: `--max-update`.
    pub total_num_update: Option<u64>,
    /// Exponent of the decay; 1 is linear.
    pub power: f64,
    /// Final rate.
    pub end_learning_rate: f64,
}

impl Default for PolynomialDecayConfig {
    fn default() -> Self {
        Self {
            warmup_updates: 0,
            total_num_update: None,
            power: 1.0,
            end_learning_rate: 0.0,
        }
    }
}

impl PolynomialDecayConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let mut problems = ConfigProblems::default();
        problems.take(at_least_zero("'power'", self.power));
        problems.take(at_least_zero("'end_learning_rate'", self.end_learning_rate));
        problems.into_result()
    }

    pub(super) fn init(&self, lr: &[f64], max_update: Option<u64>) -> Result<PolynomialDecay> {
        let Some(total) = self.total_num_update.or(max_update) else {
            return refuse(
                "'lr_scheduler' polynomial_decay needs its last update\n\
                 hint: give 'total_num_update' or 'max_update'"
                    .to_owned(),
            );
        };
        if total <= self.warmup_updates {
            return refuse(format!(
                "'total_num_update' (or 'max_update') must be above 'warmup_updates', got {total} and {}",
                self.warmup_updates
            ));
        }
        Ok(PolynomialDecay {
            lr: single_rate("polynomial_decay", lr)?,
            total,
            config: self.clone(),
        })
    }
}

/// `lr * n / warmup` up to the end of the warm-up, then `(lr - end) * rest^power + end`, where `rest`
/// falls linearly from 1 to 0.
#[derive(Debug, Clone, PartialEq)]
pub struct PolynomialDecay {
    lr: f64,
    total: u64,
    config: PolynomialDecayConfig,
}

impl PolynomialDecay {
    pub(super) fn warmup_updates(&self) -> u64 {
        self.config.warmup_updates
    }

    pub(super) fn lr_at(&self, update: u64, _epoch: usize) -> f64 {
        let PolynomialDecayConfig {
            warmup_updates: warmup,
            power,
            end_learning_rate: end,
            ..
        } = self.config;
        if warmup > 0 && update <= warmup {
            return update as f64 / warmup as f64 * self.lr;
        }
        if update >= self.total {
            return end;
        }
        let rest = 1.0 - (update - warmup) as f64 / (self.total - warmup) as f64;
        (self.lr - end) * rest.powf(power) + end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_from_the_peak_to_the_final_rate() {
        let config = PolynomialDecayConfig {
            warmup_updates: 2,
            power: 2.0,
            end_learning_rate: 0.5,
            ..PolynomialDecayConfig::default()
        };
        let schedule = config.init(&[1.5], Some(6)).unwrap();
        let rates = [0, 1, 2, 4, 6, 99].map(|n| schedule.lr_at(n, 1));
        assert_eq!(rates, [0.0, 0.75, 1.5, 0.75, 0.5, 0.5]);
    }

    #[test]
    fn the_last_update_must_be_known_and_follow_the_warm_up() {
        let config = PolynomialDecayConfig {
            warmup_updates: 9,
            ..PolynomialDecayConfig::default()
        };
        let problem = |updates| config.init(&[1.0], updates).unwrap_err().to_string();
        assert!(problem(None).contains("'total_num_update'"));
        assert!(problem(Some(9)).contains("got 9 and 9"));
    }
}
