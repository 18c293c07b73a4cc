//! Log-probabilities of the tokens that a search looks at.

use crate::log_probs::Row;

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
    /// From the logits of tokens that a device has chosen, as [`Wanted`] says; `vocab` is the number of all tokens.
    ///
    /// `normalisers` are the logarithms of the sums of all exponentials of each row; one that is not finite stands for a
    /// row that is no distribution. A token whose id is none, or whose logit is not above [`f32::MIN`], is not offered.
    ///
    /// # Shapes
    /// - `best`: `[rows, any number]`, the likeliest tokens
    /// - `others`: `[rows, any number]`, the other ones that are wanted, which may be among the likeliest, too
    /// - `normalisers`: `[rows]`
    ///
    /// # Panics
    /// When the number of rows does not divide that of the tokens.
    pub fn new(
        best: Vec<(usize, f32)>,
        others: Vec<(usize, f32)>,
        normalisers: Vec<f32>,
        vocab: usize,
    ) -> Self {
        let rows = normalisers.len();
        assert!(
            best.len().is_multiple_of(rows) && others.len().is_multiple_of(rows),
            "{} likeliest and {} other tokens, {rows} rows",
            best.len(),
            others.len()
        );
        Self {
            best,
            others,
            normalisers,
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn places_that_a_device_leaves_empty_are_no_tokens() {
        let best = vec![(5, 1.0), (usize::MAX, f32::MIN), (3, f32::MIN)];
        let found = SparseLogProbs::new(best, vec![(2, 0.0)], vec![0.0], VOCAB);
        assert_eq!(offered(&found.row(0)), [(2, -0.25), (5, 0.75)]);
    }

    #[test]
    fn a_row_without_a_distribution_offers_nothing() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let best = vec![(5, 1.0), (3, 0.0), (5, 1.0), (3, 0.0)];
            let found = SparseLogProbs::new(best, vec![(2, 0.0), (2, 0.0)], vec![0.0, bad], VOCAB);
            assert_eq!(offered(&found.row(0)).len(), 3);
            assert_eq!(offered(&found.row(1)), [], "{bad}");
        }
    }

    #[test]
    fn edits_change_what_a_row_offers() {
        let nats = (VOCAB as f32).ln();
        let all = (0..VOCAB).map(|token| (token, 0.0)).collect();
        let found = SparseLogProbs::new(all, vec![(2, 0.0)], vec![nats], VOCAB);
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
