//! Reference data beside the project; tests that need it skip when it is absent.

pub use burnseq_testing::shared;

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
