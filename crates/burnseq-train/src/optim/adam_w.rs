//! Adam with decoupled weight decay (Loshchilov and Hutter 2019), in PyTorch's arithmetic.

use burn::{module::Module, tensor::Tensor};
use burnseq_kernels::ops::{AdamStep, adam_step, adam_step_on_device};
use serde::{Deserialize, Serialize};

use super::OptimizerState;
use super::adam::AdamConfig;
use super::states::{Rule, States};
use crate::{Accumulated, Result};

/// Configuration of [`AdamW`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay rates of the two moments, each in `[0, 1)`.
    pub betas: (f64, f64),
    /// Added to the square root of the corrected second moment.
    pub eps: f64,
    /// Share of every matrix that is taken away per update, times the learning rate; vectors, which are biases and the
    /// parameters of norms, are left out, as by the trainer of transformers.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
}

impl AdamWConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// All options out of range.
    pub fn validate(&self) -> Result<()> {
        let Self {
            betas,
            eps,
            weight_decay,
        } = *self;
        AdamConfig {
            betas,
            eps,
            weight_decay,
        }
        .validate()
    }

    /// What step `step`, counted from 1, does to every parameter: fairseq's step whose `eps` is scaled to the second moment
    /// before its correction.
    fn step_at(&self, step: u64, lr: f64, grad_factor: f64) -> AdamWStep {
        let (beta1, beta2) = self.betas;
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        AdamWStep(AdamStep {
            beta1,
            beta2,
            eps: self.eps * correction(beta2).sqrt(),
            grad_factor,
            decay: 1.0 - lr * self.weight_decay,
            step_size: lr * correction(beta2).sqrt() / correction(beta1),
        })
    }
}

/// A step that decays matrices alone.
struct AdamWStep(AdamStep);

impl AdamWStep {
    fn of_rank(&self, rank: usize) -> AdamStep {
        AdamStep {
            decay: if rank < 2 { 1.0 } else { self.0.decay },
            ..self.0
        }
    }
}

impl Rule<2> for AdamWStep {
    fn apply<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        [exp_avg, exp_avg_sq]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let [param, exp_avg, exp_avg_sq] = adam_step([param, grad, exp_avg, exp_avg_sq], &self.of_rank(D));
        (param, [exp_avg, exp_avg_sq])
    }

    fn apply_unless_nan<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        [exp_avg, exp_avg_sq]: [Tensor<D>; 2],
        factor: Tensor<1>,
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let [param, exp_avg, exp_avg_sq] =
            adam_step_on_device([param, grad, exp_avg, exp_avg_sq], &self.of_rank(D), factor);
        (param, [exp_avg, exp_avg_sq])
    }
}

/// The optimiser. A parameter that has no gradient in a step is left as it is, not even decayed.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    moments: States<2>,
}

impl AdamW {
    /// Before the first step.
    pub fn new<M: Module>(config: AdamWConfig, model: &M) -> Self {
        Self {
            config,
            moments: States::zeros(["exp_avg", "exp_avg_sq"], model),
        }
    }

    /// One update of every parameter that has a gradient.
    pub fn step<M: Module>(&mut self, model: M, grads: Accumulated, lr: f64) -> M {
        let (config, step) = (&self.config, self.moments.next_step());
        self.moments
            .step(model, grads, |factor| config.step_at(step, lr, factor))
    }

    /// Step count and moments, `<parameter>.exp_avg` and `<parameter>.exp_avg_sq`.
    pub fn state_dict<M: Module>(&self, model: &M) -> OptimizerState {
        self.moments.state_dict(model)
    }

    /// Takes over a state.
    ///
    /// # Errors
    /// A tensor that is missing, superfluous, of another shape or not finite; nothing is changed then.
    pub fn load_state_dict<M: Module>(&mut self, model: &M, state: OptimizerState) -> Result<()> {
        self.moments.load_state_dict(model, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::states::tests::{a, grads, pair};

    #[test]
    fn the_first_step_is_the_learning_rate_less_what_epsilon_takes() {
        let model = pair();
        let config = AdamWConfig {
            betas: (0.9, 0.98),
            eps: 0.5,
            weight_decay: 0.01,
        };
        config.validate().unwrap();
        let mut adam = AdamW::new(config, &model);
        let mut grads = grads(&model);
        grads.scale(0.5);
        let model = adam.step(model, grads, 0.1);
        // The corrected moments of a first step are g and g^2; a vector is not decayed.
        // g = 1:    1 - 0.1 * 1 / (1 + 0.5)      = 0.9333333
        // g = -0.5: -2 + 0.1 * 0.5 / (0.5 + 0.5) = -1.95
        let found = a(&model);
        assert!((found[0] - 0.933_333_3).abs() < 1e-6, "{found:?}");
        assert!((found[1] + 1.95).abs() < 1e-6, "{found:?}");
    }
}
