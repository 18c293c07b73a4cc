//! Reference data beside the project; tests that need it skip when it is absent.

use std::path::{Path, PathBuf};

/// `../shared/PATH` from the project root, or `None` with a line that says so.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    {
        eprintln!("skipped: ../shared/{path} is absent");
    }
    None
}

/// A JSON file below `../shared`.
pub fn shared_json(path: &str) -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(shared(path)?).expect("the file is readable");
    Some(serde_json::from_str(&text).expect("the file is JSON"))
}

/// A JSON list of numbers.
pub fn numbers(value: &serde_json::Value) -> Vec<usize> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|n| n.as_u64().expect("a number") as usize)
        .collect()
}
