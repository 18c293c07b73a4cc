//! The command line of `text`: Moses' tools, corpora, subwords.

mod args;
mod corpus;
mod output;
mod stream;
mod subword;

use std::io;

use anyhow::Result;
use burnseq_text::moses::{
    MosesDetokenizer, MosesTokenizer, NonbreakingPrefixes, ProtectedPatterns, lowercase,
    normalize_punctuation,
};

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
            map_lines(&args.stream, || |_, line: &str| Ok(detokenizer.detokenize(line)))
        }
        TextCommand::NormalizePunctuation(args) => map_lines(&args.stream, || {
            |_, line: &str| Ok(normalize_punctuation(&args.language, line))
        }),
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

fn tokenize(args: &TokenizeArgs) -> Result<()> {
    let mut tokenizer = MosesTokenizer::new(&args.language)
        .aggressive_dash_splits(args.aggressive_dash_splits)
        .escape(!args.no_escape);
    if let Some(path) = &args.nonbreaking_prefixes {
        tokenizer = tokenizer.nonbreaking_prefixes(NonbreakingPrefixes::load(path)?);
    }
    if let Some(path) = &args.protected {
        tokenizer = tokenizer.protected_patterns(ProtectedPatterns::load(path)?);
    }
    map_lines(&args.stream, || |_, line: &str| Ok(tokenizer.tokenize(line)))
}
