//! `train`: learn a model from a dataset. See `train --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    burnseq_cli::commands::run_alone("train")
}
