//! Files that appear complete or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// A file that is written under a temporary name in the same folder, then synced and renamed.
///
/// Dropped before [`AtomicFile::commit`], it leaves nothing behind.
///
/// ```
/// # use std::io::Write;
/// # use burnseq_text::AtomicFile;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = &folder.path().join("x");
/// let mut file = AtomicFile::create(path)?;
/// file.write_all(b"whole")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    writer: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Begins a file; what is at `path` stays until [`AtomicFile::commit`].
    ///
    /// # Errors
    /// [`Error::Write`] when the folder cannot be written to.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What `File::create` asks for; the umask takes its share.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        match builder.tempfile_in(folder_of(&path)) {
            Ok(file) => Ok(Self {
                path,
                writer: BufWriter::new(file),
            }),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// Gives the file its name; an older one goes.
    ///
    /// # Errors
    /// [`Error::Write`]; an older file is untouched then.
    pub fn commit(self) -> Result<()> {
        let Self { path, writer } = self;
        persist(&path, writer).map_err(|source| Error::Write { path, source })
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn persist(path: &Path, writer: BufWriter<NamedTempFile>) -> io::Result<()> {
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    #[cfg(unix)]
    File::open(folder_of(path))?.sync_all()?;
    Ok(())
}

/// Writes a file under a temporary name in the same folder, syncs it and renames it into place.
///
/// When anything fails, what was at `path` before is untouched and the temporary file is removed.
///
/// # Errors
/// [`Error::Write`] with the failed operation as its source.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    write(&mut file).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_write_leaves_the_old_file_and_no_remains() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write_atomically(&path, |w| w.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |w| {
            w.write_all(b"new")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(matches!(error, Err(Error::Write { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_committed_never_was() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(dir.path().join("x")).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let error = AtomicFile::create(dir.path().join("no/x")).unwrap_err();
        assert!(error.to_string().ends_with("no/x"), "{error}");
    }
}
