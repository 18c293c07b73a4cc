//! `average-checkpoints`: the mean of several checkpoints. See `average-checkpoints --help`.

use std::process::ExitCode;

use burnseq_cli::average_checkpoints::{AverageArgs, run};
use burnseq_cli::exit;
use burnseq_cli::grammar::Grammar;

fn main() -> ExitCode {
    let args = Grammar::PLAIN.parse::<AverageArgs>();
    exit::run("average-checkpoints", || run(&args?))
}
