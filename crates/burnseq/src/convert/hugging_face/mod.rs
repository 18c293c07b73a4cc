//! Folders of Hugging Face's transformers in, and out.

mod export;
mod generation;
mod import;
mod model;
mod tensors;
mod text;

pub use export::to_hugging_face;
pub use generation::Generation;
pub use import::{HuggingFaceOptions, from_hugging_face, hugging_face_task};
pub use model::HuggingFaceModel;
pub use text::SourceTemplate;
