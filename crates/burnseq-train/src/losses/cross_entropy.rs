//! Cross entropy against the reference tokens.

use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use super::{LossOutput, label_smoothed_cross_entropy::forward};

/// Configuration of [`CrossEntropy`]; it has no options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossEntropyConfig {}

impl CrossEntropyConfig {
    /// The loss.
    pub fn init(&self) -> CrossEntropy {
        CrossEntropy
    }
}

/// Negative log-likelihood of the reference tokens: loss and nll loss are the same number.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropy;

impl CrossEntropy {
    /// Loss in nats, summed over the target tokens that are not `pad`.
    ///
    /// # Shapes
    /// - `logits`: `[batch, tgt_len, vocab]`
    /// - `target`: `[batch, tgt_len]`
    pub fn forward(&self, logits: Tensor<3>, target: Tensor<2, Int>, pad: usize) -> LossOutput {
        forward(logits, target, pad, 0.0)
    }
}
