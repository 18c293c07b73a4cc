//! Tests against files of the real fairseq and subword-nmt, which lie outside the repository.

mod dictionary;
mod hugging_face;
mod hugging_face_learning;
mod hugging_face_stress;
mod moses;
mod sentencepiece;
mod shared;
mod subword_nmt;
