//! `average-checkpoints`: the mean of several checkpoints. See `average-checkpoints --help`.

use std::process::ExitCode;

use burnseq_cli::average_checkpoints::{AverageArgs, run};
use burnseq_cli::exit;
use clap::Parser;

fn main() -> ExitCode {
    let args = AverageArgs::parse();
    exit::run("average-checkpoints", || run(&args))
}
