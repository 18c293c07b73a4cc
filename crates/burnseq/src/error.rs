//! What can go wrong in a task: the errors of its stages.

use std::path::PathBuf;

use burnseq_kernels::ComputeError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of a stage, or of putting stages together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Settings are out of range, contradict each other, or ask a task for what it does not do.
    #[error("{0}")]
    Config(String),
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Io(#[from] burnseq_text::FileError),
    /// A dictionary does not belong to the model.
    #[error("{path}: {problem}")]
    Dictionary {
        /// The dictionary.
        path: PathBuf,
        /// What is wrong, with the remedy.
        problem: String,
    },
    /// A file of weights is damaged or does not fit the model.
    #[error("{path}: {problem}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the remedy.
        problem: String,
    },
    /// A checkpoint of another toolkit, or for one, cannot be converted.
    #[error("{path}: {problem}")]
    Convert {
        /// The checkpoint.
        path: PathBuf,
        /// What stands in the way, with the remedy.
        problem: String,
    },
    /// A line of raw text is longer than the model takes.
    #[error(
        "line {line} has {tokens} tokens, at most {limit} can be translated\nhint: split the line, or have it cut \
         with 'truncate_source'"
    )]
    LineTooLong {
        /// Number of the line, 1-based.
        line: u64,
        /// Its tokens, `</s>` included.
        tokens: usize,
        /// Most tokens.
        limit: usize,
    },
    /// A line of an alignment dictionary is not a pair of words.
    #[error("{path}:{line}: expected `<source word> <target word>`, got {text:?}")]
    AlignmentLine {
        /// The file.
        path: PathBuf,
        /// Number of the line, 1-based.
        line: u64,
        /// The line.
        text: String,
    },
    /// A line of raw text cannot be translated.
    #[error("line {line}: {problem}")]
    Line {
        /// Number of the line, 1-based.
        line: u64,
        /// What is wrong, with the remedy.
        problem: String,
    },
    /// Whoever asked for the work has ended it, between two batches.
    #[error("interrupted after {done} of {total} sentences")]
    Interrupted {
        /// Sentences whose results were there.
        done: usize,
        /// All of them.
        total: usize,
    },
    /// The device or its number format.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// Text, dictionaries, subword models.
    #[error(transparent)]
    Text(#[from] burnseq_text::Error),
    /// Datasets and batches.
    #[error(transparent)]
    Data(#[from] burnseq_data::Error),
    /// Architecture and weights.
    #[error(transparent)]
    Model(#[from] burnseq_model::ModelError),
    /// Training and checkpoints.
    #[error(transparent)]
    Train(#[from] burnseq_train::Error),
    /// Decoding.
    #[error(transparent)]
    Search(#[from] burnseq_search::SearchError),
    /// Files of other toolkits.
    #[error(transparent)]
    Interchange(#[from] burnseq_interchange::Error),
    /// Scores.
    #[error(transparent)]
    Metrics(#[from] burnseq_metrics::Error),
}

impl Error {
    /// Whether the settings are wrong rather than the data, so that a binary ends with code 2.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::Compute(_) => true,
            Self::Data(error) => error.is_usage(),
            Self::Model(error) => {
                use burnseq_model::ModelError::{Config, UnknownArch};
                matches!(error, Config { .. } | UnknownArch { .. })
            }
            Self::Train(error) => error.is_usage(),
            Self::Search(error) => {
                use burnseq_search::SearchError::{Alone, Option, Together};
                matches!(error, Option { .. } | Together { .. } | Alone { .. })
            }
            _ => false,
        }
    }
}

/// An error with the chain of its causes on one line, and then each remedy once, on a line `hint: ...` of its own.
///
/// A cause whose text the line ends with already is not repeated. `spell` may change each text before it is compared, as the
/// command line does, which writes flags where libraries name fields.
pub fn describe(error: &(dyn std::error::Error + 'static), spell: impl Fn(&str) -> String) -> String {
    let mut line = String::new();
    let mut hints: Vec<String> = Vec::new();
    let causes = std::iter::successors(Some(error), |error| error.source());
    for cause in causes {
        let text = spell(&cause.to_string());
        let mut parts = text.split("\nhint: ");
        let message = parts.next().unwrap_or_default();
        for hint in parts {
            if !hints.iter().any(|known| known == hint) {
                hints.push(hint.to_owned());
            }
        }
        if line.is_empty() {
            line.push_str(message);
        } else if !line.ends_with(message) {
            line.push_str(": ");
            line.push_str(message);
        }
    }
    for hint in hints {
        line.push_str("\nhint: ");
        line.push_str(&hint);
    }
    line
}
