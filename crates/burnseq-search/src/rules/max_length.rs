//! The longest hypothesis.

use super::{Change, TokenRule};

/// Ends every hypothesis that has reached [`Position::max_len`](super::Position::max_len).
#[derive(Debug, Clone)]
pub struct MaxLength {
    /// Id of `</s>`.
    pub eos: usize,
    /// The end costs nothing there.
    pub free: bool,
}

impl TokenRule for MaxLength {
    fn token(&self) -> usize {
        self.eos
    }

    fn change(&self, len: usize, max_len: usize) -> Option<Change> {
        let end = if self.free { Change::Decide } else { Change::Force };
        (len >= max_len).then_some(end)
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
        let max_length = MaxLength { eos: 2, free: false };
        max_length.apply(&Position::plain(&[1], 2), &mut row);
        assert_eq!(row.log_prob(0), -1.0);
        max_length.apply(&Position::plain(&[1, 0], 2), &mut row);
        assert_eq!((row.log_prob(0), row.log_prob(2)), (f32::NEG_INFINITY, -3.0));
        MaxLength { eos: 2, free: true }.apply(&Position::plain(&[1, 0], 2), &mut row);
        assert_eq!(row.log_prob(2), 0.0);
    }
}
