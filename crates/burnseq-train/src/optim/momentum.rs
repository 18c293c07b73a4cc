//! What gradient descent with momentum shares, whatever its formula: options, and a velocity for every parameter.

use burn::{module::Module, tensor::Tensor};

use super::OptimizerState;
use super::states::{Rule, States};
use crate::error::ConfigProblems;
use crate::{Accumulated, Result};

/// A formula of gradient descent with momentum, as the options of one optimiser.
pub trait Descent {
    /// Name of the velocity in an [`OptimizerState`].
    const VELOCITY: &'static str;

    /// New value and velocity of a parameter after a step at learning rate `lr`, from its value, gradient and velocity.
    fn step<const D: usize>(&self, lr: f64, param_grad_velocity: [Tensor<D>; 3]) -> [Tensor<D>; 2];
}

/// One step of every parameter.
struct Step<'a, C> {
    config: &'a C,
    lr: f64,
    grad_factor: f64,
}

impl<C: Descent> Rule<1> for Step<'_, C> {
    fn apply<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        [velocity]: [Tensor<D>; 1],
    ) -> (Tensor<D>, [Tensor<D>; 1]) {
        let grad = grad * self.grad_factor;
        let [param, velocity] = self.config.step(self.lr, [param, grad, velocity]);
        (param, [velocity])
    }
}

/// The optimiser. A parameter that has no gradient in a step is left as it is.
#[derive(Debug)]
pub struct Momentum<C> {
    config: C,
    velocity: States<1>,
}

impl<C: Descent> Momentum<C> {
    /// Before the first step.
    pub fn new<M: Module>(config: C, model: &M) -> Self {
        Self {
            config,
            velocity: States::zeros([C::VELOCITY], model),
        }
    }

    /// One update of every parameter that has a gradient.
    pub fn step<M: Module>(&mut self, model: M, grads: Accumulated, lr: f64) -> M {
        let config = &self.config;
        self.velocity.step(model, grads, |grad_factor| Step {
            config,
            lr,
            grad_factor,
        })
    }

    /// Does not count the last step, whose factor turned out to be NaN.
    pub(crate) fn uncount_step(&mut self) {
        self.velocity.uncount_step();
    }

    /// Step count and velocities.
    pub fn state_dict<M: Module>(&self, model: &M) -> OptimizerState {
        self.velocity.state_dict(model)
    }

    /// Takes over a state.
    ///
    /// # Errors
    /// A tensor that is missing, superfluous, of another shape or not finite; nothing is changed then.
    pub fn load_state_dict<M: Module>(&mut self, model: &M, state: OptimizerState) -> Result<()> {
        self.velocity.load_state_dict(model, state)
    }
}

/// Checks the ranges of the options.
pub(super) fn validate(momentum: f64, weight_decay: f64) -> Result<()> {
    let mut problems = ConfigProblems::default();
    if !(0.0..1.0).contains(&momentum) {
        problems.say(format!(
            "'momentum' must be at least 0 and below 1, got {momentum}"
        ));
    }
    if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
        problems.say(format!(
            "'weight_decay' must be a number of at least 0, got {weight_decay}"
        ));
    }
    problems.into_result()
}
