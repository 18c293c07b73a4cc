//! Writes the table in `examples/fairseq/OPTIONS.md` to stdout.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(burnseq_cli::fairseq_options::markdown().as_bytes())
}
