//! The command line of `burnseq score`: fairseq-score's BLEU on tokens, and sacreBLEU's metrics on text.

mod args;
mod evaluate;
mod input;
mod language;
mod report;
mod request;
mod spellings;
mod table;

use std::io::Write;

use anyhow::{Context, Result};
use burnseq_metrics::{TokenisedBleu, TokenisedBleuConfig};

use crate::decoding::format::note;
use crate::exit::usage;
pub use args::{Format, MetricName, ScoreArgs, parse};
use input::{Inputs, Side};
use request::{Request, SacrebleuRequest};

/// So many lines that end in a lone full stop are told of, as in sacreBLEU.
const TOKENISED_LINES: usize = 100;

/// Runs `burnseq score`: scores go to stdout, notes to stderr.
///
/// # Errors
/// Wrong flags (marked as wrong usage); files that cannot be read or do not belong together.
pub fn run(args: &ScoreArgs) -> Result<()> {
    let request = args.request().map_err(usage)?;
    if !args.quiet {
        for (flag, given) in [
            ("--no-color", args.no_color),
            ("--paired-jobs", args.paired_jobs.is_some()),
        ] {
            if given {
                note(&format!("{flag} changes nothing here"));
            }
        }
    }
    let sacrebleus = matches!(request, Request::Sacrebleu(_));
    let inputs = Inputs::read(args, sacrebleus)?;
    if !args.quiet
        && let Some(problem) = inputs.pieces_problem()
    {
        note(&problem);
    }
    let text = match request {
        Request::Tokenised { config, sentences } => tokenised(config, sentences, &inputs)?,
        Request::Sacrebleu(request) => sacrebleu(&request, &inputs, args.quiet)?,
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to stdout")
}

fn tokenised(config: TokenisedBleuConfig, sentences: bool, inputs: &Inputs) -> Result<String> {
    let (hypotheses, references) = (&inputs.systems[0].lines, &inputs.references[0].lines);
    if !sentences {
        let score = TokenisedBleu::corpus_score(config, hypotheses, references)?;
        return Ok(format!("{score}\n"));
    }
    let mut text = String::new();
    for (number, (hypothesis, reference)) in hypotheses.iter().zip(references).enumerate() {
        let mut sentence = TokenisedBleu::for_sentence(config)?;
        sentence.add_lines(reference, hypothesis);
        text.push_str(&format!("{number} {}\n", sentence.score()?));
    }
    Ok(text)
}

fn sacrebleu(request: &SacrebleuRequest, inputs: &Inputs, quiet: bool) -> Result<String> {
    if request.warn_tokenised {
        inputs.systems.iter().for_each(note_tokenised);
    }
    if request.sentences {
        let scores = evaluate::sentences(&request.metrics[0], inputs, quiet)?;
        return Ok(report::sentences(request, &scores));
    }
    let columns = request
        .metrics
        .iter()
        .map(|metric| evaluate::column(metric, inputs, request.test, quiet))
        .collect::<Result<Vec<_>>>()?;
    Ok(report::corpus(request, &inputs.systems, &columns))
}

/// BLEU of tokenised text is another number than that of text.
fn note_tokenised(side: &Side) {
    let tokenised = side.lines.iter().filter(|line| line.trim_end().ends_with(" ."));
    if tokenised.count() >= TOKENISED_LINES {
        note(&format!(
            "{}: {TOKENISED_LINES} lines and more end in a full stop of its own; detokenise them first, or say --force if they \
             are text, --tokenize none if they are tokens",
            side.name
        ));
    }
}
