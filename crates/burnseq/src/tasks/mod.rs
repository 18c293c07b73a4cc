//! Tasks: which data, model, criterion and search belong together.

pub mod eval_bleu;
pub mod translation;
