//! `train --check-device`: is what the device computes what the processor computes?

use std::io::Write;

use anyhow::{Context, Result, bail};
use burnseq_train::device_check::compare_with_processor;

use super::args::BenchmarkArgs;
use super::config::Request;
use crate::exit::{coded, usage};
use crate::memory;

/// Prints how far every tensor is off.
///
/// # Errors
/// A device that cannot be used, or one that is further off than rounding explains.
pub(super) fn run(args: &BenchmarkArgs, request: &Request) -> Result<()> {
    let compute = request.compute.open()?;
    let vocab = args.vocab();
    request.model.validate(&vocab).map_err(usage)?;
    memory::check_model(&request.model, &vocab, &compute)?;
    let seed = u64::from(request.train.seed);
    let deviations = compare_with_processor(&request.model, &vocab, &compute, seed).map_err(coded)?;
    let mut out = std::io::stdout().lock();
    for deviation in &deviations {
        writeln!(out, "{:.2e}  {}", deviation.relative_error, deviation.tensor)
            .context("cannot write to standard output")?;
    }
    let Some(off) = deviations.iter().find(|deviation| !deviation.is_small()) else {
        return Ok(());
    };
    bail!(
        "{} on this device is off by {:.2e} of its size; rounding in {} explains {:.0e}\nhint: --precision fp32 tells \
         rounding from wrong results; do not train on a device that is off in fp32",
        off.tensor,
        off.relative_error,
        compute.precision,
        off.limit
    )
}
