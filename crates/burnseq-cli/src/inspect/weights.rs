//! Files of safetensors.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use memmap2::Mmap;
use safetensors::SafeTensors;

use crate::decoding::format::thousands;
use crate::findings::Findings;

/// Names, shapes and types of the tensors; values are not read.
pub(super) fn safetensors(path: &Path, samples: usize) -> Result<Findings> {
    let file = File::open(path).context("cannot be read")?;
    // SAFETY: only the header is looked at; a file that is shortened meanwhile ends the process, as it would any reader.
    let bytes = unsafe { Mmap::map(&file) }.context("cannot be read")?;
    let header = bytes
        .first_chunk()
        .map_or(0, |length| u64::from_le_bytes(*length));
    if header > bytes.len().saturating_sub(8) as u64 {
        return Err(anyhow!(
            "its header says that it has {header} bytes, the file has {}: it is cut\nhint: copy it again",
            bytes.len()
        ));
    }
    let (_, metadata) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| anyhow!("is cut or damaged: {error}\nhint: copy it again"))?;
    let mut findings = Findings::of("tensors (safetensors)");
    let tensors = metadata.tensors();
    let mut names: Vec<&String> = tensors.keys().collect();
    names.sort();
    let values: usize = tensors
        .values()
        .map(|info| info.shape.iter().product::<usize>())
        .sum();
    findings.fact("tensors", thousands(tensors.len()));
    findings.fact("values", thousands(values));
    for (key, value) in metadata.metadata().iter().flatten() {
        findings.sample(format!("metadata {key}"), value);
    }
    for name in names.into_iter().take(samples) {
        let info = tensors[name];
        findings.sample(name, format!("{:?} {:?}", info.dtype, info.shape));
    }
    Ok(findings)
}
