//! The first token.

use super::{Change, TokenRule};

/// Begins every hypothesis with one token, which costs nothing: a language in multilingual models, `<s>` in BART's.
#[derive(Debug, Clone)]
pub struct ForcedBos {
    /// The token.
    pub token: usize,
}

impl TokenRule for ForcedBos {
    fn token(&self) -> usize {
        self.token
    }

    fn change(&self, len: usize, max_len: usize) -> Option<Change> {
        (len == 0 && max_len > 0).then_some(Change::Decide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogProbs, Position, Rule};

    #[test]
    fn the_first_token_alone_is_decided() {
        let mut log_probs = LogProbs::from_scores(vec![-1.0, -2.0, -3.0], 3);
        let mut row = log_probs.row(0);
        let rule = ForcedBos { token: 1 };
        rule.apply(&Position::plain(&[0], 5), &mut row);
        assert_eq!(row.log_prob(1), -2.0);
        rule.apply(&Position::plain(&[], 5), &mut row);
        assert_eq!((row.log_prob(0), row.log_prob(1)), (f32::NEG_INFINITY, 0.0));
    }
}
