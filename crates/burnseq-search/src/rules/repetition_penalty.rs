//! Tokens that were there before become less likely.

use crate::{Position, Row, Rule};

/// Penalises every token of the context and of the hypothesis, once each (Keskar et al. 2019, section 4.1).
///
/// The paper divides logits. Hugging Face does so in greedy search and sampling, multiplies negative ones so that they
/// fall as well, and takes log-probabilities for logits in beam search; so do we.
#[derive(Debug, Clone)]
pub struct RepetitionPenalty {
    /// Above 1 a repetition becomes less likely, below 1 likelier.
    pub penalty: f32,
    /// Logits are changed instead of log-probabilities.
    pub of_logits: bool,
}

impl Rule for RepetitionPenalty {
    fn apply(&self, position: &Position<'_>, row: &mut Row<'_>) {
        let mut seen: Vec<u32> = position.context.iter().chain(position.tokens).copied().collect();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            let token = token as usize;
            if token < row.vocab() {
                let value = if self.of_logits {
                    row.logit(token)
                } else {
                    row.log_prob(token)
                };
                let penalised = if value < 0.0 {
                    value * self.penalty
                } else {
                    value / self.penalty
                };
                if value.is_finite() {
                    row.add(token, penalised - value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogProbs;

    #[test]
    fn tokens_of_context_and_hypothesis_are_penalised_once() {
        let position = Position {
            context: &[0],
            ..Position::plain(&[2, 2], 9)
        };
        let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0, -3.0], 3);
        let mut row = log_probs.row(0);
        RepetitionPenalty {
            penalty: 2.0,
            of_logits: false,
        }
        .apply(&position, &mut row);
        assert_eq!([0, 1, 2].map(|token| row.log_prob(token)), [-2.0, -2.0, -6.0]);
    }

    #[test]
    fn logits_above_zero_are_divided() {
        let mut log_probs = LogProbs::from_logits(vec![4.0, 1.0, -1.0], 3, 1.0);
        let mut row = log_probs.row(0);
        let normaliser = 4.0 - row.log_prob(0);
        RepetitionPenalty {
            penalty: 2.0,
            of_logits: true,
        }
        .apply(&Position::plain(&[0, 2], 9), &mut row);
        let logits = [0, 1, 2].map(|token| row.log_prob(token) + normaliser);
        for (found, expected) in logits.iter().zip([2.0, 1.0, -2.0]) {
            assert!((found - expected).abs() < 1e-6, "{logits:?}");
        }
    }
}
