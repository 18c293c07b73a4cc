//! `convert`: checkpoints of fairseq in, checkpoints for fairseq out. See `convert --help`.

use std::process::ExitCode;

use burnseq_cli::{convert, exit};
use clap::Parser;

fn main() -> ExitCode {
    let args = convert::ConvertArgs::parse();
    exit::run("convert", || convert::run(&args))
}
