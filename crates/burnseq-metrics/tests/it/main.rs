//! Compares this crate with the scores of sacreBLEU, fairseq and Moses in `../shared`.
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod bootstrap;
mod fairseq_score;
mod sacrebleu;
mod tokenised;

use burnseq_testing::shared;
use serde_json::Value;

fn read(path: &str) -> Option<String> {
    let path = shared(path)?;
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn read_json(path: &str) -> Option<Value> {
    read(path).map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// The cases of a file; none without it.
fn cases(path: &str) -> Option<Vec<Value>> {
    read_json(path).map(|file| file["cases"].as_array().expect("cases").clone())
}

fn strings(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    value.as_array().expect("a list").iter().map(text).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

#[track_caller]
fn assert_close(ours: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = number(expected);
    assert!(
        (ours - expected).abs() <= tolerance,
        "{what}: {ours} instead of {expected}"
    );
}
