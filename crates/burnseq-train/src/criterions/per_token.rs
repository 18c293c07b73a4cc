//! What criterions share whose loss is a sum over the tokens to predict.

use std::f64::consts::LN_2;

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_data::Batch;

use super::{BatchSums, CriterionConfig, CriterionOutput, LOSS};
use crate::Result;
use crate::log::{Measure, Meters};
use crate::losses::{Loss, LossOutput};

/// Sum of the negative log-likelihoods of the reference tokens, in nats.
const NLL_LOSS: &str = "nll_loss";
/// Reference tokens that the model ranks first.
const N_CORRECT: &str = "n_correct";
/// Reference tokens for which that was counted.
const COUNTED: &str = "counted";

/// A loss of logits and target tokens.
///
/// Sums: `loss`, `nll_loss`, and with `report_accuracy` `n_correct` of `counted` tokens.
#[derive(Debug, Clone)]
pub(super) struct PerToken {
    loss: Loss,
    /// Id of the padding.
    pad: usize,
    /// The loss is one per sentence, not per target token.
    sentence_avg: bool,
}

impl PerToken {
    /// The loss of `config`; target tokens equal to `pad` do not count. The gradient is divided by target tokens, or by
    /// sentences with `sentence_avg`.
    ///
    /// # Errors
    /// A loss whose options are out of range.
    pub fn new(config: &CriterionConfig, pad: usize, sentence_avg: bool) -> Result<Self> {
        Ok(Self {
            loss: config.loss()?,
            pad,
            sentence_avg,
        })
    }

    /// The output for logits `[batch, len, vocab]` of a batch with the target tokens `target` `[batch, len]`.
    pub fn output(&self, logits: Tensor<3>, target: Tensor<2, Int>, batch: &impl Batch) -> CriterionOutput {
        let LossOutput {
            loss,
            nll_loss,
            correct,
        } = self.loss.forward(logits, target, self.pad);
        let correct = correct.map(|correct| [(N_CORRECT, correct.n_correct), (COUNTED, correct.total)]);
        CriterionOutput {
            loss,
            sample_size: if self.sentence_avg {
                batch.nsentences()
            } else {
                batch.ntokens()
            },
            sums: BatchSums {
                values: vec![(NLL_LOSS, nll_loss.without_autodiff())],
                counts: correct.into_iter().flatten().collect(),
            },
        }
    }

    /// Losses in bits: `loss` per sample, `nll_loss` and its perplexity `ppl` per target token; `accuracy` in percent.
    pub fn measures(&self, meters: &Meters) -> Vec<Measure> {
        let nll_bits = meters.per_token(NLL_LOSS) / LN_2;
        let mut measures = vec![
            Measure::new(LOSS, meters.per_sample(LOSS) / LN_2, 3),
            Measure::new(NLL_LOSS, nll_bits, 3),
            Measure::new("ppl", nll_bits.exp2(), 2),
        ];
        let counted = meters.sums.get(COUNTED);
        if counted > 0.0 {
            let accuracy = 100.0 * (meters.sums.get(N_CORRECT) / counted);
            measures.push(Measure::new("accuracy", accuracy, 3));
        }
        measures
    }
}

/// Ids of a batch on a device, `[batch, width]`.
pub(super) fn ids(tokens: &[i64], batch: usize, width: usize, device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(tokens.to_vec(), [batch, width]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::UpdateStats;

    fn measures(updates: &[UpdateStats]) -> Vec<(&'static str, f64)> {
        let mut meters = Meters::default();
        updates.iter().for_each(|update| meters.add(update));
        let per_token = PerToken::new(&CriterionConfig::default(), 1, false).unwrap();
        let measures = per_token.measures(&meters);
        measures
            .iter()
            .map(|measure| (measure.name, measure.value))
            .collect()
    }

    fn update(loss: f64, tokens: usize) -> UpdateStats {
        UpdateStats {
            sums: [(LOSS, loss), (NLL_LOSS, loss / 2.0)].into(),
            ntokens: tokens,
            sample_size: tokens,
            ..UpdateStats::default()
        }
    }

    #[test]
    fn averages_are_weighted_by_tokens_and_in_bits() {
        let found = measures(&[update(8.0 * LN_2, 4), update(4.0 * LN_2, 8)]);
        // 12 bits over 12 tokens; a perplexity of the square root of 2.
        let expected = [(LOSS, 1.0), (NLL_LOSS, 0.5), ("ppl", 2f64.sqrt())];
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.0, expected.0);
            assert!((found.1 - expected.1).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn accuracy_is_there_where_it_is_counted() {
        let mut counted = update(1.0, 4);
        counted.sums.add(N_CORRECT, 1.0);
        counted.sums.add(COUNTED, 3.0);
        let found = measures(&[counted]);
        assert_eq!(found[3].0, "accuracy");
        assert!((found[3].1 - 100.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_gives_zeros_not_nan() {
        assert_eq!(measures(&[]), [(LOSS, 0.0), (NLL_LOSS, 0.0), ("ppl", 1.0)]);
    }
}
