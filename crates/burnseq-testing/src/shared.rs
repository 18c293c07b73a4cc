//! The reference data in `../shared`, beside the checkout, read in place.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Environment variable that makes absent reference data a failure instead of a skipped test; set to anything.
pub const REQUIRE: &str = "BURNSEQ_REQUIRE_SHARED";

/// Environment variable with a file that receives one line for every skipped test.
pub const SKIPPED: &str = "BURNSEQ_SKIPPED_TESTS";

/// The path of `../shared/PATH`, or `None` where it is absent. The calling test then returns: `cargo test` counts it as
/// passed, `scripts/test.sh` counts it as skipped.
///
/// # Panics
/// When the path is absent and [`REQUIRE`] is set.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(path);
    if found.exists() {
        return Some(found);
    }
    assert!(
        env::var_os(REQUIRE).is_none(),
        "../shared/{path} is absent, and {REQUIRE} is set"
    );
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("skipped: ../shared/{path} is absent");
    if let Some(log) = env::var_os(SKIPPED) {
        let mut log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&log)
            .unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        // One write: tests run side by side.
        log.write_all(format!("{test}\t../shared/{path} is absent\n").as_bytes())
            .expect("the list of skipped tests can be written");
    }
    None
}

/// The text of a file.
///
/// # Panics
/// When it cannot be read; the message names it.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
