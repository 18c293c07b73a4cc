//! `generate`: flags become options, the options go through the decoding side of the library, its output is printed.

mod args;
mod dataset;
mod few_shot;
mod language_model;
mod prompts;
mod refused;
mod scores;
mod text;

use anyhow::Result;
use burnseq_search::Generator;

pub use args::{GenerateArgs, Scoring};
pub use refused::GRAMMAR;

use crate::decoding::format;
use crate::decoding::models::{self, DataArgs};
use crate::exit::usage;
use crate::output::check_free;

/// Runs `generate`.
///
/// # Errors
/// Wrong usage; data or a checkpoint that cannot be used; output that cannot be written.
pub fn run(args: &GenerateArgs) -> Result<()> {
    args.check().map_err(usage)?;
    args.decoding.take_defaults()?;
    let generator = Generator::new(args.options()?).map_err(usage)?;
    let limits = args.limits()?;
    check_free(args.output_file().as_deref(), args.overwrite)?;
    if args.asks_for_language_model() {
        return language_model::run(args, &generator);
    }
    args.check_translation().map_err(usage)?;
    args.without_effect().iter().for_each(|note| format::note(note));
    let data = DataArgs {
        path: args.data.as_deref(),
        languages: &args.task.languages,
        needed: args.input.is_none(),
    };
    let (model, data) = models::load(&args.decoding, &data)?;
    match (&args.input, data) {
        (Some(input), _) => text::translate(args, input, &model, &generator, &limits),
        (None, Some(data)) => dataset::translate(args, data, &model, &generator, &limits),
        (None, None) => unreachable!("a dataset is opened unless there is --input"),
    }
}
