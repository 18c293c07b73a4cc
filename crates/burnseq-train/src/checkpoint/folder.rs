//! Folders that appear complete or not at all.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{META_FILE, meta::FileInfo};
use crate::{Error, Result};
use burnseq_text::FileError;

/// Prefix of folders under construction.
const WRITING: &str = ".writing-";
/// Suffix of a folder that is being replaced where two folders cannot be exchanged at once.
const OLD: &str = ".old";

/// A folder under construction beside its final place; removed when it is dropped before
/// [`Self::publish`].
#[derive(Debug)]
pub(super) struct Staging {
    save_dir: PathBuf,
    folder: Temporary,
    files: BTreeMap<String, FileInfo>,
}

impl Staging {
    /// An empty folder in `save_dir`, which is made if necessary.
    pub(super) fn new(save_dir: &Path) -> Result<Self> {
        Ok(Self {
            save_dir: save_dir.to_owned(),
            folder: temporary_in(save_dir)?,
            files: BTreeMap::new(),
        })
    }

    /// Writes a file, syncs it to the disk and keeps its checksum.
    pub(super) fn write(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let path = self.folder.path().join(name);
        let info = write_file(&path, content).map_err(FileError::write(&self.save_dir.join(name)))?;
        self.files.insert(name.to_owned(), info);
        Ok(())
    }

    /// Size and checksum of every file written so far.
    pub(super) fn files(&self) -> &BTreeMap<String, FileInfo> {
        &self.files
    }

    /// Takes over the files of a finished folder without using disk space again, where the file system
    /// has hard links. (Files of a checkpoint are replaced as a whole and never changed in place.)
    pub(super) fn link_from(&mut self, folder: &Path) -> Result<()> {
        for entry in list(folder)? {
            let (from, to) = (folder.join(&entry), self.folder.path().join(&entry));
            let linked = fs::hard_link(&from, &to).or_else(|_| copy(&from, &to));
            linked.map_err(FileError::write(&self.save_dir.join(&entry)))?;
        }
        Ok(())
    }

    /// Moves the folder to `save_dir/name`, in place of the checkpoint that is there.
    ///
    /// Whenever the process or the machine stops, `name` is the old or the new folder, or
    /// [`recover`] can make it so. Returns after the new one is safe on the disk.
    pub(super) fn publish(self, name: &str) -> Result<()> {
        let target = self.save_dir.join(name);
        let failed = FileError::write(&target);
        sync_folder(self.folder.path()).map_err(failed)?;
        if target.symlink_metadata().is_ok() {
            if !target.join(META_FILE).is_file() {
                return Err(Error::Checkpoint {
                    path: target,
                    problem: "exists but is not a checkpoint, so it is not replaced\nhint: move it away"
                        .to_owned(),
                });
            }
            if exchange(self.folder.path(), &target).is_ok() {
                sync_folder(&self.save_dir).map_err(failed)?;
                // The temporary name now holds the old checkpoint. A failure leaves a folder that
                // `recover` removes, and the new checkpoint is in place.
                drop(self.folder);
                return Ok(());
            }
            return Ok(replace_in_two_steps(self.folder, &target).map_err(failed)?);
        }
        fs::rename(self.folder.path(), &target).map_err(failed)?;
        let _ = self.folder.keep(); // the temporary name is gone: nothing to remove
        Ok(sync_folder(&self.save_dir).map_err(failed)?)
    }
}

/// A folder that is removed when it is dropped or, where its process was killed, by whoever writes to the same place next.
#[derive(Debug)]
pub(crate) struct Temporary {
    folder: TempDir,
    /// Held while the process lives, so that others can tell; `None` where folders cannot be locked.
    _lock: Option<File>,
}

impl Temporary {
    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives up the folder without removing it.
    fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

impl From<TempDir> for Temporary {
    /// A folder elsewhere, whose place nobody cleans.
    fn from(folder: TempDir) -> Self {
        Self { folder, _lock: None }
    }
}

/// A temporary folder in `save_dir`, which is made if necessary and freed of what killed processes have left.
pub(crate) fn temporary_in(save_dir: &Path) -> Result<Temporary> {
    let failed = FileError::write(save_dir);
    fs::create_dir_all(save_dir).map_err(failed)?;
    remove_abandoned(save_dir, false);
    let mut builder = tempfile::Builder::new();
    builder.prefix(WRITING);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What `fs::create_dir` asks for; the umask takes its share.
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    loop {
        let folder = builder.tempdir_in(save_dir).map_err(failed)?;
        let lock = File::open(folder.path()).ok().filter(|file| file.lock().is_ok());
        // Another process may have taken it for abandoned before it was locked.
        if folder.path().exists() {
            return Ok(Temporary { folder, _lock: lock });
        }
    }
}

/// Removes temporary folders whose process is gone, which their locks tell. Where folders cannot be locked, as on Windows
/// and some network file systems, only a caller who is `alone` in `save_dir` can say so.
fn remove_abandoned(save_dir: &Path, alone: bool) {
    let Ok(names) = list(save_dir) else {
        return; // making a folder there tells what is wrong
    };
    for name in names.iter().filter(|name| name.starts_with(WRITING)) {
        let path = save_dir.join(name);
        if !path.is_dir() {
            continue;
        }
        // Open, and thus locked, until the folder is removed.
        let folder = File::open(&path);
        let is_abandoned = match folder.as_ref().map(File::try_lock) {
            Ok(Ok(())) => true,
            Ok(Err(TryLockError::WouldBlock)) => false,
            Ok(Err(_)) | Err(_) => alone,
        };
        if is_abandoned {
            // Somebody else may have removed it.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Makes the save folder of a run, and locks it until the file is closed; `None` where folders cannot be locked, as on
/// Windows and some network file systems.
///
/// # Errors
/// The folder cannot be made; another run holds its lock.
pub(crate) fn lock_for_run(save_dir: &Path) -> Result<Option<File>> {
    fs::create_dir_all(save_dir).map_err(FileError::write(save_dir))?;
    let Ok(folder) = File::open(save_dir) else {
        return Ok(None);
    };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(Error::SaveDirInUse {
            path: save_dir.to_owned(),
        }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Removes half-written folders from `save_dir` and completes replacements that were interrupted.
///
/// Call it before a run writes its first checkpoint; not while another process writes to the same folder, where folders
/// cannot be locked. A folder that does not exist has nothing to recover.
///
/// # Errors
/// The folder cannot be read or changed.
pub fn recover(save_dir: &Path) -> Result<()> {
    if !save_dir.exists() {
        return Ok(());
    }
    remove_abandoned(save_dir, true);
    for name in list(save_dir)? {
        let path = save_dir.join(&name);
        let failed = FileError::write(&path);
        if let Some(target) = replaced_name(&name) {
            let target = save_dir.join(target);
            if target.exists() {
                fs::remove_dir_all(&path).map_err(failed)?;
            } else {
                fs::rename(&path, &target).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Where the checkpoint of this path is: there, or where an interrupted replacement left it.
pub(super) fn locate(path: &Path) -> PathBuf {
    if !path.exists()
        && let Some(old) = old_path(path)
        && old.exists()
    {
        return old;
    }
    path.to_owned()
}

/// Names in a folder, sorted; those that are not UTF-8 are not ours.
pub(super) fn list(folder: &Path) -> Result<Vec<String>> {
    let failed = FileError::read(folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// `.NAME.old` beside `NAME`.
fn old_path(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    Some(path.with_file_name(format!(".{name}{OLD}")))
}

/// `NAME` of `.NAME.old`.
fn replaced_name(name: &str) -> Option<&str> {
    name.strip_prefix('.')?
        .strip_suffix(OLD)
        .filter(|name| name.starts_with("checkpoint"))
}

/// Replaces a folder where the file system cannot exchange two: for a moment only `.NAME.old` exists,
/// which [`locate`] finds.
fn replace_in_two_steps(folder: Temporary, target: &Path) -> io::Result<()> {
    let old = old_path(target).ok_or_else(|| io::Error::other("the name of the folder is not UTF-8"))?;
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    fs::rename(target, &old)?;
    if let Err(error) = fs::rename(folder.path(), target) {
        fs::rename(&old, target)?;
        return Err(error);
    }
    let _ = folder.keep(); // the temporary name is gone: nothing to remove
    sync_folder(target.parent().unwrap_or(Path::new(".")))?;
    fs::remove_dir_all(&old)
}

/// Exchanges two folders in one step.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

/// Exchanges two folders in one step: not known how on this system.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn write_file(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<FileInfo> {
    let file = File::create_new(path)?;
    let mut writer = HashingWriter {
        inner: BufWriter::with_capacity(1 << 20, file),
        hasher: Sha256::new(),
        bytes: 0,
    };
    content(&mut writer)?;
    let HashingWriter { inner, hasher, bytes } = writer;
    inner
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    Ok(FileInfo {
        bytes,
        sha256: hex(&hasher.finalize()),
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// Makes renames in a folder survive a power failure.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Folders cannot be opened as files on Windows, where renames are written through.
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// SHA-256 of `bytes` in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts and hashes what passes.
struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(save_dir: &Path, content: &str) -> Staging {
        let mut staging = Staging::new(save_dir).unwrap();
        staging
            .write(META_FILE, |out| out.write_all(content.as_bytes()))
            .unwrap();
        staging
    }

    fn content(save_dir: &Path, name: &str) -> String {
        fs::read_to_string(save_dir.join(name).join(META_FILE)).unwrap()
    }

    #[test]
    fn a_folder_replaces_the_old_one_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        staged(dir.path(), "one").publish("checkpoint_last").unwrap();
        staged(dir.path(), "two").publish("checkpoint_last").unwrap();
        assert_eq!(content(dir.path(), "checkpoint_last"), "two");
        assert_eq!(list(dir.path()).unwrap(), ["checkpoint_last"]);
    }

    #[test]
    fn the_replacement_in_two_steps_does_the_same() {
        let dir = tempfile::tempdir().unwrap();
        staged(dir.path(), "one").publish("checkpoint_last").unwrap();
        let staging = staged(dir.path(), "two");
        replace_in_two_steps(staging.folder, &dir.path().join("checkpoint_last")).unwrap();
        assert_eq!(content(dir.path(), "checkpoint_last"), "two");
        assert_eq!(list(dir.path()).unwrap(), ["checkpoint_last"]);
    }

    #[test]
    fn a_failed_write_leaves_the_old_folder_and_removes_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        staged(dir.path(), "one").publish("checkpoint_last").unwrap();
        let mut staging = staged(dir.path(), "two");
        let full = staging.write("model.safetensors", |out| {
            out.write_all(&[0; 4096])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        let error = full.unwrap_err();
        assert!(
            matches!(&error, Error::Io(FileError::Write { path, .. }) if path.ends_with("model.safetensors")),
            "{error}"
        );
        drop(staging);
        assert_eq!(content(dir.path(), "checkpoint_last"), "one");
        assert_eq!(list(dir.path()).unwrap(), ["checkpoint_last"]);
    }

    #[test]
    fn what_is_not_a_checkpoint_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("checkpoint_last")).unwrap();
        fs::write(dir.path().join("checkpoint_last/thesis.txt"), "only copy").unwrap();
        let error = staged(dir.path(), "one").publish("checkpoint_last").unwrap_err();
        assert!(error.to_string().contains("not replaced"), "{error}");
        assert!(dir.path().join("checkpoint_last/thesis.txt").exists());
    }

    #[test]
    fn an_interrupted_replacement_is_found_and_completed() {
        let dir = tempfile::tempdir().unwrap();
        let last = dir.path().join("checkpoint_last");
        staged(dir.path(), "one").publish("checkpoint_last").unwrap();
        fs::rename(&last, dir.path().join(".checkpoint_last.old")).unwrap();
        let killed = staged(dir.path(), "two").folder.keep();
        assert!(locate(&last).ends_with(".checkpoint_last.old"));
        recover(dir.path()).unwrap();
        assert_eq!(content(dir.path(), "checkpoint_last"), "one");
        assert_eq!(list(dir.path()).unwrap(), ["checkpoint_last"]);
        assert!(!killed.exists());
        recover(&dir.path().join("missing")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let living = staged(dir.path(), "one");
        let killed = staged(dir.path(), "half").folder.keep();
        let file = dir.path().join(".writing-file");
        fs::write(&file, "of another kind").unwrap();
        let second = staged(dir.path(), "two");
        assert!(!killed.exists() && file.exists());
        recover(dir.path()).unwrap();
        living.publish("checkpoint1").unwrap();
        second.publish("checkpoint2").unwrap();
        fs::remove_file(file).unwrap();
        assert_eq!(list(dir.path()).unwrap(), ["checkpoint1", "checkpoint2"]);
        assert_eq!(content(dir.path(), "checkpoint1"), "one");
    }

    #[test]
    fn links_share_the_content() {
        let dir = tempfile::tempdir().unwrap();
        staged(dir.path(), "one").publish("checkpoint_last").unwrap();
        let mut best = Staging::new(dir.path()).unwrap();
        best.link_from(&dir.path().join("checkpoint_last")).unwrap();
        best.publish("checkpoint_best").unwrap();
        staged(dir.path(), "two").publish("checkpoint_last").unwrap();
        assert_eq!(content(dir.path(), "checkpoint_best"), "one");
    }

    #[test]
    fn checksums_are_sha256() {
        let dir = tempfile::tempdir().unwrap();
        let staging = staged(dir.path(), "abc");
        let info = &staging.files()[META_FILE];
        assert_eq!(info.bytes, 3);
        assert_eq!(
            info.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(info.sha256, sha256(b"abc"));
    }
}
