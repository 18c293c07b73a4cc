//! Optimisers: parameters and gradients -> new parameters.

mod adam;

use burn::{module::Module, tensor::TensorData};
use serde::{Deserialize, Serialize};

use crate::{Accumulated, Result};

pub use adam::{Adam, AdamConfig};

/// What `--optimizer` chooses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay, as fairseq's.
    Adam(AdamConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(AdamConfig::default())
    }
}

impl OptimizerConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// The first option out of range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Adam(config) => config.validate(),
        }
    }

    /// The optimiser, before its first step.
    ///
    /// # Errors
    /// See [`Self::validate`].
    pub fn init<M: Module>(&self, model: &M) -> Result<Optimizer> {
        self.validate()?;
        Ok(match self {
            Self::Adam(config) => Optimizer::Adam(Box::new(Adam::new(config.clone(), model))),
        })
    }
}

/// State of an optimiser, as a checkpoint stores it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimizerState {
    /// Steps taken.
    pub step: u64,
    /// Tensors by `<parameter name>.<state name>`, in module order.
    pub tensors: Vec<(String, TensorData)>,
}

/// An optimiser with its state.
#[derive(Debug)]
pub enum Optimizer {
    /// Adam.
    Adam(Box<Adam>),
}

impl Optimizer {
    /// One update of every parameter that has a gradient, at learning rate `lr`.
    pub fn step<M: Module>(&mut self, model: M, grads: Accumulated, lr: f64) -> M {
        match self {
            Self::Adam(adam) => adam.step(model, grads, lr),
        }
    }

    /// The state by parameter names.
    pub fn state_dict<M: Module>(&self, model: &M) -> OptimizerState {
        match self {
            Self::Adam(adam) => adam.state_dict(model),
        }
    }

    /// Takes over a state that [`Self::state_dict`] gave for a model of the same shape.
    ///
    /// # Errors
    /// A tensor that is missing, superfluous, of another shape or not finite; the optimiser is unchanged then.
    pub fn load_state_dict<M: Module>(&mut self, model: &M, state: OptimizerState) -> Result<()> {
        match self {
            Self::Adam(adam) => adam.load_state_dict(model, state),
        }
    }
}
