//! Checkpoints that the real fairseq has written, taken over.

mod convert;
mod convert_families;
mod text_generator;
mod translator;
