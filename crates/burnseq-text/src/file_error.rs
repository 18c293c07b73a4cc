//! A file that cannot be read or written: the error that all crates which touch files have in common.

use std::io;
use std::path::{Path, PathBuf};

/// A file or folder that could not be read or written; what the system said is the source, so it is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be written; what was there before is untouched.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FileError {
    /// A reading error of `path`.
    ///
    /// ```
    /// # use burnseq_text::FileError;
    /// # use std::path::Path;
    /// let path = Path::new("no such file");
    /// let error = std::fs::read(path).map_err(FileError::read(path)).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot read no such file");
    /// ```
    pub fn read(path: &Path) -> impl Fn(io::Error) -> Self + Copy + '_ {
        move |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// A writing error of `path`.
    pub fn write(path: &Path) -> impl Fn(io::Error) -> Self + Copy + '_ {
        move |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}
