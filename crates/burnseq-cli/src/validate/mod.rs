//! `burnseq validate`: loss, perplexity and BLEU of a saved model on parts of a dataset.

mod args;

use std::io::Write;

use anyhow::Result;
use burnseq::tasks::language_modeling::LanguageModelingTask;
use burnseq::tasks::translation::TranslationTask;
use burnseq::tasks::{Task, TaskConfig};
use burnseq_kernels::Compute;
use burnseq_train::Event;

pub use args::{GRAMMAR, LogFormat, Request, ValidateArgs};

use crate::decoding::format;
use crate::exit::{coded, usage};

/// Runs `burnseq validate`: one line for each part of the dataset on stdout.
///
/// # Errors
/// Wrong usage; data or a checkpoint that cannot be used.
pub fn run(args: &ValidateArgs) -> Result<()> {
    let request = Request::new(args).map_err(usage)?;
    let compute = request.compute.open()?;
    match request.task.clone() {
        TaskConfig::Translation(config) => {
            let task = TranslationTask::open(config).map_err(coded)?;
            validate(&task, &request, &compute)
        }
        TaskConfig::LanguageModeling(config) => {
            let task = LanguageModelingTask::open(config).map_err(coded)?;
            validate(&task, &request, &compute)
        }
    }
}

fn validate(task: &impl Task, request: &Request, compute: &Compute) -> Result<()> {
    let mut output = Ok(());
    task.validate(
        &request.path,
        &request.dataset,
        request.max_steps,
        compute,
        &mut |event| match event {
            Event::Valid(record) => {
                let line = match request.log_format {
                    LogFormat::Json => record.json(),
                    LogFormat::Simple => record.line(),
                };
                if output.is_ok() {
                    output = writeln!(std::io::stdout(), "{line}");
                }
            }
            Event::Sample(sample) => {
                let (hypothesis, reference) = (&sample.hypothesis, &sample.reference);
                // Nobody is left to read it when stderr is closed.
                let _ = writeln!(
                    std::io::stderr(),
                    "example hypothesis: {hypothesis}\nexample reference:  {reference}"
                );
            }
            Event::Note(note) => format::note(note),
            _ => {}
        },
    )
    .map_err(coded)?;
    Ok(output?)
}
