//! `train`: learn a translation model from a dataset. See `train --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, train};

fn main() -> ExitCode {
    let args = train::GRAMMAR.parse();
    exit::run("train", || train::run(&args?))
}
