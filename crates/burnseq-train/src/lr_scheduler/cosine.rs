//! Linear warm-up, then cosine annealing with warm restarts (Loshchilov and Hutter 2017).

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::{at_least_zero, refuse, single_rate};
use crate::Result;
use crate::error::ConfigProblems;

/// Configuration of [`Cosine`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CosineConfig {
    /// Updates of the linear warm-up.
    pub warmup_updates: u64,
    /// Rate of the first update of the warm-up; `None`: `min_lr`.
    pub warmup_init_lr: Option<f64>,
    /// Lowest rate of the first period.
    pub min_lr: f64,
    /// Updates of the first period; `None`: from the warm-up to `--max-update`.
    pub lr_period_updates: Option<u64>,
    /// Factor by which every period is longer than the one before; at least 1.
    pub t_mult: f64,
    /// Factor by which highest and lowest rate shrink with every period.
    pub lr_shrink: f64,
}

impl Default for CosineConfig {
    fn default() -> Self {
        Self {
            warmup_updates: 0,
            warmup_init_lr: None,
            min_lr: 0.0,
            lr_period_updates: None,
            t_mult: 1.0,
            lr_shrink: 0.1,
        }
    }
}

impl CosineConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let mut problems = ConfigProblems::default();
        for (option, value) in [
            ("'warmup_init_lr'", self.warmup_init_lr.unwrap_or(0.0)),
            ("'min_lr'", self.min_lr),
            ("'lr_shrink'", self.lr_shrink),
        ] {
            problems.take(at_least_zero(option, value));
        }
        if self.lr_period_updates == Some(0) {
            problems.say("'lr_period_updates' must be at least 1, got 0");
        }
        if !(self.t_mult >= 1.0 && self.t_mult.is_finite()) {
            problems.say(format!(
                "'t_mult' must be a number of at least 1, got {}",
                self.t_mult
            ));
        }
        problems.into_result()
    }

    pub(super) fn init(&self, lr: &[f64], max_update: Option<u64>) -> Result<Cosine> {
        let max_lr = single_rate("cosine", lr)?;
        if max_lr <= self.min_lr {
            return refuse(format!(
                "'lr' must be above 'min_lr', got {max_lr} and {}",
                self.min_lr
            ));
        }
        let period = match (self.lr_period_updates, max_update) {
            (Some(period), _) => period,
            (None, Some(max_update)) if max_update > self.warmup_updates => max_update - self.warmup_updates,
            (None, Some(max_update)) => {
                return refuse(format!(
                    "'max_update' must be above 'warmup_updates', got {max_update} and {}",
                    self.warmup_updates
                ));
            }
            (None, None) => {
                return refuse(
                    "'lr_scheduler' cosine needs the length of its period\n\
                     hint: give 'lr_period_updates' or 'max_update'"
                        .to_owned(),
                );
            }
        };
        Ok(Cosine {
            max_lr,
            period: period as f64,
            config: self.clone(),
        })
    }
}

/// `min + (max - min) / 2 * (1 + cos(pi * t / T))` in a period of `T` updates.
#[derive(Debug, Clone, PartialEq)]
pub struct Cosine {
    max_lr: f64,
    period: f64,
    config: CosineConfig,
}

impl Cosine {
    pub(super) fn warmup_updates(&self) -> u64 {
        self.config.warmup_updates
    }

    pub(super) fn lr_at(&self, update: u64, _epoch: usize) -> f64 {
        let CosineConfig {
            warmup_updates,
            min_lr,
            lr_shrink,
            ..
        } = self.config;
        if update < warmup_updates {
            let start = self.config.warmup_init_lr.unwrap_or(min_lr);
            return start + update as f64 * ((self.max_lr - start) / warmup_updates as f64);
        }
        let (index, elapsed, length) = self.period_at((update - warmup_updates) as f64);
        let shrink = lr_shrink.powf(index);
        let (min_lr, max_lr) = (min_lr * shrink, self.max_lr * shrink);
        min_lr + 0.5 * (max_lr - min_lr) * (1.0 + (PI * elapsed / length).cos())
    }

    /// Index of the period of update `n` after the warm-up, updates done in it, and its length.
    fn period_at(&self, n: f64) -> (f64, f64, f64) {
        if self.config.t_mult == 1.0 {
            let index = (n / self.period).floor();
            return (index, n - self.period * index, self.period);
        }
        // fairseq takes a logarithm here, which rounds wrongly at the start of some periods. They grow
        // geometrically, so there are few.
        let (mut index, mut elapsed, mut length) = (0.0, n, self.period);
        while elapsed >= length {
            elapsed -= length;
            length *= self.config.t_mult;
            index += 1.0;
        }
        (index, elapsed, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_starts_at_its_shrunken_peak_and_is_longer() {
        let config = CosineConfig {
            lr_period_updates: Some(4),
            t_mult: 2.0,
            lr_shrink: 0.5,
            ..CosineConfig::default()
        };
        let schedule = config.init(&[1.0], None).unwrap();
        let rates = [0, 2, 4, 8, 12, 28].map(|n| schedule.lr_at(n, 1));
        for (found, expected) in rates.iter().zip([1.0, 0.5, 0.5, 0.25, 0.25, 0.125]) {
            assert!((found - expected).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn options_that_define_no_schedule_are_named() {
        let config = CosineConfig::default();
        let problem = |lr, updates| config.init(&[lr], updates).unwrap_err().to_string();
        assert!(problem(1.0, None).contains("'lr_period_updates'"));
        assert!(problem(0.0, Some(9)).contains("'min_lr'"));
        let wrong = CosineConfig {
            t_mult: 0.5,
            ..config
        };
        assert!(wrong.validate().unwrap_err().to_string().contains("'t_mult'"));
    }
}
