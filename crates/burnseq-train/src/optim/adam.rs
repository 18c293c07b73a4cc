//! Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019), in fairseq's
//! arithmetic.

use burn::{module::Module, tensor::Tensor};
use burnseq_kernels::ops::{
    AdamStep, AnyTensor, adam_step, adam_step_on_device, adam_steps_on_device, takes_many,
};
use serde::{Deserialize, Serialize};

use super::OptimizerState;
use super::states::{Many, Rule, States};
use crate::error::ConfigProblems;
use crate::{Accumulated, Result};

/// Configuration of [`Adam`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay rates of the two moments, each in `[0, 1)`.
    pub betas: (f64, f64),
    /// Added to the square root of the uncorrected second moment.
    pub eps: f64,
    /// Share of every parameter that is taken away per update, times the learning rate.
    pub weight_decay: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl AdamConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// All options out of range.
    pub fn validate(&self) -> Result<()> {
        let mut problems = ConfigProblems::default();
        let (beta1, beta2) = self.betas;
        if ![beta1, beta2].iter().all(|beta| (0.0..1.0).contains(beta)) {
            problems.say(format!(
                "'adam_betas' must be two numbers of at least 0 and below 1, got ({beta1}, {beta2})"
            ));
        }
        for (name, value) in [("'adam_eps'", self.eps), ("'weight_decay'", self.weight_decay)] {
            if !(value >= 0.0 && value.is_finite()) {
                problems.say(format!("{name} must be a number of at least 0, got {value}"));
            }
        }
        problems.into_result()
    }
}

/// What step `step`, counted from 1, does to every parameter.
///
/// The decay acts on every parameter, biases and embeddings included, before the step; `eps` is added
/// to the square root of the *uncorrected* second moment (PyTorch and Burn add it to the corrected one).
fn adam_step_at(config: &AdamConfig, step: u64, lr: f64, grad_factor: f64) -> AdamStep {
    let (beta1, beta2) = config.betas;
    let power = |beta: f64| beta.powf(step as f64);
    AdamStep {
        beta1,
        beta2,
        eps: config.eps,
        grad_factor,
        decay: 1.0 - lr * config.weight_decay,
        step_size: lr * (1.0 - power(beta2)).sqrt() / (1.0 - power(beta1)),
    }
}

/// The optimiser. A parameter that has no gradient in a step is left as it is, not even decayed.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    moments: States<2>,
}

impl Rule<2> for AdamStep {
    fn apply<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        [exp_avg, exp_avg_sq]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let [param, exp_avg, exp_avg_sq] = adam_step([param, grad, exp_avg, exp_avg_sq], self);
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
            adam_step_on_device([param, grad, exp_avg, exp_avg_sq], self, factor);
        (param, [exp_avg, exp_avg_sq])
    }

    fn takes_many<const D: usize>(&self, param: &Tensor<D>) -> bool {
        takes_many(param)
    }

    fn apply_to_many(
        &self,
        Many {
            params,
            grads,
            states,
        }: Many<2>,
        factor: Tensor<1>,
    ) -> (Vec<AnyTensor>, [Vec<AnyTensor>; 2]) {
        let [exp_avgs, exp_avg_sqs] = states;
        let [params, exp_avgs, exp_avg_sqs] =
            adam_steps_on_device([params, exp_avgs, exp_avg_sqs, grads], self, factor);
        (params, [exp_avgs, exp_avg_sqs])
    }
}

impl Adam {
    /// Before the first step.
    pub fn new<M: Module>(config: AdamConfig, model: &M) -> Self {
        Self {
            config,
            moments: States::zeros(["exp_avg", "exp_avg_sq"], model),
        }
    }

    /// One update of every parameter that has a gradient.
    pub fn step<M: Module>(&mut self, model: M, grads: Accumulated, lr: f64) -> M {
        let (config, step) = (&self.config, self.moments.next_step());
        self.moments
            .step(model, grads, |factor| adam_step_at(config, step, lr, factor))
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
    use burn::tensor::TensorData;

    use super::*;
    use crate::optim::states::tests::{a, grads, pair};

    fn config() -> AdamConfig {
        AdamConfig {
            betas: (0.9, 0.98),
            eps: 0.1,
            weight_decay: 0.01,
        }
    }

    #[test]
    fn one_step_equals_the_formula_by_hand() {
        let model = pair();
        let mut adam = Adam::new(config(), &model);
        let mut grads = grads(&model);
        grads.scale(0.5);
        let model = adam.step(model, grads, 0.1);
        // m = 0.1 g, v = 0.02 g^2; step size 0.1 * sqrt(0.02) / 0.1 = 0.1414214; decay 1 - 0.001.
        // g = 1:    0.999 - 0.1414214 * 0.1 / (0.1414214 + 0.1)    = 0.9404209
        // g = -0.5: -1.998 + 0.1414214 * 0.05 / (0.0707107 + 0.1) = -1.9565786
        let found = a(&model);
        assert!((found[0] - 0.940_420_9).abs() < 1e-6, "{found:?}");
        assert!((found[1] + 1.956_578_6).abs() < 1e-6, "{found:?}");
        // No gradient: not even decayed.
        assert_eq!(model.b.val().into_scalar::<f32>(), 0.5);
        assert!(model.a.val().is_require_grad());
    }

    #[test]
    fn a_learning_rate_of_zero_moves_the_moments_but_not_the_parameters() {
        let model = pair();
        let mut adam = Adam::new(config(), &model);
        let grads = grads(&model);
        let model = adam.step(model, grads, 0.0);
        assert_eq!(a(&model), [1.0, -2.0]);
        let state = adam.state_dict(&model);
        assert_eq!(state.step, 1);
        let names: Vec<_> = state.tensors.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.exp_avg", "a.exp_avg_sq", "b.exp_avg", "b.exp_avg_sq"]);
        let exp_avg = state.tensors[0].1.as_slice::<f32>().unwrap();
        assert!((exp_avg[0] - 0.2).abs() < 1e-7 && (exp_avg[1] + 0.1).abs() < 1e-7);
    }

    #[test]
    fn a_restored_state_continues_with_the_same_bits() {
        let model = pair();
        let mut adam = Adam::new(config(), &model);
        let first = grads(&model);
        let model = adam.step(model, first, 0.1);
        let mut restored = Adam::new(config(), &model);
        restored.load_state_dict(&model, adam.state_dict(&model)).unwrap();
        let (on, again) = (grads(&model), grads(&model));
        let continued = adam.step(model.clone(), on, 0.1);
        let resumed = restored.step(model, again, 0.1);
        assert_eq!(a(&continued), a(&resumed));
        assert_eq!(adam.state_dict(&continued), restored.state_dict(&resumed));
    }

    #[test]
    fn a_state_of_another_model_is_refused_by_name() {
        let model = pair();
        let good = || Adam::new(config(), &model).state_dict(&model);
        let data = |values: &[f32]| TensorData::new(values.to_vec(), [values.len()]);
        let with = |index: usize, name: &str, values: &[f32]| {
            let mut state = good();
            state.tensors[index] = (name.to_owned(), data(values));
            state
        };
        let mut more = good();
        more.tensors.push(("c.exp_avg".to_owned(), data(&[1.0])));
        for (state, expected) in [
            (more, "holds `c.exp_avg`"),
            (with(0, "c.exp_avg", &[1.0]), "lacks `a.exp_avg`"),
            (
                with(0, "a.exp_avg", &[1.0]),
                "`a.exp_avg` of shape [1], the model needs [2]",
            ),
            (
                with(1, "a.exp_avg_sq", &[1.0, f32::NAN]),
                "not finite in `a.exp_avg_sq` at position 1",
            ),
        ] {
            let mut adam = Adam::new(config(), &model);
            let error = adam.load_state_dict(&model, state).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("hint: "), "{error}");
            assert_eq!(adam.state_dict(&model).step, 0);
        }
    }

    #[test]
    fn options_out_of_range_are_named() {
        for (config, name) in [
            (
                AdamConfig {
                    betas: (0.9, 1.0),
                    ..config()
                },
                "'adam_betas'",
            ),
            (
                AdamConfig {
                    eps: -1e-8,
                    ..config()
                },
                "'adam_eps'",
            ),
            (
                AdamConfig {
                    weight_decay: f64::NAN,
                    ..config()
                },
                "'weight_decay'",
            ),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(name));
        }
    }
}
