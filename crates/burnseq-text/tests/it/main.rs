//! Tests against files of the real fairseq and subword-nmt, which lie outside the repository.

mod dictionary;
mod moses;
mod sentencepiece;
mod shared;
mod subword_nmt;
