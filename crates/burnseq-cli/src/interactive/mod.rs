//! `interactive`: lines of text come in, groups of lines about their translations go out.

mod args;
mod input;
mod session;

use std::io::{self, BufWriter, IsTerminal};
use std::path::Path;

use anyhow::Result;
use burnseq_generate::Generator;

pub use args::{GRAMMAR, InteractiveArgs};

use crate::decoding::format;
use crate::decoding::models::{self, DataArgs};
use crate::exit::{is_broken_pipe, usage};

/// Runs `interactive`.
///
/// # Errors
/// Wrong usage; a checkpoint that cannot be used; input that cannot be read, output that cannot be written.
pub fn run(args: &InteractiveArgs) -> Result<()> {
    args.check().map_err(usage)?;
    let generator = Generator::new(args.decoding.options()?).map_err(usage)?;
    let limits = args.limits()?;
    let data = DataArgs {
        path: args.data.as_deref(),
        source_lang: args.source_lang.as_deref(),
        target_lang: args.target_lang.as_deref(),
        needed: false,
    };
    let (model, _) = models::load(&args.decoding, &data)?;
    let session = session::Session::new(args, &model, &generator, limits)?;

    let path = args.input.as_deref().unwrap_or(Path::new("-"));
    let mut input = input::Input::open(path)?;
    format::note("hypothesis and token scores are output in base 2");
    if path == Path::new("-") && io::stdin().is_terminal() {
        format::note("type a sentence and press return");
    }
    match session.run(
        &mut input,
        args.buffer_size(),
        &mut BufWriter::new(io::stdout().lock()),
    ) {
        // Whoever read stdout has seen enough, which is no failure.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}
