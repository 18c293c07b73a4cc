//! Tasks: which data, model, criterion and search belong together.

mod config;
pub mod eval_bleu;
mod files;
pub mod generation;
pub mod language_modeling;
mod like_command;
pub mod pretrained_embeddings;
mod task;
pub mod translation;

pub use config::TaskConfig;
pub use task::Task;
