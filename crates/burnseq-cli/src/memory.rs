//! Memory that the next batch can use again.

/// Keeps memory that is freed instead of giving it back to the system.
///
/// Every update frees gigabytes and asks for them again; glibc would return them meanwhile, and the system would have to
/// clear every page anew: 8 % of the time of an update in bfloat16 on two cores. Other allocators are left as they are.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: both calls only set numbers of the allocator, before any other thread has started.
    unsafe {
        // Large blocks would be mappings of their own, which are always given back.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
    }
}
