//! `burnseq similarity`: how similar the two texts of a line are.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use burnseq::text_encoder::{FeatureOptions, cosine};
use clap::Parser;

use super::features::PoolingName;
use super::{EncoderArgs, note_cut};
use crate::compute::ComputeArgs;
use crate::exit::{coded, is_broken_pipe, usage, writing_to_stdout};
use crate::grammar::Flags;

/// Print the cosine between the vectors of the two texts of each line, which a tabulator separates.
#[derive(Debug, Parser)]
#[command(name = "similarity", version, max_term_width = 110, args_override_self = true)]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct SimilarityArgs {
    #[command(flatten)]
    pub encoder: EncoderArgs,
    /// How vectors of tokens become one: cls, the first one; mean; max
    #[arg(long, value_name = "NAME", default_value = "mean")]
    pub pooling: PoolingName,
    /// Layer whose output is taken; 0: the input of the first one [default: the last one]
    #[arg(long, value_name = "N")]
    pub layer: Option<usize>,
    /// Most tokens of a batch, padding included
    #[arg(long, value_name = "N", default_value = "4096")]
    pub max_tokens: usize,
    /// Device and precision.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

impl Flags for SimilarityArgs {
    fn problems(&self) -> Vec<anyhow::Error> {
        self.check().err().into_iter().collect()
    }
}

impl SimilarityArgs {
    fn check(&self) -> Result<()> {
        if self.pooling == PoolingName::None {
            return Err(anyhow!(
                "--pooling none gives several vectors of a text, and a cosine is between two\nhint: give cls, mean or max"
            ));
        }
        Ok(())
    }
}

/// Prints cosines.
///
/// # Errors
/// Wrong usage; a folder that is no encoder; a line that is not two texts.
pub(super) fn run(args: &SimilarityArgs) -> Result<()> {
    args.check().map_err(usage)?;
    let lines = args.encoder.lines()?;
    let mut texts = Vec::with_capacity(2 * lines.len());
    for (number, line) in (1..).zip(&lines) {
        let mut parts = line.split('\t');
        let (Some(first), Some(second), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(anyhow!(
                "{}:{number}: expected two texts with a tabulator between them, got {line:?}",
                args.encoder.input.display()
            ));
        };
        texts.extend([first, second]);
    }
    let encoder = args.encoder.open(&args.compute)?;
    let options = FeatureOptions {
        pooling: args.pooling.into(),
        layer: args.layer,
        normalize: false,
        max_tokens: args.max_tokens,
    };
    let (features, counts) = encoder.features(&texts, &options).map_err(coded)?;
    let print = || {
        let mut out = io::stdout().lock();
        for pair in features.chunks_exact(2) {
            writeln!(out, "{:.6}", cosine(&pair[0].values, &pair[1].values))?;
        }
        out.flush()?;
        Ok(())
    };
    match print() {
        Err(error) if is_broken_pipe(&error) => return Ok(()),
        result => result.map_err(writing_to_stdout)?,
    }
    note_cut(counts.cut);
    Ok(())
}
