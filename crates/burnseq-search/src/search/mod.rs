//! Searches: which hypotheses to follow, and when to stop.
//!
//! [`BatchSearch`] keeps the hypotheses of a batch; a [`Strategy`] chooses how those of a sentence continue:
//! - [`Beam`]: the best of all continuations, as fairseq does it.
//! - [`DiverseBeam`]: groups that avoid each other's tokens (`--diverse-beam-groups`).
//! - [`DiverseSiblings`]: continuations of one hypothesis compete by rank (`--diversity-rate`).
//! - [`ConstrainedBeam`]: hypotheses that contain what they must (`--constraints`).
//! - [`Sampling`]: tokens drawn at random (`--sampling`).
//!
//! A model on a device may make the steps of [`Beam`] by itself: [`NextToken::run_beam`].

mod batch;
mod beam;
mod candidates;
pub mod constraints;
mod diverse_beam;
mod diverse_siblings;
#[cfg(test)]
mod markov;
mod sampling;

pub use batch::{BatchSearch, Live, Offers, Request, Sentence, Strategy};
pub use beam::Beam;
pub use candidates::Candidate;
pub use constraints::ConstrainedBeam;
pub use diverse_beam::DiverseBeam;
pub use diverse_siblings::DiverseSiblings;
pub use sampling::Sampling;

use burnseq_text::Vocab;

use crate::{GenerateOptions, Hypothesis, NextToken, Predictions, Wanted};

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

    /// What it looks at of each row, where that is not everything.
    fn wanted(&self) -> Option<&Wanted> {
        None
    }

    /// Takes what the model says to [`prev_output_tokens`](Search::prev_output_tokens), of all tokens or of those that
    /// are [wanted](Search::wanted), chooses, and tells how rows go on; nothing goes on once the search is
    /// [finished](Search::finished).
    fn step(&mut self, predictions: Predictions) -> Reorder;

    /// Whether every sentence has its hypotheses.
    fn finished(&self) -> bool;

    /// The hypotheses of each sentence, best first, in the order of the batch.
    fn into_hypotheses(self) -> Vec<Vec<Hypothesis>>;
}

/// Runs `search` to its end on `model`.
pub fn run<S: Search>(mut search: S, model: &mut impl NextToken) -> Vec<Vec<Hypothesis>> {
    while !search.finished() {
        let predictions = model.predict(search.prev_output_tokens(), search.wanted());
        let next = search.step(predictions);
        if !search.finished() {
            model.reorder(&next.rows, &next.sentences);
        }
    }
    search.into_hypotheses()
}

/// Runs the search that `options` ask for.
pub fn run_options(
    options: &GenerateOptions,
    vocab: &Vocab,
    requests: &[Request<'_>],
    model: &mut impl NextToken,
) -> Vec<Vec<Hypothesis>> {
    fn run_with<S: Strategy>(
        strategy: S,
        options: &GenerateOptions,
        vocab: &Vocab,
        requests: &[Request<'_>],
        model: &mut impl NextToken,
    ) -> Vec<Vec<Hypothesis>> {
        run(BatchSearch::new(strategy, options, vocab, requests), model)
    }
    if options.sampling {
        return run_with(Sampling::new(options), options, vocab, requests, model);
    }
    // Padding is never chosen, so a wider beam could not be filled.
    let options = &GenerateOptions {
        beam: options.beam.min(vocab.tgt - 1).max(1),
        ..options.clone()
    };
    if let Some(groups) = options.diverse_beam_groups {
        run_with(DiverseBeam::new(options, groups), options, vocab, requests, model)
    } else if let Some(rate) = options.diversity_rate {
        run_with(
            DiverseSiblings::new(options, rate),
            options,
            vocab,
            requests,
            model,
        )
    } else if let Some(order) = options.constraints {
        let strategy = ConstrainedBeam::new(options, order, vocab.eos());
        run_with(strategy, options, vocab, requests, model)
    } else {
        let mut search = BatchSearch::new(Beam::new(options), options, vocab, requests);
        model.run_beam(&mut search);
        run(search, model)
    }
}
