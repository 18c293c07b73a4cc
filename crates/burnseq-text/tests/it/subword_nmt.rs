//! Codes and segmentations of the real subword-nmt, byte for byte.

use burnseq_text::SampleRng;
use burnseq_text::subword_nmt::{Codes, LearnOptions, SubwordNmt, Vocabulary, learn};

use crate::shared::{assert_same_lines, read, shared};

/// Lines as subword-nmt sees them: ends stay where they are.
fn apply(bpe: &SubwordNmt, text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| bpe.encode_line(line)).collect();
    lines.join("\n")
}

#[test]
fn learnt_codes_equal_those_of_subword_nmt() {
    let Some(folder) = shared("golden/preprocess/bpe/learn") else {
        return;
    };
    let text = read(&folder.join("train.both"));
    let default = LearnOptions::default();
    for (name, options) in [
        (
            "codes.s1000",
            LearnOptions {
                symbols: 1000,
                ..default
            },
        ),
        (
            "codes.s1000.minfreq20",
            LearnOptions {
                symbols: 1000,
                min_frequency: 20,
                ..default
            },
        ),
        (
            "codes.s600.total-symbols",
            LearnOptions {
                symbols: 600,
                total_symbols: true,
                ..default
            },
        ),
    ] {
        let codes = learn(text.split('\n'), &options).unwrap();
        assert_same_lines(&codes.to_string(), &read(&folder.join(name)), name);
    }
}

#[test]
fn segmentation_equals_that_of_subword_nmt() {
    let Some(folder) = shared("golden/preprocess/bpe") else {
        return;
    };
    let codes = Codes::load(folder.join("codes")).unwrap();
    assert_same_lines(&codes.to_string(), &read(&folder.join("codes")), "codes");
    let plain = SubwordNmt::new(&codes);
    for language in ["de", "en"] {
        let text = read(&folder.join(format!("in.{language}")));
        let segmented = apply(&plain, &text);
        let expected = read(&folder.join(format!("out.{language}")));
        assert_same_lines(&segmented, &expected, language);
        let mut rng = SampleRng::for_sentence(1, 1, 1);
        let mut drop = |dropout: f64| {
            let lines: Vec<String> = text
                .split('\n')
                .map(|line| plain.encode_line_with_dropout(line, dropout, &mut rng))
                .collect();
            lines.join("\n")
        };
        assert_same_lines(&drop(0.0), &expected, language);
        // subword-nmt adds 24 % on similar text.
        let pieces = |text: &str| text.split_whitespace().count() as f64;
        let growth = pieces(&drop(0.1)) / pieces(&expected) - 1.0;
        assert!((0.15..0.35).contains(&growth), "{language}: {growth}");

        let vocabulary = Vocabulary::load(folder.join(format!("vocab.{language}")), 50).unwrap();
        let restricted = SubwordNmt::with_vocabulary(&codes, vocabulary).unwrap();
        let expected = read(&folder.join(format!("out.vocab-threshold-50.{language}")));
        assert_same_lines(&apply(&restricted, &text), &expected, language);
    }
}

#[test]
fn iwslt_segmentation_equals_the_stored_one() {
    let Some(folder) = shared("data/iwslt14-de-en") else {
        return;
    };
    let fixtures = folder.join("fairseq-fixtures");
    let bpe = SubwordNmt::new(&Codes::load(fixtures.join("bpe10k.codes")).unwrap());
    for name in ["valid", "test"] {
        for language in ["de", "en"] {
            let text = read(&folder.join(format!("{name}.{language}.gz")));
            let segmented = apply(&bpe, &text);
            let expected = read(&fixtures.join(format!("{name}.bpe10k.{language}.gz")));
            assert_same_lines(&segmented, &expected, &format!("{name}.{language}"));
            for (segmented, line) in segmented.lines().zip(text.lines()).take(500) {
                assert_eq!(bpe.decode(segmented), line);
            }
        }
    }
}
