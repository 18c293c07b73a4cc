//! `burnseq fill-mask`: words that fit the gaps of a text.

use std::io::{self, Write};

use anyhow::Result;
use burnseq::text_encoder::Gap;
use clap::Parser;

use super::EncoderArgs;
use crate::compute::ComputeArgs;
use crate::exit::{coded, is_broken_pipe, writing_to_stdout};
use crate::grammar::Flags;

/// Print the words that fit the gaps of each line, by a masked language model such as BERT or RoBERTa.
///
/// A gap is written as the tokenizer's mask, `[MASK]` or `<mask>`. Each word is a line: number of the line and of the gap, both
/// from 1, probability, token, and the text with it, separated by tabulators.
#[derive(Debug, Parser)]
#[command(name = "fill-mask", version, max_term_width = 110, args_override_self = true)]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct FillMaskArgs {
    #[command(flatten)]
    pub encoder: EncoderArgs,
    /// Words for each gap
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub top_k: u32,
    /// Device and precision.
    #[command(flatten)]
    pub compute: ComputeArgs,
}

impl Flags for FillMaskArgs {}

/// Prints words.
///
/// # Errors
/// A folder that is no masked language model; a line without a gap.
pub(super) fn run(args: &FillMaskArgs) -> Result<()> {
    let encoder = args.encoder.open(&args.compute)?;
    let lines = args.encoder.lines()?;
    for (number, line) in (1..).zip(&lines) {
        let gaps = encoder
            .fill_mask(line, args.top_k as usize)
            .map_err(|error| coded(error).context(format!("{}:{number}", args.encoder.input.display())))?;
        match print(number, &gaps) {
            Err(error) if is_broken_pipe(&error) => return Ok(()),
            result => result.map_err(writing_to_stdout)?,
        }
    }
    Ok(())
}

fn print(number: usize, gaps: &[Gap]) -> Result<()> {
    let mut out = io::stdout().lock();
    for (gap, Gap { filled, .. }) in (1..).zip(gaps) {
        for filled in filled {
            writeln!(
                out,
                "{number}\t{gap}\t{:.6}\t{}\t{}",
                filled.probability, filled.token, filled.text
            )?;
        }
    }
    out.flush()?;
    Ok(())
}
