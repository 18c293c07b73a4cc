//! The reference data beside the project; tests that need it skip where it is absent.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A path below `../shared`, or `None` with a printed reason.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

/// The text of a file, unpacked by `gzip` when its name ends in `.gz`.
pub fn read(path: &Path) -> String {
    if path.extension().is_some_and(|extension| extension == "gz") {
        let output = Command::new("gzip")
            .arg("-dc")
            .arg(path)
            .output()
            .expect("gzip is installed");
        assert!(output.status.success(), "gzip -dc {}", path.display());
        String::from_utf8(output.stdout).expect("UTF-8")
    } else {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// Asserts that two texts are equal, and shows the first line that differs.
pub fn assert_same_lines(got: &str, expected: &str, what: &str) {
    for (n, (got, expected)) in got.split('\n').zip(expected.split('\n')).enumerate() {
        assert_eq!(got, expected, "{what}: line {}", n + 1);
    }
    assert_eq!(got.len(), expected.len(), "{what}: length");
}
