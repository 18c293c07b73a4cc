//! No n-gram twice.

use crate::{Position, Row, Rule};

/// Forbids a token that would complete a sequence of `size` tokens that the hypothesis already has, what it continues
/// included: the prompt, or the token that the decoder starts from.
///
/// It never forbids the end, nor what a prefix forces or a constraint needs. fairseq's own blocking does nothing
/// without its CUDA extension: it compares with the padding behind the hypothesis.
#[derive(Debug, Clone)]
pub struct NoRepeatNgram {
    /// Id of `</s>`.
    pub eos: usize,
    /// Tokens of a sequence, at least 1.
    pub size: usize,
}

impl Rule for NoRepeatNgram {
    fn apply(&self, position: &Position<'_>, row: &mut Row<'_>) {
        if position.forced().is_some() {
            return;
        }
        // The hypothesis with its context, so that n-grams are windows of it.
        let history = [position.context, position.tokens].concat();
        let Some(last) = history.len().checked_sub(self.size - 1) else {
            return;
        };
        let context = &history[last..];
        for ngram in history.windows(self.size) {
            let (token, before) = ngram.split_last().expect("an n-gram has a token");
            if before == context && *token as usize != self.eos && !position.wanted.contains(token) {
                row.forbid(*token as usize);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogProbs;

    /// The tokens of 0 to 7 that are forbidden after `tokens`.
    fn forbidden(size: usize, position: &Position<'_>) -> Vec<usize> {
        let mut log_probs = LogProbs::from_scores(vec![-1.0; 8], 8);
        let mut row = log_probs.row(0);
        NoRepeatNgram { eos: 2, size }.apply(position, &mut row);
        (0..8)
            .filter(|&token| row.log_prob(token) == f32::NEG_INFINITY)
            .collect()
    }

    #[test]
    fn a_token_that_would_repeat_an_ngram_is_forbidden() {
        let after = |size, tokens| forbidden(size, &Position::plain(tokens, 9));
        assert_eq!(after(2, &[4, 5, 6, 4]), [5]);
        assert_eq!(after(2, &[4, 5, 4, 6, 4]), [5, 6]);
        assert_eq!(after(3, &[4, 5, 6, 4]), [0; 0]);
        assert_eq!(after(3, &[4, 5, 6, 4, 5]), [6]);
        assert_eq!(after(2, &[]), [0; 0]);
        assert_eq!(after(4, &[4, 4]), [0; 0]);
    }

    #[test]
    fn single_tokens_are_not_repeated_but_the_end_is_free() {
        assert_eq!(forbidden(1, &Position::plain(&[4, 6], 9)), [4, 6]);
    }

    #[test]
    fn the_start_counts_as_a_token() {
        // `</s> 4` has occurred; after another `</s>` the 4 would repeat it.
        assert_eq!(forbidden(2, &Position::plain(&[4, 2], 9)), [4]);
    }

    #[test]
    fn what_a_prefix_or_a_constraint_needs_stays() {
        let tokens = [4, 5, 6, 4];
        let plain = || Position::plain(&tokens, 9);
        let wanted = Position {
            wanted: &[5],
            ..plain()
        };
        let prefix = &[4, 5, 6, 4, 5];
        assert_eq!(forbidden(2, &wanted), [0; 0]);
        assert_eq!(forbidden(2, &Position { prefix, ..plain() }), [0; 0]);
    }
}
