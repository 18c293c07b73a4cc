//! A small dataset with an untrained model, and what the binaries print about it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use burn::tensor::{Device, TensorData};
use burnseq::model::{FamilyConfig, ModelConfig, TransformerConfig, state_dict};
use burnseq::text::Dictionary;
use burnseq::text::Vocab;
use burnseq::train::{TaskInfo, checkpoint};
use tempfile::TempDir;

pub const NOUNS: [[&str; 2]; 4] = [
    ["Hund", "dog"],
    ["Mann", "man"],
    ["Ball", "ball"],
    ["Vogel", "bird"],
];

/// `n` sentences, German (0) or English (1).
pub fn text(n: usize, side: usize) -> String {
    let sentence = |i: usize| {
        let (a, b) = (NOUNS[i % 4][side], NOUNS[i / 4 % 4][side]);
        let longer = [" und", " and"][side].repeat(i % 3);
        format!("{a}{longer} {b} {}\n", i % 5)
    };
    (0..n).map(sentence).collect()
}

/// A data folder `data-bin` with subwords, made by `preprocess`, and an untrained model for it in `checkpoints/`.
pub fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    for (split, n) in [("train", 200), ("valid", 9), ("test", 21)] {
        for (side, lang) in ["de", "en"].iter().enumerate() {
            fs::write(dir.path().join(format!("data/{split}.{lang}")), text(n, side)).unwrap();
        }
    }
    let preprocess = tool("preprocess")
        .current_dir(dir.path())
        .args(["-s", "de", "-t", "en", "--bpe", "subword_nmt", "--bpe-size", "20"])
        .output()
        .unwrap();
    assert_success(&preprocess);
    save_model(dir.path(), "checkpoint_best", 1.0);
    dir
}

pub fn tiny() -> TransformerConfig {
    TransformerConfig {
        max_source_positions: 30,
        max_target_positions: 30,
        ..TransformerConfig::sized(8, 8, 2, 1)
    }
}

/// Saves an untrained model, its first weight multiplied by `factor`, for the dataset in `dir`.
pub fn save_model(dir: &Path, name: &str, factor: f32) {
    let read = |name: &str| fs::read(dir.join("data-bin").join(name)).unwrap();
    let size = |lang: &str| {
        Dictionary::load(dir.join(format!("data-bin/dict.{lang}.txt")))
            .unwrap()
            .len()
    };
    let vocab = Vocab::fairseq(size("de"), size("en"));
    let mut weights = state_dict(&tiny().init(&vocab, 3, &Device::flex()));
    let shape = weights[0].1.shape().clone();
    let scaled: Vec<f32> = weights[0].1.iter::<f32>().map(|weight| weight * factor).collect();
    weights[0].1 = TensorData::new(scaled, shape);
    let mut files = vec![
        ("dict.src.txt".to_owned(), read("dict.de.txt")),
        ("dict.tgt.txt".to_owned(), read("dict.en.txt")),
    ];
    for entry in fs::read_dir(dir.join("data-bin")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let data = name.starts_with("dict.") || name.ends_with(".idx") || name.ends_with(".bin");
        if !data && name != "preprocess.json" {
            files.push((name.clone(), read(&name)));
        }
    }
    let contents = checkpoint::CheckpointContents {
        model_config: &ModelConfig::Transformer(tiny()),
        dictionaries: &checkpoint::Dictionaries::source_and_target(&vocab),
        task: &TaskInfo::new("translation", [("source_lang", "de"), ("target_lang", "en")]),
        train_state: serde_json::Value::Null,
        model: &weights,
        raw_model: None,
        optimizer: None,
        files: &files,
    };
    checkpoint::save(&dir.join("checkpoints"), &[name], &contents).unwrap();
}

/// Makes sure that `said` holds `part`.
#[track_caller]
pub fn assert_says(said: &str, part: &str) {
    assert!(said.contains(part), "{said}");
}

/// Makes sure that a command did what it was asked for.
#[track_caller]
pub fn assert_success(output: &Output) {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub fn stdout(output: &Output) -> String {
    assert_success(output);
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn assert_fails(output: &Output, code: i32, expected: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_says(&stderr, expected);
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// The lines of one kind by sentence: text behind the first tab.
pub fn lines_of(out: &str, kind: char) -> BTreeMap<usize, Vec<String>> {
    let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for line in out.lines() {
        if let Some(rest) = line.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')) {
            let (id, text) = rest.split_once('\t').unwrap();
            lines
                .entry(id.parse().unwrap())
                .or_default()
                .push(text.to_owned());
        }
    }
    lines
}

/// A command: a binary of its own, or one of `burnseq`'s.
pub fn tool(name: &str) -> Command {
    match name {
        "preprocess" => Command::new(env!("CARGO_BIN_EXE_preprocess")),
        "train" => Command::new(env!("CARGO_BIN_EXE_train")),
        "generate" => Command::new(env!("CARGO_BIN_EXE_generate")),
        name => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_burnseq"));
            command.arg(name);
            command
        }
    }
}

/// Runs a command on the processor, in `dir`, with `stdin`.
pub fn run(binary: &str, dir: &Path, flags: &[&str], stdin: &[u8]) -> Output {
    let mut command = tool(binary);
    command.current_dir(dir).arg("--cpu").args(flags);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // A binary that refuses to run does not read it.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}
