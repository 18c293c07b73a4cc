//! Searches: which hypotheses to follow, and when to stop.

mod beam;
mod candidates;

pub use beam::BeamSearch;

use crate::{Hypothesis, LogProbs, NextToken};

/// How a model's rows continue after a step; see [`NextToken::reorder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reorder {
    /// For each new row the old one that it continues.
    pub rows: Vec<usize>,
    /// For each new sentence the old one that it was.
    pub sentences: Vec<usize>,
}

/// The state of a search over a batch of sentences.
pub trait Search {
    /// Last token of each row: what the model is fed next. One row per sentence before the first step.
    fn prev_output_tokens(&self) -> &[u32];

    /// Takes what the model says to [`prev_output_tokens`](Search::prev_output_tokens), chooses, and tells how rows
    /// go on; nothing goes on once the search is [finished](Search::finished).
    fn step(&mut self, log_probs: LogProbs) -> Reorder;

    /// Whether every sentence has its hypotheses.
    fn finished(&self) -> bool;

    /// The hypotheses of each sentence, best first, in the order of the batch.
    fn into_hypotheses(self) -> Vec<Vec<Hypothesis>>;
}

/// Runs `search` to its end on `model`.
pub fn run<S: Search>(mut search: S, model: &mut impl NextToken) -> Vec<Vec<Hypothesis>> {
    while !search.finished() {
        let log_probs = model.log_probs(search.prev_output_tokens());
        let next = search.step(log_probs);
        if !search.finished() {
            model.reorder(&next.rows, &next.sentences);
        }
    }
    search.into_hypotheses()
}
