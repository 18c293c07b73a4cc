//! What can go wrong while decoding.

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
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
    /// Two options contradict each other.
    #[error("{option} and {other} exclude each other: {reason}\nhint: leave one of them out")]
    Together {
        /// One option, in the spelling of its flag.
        option: &'static str,
        /// The other one.
        other: &'static str,
        /// Why they do not go together.
        reason: &'static str,
    },
    /// An option says how to do what no other option asks for.
    #[error("{option} goes with {other} only")]
    Alone {
        /// The option, in the spelling of its flag.
        option: &'static str,
        /// The option that is missing.
        other: &'static str,
    },
    /// Models that are to decode together were built for different dictionaries or positions.
    #[error(
        "model {number} of the ensemble was built for {theirs}, the first one for {ours}\nhint: the models of an \
         ensemble share their dictionaries"
    )]
    Ensemble {
        /// Number of the model, the first one being 1.
        number: usize,
        /// What it was built for.
        theirs: String,
        /// What the first one was built for.
        ours: String,
    },
    /// A source does not end with `</s>`.
    #[error("sentence {sentence} does not end with the end-of-sentence token {eos}")]
    NoEos {
        /// Number of the sentence in its dataset, 0-based.
        sentence: u64,
        /// Id of `</s>`.
        eos: usize,
    },
    /// A source is longer than the positions of the model reach.
    #[error(
        "sentence {sentence} has {tokens} tokens, the model takes {limit}\nhint: split the line, \
         or leave such lines out with 'skip_invalid_size_inputs_valid_test'"
    )]
    SourceTooLong {
        /// Number of the sentence in its dataset, 0-based.
        sentence: u64,
        /// Its tokens, `</s>` included.
        tokens: usize,
        /// Most tokens.
        limit: usize,
    },
    /// A prompt is empty, or leaves no position for a new token.
    #[error(
        "prompt {sentence} has {tokens} tokens, the model takes 1 to {limit}\nhint: cut it from the left, so that the end \
         stays"
    )]
    Prompt {
        /// Number of the prompt, 0-based.
        sentence: u64,
        /// Its tokens.
        tokens: usize,
        /// Most tokens.
        limit: usize,
    },
    /// A source token is not in the dictionary of the model.
    #[error(
        "sentence {sentence} holds token {id}, the model knows {vocab}\nhint: the dictionary is not the one that the \
         model was trained with"
    )]
    UnknownId {
        /// Number of the sentence in its dataset, 0-based.
        sentence: u64,
        /// The token.
        id: u32,
        /// Size of the source dictionary.
        vocab: usize,
    },
    /// A token that the hypotheses are to begin with, or to contain, cannot be produced.
    #[error("{what} of sentence {sentence} holds token {id}, which no hypothesis can hold there: {reason}")]
    ForcedToken {
        /// Number of the sentence in its dataset, 0-based.
        sentence: u64,
        /// `the prefix` or `a constraint`.
        what: &'static str,
        /// The token.
        id: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// Constraints that no hypothesis of a sentence can meet, or that nothing is done with.
    #[error("the constraints of sentence {sentence} cannot be met: {problem}")]
    Constraints {
        /// Number of the sentence in its dataset, 0-based.
        sentence: u64,
        /// Why, and what to do about it.
        problem: String,
    },
    /// A given translation cannot be scored.
    #[error("the target of sentence {sentence} {problem}")]
    Target {
        /// Number of the sentence in its dataset, 0-based.
        sentence: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// No hypothesis of a sentence has a probability.
    #[error(
        "sentence {sentence} got no hypothesis: no token is left that has a finite probability\nhint: the weights or the \
         'temperature' are out of range, or 'no_repeat_ngram_size' forbids all words before 'min_len' is reached"
    )]
    NoHypothesis {
        /// Number of the sentence in its dataset, 0-based.
        sentence: u64,
    },
}
