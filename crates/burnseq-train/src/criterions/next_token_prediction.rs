//! Next-token prediction of a language model on blocks of text.

use burnseq_data::TokenBlockBatch;
use burnseq_model::DecoderOnly;

use super::per_token::{PerToken, ids};
use super::{Criterion, CriterionConfig, CriterionOutput, PassContext};
use crate::Result;
use crate::log::{Measure, Meters};

/// Every token is predicted from those before it in its block.
///
/// Sums: `loss`, `nll_loss`, and with `report_accuracy` `n_correct` of `counted` tokens.
#[derive(Debug, Clone)]
pub struct NextTokenPrediction(PerToken);

impl NextTokenPrediction {
    /// The criterion with the loss of `config`; target tokens equal to `pad` do not count. The gradient is divided by
    /// tokens, or by blocks with `sentence_avg`.
    ///
    /// # Errors
    /// A loss whose options are out of range.
    pub fn new(config: &CriterionConfig, pad: usize, sentence_avg: bool) -> Result<Self> {
        Ok(Self(PerToken::new(config, pad, sentence_avg)?))
    }
}

impl<M: DecoderOnly> Criterion<M, TokenBlockBatch> for NextTokenPrediction {
    fn forward(&self, model: &M, batch: &TokenBlockBatch, pass: PassContext<'_>) -> CriterionOutput {
        let tensor = |tokens: &[i64]| ids(tokens, batch.ids.len(), batch.width, pass.device);
        let logits = model.forward(tensor(&batch.src_tokens), pass.dropout);
        self.0.output(logits, tensor(&batch.target), batch)
    }

    /// Losses in bits: `loss` per sample, `nll_loss` and its perplexity `ppl` per token; `accuracy` in percent.
    fn measures(&self, meters: &Meters) -> Vec<Measure> {
        self.0.measures(meters)
    }
}
