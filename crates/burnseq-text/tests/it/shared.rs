//! The reference data beside the project; tests that need it skip where it is absent.

use std::path::Path;
use std::process::Command;

pub use burnseq_testing::shared;

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
