//! Exponential moving average of the weights (Polyak and Juditsky 1992).

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{Tensor, container::TensorContainer},
};
use serde::{Deserialize, Serialize};

use crate::error::{ConfigProblems, Result};

/// Configuration of [`Ema`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmaConfig {
    /// Share of the average that a step leaves as it is, in `[0, 1]`.
    pub decay: f64,
    /// Before this update the average is the model itself.
    pub start_update: u64,
    /// Updates between two steps.
    pub update_freq: u64,
}

impl Default for EmaConfig {
    fn default() -> Self {
        Self {
            decay: 0.9999,
            start_update: 0,
            update_freq: 1,
        }
    }
}

impl EmaConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// All options out of range.
    pub fn validate(&self) -> Result<()> {
        let mut problems = ConfigProblems::default();
        if !(0.0..=1.0).contains(&self.decay) {
            problems.say(format!(
                "'ema_decay' must be at least 0 and at most 1, got {}",
                self.decay
            ));
        }
        if self.update_freq == 0 {
            problems.say("'ema_update_freq' must be at least 1, got 0");
        }
        problems.into_result()
    }
}

/// A model whose every parameter follows that of another one: `decay * average + (1 - decay) * parameter`.
///
/// fairseq stores such an average but decodes with the model itself; here validation, the choice of the best
/// checkpoint and decoding use the average.
#[derive(Debug)]
pub struct Ema<M> {
    config: EmaConfig,
    /// Off the autodiff device; only away during a step.
    model: Option<M>,
}

impl<M: Module> Ema<M> {
    /// An average that begins as `model`, which is off the autodiff device.
    pub fn new(config: EmaConfig, model: M) -> Self {
        Self {
            config,
            model: Some(model),
        }
    }

    /// The average.
    pub fn model(&self) -> &M {
        self.model
            .as_ref()
            .expect("the average is only away during a step")
    }

    /// Takes in `model` as it is after `num_updates` updates.
    pub fn step(&mut self, model: &M, num_updates: u64) {
        struct Current(TensorContainer<ParamId>);
        impl ModuleVisitor for Current {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.0.register(param.id, param.val().detach().inner());
            }
        }
        struct Average(TensorContainer<ParamId>, f64);
        impl ModuleMapper for Average {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let current: Option<Tensor<D>> = self.0.remove(&param.id);
                let current = current.expect("the average has the parameters of the model");
                param.map(|average| average * self.1 + current * (1.0 - self.1))
            }
        }
        if !num_updates.is_multiple_of(self.config.update_freq) {
            return;
        }
        let decay = if num_updates < self.config.start_update {
            0.0
        } else {
            self.config.decay
        };
        let mut current = Current(TensorContainer::default());
        model.visit(&mut current);
        let average = self.model.take().expect("the average is only away during a step");
        self.model = Some(average.map(&mut Average(current.0, decay)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[derive(Module, Debug)]
    struct One {
        a: Param<Tensor<1>>,
    }

    fn with_values(model: One, values: [f32; 2]) -> One {
        struct Set([f32; 2]);
        impl ModuleMapper for Set {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let values = self.0;
                param.map(|old| {
                    Tensor::from_data(values, &old.device()).set_require_grad(old.is_require_grad())
                })
            }
        }
        model.map(&mut Set(values))
    }

    fn values(model: &One) -> Vec<f32> {
        model.a.val().into_data().as_slice::<f32>().unwrap().to_vec()
    }

    #[test]
    fn the_average_is_the_model_until_it_starts_and_then_follows_it_at_its_steps() {
        let model = One {
            a: Param::from_data([1.0f32, -2.0], &Device::flex().autodiff()),
        };
        let config = EmaConfig {
            decay: 0.75,
            start_update: 3,
            update_freq: 2,
        };
        let mut ema = Ema::new(config, model.valid());
        let model = with_values(model, [2.0, 0.0]);
        ema.step(&model, 1);
        assert_eq!(values(ema.model()), [1.0, -2.0], "no step at update 1");
        ema.step(&model, 2);
        assert_eq!(values(ema.model()), [2.0, 0.0], "before the start");
        let model = with_values(model, [6.0, 4.0]);
        ema.step(&model, 4);
        assert_eq!(values(ema.model()), [3.0, 1.0]);
        assert_eq!(values(&model), [6.0, 4.0]);
    }

    #[test]
    fn options_out_of_range_are_named() {
        for (config, name) in [
            (
                EmaConfig {
                    decay: 1.1,
                    ..EmaConfig::default()
                },
                "'ema_decay'",
            ),
            (
                EmaConfig {
                    update_freq: 0,
                    ..EmaConfig::default()
                },
                "'ema_update_freq'",
            ),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(name));
        }
    }
}
