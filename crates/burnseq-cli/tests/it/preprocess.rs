//! `preprocess` as a user runs it: exit codes, the error block, the table, the files.

use crate::fixture::{assert_says, assert_success};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::fixture::tool;

/// A folder with a small corpus below `data/`, as in a fresh clone.
fn corpus() -> TempDir {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    let line = |i: usize, words: [&str; 3]| {
        format!(
            "{} {} {}{}.\n",
            words[i % 3],
            words[i / 3 % 3],
            words[i / 9 % 3],
            i % 7
        )
    };
    for (split, n) in [("train", 300), ("valid", 20), ("test", 20)] {
        let write = |lang: &str, words: [&str; 3]| {
            let text: String = (0..n).map(|i| line(i, words)).collect();
            fs::write(data.join(format!("{split}.{lang}")), text).unwrap();
        };
        write("de", ["Hund", "Häuser", "läuft"]);
        write("en", ["dog", "houses", "runs"]);
    }
    dir
}

fn preprocess(folder: &Path, flags: &[&str]) -> Output {
    let mut command = tool("preprocess");
    command.current_dir(folder).args(flags).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn assert_fails(output: &Output, code: i32, expected: &str) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_says(stderr, expected);
}

#[test]
fn the_bare_command_works_on_raw_text_in_data() {
    let dir = corpus();
    let output = preprocess(dir.path(), &["--src", "de", "--tgt", "en"]);
    assert_success(&output);
    let out = stdout(&output);
    assert!(out.starts_with("subwords: SentencePiece, "), "{out}");
    for split in ["train", "valid", "test"] {
        assert_eq!(
            out.lines().filter(|line| line.starts_with(split)).count(),
            2,
            "{out}"
        );
    }
    assert!(out.ends_with("wrote data-bin\n"), "{out}");
    for name in [
        "dict.de.txt",
        "dict.en.txt",
        "train.de-en.de.idx",
        "test.de-en.en.bin",
    ] {
        assert!(dir.path().join("data-bin").join(name).is_file(), "{name}");
    }
    // Nothing is unknown: every character of the corpus has a piece.
    let row = out.lines().find(|line| line.starts_with("train")).unwrap();
    assert_says(row, " 0.00% ");
}

#[test]
fn results_can_be_json() {
    let dir = corpus();
    let flags = ["-s", "de", "-t", "en", "--bpe", "none", "--log-format", "json"];
    let output = preprocess(dir.path(), &flags);
    assert_success(&output);
    let report: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(report["splits"][0]["sides"][0]["sentences"], 300);
}

#[test]
fn raw_text_can_go_through_moses() {
    let dir = corpus();
    let flags = "-s de -t en --tokenizer moses --lowercase --bpe subword_nmt --bpe-size 20";
    let output = preprocess(dir.path(), &flags.split_whitespace().collect::<Vec<_>>());
    assert_success(&output);
    assert!(
        stdout(&output).contains("; words are Moses tokens; lower case\n"),
        "{}",
        stdout(&output)
    );
    let settings = fs::read_to_string(dir.path().join("data-bin/text.de.json")).unwrap();
    assert_says(&settings, "\"moses\"");
    let dictionary = fs::read_to_string(dir.path().join("data-bin/dict.de.txt")).unwrap();
    assert!(dictionary.starts_with(". 300\n"), "{dictionary}");
    let flags = ["-s", "de", "-t", "en", "--moses-no-escape"];
    assert_fails(&preprocess(dir.path(), &flags), 2, "needs --tokenizer moses");
}

#[test]
fn wrong_usage_ends_with_two() {
    let dir = corpus();
    let run = |flags: &[&str]| preprocess(dir.path(), flags);
    assert_fails(&run(&["--src", "de"]), 2, "--target-lang is missing");
    assert_fails(&run(&["--no-such-flag"]), 2, "--no-such-flag");
    let flags = ["--src", "de", "--tgt", "en", "--padding-factor", "1000000000"];
    assert_fails(&run(&flags), 2, "--padding-factor");
    assert_fails(
        &run(&["--dataset-impl", "fasta"]),
        2,
        "choose one of: mmap, cached",
    );
    let flags = ["--src", "de", "--tgt", "en", "--dataset-impl", "lazy"];
    assert_fails(
        &run(&flags),
        2,
        "lazy is not written, only read\nhint: leave it out",
    );
    assert!(!dir.path().join("data-bin").exists());
}

#[test]
fn bad_data_ends_with_one_and_one_block() {
    let dir = corpus();
    fs::write(dir.path().join("data/train.en"), "a\n").unwrap();
    let output = preprocess(dir.path(), &["--src", "de", "--tgt", "en"]);
    assert_fails(&output, 1, "data/train.de has 300 lines but data/train.en has 1;");
    assert_eq!(stderr(&output).matches("error").count(), 1, "{}", stderr(&output));
    assert!(stdout(&output).is_empty());

    fs::remove_file(dir.path().join("data/train.en")).unwrap();
    let output = preprocess(dir.path(), &["--src", "de", "--tgt", "en"]);
    assert_fails(&output, 1, "cannot read data/train.en: No such file");
    assert!(!dir.path().join("data-bin").exists());
}

#[test]
fn a_second_run_is_refused_unless_told_to_overwrite() {
    let dir = corpus();
    let flags = ["--src", "de", "--tgt", "en", "--bpe", "none"];
    assert!(preprocess(dir.path(), &flags).status.success());
    let output = preprocess(dir.path(), &flags);
    assert_fails(&output, 1, "data-bin: already holds a dataset");
    assert_says(stderr(&output), "\nhint: ");
    let flags = [&flags[..], &["--overwrite"]].concat();
    assert!(preprocess(dir.path(), &flags).status.success());
}

#[test]
fn default_sets_may_be_compressed() {
    let dir = corpus();
    let data = dir.path().join("data");
    for entry in fs::read_dir(&data).unwrap() {
        let gzip = Command::new("gzip").arg(entry.unwrap().path()).status();
        assert!(gzip.unwrap().success());
    }
    let output = preprocess(dir.path(), &["--src", "de", "--tgt", "en", "--bpe", "none"]);
    assert_success(&output);
    assert!(!stderr(&output).contains("there is no"), "{}", stderr(&output));
    for split in ["valid", "test"] {
        assert!(
            dir.path()
                .join(format!("data-bin/{split}.de-en.de.idx"))
                .is_file()
        );
    }
}

#[test]
fn default_sets_that_are_absent_are_noted() {
    let dir = corpus();
    fs::remove_file(dir.path().join("data/test.de")).unwrap();
    let output = preprocess(dir.path(), &["--src", "de", "--tgt", "en", "--bpe", "none"]);
    assert!(output.status.success());
    let note = "note: there is no test set: data/test.de does not exist";
    assert_says(stderr(&output), note);
}

#[test]
fn help_names_every_group_of_flags() {
    let dir = corpus();
    let output = preprocess(dir.path(), &["--help-all"]);
    assert!(output.status.success());
    for heading in ["Text:", "Words:", "Subwords:", "Dictionaries:", "Output:"] {
        assert!(stdout(&output).contains(heading), "{heading}");
    }
}
