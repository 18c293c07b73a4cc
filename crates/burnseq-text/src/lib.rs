//! The text side of burnseq: lines become tokens, tokens become ids, and back.
//!
//! The parts, in the order text passes through them:
//! - [`LineReader`] and [`TextFile`] read lines as Python's text mode does, streaming or in parallel, and unpack gzip and
//!   zstd.
//! - [`TextPipeline`] turns raw lines into tokens and back, as [`TextSettings`] beside the data say:
//!   [`Normalization`], then a [`Tokenizer`], then a subword model, [`sentencepiece`] or
//!   [`subword_nmt`], which are learnt here too.
//! - [`hugging_face`] opens tokenizers of Hugging Face: text to ids, with offsets, and back.
//! - [`iwslt`] takes plain text out of IWSLT's files; [`moses`] are the tools that many published corpora were prepared with.
//! - [`Counts`] and [`Dictionary`] give tokens their ids, in fairseq's order and file format; [`Vocab`] is what models and
//!   searches have to know of them.
//! - [`ByteMeter`] tells how much of a large file was read or written.
//! - [`SubwordSampler`] draws other segmentations of the same text while training.
//! - [`RemoveBpe`] joins subwords in decoded text where no pipeline is at hand.
//!
//! ```
//! use burnseq_text::subword_nmt::{LearnOptions, SubwordNmt, learn};
//! use burnseq_text::{Counts, Dictionary};
//!
//! let text = ["der Hund und der Mann", "der Hund und die Hunde"];
//! let codes = learn(text, &LearnOptions { symbols: 4, ..LearnOptions::default() })?;
//! let bpe = SubwordNmt::new(&codes);
//!
//! let mut counts = Counts::new();
//! text.iter().for_each(|line| counts.add_line(&bpe.encode_line(line)));
//! let dictionary = Dictionary::from_counts(&counts, 0, None, 8);
//!
//! let ids = dictionary.encode_line(&bpe.encode_line("die Hunde und der Mann"), true);
//! assert_eq!(bpe.decode(&dictionary.decode(&ids)), "die Hunde und der Mann");
//! # Ok::<(), burnseq_text::Error>(())
//! ```

mod atomic;
mod blank;
mod byte_meter;
mod dictionary;
mod error;
mod file_error;
mod file_kind;
pub mod hugging_face;
pub mod iwslt;
mod lines;
mod merges;
pub mod moses;
mod normalize;
mod pipeline;
mod random;
mod remove_bpe;
mod sampling;
pub mod sentencepiece;
mod subword;
pub mod subword_nmt;
mod text_file;
mod unpack;
mod vocab;
pub mod whitespace;
mod word_cache;

pub use atomic::{AtomicFile, remove_abandoned, replaces, write_atomically};
pub use blank::has_word;
pub use byte_meter::ByteMeter;
pub use dictionary::{Counts, Dictionary, SPECIAL_SYMBOLS, SpecialSymbols, UnkStyle};
pub use error::{Error, Result};
pub use file_error::FileError;
pub use lines::LineReader;
pub use normalize::Normalization;
pub use pipeline::{MosesSettings, SubwordSettings, TextFiles, TextPipeline, TextSettings, Tokenizer};
pub use random::SampleRng;
pub use remove_bpe::{RemoveBpe, carries_subword_marks};
pub use sampling::{SubwordSampler, SubwordSampling};
pub use subword::SubwordModel;
pub use text_file::{Lines, TextFile};
pub use unpack::packed_path;
pub use vocab::Vocab;
pub use whitespace::tokenize_line;
