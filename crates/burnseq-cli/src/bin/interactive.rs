//! `interactive`: translate lines as they come, with the details of each. See `interactive --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, interactive};

fn main() -> ExitCode {
    let args = interactive::GRAMMAR.parse();
    exit::run("interactive", || interactive::run(&args?))
}
