//! Checkpoints of fairseq in, checkpoints for fairseq out.
//!
//! - [`from_fairseq`]: a `.pt` file and the dictionaries of its data become a checkpoint; with the state of Adam and the
//!   position in the data, [`Trainer`](burnseq_train::Trainer) continues where fairseq stopped.
//! - [`from_weights`]: the same for a bare safetensors file under fairseq's names.
//! - [`FairseqImporter`]: the first of these for a run that starts from such a file.
//! - [`to_fairseq`]: a checkpoint becomes a `.pt` file that fairseq opens.
//! - [`Observer`]: is told how far a conversion is.
//!
//! Every option of a fairseq configuration has a fate: it sets a field of ours, is refused where it changes what the
//! model computes, or is on the list of those that do not ([`options`]). One that is on no list is refused by name.

mod dictionaries;
mod export;
pub(crate) mod hugging_face;
mod import;
mod importer;
mod observer;
pub mod options;
mod overlay;
mod task;
mod training;

use std::path::PathBuf;

pub use dictionaries::Dictionaries;
pub use export::{to_fairseq, to_fairseq_observed};
pub use hugging_face::{
    Generation, HuggingFaceModel, HuggingFaceOptions, SourceTemplate, from_hugging_face, hugging_face_task,
    to_hugging_face,
};
pub use import::{
    ImportOptions, fairseq_model_config, from_fairseq, from_fairseq_observed, from_weights,
    from_weights_observed,
};
pub use importer::FairseqImporter;
pub use observer::{Observer, Stage};

/// What a conversion did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// What was written.
    pub output: PathBuf,
    /// Parameters of the model.
    pub parameters: usize,
    /// Updates after which training can continue; `None` without a state of the optimiser.
    pub num_updates: Option<u64>,
    /// Whether the state of Adam that the input holds was left out.
    pub leaves_adam: bool,
    /// What the user should know: what was left out, and why.
    pub notes: Vec<String>,
}
