//! Scores of several systems by several metrics, and how far their differences may be chance.

use anyhow::Result;
use burnseq_metrics::bootstrap::{approximate_randomisation, confidence, paired_bootstrap};
use burnseq_metrics::{Metric, References, Score, Signature};
use indicatif::ProgressBar;

use super::input::{Inputs, Side};
use super::request::{AnyMetric, Test};
use crate::terminal;

/// Lines after which a bar moves.
const CHUNK_LINES: usize = 512;

/// What a metric says about every system.
#[derive(Debug, PartialEq)]
pub(super) struct Column {
    /// Name of the metric.
    pub(super) name: String,
    /// Settings of the metric and of the test.
    pub(super) signature: Signature,
    /// One result for each system.
    pub(super) results: Vec<SystemScore>,
}

/// What a metric says about a system.
#[derive(Debug, PartialEq)]
pub(super) struct SystemScore {
    pub(super) score: Score<()>,
    /// Probability of a difference from the first system at least as large, if both were equally
    /// good; only paired tests of the others give one.
    pub(super) p_value: Option<f64>,
}

/// Runs generic code on the metric that `$metric` holds.
macro_rules! with_metric {
    ($metric:expr, $name:ident => $body:expr) => {
        match $metric {
            AnyMetric::Bleu($name) => $body,
            AnyMetric::Chrf($name) => $body,
            AnyMetric::Ter($name) => $body,
        }
    };
}

/// The column of a metric; on a terminal, bars show how far it is, unless it is to be `quiet`.
///
/// # Errors
/// Input that the metric refuses.
pub(super) fn column(metric: &AnyMetric, inputs: &Inputs, test: Test, quiet: bool) -> Result<Column> {
    with_metric!(metric, metric => column_of(metric, inputs, test, quiet))
}

/// The score of each line of the first system on its own.
///
/// # Errors
/// Input that the metric refuses.
pub(super) fn sentences(metric: &AnyMetric, inputs: &Inputs, quiet: bool) -> Result<Vec<Score<()>>> {
    with_metric!(metric, metric => {
        let references = references(inputs);
        let references = References::from_streams(&references)?;
        let pairs = inputs.systems[0].lines.iter().zip(references.segments());
        let bar = bar(metric, &inputs.systems[0], quiet);
        let score = |(line, references): (&String, &Vec<&str>)| {
            bar.inc(1);
            Ok(metric.sentence_score(line, references)?.without_details())
        };
        let scores = pairs.map(score).collect();
        bar.finish_and_clear();
        scores
    })
}

fn references(inputs: &Inputs) -> Vec<&[String]> {
    inputs
        .references
        .iter()
        .map(|side| side.lines.as_slice())
        .collect()
}

/// A bar over the lines of a system.
fn bar<M: Metric>(metric: &M, system: &Side, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let what = format!("{} of {}", metric.name(), system.name);
    terminal::bar(what, system.lines.len() as u64, "lines")
}

/// Statistics of the lines of a system.
fn statistics<M: Metric>(
    metric: &M,
    system: &Side,
    references: &[&[String]],
    quiet: bool,
) -> Result<Vec<M::Statistics>> {
    let bar = bar(metric, system, quiet);
    let len = system.lines.len();
    let mut statistics = Vec::with_capacity(len);
    for start in (0..len).step_by(CHUNK_LINES) {
        let lines = start..len.min(start + CHUNK_LINES);
        let references: Vec<&[String]> = references
            .iter()
            .map(|lines_of| &lines_of[lines.clone()])
            .collect();
        let references = References::from_streams(&references)?;
        statistics.extend(metric.corpus_statistics(&system.lines[lines.clone()], &references)?);
        bar.inc(lines.len() as u64);
    }
    bar.finish_and_clear();
    Ok(statistics)
}

fn column_of<M: Metric>(metric: &M, inputs: &Inputs, test: Test, quiet: bool) -> Result<Column> {
    let references = references(inputs);
    let count = References::from_streams(&references)?.count();
    let segments = inputs
        .systems
        .iter()
        .map(|system| statistics(metric, system, &references, quiet))
        .collect::<Result<Vec<_>, _>>()?;
    let trials = match test {
        Test::None => None,
        Test::Confidence(trials) | Test::PairedBootstrap(trials) | Test::PairedRandomisation(trials) => {
            Some(trials.count).filter(|_| !quiet)
        }
    };
    let trials =
        trials.map(|count| terminal::spinner(format!("{}, {count} trials for each system", metric.name())));
    let baseline = &segments[0];
    let mut results = Vec::new();
    for (number, system) in segments.iter().enumerate() {
        let score = metric.segments_score(system, count)?.without_details();
        let (interval, p_value) = match test {
            Test::None => (None, None),
            Test::Confidence(trials) => (Some(confidence(metric, system, trials)?), None),
            Test::PairedBootstrap(trials) if number == 0 => (Some(confidence(metric, system, trials)?), None),
            Test::PairedRandomisation(_) if number == 0 => (None, None),
            Test::PairedBootstrap(trials) => {
                let comparison = paired_bootstrap(metric, baseline, system, trials)?;
                (comparison.confidence, Some(comparison.p_value))
            }
            Test::PairedRandomisation(trials) => {
                let comparison = approximate_randomisation(metric, baseline, system, trials)?;
                (None, Some(comparison.p_value))
            }
        };
        let score = match interval {
            Some(interval) => score.with_confidence(interval),
            None => score,
        };
        results.push(SystemScore { score, p_value });
    }
    if let Some(spinner) = trials {
        spinner.finish_and_clear();
    }
    let signature = metric.signature(count);
    let signature = match test {
        Test::None => signature,
        Test::Confidence(trials) | Test::PairedBootstrap(trials) => {
            signature.with_trials("bs", trials.count, trials.seed)
        }
        Test::PairedRandomisation(trials) => signature.with_trials("ar", trials.count, trials.seed),
    };
    Ok(Column {
        name: metric.name(),
        signature,
        results,
    })
}
