//! `generate`: translate a dataset or raw text with a trained model. See `generate --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    burnseq_cli::commands::run_alone("generate")
}
