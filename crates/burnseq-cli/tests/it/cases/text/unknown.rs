//! Long runs of characters that a subword model does not know.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cases::{cases, ok};

/// 900,000 unknown characters in one line, and words around them.
fn long(dir: &Path) {
    fs::write(
        dir.join("long"),
        format!("ein {} Hund\n", "中文字".repeat(300_000)),
    )
    .unwrap();
}

/// What a command prints, and how long it takes.
fn timed(dir: &Path, command: &str) -> (String, Duration) {
    let started = Instant::now();
    let output = ok(dir, command);
    (output, started.elapsed())
}

/// The measured time is below half a second; this leaves room for a machine with much else to do. Quadratic time takes
/// minutes.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn s10_a_run_of_unknown_characters_takes_linear_time() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    long(dir);
    let line = fs::read_to_string(dir.join("long")).unwrap();
    ok(
        dir,
        "preprocess -s de -t en --trainpref corpus/words --bpe sentencepiece --destdir spm --log-format none",
    );
    ok(
        dir,
        "preprocess -s de -t en --trainpref corpus/words --bpe subword_nmt --destdir bpe --log-format none",
    );
    for model in ["--model spm/spm.model", "--codes bpe/bpe.codes"] {
        let (pieces, took) = timed(dir, &format!("burnseq text subword encode {model} < long"));
        assert!(took < LIMIT, "{model}: {took:?}");
        fs::write(dir.join("pieces"), &pieces).unwrap();
        assert_eq!(
            ok(dir, &format!("burnseq text subword decode {model} pieces")),
            line,
            "{model}"
        );
        // The pieces of a shorter run are those of the library, and a longer run changes nothing around it.
        let around = |text: &str| {
            text.split_whitespace()
                .filter(|piece| !piece.contains('中'))
                .count()
        };
        let short = ok(
            dir,
            &format!("echo 'ein 中文字 Hund' | burnseq text subword encode {model}"),
        );
        if model.starts_with("--model") {
            assert_eq!(around(&pieces), around(&short));
        }
    }
    let (drawn, took) = timed(
        dir,
        "burnseq text subword encode --codes bpe/bpe.codes --bpe-dropout 0.1 < long",
    );
    assert!(took < LIMIT && drawn.len() > line.len(), "{took:?}");
    let (drawn, took) = timed(
        dir,
        "burnseq text subword encode --model spm/spm.model --bpe-dropout 0.1 < long",
    );
    assert!(took < LIMIT && drawn.len() > line.len(), "{took:?}");
}

#[test]
fn preprocess_and_decoders_take_such_lines() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    long(dir);
    let preprocess = "preprocess -s de -t en --log-format none";
    for kind in ["sentencepiece", "subword_nmt"] {
        ok(
            dir,
            &format!(
                "rm -rf data model t.de t.en {kind}; cat corpus/words.de > t.de; cat corpus/words.en > t.en"
            ),
        );
        ok(
            dir,
            &format!("{preprocess} --trainpref t --validpref t --bpe {kind} --destdir data"),
        );
        let arch = "--arch transformer_tiny --cpu --no-progress-bar --max-tokens 1000";
        ok(
            dir,
            &format!("train data {arch} --max-update 1 --save-dir model 2>&1"),
        );
        ok(dir, "cat long >> t.de; echo a >> t.en");
        // Learnt from, and applied to.
        let (_, took) = timed(
            dir,
            &format!("{preprocess} --trainpref t --bpe {kind} --destdir {kind}"),
        );
        assert!(took < LIMIT, "{kind}: {took:?}");
        let options = "--path model/checkpoint_best --cpu --beam 1 --max-len-b 5";
        ok(dir, "cp long lines; echo ein Hund >> lines");
        let (out, took) = timed(dir, &format!("generate {options} --input lines"));
        assert!(took < LIMIT && out.lines().count() == 2, "{kind}: {took:?}");
        let (out, took) = timed(
            dir,
            &format!("burnseq interactive {options} --input lines | grep ^D-"),
        );
        assert!(took < LIMIT && out.lines().count() == 2, "{kind}: {took:?}");
    }
}
