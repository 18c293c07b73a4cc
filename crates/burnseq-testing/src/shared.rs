//! The reference data in `../shared`, beside the checkout, read in place.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Environment variable that makes absent reference data a failure instead of a skipped test; set to anything.
pub const REQUIRE: &str = "BURNSEQ_REQUIRE_SHARED";

/// Environment variable with a file that receives one line for every skipped test.
pub const SKIPPED: &str = "BURNSEQ_SKIPPED_TESTS";

/// Environment variable with another folder in place of `../shared/golden`: recorded outputs of the same structure, with
/// other settings.
pub const GOLDEN: &str = "BURNSEQ_GOLDEN";

/// The path of `../shared/PATH`, or `None` where it is absent. The calling test then returns: `cargo test` counts it as
/// passed, `scripts/test.sh` counts it as skipped.
///
/// # Panics
/// When the path is absent and [`REQUIRE`] is set.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    found(root.join(path), &format!("../shared/{path}"))
}

/// The path of `PATH` in the folder that [`GOLDEN`] names, or in `../shared/golden`; as [`shared`].
///
/// # Panics
/// As [`shared`].
pub fn golden(path: &str) -> Option<PathBuf> {
    match env::var_os(GOLDEN) {
        Some(root) => {
            let path = Path::new(&root).join(path);
            let name = path.display().to_string();
            found(path, &name)
        }
        None => shared(&format!("golden/{path}")),
    }
}

/// The path, if it exists.
fn found(path: PathBuf, name: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(
        env::var_os(REQUIRE).is_none(),
        "{name} is absent, and {REQUIRE} is set"
    );
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("skipped: {name} is absent");
    if let Some(log) = env::var_os(SKIPPED) {
        let mut log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&log)
            .unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        // One write: tests run side by side.
        log.write_all(format!("{test}\t{name} is absent\n").as_bytes())
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
