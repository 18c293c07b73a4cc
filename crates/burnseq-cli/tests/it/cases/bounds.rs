//! Values without bounds: no flag and no configuration makes a binary panic, run for ever or take all memory.

use crate::fixture::assert_says;
use std::ffi::OsString;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use burnseq_cli::fairseq_options::{Binary, TOOLS};

use super::{ok, stderr_of};
use crate::fixture;
use crate::fixture::tool;
use crate::toy::Toy;

/// A thousand million: more than any machine has of anything that these flags count.
const MANY: &str = "1000000000";

/// Values that are none for most flags.
const VALUES: [&str; 24] = [
    "",
    " ",
    "0",
    "-1",
    "1",
    MANY,
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999",
    "1e308",
    "-1e308",
    "1e-320",
    "nan",
    "inf",
    "-inf",
    ":",
    "x",
    "{}",
    "[]",
    "null",
    "0,0",
    "(1, 2, 3)",
    "/",
];

fn binaries() -> impl Iterator<Item = Binary> {
    TOOLS.iter().map(|tool| tool.binary)
}

/// The flags of a binary that take a value.
fn flags(binary: &Binary) -> Vec<String> {
    let command = (binary.command)();
    let with_values = command
        .get_arguments()
        .filter(|arg| arg.get_action().takes_values());
    let longs = with_values.filter_map(|arg| arg.get_long());
    longs.map(|long| format!("--{long}")).collect()
}

/// Whether the binary takes these words, beside those that it cannot do without.
fn is_taken(binary: &Binary, words: &[String]) -> bool {
    let required = binary.required.split_whitespace().map(str::to_owned);
    let words = std::iter::once(binary.name.to_owned())
        .chain(required)
        .chain(words.iter().cloned());
    let words: Vec<OsString> = words.map(OsString::from).collect();
    let read = catch_unwind(AssertUnwindSafe(|| (binary.configure)(words.clone())));
    let read = read.unwrap_or_else(|_| panic!("{words:?} panics"));
    read.is_ok_and(|configured| configured.is_ok())
}

#[test]
fn no_value_of_a_flag_makes_a_binary_panic_before_it_begins() {
    for binary in binaries() {
        for flag in flags(&binary) {
            for value in VALUES {
                is_taken(&binary, &[format!("{flag}={value}")]);
            }
        }
    }
}

/// Runs a binary to its end, which is not far.
fn run(dir: &Path, binary: &str, words: &[&str]) -> (Option<i32>, String) {
    let mut child = tool(binary)
        .current_dir(dir)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut stderr, &mut text).map(|_| text)
    });
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("{binary} {words:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let code = child.wait().unwrap().code();
    (code, reader.join().unwrap().unwrap())
}

#[test]
fn a_thousand_million_of_anything_ends_in_a_result_or_an_error() {
    let dir = fixture::folder();
    let dir = dir.path();
    let model = "--cpu --path checkpoints/checkpoint_best";
    for binary in binaries() {
        let base = match binary.name {
            "train" => {
                "data-bin --arch transformer_tiny --cpu --max-tokens 400 --max-update 1 --save-dir run --no-epoch-checkpoints"
                    .to_owned()
            }
            "generate" => format!("data-bin {model} --beam 2 --gen-subset valid --max-len-b 3"),
            "interactive" => format!("data-bin {model} --beam 2 --max-len-b 3 --input data/valid.de"),
            "validate" => format!("data-bin {model}"),
            "preprocess" => "-s de -t en --trainpref data/valid --bpe none --destdir binarised --overwrite".to_owned(),
            "score" => "data/valid.en -i data/valid.de".to_owned(),
            "average" => {
                "--inputs checkpoints/checkpoint_best --output average --overwrite".to_owned()
            }
            "eval-lm" => {
                let text = "--only-source --trainpref data/valid.en --validpref data/valid.en --bpe characters";
                let model = "--arch transformer_lm_gpt2_tiny --tokens-per-sample 32 --max-update 1 --cpu";
                for (binary, words) in [
                    ("preprocess", format!("{text} --destdir text-bin")),
                    ("train", format!("text-bin {model} --save-dir lm")),
                ] {
                    let (code, stderr) = run(dir, binary, &words.split(' ').collect::<Vec<_>>());
                    assert_eq!(code, Some(0), "{stderr}");
                }
                "text-bin --path lm/checkpoint_last --gen-subset valid --cpu".to_owned()
            }
            other => panic!("{other} needs a command"),
        };
        for flag in flags(&binary) {
            // Who asks for so many updates or epochs means it.
            if ["--max-update", "--max-epoch"].contains(&flag.as_str()) {
                continue;
            }
            let value = format!("{flag}={MANY}");
            if !is_taken(&binary, std::slice::from_ref(&value)) {
                continue;
            }
            let words: Vec<&str> = base.split(' ').chain([value.as_str()]).collect();
            let (code, stderr) = run(dir, binary.name, &words);
            let fine = matches!(code, Some(0..=2)) && !stderr.contains("panicked");
            assert!(fine, "{} {words:?}: {code:?} {stderr}", binary.name);
        }
        // What a run has left is not what the next one resumes from.
        let _ = fs::remove_dir_all(dir.join("run"));
    }
}

/// Flags of `train` beyond their bounds, the same in a configuration, and what is said of both.
const BEYOND: [(&str, &str, &str); 12] = [
    (
        "--encoder-embed-dim",
        r#"{"model": {"encoder_embed_dim": N}}"#,
        "must be at most 65536",
    ),
    (
        "--decoder-embed-dim",
        r#"{"model": {"decoder_embed_dim": N}}"#,
        "must be at most 65536",
    ),
    (
        "--encoder-ffn-embed-dim",
        r#"{"model": {"encoder_ffn_embed_dim": N}}"#,
        "must be at most 262144",
    ),
    (
        "--encoder-layers",
        r#"{"model": {"encoder_layers": N}}"#,
        "must be at most 1000",
    ),
    (
        "--decoder-layers",
        r#"{"model": {"decoder_layers": N}}"#,
        "must be at most 1000",
    ),
    (
        "--max-source-positions",
        r#"{"model": {"max_source_positions": N}}"#,
        "must be at most 1000000",
    ),
    (
        "--data-buffer-size",
        r#"{"train": {"dataset": {"data_buffer_size": N}}}"#,
        "must be at most 10000",
    ),
    (
        "--required-seq-len-multiple",
        r#"{"train": {"dataset": {"required_seq_len_multiple": N}}}"#,
        "must be at most 1024",
    ),
    (
        "--update-freq",
        r#"{"train": {"optimization": {"update_freq": [N]}}}"#,
        "at most 1000000",
    ),
    (
        "--distributed-world-size",
        r#"{"train": {"distributed_world_size": N}}"#,
        "at most 256",
    ),
    (
        "--upsample-primary",
        r#"{"task": {"upsample_primary": N}}"#,
        "at most 1000",
    ),
    (
        "--eval-bleu --eval-bleu-args",
        r#"{"task": {"eval_bleu": {"options": {"beam": N}}}}"#,
        "at most 1000",
    ),
];

#[test]
fn bounds_are_named_for_flags_and_for_configurations_in_json() {
    let toy = Toy::new();
    let dir = toy.dir.path();
    let train = "train data-bin --cpu --max-update 1 --max-tokens 64 --save-dir run";
    for (flag, json, expected) in BEYOND {
        let value = if flag.ends_with("args") {
            r#"'{"beam": 1000000000}'"#
        } else {
            MANY
        };
        let refused = stderr_of(dir, &format!("{train} --arch transformer_tiny {flag} {value}"), 2);
        assert!(
            refused.contains(expected) && refused.contains(MANY),
            "{flag}: {refused}"
        );
        fs::write(dir.join("big.json"), json.replace('N', MANY)).unwrap();
        // Half precision is a matter of the device, and not of a configuration.
        let half = if flag.starts_with("--fp16") { "--fp16" } else { "" };
        let refused = stderr_of(dir, &format!("{train} --config big.json {half}"), 2);
        assert!(refused.contains(expected), "{json}: {refused}");
    }
    assert!(!dir.join("run").exists());

    // Within the bounds of each, and beyond any memory together.
    let vast = "--encoder-layers 1000 --encoder-embed-dim 65536 --encoder-ffn-embed-dim 262144 --encoder-attention-heads 1";
    let refused = stderr_of(dir, &format!("{train} --arch transformer_tiny {vast}"), 2);
    assert!(
        refused.contains("parameters takes") && refused.contains("GiB, this machine has"),
        "{refused}"
    );
    let measured =
        "train --cpu --benchmark 1 --lengths data-bin/train.xx-yy.xx.idx data-bin/train.xx-yy.yy.idx";
    for (flags, expected) in [
        ("--benchmark 0", "0 is not in 1..=100000"),
        ("--benchmark 1000000000", "1000000000 is not in 1..=100000"),
        ("--benchmark-warmup 1000000000", "1000000000 is not in 0..=100000"),
        ("--src-vocab 3", "3 is not in 6..=10000000"),
        ("--tgt-vocab 1000000000", "1000000000 is not in 6..=10000000"),
    ] {
        let refused = stderr_of(dir, &format!("{measured} {flags}"), 2);
        assert!(refused.contains(expected), "{flags}: {refused}");
    }
}

#[test]
fn bounds_of_the_other_binaries_are_named() {
    let dir = fixture::folder();
    let dir = dir.path();
    let generate = "generate data-bin --cpu";
    for (command, expected) in [
        (
            format!("{generate} --beam {MANY}"),
            "--beam = 1000000000: must be at least 1 and at most 1000",
        ),
        (
            format!("{generate} --nbest {MANY}"),
            "--nbest = 1000000000: must be between 1 and --beam (5)",
        ),
        (
            format!("{generate} --diverse-beam-groups {MANY}"),
            "must divide --beam (5)",
        ),
        (
            format!("{generate} --path ''"),
            "--path names no checkpoint\nhint: name one",
        ),
        (
            format!("{generate} --path :"),
            "--path names no checkpoint\nhint: name one",
        ),
        (
            "burnseq interactive --cpu --path ::".to_owned(),
            "--path names no checkpoint\nhint: name one",
        ),
        (
            format!("{generate} --model-overrides \"{{'encoder_layers': {MANY}}}\""),
            "must be at most 1000",
        ),
        (
            format!("preprocess -s de -t en --trainpref data/train --padding-factor {MANY}"),
            "--padding-factor must be at most 4096",
        ),
        (
            format!("preprocess -s de -t en --trainpref data/train --workers {MANY}"),
            "--workers must be at least 1 and at most 1024",
        ),
        (
            format!("burnseq text lowercase data/train.de --workers {MANY}"),
            "--workers must be at least 1 and at most 1024",
        ),
    ] {
        let refused = stderr_of(dir, &command, 2);
        assert!(refused.contains(expected), "{command}: {refused}");
    }
}

#[test]
fn negative_values_and_missing_files_get_the_right_advice() {
    let dir = fixture::folder();
    let dir = dir.path();
    let generate = "generate data-bin --cpu --beam 1 --max-len-b 3";
    let plain = ok(dir, &format!("{generate} --lenpen=-1"));
    assert_eq!(plain, ok(dir, &format!("{generate} --lenpen -1")));
    for (command, code, expected) in [
        (
            format!("{generate} --lenpen -inf"),
            2,
            "hint: a value that begins with `-` goes behind an equals sign: --lenpen=-inf",
        ),
        (
            format!("{generate} --min-len -1"),
            2,
            "\"-1\" for --min-len: expected a whole number of at least 0",
        ),
        (
            "train absent --cpu".to_owned(),
            1,
            "absent: there is no such folder\nhint: make a dataset with `preprocess ",
        ),
        (
            "train data/train.de --cpu".to_owned(),
            1,
            "is a file, not the folder of a dataset\nhint: make a dataset",
        ),
        ("train '' --cpu".to_owned(), 2, "[DATA] needs a value"),
        (
            "train : --cpu".to_owned(),
            2,
            "hint: name the folder that `preprocess` wrote",
        ),
        (
            "generate absent --cpu".to_owned(),
            1,
            "hint: make a dataset with `preprocess ",
        ),
        (
            "burnseq validate absent --cpu".to_owned(),
            1,
            "hint: make a dataset with `preprocess ",
        ),
    ] {
        let refused = stderr_of(dir, &command, code);
        assert!(refused.contains(expected), "{command}: {refused}");
    }
}

#[test]
fn references_behind_translations_are_found() {
    let dir = fixture::folder();
    let dir = dir.path();
    ok(dir, "generate data-bin --cpu --beam 1 --max-len-b 5 > out");
    let expected = ok(dir, "burnseq score data/test.en --gen-output out");
    assert_eq!(ok(dir, "burnseq score --gen-output out data/test.en"), expected);
    let note = stderr_of(dir, "burnseq score --gen-output out data/test.en", 0);
    assert_says(
        &note,
        "data/test.en, the last file behind --gen-output, is taken for them",
    );
    // Two outputs of a decoder have their own references.
    ok(dir, "burnseq score --gen-output out out -m bleu");

    let expected = ok(dir, "burnseq score data/test.en -i data/test.de");
    assert_eq!(ok(dir, "burnseq score -i data/test.de data/test.en"), expected);
    let alone = stderr_of(dir, "burnseq score -i data/test.de", 2);
    assert_says(&alone, "there is no reference\nhint: give it with -r FILE");
}
