//! Learning rate schedules: functions of the number of completed updates.
//!
//! `lr_at(n, epoch)` is the learning rate of the *next* update when `n` are done and that update
//! belongs to `epoch`, counted from 1. There is no state, so a resumed run needs none.

mod cosine;
mod fixed;
mod inverse_sqrt;
mod polynomial_decay;
mod tri_stage;

use serde::{Deserialize, Serialize};

use crate::error::ConfigProblems;
use crate::{Error, Result};

pub use cosine::{Cosine, CosineConfig};
pub use fixed::{Fixed, FixedConfig};
pub use inverse_sqrt::{InverseSqrt, InverseSqrtConfig};
pub use polynomial_decay::{PolynomialDecay, PolynomialDecayConfig};
pub use tri_stage::{TriStage, TriStageConfig};

/// Lists the schedules: the configuration that `--lr-scheduler` chooses, and the schedule it makes.
macro_rules! schedules {
    ($($(#[$doc:meta])* $name:ident($config:ident) = $tag:literal,)+) => {
        /// What `--lr-scheduler` chooses.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        pub enum LrSchedulerConfig {
            $($(#[$doc])* #[serde(rename = $tag)] $name($config),)+
        }

        impl LrSchedulerConfig {
            /// Its name in flags and files.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $tag,)+
                }
            }

            /// Checks the ranges that do not depend on the learning rates.
            ///
            /// # Errors
            /// All options out of range.
            pub fn validate(&self) -> Result<()> {
                match self {
                    $(Self::$name(config) => config.validate(),)+
                }
            }

            /// The schedule for `--lr` (one rate per epoch, the last for all later ones; most schedules take
            /// one) and `--max-update`.
            ///
            /// # Errors
            /// All options and rates out of range, or a combination that defines no schedule.
            pub fn init(&self, lr: &[f64], max_update: Option<u64>) -> Result<LrScheduler> {
                let mut problems = ConfigProblems::default();
                problems.take(self.validate());
                problems.take(validate_rates(lr));
                problems.into_result()?;
                Ok(match self {
                    $(Self::$name(config) => LrScheduler::$name(config.init(lr, max_update)?),)+
                })
            }
        }

        /// A schedule, ready for use.
        #[derive(Debug, Clone, PartialEq)]
        pub enum LrScheduler {
            $($(#[$doc])* $name($name),)+
        }

        impl LrScheduler {
            /// Learning rate of the next update after `update` completed ones; that update belongs to
            /// `epoch`, counted from 1.
            pub fn lr_at(&self, update: u64, epoch: usize) -> f64 {
                match self {
                    $(Self::$name(schedule) => schedule.lr_at(update, epoch),)+
                }
            }

            /// Updates of the warm-up: the rates of the updates behind it are those that decay.
            pub fn warmup_updates(&self) -> u64 {
                match self {
                    $(Self::$name(schedule) => schedule.warmup_updates(),)+
                }
            }
        }
    };
}

schedules! {
    /// Linear warm-up, then inverse square root of the update number.
    InverseSqrt(InverseSqrtConfig) = "inverse_sqrt",
    /// One rate per epoch.
    Fixed(FixedConfig) = "fixed",
    /// Linear warm-up, then polynomial decay to a final rate.
    PolynomialDecay(PolynomialDecayConfig) = "polynomial_decay",
    /// Linear warm-up, then cosine annealing with warm restarts.
    Cosine(CosineConfig) = "cosine",
    /// Warm-up, constant rate, exponential decay.
    TriStage(TriStageConfig) = "tri_stage",
}

impl LrSchedulerConfig {
    /// Updates of the warm-up, and the option that sets them; shares of the run cannot be longer than it.
    pub fn warmup(&self) -> (u64, &'static str) {
        const UPDATES: &str = "'warmup_updates'";
        match self {
            Self::InverseSqrt(config) => (config.warmup_updates, UPDATES),
            Self::Fixed(config) => (config.warmup_updates, UPDATES),
            Self::PolynomialDecay(config) => (config.warmup_updates, UPDATES),
            Self::Cosine(config) => (config.warmup_updates, UPDATES),
            Self::TriStage(config) if config.phase_ratio.is_none() => (config.warmup_steps, "'warmup_steps'"),
            Self::TriStage(_) => (0, UPDATES),
        }
    }
}

impl Default for LrSchedulerConfig {
    /// fairseq's default.
    fn default() -> Self {
        Self::Fixed(FixedConfig::default())
    }
}

fn validate_rates(lr: &[f64]) -> Result<()> {
    if lr.is_empty() {
        return refuse("'lr' lists no learning rate".to_owned());
    }
    match lr.iter().find(|rate| !(**rate >= 0.0 && rate.is_finite())) {
        Some(rate) => refuse(format!("'lr' must be a number of at least 0, got {rate}")),
        None => Ok(()),
    }
}

/// The rate of a schedule that takes only one.
fn single_rate(schedule: &str, lr: &[f64]) -> Result<f64> {
    match lr {
        [rate] => Ok(*rate),
        _ => refuse(format!(
            "'lr_scheduler' {schedule} takes one learning rate, 'lr' lists {}\n\
             hint: 'lr_scheduler' fixed takes one per epoch",
            lr.len()
        )),
    }
}

/// Checks that an option is a number of at least 0.
fn at_least_zero(option: &str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    refuse(format!("{option} must be a number of at least 0, got {value}"))
}

fn refuse<T>(problem: String) -> Result<T> {
    Err(Error::Config(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_chooses_and_unknown_keys_are_refused() {
        let json = r#"{"type": "inverse_sqrt", "warmup_updates": 7}"#;
        let config: LrSchedulerConfig = serde_json::from_str(json).unwrap();
        let expected = InverseSqrtConfig {
            warmup_updates: 7,
            warmup_init_lr: None,
        };
        assert_eq!(config, LrSchedulerConfig::InverseSqrt(expected));
        for name in ["inverse_sqrt", "fixed", "polynomial_decay", "cosine", "tri_stage"] {
            let json = format!(r#"{{"type": "{name}"}}"#);
            let config: LrSchedulerConfig = serde_json::from_str(&json).unwrap();
            assert_eq!(config.name(), name);
            let again = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<LrSchedulerConfig>(&again).unwrap(), config);
            let wrong = format!(r#"{{"type": "{name}", "warmup": 7}}"#);
            assert!(serde_json::from_str::<LrSchedulerConfig>(&wrong).is_err());
        }
    }

    #[test]
    fn rates_are_checked() {
        let config = LrSchedulerConfig::default();
        for (lr, expected) in [
            (vec![], "no learning rate"),
            (vec![-1.0], "got -1"),
            (vec![f64::NAN], "got NaN"),
        ] {
            let error = config.init(&lr, None).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let several = LrSchedulerConfig::InverseSqrt(InverseSqrtConfig::default());
        assert!(
            several
                .init(&[1.0, 0.5], None)
                .unwrap_err()
                .to_string()
                .contains("lists 2")
        );
    }
}
