//! Folders of Hugging Face's transformers in, and out.

mod generation;
mod import;
mod model;
mod tensors;
mod text;

pub use generation::Generation;
pub use import::{HuggingFaceOptions, from_hugging_face, hugging_face_task};
pub use model::HuggingFaceModel;
pub use text::SourceTemplate;
