//! One rate per epoch, with an optional warm-up and an optional forced decay.

use serde::{Deserialize, Serialize};

use super::at_least_zero;
use crate::Result;
use crate::error::ConfigProblems;

/// Configuration of [`Fixed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FixedConfig {
    /// Updates of the linear warm-up.
    pub warmup_updates: u64,
    /// Epoch from which on the last rate shrinks every epoch; `None`: never.
    pub force_anneal: Option<usize>,
    /// Factor by which it shrinks.
    pub lr_shrink: f64,
}

impl Default for FixedConfig {
    fn default() -> Self {
        Self {
            warmup_updates: 0,
            force_anneal: None,
            lr_shrink: 0.1,
        }
    }
}

impl FixedConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let mut problems = ConfigProblems::default();
        if self.force_anneal == Some(0) {
            problems.say("'force_anneal' counts epochs from 1, got 0");
        }
        problems.take(at_least_zero("'lr_shrink'", self.lr_shrink));
        problems.into_result()
    }

    pub(super) fn init(&self, lr: &[f64], _max_update: Option<u64>) -> Result<Fixed> {
        Ok(Fixed {
            lr: lr.to_vec(),
            config: self.clone(),
        })
    }
}

/// The rate of the epoch; the last listed one holds for later epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    lr: Vec<f64>,
    config: FixedConfig,
}

impl Fixed {
    pub(super) fn warmup_updates(&self) -> u64 {
        self.config.warmup_updates
    }

    pub(super) fn lr_at(&self, update: u64, epoch: usize) -> f64 {
        let last = self.lr.len() - 1; // at least one rate: checked when the schedule was made
        let epoch_lr = match self.config.force_anneal {
            Some(start) if epoch >= start => {
                self.lr[last] * self.config.lr_shrink.powi((epoch + 1 - start) as i32)
            }
            _ => self.lr[epoch.saturating_sub(1).min(last)],
        };
        let warmup = self.config.warmup_updates;
        if update < warmup {
            (update + 1) as f64 / warmup as f64 * epoch_lr
        } else {
            epoch_lr
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rate_holds_until_it_is_annealed() {
        let config = FixedConfig {
            force_anneal: Some(4),
            lr_shrink: 0.5,
            ..FixedConfig::default()
        };
        let schedule = config.init(&[3.0, 2.0], None).unwrap();
        assert_eq!(
            [1, 2, 3, 4, 5].map(|epoch| schedule.lr_at(100, epoch)),
            [3.0, 2.0, 2.0, 1.0, 0.5]
        );
    }

    #[test]
    fn the_warm_up_starts_above_zero() {
        let config = FixedConfig {
            warmup_updates: 4,
            ..FixedConfig::default()
        };
        let schedule = config.init(&[1.0], None).unwrap();
        assert_eq!([0, 2, 3, 4].map(|n| schedule.lr_at(n, 1)), [0.25, 0.75, 1.0, 1.0]);
    }
}
