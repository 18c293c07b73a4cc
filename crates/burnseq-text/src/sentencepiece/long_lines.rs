//! Segmentation of long lines, with the same pieces that Google's library gives.
//!
//! The library (0.2.1) puts unknown characters in a row together one by one and copies what it has each time, so that a
//! line of 900,000 of them takes minutes. Here a line takes time in proportion to its length (and to its logarithm for
//! BPE). Short lines are left to the library, whose own faults these are not.

use std::cell::RefCell;
use std::ops::Range;

use super::BLANK;
use super::bpe_dropout;
use super::model::Entry;
use super::piece_line::PieceLine;
use super::proto::{ModelType, PieceType};
use super::sample::UNKNOWN_PENALTY;
use super::trie::Trie;
use rustc_hash::FxHashMap;

/// Lines of more bytes are segmented here.
pub(super) const LONG: usize = 1 << 12;

/// A model in the form that segmenting needs.
#[derive(Debug)]
pub(super) struct LongLines {
    model_type: ModelType,
    /// What text is made of, and special pieces.
    kinds: FxHashMap<Box<str>, (PieceType, f32)>,
    /// Symbols that are never split or joined.
    user_defined: Trie<()>,
    /// Unigram models: kind and score of all pieces that text is made of.
    unigram: Trie<(PieceType, f32)>,
    /// Least and highest score of the ordinary pieces.
    scores: (f32, f32),
    byte_fallback: bool,
}

/// How scores of unigram models are added, which decides between segmentations of one probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sums {
    /// As in the library that is built in (0.2.1): sums are rounded after they were compared.
    Library,
    /// As in version 0.2.3, which Python's package has: in single precision throughout.
    Single,
}

/// Whether text is made of pieces of this kind.
fn is_text(kind: PieceType) -> bool {
    matches!(
        kind,
        PieceType::Normal | PieceType::UserDefined | PieceType::Unused
    )
}

impl LongLines {
    pub(super) fn new(entries: &[Entry], model_type: ModelType, byte_fallback: bool) -> Self {
        // The bounds that the library begins with.
        let mut scores = (f32::MAX, f32::MIN_POSITIVE);
        for entry in entries.iter().filter(|entry| entry.kind == PieceType::Normal) {
            scores = (scores.0.min(entry.score), scores.1.max(entry.score));
        }
        let text = entries.iter().filter(|entry| is_text(entry.kind));
        let unigram = text.filter(|_| model_type == ModelType::Unigram);
        let user_defined = entries
            .iter()
            .filter(|entry| entry.kind == PieceType::UserDefined);
        let kind = |entry: &Entry| (entry.piece.clone(), (entry.kind, entry.score));
        Self {
            model_type,
            kinds: entries.iter().map(kind).collect(),
            user_defined: Trie::new(user_defined.map(|entry| (&*entry.piece, ()))),
            unigram: Trie::new(unigram.map(|entry| (&*entry.piece, (entry.kind, entry.score)))),
            scores,
            byte_fallback,
        }
    }

    /// The pieces of normalised text, separated by blanks.
    pub(super) fn segment(&self, normalized: &str) -> String {
        let mut pieces = PieceLine::new(self.byte_fallback, normalized.len() * 2);
        match self.model_type {
            ModelType::Unigram => self.best_path(normalized, &mut pieces),
            ModelType::Bpe => self.merges(normalized, &mut pieces),
            ModelType::Word => {
                words(normalized, |word| self.push(word, &mut pieces));
            }
            ModelType::Char => {
                let mut rest = normalized;
                while !rest.is_empty() {
                    let (length, _) = self.symbol(rest);
                    self.push(&rest[..length], &mut pieces);
                    rest = &rest[length..];
                }
            }
        }
        pieces.finish()
    }

    /// A piece that the model may know by any kind.
    fn push(&self, piece: &str, pieces: &mut PieceLine) {
        match self.kinds.get(piece) {
            Some((PieceType::Unknown, _)) | None => pieces.push_unknown(piece),
            Some(_) => pieces.push_known(piece),
        }
    }

    /// Length in bytes of the user-defined symbol at the start of `text`, else of its first character; and whether it is
    /// such a symbol.
    fn symbol(&self, text: &str) -> (usize, bool) {
        match self.user_defined.longest_prefix(text) {
            Some((length, ())) => (length, true),
            None => (text.chars().next().map_or(0, char::len_utf8), false),
        }
    }

    /// The segmentation of the highest probability (Kudo 2018), with sums in the precision and order of the library's.
    fn best_path(&self, text: &str, pieces: &mut PieceLine) {
        for (range, known) in self.path(text, Sums::Library) {
            if known {
                pieces.push_known(&text[range]);
            } else {
                pieces.push_unknown(&text[range]);
            }
        }
    }

    /// The pieces of the highest probability in normalised text, each with whether the model knows it. Unknown characters
    /// stand alone.
    pub(super) fn path(&self, text: &str, sums: Sums) -> Vec<(Range<usize>, bool)> {
        /// The best way to the end of a piece.
        #[derive(Clone, Copy)]
        struct Best {
            score: f32,
            begin: usize,
            known: bool,
        }
        let (least, highest) = self.scores;
        let unknown = least - UNKNOWN_PENALTY;
        let mut best: Vec<Option<Best>> = vec![None; text.len() + 1];
        let offer = |best: &mut Option<Best>, score: f64, begin: usize, known: bool| {
            let score = match sums {
                Sums::Library => score,
                Sums::Single => f64::from(score as f32),
            };
            if best.is_none_or(|best| score > f64::from(best.score)) {
                *best = Some(Best {
                    score: score as f32,
                    begin,
                    known,
                });
            }
        };
        for (begin, c) in text.char_indices() {
            let before = best[begin].map_or(0.0, |best| best.score);
            let mut single = false;
            for (length, (kind, score)) in self.unigram.prefixes(&text[begin..]) {
                let score = match kind {
                    PieceType::Unused => continue,
                    // A bonus, so that they are always chosen.
                    PieceType::UserDefined => f64::from(length as f32 * highest) - 0.1,
                    _ => f64::from(score),
                };
                single |= length == c.len_utf8();
                offer(&mut best[begin + length], score + f64::from(before), begin, true);
            }
            if !single {
                let end = begin + c.len_utf8();
                offer(&mut best[end], f64::from(unknown + before), begin, false);
            }
        }
        let mut path: Vec<(Range<usize>, bool)> = Vec::new();
        let mut end = text.len();
        while end > 0 {
            let last = best[end].expect("a character is at least unknown");
            path.push((last.begin..end, last.known));
            end = last.begin;
        }
        path.reverse();
        path
    }

    /// BPE merges between user-defined symbols. Pieces of the kind "unused" make larger ones, but are split again where
    /// they are left over.
    fn merges(&self, text: &str, pieces: &mut PieceLine) {
        let score = |piece: &str| {
            let (kind, score) = *self.kinds.get(piece)?;
            is_text(kind).then_some(score)
        };
        let mut begin = 0;
        while begin < text.len() {
            let mut end = begin;
            let mut frozen = 0;
            while end < text.len() {
                let (length, user_defined) = self.symbol(&text[end..]);
                if user_defined {
                    frozen = length;
                    break;
                }
                end += length;
            }
            let part = &text[begin..end];
            // The last pair that was seen to make each unused piece.
            let parts = RefCell::new(FxHashMap::<&str, usize>::default());
            let seen = |left: Range<usize>, right: Range<usize>| {
                let piece = &part[left.start..right.end];
                if matches!(self.kinds.get(piece), Some((PieceType::Unused, _))) {
                    parts.borrow_mut().insert(piece, left.len());
                }
            };
            let ranges = bpe_dropout::merge(part, score, || false, seen);
            let parts = parts.into_inner();
            for range in ranges {
                self.push_split(&part[range], &parts, pieces);
            }
            begin = end + frozen;
            if frozen > 0 {
                self.push(&text[end..begin], pieces);
            }
        }
    }

    fn push_split(&self, piece: &str, parts: &FxHashMap<&str, usize>, pieces: &mut PieceLine) {
        match self.kinds.get(piece) {
            Some((PieceType::Unused, _)) if parts.contains_key(piece) => {
                let (left, right) = piece.split_at(parts[piece]);
                self.push_split(left, parts, pieces);
                self.push_split(right, parts, pieces);
            }
            _ => self.push(piece, pieces),
        }
    }
}

/// Hands over the words of normalised text, which U+2581 begins.
fn words(text: &str, mut each: impl FnMut(&str)) {
    let mut begin = 0;
    let borders = text.char_indices().filter(|&(_, c)| c == BLANK).map(|(at, _)| at);
    for border in borders.chain([text.len()]) {
        if border > begin {
            each(&text[begin..border]);
            begin = border;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SentencePiece;
    use super::super::model::tests::changed_model;
    use super::super::proto::{ModelProto, Piece};
    use super::*;
    use crate::random::SampleRng;

    const TEXT: [&str; 4] = [
        "ein Hund bellt",
        "ein Mann lacht",
        "der Hund, der Mann",
        "3 Hunde",
    ];

    /// A model learnt from [`TEXT`], with a change.
    fn model(change: impl FnOnce(&mut ModelProto)) -> SentencePiece {
        changed_model(&TEXT, 50, change).unwrap()
    }

    fn set_type(proto: &mut ModelProto, model_type: ModelType) {
        proto.trainer_spec.as_mut().unwrap().set_model_type(model_type);
    }

    fn add(proto: &mut ModelProto, piece: &str, score: f32, kind: PieceType) {
        proto.pieces.push(Piece {
            piece: Some(piece.to_owned()),
            score: Some(score),
            r#type: Some(kind.into()),
        });
    }

    fn with_bytes(proto: &mut ModelProto) {
        proto.trainer_spec.as_mut().unwrap().byte_fallback = Some(true);
        (0..=u8::MAX).for_each(|byte| add(proto, &format!("<0x{byte:02X}>"), 0.0, PieceType::Byte));
    }

    fn with_symbols(proto: &mut ModelProto) {
        for symbol in ["un", "und", "▁e", "猫", "t\u{a0}"] {
            add(proto, symbol, 0.0, PieceType::UserDefined);
        }
        add(proto, "<mask>", 0.0, PieceType::Control);
    }

    /// Scores as of a unigram model.
    fn with_probabilities(proto: &mut ModelProto) {
        set_type(proto, ModelType::Unigram);
        let mut rng = SampleRng::for_sentence(9, 0, 0);
        for entry in proto.pieces.iter_mut().skip(3) {
            entry.score = Some(-1.0 - (rng.uniform() * 9.0) as f32);
        }
    }

    fn with_unused(proto: &mut ModelProto) {
        for entry in proto.pieces.iter_mut().skip(3).step_by(3) {
            entry.set_type(PieceType::Unused);
        }
    }

    fn random_line(rng: &mut SampleRng) -> String {
        const PARTS: &[&str] = &[
            " ",
            " ",
            " ",
            "  ",
            "ein",
            "Hund",
            "lacht",
            "e",
            "n",
            "d",
            "un",
            ",",
            "猫",
            "犬",
            "x",
            "\u{a0}",
            "\t",
            "\u{3000}",
            "u\u{308}",
            "😀",
            "<unk>",
            "</s>",
            "ß",
            "1",
            "-",
            "▁",
            "犬犬犬",
            "bellt",
        ];
        let parts = rng.next_u64() % 40;
        (0..parts)
            .map(|_| PARTS[rng.next_u64() as usize % PARTS.len()])
            .collect()
    }

    #[test]
    fn lines_have_the_pieces_that_the_library_gives() {
        type Change = fn(&mut ModelProto);
        let changes: &[&[Change]] = &[
            &[],
            &[with_bytes],
            &[with_symbols],
            &[with_unused],
            &[with_unused, with_symbols, with_bytes],
            &[|proto| proto.pieces.iter_mut().for_each(|entry| entry.score = Some(0.0))],
            &[with_probabilities],
            &[with_probabilities, with_bytes],
            &[with_probabilities, with_symbols],
            &[with_probabilities, with_unused, with_symbols],
            &[|proto| set_type(proto, ModelType::Char)],
            &[with_symbols, |proto| set_type(proto, ModelType::Char)],
            &[|proto| set_type(proto, ModelType::Word)],
            &[
                |proto| set_type(proto, ModelType::Word),
                |proto| proto.trainer_spec.as_mut().unwrap().treat_whitespace_as_suffix = Some(true),
            ],
        ];
        for (number, changes) in changes.iter().enumerate() {
            let model = model(|proto| changes.iter().for_each(|change| change(proto)));
            let mut rng = SampleRng::for_sentence(5, 0, number as u64);
            for _ in 0..1000 {
                let line = random_line(&mut rng);
                let normalized = model.normalize(&line).unwrap();
                let Ok(expected) = model.encode_by_library(&line) else {
                    // A control symbol as a whole word is an internal error of the library.
                    continue;
                };
                assert_eq!(
                    model.long_lines().segment(&normalized),
                    expected,
                    "{number}: {line:?}"
                );
            }
        }
    }

    #[test]
    fn long_lines_are_those_of_the_library_in_its_precision() {
        let model = model(with_probabilities);
        let mut rng = SampleRng::for_sentence(6, 0, 0);
        let line: String = (0..40).map(|_| random_line(&mut rng) + "犬犬犬犬").collect();
        let line = line.repeat(20);
        assert!(line.len() > 4 * LONG);
        assert_eq!(
            model.encode_line(&line).unwrap(),
            model.encode_by_library(&line).unwrap()
        );
    }

    #[test]
    fn a_line_of_unknown_characters_takes_no_more_time_than_others() {
        let changes: [fn(&mut ModelProto); 4] = [
            |_| {},
            with_probabilities,
            with_bytes,
            |proto| set_type(proto, ModelType::Word),
        ];
        for change in changes {
            let model = model(change);
            let line = "中文字".repeat(300_000);
            let started = std::time::Instant::now();
            let pieces = model.encode_line(&line).unwrap();
            // The library takes minutes.
            assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
            assert_eq!(model.decode(&pieces), line);
        }
    }
}
