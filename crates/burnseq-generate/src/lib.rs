//! Decoding: a model's next-token distributions become hypotheses.
//!
//! The parts, from the inside out:
//! - [`NextToken`] is all that a search knows of a model: log-probabilities of every row's next token, and rows that
//!   change places. [`ModelNextToken`] gives it to every [`Stepwise`](burnseq_model::Stepwise) model,
//!   [`Ensemble`] to several models, [`ShallowFusion`] to models beside a language model.
//! - [`LogProbs`] holds those of one step on the host, and normalises a row when the search comes to it. A search that
//!   says which tokens are [`Wanted`] is content with [`SparseLogProbs`], which a GPU chooses itself. Plain beam search
//!   leaves whole steps to a GPU, by way of [`DeviceNextToken`].
//! - [`Rule`]s edit them: lengths, forced prefixes, repeated n-grams, unknown-word penalty, padding.
//! - A [`Search`] is state: which tokens to feed, what to do with what comes back, whether it is over. [`BatchSearch`]
//!   is that for all [strategies](search): beam search, with a beam of one greedy search, diverse beams, lexical
//!   constraints, sampling.
//! - [`Generator`] takes a batch of [`Source`]s through all of these and returns [`Hypothesis`] lists. It knows no role of
//!   models; what begins with an encoder-decoder is in `encoder_decoder.rs`.
//! - [`Scorer`] tells what the same models say to translations that are given, and what they look at: [`Attention`].
//!
//! The result of a sentence depends on that sentence alone: not on its batch, its padding or the number of threads.
//!
//! ```
//! use burn::tensor::Device;
//! use burnseq_generate::{GenerateOptions, Generator, Source};
//! use burnseq_model::{FamilyConfig, TransformerConfig, Vocab};
//!
//! let config = TransformerConfig { encoder_layers: 1, decoder_layers: 1, ..TransformerConfig::default() };
//! let model = config.init(&Vocab { src: 16, tgt: 24, pad: 1, eos: 2 }, 1, &Device::flex());
//! let generator = Generator::new(GenerateOptions { beam: 3, nbest: 2, max_len_b: 7, ..GenerateOptions::default() })?;
//! let sources = [Source::new(0, vec![5, 7, 2]), Source::new(1, vec![2])];
//! let hypotheses = generator.generate(&[model], &sources, &Device::flex())?;
//! assert_eq!(hypotheses.len(), 2); // one list per source, the empty sentence included
//! assert_eq!(hypotheses[0].len(), 2); // two best
//! assert!(hypotheses[0][0].score >= hypotheses[0][1].score);
//! assert_eq!(hypotheses[1][0].tokens.last(), Some(&2)); // every hypothesis ends with `</s>`
//! # Ok::<(), burnseq_generate::GenerateError>(())
//! ```

mod attention;
mod encoder_decoder;
mod ensemble;
mod error;
mod fusion;
mod generator;
mod hypothesis;
mod kernels;
mod log_probs;
mod next_token;
mod options;
pub mod rules;
mod scorer;
pub mod search;
mod source;
mod sparse_log_probs;
mod tensor_ops;

pub use attention::Attention;
pub use ensemble::Ensemble;
pub use error::GenerateError;
pub use fusion::ShallowFusion;
pub use generator::{Generator, Limits};
pub use hypothesis::Hypothesis;
pub use log_probs::{LogProbs, Row};
pub use next_token::{DeviceNextToken, ModelNextToken, NextToken, Predictions};
pub use options::{ConstraintOrder, GenerateOptions};
pub use rules::{Position, Rule};
pub use scorer::Scorer;
pub use search::{BatchSearch, Reorder, Request, Search, Strategy};
pub use source::Source;
pub use sparse_log_probs::{SparseLogProbs, Wanted};
