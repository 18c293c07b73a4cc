//! `preprocess`: from parallel text to a binarised dataset.

use std::process::ExitCode;

use burnseq_cli::exit;
use burnseq_cli::preprocess::{PreprocessArgs, run};
use clap::Parser;

fn main() -> ExitCode {
    exit::run("preprocess", || run(PreprocessArgs::parse()))
}
