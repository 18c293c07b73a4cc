//! `text`: tools for text before and after translation. See `text --help`.

use std::process::ExitCode;

use burnseq_cli::grammar::Grammar;
use burnseq_cli::{exit, text};

fn main() -> ExitCode {
    let args = Grammar::PLAIN.parse::<text::TextArgs>();
    exit::run("text", || text::run(&args?))
}
