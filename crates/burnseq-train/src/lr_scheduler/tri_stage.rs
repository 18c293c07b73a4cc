//! Linear warm-up, constant rate, exponential decay, final rate (Park et al. 2019, section 3.2).

use serde::{Deserialize, Serialize};

use super::{at_least_zero, refuse, single_rate};
use crate::Result;
use crate::error::ConfigProblems;

/// Configuration of [`TriStage`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TriStageConfig {
    /// Updates of the warm-up.
    pub warmup_steps: u64,
    /// Updates at the peak.
    pub hold_steps: u64,
    /// Updates of the decay.
    pub decay_steps: u64,
    /// Shares of `--max-update` that the three stages take, in place of their numbers of updates.
    pub phase_ratio: Option<(f64, f64, f64)>,
    /// Rate of the first update, relative to the peak.
    pub init_lr_scale: f64,
    /// Final rate, relative to the peak.
    pub final_lr_scale: f64,
}

impl Default for TriStageConfig {
    fn default() -> Self {
        Self {
            warmup_steps: 4000,
            hold_steps: 20000,
            decay_steps: 60000,
            phase_ratio: None,
            init_lr_scale: 0.01,
            final_lr_scale: 0.01,
        }
    }
}

impl TriStageConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let mut problems = ConfigProblems::default();
        problems.take(at_least_zero("'init_lr_scale'", self.init_lr_scale));
        if !(self.final_lr_scale > 0.0 && self.final_lr_scale.is_finite()) {
            problems.say(format!(
                "'final_lr_scale' must be above 0, got {}",
                self.final_lr_scale
            ));
        }
        if let Some((warmup, hold, decay)) = self.phase_ratio {
            let ratios = [warmup, hold, decay];
            let in_range = ratios.iter().all(|ratio| *ratio >= 0.0); // false for NaN, too
            if !in_range || (ratios.iter().sum::<f64>() - 1.0).abs() > 1e-6 {
                problems.say(format!(
                    "'phase_ratio' must be three shares that add up to 1, got {ratios:?}"
                ));
            }
        }
        problems.into_result()
    }

    pub(super) fn init(&self, lr: &[f64], max_update: Option<u64>) -> Result<TriStage> {
        let peak = single_rate("tri_stage", lr)?;
        let (warmup, hold, decay) = match (self.phase_ratio, max_update) {
            (None, _) => (self.warmup_steps, self.hold_steps, self.decay_steps),
            (Some((warmup, hold, decay)), Some(max_update)) => {
                let share = |ratio: f64| (max_update as f64 * ratio) as u64;
                (share(warmup), share(hold), share(decay))
            }
            (Some(_), None) => return refuse("'phase_ratio' needs 'max_update'".to_owned()),
        };
        if warmup == 0 && hold == 0 && decay == 0 {
            return refuse("'warmup_steps', 'hold_steps' and 'decay_steps' are all 0".to_owned());
        }
        Ok(TriStage {
            peak,
            init: self.init_lr_scale * peak,
            end: self.final_lr_scale * peak,
            decay_factor: -self.final_lr_scale.ln() / decay.max(1) as f64,
            warmup,
            hold,
            decay,
        })
    }
}

/// Warm-up to the peak, peak, `peak * exp(-factor * n)` down to the final rate, final rate.
#[derive(Debug, Clone, PartialEq)]
pub struct TriStage {
    peak: f64,
    init: f64,
    end: f64,
    decay_factor: f64,
    warmup: u64,
    hold: u64,
    decay: u64,
}

impl TriStage {
    pub(super) fn warmup_updates(&self) -> u64 {
        self.warmup
    }

    pub(super) fn lr_at(&self, update: u64, _epoch: usize) -> f64 {
        if update < self.warmup {
            return self.init + (self.peak - self.init) / self.warmup as f64 * update as f64;
        }
        let update = update - self.warmup;
        if update < self.hold {
            return self.peak;
        }
        let update = update - self.hold;
        if update <= self.decay {
            self.peak * (-self.decay_factor * update as f64).exp()
        } else {
            self.end
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_follow_each_other() {
        let config = TriStageConfig {
            phase_ratio: Some((0.2, 0.3, 0.5)),
            ..TriStageConfig::default()
        };
        let schedule = config.init(&[1.0], Some(20)).unwrap();
        let rates = [0, 4, 9, 10, 15, 20, 30].map(|n| schedule.lr_at(n, 1));
        for (found, expected) in rates.iter().zip([0.01, 1.0, 1.0, 1.0, 0.1, 0.01, 0.01]) {
            assert!((found - expected).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn shares_add_up_to_one() {
        let config = TriStageConfig {
            phase_ratio: Some((0.2, 0.3, 0.6)),
            ..TriStageConfig::default()
        };
        assert!(
            config
                .validate()
                .unwrap_err()
                .to_string()
                .contains("'phase_ratio'")
        );
    }
}
