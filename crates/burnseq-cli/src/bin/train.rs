//! `train`: learn a translation model from a dataset. See `train --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, memory, train};

fn main() -> ExitCode {
    memory::keep_freed();
    let args = train::GRAMMAR.parse();
    exit::run("train", || train::run(&args?))
}
