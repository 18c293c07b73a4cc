//! Folders as `transformers` saves them: `config.json`, weights, and the files of a tokenizer.
//!
//! [`Folder`] opens one: its [`Config`] and its [`Weights`], whose tensors are read when they are asked for.
//! [`FolderWriter`] writes one, which appears complete or not at all. What the fields and names mean is known to the
//! model families, not here.

mod config;
mod folder;
mod names;
mod safetensors_file;
mod weights;
mod writer;

pub use config::Config;
pub use folder::{Folder, is_folder};
pub use weights::Weights;
pub use writer::FolderWriter;
