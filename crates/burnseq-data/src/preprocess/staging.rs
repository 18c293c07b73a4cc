//! The dataset comes to be in a hidden folder inside the destination and moves out when complete.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::Result;
use burnseq_text::{FileError, remove_abandoned};

/// Hidden folders, whose names begin with it.
const PREFIX: &str = ".preprocess-";

/// A hidden folder in the destination; dropping it removes it, and the destination with it when
/// that was made for it and is still empty. What a run that was killed has left is removed by the next one.
#[derive(Debug)]
pub(crate) struct Staging {
    destdir: PathBuf,
    /// Held while the process lives, so that other runs can tell.
    lock: Option<File>,
    /// `None` only while it is dropped.
    folder: Option<TempDir>,
    /// Folders made for the destination, outermost first.
    made: Vec<PathBuf>,
}

impl Staging {
    /// Makes the destination where it is missing, and the hidden folder.
    ///
    /// # Errors
    /// When the destination cannot be written to.
    pub(crate) fn create(destdir: &Path) -> Result<Self> {
        let mut missing: Vec<PathBuf> = destdir
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .map(Path::to_owned)
            .collect();
        missing.reverse();
        let mut staging = Self {
            destdir: destdir.to_owned(),
            lock: None,
            folder: None,
            made: Vec::new(),
        };
        for folder in missing {
            fs::create_dir(&folder).map_err(FileError::write(&folder))?;
            staging.made.push(folder);
        }
        remove_abandoned(destdir, PREFIX);
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(destdir);
            let folder = folder.map_err(FileError::write(destdir))?;
            // Where folders cannot be locked, nothing abandoned is removed.
            staging.lock = File::open(folder.path()).ok().filter(|file| file.lock().is_ok());
            // Another run may have taken it for abandoned before it was locked.
            if folder.path().exists() {
                staging.folder = Some(folder);
                return Ok(staging);
            }
        }
    }

    /// The hidden folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().expect("present until dropped").path()
    }

    /// Names of the files in the hidden folder, in alphabetical order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path()).map_err(FileError::read(self.path()))? {
            let entry = entry.map_err(FileError::read(self.path()))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Moves every file to the destination, the one called `last_name` last.
    ///
    /// # Errors
    /// When a file cannot be moved; those that were moved already are removed again.
    pub(crate) fn commit(self, last_name: &str) -> Result<()> {
        let mut names = self.names()?;
        // The file that marks a complete dataset appears when everything else is there.
        names.sort_by_key(|name| name == last_name);
        let mut moved: Vec<PathBuf> = Vec::new();
        for name in &names {
            let target = self.destdir.join(name);
            if let Err(error) = fs::rename(self.path().join(name), &target) {
                for path in moved {
                    // The first error is the one to tell.
                    let _ = fs::remove_file(path);
                }
                return Err(FileError::write(&target)(error).into());
            }
            moved.push(target);
        }
        // So that the new names outlive a loss of power, where folders can be synchronised.
        #[cfg(unix)]
        File::open(&self.destdir)
            .and_then(|folder| folder.sync_all())
            .map_err(FileError::write(&self.destdir))?;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.folder = None;
        for folder in self.made.iter().rev() {
            // Fails, as it should, when the dataset has been moved here.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_run_leaves_no_folder_behind() {
        let root = tempfile::tempdir().unwrap();
        let dest = root.path().join("a/b");
        let staging = Staging::create(&dest).unwrap();
        fs::write(staging.path().join("x"), "1").unwrap();
        assert!(dest.is_dir());
        drop(staging);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_committed_run_leaves_only_its_files() {
        let root = tempfile::tempdir().unwrap();
        let dest = root.path().join("a/b");
        let staging = Staging::create(&dest).unwrap();
        for name in ["last", "z", "b"] {
            fs::write(staging.path().join(name), name).unwrap();
        }
        assert_eq!(staging.names().unwrap(), ["b", "last", "z"]);
        staging.commit("last").unwrap();
        assert_eq!(fs::read_dir(&dest).unwrap().count(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not() {
        let root = tempfile::tempdir().unwrap();
        let dest = root.path();
        fs::create_dir(dest.join(".preprocess-dead")).unwrap();
        fs::write(dest.join(".preprocess-dead/train.bin"), "half").unwrap();
        let living = Staging::create(dest).unwrap();
        fs::write(living.path().join("x"), "1").unwrap();
        let second = Staging::create(dest).unwrap();
        assert!(!dest.join(".preprocess-dead").exists());
        assert_eq!(living.names().unwrap(), ["x"]);
        living.commit("x").unwrap();
        drop(second);
        assert_eq!(fs::read_dir(dest).unwrap().count(), 1);
    }

    #[test]
    fn a_destination_that_is_a_file_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let dest = root.path().join("file");
        fs::write(&dest, "").unwrap();
        assert!(Staging::create(&dest).is_err());
        assert!(Staging::create(&dest.join("sub")).is_err());
        assert!(dest.is_file());
    }
}
