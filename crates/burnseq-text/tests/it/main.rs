//! Tests against files of the real fairseq and subword-nmt, which lie outside the repository.

mod dictionary;
mod sentencepiece;
mod shared;
mod subword_nmt;
