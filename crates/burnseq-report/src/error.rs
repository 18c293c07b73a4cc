//! What can go wrong.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read; the cause is `source`.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file holds no line of a training log.
    #[error(
        "{} has no line of a training log\nhint: give the file that `train` wrote with 'log_file'",
        path.display()
    )]
    NoRecord {
        /// The file.
        path: PathBuf,
    },
    /// A picture cannot be drawn.
    #[error("cannot draw the picture `{name}`: {problem}")]
    Picture {
        /// Its name.
        name: String,
        /// Why.
        problem: String,
    },
    /// Scores could not be computed.
    #[error(transparent)]
    Score(#[from] burnseq_metrics::Error),
}
