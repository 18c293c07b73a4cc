//! What can go wrong on the text side: files, lines, dictionaries, subword models, settings.

use std::path::PathBuf;

use crate::FileError;

/// Error of this crate; every message names the file, the line and the offender where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A line of text is not UTF-8.
    #[error(
        "{path}:{line}: invalid UTF-8 at byte {offset} of the file (byte {column} of the line)\nhint: {hint}"
    )]
    InvalidUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The first bad byte, counted from 0 at the start of the file.
        offset: u64,
        /// The first bad byte, counted from 0 at the start of the line.
        column: u64,
        /// What to do, by what the text before shows.
        hint: &'static str,
    },
    /// A file is no text in UTF-8, as its first bytes tell.
    #[error("{path} is {kind}, not UTF-8\nhint: {remedy}")]
    FileKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
        /// How it becomes text.
        remedy: &'static str,
    },
    /// A line of a dictionary is not `<token> <count>`.
    #[error("{path}:{line}: expected `<token> <count>`, got {text:?}")]
    DictLine {
        /// The dictionary file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the line holds.
        text: String,
    },
    /// A token is listed twice in a dictionary.
    #[error(
        "{path}:{line}: duplicate token {token:?} (it already has id {id})\n\
         hint: remove the line, or end it with `#fairseq:overwrite` if the second entry shall count"
    )]
    DictDuplicate {
        /// The dictionary file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The token.
        token: String,
        /// Its id from an earlier line or as a special symbol.
        id: u32,
    },
    /// A line of a BPE codes file is not a merge.
    #[error("{path}:{line}: expected a merge `<left> <right>`, got {text:?}")]
    CodesLine {
        /// The codes file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the line holds.
        text: String,
    },
    /// The version of a BPE codes file is not one of subword-nmt's.
    #[error("{path}:1: unknown version {version:?} of BPE codes; known are 0.1 and 0.2")]
    CodesVersion {
        /// The codes file.
        path: PathBuf,
        /// What stands after `#version:`.
        version: String,
    },
    /// A line of a subword-nmt vocabulary is not `<piece> <count>`.
    #[error("{path}:{line}: expected `<piece> <count>`, got {text:?}")]
    VocabularyLine {
        /// The vocabulary file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the line holds.
        text: String,
    },
    /// A line of a file of patterns is no regular expression.
    #[error("{path}:{line}: {reason}")]
    Pattern {
        /// The file of patterns.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no text to learn subwords from.
    #[error("cannot learn subwords: the training text holds no words")]
    EmptyCorpus,
    /// The requested vocabulary is too small for the characters of the corpus.
    #[error(
        "a SentencePiece vocabulary of {vocab_size} is too small: {required} pieces are needed for \
         the special symbols and the characters of the corpus\n\
         hint: ask for at least {required} pieces or lower the character coverage"
    )]
    VocabularyTooSmall {
        /// The requested size.
        vocab_size: usize,
        /// The least possible size.
        required: usize,
    },
    /// A value is outside its range.
    #[error("{name} must be {expected}, got {value}")]
    InvalidOption {
        /// The option or setting.
        name: &'static str,
        /// The values it takes.
        expected: &'static str,
        /// What was given.
        value: String,
    },
    /// A SentencePiece model cannot be used.
    #[error(
        "{name} is not a usable SentencePiece model: {reason}\nhint: give a `.model` file as `spm_train` or \
         `preprocess` wrote it; if it is one, it was damaged: copy it again"
    )]
    SentencePieceModel {
        /// File or other name of the model.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A SentencePiece model failed on a line.
    #[error("cannot segment {text:?}: {reason}")]
    SentencePieceEncode {
        /// The line.
        text: String,
        /// What the library said.
        reason: String,
    },
    /// The requested vocabulary of WordPiece or byte-level BPE is too small.
    #[error(
        "a vocabulary of {vocab_size} tokens is too small: {required} are needed for the special tokens and the alphabet\n\
         hint: ask for at least {required}"
    )]
    TokenizerTooSmall {
        /// The requested size.
        vocab_size: usize,
        /// The least possible size.
        required: usize,
    },
    /// A tokenizer of Hugging Face cannot be used.
    #[error("{name}: {reason}")]
    HuggingFace {
        /// The file or folder.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tokenizer of Hugging Face failed on a text.
    #[error("cannot tokenize {text:?}: {reason}")]
    HuggingFaceEncode {
        /// The beginning of the text.
        text: String,
        /// What the library said.
        reason: String,
    },
    /// Segmentations cannot be sampled with this subword model.
    #[error("{0}")]
    SamplingModel(String),
    /// A settings file is not valid.
    #[error("{path}: {reason}")]
    Settings {
        /// The settings file.
        path: PathBuf,
        /// What is wrong with it, with line and column.
        reason: String,
    },
    /// Settings are valid one by one but do not go together, or name what does not exist.
    #[error("{0}")]
    InvalidSettings(String),
    /// A file that the settings name is not among those given.
    #[error("the text settings name the file {name:?}, which is missing")]
    MissingFile {
        /// Name of the file, relative to the settings.
        name: String,
    },
}

/// What the text before bytes that are no UTF-8 tells about them, so that no advice makes things worse.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BadBytes {
    /// Characters beyond ASCII were seen.
    beyond_ascii: bool,
    /// NUL characters were seen.
    nul: bool,
}

impl BadBytes {
    /// Takes valid text into account.
    #[inline]
    pub(crate) fn add(&mut self, text: &str) {
        self.beyond_ascii = self.beyond_ascii || !text.is_ascii();
    }

    /// What to do about a line with bad bytes.
    pub(crate) fn hint(mut self, line: &[u8]) -> &'static str {
        for chunk in line.utf8_chunks() {
            self.add(chunk.valid());
        }
        self.nul = line.contains(&0);
        match self {
            Self { nul: true, .. } => {
                "NUL bytes are no text either; if the file is UTF-16, convert it: `iconv -f UTF-16LE -t UTF-8 FILE`"
            }
            Self {
                beyond_ascii: true, ..
            } => {
                "the text is UTF-8 but for such bytes, which are damage: mend the line, or drop the bytes: `iconv -c -f \
                 UTF-8 -t UTF-8 FILE`"
            }
            Self { .. } => {
                "find out the encoding of the file and convert it, for example `iconv -f WINDOWS-1252 -t UTF-8 FILE` for \
                 Western European text"
            }
        }
    }
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An option that has to be as `expected`.
    pub(crate) fn option(name: &'static str, expected: &'static str, value: impl ToString) -> Self {
        Self::InvalidOption {
            name,
            expected,
            value: value.to_string(),
        }
    }
}
