//! What gradient descent with momentum shares, whatever its formula: options, and a velocity for every parameter.

use burn::module::Module;

use super::OptimizerState;
use super::states::{Rule, States};
use crate::error::ConfigProblems;
use crate::{Accumulated, Result};

/// A formula of gradient descent with momentum, as the options of one optimiser.
pub trait Descent {
    /// Name of the velocity in an [`OptimizerState`].
    const VELOCITY: &'static str;

    /// What a step at learning rate `lr` does to every parameter; gradients are to be multiplied by `grad_factor`.
    fn rule(&self, lr: f64, grad_factor: f64) -> impl Rule<1>;
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
        self.velocity
            .step(model, grads, |grad_factor| config.rule(lr, grad_factor))
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
