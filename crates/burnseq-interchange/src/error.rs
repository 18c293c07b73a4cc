//! What can go wrong with a foreign checkpoint; each error names the file and the entry in it.

use std::path::PathBuf;

use crate::pickle::PickleError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a foreign checkpoint cannot be read or written; each names the file, and the entry in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Io(#[from] burnseq_text::FileError),
    /// The file could not be written; what was there before is untouched.
    #[error(transparent)]
    Write(burnseq_text::Error),
    /// The pickle in a file was refused; the cause is `source`.
    #[error("{path}: cannot read {entry}")]
    Pickle {
        /// The file.
        path: PathBuf,
        /// Name of the pickle in it.
        entry: String,
        /// What is wrong with it.
        source: PickleError,
    },
    /// The file is not what it should be.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the remedy.
        problem: String,
    },
    /// A part of the file is not what it should be.
    #[error("{path}: {entry}: {problem}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// The tensor, option or archive entry.
        entry: String,
        /// What is wrong, with the remedy.
        problem: String,
    },
}
