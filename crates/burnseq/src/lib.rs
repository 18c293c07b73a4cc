//! Sequence-to-sequence learning on [Burn](burn): from raw text to a trained Transformer and its translations.
//!
//! This crate puts the stages together; each is a crate of its own, re-exported here in the order in which data
//! flows through them:
//!
//! ```text
//! text --[text]--> ids --[data]--> batches --[model]--> logits --[train]--> checkpoint
//!                                              '--[generate, search]--> hypotheses --[text]--> text --[metrics]--> score
//! ```
//!
//! - [`tasks`]: which data, model, criterion and search belong together; [`tasks::translation`] and
//!   [`tasks::language_modeling`] train.
//! - [`convert`]: checkpoints of fairseq in and out.
//! - [`Translator`]: a checkpoint that translates raw text in five lines; [`TextGenerator`]: one that scores and continues
//!   text; [`decode`] holds their parts.
//! - [`TextEncoder`]: an encoder of transformers that gives vectors of texts; [`text_encoder`] holds its parts.

pub use burn;
pub use burnseq_data as data;
pub use burnseq_generate as generate;
pub use burnseq_interchange as interchange;
pub use burnseq_kernels as kernels;
pub use burnseq_metrics as metrics;
pub use burnseq_model as model;
pub use burnseq_search as search;
pub use burnseq_text as text;
pub use burnseq_train as train;

pub mod convert;
pub mod decode;
mod error;
pub mod tasks;
pub mod text_encoder;
mod text_generator;
mod translator;

pub use burnseq_search::GenerateOptions;
pub use error::{Error, Result, describe};
pub use text_encoder::TextEncoder;
pub use text_generator::{ContinuationFormat, Generated, GeneratedText, TextGenerator};
pub use translator::{TranslatedText, Translation, Translator};
