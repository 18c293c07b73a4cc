//! Lines that the real fairseq printed for whole files.

use std::path::Path;
use std::process::Command;

use burnseq_metrics::{TokenisedBleu, TokenisedBleuConfig};

use super::{read, read_json, shared};

/// What `fairseq-score` prints for `arguments`, with files taken from `read_lines`.
fn fairseq_score(arguments: &str, read_lines: impl Fn(&str) -> Vec<String>) -> String {
    let mut config = TokenisedBleuConfig::default();
    let (mut hypotheses, mut references) = (Vec::new(), Vec::new());
    let mut arguments = arguments.split_whitespace();
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().expect("a value");
        match flag {
            "-s" => hypotheses = read_lines(value()),
            "-r" => references = read_lines(value()),
            "-o" => config.order = value().parse().expect("an order"),
            "--ignore-case" => config.ignore_case = true,
            _ => panic!("unknown flag {flag}"),
        }
    }
    TokenisedBleu::corpus_score(config, &hypotheses, &references)
        .expect("aligned files")
        .to_string()
}

#[test]
fn files_score_as_with_fairseq_score() {
    let Some(golden) = read_json("golden/score/fairseq_score.json") else {
        return;
    };
    let lines = |name: &str| -> Vec<String> {
        let text = read(&format!("golden/score/{name}")).expect("beside the scores");
        text.lines().map(str::to_owned).collect()
    };
    let mut compared = 0;
    for run in golden.as_array().expect("runs") {
        let arguments = run["args"].as_str().expect("arguments");
        if run["rc"] != 0 {
            eprintln!("skipped: fairseq-score {arguments} failed in fairseq itself");
            continue;
        }
        let printed = run["stdout"].as_array().expect("lines").last().expect("a line");
        assert_eq!(*printed, fairseq_score(arguments, lines), "{arguments}");
        compared += 1;
    }
    assert!(compared > 0);
}

/// Lines of a gzip file, through the system's gzip.
fn gunzip(path: &Path) -> Option<String> {
    match Command::new("gzip").arg("-dc").arg(path).output() {
        Ok(output) if output.status.success() => Some(String::from_utf8(output.stdout).expect("utf-8")),
        Ok(output) => panic!("{}: {}", path.display(), String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            eprintln!("skipped: cannot run gzip: {error}");
            None
        }
    }
}

/// References (`T-id`) and best hypotheses (`H-id`) of what fairseq-generate printed.
fn targets_and_hypotheses(output: &str) -> (Vec<String>, Vec<String>) {
    let (mut targets, mut hypotheses) = (Vec::new(), Vec::new());
    let mut last = "";
    for line in output.lines() {
        let (id, rest) = line.split_once('\t').unwrap_or((line, ""));
        if id.starts_with("T-") {
            targets.push(rest.to_owned());
        } else if id.starts_with("H-") && id != last {
            last = id; // the first of several is the best
            hypotheses.push(rest.split_once('\t').expect("score and text").1.to_owned());
        }
    }
    (targets, hypotheses)
}

#[test]
fn decoded_files_score_as_with_fairseq_score() {
    let Some(expected) = read("golden/generate/fairseq_score_lines.txt") else {
        return;
    };
    let mut compared = 0;
    for line in expected.lines().filter(|line| !line.is_empty()) {
        let (run, rest) = line.split_once(" [fairseq-score ").expect("run and arguments");
        let (arguments, printed) = rest.split_once("]: ").expect("arguments and line");
        let path = shared(&format!("golden/generate/{run}.txt.gz")).expect("beside the scores");
        let Some(output) = gunzip(&path) else { return };
        let (targets, hypotheses) = targets_and_hypotheses(&output);
        let lines = |name: &str| {
            if name == "sys" {
                hypotheses.clone()
            } else {
                targets.clone()
            }
        };
        assert_eq!(fairseq_score(arguments, lines), printed, "{line}");
        compared += 1;
    }
    assert!(compared > 0);
}

#[test]
fn decoded_files_score_as_fairseq_generate_says_at_their_end() {
    let Some(folder) = shared("golden/generate") else {
        return;
    };
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if !path.to_string_lossy().ends_with(".txt.gz") {
            continue;
        }
        let Some(output) = gunzip(&path) else { return };
        let Some((_, printed)) = output.lines().last().and_then(|line| line.split_once(": ")) else {
            eprintln!("skipped: {} does not end with a score", path.display());
            continue;
        };
        let (targets, hypotheses) = targets_and_hypotheses(&output);
        let score = TokenisedBleu::corpus_score(TokenisedBleuConfig::default(), &hypotheses, &targets);
        assert_eq!(score.expect("aligned").to_string(), printed, "{}", path.display());
        compared += 1;
    }
    assert!(compared > 10, "only {compared} runs end with a score");
}
