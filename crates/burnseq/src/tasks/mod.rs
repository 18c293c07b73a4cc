//! Tasks: which data, model, criterion and search belong together.

pub mod eval_bleu;
mod like_command;
pub mod pretrained_embeddings;
pub mod translation;
