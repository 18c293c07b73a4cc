//! `train` from end to end: logs, checkpoints, interruptions, wrong input.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Map, Value};

use crate::fixture::{assert_says, tool};
use crate::toy::{Toy, assert_moved, logged, refused, resumed, stderr, succeed, toy_data};

/// JSON log lines without what depends on the clock, by kind and number of updates.
fn log_lines(stdout: &str, log: &mut BTreeMap<(String, u64), Map<String, Value>>) {
    for line in stdout.lines() {
        // A line that was cut by a kill is written again by the resumed run.
        let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
            continue;
        };
        let kind = ["train_loss", "valid_loss", "loss"]
            .iter()
            .find(|key| fields.contains_key(**key))
            .unwrap();
        let prefix = kind.strip_suffix("loss").unwrap().to_owned();
        for key in ["wps", "ups", "train_wall", "wall", "eta"] {
            fields.remove(&format!("{prefix}{key}"));
        }
        let update = fields[&format!("{prefix}num_updates")].as_u64().unwrap();
        if let Some(before) = log.insert((prefix, update), fields.clone()) {
            assert_eq!(before, fields, "a repeated line must say the same");
        }
    }
}

fn weights(checkpoint: &Path) -> [Vec<u8>; 2] {
    ["model.safetensors", "optimizer.safetensors"].map(|file| fs::read(checkpoint.join(file)).unwrap())
}

/// Reads the log of a child until an interval line reaches `update`; gives what was read.
fn read_until(child: &mut Child, update: u64) -> String {
    let mut read = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    loop {
        let mut line = String::new();
        assert!(
            stdout.read_line(&mut line).unwrap() > 0,
            "the run ended before update {update}"
        );
        read.push_str(&line);
        let fields: Value = serde_json::from_str(&line).unwrap();
        if fields["num_updates"].as_u64().is_some_and(|done| done >= update) {
            return read;
        }
    }
}

/// Flags of runs that are killed.
pub const RESUME_FLAGS: &str = "--max-tokens 64 --update-freq 2 --max-epoch 4 --save-interval-updates 5 --log-interval 3 \
     --dropout 0.2 --attention-dropout 0.1 --warmup-updates 10 --keep-interval-updates 1 --clip-norm 1.0";

#[test]
fn a_killed_and_resumed_run_ends_with_the_same_bits_and_logs() {
    let toy = Toy::new();
    assert_resumes_to_the_same_bits(|name| toy.command(name, RESUME_FLAGS), |name| toy.save_dir(name));
}

/// Kills runs of `command` with [`RESUME_FLAGS`] at some updates, and compares what the last of them ends with with an
/// uninterrupted run. A run of this name saves to `save_dir`; it has more than 40 updates.
#[track_caller]
pub fn assert_resumes_to_the_same_bits(
    command: impl Fn(&str) -> Command,
    save_dir: impl Fn(&str) -> PathBuf,
) {
    let whole = succeed(command("whole").output().unwrap());
    let mut expected = BTreeMap::new();
    log_lines(&String::from_utf8(whole.stdout).unwrap(), &mut expected);
    assert!(expected.len() > 20, "{expected:?}");

    let mut found = BTreeMap::new();
    // Before the first checkpoint, inside the first epoch, and inside the second one.
    for kill_at in [3, 18, 36] {
        let mut child = command("killed")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let read = read_until(&mut child, kill_at);
        child.kill().unwrap(); // SIGKILL
        assert!(
            !child.wait().unwrap().success(),
            "the run ended before it was killed"
        );
        log_lines(&read, &mut found);
    }
    let rest = succeed(command("killed").output().unwrap());
    assert_says(&stderr(&rest), "resuming after update");
    // From the checkpoint of update 35 or 36.
    let first = logged(&rest, "num_updates")[0];
    assert!(first > 33.0, "the last run logged update {first} first");
    log_lines(&String::from_utf8(rest.stdout).unwrap(), &mut found);

    let last = |name: &str| save_dir(name).join("checkpoint_last");
    assert!(
        weights(&last("whole")) == weights(&last("killed")),
        "the weights differ"
    );
    assert_moved(&save_dir("whole").join("checkpoint1"), &last("whole"), 1e-3);
    assert!(
        weights(&save_dir("whole").join("checkpoint_best"))
            == weights(&save_dir("killed").join("checkpoint_best")),
        "the best weights differ"
    );
    // Every line of the interrupted run is one of the whole run; lines that were on their way when
    // the process was killed may be missing.
    for (key, line) in &found {
        assert_eq!(Some(line), expected.get(key));
    }
    assert!(
        found.len() + 6 >= expected.len(),
        "{} of {}",
        found.len(),
        expected.len()
    );
}

#[cfg(unix)]
#[test]
fn folders_with_colons_between_are_learnt_from_in_turn() {
    let mut toy = Toy::new();
    let more = toy_data(&toy.dir.path().join("more"), 60);
    toy.data = format!("{}:{}", toy.data.display(), more.display()).into();
    let flags = "--batch-size 8 --lr 0.001 --optimizer adam --log-interval 0 --max-epoch";
    let whole = succeed(toy.run("whole", &format!("{flags} 3")));
    let mut log = BTreeMap::new();
    log_lines(&String::from_utf8(whole.stdout).unwrap(), &mut log);
    // 240 sentences, then 60, then 240, in batches of eight.
    let epochs: Vec<u64> = log
        .keys()
        .filter(|(kind, _)| kind == "train_")
        .map(|(_, update)| *update)
        .collect();
    assert_eq!(epochs, [30, 38, 68]);

    succeed(toy.run("parts", &format!("{flags} 1")));
    for epochs in [2, 3] {
        resumed(toy.run("parts", &format!("{flags} {epochs}")), 1);
    }
    let last = |name: &str| weights(&toy.save_dir(name).join("checkpoint_last"));
    assert!(
        last("whole") == last("parts"),
        "resumed runs end with the same bits"
    );
    let whole = toy.save_dir("whole");
    assert_moved(&whole.join("checkpoint1"), &whole.join("checkpoint_last"), 1e-4);
}

#[test]
fn a_signal_ends_the_run_with_a_checkpoint_from_which_it_goes_on() {
    end_by_signal("--num-workers 0");
    end_by_signal("--distributed-world-size 2");
}

/// Ends a run by SIGTERM, and compares it with one that was not interrupted.
fn end_by_signal(flags: &str) {
    let toy = Toy::new();
    let flags = format!("{RESUME_FLAGS} {flags}");
    succeed(toy.run("whole", &flags));
    let mut child = toy
        .command("stopped", &flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Keeps the pipe open, so that the log can still be written.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for _ in 0..4 {
        line.clear();
        stdout.read_line(&mut line).unwrap();
    }
    // Two at once are one request: `timeout` signals the process and its group.
    let id = child.id().to_string();
    let status = Command::new("kill").args(["-TERM", &id, &id]).status().unwrap();
    assert!(status.success());
    let reader = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let output = child.wait_with_output().unwrap();
    reader.join().unwrap().unwrap();
    refused(
        &output,
        1,
        &[
            "finishing the update and saving",
            "checkpoint_last",
            "run the same command again",
        ],
    );
    let rest = succeed(toy.run("stopped", &flags));
    assert!(stderr(&rest).contains("resuming after update"));
    let last = |name: &str| toy.save_dir(name).join("checkpoint_last");
    assert!(
        weights(&last("whole")) == weights(&last("stopped")),
        "the weights differ"
    );
    assert_moved(&toy.save_dir("whole").join("checkpoint1"), &last("whole"), 1e-3);
}

#[test]
fn patience_counts_on_when_a_run_is_resumed() {
    let toy = Toy::new();
    // A huge rate: everything after the first validation is worse.
    let flags = "--max-tokens 256 --lr-scheduler fixed --lr 1e-6,10,10,10,10,10,10 --seed 2";
    let first = succeed(toy.run("worse", &format!("{flags} --max-epoch 2")));
    assert!(stderr(&first).contains("epoch 2 is the last"));
    let loss = logged(&first, "valid_loss");
    assert!(loss.len() == 2 && loss[1] > loss[0] + 1.0, "{loss:?}");
    let second = succeed(toy.run("worse", &format!("{flags} --patience 2")));
    assert_says(&stderr(&second), "no improvement in the last 2 validations");
    let epochs = String::from_utf8(second.stdout)
        .unwrap()
        .matches("train_loss")
        .count();
    assert_eq!(epochs, 1, "one validation was counted before the interruption");
}

#[test]
fn the_start_says_what_will_happen_and_checkpoints_are_pruned() {
    let toy = Toy::new();
    let flags = "--max-epoch 4 --keep-last-epochs 2 --keep-best-checkpoints 2 --lr 5e-3 --warmup-updates 5";
    let output = succeed(toy.run("kept", flags));
    let text = stderr(&output);
    for part in [
        "parameters",
        "at most 4096 tokens (--max-tokens)",
        "% padding",
        "stop: after epoch 4",
        "done: epoch 4 is the last (--max-epoch)",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let names = toy.checkpoints("kept");
    let count = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
    assert!(
        ["checkpoint3", "checkpoint4", "checkpoint_best", "checkpoint_last"]
            .iter()
            .all(|name| names.iter().any(|known| known == name))
    );
    assert_eq!(count("checkpoint.best_loss_"), 2, "{names:?}");
    assert_eq!(names.len(), 6, "{names:?}");
    let last = toy.save_dir("kept").join("checkpoint_last");
    for file in ["checkpoint.json", "dict.src.txt", "dict.tgt.txt"] {
        assert!(last.join(file).is_file(), "{file}");
    }
}

#[test]
fn bleu_by_beam_search_chooses_the_best_checkpoint() {
    let toy = Toy::new();
    let mut command = toy.command(
        "bleu",
        "--max-epoch 25 --max-tokens 128 --lr 5e-3 --warmup-updates 50 --dropout 0 --no-epoch-checkpoints \
         --eval-bleu --eval-tokenized-bleu --eval-bleu-print-samples --best-checkpoint-metric bleu",
    );
    command.args([
        "--eval-bleu-args",
        r#"{"beam": 2, "max_len_a": 1, "max_len_b": 5}"#,
    ]);
    let output = succeed(command.output().unwrap());
    let stdout = String::from_utf8(output.stdout).unwrap();
    let bleu: Vec<f64> = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|line| line["valid_bleu"].as_f64())
        .collect();
    assert_eq!(bleu.len(), 25);
    assert!(bleu[0] < 30.0, "the first epoch is not enough: {bleu:?}");
    assert!(
        bleu.iter().fold(0.0, |best: f64, &bleu| best.max(bleu)) > 80.0,
        "{bleu:?}"
    );
    assert!(stdout.contains("valid_best_bleu"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("example hypothesis"));
    assert_eq!(toy.checkpoints("bleu"), ["checkpoint_best", "checkpoint_last"]);
}

#[test]
fn wrong_usage_ends_with_code_2() {
    let toy = Toy::new();
    let refuse = |flags: &str, parts: &[&str]| refused(&toy.run("unused", flags), 2, parts);
    refuse(
        "--encoder-attention-heads 3",
        &["encoder-attention-heads = 3", "must divide", "1, 2, 4"],
    );
    refuse("--amp", &["--amp is not supported", "float32"]);
    refuse("--no-such-flag", &["--no-such-flag"]);
    refuse("--update-freq 0", &["--update-freq"]);
    refuse("--patience x", &["--patience"]);
    refuse("--lr abc", &["--lr"]);
    refuse("--adam-betas 0.9", &["--adam-betas", "two numbers"]);
    refuse("--eval-bleu --eval-bleu-args {beam:5}", &["--eval-bleu-args"]);
    refuse("--best-checkpoint-metric bleu", &["--eval-bleu"]);
    refuse(
        "--share-all-embeddings --encoder-embed-dim 32",
        &["share-all-embeddings"],
    );
    assert!(!toy.save_dir("unused").exists(), "nothing is left behind");

    let mut unknown = tool("train");
    let output = unknown
        .arg(&toy.data)
        .args(["--arch", "transformer_iwslt_de"])
        .output()
        .unwrap();
    refused(
        &output,
        2,
        &[
            "unknown architecture `transformer_iwslt_de`",
            "choose one of: transformer_iwslt",
        ],
    );
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_there_is_wrong_usage() {
    let toy = Toy::new();
    let mut command = tool("train");
    let output = command
        .arg(&toy.data)
        .args(["--device", "cuda"])
        .output()
        .unwrap();
    refused(&output, 2, &["no CUDA support"]);
}

#[test]
fn unusable_data_ends_with_code_1() {
    let toy = Toy::new();
    let run = |data: &Path, flags: &[&str]| {
        let mut command = tool("train");
        command
            .current_dir(toy.dir.path())
            .arg(data)
            .args(["--cpu", "--arch", "transformer_tiny"])
            .args(flags);
        command.output().unwrap()
    };
    refused(
        &run(Path::new("nowhere"), &[]),
        1,
        &[
            "nowhere: there is no such folder",
            "hint: make a dataset with `preprocess",
        ],
    );
    refused(&run(&toy.data, &["-s", "xx", "-t", "zz"]), 1, &["dict.zz.txt"]);
    refused(
        &run(&toy.data, &["--valid-subset", "dev"]),
        1,
        &["no split \"dev\"", "train, valid"],
    );
    // The longest sentences have 8 words and an end of sentence.
    refused(
        &run(&toy.data, &["--max-tokens", "5"]),
        1,
        &["--skip-invalid-size-inputs-valid-test"],
    );

    let index = toy.data.join("train.xx-yy.yy.idx");
    let bytes = fs::read(&index).unwrap();
    fs::write(&index, &bytes[..bytes.len() - 3]).unwrap();
    refused(&run(&toy.data, &[]), 1, &["train.xx-yy.yy.idx"]);
    fs::write(&index, b"not an index at all, but longer than its header").unwrap();
    refused(&run(&toy.data, &[]), 1, &["train.xx-yy.yy.idx"]);
    assert!(
        !toy.dir.path().join("checkpoints").exists(),
        "nothing is left behind"
    );

    let toy = Toy::new();
    fs::write(toy.data.join("dict.yy.txt"), "w4 1\nw5\n").unwrap();
    refused(&toy.run("unused", ""), 1, &["dict.yy.txt", "2"]);
}

#[test]
fn sentences_that_are_too_long_are_left_out_on_request() {
    let toy = Toy::new();
    let flags =
        "--max-tokens 5 --max-epoch 1 --skip-invalid-size-inputs-valid-test --required-batch-size-multiple 1";
    let output = succeed(toy.run("short", flags));
    assert_says(&stderr(&output), "too long, left out");
}

#[test]
fn checkpoints_that_do_not_fit_are_refused() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-epoch 1"));
    let again = |flags: &str| toy.run("run", &format!("--max-epoch 2 {flags}"));
    refused(
        &again("--encoder-layers 1"),
        1,
        &["checkpoint_last", "encoder_layers 2 there, 1 here", "--save-dir"],
    );
    refused(
        &again("--restore-file checkpoint9"),
        1,
        &["checkpoint9", "no such checkpoint"],
    );

    let model = toy.save_dir("run").join("checkpoint_last/model.safetensors");
    let bytes = fs::read(&model).unwrap();
    // The names of a checkpoint are links to one file, so a new file is put in place.
    fs::remove_file(&model).unwrap();
    fs::write(&model, &bytes[..bytes.len() / 2]).unwrap();
    refused(&again(""), 1, &["model.safetensors"]);
    let other = succeed(again("--restore-file checkpoint1"));
    assert!(stderr(&other).contains("resuming after update"));
}

#[test]
fn a_checkpoint_without_the_optimiser_needs_a_fresh_one() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-epoch 1 --no-save-optimizer-state"));
    refused(&toy.run("run", "--max-epoch 2"), 1, &["--reset-optimizer"]);
    let fresh = succeed(toy.run(
        "run",
        "--max-epoch 1 --reset-optimizer --reset-dataloader --reset-meters",
    ));
    assert!(String::from_utf8(fresh.stdout).unwrap().contains("train_loss"));
}

#[test]
fn a_run_that_diverges_skips_updates_then_stops_and_names_the_sentences() {
    let toy = Toy::new();
    let run = |flags: &str| {
        toy.run(
            "run",
            &format!("--lr-scheduler fixed --lr 1e30 --max-tokens 64 {flags}"),
        )
    };
    refused(
        &run("--max-nonfinite 0"),
        1,
        &[
            "training stopped before update",
            "the last of 1 such",
            "training sentences",
        ],
    );
    let output = run("--max-nonfinite 3");
    refused(&output, 1, &["the last of 4 such", "training sentences"]);
    assert_eq!(stderr(&output).matches("is skipped").count(), 3);
}

#[test]
fn replicas_write_the_checkpoints_of_one_device_with_all_their_batches() {
    let toy = Toy::new();
    let flags = "--max-tokens 64 --max-epoch 2 --dropout 0.2 --clip-norm 1.0 --lr 5e-3 --warmup-updates 5";
    succeed(toy.run("one", &format!("{flags} --update-freq 2")));
    let output = succeed(toy.run("two", &format!("{flags} --distributed-world-size 2")));
    assert_says(&stderr(&output), "in 2 batches on 2 devices");
    let last = |name: &str| weights(&toy.save_dir(name).join("checkpoint_last"));
    assert!(last("one") == last("two"), "the weights differ");
    let one = toy.save_dir("one");
    assert_moved(&one.join("checkpoint1"), &one.join("checkpoint_last"), 5e-3);
    assert_eq!(toy.checkpoints("one"), toy.checkpoints("two"));
}

#[test]
fn a_folder_that_cannot_be_written_is_noticed_before_training() {
    let toy = Toy::new();
    fs::write(toy.save_dir("file"), "in the way").unwrap();
    let output = toy.run("file", "--max-epoch 1");
    refused(&output, 1, &["cannot write"]);
    assert!(output.stdout.is_empty());
}

#[test]
fn narrow_precision_learns_nearly_the_same_and_a_run_goes_on_in_another() {
    let toy = Toy::new();
    let flags = "--max-tokens 64 --lr 5e-3 --warmup-updates 10 --log-interval 0 --max-epoch";
    let full = logged(&succeed(toy.run("fp32", &format!("{flags} 2"))), "train_loss");
    // What is learned in an epoch is what rounding is measured by.
    let learned = full[0] - full[1];
    assert!(learned > 0.5, "{full:?}");
    for precision in ["bf16", "fp16"] {
        let narrow = succeed(toy.run(precision, &format!("{flags} 2 --{precision}")));
        let narrow = logged(&narrow, "train_loss");
        assert!(
            (narrow[1] - full[1]).abs() < 0.02 * learned,
            "{precision}: {narrow:?} instead of {full:?}"
        );
        assert_ne!(
            weights(&toy.save_dir("fp32/checkpoint_last"))[0],
            weights(&toy.save_dir(&format!("{precision}/checkpoint_last")))[0]
        );
    }
    let config = |name: &str| {
        let json = fs::read(toy.save_dir(name).join("checkpoint_last/checkpoint.json")).unwrap();
        let mut meta: Value = serde_json::from_slice(&json).unwrap();
        meta["train_state"]["config"]["checkpoint"]["save_dir"] = Value::Null;
        (
            meta["train_state"]["config"].take(),
            meta["model_config"].take(),
            meta["train_state"]["task"].take(),
        )
    };
    assert_eq!(
        config("fp32"),
        config("bf16"),
        "no checkpoint tells of a precision or device"
    );
    let whole = logged(&resumed(toy.run("fp32", &format!("{flags} 3")), 1), "train_loss")[0];
    let rest = resumed(toy.run("bf16", &format!("{flags} 3 --precision fp32")), 1);
    let rest = logged(&rest, "train_loss")[0];
    assert!(full[1] - whole > 0.2, "{whole} after {full:?}");
    assert!(
        (rest - whole).abs() < 0.02 * (full[0] - whole),
        "{rest} instead of {whole}"
    );
}
