//! The longest hypothesis.

use super::{Change, TokenRule};

/// Ends every hypothesis that has reached [`Position::max_len`](super::Position::max_len).
#[derive(Debug, Clone)]
pub struct MaxLength {
    /// Id of `</s>`.
    pub eos: usize,
}

impl TokenRule for MaxLength {
    fn token(&self) -> usize {
        self.eos
    }

    fn change(&self, len: usize, max_len: usize) -> Option<Change> {
        (len >= max_len).then_some(Change::Force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogProbs, Position, Rule};

    #[test]
    fn only_the_end_is_left_at_the_limit() {
        let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0, -3.0], 3);
        let mut row = log_probs.row(0);
        MaxLength { eos: 2 }.apply(&Position::plain(&[1], 2), &mut row);
        assert_eq!(row.log_prob(0), -1.0);
        MaxLength { eos: 2 }.apply(&Position::plain(&[1, 0], 2), &mut row);
        assert_eq!((row.log_prob(0), row.log_prob(2)), (f32::NEG_INFINITY, -3.0));
    }
}
