//! `validate`: the loss of a trained model on parts of a dataset. See `validate --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, validate};

fn main() -> ExitCode {
    let args = validate::GRAMMAR.parse();
    exit::run("validate", || validate::run(&args?))
}
