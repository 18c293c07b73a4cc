//! `preprocess`: from parallel text to a binarised dataset.

use std::process::ExitCode;

use burnseq_cli::{exit, preprocess};

fn main() -> ExitCode {
    let args = preprocess::GRAMMAR.parse();
    exit::run("preprocess", || preprocess::run(args?))
}
