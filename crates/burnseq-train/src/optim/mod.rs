//! Optimisers: parameters and gradients -> new parameters.

mod adam;
mod adam_w;
mod momentum;
mod nag;
mod sgd;
mod states;

use burn::{module::Module, tensor::TensorData};
use serde::{Deserialize, Serialize};

use crate::{Accumulated, Result};

pub use adam::{Adam, AdamConfig};
pub use adam_w::{AdamW, AdamWConfig};
pub use nag::{Nag, NagConfig};
pub use sgd::{Sgd, SgdConfig};

/// Lists the optimisers: the configuration that `--optimizer` chooses, and the optimiser it makes.
macro_rules! optimizers {
    ($($(#[$doc:meta])* $name:ident($config:ident),)+) => {
        /// What `--optimizer` chooses.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        pub enum OptimizerConfig {
            $($(#[$doc])* $name($config),)+
        }

        impl OptimizerConfig {
            /// Checks ranges.
            ///
            /// # Errors
            /// All options out of range.
            pub fn validate(&self) -> Result<()> {
                match self {
                    $(Self::$name(config) => config.validate(),)+
                }
            }

            /// The optimiser, before its first step.
            ///
            /// # Errors
            /// See [`Self::validate`].
            pub fn init<M: Module>(&self, model: &M) -> Result<Optimizer> {
                self.validate()?;
                Ok(match self {
                    $(Self::$name(config) => Optimizer::$name(Box::new($name::new(config.clone(), model))),)+
                })
            }
        }

        /// An optimiser with its state.
        #[derive(Debug)]
        pub enum Optimizer {
            $($(#[$doc])* $name(Box<$name>),)+
        }

        impl Optimizer {
            /// One update of every parameter that has a gradient, at learning rate `lr`.
            pub fn step<M: Module>(&mut self, model: M, grads: Accumulated, lr: f64) -> M {
                match self {
                    $(Self::$name(optimizer) => optimizer.step(model, grads, lr),)+
                }
            }

            /// Does not count the last step, which was not applied because its gradients were not finite.
            pub(crate) fn uncount_step(&mut self) {
                match self {
                    $(Self::$name(optimizer) => optimizer.uncount_step(),)+
                }
            }

            /// The state by parameter names.
            pub fn state_dict<M: Module>(&self, model: &M) -> OptimizerState {
                match self {
                    $(Self::$name(optimizer) => optimizer.state_dict(model),)+
                }
            }

            /// Takes over a state that [`Self::state_dict`] gave for a model of the same shape.
            ///
            /// # Errors
            /// A tensor that is missing, superfluous, of another shape or not finite; the optimiser is unchanged then.
            pub fn load_state_dict<M: Module>(&mut self, model: &M, state: OptimizerState) -> Result<()> {
                match self {
                    $(Self::$name(optimizer) => optimizer.load_state_dict(model, state),)+
                }
            }
        }
    };
}

optimizers! {
    /// Adam with decoupled weight decay, as fairseq's.
    Adam(AdamConfig),
    /// Adam with decoupled weight decay of matrices, as PyTorch's and Hugging Face's trainer.
    AdamW(AdamWConfig),
    /// Gradient descent with Nesterov's momentum, as fairseq's.
    Nag(NagConfig),
    /// Gradient descent, as PyTorch's.
    Sgd(SgdConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(AdamConfig::default())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_chooses_and_options_out_of_range_are_named() {
        for (json, problem) in [
            (r#"{"type": "nag", "momentum": 1.0}"#, "'momentum'"),
            (r#"{"type": "sgd", "weight_decay": -1.0}"#, "'weight_decay'"),
            (r#"{"type": "adam", "eps": -1.0}"#, "'adam_eps'"),
        ] {
            let config: OptimizerConfig = serde_json::from_str(json).unwrap();
            assert!(config.validate().unwrap_err().to_string().contains(problem));
        }
        let wrong = r#"{"type": "sgd", "betas": [0.9, 0.98]}"#;
        assert!(serde_json::from_str::<OptimizerConfig>(wrong).is_err());
    }
}
