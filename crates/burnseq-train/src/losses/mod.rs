//! Losses: logits and target -> loss, summed over the target tokens that are not padding.
//!
//! The sums are in nats. Criterions say what they are divided by.

mod cross_entropy;
mod label_smoothed_cross_entropy;

use burn::tensor::{Int, Tensor};

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

/// A loss, ready for use.
#[derive(Debug, Clone, PartialEq)]
pub enum Loss {
    /// Cross entropy against smoothed targets.
    LabelSmoothedCrossEntropy(LabelSmoothedCrossEntropy),
    /// Cross entropy.
    CrossEntropy(CrossEntropy),
}

impl Loss {
    /// Loss of a batch; target tokens equal to `pad` do not count.
    ///
    /// # Shapes
    /// - `logits`: `[batch, tgt_len, vocab]`
    /// - `target`: `[batch, tgt_len]`
    pub fn forward(&self, logits: Tensor<3>, target: Tensor<2, Int>, pad: usize) -> LossOutput {
        match self {
            Self::LabelSmoothedCrossEntropy(loss) => loss.forward(logits, target, pad),
            Self::CrossEntropy(loss) => loss.forward(logits, target, pad),
        }
    }
}
