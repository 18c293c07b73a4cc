//! `train` measuring instead of training: speed, and a device beside the processor.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::fixture::tool;
use crate::toy::{Toy, refused, succeed};

#[test]
fn the_benchmark_prints_one_line_with_the_fields_of_the_yardstick() {
    let toy = Toy::new();
    let mut command = tool("train");
    let lengths = ["xx", "yy"].map(|lang| toy.data.join(format!("train.xx-yy.{lang}.idx")));
    command
        .current_dir(toy.dir.path())
        .args([
            "--benchmark",
            "4",
            "--benchmark-warmup",
            "1",
            "--src-vocab",
            "40",
            "--tgt-vocab",
            "48",
            "--cpu",
        ])
        .args(["--arch", "transformer_tiny", "--max-tokens", "128", "--lengths"])
        .args(lengths);
    let output = succeed(command.output().unwrap());
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in [
        "updates_per_s",
        "tgt_tokens_per_s",
        "src_tgt_tokens_per_s",
        "last_loss",
        "params",
    ] {
        assert!(line[key].as_f64().unwrap() > 0.0, "{key} in {line}");
    }
    assert_eq!(
        (line["updates"].as_u64(), line["max_tokens"].as_u64()),
        (Some(4), Some(128))
    );
    assert!(!toy.dir.path().join("checkpoints").exists());
}

#[test]
fn the_benchmark_takes_the_batches_of_a_file_in_their_order() {
    let toy = Toy::new();
    let benchmark = |batches: &str| {
        fs::write(toy.dir.path().join("batches"), batches).unwrap();
        let mut command = tool("train");
        let lengths = ["xx", "yy"].map(|lang| toy.data.join(format!("train.xx-yy.{lang}.idx")));
        let flags = "--benchmark 2 --benchmark-warmup 1 --benchmark-batches batches --cpu --arch transformer_tiny --lengths";
        command
            .current_dir(toy.dir.path())
            .args(flags.split(' '))
            .args(lengths);
        command.output().unwrap()
    };
    let line: Value = serde_json::from_slice(&succeed(benchmark("0 1 2\n3 4\n5\n")).stdout).unwrap();
    // The words of sentences 3, 4 and 5, and the time they took.
    let lengths = toy.target_lengths();
    let tokens = lengths[3] + lengths[4] + lengths[5];
    let updates_per_token =
        line["updates_per_s"].as_f64().unwrap() / line["tgt_tokens_per_s"].as_f64().unwrap();
    assert!(
        (updates_per_token * tokens as f64 - 2.0).abs() < 0.05,
        "{line}, {tokens} tokens"
    );
    assert!(line["tflops"].as_f64().is_some());
    refused(
        &benchmark("0 1\n2 240\n"),
        1,
        &["batches, line 2: `240` is not the number", "0 to 239"],
    );
    refused(&benchmark(""), 1, &["batches holds no batch"]);
}

#[test]
fn the_benchmark_measures_updates_that_learn() {
    let toy = Toy::new();
    fs::write(toy.dir.path().join("batches"), "0 1 2 3 4 5 6 7\n".repeat(21)).unwrap();
    let last_loss = |updates: u32| {
        let flags = format!(
            "--benchmark {updates} --benchmark-warmup 1 --benchmark-batches batches --src-vocab 40 --tgt-vocab 48 --cpu \
             --arch transformer_tiny --dropout 0 --lr 1e-2 --warmup-updates 5 \
             --lengths data-bin/train.xx-yy.xx.idx data-bin/train.xx-yy.yy.idx"
        );
        let output = succeed(toy.tool("train", &flags));
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        line["last_loss"].as_f64().unwrap()
    };
    let (first, last) = (last_loss(1), last_loss(20));
    assert!(last < 0.5 * first, "{first} fell to {last} only");
}

#[test]
fn the_device_is_compared_with_the_processor() {
    let toy = Toy::new();
    let check = |flags: &str| {
        let mut command = tool("train");
        command
            .current_dir(toy.dir.path())
            .args("--check-device --cpu --arch transformer_tiny --src-vocab 40 --tgt-vocab 48".split(' '))
            .args(flags.split_whitespace());
        command.output().unwrap()
    };
    let errors = |output: Output| -> Vec<f64> {
        let out = String::from_utf8(succeed(output).stdout).unwrap();
        let error = |line: &str| line.split_once(' ').unwrap().0.parse().unwrap();
        out.lines().map(error).collect()
    };
    let full = errors(check(""));
    // Only gradients from activations that are computed again may differ, in the order of their additions.
    let inexact: Vec<f64> = full.iter().copied().filter(|error| *error != 0.0).collect();
    assert!(full.len() > 100 && inexact.len() <= 1, "{full:?}");
    assert!(inexact.iter().all(|error| *error < 1e-6), "{inexact:?}");
    let narrow = errors(check("--bf16"));
    assert_eq!(narrow.len(), full.len());
    assert!(narrow.iter().any(|error| *error > 1e-4), "{narrow:?}");
    refused(&check("--benchmark 3"), 2, &["--check-device"]);
}
