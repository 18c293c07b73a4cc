//! How much of a device's memory a run takes.

use burn::tensor::Device;
use burnseq_kernels::kernel_cache;

use crate::out_of_memory::free;

/// The memory that a GPU takes to try kernels for the sizes it meets, several times that of an update, which CubeCL would
/// keep for later.
#[derive(Debug, Default)]
pub(crate) struct TuningMemory {
    /// Kernels compiled when last looked.
    compiled: u64,
    /// Whether some were compiled then.
    tuning: bool,
}

impl TuningMemory {
    /// After an update: gives the memory back when the first one is over that has compiled nothing after those that did.
    pub fn give_back(&mut self, device: &Device) {
        if self.ends(kernel_cache::compiled().unwrap_or(0)) {
            free(&device.clone().without_autodiff());
        }
    }

    /// Whether tuning ended with the update after which `compiled` kernels have been compiled in all.
    fn ends(&mut self, compiled: u64) -> bool {
        let was_tuning = std::mem::replace(&mut self.tuning, compiled > self.compiled);
        self.compiled = compiled;
        was_tuning && !self.tuning
    }
}

/// Largest memory, in bytes, that Burn has held of a device at once, what it keeps for reuse included; `None` on the
/// processor, whose memory is that of the process.
///
/// Counts from the start of the process, the trials of `--max-tokens auto` included. Waits until everything is launched,
/// not until it is computed. Pools that hold one buffer a page do not tell their
/// peak: of these, what they hold now is counted.
pub fn peak_device_memory(device: &Device) -> Option<u64> {
    let device = device.clone().without_autodiff();
    let held = device.memory_pool_usage()?.bytes_reserved;
    let pools = device.memory_pool_report().unwrap_or_default();
    let freed = pools
        .iter()
        .map(|pool| pool.pages_peak.saturating_sub(pool.pages) * pool.page_size);
    Some(held + freed.sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuning_ends_with_the_first_update_that_compiles_nothing() {
        let mut memory = TuningMemory::default();
        let ends = [0, 90, 120, 120, 120, 125, 125, 125].map(|compiled| memory.ends(compiled));
        assert_eq!(ends, [false, false, false, true, false, false, true, false]);
    }
}
