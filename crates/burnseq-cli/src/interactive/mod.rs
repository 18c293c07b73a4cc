//! `burnseq interactive`: lines of text come in, groups of lines about their translations go out.

mod args;
mod input;
mod session;

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

/// Runs `burnseq interactive`.
///
/// # Errors
/// Wrong usage; a checkpoint that cannot be used; input that cannot be read, output that cannot be written.
pub fn run(args: &InteractiveArgs) -> Result<()> {
    args.check().map_err(usage)?;
    settings(args)?; // before any file is opened
    let data = DataArgs {
        path: args.data.as_deref(),
        languages: &args.task.languages,
        needed: false,
    };
    let (model, _) = models::load(&args.decoding, &data)?;

    let path = args.input.as_deref().unwrap_or(Path::new("-"));
    let stdout = &mut BufWriter::new(io::stdout().lock());
    let answered = if path == Path::new("-") {
        begin(io::stdin().is_terminal());
        answer(
            args,
            &model,
            BufReader::new(io::stdin()),
            Path::new("stdin"),
            stdout,
        )
    } else {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        begin(false);
        answer(args, &model, BufReader::new(file), path, stdout)
    };
    match answered {
        // Whoever read stdout has seen enough, which is no failure.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

fn begin(somebody_types: bool) {
    format::note("hypothesis and token scores are output in base 2");
    if somebody_types {
        format::note("type a sentence and press return");
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
    let generator = Generator::new(args.decoding.options()?).map_err(usage)?;
    Ok((generator, args.limits()?))
}
