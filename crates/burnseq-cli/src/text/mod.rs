//! The command line of `burnseq text`: Moses' tools, corpora, subwords.

mod args;
mod corpus;
mod hugging_face;
mod output;
mod stream;
mod subword;

use std::io;

use anyhow::Result;
use burnseq_text::moses::{
    MosesDetokenizer, MosesTokenizer, NonbreakingPrefixes, ProtectedPatterns, lowercase,
    normalize_punctuation, replace_non_printing, replace_unicode_punctuation, unescape,
};

use crate::decoding::format::note;
pub use args::{
    CleanArgs, DecodeArgs, EncodeArgs, ExtractArgs, LanguageArgs, ModelArgs, PairArgs, SplitArgs, StreamArgs,
    SubwordCommand, TextArgs, TextCommand, TokenizeArgs,
};
use stream::map_lines;

/// Runs a tool.
///
/// # Errors
/// Wrong flags (marked as wrong usage), or whatever stops the run. A reader that closes the pipe is no error.
pub fn run(args: &TextArgs) -> Result<()> {
    let result = match &args.command {
        TextCommand::Tokenize(args) => tokenize(args),
        TextCommand::Detokenize(args) => {
            let detokenizer = MosesDetokenizer::new(&args.language);
            map_lines(&args.stream, || |_, line: &str| Ok(detokenize(detokenizer, line)))
        }
        TextCommand::NormalizePunctuation(args) => map_lines(&args.stream, || {
            |_, line: &str| Ok(normalize_punctuation(&args.language, line))
        }),
        TextCommand::ReplaceUnicodePunctuation(args) => {
            map_lines(args, || |_, line: &str| Ok(replace_unicode_punctuation(line)))
        }
        TextCommand::RemoveNonPrintingChar(args) => {
            map_lines(args, || |_, line: &str| Ok(replace_non_printing(line)))
        }
        TextCommand::DeescapeSpecialChars(args) => map_lines(args, || |_, line: &str| Ok(unescape(line))),
        TextCommand::Lowercase(args) => map_lines(args, || |_, line: &str| Ok(lowercase(line))),
        TextCommand::Clean(args) => corpus::clean(args),
        TextCommand::Split(args) => corpus::split(args),
        TextCommand::Extract(args) => corpus::extract(args),
        TextCommand::Subword(command) => subword::run(command),
    };
    result.or_else(|error| {
        let closed = error.chain().any(|cause| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        });
        if closed { Ok(()) } else { Err(error) }
    })
}

/// Whether a line holds nothing but white space: Moses' tools leave such lines as they are.
fn is_blank(line: &str) -> bool {
    line.chars().all(char::is_whitespace)
}

/// A line of markup stays as it is, as in Moses.
fn detokenize(detokenizer: MosesDetokenizer, line: &str) -> String {
    let markup = line.len() > 2 && line.starts_with('<') && line.ends_with('>');
    if markup || is_blank(line) {
        line.to_owned()
    } else {
        detokenizer.detokenize(line)
    }
}

fn tokenize(args: &TokenizeArgs) -> Result<()> {
    let mut tokenizer = MosesTokenizer::new(&args.language)
        .aggressive_dash_splits(args.aggressive_dash_splits)
        .escape(!args.no_escape);
    match &args.nonbreaking_prefixes {
        Some(path) => tokenizer = tokenizer.nonbreaking_prefixes(NonbreakingPrefixes::load(path)?),
        None if !NonbreakingPrefixes::is_built_in(&args.language) => note(&format!(
            "there is no list of abbreviations for `{}`; the English one is used, as in Moses",
            args.language
        )),
        None => {}
    }
    if let Some(path) = &args.protected {
        tokenizer = tokenizer.protected_patterns(ProtectedPatterns::load(path)?);
    }
    map_lines(&args.stream, || {
        |_, line: &str| {
            Ok(if is_blank(line) {
                line.to_owned()
            } else {
                tokenizer.tokenize(line)
            })
        }
    })
}
