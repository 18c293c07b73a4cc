//! `convert`: checkpoints of fairseq in, checkpoints for fairseq out. See `convert --help`.

use std::process::ExitCode;

use burnseq_cli::grammar::Grammar;
use burnseq_cli::{convert, exit};

fn main() -> ExitCode {
    let args = Grammar::PLAIN.parse::<convert::ConvertArgs>();
    exit::run("convert", || convert::run(&args?))
}
