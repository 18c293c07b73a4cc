//! A token that is never produced.

use super::{Change, TokenRule};

/// Forbids one token everywhere: padding.
#[derive(Debug, Clone)]
pub struct Forbidden {
    /// The token.
    pub token: usize,
}

impl TokenRule for Forbidden {
    fn token(&self) -> usize {
        self.token
    }

    fn change(&self, _len: usize, _max_len: usize) -> Option<Change> {
        Some(Change::Forbid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogProbs, Position, Rule};

    #[test]
    fn the_token_is_impossible_and_the_others_keep_their_scores() {
        let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0], 2);
        let mut row = log_probs.row(0);
        Forbidden { token: 0 }.apply(&Position::plain(&[], 9), &mut row);
        assert_eq!((row.log_prob(0), row.log_prob(1)), (f32::NEG_INFINITY, -2.0));
    }
}
