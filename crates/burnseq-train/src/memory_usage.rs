//! How much of a device's memory a run takes.

use burn::tensor::Device;

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
