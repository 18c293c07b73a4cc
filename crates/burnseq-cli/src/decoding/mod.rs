//! What `generate` and `burnseq interactive` share: flags, models, and the lines that are printed.

mod args;
pub(crate) mod continuer;
mod continuing;
pub(crate) mod format;
mod marks;
pub(crate) mod models;
mod notes;
pub(crate) mod overrides;
mod printer;
mod refused;
mod remove_bpe;
mod search;
mod text;

pub use args::{Alignment, DecodingArgs};
pub use continuing::ContinuingArgs;
pub(crate) use continuing::{refuse_for_language_models, refuse_for_translation};
pub(crate) use marks::MarkNotes;
pub(crate) use notes::{LongLines, UnknownShare};
pub(crate) use printer::Printer;
pub(crate) use refused::{HARMLESS, OF_TRAINING, OF_VALIDATION, OPTIONAL_VALUES, REFUSED};
pub use remove_bpe::RemoveBpeArgs;
pub use search::{Order, SearchArgs};
pub use text::{BpeName, TextArgs, TokenizerName};

pub(crate) use crate::exit::coded;
