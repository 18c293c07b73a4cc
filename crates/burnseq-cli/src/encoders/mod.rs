//! Commands over encoders in folders of transformers: `features`, `similarity` and `fill-mask`.

mod arrays;
mod features;
mod fill_mask;
mod similarity;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use burnseq::TextEncoder;
use burnseq_text::{FileError, LineReader};
use clap::Args;

pub use features::FeaturesArgs;
pub use fill_mask::FillMaskArgs;
pub use similarity::SimilarityArgs;

use crate::compute::ComputeArgs;
use crate::decoding::format::note;
use crate::exit::coded;

/// Runs `burnseq features`.
///
/// # Errors
/// See [`features::run`].
pub fn features(args: &FeaturesArgs) -> Result<()> {
    features::run(args)
}

/// Runs `burnseq similarity`.
///
/// # Errors
/// See [`similarity::run`].
pub fn similarity(args: &SimilarityArgs) -> Result<()> {
    similarity::run(args)
}

/// Runs `burnseq fill-mask`.
///
/// # Errors
/// See [`fill_mask::run`].
pub fn fill_mask(args: &FillMaskArgs) -> Result<()> {
    fill_mask::run(args)
}

/// The model and the text that it reads.
#[derive(Debug, Clone, Args)]
pub struct EncoderArgs {
    /// Folder of a model of transformers, as it is downloaded: config.json, weights and tokenizer
    #[arg(long, value_name = "DIR")]
    pub path: PathBuf,
    /// Text, a line each; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub input: PathBuf,
}

impl EncoderArgs {
    fn open(&self, compute: &ComputeArgs) -> Result<TextEncoder> {
        let compute = compute.open()?;
        TextEncoder::open(&self.path, compute).map_err(coded)
    }

    /// The lines of the text.
    fn lines(&self) -> Result<Vec<String>> {
        let is_stdin = self.input == Path::new("-");
        let (reader, name): (Box<dyn BufRead>, PathBuf) = if is_stdin {
            (Box::new(io::stdin().lock()), "<stdin>".into())
        } else {
            let file = File::open(&self.input).map_err(FileError::read(&self.input));
            (Box::new(BufReader::new(file.map_err(coded)?)), self.input.clone())
        };
        let mut reader = LineReader::new(reader, name).without_byte_order_mark();
        let mut lines = Vec::new();
        while let Some(line) = reader.read_line().map_err(coded)? {
            lines.push(line.to_owned());
        }
        if lines.is_empty() {
            return Err(anyhow!("{} holds no line", reader.name().display()));
        }
        Ok(lines)
    }
}

/// Says how many texts were cut.
fn note_cut(cut: usize) {
    if cut > 0 {
        note(&format!(
            "{cut} texts are longer than the model takes, and were cut"
        ));
    }
}
