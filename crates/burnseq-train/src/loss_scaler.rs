//! Dynamic loss scaling for half precision (Micikevicius et al. 2018, section 3.2), as in fairseq.
//!
//! The loss is multiplied by a factor before the backward pass, so that small gradients do not vanish, and the gradients
//! are divided by it afterwards. A gradient that is not finite has overflowed: its update is skipped and the factor
//! halved. After a number of updates without that, the factor doubles.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::ConfigProblems;

/// Largest factor to begin with, 2^100: a larger one makes sums of `f32` overflow for more than a hundred updates.
const MAX_SCALE: f64 = 1_267_650_600_228_229_401_496_703_205_376.0;

/// When the factor changes; names and defaults are fairseq's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossScalingConfig {
    /// Factor of the first update.
    pub fp16_init_scale: f64,
    /// Updates since the last overflow after which the factor doubles; `None`: 2^14 by the batches of an update,
    /// see [`Self::window`].
    pub fp16_scale_window: Option<u64>,
    /// Share of the updates since the factor last changed that may overflow before it is halved.
    pub fp16_scale_tolerance: f64,
    /// An overflow that would halve the factor to this or less ends the run.
    pub min_loss_scale: f64,
    /// The factor is not halved below this, whatever overflows.
    pub threshold_loss_scale: Option<f64>,
}

impl Default for LossScalingConfig {
    fn default() -> Self {
        Self {
            fp16_init_scale: 128.0,
            fp16_scale_window: None,
            fp16_scale_tolerance: 0.0,
            min_loss_scale: 1e-4,
            threshold_loss_scale: None,
        }
    }
}

impl LossScalingConfig {
    /// Checks ranges; `update_freq` is that of [`Self::window`].
    ///
    /// # Errors
    /// All options out of range.
    pub fn validate(&self, update_freq: &[usize]) -> Result<()> {
        let above_zero = |value: f64| value > 0.0 && value.is_finite();
        let mut problems = ConfigProblems::default();
        let smallest = if above_zero(self.min_loss_scale) {
            self.min_loss_scale
        } else {
            problems.say(format!(
                "'min_loss_scale' must be above 0, got {}",
                self.min_loss_scale
            ));
            0.0
        };
        if !(self.fp16_init_scale > smallest && self.fp16_init_scale.is_finite()) {
            problems.say(format!(
                "'fp16_init_scale' must be above 'min_loss_scale' ({smallest}), got {}",
                self.fp16_init_scale
            ));
        } else if self.fp16_init_scale > MAX_SCALE {
            problems.say(format!(
                "'fp16_init_scale' must be at most {MAX_SCALE:e}, got {}",
                self.fp16_init_scale
            ));
        }
        if !(0.0..=1.0).contains(&self.fp16_scale_tolerance) {
            problems.say(format!(
                "'fp16_scale_tolerance' must be between 0 and 1, got {}",
                self.fp16_scale_tolerance
            ));
        }
        if let Some(threshold) = self.threshold_loss_scale
            && !above_zero(threshold)
        {
            problems.say(format!("'threshold_loss_scale' must be above 0, got {threshold}"));
        }
        if self.fp16_scale_window == Some(0) {
            problems.say("'fp16_scale_window' must be at least 1, got 0");
        } else if self.fp16_scale_window.is_none() && update_freq.len() > 1 {
            problems.say("'fp16_scale_window' must be given where 'update_freq' changes from epoch to epoch");
        }
        problems.into_result()
    }

    /// Updates since the last overflow after which the factor doubles, where an update has `batches` batches.
    pub fn window(&self, batches: usize) -> u64 {
        let by_batches = || ((1 << 14) / batches as u64).max(1);
        self.fp16_scale_window.unwrap_or_else(by_batches)
    }
}

/// What is saved of a [`LossScaler`]; fairseq saves the factor alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScalerState {
    /// The factor.
    pub loss_scale: f64,
    /// Updates so far, those that overflowed included.
    updates: u64,
    /// 1-based number of the last update that overflowed; 0: none.
    last_overflow: u64,
    /// 1-based number of the update after which the factor last changed; 0: none.
    last_rescale: u64,
    /// Overflows since then.
    overflows_since_rescale: u64,
}

/// The factor of the loss.
#[derive(Debug, Clone)]
pub struct LossScaler {
    config: LossScalingConfig,
    window: u64,
    state: LossScalerState,
}

impl LossScaler {
    /// Before the first update; an update has `batches` batches.
    pub fn new(config: LossScalingConfig, batches: usize) -> Self {
        Self {
            window: config.window(batches),
            state: LossScalerState {
                loss_scale: config.fp16_init_scale,
                updates: 0,
                last_overflow: 0,
                last_rescale: 0,
                overflows_since_rescale: 0,
            },
            config,
        }
    }

    /// The factor of the update at hand.
    pub fn loss_scale(&self) -> f64 {
        self.state.loss_scale
    }

    /// What is to be saved.
    pub fn state(&self) -> LossScalerState {
        self.state
    }

    /// Goes on where another scaler stood.
    pub fn load_state(&mut self, state: LossScalerState) {
        self.state = state;
    }

    /// After an update that was applied.
    pub fn applied(&mut self) {
        let state = &mut self.state;
        state.updates += 1;
        if (state.updates - state.last_overflow).is_multiple_of(self.window) {
            state.loss_scale *= 2.0;
            state.last_rescale = state.updates;
        }
    }

    /// After an update whose gradient is not finite; gives whether the factor is smaller now.
    ///
    /// # Errors
    /// What fairseq says when the factor would fall to `min_loss_scale`; it is as before then.
    pub fn overflowed(&mut self) -> Result<bool, String> {
        let before = self.state;
        let state = &mut self.state;
        state.updates += 1;
        state.last_overflow = state.updates;
        state.overflows_since_rescale += 1;
        let since_rescale = state.updates - state.last_rescale;
        let share = state.overflows_since_rescale as f64 / since_rescale as f64;
        if share >= self.config.fp16_scale_tolerance {
            state.loss_scale /= 2.0;
            if let Some(threshold) = self.config.threshold_loss_scale {
                state.loss_scale = state.loss_scale.max(threshold);
            }
            state.last_rescale = state.updates;
            state.overflows_since_rescale = 0;
        }
        if state.loss_scale <= self.config.min_loss_scale {
            self.state = before;
            return Err(format!(
                "minimum loss scale reached ({}); the loss is probably exploding\n\
                 hint: lower 'lr', clip with 'clip_norm' or make batches larger",
                self.config.min_loss_scale
            ));
        }
        Ok(state.loss_scale < before.loss_scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaler(change: impl FnOnce(&mut LossScalingConfig)) -> LossScaler {
        let mut config = LossScalingConfig {
            fp16_scale_window: Some(3),
            ..LossScalingConfig::default()
        };
        change(&mut config);
        config.validate(&[1]).unwrap();
        LossScaler::new(config, 1)
    }

    /// The factor after each step; `x` is an overflow, anything else an applied update.
    fn scales(scaler: &mut LossScaler, steps: &str) -> Vec<f64> {
        let mut step = |step: char| {
            match step {
                'x' => drop(scaler.overflowed().unwrap()),
                _ => scaler.applied(),
            }
            scaler.loss_scale()
        };
        steps.chars().map(&mut step).collect()
    }

    #[test]
    fn the_factor_doubles_after_a_window_and_halves_with_an_overflow() {
        // fairseq's scaler with `scale_window=3`: `update()` and `check_overflow(inf)` in this order. The window begins
        // anew after an overflow.
        let found = scales(&mut scaler(|_| ()), "...x.x...x");
        assert_eq!(
            found,
            [128.0, 128.0, 256.0, 128.0, 128.0, 64.0, 64.0, 64.0, 128.0, 64.0]
        );
    }

    #[test]
    fn a_long_run_goes_as_in_fairseq() {
        // Recorded from fairseq's `DynamicLossScaler(init_scale=128, scale_window=4, tolerance=0.2)`.
        let mut scaler = scaler(|config| {
            config.fp16_scale_window = Some(4);
            config.fp16_scale_tolerance = 0.2;
        });
        assert_eq!(
            scales(&mut scaler, "....x..x.x....xx........x.x"),
            [
                128.0, 128.0, 128.0, 256.0, 128.0, 128.0, 128.0, 64.0, 64.0, 32.0, 32.0, 32.0, 32.0, 64.0,
                32.0, 16.0, 16.0, 16.0, 16.0, 32.0, 32.0, 32.0, 32.0, 64.0, 32.0, 32.0, 16.0
            ]
        );
    }

    #[test]
    fn a_tolerance_lets_some_updates_overflow() {
        // One of four is less than 0.3, two of five are not; then counting begins anew: one of one.
        let mut scaler = scaler(|config| {
            config.fp16_scale_tolerance = 0.3;
            config.fp16_scale_window = Some(1000);
        });
        assert_eq!(
            scales(&mut scaler, "...xxx"),
            [128.0, 128.0, 128.0, 128.0, 64.0, 32.0]
        );
    }

    #[test]
    fn the_minimum_ends_the_run_and_leaves_the_factor() {
        let mut scaler = scaler(|config| config.min_loss_scale = 32.0);
        assert_eq!(scaler.overflowed(), Ok(true));
        let before = scaler.state();
        let error = scaler.overflowed().unwrap_err();
        assert!(error.starts_with("minimum loss scale reached (32)"), "{error}");
        assert_eq!(scaler.state(), before);
    }

    #[test]
    fn the_threshold_holds_the_factor() {
        let mut scaler = scaler(|config| config.threshold_loss_scale = Some(50.0));
        let fell: Vec<_> = (0..4).map(|_| scaler.overflowed().unwrap()).collect();
        assert_eq!(
            (fell, scaler.loss_scale()),
            (vec![true, true, false, false], 50.0)
        );
    }

    #[test]
    fn a_saved_state_goes_on_the_same_way() {
        let steps = "..x.....x.x....x....";
        let tolerant = || scaler(|config| config.fp16_scale_tolerance = 0.2);
        let whole = scales(&mut tolerant(), steps);
        for cut in 0..steps.len() {
            let mut first = tolerant();
            let mut found = scales(&mut first, &steps[..cut]);
            let json = serde_json::to_string(&first.state()).unwrap();
            let mut second = tolerant();
            second.load_state(serde_json::from_str(&json).unwrap());
            found.extend(scales(&mut second, &steps[cut..]));
            assert_eq!(found, whole);
        }
    }

    #[test]
    fn the_window_counts_batches_unless_it_is_given() {
        let window = |given, batches| {
            let config = LossScalingConfig {
                fp16_scale_window: given,
                ..LossScalingConfig::default()
            };
            config.window(batches)
        };
        assert_eq!(
            [
                window(None, 1),
                window(None, 8),
                window(None, 1 << 20),
                window(Some(5), 8)
            ],
            [16_384, 2048, 1, 5]
        );
    }

    #[test]
    fn values_out_of_range_are_named() {
        let problem = |change: fn(&mut LossScalingConfig), update_freq: &[usize]| {
            let mut config = LossScalingConfig::default();
            change(&mut config);
            config.validate(update_freq).unwrap_err().to_string()
        };
        assert!(problem(|c| c.fp16_init_scale = 0.0, &[1]).contains("'fp16_init_scale'"));
        assert!(problem(|c| c.fp16_init_scale = f64::INFINITY, &[1]).contains("'fp16_init_scale'"));
        assert!(problem(|c| c.fp16_scale_window = Some(0), &[1]).contains("'fp16_scale_window'"));
        assert!(problem(|_| (), &[2, 1]).contains("'fp16_scale_window'"));
        assert!(problem(|c| c.fp16_scale_tolerance = 1.5, &[1]).contains("'fp16_scale_tolerance'"));
        assert!(problem(|c| c.min_loss_scale = -1.0, &[1]).contains("'min_loss_scale'"));
        assert!(
            problem(|c| c.threshold_loss_scale = Some(f64::NAN), &[1]).contains("'threshold_loss_scale'")
        );
    }
}
