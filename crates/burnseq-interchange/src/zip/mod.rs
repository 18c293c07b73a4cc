//! Zip archives as PyTorch writes them: entries are stored as they are, so that tensors can be mapped.

mod layout;
mod reader;
mod writer;

pub use reader::{Archive, Entry};
pub use writer::ArchiveWriter;
