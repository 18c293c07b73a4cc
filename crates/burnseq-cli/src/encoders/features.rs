//! `burnseq features`: vectors of texts.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use burnseq::text_encoder::{FeatureOptions, Pooling};
use burnseq_text::write_atomically;
use clap::{Parser, ValueEnum};

use super::{EncoderArgs, arrays, note_cut};
use crate::compute::ComputeArgs;
use crate::decoding::format::note;
use crate::exit::{coded, usage};
use crate::grammar::Flags;
use crate::output::check_free;

/// Write vectors of texts by an encoder such as BERT or RoBERTa, in the order of the lines.
///
/// The folder of the model is taken as it was downloaded. A line has the same vectors whatever the other lines are.
#[derive(Debug, Parser)]
#[command(name = "features", version, max_term_width = 110, args_override_self = true)]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct FeaturesArgs {
    #[command(flatten)]
    pub encoder: EncoderArgs,
    /// The new file: .npy, an array of NumPy, or .safetensors
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
    /// How vectors of tokens become one: cls, the first one; mean; max; none, all are written, a matrix for each line under
    /// its number from 0
    #[arg(long, value_name = "NAME", default_value = "mean")]
    pub pooling: PoolingName,
    /// Layer whose output is taken; 0: the input of the first one [default: the last one]
    #[arg(long, value_name = "N")]
    pub layer: Option<usize>,
    /// Scale vectors to length 1
    #[arg(long)]
    pub normalize: bool,
    /// Most tokens of a batch, padding included
    #[arg(long, value_name = "N", default_value = "4096")]
    pub max_tokens: usize,
    /// Device and precision.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// How vectors of tokens become one: [`Pooling`] by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PoolingName {
    /// The first one
    Cls,
    /// Their mean
    Mean,
    /// The largest number of each column
    Max,
    /// All of them
    None,
}

impl From<PoolingName> for Pooling {
    fn from(name: PoolingName) -> Self {
        match name {
            PoolingName::Cls => Self::Cls,
            PoolingName::Mean => Self::Mean,
            PoolingName::Max => Self::Max,
            PoolingName::None => Self::None,
        }
    }
}

impl Flags for FeaturesArgs {
    fn problems(&self) -> Vec<anyhow::Error> {
        self.format().err().into_iter().collect()
    }
}

/// The format of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Npy,
    Safetensors,
}

impl FeaturesArgs {
    fn format(&self) -> Result<Format> {
        match self.output.extension().and_then(|extension| extension.to_str()) {
            Some("npy") if self.pooling == PoolingName::None => Err(anyhow!(
                "--pooling none gives lines of several lengths, and an array of NumPy has one\nhint: give an --output that \
                 ends in .safetensors"
            )),
            Some("npy") => Ok(Format::Npy),
            Some("safetensors") => Ok(Format::Safetensors),
            _ => Err(anyhow!(
                "--output {} has no known ending\nhint: let it end in .npy or .safetensors",
                self.output.display()
            )),
        }
    }
}

/// Writes vectors of texts.
///
/// # Errors
/// Wrong usage; a folder that is no encoder; text that cannot be read; an output that exists or cannot be written.
pub(super) fn run(args: &FeaturesArgs) -> Result<()> {
    let format = args.format().map_err(usage)?;
    check_free([args.output.as_path()], args.overwrite)?;
    let encoder = args.encoder.open(&args.compute)?;
    let lines = args.encoder.lines()?;
    let options = FeatureOptions {
        pooling: args.pooling.into(),
        layer: args.layer,
        normalize: args.normalize,
        max_tokens: args.max_tokens,
    };
    let (features, counts) = encoder.features(&lines, &options).map_err(coded)?;
    write_atomically(&args.output, |out| match format {
        Format::Npy => arrays::write_npy(out, &features),
        Format::Safetensors => arrays::write_safetensors(out, &features, args.pooling == PoolingName::None),
    })
    .map_err(coded)?;
    note_cut(counts.cut);
    note(&format!(
        "{} lines, {} tokens, {:.1} % padding",
        lines.len(),
        counts.padding.tokens,
        100.0 * counts.padding.share()
    ));
    Ok(())
}
