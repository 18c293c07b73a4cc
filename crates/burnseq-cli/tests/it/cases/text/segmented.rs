//! Text that carries subwords, and text of words, through `preprocess`, the decoders and `burnseq score`.

use crate::fixture::assert_says;
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
        assert_says(
            &note,
            &format!("and is used as it is; --bpe {kind} has nothing to learn"),
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
    assert_says(&note, "--thresholdsrc shapes a dictionary of words");
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
            format!("burnseq score --sys corpus/{pieces}.en --ref corpus/words.en"),
            format!("burnseq score corpus/words.en -m bleu chrf ter < corpus/{pieces}.en"),
        ] {
            let note = stderr_of(dir, &command, 0);
            assert!(
                note.contains("holds subwords") && note.contains("D- lines"),
                "{command}: {note}"
            );
        }
        let note = stderr_of(
            dir,
            &format!("burnseq score corpus/{pieces}.en -i corpus/words.en"),
            0,
        );
        assert_says(&note, &format!("corpus/{pieces}.en holds subwords"));
    }
    let quiet = [
        "burnseq score --sys corpus/bpe.en --ref corpus/bpe.en",
        "burnseq score -q corpus/words.en < corpus/bpe.en",
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
            &format!("burnseq interactive {options} --input corpus/words.de.gz | grep ^S- | head -4"),
        );
        assert_eq!(
            gz,
            ok(
                dir,
                &format!("burnseq interactive {options} < corpus/words.de | grep ^S- | head -4")
            )
        );
        let sources = |input: &str| {
            ok(
                dir,
                &format!("head -4 {input} | burnseq interactive {options} | grep ^S-"),
            )
        };
        assert_eq!(sources("corpus/words.de"), sources("pieces.de"), "{kind}");

        let note = stderr_of(dir, &format!("generate {options} --input pieces.de > out"), 0);
        assert_says(&note, "line 1 holds pieces of the model's subwords");
        let note = stderr_of(
            dir,
            &format!("head -2 pieces.de | burnseq interactive {options} > out"),
            0,
        );
        assert_eq!(note.matches("holds pieces").count(), 1, "{note}");
        assert_says(&note, "H- lines hold subwords, D- lines hold text");
        let note = stderr_of(
            dir,
            &format!("generate {options} --input corpus/words.de > out"),
            0,
        );
        assert!(!note.contains("pieces") && !note.contains("marks"), "{note}");
        // Pieces of another model are told.
        ok(dir, "echo 'Xyz@@ äöü ▁Xyz äöü' > other");
        let note = stderr_of(dir, &format!("generate {options} --input other > out"), 0);
        assert_says(&note, "but not the pieces of this model");
        let joined = sh(
            dir,
            &format!("head -1 corpus/words.de | burnseq interactive {options} --remove-bpe=sentencepiece"),
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
        let out = ok(
            dir,
            &format!("burnseq interactive {options} --input blank | grep ^D-"),
        );
        let lines: Vec<&str> = out.lines().collect();
        assert!(empty.iter().all(|&at| lines[at].ends_with("\t0.0\t")), "{out}");
    }
}

#[test]
fn segmenting_marked_text_again_is_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("codes"), "#version: 0.2\nH u\n\n").unwrap();
    fs::write(dir.path().join("in"), "Hund\nHu@@ nd\nHu@@ nd\n").unwrap();
    let note = stderr_of(dir.path(), "burnseq text subword encode --codes codes in", 0);
    assert_eq!(
        note,
        "note: lines that carry subword marks already are segmented once more\n"
    );
    // The result is that of `subword-nmt apply-bpe`.
    let pieces = ok(dir.path(), "burnseq text subword encode --codes codes in");
    assert_eq!(pieces, "Hu@@ n@@ d\nHu@@ @@@ @ n@@ d\nHu@@ @@@ @ n@@ d\n");
}

#[test]
fn a_line_with_a_mark_does_not_make_a_text_of_subwords() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let run = |raw: usize, marked: usize, flags: &str| {
        for (lang, word) in [("de", "Häuser"), ("en", "houses")] {
            let text: String = (0..raw).map(|i| format!("{word} und {i} us er\n")).collect();
            fs::write(dir.join(format!("t.{lang}")), text + &"us@@ er\n".repeat(marked)).unwrap();
        }
        let command =
            format!("preprocess -s de -t en --trainpref t --bpe-size 60 --overwrite --destdir out {flags}");
        stderr_of(dir, &command, 0)
    };
    for raw in [9, 20, 50, 100] {
        for flags in ["", "--bpe sentencepiece", "--bpe subword_nmt"] {
            let said = run(raw, 1, flags);
            assert!(!said.contains("is used as it is"), "{raw} {flags}: {said}");
            let settings = fs::read_to_string(dir.join("out/text.de.json")).unwrap();
            assert!(
                settings.contains("sentencepiece") || settings.contains("subword_nmt"),
                "{settings}"
            );
        }
    }
    let said = run(90, 1, "");
    assert_says(
        &said,
        "t.de: some lines carry subword marks (`@@ `), and are segmented as text",
    );
    let said = run(50, 10, "--bpe sentencepiece");
    assert_says(&said, "--bpe sentencepiece has nothing to learn");
}

#[test]
fn one_side_in_subwords_is_refused_and_a_split_in_words_is_noted() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    ok(
        dir,
        "for w in bpe spm; do cp corpus/$w.de $w.de; cp corpus/words.en $w.en; done; \
         cp corpus/words.de turned.de; cp corpus/bpe.en turned.en",
    );
    for (prefix, with, without) in [
        ("bpe", "bpe.de", "bpe.en"),
        ("spm", "spm.de", "spm.en"),
        ("turned", "turned.en", "turned.de"),
    ] {
        for flags in ["", "--bpe sentencepiece", "--bpe subword_nmt"] {
            let command = format!("preprocess -s de -t en --trainpref {prefix} --destdir no {flags}");
            let said = stderr_of(dir, &command, 2);
            assert!(
                said.contains(&format!("{with} carries subword marks"))
                    && said.contains(&format!("but {without} carries none"))
                    && said.contains("--bpe none takes both as they are"),
                "{said}"
            );
            assert!(!dir.join("no").exists());
        }
    }
    let quiet = stderr_of(
        dir,
        "preprocess -s de -t en --trainpref bpe --bpe none --destdir none",
        0,
    );
    assert!(!quiet.contains("marks"), "{quiet}");

    let mixed = "preprocess -s de -t en --trainpref corpus/bpe --validpref corpus/words";
    let said = stderr_of(dir, &format!("{mixed} --destdir mixed"), 0);
    for lang in ["de", "en"] {
        assert_says(
            &said,
            &format!("corpus/words.{lang} carries no subword marks, unlike corpus/bpe.{lang} (`@@ `)"),
        );
    }
    let quiet = stderr_of(dir, &format!("{mixed} --bpe none --destdir quiet"), 0);
    assert!(!quiet.contains("marks"), "{quiet}");
    let same = "preprocess -s de -t en --trainpref corpus/bpe --validpref corpus/bpe --destdir same";
    assert!(!stderr_of(dir, same, 0).contains("carries no"));
}

#[test]
fn advice_about_a_model_of_segmented_text_fits_the_command() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    ok(
        dir,
        "preprocess -s de -t en --trainpref corpus/bpe --validpref corpus/bpe --destdir db --log-format none",
    );
    ok(
        dir,
        "train db --arch transformer_tiny --cpu --no-progress-bar --max-tokens 1000 --max-update 1 --save-dir model 2>&1; \
         head -1 corpus/bpe.de > one",
    );
    let options = "--path model/checkpoint_best --cpu --beam 1 --max-len-b 3";
    // Languages that are those of the model say nothing new; others are refused.
    let plain = ok(dir, &format!("generate {options} --input one"));
    assert_eq!(
        ok(dir, &format!("generate {options} --input one -s de -t en")),
        plain
    );
    assert_eq!(ok(dir, &format!("generate {options} --input one -t en")), plain);
    ok(
        dir,
        &format!("burnseq interactive {options} --input one -s de -t en"),
    );
    for (binary, languages, flag) in [
        ("generate", "-s fr -t en", "--source-lang is fr"),
        ("generate", "-s de -t fr", "--target-lang is fr"),
        ("burnseq interactive", "-s en -t de", "--source-lang is en"),
    ] {
        let said = stderr_of(dir, &format!("{binary} {options} --input one {languages}"), 2);
        assert_says(
            &said,
            &format!("{flag}, but model/checkpoint_best translates from de to en\nhint: "),
        );
    }
    let said = stderr_of(dir, &format!("generate db {options} --input one"), 0);
    assert_says(&said, "the dataset db is not translated: --input one is");

    let like = "preprocess --like model/checkpoint_best --trainpref corpus/words --destdir words";
    let said = stderr_of(dir, like, 0);
    assert!(
        said.contains("segment this text in the same way") && !said.contains("--like CHECKPOINT"),
        "{said}"
    );
    let other = "preprocess -s de -t en --srcdict db/dict.de.txt --tgtdict db/dict.en.txt --testpref corpus/words --destdir w";
    assert!(stderr_of(dir, other, 0).contains("`--like CHECKPOINT` does so"));

    ok(
        dir,
        "preprocess -s de -t en --trainpref corpus/words --validpref corpus/words --bpe none --destdir dw --log-format none",
    );
    let said = stderr_of(dir, "burnseq validate dw --path model/checkpoint_best --cpu", 1);
    assert!(
        said.contains("`preprocess --like CHECKPOINT`") && said.contains("`generate --input`"),
        "{said}"
    );
    // A file that is no model is named as it was given.
    for command in [
        "preprocess -s de -t en --trainpref corpus/words --destdir no --bpe-codes corpus/words.de",
        "generate --path model/checkpoint_best --cpu --input one --bpe subword_nmt --bpe-codes corpus/words.de",
    ] {
        let said = stderr_of(dir, command, 1);
        assert_says(&said, "error: corpus/words.de:1: expected a merge");
    }
}

#[test]
fn a_byte_order_mark_is_told_where_it_stays_and_goes_where_text_is_segmented() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = "ein Hund\nzwei Hunde\n".repeat(5);
    for lang in ["de", "en"] {
        fs::write(dir.join(format!("plain.{lang}")), &text).unwrap();
        fs::write(dir.join(format!("marked.{lang}")), format!("\u{feff}{text}")).unwrap();
    }
    let run = |prefix: &str, flags: &str, out: &str| {
        let command =
            format!("preprocess -s de -t en --trainpref {prefix} --dataset-impl raw --destdir {out} {flags}");
        stderr_of(dir, &command, 0)
    };
    assert!(!run("plain", "--bpe none", "words").contains("byte order mark"));
    let said = run("marked", "--bpe none", "kept");
    for lang in ["de", "en"] {
        let note =
            format!("marked.{lang} begins with a byte order mark, which becomes part of its first word");
        assert_eq!(said.matches(&note).count(), 1, "{said}");
    }
    // What the hint says is done.
    let sed = said.split('`').nth(1).unwrap().replace("FILE", "marked.*");
    run("plain", "--bpe subword_nmt --bpe-size 5", "codes");
    let codes = "--bpe-codes codes/bpe.codes";
    let segmented = run("marked", codes, "segmented");
    assert!(!segmented.contains("byte order mark"), "{segmented}");
    run("plain", codes, "segmented-plain");
    ok(dir, &sed);
    assert!(!run("marked", "--bpe none", "removed").contains("byte order mark"));
    for name in ["dict.de.txt", "train.de-en.de", "train.de-en.en"] {
        assert_same(
            dir,
            &format!("segmented/{name}"),
            &format!("segmented-plain/{name}"),
        );
        assert_same(dir, &format!("removed/{name}"), &format!("words/{name}"));
    }
}

#[test]
fn carriage_returns_that_end_no_line_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("mac"), "ein Hund\rzwei\rdrei\n").unwrap();
    fs::write(dir.join("dos"), "ein Hund\r\nzwei\r\n").unwrap();
    ok(dir, "for l in de en; do cp mac mac.$l; done");
    for command in [
        "burnseq text tokenize -l de mac",
        "burnseq text lowercase < mac",
        "burnseq text clean mac out -s de -t en",
    ] {
        let said = stderr_of(dir, command, 0);
        assert!(
            said.contains(": 2 carriage returns without a line feed end no line here")
                && said.contains("tr '\\r' '\\n'"),
            "{command}: {said}"
        );
    }
    assert_eq!(stderr_of(dir, "burnseq text tokenize -l de dos", 0), "");
}
