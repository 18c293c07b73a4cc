//! The tokens that a search looks at, chosen on the device that has the logits.

use burn::tensor::{Int, Tensor, TensorData, Transaction};
use burnseq_search::{SparseLogProbs, Wanted};

use crate::tensor_ops;

/// The most tokens of a row that are asked of a device. Its kernels keep them in registers and shared memory, which
/// CubeCL has for about 400.
pub(crate) const MOST: usize = 256;

/// Chooses what is `wanted` of the logits `[rows, vocab]`, divided by `temperature`, and reads that alone.
///
/// Where more tokens have the same logit than there is room for, those of lower id are chosen, as a search over all
/// tokens does.
///
/// # Panics
/// When nothing is wanted.
pub(crate) fn choose(logits: Tensor<2>, temperature: f32, wanted: &Wanted) -> SparseLogProbs {
    let [rows, vocab] = logits.dims();
    let device = logits.device();
    let logits = tensor_ops::scaled(logits, temperature);
    let (best_logits, best) = tensor_ops::top_k(logits.clone(), wanted.best.min(vocab)); // [rows, best]
    let max = best_logits.clone().slice([0..rows, 0..1]);
    let normalisers = tensor_ops::log_sum_exp(logits.clone(), max); // [rows, 1]
    let tokens: Vec<i32> = wanted.tokens.iter().map(|&token| token as i32).collect();
    let tokens = Tensor::<1, Int>::from_data(TensorData::new(tokens, [wanted.tokens.len()]), &device);
    let token_logits = logits.select(1, tokens); // [rows, tokens]

    let [best, best_logits, token_logits, normalisers]: [TensorData; 4] = Transaction::default()
        .register(best)
        .register(best_logits)
        .register(token_logits)
        .register(normalisers)
        .execute()
        .try_into()
        .expect("as many as were registered");
    // CubeCL gives places that nothing finite fills the largest number there is, which may read as -1.
    let id = |token: i64| usize::try_from(token).unwrap_or(usize::MAX);
    let best = best.iter::<i64>().map(id).zip(floats(best_logits)).collect();
    let others = wanted.tokens.iter().copied().cycle().zip(floats(token_logits));
    SparseLogProbs::new(best, others.collect(), floats(normalisers), vocab)
}

/// The values of a tensor in `f32`.
fn floats(data: TensorData) -> Vec<f32> {
    data.try_into_vec().expect("computed in f32")
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};
    use burnseq_search::{LogProbs, Row};

    use super::*;

    const VOCAB: usize = 7;

    /// What a row offers: tokens and their scores.
    fn offered(row: &Row<'_>) -> Vec<(usize, f32)> {
        let mut offered = Vec::new();
        row.for_each_above(-0.25, f32::NEG_INFINITY, |token, score| {
            offered.push((token, score));
            f32::NEG_INFINITY
        });
        offered
    }

    fn sparse(rows: &[[f32; VOCAB]], temperature: f32, best: usize, tokens: &[usize]) -> SparseLogProbs {
        sparse_of(DType::F32, rows, temperature, best, tokens)
    }

    /// Of logits in numbers of type `dtype`.
    fn sparse_of(
        dtype: DType,
        rows: &[[f32; VOCAB]],
        temperature: f32,
        best: usize,
        tokens: &[usize],
    ) -> SparseLogProbs {
        let values = TensorData::new(rows.concat(), [rows.len(), VOCAB]);
        let wanted = Wanted {
            best,
            tokens: tokens.to_vec(),
        };
        let logits = Tensor::<2>::from_data(values, &Device::flex()).cast(dtype);
        choose(logits, temperature, &wanted)
    }

    #[test]
    fn the_best_tokens_and_the_wanted_ones_score_as_among_all() {
        let rows = [
            [0.5, -1.0, 3.0, 2.0, -4.0, 1.5, 0.0],
            [-2.0, 6.0, 0.5, 0.25, 1.0, -3.0, 5.0],
        ];
        for temperature in [1.0, 0.7] {
            let found = sparse(&rows, temperature, 2, &[2, 4]);
            let mut all = LogProbs::from_logits(rows.concat(), VOCAB, temperature);
            for (number, tokens) in [vec![2, 3, 4], vec![1, 2, 4, 6]].into_iter().enumerate() {
                let expected: Vec<_> = offered(&all.row(number))
                    .into_iter()
                    .filter(|(token, _)| tokens.contains(token))
                    .collect();
                let found = offered(&found.row(number));
                assert_eq!(found.len(), expected.len(), "{found:?}");
                for (found, expected) in found.iter().zip(expected) {
                    assert_eq!(found.0, expected.0);
                    assert!((found.1 - expected.1).abs() < 1e-6, "{found:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn bfloat16_logits_are_normalised_in_single_precision() {
        // Numbers that bfloat16 has.
        let rows = [[0.5, -1.0, 3.0, 2.0, -4.0, 1.5, 0.0]];
        let narrow = sparse_of(DType::BF16, &rows, 1.0, 3, &[2]);
        let wide = sparse(&rows, 1.0, 3, &[2]);
        assert_eq!(offered(&narrow.row(0)), offered(&wide.row(0)));
    }

    #[test]
    fn more_tokens_than_there_are_are_all_tokens() {
        let rows = [[0.5, -1.0, 3.0, 2.0, -4.0, 1.5, 0.0]];
        assert_eq!(offered(&sparse(&rows, 1.0, 50, &[1, 2]).row(0)).len(), VOCAB);
    }

    #[test]
    fn a_row_without_a_distribution_offers_nothing_and_what_is_impossible_is_not_offered() {
        const NEVER: f32 = f32::NEG_INFINITY;
        let rows = [
            [0.5, f32::NAN, 3.0, 2.0, -4.0, 1.5, 0.0],
            [0.5, f32::INFINITY, 3.0, 2.0, -4.0, 1.5, 0.0],
            [NEVER; VOCAB],
            [NEVER, NEVER, 3.0, NEVER, NEVER, 3.0, NEVER],
        ];
        let found = sparse(&rows, 1.0, 4, &[2, 3]);
        for number in 0..3 {
            assert_eq!(offered(&found.row(number)), [], "row {number}");
        }
        let expected = offered(&LogProbs::from_logits(rows[3].to_vec(), VOCAB, 1.0).row(0));
        assert_eq!(offered(&found.row(3)), expected);
        assert_eq!(expected.len(), 2);
    }
}
