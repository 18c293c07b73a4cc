//! `preprocess`: from parallel text to a binarised dataset. See `preprocess --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    burnseq_cli::commands::run_alone("preprocess")
}
