//! The text side of burnseq: lines become tokens, tokens become ids, and back.

mod atomic;
mod dictionary;
mod error;
mod hash;
mod lines;
pub mod whitespace;

pub use atomic::write_atomically;
pub use dictionary::{Counts, Dictionary, SPECIAL_SYMBOLS, UnkStyle};
pub use error::{Error, Result};
pub use lines::{LineReader, Lines, TextFile};
pub use whitespace::tokenize_line;
