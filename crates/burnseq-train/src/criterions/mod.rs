//! Criterions: logits and target -> loss, summed over the target tokens that are not padding.
//!
//! The sums are in nats. The trainer divides the gradient by the sample size of the whole update, and
//! the logs by the token count and by ln 2.

mod cross_entropy;
mod label_smoothed_cross_entropy;

use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::Result;

pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use label_smoothed_cross_entropy::{
    LabelSmoothedCrossEntropy, LabelSmoothedCrossEntropyConfig, label_smoothed_cross_entropy,
};

/// Loss of a batch.
#[derive(Debug, Clone)]
pub struct LossOutput {
    /// What is minimised, in nats, summed over the target tokens that are not padding; differentiable. `[1]`
    pub loss: Tensor<1>,
    /// Negative log-likelihood of the same tokens, in nats; carries no gradient. `[1]`
    pub nll_loss: Tensor<1>,
    /// How many of these tokens the model ranks first, where that is counted.
    pub correct: Option<Correct>,
}

/// Target tokens that the model ranks first, given those before them.
#[derive(Debug, Clone)]
pub struct Correct {
    /// Tokens ranked first. `[1]`
    pub n_correct: Tensor<1, Int>,
    /// All tokens that are not padding. `[1]`
    pub total: Tensor<1, Int>,
}

impl Correct {
    /// Counts, off the tape.
    ///
    /// # Shapes
    /// - `logits`: `[batch, tgt_len, vocab]`
    /// - `target`: `[batch, tgt_len]`
    fn count(logits: Tensor<3>, target: Tensor<2, Int>, pad: usize) -> Self {
        let first: Tensor<2, Int> = logits.detach().inner().argmax(2).squeeze_dim(2); // [batch, tgt_len]
        let counts = target.clone().not_equal_elem(pad as i64).int();
        let hits = first.equal(target).int() * counts.clone();
        Self {
            n_correct: hits.sum(),
            total: counts.sum(),
        }
    }
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

    /// The criterion of this configuration.
    ///
    /// # Errors
    /// See [`Self::validate`].
    pub fn init(&self) -> Result<Criterion> {
        self.validate()?;
        Ok(match self {
            Self::LabelSmoothedCrossEntropy(config) => Criterion::LabelSmoothedCrossEntropy(config.init()),
            Self::CrossEntropy(config) => Criterion::CrossEntropy(config.init()),
        })
    }
}

/// A criterion, ready for use.
#[derive(Debug, Clone, PartialEq)]
pub enum Criterion {
    /// Cross entropy against smoothed targets.
    LabelSmoothedCrossEntropy(LabelSmoothedCrossEntropy),
    /// Cross entropy.
    CrossEntropy(CrossEntropy),
}

impl Criterion {
    /// Loss of a batch; target tokens equal to `pad` do not count.
    ///
    /// # Shapes
    /// - `logits`: `[batch, tgt_len, vocab]`
    /// - `target`: `[batch, tgt_len]`
    pub fn forward(&self, logits: Tensor<3>, target: Tensor<2, Int>, pad: usize) -> LossOutput {
        match self {
            Self::LabelSmoothedCrossEntropy(criterion) => criterion.forward(logits, target, pad),
            Self::CrossEntropy(criterion) => criterion.forward(logits, target, pad),
        }
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
