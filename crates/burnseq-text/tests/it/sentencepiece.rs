//! Vocabulary and segmentation of the real SentencePiece, recorded by `tests/data/sentencepiece/make.py`.

use std::path::PathBuf;

use burnseq_text::sentencepiece::{SentencePiece, SentencePieceOptions, learn};
use burnseq_text::{Normalization, SampleRng, SubwordModel, SubwordSampler, SubwordSampling};

use crate::shared::{assert_same_lines, read, shared};

const TEXT: &str = include_str!("../data/sentencepiece/text.txt");
const VOCAB: &str = include_str!("../data/sentencepiece/vocab.txt");
const SEGMENTED: &str = include_str!("../data/sentencepiece/segmented.txt");

fn normalized(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| Normalization::NmtNfkc.apply(line))
        .collect()
}

#[test]
fn vocabulary_and_segmentation_equal_those_of_sentencepiece() {
    let options = SentencePieceOptions {
        vocab_size: 400,
        character_coverage: 0.99,
        ..SentencePieceOptions::default()
    };
    let mut text = normalized(TEXT);
    let learned = learn(text.iter().map(String::as_str), &options).unwrap();
    assert_same_lines(&learned.vocab, VOCAB, "vocabulary");

    let model = SentencePiece::from_bytes(&learned.model, "learnt").unwrap();
    let held_out = "Unbekannte Wörter: Quatsch, Ψ, Ж, 2025!\nﬁne\u{a0}Ｗide  ½\naaaaaaaaaaaa abababababab";
    text.extend(normalized(held_out));
    let segmented: Vec<String> = text
        .iter()
        .map(|line| model.encode_line(line).unwrap() + "\n")
        .collect();
    assert_same_lines(&segmented.concat(), SEGMENTED, "segmentation");
    for (segmented, line) in segmented.iter().zip(&text) {
        assert_eq!(model.decode(segmented.trim_end()), *line);
    }
}

/// A model learnt from the first lines of Multi30k's German training text, that text, and the folder of the corpus.
fn learnt_from_multi30k(lines: usize, vocab_size: usize) -> Option<(PathBuf, Vec<String>, SentencePiece)> {
    let folder = shared("data/multi30k-de-en/raw")?;
    let train = normalized(&read(&folder.join("train.de.gz")));
    let options = SentencePieceOptions {
        vocab_size,
        ..SentencePieceOptions::default()
    };
    let learned = learn(train[..lines].iter().map(String::as_str), &options).unwrap();
    let model = SentencePiece::from_bytes(&learned.model, "learnt").unwrap();
    Some((folder, train, model))
}

#[test]
fn multi30k_survives_segmentation() {
    let Some((folder, _, model)) = learnt_from_multi30k(5000, 2000) else {
        return;
    };
    assert_eq!(model.len(), 2000);
    for line in normalized(&read(&folder.join("test_2016_flickr.de.gz"))) {
        assert_eq!(model.decode(&model.encode_line(&line).unwrap()), line);
    }
}

/// A committed model of the real SentencePiece, and its segmentation of `lines`.
fn foreign(model: &[u8], segmented: &'static str) -> (SentencePiece, Vec<(&'static str, &'static str)>) {
    let model = SentencePiece::from_bytes(model, "foreign").unwrap();
    let held_out = ["a<sep>b <sep>Hund ΨЖ x", "猫犬 und die Katze"];
    let lines = TEXT.lines().chain(held_out).zip(segmented.lines()).collect();
    (model, lines)
}

#[test]
fn foreign_models_segment_and_join_as_in_sentencepiece() {
    let unigram = foreign(
        include_bytes!("../data/sentencepiece/unigram.model"),
        include_str!("../data/sentencepiece/unigram.segmented.txt"),
    );
    let bytes = foreign(
        include_bytes!("../data/sentencepiece/bytes.model"),
        include_str!("../data/sentencepiece/bytes.segmented.txt"),
    );
    assert!(bytes.0.falls_back_to_bytes() && !unigram.0.falls_back_to_bytes());
    for (model, lines) in [unigram, bytes] {
        assert_eq!(lines.len(), TEXT.lines().count() + 2);
        for (line, segmented) in lines {
            assert_eq!(model.encode_line(line).unwrap(), segmented);
            assert_eq!(model.decode(segmented), line);
        }
    }
}

#[test]
fn dropout_of_zero_segments_as_sentencepiece_does() {
    let (bytes, lines) = foreign(
        include_bytes!("../data/sentencepiece/bytes.model"),
        include_str!("../data/sentencepiece/bytes.segmented.txt"),
    );
    let bytes = SubwordModel::SentencePiece(bytes);
    let none = SubwordSampler::new(&bytes, SubwordSampling::BpeDropout { p: 0.0 }).unwrap();
    let all = SubwordSampler::new(&bytes, SubwordSampling::BpeDropout { p: 1.0 }).unwrap();
    for (line, segmented) in lines {
        let mut rng = SampleRng::for_sentence(0, 0, 0);
        assert_eq!(none.encode_line(line, &mut rng).unwrap(), segmented);
        let characters = all.encode_line(line, &mut rng).unwrap();
        assert_eq!(bytes.decode(&characters), line);
        for piece in characters.split(' ') {
            // Bytes and the user-defined symbol are never split.
            assert!(piece.chars().count() == 1 || piece.starts_with('<'), "{piece}");
        }
    }

    let Some((_, train, model)) = learnt_from_multi30k(10_000, 4000) else {
        return;
    };
    let model = SubwordModel::SentencePiece(model);
    let none = SubwordSampler::new(&model, SubwordSampling::BpeDropout { p: 0.0 }).unwrap();
    let some = SubwordSampler::new(&model, SubwordSampling::BpeDropout { p: 0.1 }).unwrap();
    let (mut pieces, mut drawn) = (0, 0);
    for (n, line) in train[10_000..12_000].iter().enumerate() {
        let mut rng = SampleRng::for_sentence(1, 1, n as u64);
        let segmented = model.encode_line(line).unwrap();
        assert_eq!(none.encode_line(line, &mut rng).unwrap(), segmented);
        let sampled = some.encode_line(line, &mut rng).unwrap();
        assert_eq!(model.decode(&sampled), *line);
        pieces += segmented.split(' ').count();
        drawn += sampled.split(' ').count();
    }
    // The library's own sampling adds 39 % on similar text.
    let growth = drawn as f64 / pieces as f64 - 1.0;
    assert!((0.3..0.5).contains(&growth), "{growth}");
}

#[test]
fn unigram_models_draw_what_they_find_likely() {
    let (model, lines) = foreign(
        include_bytes!("../data/sentencepiece/unigram.model"),
        include_str!("../data/sentencepiece/unigram.segmented.txt"),
    );
    let model = SubwordModel::SentencePiece(model);
    let best = SubwordSampler::new(&model, SubwordSampling::Unigram { alpha: 1e6 }).unwrap();
    let some = SubwordSampler::new(&model, SubwordSampling::Unigram { alpha: 0.2 }).unwrap();
    let mut changed = 0;
    for (n, &(line, segmented)) in lines.iter().enumerate() {
        let mut rng = SampleRng::for_sentence(1, 1, n as u64);
        // Of equal ones (`ff f`, `f ff`) either may be drawn.
        let sorted = |pieces: &str| {
            let mut pieces: Vec<String> = pieces.split(' ').map(str::to_owned).collect();
            pieces.sort();
            pieces
        };
        assert_eq!(
            sorted(&best.encode_line(line, &mut rng).unwrap()),
            sorted(segmented)
        );
        let drawn = some.encode_line(line, &mut rng).unwrap();
        assert_eq!(model.decode(&drawn), line);
        changed += usize::from(drawn != segmented);
    }
    assert!(changed > lines.len() / 2, "{changed}");
    let error = SubwordSampler::new(&model, SubwordSampling::BpeDropout { p: 0.1 }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "BPE-dropout needs a BPE model, but this is a unigram model"
    );
}
