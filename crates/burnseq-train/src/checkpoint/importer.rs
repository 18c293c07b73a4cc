//! Checkpoints that other programs wrote, as something a run can start from.

use std::fmt;
use std::path::Path;

/// What a run takes over of a checkpoint of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportScope {
    /// Its weights alone.
    Weights,
    /// Its weights and the position in the data, for a fresh optimiser.
    Position,
    /// Its weights and all of its training: the state of the optimiser, too.
    Training,
}

/// Writes a checkpoint of another program as one of ours.
pub trait Importer: fmt::Debug + Send + Sync {
    /// Converts what `scope` asks for of `file` to the checkpoint `folder`. What is left out, and why, comes back.
    ///
    /// # Errors
    /// A file that is no checkpoint, or of a model that is not supported, or that does not fit the data.
    fn import(
        &self,
        file: &Path,
        scope: ImportScope,
        folder: &Path,
    ) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>>;
}
