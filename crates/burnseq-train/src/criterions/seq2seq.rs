//! Teacher forcing of an encoder-decoder on sentence pairs.

use burn::tensor::{Device, Int, Tensor};
use burnseq_data::PairBatch;
use burnseq_model::EncoderDecoder;

use super::per_token::{PerToken, ids};
use super::{Criterion, CriterionConfig, CriterionOutput, GradientSink, PassContext, scaled};
use crate::Result;
use crate::log::{Measure, Meters};

/// Every target token is predicted from the source and the reference tokens before it.
///
/// Sums: `loss`, `nll_loss`, and with `report_accuracy` `n_correct` of `counted` tokens.
#[derive(Debug, Clone)]
pub struct Seq2Seq(PerToken);

impl Seq2Seq {
    /// The criterion with the loss of `config`; target tokens equal to `pad` do not count. The gradient is divided by
    /// target tokens, or by sentences with `sentence_avg`.
    ///
    /// # Errors
    /// A loss whose options are out of range.
    pub fn new(config: &CriterionConfig, pad: usize, sentence_avg: bool) -> Result<Self> {
        Ok(Self(PerToken::new(config, pad, sentence_avg)?))
    }
}

impl<M: EncoderDecoder> Criterion<M, PairBatch> for Seq2Seq {
    fn forward(&self, model: &M, batch: &PairBatch, pass: PassContext<'_>) -> CriterionOutput {
        let tensors = BatchTensors::new(batch, pass.device);
        let logits = model.forward(tensors.src_tokens, tensors.prev_output_tokens, pass.dropout);
        self.0.output(logits, tensors.target, batch)
    }

    fn backward_recomputing(
        &self,
        model: &M,
        batch: &PairBatch,
        pass: PassContext<'_>,
        to: GradientSink<'_>,
    ) -> CriterionOutput {
        let BatchTensors {
            src_tokens,
            prev_output_tokens,
            target,
        } = BatchTensors::new(batch, pass.device);
        let loss = |logits| {
            let output = self.0.output(logits, target, batch);
            let loss = scaled(output.loss.clone(), to.scale);
            (loss, output.without_autodiff())
        };
        model.backward_recomputing(src_tokens, prev_output_tokens, pass.dropout, loss, to.add)
    }

    /// Losses in bits: `loss` per sample, `nll_loss` and its perplexity `ppl` per target token; `accuracy` in percent.
    fn measures(&self, meters: &Meters) -> Vec<Measure> {
        self.0.measures(meters)
    }
}

/// The ids of a batch on a device.
struct BatchTensors {
    /// `[batch, src_len]`
    src_tokens: Tensor<2, Int>,
    /// `[batch, tgt_len]`
    prev_output_tokens: Tensor<2, Int>,
    /// `[batch, tgt_len]`
    target: Tensor<2, Int>,
}

impl BatchTensors {
    fn new(batch: &PairBatch, device: &Device) -> Self {
        let tensor = |tokens: &[i64], width: usize| ids(tokens, batch.batch, width, device);
        Self {
            src_tokens: tensor(&batch.src_tokens, batch.src_len),
            prev_output_tokens: tensor(&batch.prev_output_tokens, batch.tgt_len),
            target: tensor(&batch.target, batch.tgt_len),
        }
    }
}
