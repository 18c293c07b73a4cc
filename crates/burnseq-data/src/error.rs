//! What can go wrong between text files and batches.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of this crate; each names the file, line or sentence it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Io(#[from] burnseq_text::FileError),
    /// A text, dictionary or subword file is wrong.
    #[error(transparent)]
    Text(#[from] burnseq_text::Error),
    /// An index or token file is not what it should be.
    #[error("{path}: {problem}")]
    Index {
        /// The `.idx` or `.bin` file.
        path: PathBuf,
        /// What was expected and what is there.
        problem: String,
    },
    /// Source and target text have different numbers of lines.
    #[error(
        "{src} has {src_lines} lines but {tgt} has {tgt_lines}; parallel files must be line-aligned{hint}"
    )]
    LineCounts {
        /// Source text.
        src: PathBuf,
        /// Its lines.
        src_lines: u64,
        /// Target text.
        tgt: PathBuf,
        /// Its lines.
        tgt_lines: u64,
        /// What may have caused it, on a line of its own, or nothing.
        hint: String,
    },
    /// A line of an alignment file is no alignment of its sentences.
    #[error("{path}:{line}: {problem}")]
    Alignment {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// Source and target dataset have different numbers of sentences.
    #[error(
        "{src} has {src_len} sentences but {tgt} has {tgt_len}; both sides must come from one \
         `preprocess` run"
    )]
    Misaligned {
        /// Source dataset.
        src: PathBuf,
        /// Its sentences.
        src_len: usize,
        /// Target dataset.
        tgt: PathBuf,
        /// Its sentences.
        tgt_len: usize,
    },
    /// A text file holds no line, or only empty ones.
    #[error("{path} holds no text\nhint: give a file with one sentence per line")]
    EmptyCorpus {
        /// The file.
        path: PathBuf,
    },
    /// A sentence of a dataset holds an id that the dictionary does not have.
    #[error(
        "sentence {sentence} of {side} holds token id {id}, but the dictionary has {vocab} types\n\
         hint: the dataset was written with another dictionary; run `preprocess` again"
    )]
    UnknownId {
        /// 0-based sentence number.
        sentence: usize,
        /// File of the dataset, or `source`/`target` for sentences in memory.
        side: String,
        /// The id.
        id: u32,
        /// Size of the dictionary.
        vocab: usize,
    },
    /// A sentence is too long for a batch.
    #[error(
        "sentence {sentence} has {tokens} tokens (</s> included), more than {option} {max_tokens}\n\
         hint: raise {option} to at least {tokens}, or skip such sentences \
         ('skip_invalid_size_inputs_valid_test')"
    )]
    OverMaxTokens {
        /// The option that sets the limit, in the spelling of its flag.
        option: &'static str,
        /// 0-based sentence number.
        sentence: usize,
        /// Tokens of its longer side.
        tokens: usize,
        /// The limit.
        max_tokens: usize,
    },
    /// Sentences are too long for the model, and skipping was not allowed.
    #[error(
        "{count} sentences are longer than {limit}, the first is sentence {sentence} with {lengths}\n\
         hint: take them with {longer}, or skip them with 'skip_invalid_size_inputs_valid_test'"
    )]
    TooLong {
        /// How many.
        count: usize,
        /// The limits in words.
        limit: String,
        /// The options that take the longest of them, in the spelling of their flags.
        longer: String,
        /// 0-based number of the first one.
        sentence: usize,
        /// Its tokens in words.
        lengths: String,
    },
    /// Nothing is left to make batches from.
    #[error("no sentence is left of {total}: {reason}")]
    NothingLeft {
        /// Sentences before filtering.
        total: usize,
        /// Why they all went.
        reason: String,
    },
    /// Settings that make no sense.
    #[error("{0}")]
    Config(String),
    /// A data directory lacks something.
    #[error("{path}: {problem}")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What is missing or ambiguous, with the remedy.
        problem: String,
    },
    /// A saved position does not fit the batches at hand.
    #[error("cannot resume at the saved position: {0}")]
    Resume(String),
    /// The run was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The same of a validation set, whose batches have limits of their own.
    #[must_use]
    pub fn of_validation(mut self) -> Self {
        match &mut self {
            Self::OverMaxTokens { option, .. } => *option = "'max_tokens_valid'",
            Self::NothingLeft { reason, .. } => {
                *reason = reason.replace("'max_tokens' ", "'max_tokens_valid' ")
            }
            _ => {}
        }
        self
    }

    /// Whether the settings are wrong rather than the data, so that a binary ends with code 2.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}
