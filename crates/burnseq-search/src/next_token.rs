//! What a search knows of a model.

use crate::log_probs::LogProbs;
use crate::search::{BatchSearch, Beam};
use crate::sparse_log_probs::{SparseLogProbs, Wanted};

/// A model in the middle of decoding a batch: it takes one token per row and says what may follow.
///
/// Rows are hypotheses, sentence by sentence, the same number for each. Models, ensembles and language models
/// implement it, and nothing else of them reaches a [`Search`](crate::Search).
pub trait NextToken {
    /// Feeds `prev_output_tokens[row]` to every row and gives the log-probabilities of the token after it.
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs;

    /// As [`log_probs`](Self::log_probs) for a search that looks at what is `wanted` of every row, or at everything.
    ///
    /// A model on a device from which reading takes long gives what is wanted alone; others need not care.
    #[expect(unused_variables, reason = "everything is more than what is wanted")]
    fn predict(&mut self, prev_output_tokens: &[u32], wanted: Option<&Wanted>) -> Predictions {
        Predictions::Dense(self.log_probs(prev_output_tokens))
    }

    /// Makes new row `r` continue old row `rows[r]`, and new sentence `s` be old sentence `sentences[s]`.
    ///
    /// `rows.len()` is a multiple of `sentences.len()`; row `r` belongs to new sentence
    /// `r / (rows.len() / sentences.len())`, and `rows[r]` to the same sentence.
    fn reorder(&mut self, rows: &[usize], sentences: &[usize]);

    /// Makes steps of a beam search without the host, as many as the model can; the host makes those that are left.
    ///
    /// For a model on a device that scores and chooses continuations by itself. It takes its steps to the search by
    /// [`BatchSearch::advance`].
    #[expect(
        unused_variables,
        reason = "a model that only predicts leaves all steps to the host"
    )]
    fn run_beam(&mut self, search: &mut BatchSearch<'_, Beam>) {}
}

/// What a model says of the next token of every row.
#[derive(Debug, Clone)]
pub enum Predictions {
    /// Log-probabilities of all tokens.
    Dense(LogProbs),
    /// Log-probabilities of the tokens that a search looks at.
    Sparse(SparseLogProbs),
}

impl Predictions {
    /// Hypotheses.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(log_probs) => log_probs.rows(),
            Self::Sparse(log_probs) => log_probs.rows(),
        }
    }
}

impl From<LogProbs> for Predictions {
    fn from(log_probs: LogProbs) -> Self {
        Self::Dense(log_probs)
    }
}
