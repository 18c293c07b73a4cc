//! `burnseq interactive`: lines of text come in, groups of lines about their translations go out.

mod args;
mod input;
mod session;
mod text_session;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result};
use burnseq::decode::TranslationModel;
use burnseq_data::BatchLimits;
use burnseq_search::Generator;

pub use args::{GRAMMAR, InteractiveArgs};

use crate::decoding::format;
use crate::decoding::models::{self, DataArgs};
use crate::exit::{is_broken_pipe, usage};
use input::Input;
use session::Session;
use text_session::TextSession;

/// Runs `burnseq interactive`.
///
/// # Errors
/// Wrong usage; a checkpoint that cannot be used; input that cannot be read, output that cannot be written.
pub fn run(args: &InteractiveArgs) -> Result<()> {
    args.check().map_err(usage)?;
    args.decoding.take_defaults()?;
    let (generator, _) = settings(args)?;
    if args.asks_for_language_model() {
        return continue_text(args, &generator);
    }
    args.check_translation().map_err(usage)?;
    let data = DataArgs {
        path: args.data.as_deref(),
        languages: &args.task.languages,
        needed: false,
    };
    let (model, _) = models::load(&args.decoding, &data)?;

    let (reader, name, somebody_types) = input(args)?;
    format::note("hypothesis and token scores are output in base 2");
    if somebody_types {
        format::note("type a sentence and press return");
    }
    let stdout = &mut BufWriter::new(io::stdout().lock());
    unless_left(answer(args, &model, reader, name, stdout))
}

/// Continues lines with a language model.
fn continue_text(args: &InteractiveArgs, generator: &Generator) -> Result<()> {
    args.check_language_model().map_err(usage)?;
    let session = TextSession::open(args, generator)?;
    let (reader, name, somebody_types) = input(args)?;
    if somebody_types {
        format::note("type the beginning of a text and press return");
    }
    let stdout = &mut BufWriter::new(io::stdout().lock());
    let input = &mut Input::new(reader, name);
    unless_left(session.run(input, name, args.buffer_size(), stdout))
}

/// Where lines come from: a reader, its name in messages, and whether somebody types them.
type Lines<'a> = (Box<dyn BufRead + Send>, &'a Path, bool);

/// The lines that the flags name.
fn input(args: &InteractiveArgs) -> Result<Lines<'_>> {
    let path = args.input.as_deref().unwrap_or(Path::new("-"));
    if path == Path::new("-") {
        let stdin = BufReader::new(io::stdin());
        return Ok((Box::new(stdin), Path::new("stdin"), io::stdin().is_terminal()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((Box::new(BufReader::new(file)), path, false))
}

/// Whoever read stdout and left has seen enough, which is no failure.
fn unless_left(answered: Result<()>) -> Result<()> {
    match answered {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

/// Answers the lines of `reader` as [`run`] answers those of a file or of standard input; `name` stands for it in
/// messages.
///
/// # Errors
/// Wrong usage; input that cannot be read, output that cannot be written.
pub fn answer(
    args: &InteractiveArgs,
    model: &TranslationModel,
    reader: impl BufRead + Send + 'static,
    name: &Path,
    out: &mut dyn Write,
) -> Result<()> {
    let (generator, limits) = settings(args)?;
    let session = Session::new(args, model, &generator, limits)?;
    session.run(&mut Input::new(reader, name), args.buffer_size(), out)
}

/// How to search, and how much at a time.
fn settings(args: &InteractiveArgs) -> Result<(Generator, BatchLimits)> {
    let generator = Generator::new(args.options()?).map_err(usage)?;
    Ok((generator, args.limits()?))
}
