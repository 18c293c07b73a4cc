//! `generate` as a user runs it: lines, scores, raw text, exit codes, the error block.

use crate::fixture::{assert_says, assert_success};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use super::fixture::{assert_fails, folder, lines_of, run, save_model, stdout, tiny, tool};

fn generate(dir: &Path, flags: &str) -> Output {
    generate_from_stdin(dir, flags, b"")
}

fn generate_from_stdin(dir: &Path, flags: &str, stdin: &[u8]) -> Output {
    let flags: Vec<&str> = flags.split_whitespace().collect();
    run("generate", dir, &flags, stdin)
}

#[test]
fn a_dataset_gives_fairseqs_lines_for_every_sentence_and_the_scores() {
    let dir = folder();
    let output = generate(dir.path(), "data-bin --beam 3 --max-len-b 12 --remove-bpe");
    let out = stdout(&output);
    for kind in ['S', 'T', 'H', 'D', 'P'] {
        let lines = lines_of(&out, kind);
        assert_eq!(
            lines.keys().copied().collect::<Vec<_>>(),
            (0..21).collect::<Vec<_>>(),
            "{kind}"
        );
        assert!(lines.values().all(|lines| lines.len() == 1));
    }
    assert_eq!(lines_of(&out, 'S')[&4], ["Hund und Mann 4"]);
    assert_eq!(lines_of(&out, 'T')[&4], ["dog and man 4"]);
    let (hypotheses, positional) = (lines_of(&out, 'H'), lines_of(&out, 'P'));
    for id in 0..21 {
        let score: f64 = hypotheses[&id][0].split('\t').next().unwrap().parse().unwrap();
        let scores: Vec<f64> = positional[&id][0]
            .split(' ')
            .map(|score| score.parse().unwrap())
            .collect();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        assert!((score - mean).abs() < 1e-4, "{score} and {mean}");
    }
    let last: Vec<&str> = out.lines().rev().take(2).collect();
    assert!(
        last[1].starts_with("Generate test with beam=3: BLEU4 = "),
        "{}",
        last[1]
    );
    assert!(last[0].starts_with(
        "Generate test with beam=3: BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:"
    ));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_says(&stderr, "Translated 21 sentences (");
}

#[test]
fn the_order_and_the_batches_change_no_line() {
    let dir = folder();
    let blocks = |flags: &str| {
        let out = stdout(&generate(
            dir.path(),
            &format!("data-bin --nbest 2 --max-len-a 1 --max-len-b 5 {flags}"),
        ));
        ['S', 'T', 'H', 'D', 'P'].map(|kind| lines_of(&out, kind))
    };
    let together = blocks("");
    assert!(together.iter().all(|lines| lines.len() == 21));
    // Those of another sentence would be noticed.
    let scores: BTreeSet<&Vec<String>> = together[4].values().collect();
    assert!(scores.len() > 10, "{scores:?}");
    for flags in ["--batch-size 1", "--max-tokens 20", "--in-order"] {
        let other = blocks(flags);
        for (a, b) in together.iter().zip(&other) {
            assert_eq!(a.len(), b.len(), "{flags}");
            for (id, lines) in a {
                assert_eq!(lines.len(), b[id].len(), "{flags}: sentence {id}");
                for (a, b) in lines.iter().zip(&b[id]) {
                    let text = |line: &str| line.rsplit('\t').next().unwrap().to_owned();
                    assert_eq!(text(a), text(b), "{flags}");
                }
            }
        }
    }
    assert!(together[2].values().all(|hypotheses| hypotheses.len() == 2));
    let out = stdout(&generate(dir.path(), "data-bin --max-len-b 5 --in-order"));
    let ids: Vec<&str> = out
        .lines()
        .filter_map(|line| line.strip_prefix("S-")?.split('\t').next())
        .collect();
    assert_eq!(ids, (0..21).map(|id: usize| id.to_string()).collect::<Vec<_>>());
}

#[test]
fn the_default_is_the_test_set_with_the_best_checkpoint_else_the_last() {
    let dir = folder();
    let quiet = |flags: &str| stdout(&generate(dir.path(), &format!("--quiet --max-len-b 5 {flags}")));
    let best = quiet("");
    assert_eq!(best.lines().count(), 2, "{best}");
    assert_eq!(
        best,
        quiet("data-bin --path checkpoints/checkpoint_best --gen-subset test")
    );
    assert_eq!(quiet("--sacrebleu").lines().count(), 1);
    assert!(quiet("--gen-subset valid").starts_with("Generate valid with beam=5: BLEU4"));

    fs::rename(
        dir.path().join("checkpoints/checkpoint_best"),
        dir.path().join("checkpoints/checkpoint_last"),
    )
    .unwrap();
    let output = generate(dir.path(), "--quiet --max-len-b 5");
    assert_eq!(stdout(&output), best);
    assert!(String::from_utf8_lossy(&output.stderr).contains("checkpoint_last is used"));
}

#[test]
fn raw_text_gives_one_line_for_each_line() {
    let dir = folder();
    let input = "Hund und Ball 1\n\nMann\n  \t \nVogel und und Hund 2\nunbekannt Ω";
    fs::write(dir.path().join("in.txt"), input).unwrap();
    let flags = "--input in.txt --beam 2 --max-len-b 8";
    let out = stdout(&generate(dir.path(), flags));
    let lines: Vec<&str> = out.split('\n').collect();
    assert_eq!(lines.len(), 7, "{out:?}"); // six lines, each ended
    assert_eq!((lines[1], lines[3], lines[6]), ("", "", ""));
    for number in [0, 2, 4, 5] {
        assert!(
            !lines[number].is_empty() && !lines[number].contains("@@"),
            "{out:?}"
        );
    }
    assert_eq!(
        stdout(&generate_from_stdin(
            dir.path(),
            "--input - --beam 2 --max-len-b 8",
            input.as_bytes()
        )),
        out
    );
    assert_eq!(
        stdout(&generate(dir.path(), &format!("{flags} --output out.txt"))),
        ""
    );
    assert_eq!(fs::read_to_string(dir.path().join("out.txt")).unwrap(), out);
    assert_eq!(stdout(&generate_from_stdin(dir.path(), "--input -", b"")), "");

    // What text gives is what the dataset gives for the same sentence.
    let dataset = stdout(&generate(dir.path(), "data-bin --beam 2 --max-len-b 8"));
    let test: String = fs::read_to_string(dir.path().join("data/test.de")).unwrap();
    let out = stdout(&generate_from_stdin(
        dir.path(),
        "--input - --beam 2 --max-len-b 8",
        test.as_bytes(),
    ));
    assert_eq!(out.lines().count(), 21);
    for (id, line) in out.lines().enumerate() {
        assert_eq!(lines_of(&dataset, 'D')[&id][0].split_once('\t').unwrap().1, line);
    }
}

#[test]
fn lines_that_do_not_fit_stay_empty_and_are_named() {
    let dir = folder();
    let long = format!("Hund\n{}\nMann\n", "Ball ".repeat(40));
    let output = generate_from_stdin(dir.path(), "--input - --max-len-b 4", long.as_bytes());
    assert!(String::from_utf8_lossy(&output.stderr).contains("note: line 2 has "));
    let out = stdout(&output);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].is_empty() && !lines[0].is_empty() && !lines[2].is_empty());

    let output = generate_from_stdin(dir.path(), "--input - --max-len-b 4", b"Hund\nMann \xff\n");
    assert_fails(&output, 1, "stdin:2");
    fs::write(dir.path().join("bad.txt"), b"\xff").unwrap();
    let output = generate(dir.path(), "--input bad.txt --output out.txt");
    assert_fails(&output, 1, "bad.txt:1");
    assert!(!dir.path().join("out.txt").exists());
    assert_fails(
        &generate(dir.path(), "--input missing.txt"),
        1,
        "cannot read missing.txt",
    );
}

#[test]
fn a_weights_file_translates_like_its_checkpoint() {
    let dir = folder();
    let weights = "checkpoints/checkpoint_best/model.safetensors";
    fs::copy(dir.path().join(weights), dir.path().join("w.safetensors")).unwrap();
    let config = serde_json::to_string(&tiny()).unwrap().replace(' ', "");
    let run = |flags: &str| generate(dir.path(), &format!("data-bin --max-len-b 6 {flags}"));
    let expected = stdout(&run(""));
    assert_eq!(
        stdout(&run(&format!(
            "--path w.safetensors --arch transformer --model-overrides {config}"
        ))),
        expected
    );
    assert_fails(&run("--path w.safetensors"), 2, "give --arch");
    assert_fails(
        &run("--path w.safetensors --arch transformer"),
        1,
        "w.safetensors: weight `encoder.",
    );
    assert_fails(
        &run("--arch transformer"),
        2,
        "a checkpoint knows its own architecture",
    );
    fs::write(dir.path().join("w.safetensors"), "no weights").unwrap();
    assert_fails(
        &run("--path w.safetensors --arch transformer"),
        1,
        "w.safetensors: not a safetensors file",
    );
}

#[test]
fn wrong_usage_ends_with_two() {
    let dir = TempDir::new().unwrap();
    for (flags, expected) in [
        ("--lm-weight 1", "--lm-path"),
        (
            "--sampling --diverse-beam-groups 5",
            "--sampling and --diverse-beam-groups",
        ),
        ("--sampling-topk 3", "--sampling-topk goes with --sampling"),
        ("--sampling --beam 2 --nbest 3", "--nbest = 3"),
        ("--constraints", "use `burnseq interactive`, or give --input"),
        (
            "--retain-dropout-modules Encoder --retain-dropout",
            "unknown module `Encoder`",
        ),
        ("--nbest 6", "--nbest = 6"),
        ("--beam 0", "--beam = 0"),
        ("--beam 1000000000", "must be at least 1 and at most 1000"),
        ("--model-overrides x", "--model-overrides"),
        ("--input - --quiet", "--quiet goes with a dataset"),
        ("--no-such-flag", "--no-such-flag"),
    ] {
        assert_fails(&generate(dir.path(), flags), 2, expected);
    }
    let output = tool("generate").args(["--device", "quantum"]).output().unwrap();
    assert_fails(&output, 2, "quantum");
}

#[test]
fn checkpoints_and_data_that_cannot_be_used_are_named() {
    let dir = folder();
    let run = |flags: &str| generate(dir.path(), &format!("--quiet --max-len-b 5 {flags}"));
    assert_fails(&run("--path nowhere"), 1, "nowhere: no checkpoint here");
    assert_fails(
        &run("--retain-dropout --retain-dropout-modules LSTMEncoder"),
        2,
        "the model has no `LSTMEncoder`; choose from: TransformerEncoder, ",
    );
    assert_fails(
        &run("--path checkpoints"),
        1,
        "hint: give checkpoints/checkpoint_best",
    );
    assert_fails(&run("nowhere"), 1, "nowhere");
    assert_fails(&run("--gen-subset test7"), 1, "choose one of: test, train, valid");
    assert_fails(&run("--max-tokens 3"), 1, "more than --max-tokens 3");

    save_model(dir.path(), "checkpoint_nan", f32::NAN);
    assert_fails(&run("--path checkpoints/checkpoint_nan"), 1, "not finite");

    let weights = dir.path().join("checkpoints/checkpoint_best/model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    assert_fails(&run(""), 1, "checkpoints/checkpoint_best/model.safetensors");
    fs::write(&weights, &bytes).unwrap();

    let dictionary = dir.path().join("data-bin/dict.en.txt");
    let text = fs::read_to_string(&dictionary).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(0, 1);
    fs::write(&dictionary, lines.join("\n") + "\n").unwrap();
    assert_fails(
        &run(""),
        1,
        "dict.en.txt: is not the dictionary that the model was trained with: id 4 is ",
    );
}

#[test]
fn a_set_without_target_side_is_translated_without_scores() {
    let dir = folder();
    for ending in ["idx", "bin"] {
        fs::remove_file(dir.path().join(format!("data-bin/test.de-en.en.{ending}"))).unwrap();
    }
    let output = generate(dir.path(), "--max-len-b 5");
    let out = stdout(&output);
    assert_eq!(lines_of(&out, 'H').len(), 21);
    assert!(lines_of(&out, 'T').is_empty() && !out.contains("BLEU"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no target side"));
}

#[test]
fn the_three_commands_follow_one_another() {
    let dir = folder();
    fs::remove_dir_all(dir.path().join("checkpoints")).unwrap();
    let train = tool("train")
        .current_dir(dir.path())
        .args("--cpu --arch transformer_tiny --max-update 4 --max-tokens 300 --log-format none".split(' '))
        .args([
            "--eval-bleu",
            "--eval-bleu-args",
            r#"{"beam": 2, "max_len_b": 8}"#,
        ])
        .output()
        .unwrap();
    assert_success(&train);

    // The data is no longer needed for text: the checkpoint carries dictionaries and subwords.
    fs::rename(dir.path().join("data-bin"), dir.path().join("moved")).unwrap();
    let out = stdout(&generate_from_stdin(
        dir.path(),
        "--input - --max-len-b 8",
        b"Hund und Ball 1\n\n",
    ));
    assert_eq!(out.lines().count(), 2);
    assert!(!out.contains("@@"), "{out}");
    let out = stdout(&generate(dir.path(), "moved --quiet --max-len-b 8"));
    assert!(out.starts_with("Generate test with beam=5: BLEU4 = "), "{out}");
    assert_says(&out, "detokenised");
}
