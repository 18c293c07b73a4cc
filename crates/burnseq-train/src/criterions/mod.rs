//! Criterions, in fairseq's full sense: model and batch -> loss, sample size, and sums for the log.
//!
//! A criterion is all that the trainer knows of a task. Functions of logits and targets are [`losses`](crate::losses), which
//! criterions use. A new criterion is a file here; what it sums has names, so that logs and checkpoints need no new field.

mod next_token_prediction;
mod per_token;
mod seq2seq;

use std::fmt::Debug;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};
use burnseq_model::Dropout;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::log::{Measure, Meters};
use crate::losses::{CrossEntropyConfig, LabelSmoothedCrossEntropyConfig, Loss};

pub use next_token_prediction::NextTokenPrediction;
pub use seq2seq::Seq2Seq;

/// The sum that is minimised, among the named sums of every criterion.
pub const LOSS: &str = "loss";

/// What a model is trained for, on batches of type `B`.
pub trait Criterion<M: Module, B>: Debug + Send + Sync {
    /// Forward pass of a batch.
    fn forward(&self, model: &M, batch: &B, pass: PassContext<'_>) -> CriterionOutput;

    /// Forward and backward pass of a batch. The output is off autodiff.
    fn backward(&self, model: &M, batch: &B, pass: PassContext<'_>, to: GradientSink<'_>) -> CriterionOutput {
        let output = self.forward(model, batch, pass);
        let loss = scaled(output.loss.clone(), to.scale);
        let output = output.without_autodiff();
        (to.add)(GradientsParams::from_grads(loss.backward(), model));
        output
    }

    /// [`backward`](Self::backward) with recomputed activations, where the criterion and the model know how; the trainer
    /// asks only models that have [`Feature::RecomputedActivations`](burnseq_model::Feature::RecomputedActivations).
    fn backward_recomputing(
        &self,
        model: &M,
        batch: &B,
        pass: PassContext<'_>,
        to: GradientSink<'_>,
    ) -> CriterionOutput {
        self.backward(model, batch, pass, to)
    }

    /// What the log shows of the sums of some batches, in order.
    fn measures(&self, meters: &Meters) -> Vec<Measure>;
}

/// Where and how a pass is computed.
#[derive(Debug, Clone, Copy)]
pub struct PassContext<'a> {
    /// Masks; [off](Dropout::off) in validation.
    pub dropout: &'a Dropout,
    /// The device of the model, on autodiff or off it as the model is.
    pub device: &'a Device,
}

/// Where the gradients of a batch go.
pub struct GradientSink<'a> {
    /// What the loss is multiplied by before.
    pub scale: f64,
    /// Gets the gradients of some parameters at a time.
    pub add: &'a mut dyn FnMut(GradientsParams),
}

/// The loss times a factor.
fn scaled(loss: Tensor<1>, scale: f64) -> Tensor<1> {
    if scale == 1.0 { loss } else { loss * scale }
}

/// What a criterion finds for a batch.
#[derive(Debug, Clone)]
pub struct CriterionOutput {
    /// What is minimised: a sum, differentiable. `[1]`
    pub loss: Tensor<1>,
    /// What the gradient, and the loss in the log, are divided by: tokens, sentences, masked tokens.
    pub sample_size: usize,
    /// Further sums, by name; off autodiff.
    pub sums: BatchSums,
}

impl CriterionOutput {
    /// The same without the graph of the loss.
    pub fn without_autodiff(self) -> Self {
        Self {
            loss: self.loss.without_autodiff(),
            ..self
        }
    }
}

/// Named sums of a batch, beside its loss, on the device.
#[derive(Debug, Clone, Default)]
pub struct BatchSums {
    /// Sums of numbers, each `[1]`.
    pub values: Vec<(&'static str, Tensor<1>)>,
    /// Counts, each `[1]`.
    pub counts: Vec<(&'static str, Tensor<1, Int>)>,
}

/// What `--criterion` chooses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CriterionConfig {
    /// Cross entropy against smoothed targets.
    LabelSmoothedCrossEntropy(LabelSmoothedCrossEntropyConfig),
    /// Cross entropy.
    CrossEntropy(CrossEntropyConfig),
}

impl Default for CriterionConfig {
    /// fairseq's default.
    fn default() -> Self {
        Self::CrossEntropy(CrossEntropyConfig::default())
    }
}

impl CriterionConfig {
    /// Names of what is measured beside `loss`, `nll_loss` and `ppl`.
    pub fn metrics(&self) -> &'static [&'static str] {
        match self {
            Self::LabelSmoothedCrossEntropy(config) if config.report_accuracy => &["accuracy"],
            _ => &[],
        }
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// The first option out of range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::LabelSmoothedCrossEntropy(config) => config.validate(),
            Self::CrossEntropy(CrossEntropyConfig {}) => Ok(()),
        }
    }

    /// The loss of this configuration.
    ///
    /// # Errors
    /// See [`Self::validate`].
    pub fn loss(&self) -> Result<Loss> {
        self.validate()?;
        Ok(match self {
            Self::LabelSmoothedCrossEntropy(config) => Loss::LabelSmoothedCrossEntropy(config.init()),
            Self::CrossEntropy(config) => Loss::CrossEntropy(config.init()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_chooses_and_unknown_keys_are_refused() {
        let json = r#"{"type": "label_smoothed_cross_entropy", "label_smoothing": 0.1}"#;
        let config: CriterionConfig = serde_json::from_str(json).unwrap();
        let expected = LabelSmoothedCrossEntropyConfig {
            label_smoothing: 0.1,
            ..LabelSmoothedCrossEntropyConfig::default()
        };
        assert_eq!(config, CriterionConfig::LabelSmoothedCrossEntropy(expected));
        assert_eq!(
            serde_json::from_str::<CriterionConfig>(&serde_json::to_string(&config).unwrap()).unwrap(),
            config
        );
        let plain: CriterionConfig = serde_json::from_str(r#"{"type": "cross_entropy"}"#).unwrap();
        assert_eq!(plain, CriterionConfig::default());
        for wrong in [
            r#"{"type": "cross_entropy", "label_smoothing": 0.1}"#,
            r#"{"type": "label_smoothed_cross_entropy", "smoothing": 0.1}"#,
            r#"{"type": "focal"}"#,
        ] {
            assert!(serde_json::from_str::<CriterionConfig>(wrong).is_err(), "{wrong}");
        }
    }
}
