//! What can go wrong while scoring.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An input or a setting that cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is nothing to score.
    #[error("the corpus is empty: no score is defined without a segment")]
    EmptyCorpus,
    /// No stream of references was given.
    #[error("no references were given")]
    NoReferences,
    /// Every reference of a segment is absent.
    #[error("line {line} has no reference\nhint: an empty reference is an empty line, not an absent one")]
    NoReference {
        /// Line of the segment, from 1.
        line: usize,
    },
    /// Hypotheses and references are not line-aligned.
    #[error(
        "{hypotheses} hypotheses but {references} references in set {set}\nhint: both must have one line per segment"
    )]
    UnequalLines {
        /// Number of hypotheses, or of references in the first set when only references are at hand.
        hypotheses: usize,
        /// Number of references in the set.
        references: usize,
        /// Which set of references, from 1.
        set: usize,
    },
    /// A setting is outside its range.
    #[error("{setting} is {value}; it must be {rule}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        rule: &'static str,
    },
    /// A name stands for no variant.
    #[error("unknown {what} `{name}`; choose one of: {choices}")]
    UnknownName {
        /// What was to be named.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The names there are, separated by commas.
        choices: &'static str,
    },
}
