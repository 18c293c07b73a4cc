//! Linear warm-up, then decay with the inverse square root of the update number (Vaswani et al. 2017,
//! section 5.3).

use serde::{Deserialize, Serialize};

use super::{at_least_zero, single_rate};
use crate::Result;
use crate::error::ConfigProblems;

/// Configuration of [`InverseSqrt`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InverseSqrtConfig {
    /// Updates of the warm-up; the peak is the rate of the update after them.
    pub warmup_updates: u64,
    /// Rate of the first update; `None` is 0.
    pub warmup_init_lr: Option<f64>,
}

impl Default for InverseSqrtConfig {
    fn default() -> Self {
        Self {
            warmup_updates: 4000,
            warmup_init_lr: None,
        }
    }
}

impl InverseSqrtConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let mut problems = ConfigProblems::default();
        if self.warmup_updates == 0 {
            problems.say(
                "'lr_scheduler' inverse_sqrt decays from the end of the warm-up; \
                 'warmup_updates' must be at least 1, got 0",
            );
        }
        problems.take(at_least_zero(
            "'warmup_init_lr'",
            self.warmup_init_lr.unwrap_or(0.0),
        ));
        problems.into_result()
    }

    pub(super) fn init(&self, lr: &[f64], _max_update: Option<u64>) -> Result<InverseSqrt> {
        Ok(InverseSqrt {
            peak: single_rate("inverse_sqrt", lr)?,
            warmup_updates: self.warmup_updates as f64,
            warmup_init_lr: self.warmup_init_lr.unwrap_or(0.0),
        })
    }
}

/// `init + n * (lr - init) / warmup` in the warm-up, then `lr * sqrt(warmup / n)`.
#[derive(Debug, Clone, PartialEq)]
pub struct InverseSqrt {
    peak: f64,
    warmup_updates: f64,
    warmup_init_lr: f64,
}

impl InverseSqrt {
    pub(super) fn warmup_updates(&self) -> u64 {
        self.warmup_updates as u64
    }

    pub(super) fn lr_at(&self, update: u64, _epoch: usize) -> f64 {
        let n = update as f64;
        if n < self.warmup_updates {
            self.warmup_init_lr + n * ((self.peak - self.warmup_init_lr) / self.warmup_updates)
        } else {
            self.peak * self.warmup_updates.sqrt() * n.powf(-0.5)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_update_runs_with_rate_zero_and_the_peak_follows_the_warm_up() {
        let config = InverseSqrtConfig {
            warmup_updates: 4,
            warmup_init_lr: None,
        };
        let schedule = config.init(&[0.8], None).unwrap();
        let rates = [0, 1, 4, 16, 64].map(|n| schedule.lr_at(n, 1));
        for (found, expected) in rates.iter().zip([0.0, 0.2, 0.8, 0.4, 0.2]) {
            assert!((found - expected).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn without_warm_up_there_is_no_schedule() {
        let config = InverseSqrtConfig {
            warmup_updates: 0,
            warmup_init_lr: None,
        };
        assert!(
            config
                .validate()
                .unwrap_err()
                .to_string()
                .contains("'warmup_updates'")
        );
    }
}
