//! A folder with a model.

use std::path::{Path, PathBuf};

use super::{Config, Weights};
use crate::error::{Error, Result};

/// The file that every folder has.
const CONFIG: &str = "config.json";

/// Whether a path is a folder with a `config.json`.
pub fn is_folder(path: &Path) -> bool {
    path.join(CONFIG).is_file()
}

/// A folder of `save_pretrained`, as downloaded from a hub.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    config: Config,
}

impl Folder {
    /// Opens a folder and reads its `config.json`; weights are opened by [`weights`](Self::weights).
    ///
    /// # Errors
    /// No folder, or one without `config.json`; a file that is not what it should be.
    pub fn open(path: &Path) -> Result<Self> {
        if !is_folder(path) {
            let problem = if path.is_dir() {
                format!(
                    "is no checkpoint of Hugging Face: it has no {CONFIG}\nhint: give the folder that holds {CONFIG} and the weights"
                )
            } else if path.exists() {
                format!("is a file, expected a folder with {CONFIG} and the weights")
            } else {
                "does not exist\nhint: download the model first and give its folder".to_owned()
            };
            return Err(Error::File {
                path: path.to_owned(),
                problem,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            config: Config::read(&path.join(CONFIG))?,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its `config.json`.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Another file of settings, such as `generation_config.json`; none where it is not there.
    ///
    /// # Errors
    /// A file that is not what it should be.
    pub fn settings(&self, name: &str) -> Result<Option<Config>> {
        let path = self.path.join(name);
        // A link that leads nowhere is a file that is missing, and no file that is not asked for.
        let is_there = path.symlink_metadata().is_ok();
        is_there.then(|| Config::read(&path)).transpose()
    }

    /// Its weights.
    ///
    /// # Errors
    /// See [`Weights::open`].
    pub fn weights(&self) -> Result<Weights> {
        Weights::open(&self.path)
    }
}
