//! Text that carries subwords, and text of words, through `preprocess`, the decoders and `score`.

use std::fs;
use std::path::Path;

use crate::cases::{cases, ok, sh, stderr_of};

fn assert_same(dir: &Path, got: &str, expected: &str) {
    let read = |path: &str| fs::read_to_string(dir.join(path)).unwrap();
    assert_eq!(read(got), read(expected), "{got}");
}

#[test]
fn s02_pieces_are_not_cut_again() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    for (number, (text, kind)) in [
        ("bpe", "subword_nmt"),
        ("bpe", "sentencepiece"),
        ("spm", "subword_nmt"),
        ("spm", "sentencepiece"),
    ]
    .into_iter()
    .enumerate()
    {
        let note = stderr_of(
            dir,
            &format!(
                "preprocess -s de -t en --trainpref corpus/{text} --bpe {kind} --dataset-impl raw --destdir d{number}"
            ),
            0,
        );
        assert!(
            note.contains(&format!(
                "and is used as it is; --bpe {kind} has nothing to learn"
            )),
            "{note}"
        );
        for lang in ["de", "en"] {
            assert_same(
                dir,
                &format!("d{number}/train.de-en.{lang}"),
                &format!("corpus/{text}.{lang}"),
            );
        }
    }
}

#[test]
fn s03_words_stay_words_where_a_dictionary_of_words_is_asked_for() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    let note = stderr_of(
        dir,
        "preprocess -s de -t en --trainpref corpus/words --thresholdsrc 2 --thresholdtgt 2 --dataset-impl raw --destdir d3",
        0,
    );
    assert!(
        note.contains("--thresholdsrc shapes a dictionary of words"),
        "{note}"
    );
    assert_same(dir, "d3/train.de-en.de", "corpus/words.de");
    // Who learns subwords of tokenised text is told so.
    let note = stderr_of(
        dir,
        "preprocess -s de -t en --trainpref corpus/words --destdir d4",
        0,
    );
    assert!(
        note.contains("tokenised already") && note.contains("--bpe none"),
        "{note}"
    );
}

#[test]
fn s03_scores_of_pieces_against_words_are_told() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    for pieces in ["spm", "bpe"] {
        for command in [
            format!("score --sys corpus/{pieces}.en --ref corpus/words.en"),
            format!("score corpus/words.en -m bleu chrf ter < corpus/{pieces}.en"),
        ] {
            let note = stderr_of(dir, &command, 0);
            assert!(
                note.contains("holds subwords") && note.contains("D- lines"),
                "{command}: {note}"
            );
        }
        let note = stderr_of(dir, &format!("score corpus/{pieces}.en -i corpus/words.en"), 0);
        assert!(
            note.contains(&format!("corpus/{pieces}.en holds subwords")),
            "{note}"
        );
    }
    let quiet = [
        "score --sys corpus/bpe.en --ref corpus/bpe.en",
        "score -q corpus/words.en < corpus/bpe.en",
    ];
    for command in quiet {
        assert!(
            !stderr_of(dir, command, 0).contains("holds subwords"),
            "{command}"
        );
    }
}

/// A model of raw text and its own subwords, trained for an update.
fn model(dir: &Path, kind: &str) {
    ok(
        dir,
        &format!(
            "preprocess -s de -t en --trainpref corpus/words --validpref corpus/words --bpe {kind} --bpe-size 100 \
             --destdir data --log-format none"
        ),
    );
    ok(
        dir,
        "train data --arch transformer_tiny --cpu --no-progress-bar --max-tokens 1000 --max-update 1 --save-dir model 2>&1",
    );
    ok(
        dir,
        &format!(
            "preprocess -s de -t en --trainpref corpus/words --bpe {kind} --bpe-size 100 --dataset-impl raw --destdir pieces \
             --log-format none; cp pieces/train.de-en.de pieces.de"
        ),
    );
}

#[test]
fn decoders_take_pieces_of_their_model_as_they_are() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    for kind in ["subword_nmt", "sentencepiece"] {
        ok(dir, "rm -rf data model pieces");
        model(dir, kind);
        let options = "--path model/checkpoint_best --cpu --beam 2 --max-len-b 8";
        let generate = |input: &str| ok(dir, &format!("head -4 {input} | generate {options} --input -"));
        assert_eq!(generate("corpus/words.de"), generate("pieces.de"), "{kind}");
        // Compressed input is unpacked.
        ok(dir, "gzip -kf corpus/words.de");
        assert_eq!(
            generate("corpus/words.de"),
            ok(
                dir,
                &format!("generate {options} --input corpus/words.de.gz | head -4")
            )
        );
        let gz = ok(
            dir,
            &format!("interactive {options} --input corpus/words.de.gz | grep ^S- | head -4"),
        );
        assert_eq!(
            gz,
            ok(
                dir,
                &format!("interactive {options} < corpus/words.de | grep ^S- | head -4")
            )
        );
        let sources = |input: &str| {
            ok(
                dir,
                &format!("head -4 {input} | interactive {options} | grep ^S-"),
            )
        };
        assert_eq!(sources("corpus/words.de"), sources("pieces.de"), "{kind}");

        let note = stderr_of(dir, &format!("generate {options} --input pieces.de > out"), 0);
        assert!(
            note.contains("line 1 holds pieces of the model's subwords"),
            "{note}"
        );
        let note = stderr_of(
            dir,
            &format!("head -2 pieces.de | interactive {options} > out"),
            0,
        );
        assert_eq!(note.matches("holds pieces").count(), 1, "{note}");
        assert!(
            note.contains("H- lines hold subwords, D- lines hold text"),
            "{note}"
        );
        let note = stderr_of(
            dir,
            &format!("generate {options} --input corpus/words.de > out"),
            0,
        );
        assert!(!note.contains("pieces") && !note.contains("marks"), "{note}");
        // Pieces of another model are told.
        ok(dir, "echo 'Xyz@@ äöü ▁Xyz äöü' > other");
        let note = stderr_of(dir, &format!("generate {options} --input other > out"), 0);
        assert!(note.contains("but not the pieces of this model"), "{note}");
        let joined = sh(
            dir,
            &format!("head -1 corpus/words.de | interactive {options} --remove-bpe=sentencepiece"),
        );
        assert!(!String::from_utf8_lossy(&joined.stderr).contains("H- lines hold"));
    }
}

#[test]
fn lines_without_a_word_have_empty_translations() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    model(dir, "subword_nmt");
    let blank = [
        "\u{200b}",
        "\u{feff}",
        "\u{200e}\u{202b} ",
        "\u{1}\u{7f}",
        "\u{fffd}\u{fffd}",
        "\u{a0}\u{3000}",
        "▁",
        "",
    ];
    let text: String = blank.iter().map(|line| format!("{line}\n")).collect();
    fs::write(dir.join("blank"), text + "ein Hund\n").unwrap();
    for tokenized in ["", " --tokenized"] {
        let options = format!("--path model/checkpoint_best --cpu --beam 2 --max-len-b 8{tokenized}");
        let out = ok(dir, &format!("generate {options} --input blank"));
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 9);
        // U+2581 is a character of text for subword-nmt.
        let empty = [0, 1, 2, 3, 4, 5, 7];
        assert!(
            empty.iter().all(|&at| lines[at].is_empty()) && !lines[8].is_empty(),
            "{out:?}"
        );
        let out = ok(dir, &format!("interactive {options} --input blank | grep ^D-"));
        let lines: Vec<&str> = out.lines().collect();
        assert!(empty.iter().all(|&at| lines[at].ends_with("\t0.0\t")), "{out}");
    }
}

#[test]
fn segmenting_marked_text_again_is_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("codes"), "#version: 0.2\nH u\n\n").unwrap();
    fs::write(dir.path().join("in"), "Hund\nHu@@ nd\nHu@@ nd\n").unwrap();
    let note = stderr_of(dir.path(), "text subword encode --codes codes in", 0);
    assert_eq!(
        note,
        "note: lines that carry subword marks already are segmented once more\n"
    );
    // The result is that of `subword-nmt apply-bpe`.
    let pieces = ok(dir.path(), "text subword encode --codes codes in");
    assert_eq!(pieces, "Hu@@ n@@ d\nHu@@ @@@ @ n@@ d\nHu@@ @@@ @ n@@ d\n");
}
