//! The subcommands of `burnseq text` and their flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::grammar::Flags;

/// Prepare text for translation, and put translations together again.
///
/// Tools that map line to line read a file or standard input and write to standard output or a file; lines end at a
/// line feed. Nothing is replaced unless --overwrite is given.
#[derive(Debug, Parser)]
#[command(name = "text", version, max_term_width = 110)]
pub struct TextArgs {
    /// What to do
    #[command(subcommand)]
    pub command: TextCommand,
}

impl Flags for TextArgs {}

/// The tools.
#[derive(Debug, Subcommand)]
pub enum TextCommand {
    /// Split text into words and punctuation, as Moses' tokenizer.perl
    Tokenize(TokenizeArgs),
    /// Put tokens together, as Moses' detokenizer.perl
    Detokenize(LanguageArgs),
    /// Write quotation marks, dashes and blanks in one form, as Moses' normalize-punctuation.perl
    NormalizePunctuation(LanguageArgs),
    /// Write full-width and typographic punctuation in ASCII, as Moses' replace-unicode-punctuation.perl
    ReplaceUnicodePunctuation(StreamArgs),
    /// Put blanks in the place of characters that print nothing, as Moses' remove-non-printing-char.perl
    RemoveNonPrintingChar(StreamArgs),
    /// Turn the entities of tokenised text into characters, as Moses' deescape-special-chars.perl
    DeescapeSpecialChars(StreamArgs),
    /// Put text in lower case, character by character
    Lowercase(StreamArgs),
    /// Leave out pairs of tokenised lines that are empty, too short or long, or of unlike length
    Clean(CleanArgs),
    /// Split parallel text in training and validation text: every Nth pair is for validation
    Split(SplitArgs),
    /// Take plain text out of IWSLT's train.tags.* and *.xml files, by the rules of fairseq's recipe
    Extract(ExtractArgs),
    /// Split words into subwords with an existing model, or join them
    #[command(subcommand)]
    Subword(SubwordCommand),
}

/// Where lines come from and go to.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// Text, a sentence on each line; `-` is standard input [default: -]
    #[arg(value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Write this file instead of standard output; it appears when it is complete
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Replace the output file
    #[arg(long, requires = "output", help_heading = "Output")]
    pub overwrite: bool,
    /// Threads; the output does not depend on it [default: one per processor]
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub workers: Option<usize>,
    /// Write every line as soon as it was read, for a pipe that somebody waits for
    #[arg(short = 'b', long, help_heading = "Output")]
    pub unbuffered: bool,
}

/// A tool that only asks for the language.
#[derive(Debug, Args)]
pub struct LanguageArgs {
    /// Language of the text, such as `de`
    #[arg(short = 'l', long, value_name = "LANG")]
    pub language: String,
    /// Input and output
    #[command(flatten)]
    pub stream: StreamArgs,
}

/// `burnseq text tokenize`.
#[derive(Debug, Args)]
pub struct TokenizeArgs {
    /// Language of the text, such as `de`
    #[arg(short = 'l', long, value_name = "LANG")]
    pub language: String,
    /// Make tokens, written `@-@`, of dashes inside words
    #[arg(short = 'a', long)]
    pub aggressive_dash_splits: bool,
    /// Do not write `& | < > ' " [ ]` as entities
    #[arg(long)]
    pub no_escape: bool,
    /// Abbreviations that keep their full stop, in Moses' format [default: the list that Moses has for the language, the
    /// English one where it has none]
    #[arg(long, value_name = "FILE")]
    pub nonbreaking_prefixes: Option<PathBuf>,
    /// Regular expressions, one per line; what they match becomes a token as it stands
    #[arg(long, value_name = "FILE")]
    pub protected: Option<PathBuf>,
    /// Input and output
    #[command(flatten)]
    pub stream: StreamArgs,
}

/// Parallel text.
#[derive(Debug, Args)]
pub struct PairArgs {
    /// Source language, the suffix of the source files
    #[arg(short = 's', long, visible_alias = "src", value_name = "LANG")]
    pub source_lang: String,
    /// Target language, the suffix of the target files
    #[arg(short = 't', long, visible_alias = "tgt", value_name = "LANG")]
    pub target_lang: String,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
}

/// `burnseq text clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Read PREFIX.LANG of both languages
    #[arg(value_name = "INPUT_PREFIX")]
    pub input: PathBuf,
    /// Write PREFIX.LANG of both languages
    #[arg(value_name = "OUTPUT_PREFIX")]
    pub output: PathBuf,
    /// Languages
    #[command(flatten)]
    pub pair: PairArgs,
    /// Fewest words of a line
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub min: usize,
    /// Most words of a line
    #[arg(long, value_name = "N", default_value_t = 80)]
    pub max: usize,
    /// One line may have this many times the words of the other
    #[arg(long, value_name = "RATIO", default_value_t = 9.0)]
    pub ratio: f64,
}

/// `burnseq text split`.
#[derive(Debug, Args)]
pub struct SplitArgs {
    /// Read PREFIX.LANG of both languages
    #[arg(value_name = "INPUT_PREFIX")]
    pub input: PathBuf,
    /// Write all other pairs to PREFIX.LANG
    #[arg(value_name = "TRAIN_PREFIX")]
    pub train: PathBuf,
    /// Write every Nth pair to PREFIX.LANG
    #[arg(value_name = "VALID_PREFIX")]
    pub valid: PathBuf,
    /// Languages
    #[command(flatten)]
    pub pair: PairArgs,
    /// Which pairs are for validation: each whose number, counted from 1, is a multiple of this
    #[arg(long, value_name = "N")]
    pub every: u64,
}

/// `burnseq text extract`.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// Files named train.tags.* or *.xml; their text is put one after the other
    #[arg(value_name = "FILE", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Write this file instead of standard output; it appears when it is complete
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the output file
    #[arg(long, requires = "output")]
    pub overwrite: bool,
}

/// `burnseq text subword`.
#[derive(Debug, Subcommand)]
pub enum SubwordCommand {
    /// Split the words of text
    Encode(EncodeArgs),
    /// Join subwords to words
    Decode(DecodeArgs),
}

/// Which subword model.
#[derive(Debug, Args)]
#[group(id = "subword_model", required = true, multiple = false)]
pub struct ModelArgs {
    /// Codes of subword-nmt or fastBPE
    #[arg(long, value_name = "FILE")]
    pub codes: Option<PathBuf>,
    /// SentencePiece model
    #[arg(long, visible_alias = "sentencepiece-model", value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Tokenizer of Hugging Face: a folder as it comes from the hub, or a tokenizer.json
    #[arg(long, value_name = "DIR")]
    pub tokenizer: Option<PathBuf>,
}

/// `burnseq text subword encode`.
#[derive(Debug, Args)]
pub struct EncodeArgs {
    /// The model
    #[command(flatten)]
    pub model: ModelArgs,
    /// Split pieces that are rare in this list of subword-nmt's get-vocab again; with --codes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "tokenizer"])]
    pub vocabulary: Option<PathBuf>,
    /// Pieces of --vocabulary that were seen less often are rare [default: 1]
    #[arg(long, value_name = "N", requires = "vocabulary")]
    pub vocabulary_threshold: Option<u64>,
    /// Leave out merges with this probability (BPE-dropout)
    #[arg(long, value_name = "P", conflicts_with_all = ["unigram_alpha", "tokenizer"])]
    pub bpe_dropout: Option<f64>,
    /// Draw segmentations of a SentencePiece unigram model; probabilities are raised to this power
    #[arg(long, value_name = "ALPHA", conflicts_with = "tokenizer")]
    pub unigram_alpha: Option<f64>,
    /// Which segmentations are drawn [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write ids instead of tokens
    #[arg(long, conflicts_with_all = ["codes", "model"])]
    pub ids: bool,
    /// Write behind each token where it lies in its line, as `:START-END` in characters counted from 0; END is the first
    /// character behind it
    #[arg(long, conflicts_with_all = ["codes", "model"])]
    pub offsets: bool,
    /// Add the tokens that the model expects around a text, such as `[CLS]` and `[SEP]`
    #[arg(long, conflicts_with_all = ["codes", "model"])]
    pub special_tokens: bool,
    /// Keep this many tokens of a line at most, those of --special-tokens included
    #[arg(long, value_name = "N", conflicts_with_all = ["codes", "model"])]
    pub max_length: Option<usize>,
    /// Input and output
    #[command(flatten)]
    pub stream: StreamArgs,
}

/// `burnseq text subword decode`.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// The model
    #[command(flatten)]
    pub model: ModelArgs,
    /// Lines hold ids instead of tokens
    #[arg(long, conflicts_with_all = ["codes", "model"])]
    pub ids: bool,
    /// Leave out special tokens, such as `[CLS]`; with --ids
    #[arg(long, requires = "ids")]
    pub skip_special_tokens: bool,
    /// Input and output
    #[command(flatten)]
    pub stream: StreamArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_consistent() {
        TextArgs::command().debug_assert();
    }

    #[test]
    fn flags_that_do_not_go_together_are_refused() {
        let parse = |flags: &str| TextArgs::try_parse_from(flags.split_whitespace()).map(|_| ());
        parse("text subword encode --codes c --vocabulary v --vocabulary-threshold 5 in -o out").unwrap();
        for flags in [
            "text",
            "text tokenize",
            "text lowercase --overwrite",
            "text clean -s de -t en in",
            "text split a b c -s de -t en",
            "text extract",
            "text subword encode",
            "text subword encode --codes c --model m",
            "text subword encode --model m --vocabulary v",
            "text subword encode --codes c --vocabulary-threshold 5",
            "text subword encode --codes c --bpe-dropout 0.1 --unigram-alpha 0.1",
            "text subword encode --codes c --ids",
            "text subword encode --tokenizer t --bpe-dropout 0.1",
            "text subword decode --tokenizer t --skip-special-tokens",
        ] {
            assert!(parse(flags).is_err(), "{flags}");
        }
    }
}
