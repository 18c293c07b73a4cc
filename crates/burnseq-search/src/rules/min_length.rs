//! The shortest hypothesis.

use super::{Change, TokenRule};

/// Forbids `</s>` before `min_len` tokens; where the longest hypothesis is shorter than that, its limit holds. A prefix
/// may end a hypothesis earlier.
#[derive(Debug, Clone)]
pub struct MinLength {
    /// Id of `</s>`.
    pub eos: usize,
    /// Fewest tokens before `</s>`.
    pub min_len: usize,
}

impl TokenRule for MinLength {
    fn token(&self) -> usize {
        self.eos
    }

    fn yields_to_prefix(&self) -> bool {
        true
    }

    fn change(&self, len: usize, max_len: usize) -> Option<Change> {
        (len < self.min_len.min(max_len)).then_some(Change::Forbid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogProbs, Position, Rule};

    #[test]
    fn the_end_is_forbidden_until_there_are_enough_tokens() {
        let rule = MinLength { eos: 2, min_len: 2 };
        let end = |tokens: &[u32], max_len| {
            let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0, -3.0], 3);
            let mut row = log_probs.row(0);
            rule.apply(&Position::plain(tokens, max_len), &mut row);
            row.log_prob(2)
        };
        assert_eq!(end(&[0], 9), f32::NEG_INFINITY);
        assert_eq!(end(&[0, 1], 9), -3.0);
        assert_eq!(end(&[0], 1), -3.0);
        let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0, -3.0], 3);
        let mut row = log_probs.row(0);
        let prefix = &[0, 2];
        rule.apply(
            &Position {
                prefix,
                ..Position::plain(&[0], 9)
            },
            &mut row,
        );
        assert_eq!(row.log_prob(2), -3.0);
    }
}
