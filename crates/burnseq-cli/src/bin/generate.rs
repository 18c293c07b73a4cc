//! `generate`: translate a dataset or raw text with a trained model. See `generate --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, generate};

fn main() -> ExitCode {
    let args = generate::GRAMMAR.parse();
    exit::run("generate", || generate::run(&args?))
}
