//! Vocabulary and segmentation of the real SentencePiece, recorded by `tests/data/sentencepiece/make.py`.

use burnseq_text::Normalization;
use burnseq_text::sentencepiece::{SentencePiece, SentencePieceOptions, learn};

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

#[test]
fn multi30k_survives_segmentation() {
    let Some(folder) = shared("data/multi30k-de-en/raw") else {
        return;
    };
    let train = normalized(&read(&folder.join("train.de.gz")));
    let options = SentencePieceOptions {
        vocab_size: 2000,
        ..SentencePieceOptions::default()
    };
    let learned = learn(train[..5000].iter().map(String::as_str), &options).unwrap();
    assert_eq!(learned.pieces, 2000);
    let model = SentencePiece::from_bytes(&learned.model, "learnt").unwrap();
    for line in normalized(&read(&folder.join("test_2016_flickr.de.gz"))) {
        assert_eq!(model.decode(&model.encode_line(&line).unwrap()), line);
    }
}
