//! Data: from files of text to batches of padded token ids, without Burn.
//!
//! ```text
//! text --preprocess--> data-bin/ --DatasetDir--> LanguagePairDataset --plan--> batches of numbers
//!                                                        |                          |
//!                                                        '--- collate <--- EpochIterator
//! ```
//!
//! - [`preprocess`]: the whole way from text to a data folder: subwords, dictionaries, ids, report.
//! - [`DatasetDir`]: a data folder opened again: languages, splits, dictionaries, subword models.
//! - [`TextDir`]: the same of text without a second side.
//! - [`IndexedDataset`], [`IndexedWriter`]: sentences of ids on disk in fairseq's formats.
//! - [`RawDataset`]: text that becomes ids when it is opened; [`DatasetImpl`] names all formats.
//! - [`Dataset`], [`Batch`]: examples, and the batches padded from them; [`LanguagePairDataset`] and [`PairBatch`] of
//!   sentence pairs, each side [`Sentences`]; [`TokenBlockDataset`] of text cut into blocks.
//! - [`ordered_indices`], [`filter_by_size`], [`batch_by_size`]: which sentences share a batch.
//! - [`EpochIterator`]: the order of batches in each epoch, resumable at any batch.
//! - [`prefetch()`]: batches made in the background.
//! - [`Resampling`]: other subwords for the same words in every epoch.
//! - [`Mt19937`]: numpy's generator, so that a seed orders the data as it does in fairseq.
//!
//! ```
//! use burnseq_data::{BatchLimits, BatchSettings, Dataset, LanguagePairDataset, PairOptions, Sentences};
//!
//! // Ids as a dictionary of ten types gives them; 2 ends a sentence, 1 pads.
//! let src = Sentences::Memory(vec![vec![4, 5, 2], vec![6, 2]]);
//! let tgt = Sentences::Memory(vec![vec![7, 2], vec![8, 9, 2]]);
//! let pairs = LanguagePairDataset::new(src, Some(tgt), 10, 10, PairOptions::default())?;
//! let plan = pairs.plan(&BatchSettings {
//!     limits: BatchLimits { max_tokens: Some(100), ..BatchLimits::default() },
//!     max_positions: (1024, 1024),
//!     skip_too_long: true,
//!     seed: Some(2),
//! })?;
//! let batch = pairs.collate(&plan.batches[0], 0)?;
//! assert_eq!(batch.src_tokens, [4, 5, 2, 1, 6, 2]); // [batch, src_len], left-padded
//! assert_eq!(batch.prev_output_tokens, [2, 7, 1, 2, 8, 9]); // </s> moved to the front
//! # Ok::<(), burnseq_data::Error>(())
//! ```

mod batching;
mod binarize;
mod dataset;
mod dataset_dir;
mod dataset_impl;
mod epoch;
mod error;
mod indexed;
mod lines;
mod mt19937;
mod numpy_seed;
mod parallel;
mod prefetch;
pub mod preprocess;
mod raw;
mod sentences;
mod side_writer;
mod text_dir;

pub use batching::{BatchLimits, batch_by_size, filter_by_size, ordered_indices};
pub use dataset::{
    Batch, BatchPlan, BatchSettings, Dataset, Example, LanguagePairDataset, Padding, PairBatch, PairOptions,
    PlanStats, Resampling, SampleBreakMode, ShortenMethod, SideSampler, TokenBlockBatch, TokenBlockDataset,
    TokenBlockOptions,
};
pub use dataset_dir::DatasetDir;
pub use dataset_impl::{DatasetImpl, SentenceFile};
pub use epoch::{EpochIterator, EpochOptions, EpochState, Resumed};
pub use error::{Error, Result};
pub use indexed::{Dtype, EncodedChunk, IndexedDataset, IndexedWriter, Tokens};
pub use mt19937::Mt19937;
pub use prefetch::{Prefetch, prefetch};
pub use raw::RawDataset;
pub use sentences::Sentences;
pub use text_dir::TextDir;
