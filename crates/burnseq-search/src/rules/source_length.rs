//! Hypotheses as long as their source.

use super::{Change, TokenRule};

/// Ends every hypothesis at [`Position::max_len`](super::Position::max_len) tokens and none before; what is not a choice costs nothing, as in
/// fairseq. A prefix may end a hypothesis earlier.
#[derive(Debug, Clone)]
pub struct SourceLength {
    /// Id of `</s>`.
    pub eos: usize,
}

impl TokenRule for SourceLength {
    fn token(&self) -> usize {
        self.eos
    }

    fn yields_to_prefix(&self) -> bool {
        true
    }

    fn change(&self, len: usize, max_len: usize) -> Option<Change> {
        let change = if len >= max_len {
            Change::Decide
        } else {
            Change::Forbid
        };
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogProbs, Position, Rule};

    #[test]
    fn the_end_is_certain_at_the_length_and_impossible_before() {
        let rule = SourceLength { eos: 2 };
        let offered = |tokens: &[u32], prefix: &[u32]| {
            let mut log_probs = LogProbs::from_logits(vec![0.0; 4], 4, 1.0);
            let mut row = log_probs.row(0);
            rule.apply(
                &Position {
                    prefix,
                    ..Position::plain(tokens, 2)
                },
                &mut row,
            );
            (row.log_prob(0), row.log_prob(2))
        };
        const NEVER: f32 = f32::NEG_INFINITY;
        let quarter = offered(&[], &[]).0;
        assert!((quarter - 0.25_f32.ln()).abs() < 1e-6);
        assert_eq!(offered(&[0], &[]), (quarter, NEVER));
        assert_eq!(offered(&[0], &[0, 2]), (quarter, quarter));
        assert_eq!(offered(&[0, 1], &[]), (NEVER, 0.0));
    }
}
