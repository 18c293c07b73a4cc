//! A folder of text without a second side, as `preprocess --only-source` or fairseq has written it: its splits and its
//! dictionary.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burnseq_text::{Dictionary, TextPipeline, TextSettings};

use crate::dataset_dir::{file_names, folders};
use crate::dataset_impl::{DatasetImpl, SentenceFile};
use crate::error::{Error, Result};
use crate::sentences::Sentences;

/// An opened folder of text: `train.idx`, `train.bin`, `valid.idx` and so on, and `dict.txt`.
#[derive(Debug, Clone)]
pub struct TextDir {
    path: PathBuf,
    /// Further folders of training data.
    more: Vec<PathBuf>,
    dictionary: Arc<Dictionary>,
    text: TextSettings,
    dataset_impl: Option<DatasetImpl>,
}

impl TextDir {
    /// The dictionary of such a folder.
    pub const DICTIONARY: &str = "dict.txt";
    /// Its text settings.
    pub const SETTINGS: &str = "text.json";

    /// Whether a folder, the first one of several with colons between, holds text without a second side.
    pub fn is_one(path: impl AsRef<Path>) -> bool {
        folders(path.as_ref())[0].join(Self::DICTIONARY).is_file()
    }

    /// Opens a folder.
    ///
    /// Colons separate several folders, of which the first one counts: the others only add training data, in the
    /// dictionary of the first.
    ///
    /// # Errors
    /// When the folder, its dictionary or its text settings cannot be read; when it holds sentence pairs; when the folders
    /// have different dictionaries.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let mut folders = folders(path.as_ref());
        let more = folders.split_off(1);
        let path = folders.swap_remove(0);
        let names = file_names(&path)?;
        let has = |name: &str| names.iter().any(|known| known == name);
        if !has(Self::DICTIONARY) {
            let pairs = names
                .iter()
                .any(|name| name.starts_with("dict.") && name.ends_with(".txt"));
            let problem = if pairs {
                "holds sentence pairs, not text alone"
            } else {
                "there is no dictionary dict.txt"
            };
            return Err(Error::DataDir {
                path,
                problem: format!(
                    "{problem}\nhint: make a dataset of text with `preprocess --only-source --trainpref TEXT --destdir FOLDER`"
                ),
            });
        }
        let dictionary = Dictionary::load(path.join(Self::DICTIONARY))?;
        for folder in &more {
            let file = folder.join(Self::DICTIONARY);
            if Dictionary::load(&file)? != dictionary {
                return Err(Error::DataDir {
                    path: file,
                    problem: format!(
                        "is not the dictionary of {}; folders to learn from together share their dictionary\n\
                         hint: run `preprocess` with 'srcdict' of the first folder",
                        path.display()
                    ),
                });
            }
        }
        // fairseq's own folders have no settings: their text was used as it was.
        let text = if has(Self::SETTINGS) {
            TextSettings::load(path.join(Self::SETTINGS))?
        } else {
            TextSettings::default()
        };
        Ok(Self {
            path,
            more,
            dictionary: Arc::new(dictionary),
            text,
            dataset_impl: None,
        })
    }

    /// The same folder, of which only files of this format are taken; `None` takes all formats.
    #[must_use]
    pub fn with_dataset_impl(mut self, dataset_impl: Option<DatasetImpl>) -> Self {
        self.dataset_impl = dataset_impl;
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The dictionary.
    pub fn dictionary(&self) -> &Arc<Dictionary> {
        &self.dictionary
    }

    /// How text became tokens; the default when the folder does not say.
    pub fn text(&self) -> &TextSettings {
        &self.text
    }

    /// Turns text into tokens of the dictionary, and back.
    ///
    /// # Errors
    /// When a subword model is missing or damaged.
    pub fn pipeline(&self) -> Result<TextPipeline> {
        Ok(TextPipeline::from_folder(self.text.clone(), &self.path)?)
    }

    /// Whether the folder holds this split.
    pub fn has_split(&self, split: &str) -> bool {
        SentenceFile::exists(&self.path.join(split), self.dataset_impl)
    }

    /// The sentences of a split.
    ///
    /// # Errors
    /// When there is no such split, or it cannot be read.
    pub fn load(&self, split: &str) -> Result<Sentences> {
        Ok(Sentences::files(vec![self.file(&self.path, split)?]))
    }

    /// The sentences to train on: `split`, `split1`, `split2` and so on, of all folders, one after another.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_train(&self, split: &str) -> Result<Sentences> {
        let mut files = Vec::new();
        for folder in std::iter::once(&self.path).chain(&self.more) {
            files.push(self.file(folder, split)?);
            for number in 1.. {
                let name = format!("{split}{number}");
                if !SentenceFile::exists(&folder.join(&name), self.dataset_impl) {
                    break;
                }
                files.push(self.file(folder, &name)?);
            }
        }
        Ok(Sentences::files(files))
    }

    fn file(&self, folder: &Path, split: &str) -> Result<SentenceFile> {
        let path = folder.join(split);
        if SentenceFile::exists(&path, self.dataset_impl) {
            return SentenceFile::open(&path, &self.dictionary, self.dataset_impl);
        }
        let mut splits: Vec<String> = file_names(folder)?
            .iter()
            .filter_map(|name| name.strip_suffix(".idx").map(str::to_owned))
            .collect();
        splits.sort();
        let known = if splits.is_empty() {
            "it has no split at all".to_owned()
        } else {
            format!("choose one of: {}", splits.join(", "))
        };
        Err(Error::DataDir {
            path: folder.to_owned(),
            problem: format!("there is no split {split:?}; {known}"),
        })
    }
}
