//! Log-probabilities of the tokens that a search looks at, chosen on the device that has the logits.

use burn::tensor::{Int, Tensor, TensorData, Transaction};

use crate::{Row, tensor_ops};

/// What a search looks at in every row, where that is not everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// So many of the likeliest tokens.
    pub best: usize,
    /// These tokens, however unlikely they are; at least one.
    pub tokens: Vec<usize>,
}

/// Log-probabilities of some tokens of every row, in nats, and no word of the others.
#[derive(Debug, Clone)]
pub struct SparseLogProbs {
    /// The likeliest tokens of each row and their logits; a place that nothing fills has a number that no token has.
    best: Vec<(usize, f32)>,
    /// The tokens that were wanted besides, and their logits in each row.
    others: Vec<(usize, f32)>,
    /// Logarithm of the sum of all exponentials of each row.
    normalisers: Vec<f32>,
    vocab: usize,
}

impl SparseLogProbs {
    /// The most tokens of a row that are asked of a device. Its kernels keep them in registers and shared memory, which
    /// CubeCL has for about 400.
    pub const MOST: usize = 256;

    /// Chooses what is `wanted` of the logits `[rows, vocab]`, divided by `temperature`, and reads that alone.
    ///
    /// Where more tokens have the same logit than there is room for, those of lower id are chosen, as a search over all
    /// tokens does.
    ///
    /// # Panics
    /// When nothing is wanted.
    pub fn from_logits(logits: Tensor<2>, temperature: f32, wanted: &Wanted) -> Self {
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
        Self {
            best: best.iter::<i64>().map(id).zip(floats(best_logits)).collect(),
            others: wanted
                .tokens
                .iter()
                .copied()
                .cycle()
                .zip(floats(token_logits))
                .collect(),
            normalisers: floats(normalisers),
            vocab,
        }
    }

    /// Hypotheses.
    pub fn rows(&self) -> usize {
        self.normalisers.len()
    }

    /// Target types.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Row `row`; nothing is offered where it is no distribution, as in [`LogProbs::row`](crate::LogProbs::row).
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> Row<'static> {
        let in_row = |places: &[(usize, f32)]| {
            let width = places.len() / self.rows();
            places[row * width..][..width].to_vec()
        };
        let mut logits = in_row(&self.best);
        logits.extend(in_row(&self.others));
        // CubeCL fills up with the least finite number.
        logits.retain(|&(token, logit)| token < self.vocab && logit > f32::MIN);
        logits.sort_unstable_by_key(|&(token, _)| token);
        logits.dedup_by_key(|&mut (token, _)| token);
        Row::sparse(logits, self.normalisers[row], self.vocab)
    }
}

/// The values of a tensor in `f32`.
fn floats(data: TensorData) -> Vec<f32> {
    data.try_into_vec().expect("computed in f32")
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};

    use super::*;
    use crate::LogProbs;

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
        SparseLogProbs::from_logits(logits, temperature, &wanted)
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

    #[test]
    fn places_that_a_device_leaves_empty_are_no_tokens() {
        let found = SparseLogProbs {
            best: vec![(5, 1.0), (usize::MAX, f32::MIN), (3, f32::MIN)],
            others: vec![(2, 0.0)],
            normalisers: vec![0.0],
            vocab: VOCAB,
        };
        assert_eq!(offered(&found.row(0)), [(2, -0.25), (5, 0.75)]);
    }

    #[test]
    fn edits_change_what_a_row_offers() {
        let rows = [[0.0; VOCAB]];
        let nats = (VOCAB as f32).ln();
        let found = sparse(&rows, 1.0, VOCAB, &[2]);
        let mut row = found.row(0);
        row.forbid(6);
        row.add(3, 1.0);
        assert_eq!(row.log_prob(6), f32::NEG_INFINITY);
        assert!((row.log_prob(3) - (1.0 - nats)).abs() < 1e-6);
        row.force(4);
        let left = offered(&row);
        assert_eq!(left.len(), 1);
        assert!(left[0].0 == 4 && (left[0].1 + nats + 0.25).abs() < 1e-6);
        row.decide(5); // known or not, it costs nothing
        assert_eq!(offered(&row), [(5, -0.25)]);
    }
}
