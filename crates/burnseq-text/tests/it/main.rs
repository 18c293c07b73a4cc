//! Tests against files of the real fairseq and subword-nmt, which lie outside the repository.

mod dictionary;
mod hugging_face;
mod moses;
mod sentencepiece;
mod shared;
mod subword_nmt;
