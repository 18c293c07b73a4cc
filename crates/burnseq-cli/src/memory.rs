//! Memory: what is freed is kept for the next batch, and a model that no machine like this one holds is refused.

use anyhow::{Result, anyhow};
use burn::tensor::Device;
use burnseq_kernels::Compute;
use burnseq_model::ModelConfig;
use burnseq_text::Vocab;

use crate::decoding::format::thousands;
use crate::exit::usage;

/// Keeps memory that is freed instead of giving it back to the system.
///
/// Every update frees gigabytes and asks for them again; glibc would return them meanwhile, and the system would have to
/// clear every page anew: 8 % of the time of an update in bfloat16 on two cores. Other allocators are left as they are.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the calls only set numbers of the allocator, before any other thread has started.
    unsafe {
        // Large blocks would be mappings of their own, which are always given back.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        // A thread other than the main one would allocate from an arena of its own, which neither holds large blocks nor is
        // kept.
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Refuses a model whose weights alone take more memory than the processor has: the system would end the process without a
/// word.
///
/// # Errors
/// Wrong usage, with both numbers.
pub fn check_model(model: &ModelConfig, vocab: &Vocab, compute: &Compute) -> Result<()> {
    match total() {
        Some(total) if compute.device == Device::flex() => check(model, vocab, total),
        _ => Ok(()),
    }
}

fn check(model: &ModelConfig, vocab: &Vocab, total: u128) -> Result<()> {
    let bytes = model.num_bytes(vocab);
    if bytes <= total {
        return Ok(());
    }
    let gib = |bytes: u128| bytes as f64 / (1_u64 << 30) as f64;
    Err(usage(anyhow!(
        "a model of {} parameters takes {:.1} GiB, this machine has {:.1} GiB\nhint: give fewer layers, smaller widths or a \
         smaller dictionary",
        thousands(usize::try_from(model.num_params(vocab)).unwrap_or(usize::MAX)),
        gib(bytes),
        gib(total)
    )))
}

/// Memory of this machine, bytes; `None` where the system does not tell.
fn total() -> Option<u128> {
    read("/proc/meminfo", "MemTotal:").map(u128::from)
}

/// Largest resident memory of this process so far, bytes; `None` where the system does not tell.
pub(crate) fn peak() -> Option<u64> {
    read("/proc/self/status", "VmHWM:")
}

/// The number of KiB in the line of `file` that begins with `name`, as bytes.
fn read(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_no_memory_holds_is_refused_with_both_numbers() {
        let vocab = Vocab::fairseq(100, 100);
        let model = ModelConfig::from_arch("transformer_tiny").unwrap();
        let bytes = model.num_bytes(&vocab);
        check(&model, &vocab, bytes).unwrap();
        let error = check(&model, &vocab, bytes - 1).unwrap_err();
        assert_eq!(crate::exit::code(&error), 2);
        assert!(error.to_string().contains("parameters takes"), "{error}");
    }
}
