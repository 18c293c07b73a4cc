//! What a search finds.

use crate::Attention;

/// One translation of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Target tokens, `</s>` included.
    pub tokens: Vec<u32>,
    /// Log-probability in nats, divided by `n^lenpen` unless scores are unnormalised.
    pub score: f32,
    /// Log-probability of each token in nats, penalties included; not divided by anything.
    pub positional_scores: Vec<f32>,
    /// What each token looked at, where it was asked for.
    pub attention: Option<Attention>,
}

impl Hypothesis {
    /// Ends a hypothesis: `cumulative[i]` is the log-probability of `tokens[..=i]`.
    pub(crate) fn new(tokens: Vec<u32>, cumulative: &[f32], lenpen: Option<f64>) -> Self {
        let total = cumulative.last().copied().unwrap_or(0.0);
        let score = normalised(total, tokens.len(), lenpen);
        let mut before = 0.0;
        let mut positional_scores = cumulative.to_vec();
        for score in &mut positional_scores {
            (*score, before) = (*score - before, *score);
        }
        Self {
            tokens,
            score,
            positional_scores,
            attention: None,
        }
    }

    /// A translation that was given, with the log-probabilities of its tokens in nats; the score is divided by `n^lenpen`
    /// if there is a `lenpen`.
    pub fn from_positional_scores(
        tokens: Vec<u32>,
        positional_scores: Vec<f32>,
        lenpen: Option<f64>,
    ) -> Self {
        let score = normalised(positional_scores.iter().sum(), tokens.len(), lenpen);
        Self {
            tokens,
            score,
            positional_scores,
            attention: None,
        }
    }

    /// The score in bits, as `H-` lines give it.
    pub fn score_base2(&self) -> f32 {
        to_base2(self.score)
    }

    /// The scores of the tokens in bits, as `P-` lines give them.
    pub fn positional_scores_base2(&self) -> impl Iterator<Item = f32> {
        self.positional_scores.iter().map(|&score| to_base2(score))
    }
}

/// The score of `n` tokens whose log-probabilities sum to `total`.
pub(crate) fn normalised(total: f32, n: usize, lenpen: Option<f64>) -> f32 {
    match lenpen {
        // The divisor is rounded once and divided in single precision, as in fairseq.
        Some(lenpen) => total / (n as f64).powf(lenpen) as f32,
        None => total,
    }
}

fn to_base2(nats: f32) -> f32 {
    nats / std::f32::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_counts_the_end_of_the_sentence_and_tokens_score_what_they_add() {
        let hypothesis = Hypothesis::new(vec![7, 8, 2], &[-1.0, -1.5, -3.0], Some(1.0));
        assert_eq!(hypothesis.score, -1.0);
        assert_eq!(hypothesis.positional_scores, [-1.0, -0.5, -1.5]);
        assert_eq!(
            Hypothesis::new(vec![7, 8, 2], &[-1.0, -1.5, -3.0], None).score,
            -3.0
        );
        assert_eq!(
            Hypothesis::new(vec![7, 5, 8, 2], &[-1.0, -1.5, -2.0, -3.0], Some(0.5)).score,
            -1.5
        );
    }

    #[test]
    fn bits_are_nats_over_ln_2() {
        let hypothesis = Hypothesis::new(vec![2], &[-std::f32::consts::LN_2], Some(1.0));
        assert_eq!(hypothesis.score_base2(), -1.0);
        assert_eq!(hypothesis.positional_scores_base2().collect::<Vec<_>>(), [-1.0]);
    }
}
