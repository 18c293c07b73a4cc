//! The command line of `preprocess`: fairseq's flags onto [`burnseq_data`]'s preprocessing.

mod args;
mod like;
mod progress;
mod refused;

use std::io::Write;

use anyhow::Context;
use burnseq_data::preprocess::{Observer, Report, preprocess};

use crate::exit::usage;
pub use args::{
    Bpe, DictionaryArgs, LogFormat, PreprocessArgs, Resolved, Side, SubwordArgs, WordArgs, WordTokenizer,
};
pub use progress::Progress;
pub use refused::GRAMMAR;

/// Runs `preprocess`: the report goes to stdout, everything else to stderr.
///
/// # Errors
/// Wrong flags (marked as wrong usage), or whatever stops the run.
pub fn run(args: PreprocessArgs) -> anyhow::Result<()> {
    let progress = Progress::new(args.log_format, args.no_progress_bar);
    let resolved = args.resolve()?;
    Progress::stop_on_ctrl_c().context("cannot watch for Ctrl-C")?;
    resolved.notes.iter().for_each(|note| progress.note(note));
    let destdir = resolved.config.destdir.clone();
    let result = preprocess(&resolved.config, &progress);
    progress.finish();
    let report = match result {
        Ok(report) => report,
        Err(error) if error.is_usage() => return Err(usage(error)),
        Err(error) => return Err(error.into()),
    };
    let text = match progress.format() {
        LogFormat::None => return Ok(()),
        LogFormat::Json => json(&report)?,
        LogFormat::Simple | LogFormat::Tqdm => {
            format!("{report}wrote {}\n", destdir.display())
        }
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to stdout")
}

fn json(report: &Report) -> anyhow::Result<String> {
    let mut text = serde_json::to_string(report).context("cannot write the report as JSON")?;
    text.push('\n');
    Ok(text)
}
