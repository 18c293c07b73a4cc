//! The first tokens of a hypothesis.

use crate::{Position, Row, Rule};

/// Leaves nothing but the next token of [`Position::prefix`] while that lasts.
///
/// The longest length comes first: a prefix that reaches it is cut.
#[derive(Debug, Clone)]
pub struct ForcedPrefix;

impl Rule for ForcedPrefix {
    fn apply(&self, position: &Position<'_>, row: &mut Row<'_>) {
        if let Some(token) = position.forced() {
            row.force(token as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogProbs;

    #[test]
    fn tokens_are_forced_until_the_prefix_or_the_longest_length_ends() {
        let left = |tokens: &[u32], max_len| {
            let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0, -3.0], 3);
            let mut row = log_probs.row(0);
            let prefix = &[2, 0];
            ForcedPrefix.apply(
                &Position {
                    prefix,
                    ..Position::plain(tokens, max_len)
                },
                &mut row,
            );
            [0, 1, 2].map(|token| row.log_prob(token))
        };
        const NEVER: f32 = f32::NEG_INFINITY;
        assert_eq!(left(&[], 9), [NEVER, NEVER, -3.0]);
        assert_eq!(left(&[2], 9), [-1.0, NEVER, NEVER]);
        assert_eq!(left(&[2, 0], 9), [-1.0, -2.0, -3.0]);
        assert_eq!(left(&[2], 1), [-1.0, -2.0, -3.0]);
    }
}
