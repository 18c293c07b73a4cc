//! Tasks: which data, model, criterion and search belong together.

pub mod eval_bleu;
pub mod pretrained_embeddings;
pub mod translation;
