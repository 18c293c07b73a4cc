//! What can go wrong while decoding.

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// An option has a value that no search can use.
    #[error("{option} = {value}: {rule}")]
    Option {
        /// The option, in the spelling of its flag.
        option: &'static str,
        /// Its value.
        value: String,
        /// The rule it breaks.
        rule: String,
    },
    /// A source does not end with `</s>`.
    #[error("source {sentence} of the batch does not end with the end-of-sentence token {eos}")]
    NoEos {
        /// Number of the source in its batch, 0-based.
        sentence: usize,
        /// Id of `</s>`.
        eos: usize,
    },
    /// A source is longer than the positions of the model reach.
    #[error(
        "source {sentence} of the batch has {tokens} tokens, the model takes {limit}\nhint: split the line, \
         or leave such lines out with --skip-invalid-size-inputs-valid-test"
    )]
    SourceTooLong {
        /// Number of the source in its batch, 0-based.
        sentence: usize,
        /// Its tokens, `</s>` included.
        tokens: usize,
        /// Most tokens.
        limit: usize,
    },
    /// A source token is not in the dictionary of the model.
    #[error(
        "source {sentence} of the batch holds token {id}, the model knows {vocab}\nhint: the dictionary is not the one that the model was trained with"
    )]
    UnknownId {
        /// Number of the source in its batch, 0-based.
        sentence: usize,
        /// The token.
        id: u32,
        /// Size of the source dictionary.
        vocab: usize,
    },
    /// No hypothesis of a sentence has a probability.
    #[error(
        "source {sentence} of the batch got no hypothesis: the model gives no finite probability to any token\nhint: the weights or the --temperature are out of range"
    )]
    NoHypothesis {
        /// Number of the source in its batch, 0-based.
        sentence: usize,
    },
}
