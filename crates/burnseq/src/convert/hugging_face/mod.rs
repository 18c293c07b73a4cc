//! Folders of Hugging Face's transformers in, and out.

mod generation;
mod model;
mod tensors;

pub use generation::Generation;
pub use model::HuggingFaceModel;
