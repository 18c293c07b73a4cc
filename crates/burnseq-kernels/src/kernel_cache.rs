//! Kernels of a GPU: each is compiled when it is first used, kept on disk for later runs, and counted.
//!
//! The store, which also holds which of several kernels was the fastest, lies in the user's cache folder
//! (`$XDG_CACHE_HOME/cubecl` on Linux); a `cubecl.toml` or `burn.toml` in the working folder or above it can move it.

/// Kernels compiled since the process began, without those that were found on disk; `None` where there is no GPU, or
/// where the program writes a log of its own and cannot lend it for counting.
pub fn compiled() -> Option<u64> {
    #[cfg(feature = "cuda")]
    return counting::compiled();
    #[cfg(not(feature = "cuda"))]
    None
}

/// Sets up store and counter; has no effect once a device is open.
#[cfg(feature = "cuda")]
pub(crate) fn set_up() {
    use cubecl::config::compilation::CompilationLogLevel;
    use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};

    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    config.compilation.cache = true;
    // CubeCL's default is the `target` folder of the crate that it is run in.
    if matches!(config.environment.path, CacheConfig::Target) {
        config.environment.path = CacheConfig::Global;
    }
    let logger = &mut config.compilation.logger;
    if counting::start() {
        logger.log = Some(Default::default());
        if matches!(logger.level, CompilationLogLevel::Disabled) {
            logger.level = CompilationLogLevel::Basic;
        }
    }
    CubeClRuntimeConfig::try_set(config);
}

/// CubeCL tells its log of every kernel that it compiles; nothing else of the log is read.
#[cfg(feature = "cuda")]
mod counting {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use log::{LevelFilter, Log, Metadata, Record};

    /// Where CubeCL logs compilations.
    const TARGET: &str = "cubecl::compilation";

    static COMPILED: AtomicU64 = AtomicU64::new(0);
    static STARTED: OnceLock<bool> = OnceLock::new();

    struct Counter;

    impl Log for Counter {
        fn enabled(&self, metadata: &Metadata) -> bool {
            metadata.target() == TARGET
        }

        fn log(&self, record: &Record) {
            if self.enabled(record.metadata()) {
                COMPILED.fetch_add(1, Ordering::Relaxed);
            }
        }

        fn flush(&self) {}
    }

    /// Whether compilations are counted from now on.
    pub(super) fn start() -> bool {
        *STARTED.get_or_init(|| {
            let free = log::set_logger(&Counter).is_ok();
            if free {
                log::set_max_level(LevelFilter::Info);
            }
            free
        })
    }

    pub(super) fn compiled() -> Option<u64> {
        let started = STARTED.get().copied().unwrap_or(false);
        started.then(|| COMPILED.load(Ordering::Relaxed))
    }
}
