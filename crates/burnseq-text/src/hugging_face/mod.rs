//! Tokenizers of Hugging Face: `tokenizer.json`, or the files that it is made of.
//!
//! [`HfTokenizer`] opens a folder as it comes from the hub and turns text into ids and back. The parts:
//! - `form.rs` has the types of `tokenizer.json`, `assemble.rs` makes them from vocabularies of BERT, GPT-1, GPT-2, RoBERTa, BART,
//!   ALBERT, XLM-RoBERTa and mBART.
//! - `check.rs` and `pattern.rs` refuse what the library `tokenizers` would panic on, `library.rs` builds its tokenizer.
//! - `template.rs` puts special tokens around texts and shortens them.
//! - `learn.rs` learns WordPiece and byte-level BPE.
//! - `subword.rs` takes a tokenizer as the subword model of a [`TextPipeline`](crate::TextPipeline).
//! - `python_only.rs` has Marian and M2M100, which are SentencePiece with a vocabulary beside it.

mod assemble;
mod check;
mod config;
mod encoding;
mod form;
mod learn;
mod library;
mod open;
mod pattern;
mod python_only;
mod special;
mod subword;
mod template;
mod tokenizer;
mod vocabulary;

pub use encoding::{EncodeOptions, HfEncoding, Side, Truncation, TruncationStrategy};
pub use learn::{HfLearnOptions, HfLearned, HfLearner, LearnedKind};
pub use open::TOKENIZER_FILES;
pub use special::HfSpecialIds;
pub use subword::{HfMarks, HfSubword, byte_tokens};
pub use tokenizer::HfTokenizer;
