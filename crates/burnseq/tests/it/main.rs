//! Checkpoints that the real fairseq has written, taken over.

mod convert;
mod convert_families;
mod hugging_face;
mod hugging_face_encoders;
mod minilm;
mod text_generator;
mod translator;
