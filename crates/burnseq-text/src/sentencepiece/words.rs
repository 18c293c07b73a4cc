//! Which models segment every word of a line by itself, whatever stands beside it.

use super::BLANK;
use super::proto::{ModelProto, ModelType, PieceType};

/// The words of a line, for models whose words [stand alone](stand_alone).
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ').filter(|word| !word.is_empty())
}

/// Whether the pieces of a line without U+2581 are those of its [`words`], one after the other.
///
/// That takes a normaliser that turns runs of blanks, and nothing else, into one U+2581 before each word; pieces that hold
/// U+2581 only at their start, so that none reaches from word to word; and a piece that is U+2581 alone, because the library
/// joins unknown characters in a row, U+2581 among them. No piece may be unused: the library splits those as they were put
/// together last, in whichever word. Then BPE merges of one word neither make way for those of another nor wait for them.
/// Unigram models would give the same but for the rounding of sums along the line.
pub(super) fn stand_alone(proto: &ModelProto) -> bool {
    let (Some(trainer), Some(normalizer)) = (&proto.trainer_spec, &proto.normalizer_spec) else {
        return false;
    };
    let blanks_begin_words = normalizer.precompiled_charsmap().is_empty()
        && normalizer.add_dummy_prefix()
        && normalizer.remove_extra_whitespaces()
        && normalizer.escape_whitespaces()
        && !trainer.treat_whitespace_as_suffix();
    let mut pieces = proto.pieces.iter();
    trainer.model_type() == ModelType::Bpe
        && blanks_begin_words
        && pieces
            .clone()
            .any(|entry| entry.r#type() == PieceType::Normal && entry.piece().chars().eq([BLANK]))
        && pieces.all(|entry| entry.r#type() != PieceType::Unused && stays_in_word(entry.piece()))
}

fn stays_in_word(piece: &str) -> bool {
    let inner = piece.strip_prefix(BLANK).unwrap_or(piece);
    !inner.contains([BLANK, ' '])
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use sentencepiece::SentencePieceProcessor;

    use super::super::charsmap::tests::a_becomes_xy;
    use super::super::proto::{NormalizerSpec, Piece, TrainerSpec};
    use super::super::{SentencePieceOptions, learn};
    use super::*;
    use crate::random::SampleRng;

    const TEXT: [&str; 3] = ["ein Hund bellt", "ein Mann lacht", "der Hund, der Mann"];

    /// A model learnt from [`TEXT`], with a change.
    fn model(vocab_size: usize, change: impl FnOnce(&mut ModelProto)) -> ModelProto {
        let options = SentencePieceOptions {
            vocab_size,
            ..SentencePieceOptions::default()
        };
        let learned = learn(TEXT, &options).unwrap();
        let mut proto = ModelProto::decode(learned.model.as_slice()).unwrap();
        change(&mut proto);
        proto
    }

    /// Adds a piece that is made before all learnt ones.
    fn add(proto: &mut ModelProto, piece: &str, kind: PieceType) {
        proto.pieces.push(Piece {
            piece: Some(piece.to_owned()),
            score: Some(1.0),
            r#type: Some(kind.into()),
        });
    }

    fn trainer(proto: &mut ModelProto) -> &mut TrainerSpec {
        proto.trainer_spec.as_mut().unwrap()
    }

    fn normalizer(proto: &mut ModelProto) -> &mut NormalizerSpec {
        proto.normalizer_spec.as_mut().unwrap()
    }

    /// Bytes stand for what is unknown.
    fn with_bytes(proto: &mut ModelProto) {
        trainer(proto).byte_fallback = Some(true);
        (0..=u8::MAX).for_each(|byte| add(proto, &format!("<0x{byte:02X}>"), PieceType::Byte));
    }

    /// The pieces of a line, and those of its words one after the other.
    fn segment(proto: &ModelProto, line: &str) -> [Vec<String>; 2] {
        let processor = SentencePieceProcessor::from_serialized_proto(&proto.encode_to_vec()).unwrap();
        let pieces = |text: &str| {
            let pieces = processor.encode(text).unwrap();
            pieces.into_iter().map(|piece| piece.piece).collect::<Vec<_>>()
        };
        [pieces(line), words(line).flat_map(pieces).collect()]
    }

    /// Words of the text and their parts, unknown and special characters, and many blanks.
    fn random_line(rng: &mut SampleRng) -> String {
        const PARTS: &[&str] = &[
            " ", " ", " ", "  ", "ein", "Hund", "lacht", "e", "n", "d", "un", ",", "猫", "犬", "x", "\u{a0}",
            "\t", "\0", "\u{3000}", "u\u{308}", "😀", "<unk>", "</s>", "<0x41>", "\u{2585}", "\u{feff}", "ß",
            "1", "-",
        ];
        let parts = rng.next_u64() % 24;
        (0..parts)
            .map(|_| PARTS[rng.next_u64() as usize % PARTS.len()])
            .collect()
    }

    #[test]
    fn lines_have_the_pieces_of_their_words() {
        let models = [
            model(20, |_| {}),
            model(100, |_| {}),
            model(100, with_bytes),
            // Equal scores go from left to right.
            model(100, |proto| {
                proto.pieces.iter_mut().for_each(|entry| entry.score = Some(0.0))
            }),
            model(100, |proto| {
                ["un", "▁e", "猫", "▁x", "t\u{a0}"]
                    .iter()
                    .for_each(|symbol| add(proto, symbol, PieceType::UserDefined));
                add(proto, "<mask>", PieceType::Control);
            }),
            // What a model leaves out is as the library has it by default.
            model(100, |proto| {
                proto.normalizer_spec = Some(NormalizerSpec::default())
            }),
        ];
        let mut rng = SampleRng::for_sentence(3, 0, 0);
        for proto in &models {
            assert!(stand_alone(proto));
            for _ in 0..1500 {
                let line = random_line(&mut rng);
                let [whole, words] = segment(proto, &line);
                assert_eq!(whole, words, "{line:?}");
            }
        }
    }

    /// The model is not taken for one whose words stand alone, and `line` shows why.
    #[track_caller]
    fn assert_entangled(line: &str, change: impl FnOnce(&mut ModelProto)) {
        let proto = model(100, change);
        assert!(!stand_alone(&proto));
        let [whole, words] = segment(&proto, line);
        assert_ne!(whole, words);
    }

    #[test]
    fn words_are_entangled_where_a_condition_fails() {
        assert_entangled("ein  Hund", |proto| {
            normalizer(proto).remove_extra_whitespaces = Some(false)
        });
        assert_entangled("ein Hund", |proto| {
            normalizer(proto).add_dummy_prefix = Some(false)
        });
        assert_entangled("猫 犬", |proto| {
            normalizer(proto).escape_whitespaces = Some(false)
        });
        assert_entangled("d Hund", |proto| {
            trainer(proto).treat_whitespace_as_suffix = Some(true);
            add(proto, "d▁H", PieceType::Normal);
            add(proto, "d▁", PieceType::Normal);
        });
        assert_entangled("Hund Hund", |proto| add(proto, "d▁", PieceType::Normal));
        // Blanks in symbols are not collapsed.
        assert_entangled("ein  Hund", |proto| {
            add(proto, "n  H", PieceType::UserDefined);
        });
        // Unknown characters in a row are one piece.
        assert_entangled("猫 犬", |proto| {
            proto.pieces.retain(|entry| entry.piece() != "▁")
        });
    }

    #[test]
    fn other_models_are_left_to_the_library() {
        let stands_alone = |change: fn(&mut ModelProto)| stand_alone(&model(100, change));
        assert!(stands_alone(|_| {}));
        for kind in [ModelType::Unigram, ModelType::Word, ModelType::Char] {
            let mut proto = model(100, |_| {});
            trainer(&mut proto).set_model_type(kind);
            assert!(!stand_alone(&proto), "{kind:?}");
        }
        assert!(!stands_alone(|proto| {
            normalizer(proto).precompiled_charsmap = Some(a_becomes_xy());
        }));
        assert!(!stands_alone(|proto| proto.pieces[5].set_type(PieceType::Unused)));
    }
}
