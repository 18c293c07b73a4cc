//! Decoding without a tensor library: the next-token distributions of a model become hypotheses.
//!
//! The parts, from the inside out:
//! - [`NextToken`] is all that a search knows of a model: log-probabilities of every row's next token, and rows that
//!   change places. Whatever computes them implements it; [`Ensemble`] gives it to several models, [`ShallowFusion`] to
//!   models with a language model.
//! - [`LogProbs`] holds those of one step, and normalises a row when the search reaches it. A search that says which
//!   tokens are [`Wanted`] is content with [`SparseLogProbs`], and a model may take the steps of [beam search](search::Beam)
//!   over: [`NextToken::run_beam`].
//! - [`Rule`]s edit them: lengths, forced prefixes, repeated n-grams, unknown-word penalty, padding.
//! - A [`Search`] is state: which tokens to feed, what to do with what comes back, whether it is over. [`BatchSearch`]
//!   is that for all [strategies](search): beam search, with a beam of one greedy search, diverse beams, lexical
//!   constraints, sampling.
//! - [`Generator`] takes a batch of [`Source`]s through all of these and returns [`Hypothesis`] lists. It knows no role of
//!   models, only whatever begins a batch as a [`NextToken`].
//!
//! The result of a sentence depends on that sentence alone: not on its batch, its padding or the number of threads.
//!
//! ```
//! use burnseq_search::{GenerateOptions, Generator, Limits, LogProbs, NextToken, Source};
//! use burnseq_text::Vocab;
//!
//! /// After each token the one with the next id is likeliest, after 6 the end.
//! struct Counting;
//!
//! impl NextToken for Counting {
//!     fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
//!         let logits = prev_output_tokens.iter().flat_map(|&token| {
//!             let likeliest = if token == 6 { 2 } else { token + 1 };
//!             (0..8).map(move |next| if next == likeliest { 3.0 } else { 0.0 })
//!         });
//!         LogProbs::from_logits(logits.collect(), 8, 1.0)
//!     }
//!     fn reorder(&mut self, _rows: &[usize], _sentences: &[usize]) {} // it remembers nothing
//! }
//!
//! let limits = Limits { vocab: Vocab::fairseq(8, 8), max_source_positions: 9, max_target_positions: 9 };
//! let generator = Generator::new(GenerateOptions { beam: 1, ..GenerateOptions::default() })?;
//! let hypotheses = generator.search(&limits, &[Source::new(0, vec![5, 2])], |_| Counting)?;
//! assert_eq!(hypotheses[0][0].tokens, [3, 4, 5, 6, 2]); // the decoder starts from `</s>`, 2
//! # Ok::<(), burnseq_search::SearchError>(())
//! ```

mod attention;
mod ensemble;
mod error;
mod fusion;
mod generator;
mod hypothesis;
mod log_probs;
mod next_token;
mod options;
pub mod rules;
pub mod search;
mod source;
mod sparse_log_probs;
mod vocab_loops;

pub use attention::Attention;
pub use ensemble::Ensemble;
pub use error::SearchError;
pub use fusion::ShallowFusion;
pub use generator::{Generator, Limits};
pub use hypothesis::Hypothesis;
pub use log_probs::{LogProbs, Row, SentenceRows};
pub use next_token::{NextToken, Predictions};
pub use options::{AtMaxLen, ConstraintOrder, EarlyStopping, GenerateOptions};
pub use rules::{Position, Rule};
pub use search::{BatchSearch, Reorder, Request, Search, Strategy};
pub use source::Source;
pub use sparse_log_probs::{SparseLogProbs, Wanted};
