//! How much an unknown word costs.

use super::{Change, TokenRule};

/// Takes `nats` from the log-probability of `<unk>`.
#[derive(Debug, Clone)]
pub struct UnkPenalty {
    /// Id of `<unk>`.
    pub unk: usize,
    /// The penalty; negative favours `<unk>`.
    pub nats: f32,
}

impl TokenRule for UnkPenalty {
    fn token(&self) -> usize {
        self.unk
    }

    fn change(&self, _len: usize, _max_len: usize) -> Option<Change> {
        Some(Change::Add(-self.nats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogProbs, Position, Rule};

    #[test]
    fn the_penalty_is_subtracted() {
        let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0], 2);
        let mut row = log_probs.row(0);
        UnkPenalty { unk: 1, nats: 0.5 }.apply(&Position::plain(&[], 9), &mut row);
        assert_eq!((row.log_prob(0), row.log_prob(1)), (-1.0, -2.5));
    }
}
