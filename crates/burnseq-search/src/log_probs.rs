//! Log-probabilities of one decoding step, on the host.

use rayon::prelude::*;

use crate::vocab_loops;

/// Log-probabilities of the next token of every row, in nats.
///
/// Made from logits, they stay logits until a row is looked at: normalising, [rules](crate::Rule) and selection then
/// pass over a row while it is in the cache, and no second copy of the matrix is written.
///
/// # Shapes
/// `[rows, vocab]`
#[derive(Debug, Clone)]
pub struct LogProbs {
    values: Vec<f32>,
    vocab: usize,
    source: Source,
}

/// What the values of a [`LogProbs`] are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    /// Logits, to be divided by the temperature and normalised.
    Logits { temperature: f32 },
    /// Log-probabilities, or scores that must not be normalised.
    Scores,
}

impl LogProbs {
    /// From logits `[rows, vocab]`, which are divided by `temperature` first.
    ///
    /// # Panics
    /// When `vocab` is 0 or does not divide the number of logits.
    pub fn from_logits(logits: Vec<f32>, vocab: usize, temperature: f32) -> Self {
        Self::new(logits, vocab, Source::Logits { temperature })
    }

    /// From log-probabilities, or any scores in nats that are used as they are, `[rows, vocab]`.
    ///
    /// # Panics
    /// When `vocab` is 0 or does not divide the number of values.
    pub fn from_scores(scores: Vec<f32>, vocab: usize) -> Self {
        Self::new(scores, vocab, Source::Scores)
    }

    fn new(values: Vec<f32>, vocab: usize, source: Source) -> Self {
        assert!(
            vocab > 0 && values.len().is_multiple_of(vocab),
            "{} values, vocab {vocab}",
            values.len()
        );
        Self {
            values,
            vocab,
            source,
        }
    }

    /// Hypotheses.
    pub fn rows(&self) -> usize {
        self.values.len() / self.vocab
    }

    /// Target types.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Row `row`; call it once, it takes values that were not looked at before.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&mut self, row: usize) -> Row<'_> {
        Row::new(&mut self.values[row * self.vocab..][..self.vocab], self.source)
    }

    /// Makes the values log-probabilities, those of a row that is no distribution NaN.
    pub(crate) fn normalise(&mut self) {
        let Source::Logits { temperature } = self.source else {
            return;
        };
        self.values.par_chunks_exact_mut(self.vocab).for_each(|row| {
            row.iter_mut().for_each(|logit| *logit /= temperature);
            let normaliser = vocab_loops::log_sum_exp(row);
            row.iter_mut().for_each(|logit| *logit -= normaliser);
        });
        self.source = Source::Scores;
    }

    /// The values, row by row; log-probabilities once [normalised](Self::normalise).
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// As [`values`](Self::values).
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The rows of each sentence, `rows_per_sentence` of them, for work in parallel. Every row is to be taken at most once.
    pub fn par_sentences(
        &mut self,
        rows_per_sentence: usize,
    ) -> impl IndexedParallelIterator<Item = SentenceRows<'_>> {
        let (vocab, source) = (self.vocab, self.source);
        self.values
            .par_chunks_exact_mut(rows_per_sentence * vocab)
            .map(move |values| SentenceRows {
                values,
                vocab,
                source,
            })
    }
}

/// The rows of one sentence.
#[derive(Debug)]
pub struct SentenceRows<'a> {
    values: &'a mut [f32],
    vocab: usize,
    source: Source,
}

impl SentenceRows<'_> {
    /// Target types.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Row `row` of the sentence.
    pub fn row(&mut self, row: usize) -> Row<'_> {
        Row::new(&mut self.values[row * self.vocab..][..self.vocab], self.source)
    }
}

/// Log-probabilities of the next token of one hypothesis: what a [`Rule`](crate::Rule) edits.
#[derive(Debug)]
pub struct Row<'a> {
    /// Log-probabilities plus `normaliser`.
    values: Values<'a>,
    normaliser: f32,
}

/// A number for each token that is possible.
#[derive(Debug)]
enum Values<'a> {
    /// For every token, by its id; negative infinity where it is impossible.
    Dense(&'a mut [f32]),
    /// For some tokens, in order of their ids; the others of the `vocab` are not looked at.
    Sparse { values: Vec<(usize, f32)>, vocab: usize },
}

impl<'a> Row<'a> {
    fn new(values: &'a mut [f32], source: Source) -> Self {
        let mut normaliser = 0.0;
        if let Source::Logits { temperature } = source {
            if temperature != 1.0 {
                values.iter_mut().for_each(|logit| *logit /= temperature);
            }
            normaliser = vocab_loops::log_sum_exp(values);
        }
        if normaliser.is_nan() {
            // No distribution: as in fairseq, such a row offers nothing.
            values.fill(f32::NEG_INFINITY);
            normaliser = 0.0;
        }
        Self {
            values: Values::Dense(values),
            normaliser,
        }
    }

    /// Of the logits of some tokens, in order of their ids, and the normaliser of the logits of all `vocab`.
    pub(crate) fn sparse(mut logits: Vec<(usize, f32)>, mut normaliser: f32, vocab: usize) -> Self {
        if !normaliser.is_finite() {
            // No distribution, as above.
            logits.clear();
            normaliser = 0.0;
        }
        Self {
            values: Values::Sparse {
                values: logits,
                vocab,
            },
            normaliser,
        }
    }

    /// Target types.
    pub fn vocab(&self) -> usize {
        match &self.values {
            Values::Dense(values) => values.len(),
            Values::Sparse { vocab, .. } => *vocab,
        }
    }

    /// Log-probability of `token` in nats; negative infinity when it is forbidden, or not looked at.
    pub fn log_prob(&self, token: usize) -> f32 {
        self.values.get(token) - self.normaliser
    }

    /// Logit of `token`, where the row is one of logits; else its log-probability. See [`log_prob`](Self::log_prob).
    pub fn logit(&self, token: usize) -> f32 {
        self.values.get(token)
    }

    /// Makes `token` impossible.
    pub fn forbid(&mut self, token: usize) {
        if let Some(value) = self.values.get_mut(token) {
            *value = f32::NEG_INFINITY;
        }
    }

    /// Makes every token but `token` impossible; its own log-probability stays.
    pub fn force(&mut self, token: usize) {
        self.values.keep(token, self.values.get(token));
    }

    /// Makes `token` certain, at no cost; every other one is impossible then.
    pub fn decide(&mut self, token: usize) {
        self.values.keep(token, self.normaliser);
    }

    /// Adds `nats` to the log-probability of `token`.
    pub fn add(&mut self, token: usize, nats: f32) {
        if let Some(value) = self.values.get_mut(token) {
            *value += nats;
        }
    }

    /// Calls `found(token, score)` for every token whose log-probability plus `before` is above `threshold`, in order
    /// of tokens; `found` returns the threshold from then on, which must not fall.
    pub fn for_each_above(&self, before: f32, mut threshold: f32, mut found: impl FnMut(usize, f32) -> f32) {
        match &self.values {
            Values::Dense(values) => {
                vocab_loops::for_each_above(values, self.normaliser, before, threshold, &mut found);
            }
            Values::Sparse { values, .. } => {
                for &(token, value) in values {
                    let score = (value - self.normaliser) + before;
                    if score > threshold {
                        threshold = found(token, score);
                    }
                }
            }
        }
    }
}

impl Values<'_> {
    fn get(&self, token: usize) -> f32 {
        match self {
            Self::Dense(values) => values[token],
            Self::Sparse { values, .. } => values
                .binary_search_by_key(&token, |&(id, _)| id)
                .map_or(f32::NEG_INFINITY, |place| values[place].1),
        }
    }

    fn get_mut(&mut self, token: usize) -> Option<&mut f32> {
        match self {
            Self::Dense(values) => Some(&mut values[token]),
            Self::Sparse { values, .. } => {
                let place = values.binary_search_by_key(&token, |&(id, _)| id).ok()?;
                Some(&mut values[place].1)
            }
        }
    }

    /// Leaves `token` alone, with `value`.
    fn keep(&mut self, token: usize, value: f32) {
        match self {
            Self::Dense(values) => {
                values.fill(f32::NEG_INFINITY);
                values[token] = value;
            }
            Self::Sparse { values, .. } => *values = vec![(token, value)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_are_normalised_and_scores_are_not() {
        let logits = vec![0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0];
        let mut log_probs = LogProbs::from_logits(logits.clone(), 4, 1.0);
        assert_eq!((log_probs.rows(), log_probs.vocab()), (2, 4));
        assert!((log_probs.row(0).log_prob(2) - 0.25_f32.ln()).abs() < 1e-6);
        let row = log_probs.row(1);
        let total: f32 = (0..4).map(|token| row.log_prob(token).exp()).sum();
        assert!((total - 1.0).abs() < 1e-6);
        assert_eq!(LogProbs::from_scores(logits, 4).row(1).log_prob(3), 4.0);
    }

    #[test]
    fn temperature_divides_logits() {
        let mut warm = LogProbs::from_logits(vec![2.0, 4.0, 8.0], 3, 2.0);
        let mut plain = LogProbs::from_logits(vec![1.0, 2.0, 4.0], 3, 1.0);
        assert_eq!(warm.row(0).log_prob(1), plain.row(0).log_prob(1));
    }

    #[test]
    fn edits_change_what_a_row_offers() {
        let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0, -3.0, -4.0], 4);
        let mut row = log_probs.row(0);
        row.forbid(0);
        row.add(3, 3.0);
        let mut seen = Vec::new();
        row.for_each_above(-1.0, -3.5, |token, score| {
            seen.push((token, score));
            -3.5
        });
        assert_eq!(seen, [(1, -3.0), (3, -2.0)]);
        row.force(2);
        assert_eq!(row.log_prob(2), -3.0);
        assert_eq!(row.log_prob(1), f32::NEG_INFINITY);
        row.decide(1);
        assert_eq!((row.log_prob(1), row.log_prob(2)), (0.0, f32::NEG_INFINITY));
    }

    #[test]
    fn a_row_with_nan_offers_nothing() {
        let mut log_probs = LogProbs::from_logits(vec![1.0, f32::NAN, 2.0], 3, 1.0);
        log_probs
            .row(0)
            .for_each_above(0.0, f32::NEG_INFINITY, |_, _| panic!("nothing is offered"));
    }
}
