//! `score`: BLEU, chrF and TER of translations. See `score --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, score};

fn main() -> ExitCode {
    let args = score::parse();
    exit::run("score", || score::run(&args?))
}
