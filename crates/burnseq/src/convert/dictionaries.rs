//! The dictionaries a model was trained with: a checkpoint of fairseq does not hold them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burnseq_data::{EpochIterator, PairOptions, TextDir};
use burnseq_text::Dictionary;
use burnseq_text::FileError;
use burnseq_text::Vocab;
use burnseq_train::checkpoint;
use burnseq_train::{TaskInfo, TrainConfig, training_epochs};

use crate::error::{Error, Result};
use crate::tasks::TaskConfig;
use crate::tasks::language_modeling::{self, LanguageModelingConfig, LanguageModelingTask};
use crate::tasks::translation::{
    self, LanguagePair, SRC_DICT_FILE, TGT_DICT_FILE, TranslationConfig, TranslationTask,
};

/// Where the dictionaries are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dictionaries {
    /// A folder that `preprocess`, or fairseq's, has written.
    Folder(PathBuf),
    /// The two files of a translation model.
    Files {
        /// Source dictionary.
        src: PathBuf,
        /// Target dictionary.
        tgt: PathBuf,
    },
    /// The file of a language model.
    File(PathBuf),
}

/// What a checkpoint takes from the data.
#[derive(Debug)]
pub(super) struct DataSide {
    /// What a checkpoint says of the task.
    pub(super) task: TaskInfo,
    /// The stacks of the model that read or write a dictionary, and its file, for messages.
    pub(super) paths: Vec<(&'static str, PathBuf)>,
    /// Sizes and special ids.
    pub(super) dictionaries: checkpoint::Dictionaries,
    /// Dictionaries, text settings and subword models, under their names in a checkpoint.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// The folder, opened.
    training: Option<Training>,
}

/// A folder that training data may be in.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a conversion holds one of them")]
enum Training {
    Pairs(TranslationTask),
    Text(LanguageModelingTask),
}

impl DataSide {
    /// What a model has to know of the dictionaries.
    pub(super) fn vocab(&self) -> Vocab {
        self.dictionaries.vocab()
    }

    /// The epochs of a run on the training data, from the first one; none where there is no such data.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub(super) fn epochs(
        &self,
        config: &TrainConfig,
        max_positions: (usize, usize),
    ) -> Result<Option<EpochIterator>> {
        let epochs = match &self.training {
            Some(Training::Pairs(task)) if task.dir().has_split("train") => {
                let pairs = task.dir().load("train", true, PairOptions::default())?;
                training_epochs(&pairs, config, max_positions)?
            }
            Some(Training::Text(task)) if task.dir().has_split("train") => {
                let multiple = config.dataset.required_seq_len_multiple.unwrap_or(1);
                let sentences = task.dir().load_train("train")?;
                let blocks = task.blocks("train", sentences, config.seed.into(), multiple)?;
                training_epochs(&*blocks, config, max_positions)?
            }
            _ => return Ok(None),
        };
        Ok(Some(epochs.0))
    }
}

impl Dictionaries {
    /// Opens them for a task, whose languages are given where they are known.
    ///
    /// # Errors
    /// Files that cannot be read or are not dictionaries; languages that are not clear; dictionaries of another task.
    pub(super) fn open(&self, task: &TaskConfig) -> Result<DataSide> {
        match (self, task) {
            (Self::Folder(folder), TaskConfig::Translation(config)) => open_pairs(folder, config),
            (Self::Folder(folder), TaskConfig::LanguageModeling(config)) => open_text(folder, config),
            (Self::Files { src, tgt }, TaskConfig::Translation(config)) => open_files([src, tgt], config),
            (Self::File(file), TaskConfig::LanguageModeling(config)) => open_file(file, config),
            (Self::Files { tgt, .. }, TaskConfig::LanguageModeling(_)) => Err(Error::Config(format!(
                "{} is one dictionary too many: a language model has one\nhint: give it as 'srcdict', and leave out \
                 'tgtdict'",
                tgt.display()
            ))),
            (Self::File(file), TaskConfig::Translation(_)) => Err(Error::Config(format!(
                "{} is the dictionary of one side, a translation model has two\nhint: give 'tgtdict' as well",
                file.display()
            ))),
        }
    }
}

fn open_pairs(folder: &Path, config: &TranslationConfig) -> Result<DataSide> {
    let task = TranslationTask::open(TranslationConfig {
        data: folder.to_owned(),
        ..config.clone()
    })?;
    let dir = task.dir();
    let langs = [dir.src_lang().to_owned(), dir.tgt_lang().to_owned()];
    let [src, tgt] = langs
        .clone()
        .map(|lang| dir.path().join(format!("dict.{lang}.txt")));
    Ok(DataSide {
        task: pair(langs),
        paths: vec![("encoder", src), ("decoder", tgt)],
        dictionaries: translation::dictionaries(task.dir().src_dict(), task.dir().tgt_dict()),
        files: task.files()?,
        training: Some(Training::Pairs(task)),
    })
}

fn open_text(folder: &Path, config: &LanguageModelingConfig) -> Result<DataSide> {
    let task = LanguageModelingTask::open(LanguageModelingConfig {
        data: folder.to_owned(),
        ..config.clone()
    })?;
    let dir = task.dir();
    Ok(DataSide {
        task: config.task_info(),
        paths: vec![("decoder", dir.path().join(TextDir::DICTIONARY))],
        dictionaries: language_modeling::dictionaries(dir.dictionary()),
        files: task.files()?,
        training: Some(Training::Text(task)),
    })
}

fn open_files(paths: [&PathBuf; 2], config: &TranslationConfig) -> Result<DataSide> {
    let [src, tgt] = [load(paths[0])?, load(paths[1])?];
    let langs = [config.source_lang.clone(), config.target_lang.clone()];
    // The language is the middle of `dict.LANG.txt`.
    let mut known = langs.into_iter().zip(paths).map(|(lang, path)| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let of_name = name
            .strip_prefix("dict.")
            .and_then(|rest| rest.strip_suffix(".txt"));
        lang.or_else(|| of_name.map(str::to_owned)).ok_or_else(|| {
            Error::Config(format!(
                "{} does not tell its language\nhint: give 'source_lang' and 'target_lang'",
                path.display()
            ))
        })
    });
    let mut next = || known.next().expect("there are two languages");
    Ok(DataSide {
        task: pair([next()?, next()?]),
        paths: vec![("encoder", paths[0].clone()), ("decoder", paths[1].clone())],
        dictionaries: translation::dictionaries(&src.0, &tgt.0),
        files: vec![
            (SRC_DICT_FILE.to_owned(), src.1),
            (TGT_DICT_FILE.to_owned(), tgt.1),
        ],
        training: None,
    })
}

fn open_file(path: &Path, config: &LanguageModelingConfig) -> Result<DataSide> {
    let (dictionary, bytes) = load(path)?;
    Ok(DataSide {
        task: config.task_info(),
        paths: vec![("decoder", path.to_owned())],
        dictionaries: language_modeling::dictionaries(&Arc::new(dictionary)),
        files: vec![(TextDir::DICTIONARY.to_owned(), bytes)],
        training: None,
    })
}

fn pair([source_lang, target_lang]: [String; 2]) -> TaskInfo {
    TaskInfo::from(&LanguagePair {
        source_lang,
        target_lang,
    })
}

fn load(path: &Path) -> Result<(Dictionary, Vec<u8>)> {
    let bytes = std::fs::read(path).map_err(FileError::read(path))?;
    Ok((Dictionary::parse(bytes.as_slice(), path)?, bytes))
}
