//! `burnseq`: all commands in one binary. See `burnseq --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    burnseq_cli::commands::run()
}
