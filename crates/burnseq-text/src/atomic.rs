//! Files that appear complete or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::FileError;
use crate::error::Result;

/// Temporary files, whose names begin with it.
const PREFIX: &str = ".writing-";

/// A file that is written under a temporary name in the same folder, then synced and renamed.
///
/// Dropped before [`AtomicFile::commit`], it leaves nothing behind; what a process that was killed has left is removed by the
/// next one. A symbolic link is followed, and an older file keeps its permissions, which may forbid to write. What is no
/// regular file, such as a pipe or a device, is written to as it is.
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
    writer: Writer,
}

#[derive(Debug)]
enum Writer {
    /// Renamed to the path at the end.
    Temporary {
        path: PathBuf,
        file: BufWriter<NamedTempFile>,
    },
    /// A device or a pipe.
    Stream(BufWriter<File>),
}

impl AtomicFile {
    /// Begins a file; what is at `path` stays until [`AtomicFile::commit`].
    ///
    /// # Errors
    /// [`FileError::Write`] when the folder cannot be written to, and when an older file must not be written to.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        match Writer::open(&path) {
            Ok(writer) => Ok(Self { path, writer }),
            Err(source) => Err(FileError::write(&path)(without_temporary_name(source)).into()),
        }
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name; an older one goes.
    ///
    /// # Errors
    /// [`FileError::Write`]; an older file is untouched then.
    pub fn commit(self) -> Result<()> {
        let Self { path, writer } = self;
        let written = match writer {
            Writer::Temporary { path, file } => persist(&path, file),
            Writer::Stream(mut stream) => stream.flush(),
        };
        written
            .map_err(without_temporary_name)
            .map_err(FileError::write(&path))?;
        Ok(())
    }
}

impl Writer {
    fn open(path: &Path) -> io::Result<Self> {
        let (path, permissions) = match fs::metadata(path) {
            Ok(metadata) if is_stream(path, &metadata) => {
                let stream = OpenOptions::new().append(true).open(path)?;
                return Ok(Self::Stream(BufWriter::new(stream)));
            }
            Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(metadata) => {
                let permissions = metadata.permissions();
                if permissions.readonly() {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                // Whoever may not write the file may not replace it, either.
                OpenOptions::new().append(true).open(path)?;
                (fs::canonicalize(path)?, Some(permissions))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (end_of_links(path)?, None),
            Err(error) => return Err(error),
        };
        let folder = folder_of(&path);
        remove_abandoned(folder, PREFIX);
        let file = loop {
            let file = temporary(folder, permissions.clone())?;
            // Where locks are not supported, nothing abandoned is removed.
            let _ = file.as_file().lock();
            // Another process may have taken it for abandoned before it was locked.
            if file.path().exists() {
                break file;
            }
        };
        Ok(Self::Temporary {
            path,
            file: BufWriter::new(file),
        })
    }

    fn get(&mut self) -> &mut dyn Write {
        match self {
            Self::Temporary { file, .. } => file,
            Self::Stream(stream) => stream,
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.get().write(bytes).map_err(without_temporary_name)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.get().flush().map_err(without_temporary_name)
    }
}

/// `tempfile` adds the name of the temporary file to its errors, which nobody has asked for.
fn without_temporary_name(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((cause, name)) if name.contains(PREFIX) => io::Error::new(error.kind(), cause.to_owned()),
        _ => error,
    }
}

/// Whether writing to `path` would replace a regular file.
pub fn replaces(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && !is_stream(path, &metadata))
}

/// Whether bytes written to `path` go through it: a pipe, a device, or a name such as `/dev/stdout` of a file that is open
/// already.
fn is_stream(path: &Path, metadata: &fs::Metadata) -> bool {
    let opened = path.starts_with("/dev") || path.starts_with("/proc");
    !metadata.is_dir() && (!metadata.is_file() || opened)
}

/// Where a file would be made: the end of a chain of symbolic links.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

fn temporary(folder: &Path, permissions: Option<fs::Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What `File::create` asks for; the umask takes its share.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file)
}

/// Removes temporary files or folders, whose names begin with `prefix`, of processes that are gone, which their locks tell.
pub fn remove_abandoned(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else {
        return; // writing there tells what is wrong
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if is_ours
            && let Ok(kind) = entry.file_type()
            && (kind.is_file() || kind.is_dir())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            // Somebody else may have removed it.
            let _ = if kind.is_dir() {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
        }
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
/// [`FileError::Write`] with the failed operation as its source.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    write(&mut file).map_err(FileError::write(path))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn failed_write_leaves_the_old_file_and_no_remains() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write_atomically(&path, |w| w.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |w| {
            w.write_all(b"new")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(matches!(error, Err(Error::Io(FileError::Write { .. }))));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let dir = tempfile::tempdir().unwrap();
        let (file, link, dangling) = (
            dir.path().join("file"),
            dir.path().join("link"),
            dir.path().join("dangling"),
        );
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        symlink("made", &dangling).unwrap();
        write_atomically(&link, |w| w.write_all(b"new")).unwrap();
        write_atomically(&dangling, |w| w.write_all(b"new")).unwrap();
        assert!(link.is_symlink() && dangling.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(dir.path().join("made")).unwrap(), b"new");

        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        for path in [&file, &link] {
            let error = write_atomically(path, |w| w.write_all(b"x")).unwrap_err();
            assert!(matches!(
                error,
                Error::Io(FileError::Write { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied
            ));
        }
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(AtomicFile::create(dir.path()).is_err());
        let circle = dir.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(AtomicFile::create(&circle).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_and_pipes_are_written_to_as_they_are() {
        write_atomically(Path::new("/dev/null"), |w| w.write_all(b"x")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let full = write_atomically(Path::new("/dev/full"), |w| w.write_all(b"x")).unwrap_err();
        assert!(
            matches!(full, Error::Io(FileError::Write { source, .. }) if source.kind() == io::ErrorKind::StorageFull)
        );

        let (mut reader, writer) = io::pipe().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&writer);
        let path = PathBuf::from(format!("/proc/self/fd/{fd}"));
        assert!(!replaces(&path));
        write_atomically(&path, |w| w.write_all(b"through")).unwrap();
        drop(writer);
        let mut text = String::new();
        io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".writing-dead"), "half").unwrap();
        fs::write(dir.path().join("other"), "whole").unwrap();
        let living = AtomicFile::create(dir.path().join("x")).unwrap();
        let second = AtomicFile::create(dir.path().join("y")).unwrap();
        assert!(!dir.path().join(".writing-dead").exists());
        assert!(dir.path().join("other").exists());
        living.commit().unwrap();
        second.commit().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        assert!(replaces(&dir.path().join("x")) && !replaces(&dir.path().join("z")));
        assert!(!replaces(dir.path()));
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
        let Error::Io(FileError::Write { source, .. }) = error else {
            panic!("not an error of writing")
        };
        assert_eq!(source.kind(), io::ErrorKind::NotFound);
        assert!(!source.to_string().contains(PREFIX), "{source}");
    }
}
