//! `score`: BLEU, chrF and TER of translations. See `score --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, score};

fn main() -> ExitCode {
    exit::run("score", || score::run(&score::parse()?))
}
