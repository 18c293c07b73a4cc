//! `text`: tools for text before and after translation. See `text --help`.

use std::process::ExitCode;

use burnseq_cli::{exit, text};
use clap::Parser;

fn main() -> ExitCode {
    let args = text::TextArgs::parse();
    exit::run("text", || text::run(&args))
}
