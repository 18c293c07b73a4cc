//! Checkpoints that the real fairseq has written, taken over.

mod convert;
mod convert_families;
mod hugging_face;
mod text_generator;
mod translator;
