//! Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019), in fairseq's
//! arithmetic.

use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    optim::GradientsParams,
    tensor::{Tensor, TensorData, container::TensorContainer},
};
use burnseq_model::{
    named_parameters,
    ops::{AdamStep, adam_step},
};
use serde::{Deserialize, Serialize};

use super::OptimizerState;
use crate::{Accumulated, Error, Result};

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
    /// The first option out of range.
    pub fn validate(&self) -> Result<()> {
        let (beta1, beta2) = self.betas;
        if ![beta1, beta2].iter().all(|beta| (0.0..1.0).contains(beta)) {
            return Err(Error::Config(format!(
                "--adam-betas must be two numbers of at least 0 and below 1, got ({beta1}, {beta2})"
            )));
        }
        for (name, value) in [("--adam-eps", self.eps), ("--weight-decay", self.weight_decay)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::Config(format!(
                    "{name} must be a number of at least 0, got {value}"
                )));
            }
        }
        Ok(())
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
    step: u64,
    moments: Moments,
}

/// First and second moments by parameter, off the tape.
#[derive(Debug, Default)]
struct Moments {
    exp_avg: TensorContainer<ParamId>,
    exp_avg_sq: TensorContainer<ParamId>,
}

/// Names of the moments in [`OptimizerState`].
const STATES: [&str; 2] = ["exp_avg", "exp_avg_sq"];

impl Adam {
    /// Before the first step. The moments of all parameters of `model` are allocated here, so that a
    /// device that is too small for them says so before training starts.
    pub fn new<M: Module>(config: AdamConfig, model: &M) -> Self {
        struct Zeros(Moments);
        impl ModuleVisitor for Zeros {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let param_value = param.val().inner();
                self.0.exp_avg.register(param.id, param_value.zeros_like());
                self.0.exp_avg_sq.register(param.id, param_value.zeros_like());
            }
        }
        let mut zeros = Zeros(Moments::default());
        model.visit(&mut zeros);
        Self {
            config,
            step: 0,
            moments: zeros.0,
        }
    }

    /// One update of every parameter that has a gradient.
    pub fn step<M: Module>(&mut self, model: M, grads: Accumulated, lr: f64) -> M {
        struct Update<'a> {
            grads: GradientsParams,
            moments: &'a mut Moments,
            step: AdamStep,
        }
        impl ModuleMapper for Update<'_> {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let Some(grad) = self.grads.remove::<D>(param.id) else {
                    return param;
                };
                // `map` leaves us the only owner of the value, so the arithmetic can reuse its memory.
                let id = param.id;
                param.map(|param| {
                    let strategy = param.gradient_checkpointing_strategy();
                    let require_grad = param.is_require_grad();
                    let Moments { exp_avg, exp_avg_sq } = &mut self.moments;
                    let [first, second] = [exp_avg, exp_avg_sq]
                        .map(|moment| moment.remove(&id).expect("the optimiser was made for this model"));
                    let [param, first, second] = adam_step(param.inner(), grad, first, second, &self.step);
                    self.moments.exp_avg.register(id, first);
                    self.moments.exp_avg_sq.register(id, second);
                    match strategy {
                        Some(strategy) => Tensor::from_inner(param)
                            .with_gradient_checkpointing_strategy(strategy)
                            .set_require_grad(require_grad),
                        None => param,
                    }
                })
            }
        }
        self.step += 1;
        let (grads, grad_factor) = grads.into_parts();
        let step = adam_step_at(&self.config, self.step, lr, grad_factor);
        model.map(&mut Update {
            grads,
            moments: &mut self.moments,
            step,
        })
    }

    /// Step count and moments, `<parameter>.exp_avg` and `<parameter>.exp_avg_sq`.
    pub fn state_dict<M: Module>(&self, model: &M) -> OptimizerState {
        struct Data<'a>(&'a Moments, Vec<[TensorData; 2]>);
        impl ModuleVisitor for Data<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.1.push([&self.0.exp_avg, &self.0.exp_avg_sq].map(|moments| {
                    let moment = moments.get::<Tensor<D>>(&param.id);
                    moment.expect("the optimiser was made for this model").into_data()
                }));
            }
        }
        let mut data = Data(&self.moments, Vec::new());
        model.visit(&mut data);
        let mut tensors = Vec::with_capacity(2 * data.1.len());
        for ((name, ..), moments) in named_parameters(model).into_iter().zip(data.1) {
            for (state, data) in STATES.iter().zip(moments) {
                tensors.push((format!("{name}.{state}"), data));
            }
        }
        OptimizerState {
            step: self.step,
            tensors,
        }
    }

    /// Takes over a state.
    ///
    /// # Errors
    /// A tensor that is missing, superfluous, of another shape or not finite; nothing is changed then.
    pub fn load_state_dict<M: Module>(&mut self, model: &M, state: OptimizerState) -> Result<()> {
        let mut given: HashMap<String, TensorData> = state.tensors.into_iter().collect();
        let mut values = HashMap::new();
        for (name, id, shape) in named_parameters(model) {
            let mut take = |state: &str| {
                let name = format!("{name}.{state}");
                match given.remove(&name) {
                    Some(data) => checked(&name, &shape, data),
                    None => refuse(format!("lacks `{name}`")),
                }
            };
            values.insert(id, [take(STATES[0])?, take(STATES[1])?]);
        }
        if let Some(name) = given.keys().min() {
            return refuse(format!("holds `{name}`, which the model does not have"));
        }

        struct Load(Moments, HashMap<ParamId, [TensorData; 2]>);
        impl ModuleVisitor for Load {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let values = self.1.remove(&param.id);
                let [exp_avg, exp_avg_sq] = values.expect("every parameter was given moments above");
                let device = param.val().device().without_autodiff();
                self.0
                    .exp_avg
                    .register(param.id, Tensor::<D>::from_data(exp_avg, &device));
                self.0
                    .exp_avg_sq
                    .register(param.id, Tensor::<D>::from_data(exp_avg_sq, &device));
            }
        }
        let mut load = Load(Moments::default(), values);
        model.visit(&mut load);
        (self.step, self.moments) = (state.step, load.0);
        Ok(())
    }
}

/// The moment as finite `f32` of the parameter's shape.
fn checked(name: &str, shape: &[usize], data: TensorData) -> Result<TensorData> {
    if data.shape().to_vec() != shape {
        return refuse(format!(
            "holds `{name}` of shape {:?}, the model needs {shape:?}",
            data.shape().to_vec()
        ));
    }
    let data = data.convert::<f32>();
    let values = data.as_slice::<f32>().expect("converted to f32 above");
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => refuse(format!("is not finite in `{name}` at position {index}")),
        None => Ok(data),
    }
}

fn refuse<T>(problem: String) -> Result<T> {
    Err(Error::OptimizerState { problem })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Pair {
        a: Param<Tensor<1>>,
        b: Param<Tensor<2>>,
    }

    fn pair() -> Pair {
        let device = Device::flex().autodiff();
        Pair {
            a: Param::from_data([1.0f32, -2.0], &device),
            b: Param::from_data([[0.5f32]], &device),
        }
    }

    /// Gradients 2, -1 for `a` and none for `b`.
    fn grads(model: &Pair) -> Accumulated {
        let mut grads = Accumulated::new();
        let mut params = GradientsParams::new();
        params.register(model.a.id, Tensor::<1>::from_floats([2.0, -1.0], &Device::flex()));
        grads.add(model, params);
        grads
    }

    fn a(model: &Pair) -> Vec<f32> {
        model.a.val().into_data().as_slice::<f32>().unwrap().to_vec()
    }

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
            assert_eq!(adam.step, 0);
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
                "--adam-betas",
            ),
            (
                AdamConfig {
                    eps: -1e-8,
                    ..config()
                },
                "--adam-eps",
            ),
            (
                AdamConfig {
                    weight_decay: f64::NAN,
                    ..config()
                },
                "--weight-decay",
            ),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(name));
        }
    }
}
