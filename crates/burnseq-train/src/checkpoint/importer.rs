//! Checkpoints that other programs wrote, as something a run can start from.

use std::fmt;
use std::path::Path;

/// Writes a checkpoint of another program as one of ours.
pub trait Importer: fmt::Debug + Send + Sync {
    /// Converts `file` to the checkpoint `folder`, with the state of its training where `with_state` asks for it. What
    /// is left out, and why, comes back.
    ///
    /// # Errors
    /// A file that is no checkpoint, or of a model that is not supported, or that does not fit the data.
    fn import(
        &self,
        file: &Path,
        with_state: bool,
        folder: &Path,
    ) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>>;
}
