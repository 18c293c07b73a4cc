//! Writes the corpus in `data/`.

use std::path::PathBuf;

use anyhow::Context;
use burnseq_corpus::{Corpus, SEED, Sizes};
use clap::Parser;

/// Write a German-English corpus from a grammar.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder to write {train,valid,test}.{de,en} to.
    #[arg(long, default_value = "data")]
    destdir: PathBuf,
    /// The corpus is a function of this number; the committed one has the default.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Training pairs.
    #[arg(long, default_value_t = Sizes::default().train)]
    train: usize,
    /// Validation pairs.
    #[arg(long, default_value_t = Sizes::default().valid)]
    valid: usize,
    /// Test pairs.
    #[arg(long, default_value_t = Sizes::default().test)]
    test: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sizes = Sizes {
        train: arguments.train,
        valid: arguments.valid,
        test: arguments.test,
    };
    let corpus = Corpus::generate(arguments.seed, sizes);
    corpus
        .write(&arguments.destdir)
        .with_context(|| format!("cannot write to {}", arguments.destdir.display()))
}
