//! AdamW (Loshchilov and Hutter 2019) in PyTorch's arithmetic, with the groups of parameters that Hugging Face's trainer and
//! nanoGPT make: biases and gains of norms are not decayed.

use burn::{module::Module, tensor::Tensor};
use burnseq_kernels::ops::{AdamStep, adam_step, adam_step_on_device};
use serde::{Deserialize, Serialize};

use super::states::{Rule, States};
use super::{AdamConfig, OptimizerState};
use crate::{Accumulated, Result};

/// Configuration of [`Adamw`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamwConfig {
    /// Decay rates of the two moments, each in `[0, 1)`.
    pub betas: (f64, f64),
    /// Added to the square root of the corrected second moment.
    pub eps: f64,
    /// Share of every matrix that is taken away per update, times the learning rate. Parameters of one dimension are not
    /// decayed.
    pub weight_decay: f64,
}

impl Default for AdamwConfig {
    /// PyTorch's defaults.
    fn default() -> Self {
        Self {
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
}

impl AdamwConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// All options out of range.
    pub fn validate(&self) -> Result<()> {
        AdamConfig {
            betas: self.betas,
            eps: self.eps,
            weight_decay: self.weight_decay,
        }
        .validate()
    }
}

/// What a step does to a matrix; vectors are not decayed.
struct AdamwStep(AdamStep);

impl AdamwStep {
    /// Step `step`, counted from 1.
    ///
    /// `m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)` is the step of Adam with the correction taken out of the root, and with
    /// `eps` times that.
    fn at(config: &AdamwConfig, step: u64, lr: f64, grad_factor: f64) -> Self {
        let (beta1, beta2) = config.betas;
        let left = |beta: f64| 1.0 - beta.powf(step as f64);
        let correction = left(beta2).sqrt();
        Self(AdamStep {
            beta1,
            beta2,
            eps: config.eps * correction,
            grad_factor,
            decay: 1.0 - lr * config.weight_decay,
            step_size: lr * correction / left(beta1),
        })
    }

    /// For parameters of `D` dimensions.
    fn of_rank<const D: usize>(&self) -> AdamStep {
        AdamStep {
            decay: if D > 1 { self.0.decay } else { 1.0 },
            ..self.0
        }
    }
}

impl Rule<2> for AdamwStep {
    fn apply<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        [exp_avg, exp_avg_sq]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let step = self.of_rank::<D>();
        let [param, exp_avg, exp_avg_sq] = adam_step([param, grad, exp_avg, exp_avg_sq], &step);
        (param, [exp_avg, exp_avg_sq])
    }

    fn apply_unless_nan<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        [exp_avg, exp_avg_sq]: [Tensor<D>; 2],
        factor: Tensor<1>,
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let step = self.of_rank::<D>();
        let [param, exp_avg, exp_avg_sq] =
            adam_step_on_device([param, grad, exp_avg, exp_avg_sq], &step, factor);
        (param, [exp_avg, exp_avg_sq])
    }
}

/// The optimiser. A parameter that has no gradient in a step is left as it is, not even decayed.
#[derive(Debug)]
pub struct Adamw {
    config: AdamwConfig,
    moments: States<2>,
}

impl Adamw {
    /// Before the first step.
    pub fn new<M: Module>(config: AdamwConfig, model: &M) -> Self {
        Self {
            config,
            moments: States::zeros(["exp_avg", "exp_avg_sq"], model),
        }
    }

    /// One update of every parameter that has a gradient.
    pub fn step<M: Module>(&mut self, model: M, grads: Accumulated, lr: f64) -> M {
        let (config, step) = (&self.config, self.moments.next_step());
        self.moments
            .step(model, grads, |factor| AdamwStep::at(config, step, lr, factor))
    }

    /// Does not count the last step, whose factor turned out to be NaN.
    pub(crate) fn uncount_step(&mut self) {
        self.moments.uncount_step();
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
    fn one_step_equals_the_formula_by_hand() {
        let model = pair();
        let config = AdamwConfig {
            betas: (0.9, 0.98),
            eps: 0.1,
            weight_decay: 0.5,
        };
        let mut adamw = Adamw::new(config, &model);
        let mut grads = grads(&model);
        grads.scale(0.5);
        let model = adamw.step(model, grads, 0.1);
        // Both moments corrected are the gradient and its square, and a vector is not decayed.
        // g = 1:    1 - 0.1 * 1 / (1 + 0.1)        = 0.9090909
        // g = -0.5: -2 + 0.1 * 0.5 / (0.5 + 0.1)   = -1.9166667
        let found = a(&model);
        assert!((found[0] - 0.909_090_9).abs() < 1e-6, "{found:?}");
        assert!((found[1] + 1.916_666_7).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn matrices_are_decayed_and_vectors_are_not() {
        let step = AdamwStep::at(&AdamwConfig::default(), 1, 0.1, 1.0);
        assert_eq!(step.of_rank::<1>().decay, 1.0);
        assert!((step.of_rank::<2>().decay - 0.999).abs() < 1e-12);
    }
}
