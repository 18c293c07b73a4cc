//! The dictionaries a model was trained with: a checkpoint of fairseq does not hold them.

use std::path::{Path, PathBuf};

use burnseq_text::Dictionary;
use burnseq_text::FileError;
use burnseq_text::Vocab;
use burnseq_train::checkpoint;

use crate::error::{Error, Result};
use crate::tasks::translation::{self, SRC_DICT_FILE, TGT_DICT_FILE, TranslationConfig, TranslationTask};

/// Where the dictionaries are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dictionaries {
    /// A folder that `preprocess`, or fairseq's, has written.
    Folder(PathBuf),
    /// Two files.
    Files {
        /// Source dictionary.
        src: PathBuf,
        /// Target dictionary.
        tgt: PathBuf,
    },
}

/// What a checkpoint takes from the data.
#[derive(Debug)]
pub(super) struct DataSide {
    /// Source and target language.
    pub(super) langs: [String; 2],
    /// Files of the source and target dictionary, for messages.
    pub(super) paths: [PathBuf; 2],
    /// Sizes and special ids.
    pub(super) dictionaries: checkpoint::Dictionaries,
    /// Dictionaries, text settings and subword models, under their names in a checkpoint.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// The folder, opened.
    pub(super) task: Option<TranslationTask>,
}

impl DataSide {
    /// What a model has to know of the dictionaries.
    pub(super) fn vocab(&self) -> Vocab {
        self.dictionaries.vocab()
    }
}

impl Dictionaries {
    /// Opens them; `langs` are source and target language where they are known.
    ///
    /// # Errors
    /// Files that cannot be read or are not dictionaries; languages that are not clear.
    pub(super) fn open(&self, langs: [Option<String>; 2]) -> Result<DataSide> {
        match self {
            Self::Folder(folder) => open_folder(folder, langs),
            Self::Files { src, tgt } => open_files([src, tgt], langs),
        }
    }
}

fn open_folder(folder: &Path, [source_lang, target_lang]: [Option<String>; 2]) -> Result<DataSide> {
    let task = TranslationTask::open(TranslationConfig {
        data: folder.to_owned(),
        source_lang,
        target_lang,
        ..TranslationConfig::default()
    })?;
    let dir = task.dir();
    let langs = [dir.src_lang().to_owned(), dir.tgt_lang().to_owned()];
    let paths = langs
        .clone()
        .map(|lang| dir.path().join(format!("dict.{lang}.txt")));
    Ok(DataSide {
        langs,
        paths,
        dictionaries: translation::dictionaries(task.dir().src_dict(), task.dir().tgt_dict()),
        files: task.files()?,
        task: Some(task),
    })
}

fn open_files(paths: [&PathBuf; 2], langs: [Option<String>; 2]) -> Result<DataSide> {
    let [src, tgt] = [load(paths[0])?, load(paths[1])?];
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
        langs: [next()?, next()?],
        paths: [paths[0].clone(), paths[1].clone()],
        dictionaries: translation::dictionaries(&src.0, &tgt.0),
        files: vec![
            (SRC_DICT_FILE.to_owned(), src.1),
            (TGT_DICT_FILE.to_owned(), tgt.1),
        ],
        task: None,
    })
}

fn load(path: &Path) -> Result<(Dictionary, Vec<u8>)> {
    let bytes = std::fs::read(path).map_err(FileError::read(path))?;
    Ok((Dictionary::parse(bytes.as_slice(), path)?, bytes))
}
