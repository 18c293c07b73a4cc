//! fairseq's checkpoints: which weights, options and training state a file holds, under today's names.
//!
//! [`FairseqCheckpoint`] reads what versions 0.6 to 0.12 have written; [`save`] writes what 0.12 writes.

mod adam;
mod checkpoint;
mod names;
mod options;
mod writer;

pub use adam::AdamState;
pub use checkpoint::{FairseqCheckpoint, Progress};
pub use names::Layout;
pub use options::Options;
pub use writer::{Contents, Entry, Moments, Slice, save, save_metered};
