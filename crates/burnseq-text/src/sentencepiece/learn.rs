//! Learning a BPE vocabulary as `spm_train --model_type=bpe` does, with exact ties.

use prost::Message;

use super::alphabet::{alphabet, escape_word};
use super::pieces::PieceRules;
use super::proto::{ModelProto, ModelType, NormalizerSpec, Piece, PieceType, TrainerSpec};
use super::{BLANK, RARE, SPECIAL_PIECES};
use crate::error::{Error, Result};
use crate::merges::Merges;
use rustc_hash::FxHashMap;

/// What to learn; the defaults are those of `spm_train`.
#[derive(Debug, Clone, PartialEq)]
pub struct SentencePieceOptions {
    /// Pieces at most, the three special ones and the characters included.
    pub vocab_size: usize,
    /// Share of the text's characters that the vocabulary must hold, in `(0, 1]`.
    pub character_coverage: f32,
    /// Longest piece, in characters.
    pub max_piece_length: usize,
    /// Longer lines, in bytes, are not learnt from.
    pub max_line_length: usize,
}

impl Default for SentencePieceOptions {
    fn default() -> Self {
        Self {
            vocab_size: 8000,
            character_coverage: 0.9995,
            max_piece_length: 16,
            max_line_length: 4192,
        }
    }
}

impl SentencePieceOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::InvalidOption`].
    pub fn validate(&self) -> Result<()> {
        if !(self.character_coverage > 0.0 && self.character_coverage <= 1.0) {
            let value = self.character_coverage;
            return Err(Error::option(
                "character coverage",
                "above 0 and at most 1",
                value,
            ));
        }
        if self.max_piece_length == 0 {
            return Err(Error::option("longest piece", "at least 1 character", 0));
        }
        if i32::try_from(self.vocab_size).is_err() {
            return Err(Error::option("vocabulary size", "below 2^31", self.vocab_size));
        }
        Ok(())
    }
}

/// What was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The content of the `.model` file.
    pub model: Vec<u8>,
    /// The content of the `.vocab` file: piece, tab, score.
    pub vocab: String,
    /// Pieces in it; fewer than asked for when the text gives no more.
    pub pieces: usize,
    /// Lines left out because they are too long.
    pub skipped_long: u64,
    /// Lines left out because they hold U+2585, which is reserved.
    pub skipped_reserved: u64,
}

/// Counts the words of normalised text and learns from them; parts counted by several workers
/// merge.
#[derive(Debug, Clone)]
pub struct Learner {
    options: SentencePieceOptions,
    words: FxHashMap<Box<str>, u64>,
    skipped_long: u64,
    skipped_reserved: u64,
}

impl Learner {
    /// A learner that has seen no text.
    ///
    /// # Errors
    /// [`Error::InvalidOption`].
    pub fn new(options: SentencePieceOptions) -> Result<Self> {
        options.validate()?;
        Ok(Self {
            options,
            words: FxHashMap::default(),
            skipped_long: 0,
            skipped_reserved: 0,
        })
    }

    /// Counts the words of a normalised line, which blanks (U+0020) separate.
    pub fn add_line(&mut self, line: &str) {
        if line.len() > self.options.max_line_length {
            self.skipped_long += 1;
        } else if line.contains(RARE) {
            self.skipped_reserved += 1;
        } else {
            for word in line.split(' ').filter(|word| !word.is_empty()) {
                if let Some(count) = self.words.get_mut(word) {
                    *count += 1;
                } else {
                    self.words.insert(word.into(), 1);
                }
            }
        }
    }

    /// Adds the counts of another worker.
    pub fn merge(&mut self, other: Self) {
        for (word, count) in other.words {
            *self.words.entry(word).or_insert(0) += count;
        }
        self.skipped_long += other.skipped_long;
        self.skipped_reserved += other.skipped_reserved;
    }

    /// Learns the vocabulary.
    ///
    /// # Errors
    /// [`Error::EmptyCorpus`], and [`Error::VocabularyTooSmall`] when the special pieces and
    /// characters alone exceed the size.
    pub fn learn(self) -> Result<Learned> {
        self.learn_watched(|_, _| ())
    }

    /// [`Learner::learn`], which tells `watch` after each piece how many are learnt and how many are wanted at most.
    ///
    /// # Errors
    /// As [`Learner::learn`].
    pub fn learn_watched(self, watch: impl FnMut(usize, usize)) -> Result<Learned> {
        if self.words.is_empty() {
            return Err(Error::EmptyCorpus);
        }
        let words: Vec<(String, u64)> = self
            .words
            .iter()
            .map(|(word, &count)| (escape_word(word), count))
            .collect();
        let counted = words.iter().map(|(word, count)| (word.as_str(), *count));
        let alphabet = alphabet(counted, self.options.character_coverage);
        let required = SPECIAL_PIECES.len() + alphabet.len();
        let vocab_size = self.options.vocab_size;
        let wanted = vocab_size
            .checked_sub(required)
            .ok_or(Error::VocabularyTooSmall { vocab_size, required })?;

        let mut pieces = learn_pieces(&words, &alphabet, wanted, self.options.max_piece_length, watch);
        pieces.extend(alphabet.iter().map(char::to_string));
        let proto = model(pieces, &self.options);
        let vocab = vocab(&proto);
        Ok(Learned {
            model: proto.encode_to_vec(),
            vocab,
            pieces: proto.pieces.len(),
            skipped_long: self.skipped_long,
            skipped_reserved: self.skipped_reserved,
        })
    }
}

/// Learns from normalised lines; [`Learner`] does it in parts.
///
/// # Errors
/// As [`Learner::new`] and [`Learner::learn`].
pub fn learn<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    options: &SentencePieceOptions,
) -> Result<Learned> {
    let mut learner = Learner::new(options.clone())?;
    for line in lines {
        learner.add_line(line);
    }
    learner.learn()
}

/// At most `wanted` pieces of more than one character, the first merged first.
fn learn_pieces(
    words: &[(String, u64)],
    alphabet: &[char],
    wanted: usize,
    max_length: usize,
    mut watch: impl FnMut(usize, usize),
) -> Vec<String> {
    let symbols: FxHashMap<u32, String> = alphabet.iter().map(|&c| (u32::from(c), c.to_string())).collect();
    let rare = RARE.to_string();
    let symbol = |c: char| symbols.get(&u32::from(c)).unwrap_or(&rare).as_str();

    let mut merges = Merges::new(PieceRules { max_length });
    let mut first_of_word = Vec::new();
    for (word, count) in words {
        // A literal U+2581 in the text begins a word, too.
        first_of_word.clear();
        first_of_word.extend(word.match_indices(BLANK).map(|(at, _)| at));
        first_of_word.push(word.len());
        for range in first_of_word.windows(2) {
            merges.add_word(word[range[0]..range[1]].chars().map(symbol), *count);
        }
    }

    let mut pieces: Vec<String> = Vec::new();
    let mut made: FxHashMap<String, ()> = FxHashMap::default();
    while pieces.len() < wanted {
        let Some((pair, _)) = merges.best() else { break };
        let (left, right) = merges.symbols_of(pair);
        let piece = [&**left, &**right].concat();
        // A piece that another pair made already is not made twice: this pair stays apart.
        if made.insert(piece.clone(), ()).is_some() {
            merges.forget(pair);
        } else {
            merges.merge(pair);
            pieces.push(piece);
            watch(pieces.len(), wanted);
        }
    }
    pieces
}

/// The model: special pieces, then the given ones with scores falling from 0.
fn model(pieces: Vec<String>, options: &SentencePieceOptions) -> ModelProto {
    let special = SPECIAL_PIECES.iter().enumerate().map(|(id, piece)| Piece {
        piece: Some((*piece).to_owned()),
        score: Some(0.0),
        r#type: Some(
            if id == 0 {
                PieceType::Unknown
            } else {
                PieceType::Control
            }
            .into(),
        ),
    });
    let ordinary = pieces.into_iter().enumerate().map(|(rank, piece)| Piece {
        piece: Some(piece),
        score: Some(-(rank as f32)),
        r#type: None,
    });
    let pieces: Vec<Piece> = special.chain(ordinary).collect();
    let size = |n: usize| Some(i32::try_from(n).unwrap_or(i32::MAX));
    ModelProto {
        trainer_spec: Some(TrainerSpec {
            model_type: Some(ModelType::Bpe.into()),
            vocab_size: size(pieces.len()),
            character_coverage: Some(options.character_coverage),
            max_sentence_length: size(options.max_line_length),
            max_sentencepiece_length: size(options.max_piece_length),
            ..TrainerSpec::default()
        }),
        normalizer_spec: Some(NormalizerSpec {
            name: Some("identity".to_owned()),
            precompiled_charsmap: Some(Vec::new()),
            add_dummy_prefix: Some(true),
            remove_extra_whitespaces: Some(true),
            escape_whitespaces: Some(true),
        }),
        pieces,
        ..ModelProto::default()
    }
}

/// The `.vocab` file, which people read.
fn vocab(proto: &ModelProto) -> String {
    let lines = proto.pieces.iter().map(|entry| {
        let piece = entry.piece.as_deref().unwrap_or_default();
        format!("{piece}\t{}\n", entry.score.unwrap_or_default())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(lines: &[&str], vocab_size: usize) -> Vec<String> {
        let options = SentencePieceOptions {
            vocab_size,
            ..SentencePieceOptions::default()
        };
        let learned = learn(lines.iter().copied(), &options).unwrap();
        learned
            .vocab
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn most_frequent_pairs_become_pieces_and_ties_go_to_the_shorter() {
        // ▁aab 2x, ▁ab 1x. Pairs: ab 3, aa 2, ▁a 3 (2 + 1): the tie of ab and ▁a goes to the
        // smaller string, ab. Then ▁ab 1, ▁a 2, aab 2: the shorter ▁a; then ▁aab (▁a + ab) 2.
        let learnt = pieces(&["aab ab", "aab"], 100);
        assert_eq!(
            learnt,
            ["<unk>", "<s>", "</s>", "ab", "▁a", "▁aab", "▁ab", "a", "b", "▁"]
        );
    }

    #[test]
    fn size_is_kept_to_and_capped_at_what_the_text_gives() {
        assert_eq!(
            pieces(&["aab ab", "aab"], 8),
            ["<unk>", "<s>", "</s>", "ab", "▁a", "a", "b", "▁"]
        );
        assert_eq!(pieces(&["aab ab", "aab"], 6).len(), 6);
        let options = SentencePieceOptions {
            vocab_size: 5,
            ..SentencePieceOptions::default()
        };
        let error = learn(["aab ab"], &options).unwrap_err().to_string();
        assert!(
            error.starts_with("a SentencePiece vocabulary of 5 is too small: 6 pieces"),
            "{error}"
        );
    }

    #[test]
    fn long_and_reserved_lines_are_left_out_with_a_count() {
        let options = SentencePieceOptions {
            max_line_length: 5,
            ..SentencePieceOptions::default()
        };
        let learned = learn(["ab ab", "cd cd cd", "▅", "\u{2585} x"], &options).unwrap();
        assert_eq!((learned.skipped_long, learned.skipped_reserved), (1, 2));
        assert!(!learned.vocab.contains('c') && !learned.vocab.contains('x'));
        assert!(matches!(learn(["", " "], &options), Err(Error::EmptyCorpus)));
    }

    #[test]
    fn parts_learn_the_same_as_the_whole() {
        let lines = ["der Hund", "die Hunde und die Männer", "", "ein  Mann <unk> x▁y"];
        let options = SentencePieceOptions {
            vocab_size: 60,
            ..SentencePieceOptions::default()
        };
        let (mut left, mut right) = (
            Learner::new(options.clone()).unwrap(),
            Learner::new(options.clone()).unwrap(),
        );
        lines[..2].iter().for_each(|line| left.add_line(line));
        lines[2..].iter().for_each(|line| right.add_line(line));
        left.merge(right);
        assert_eq!(left.learn().unwrap(), learn(lines, &options).unwrap());
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for coverage in [0.0, 1.5, f32::NAN] {
            let options = SentencePieceOptions {
                character_coverage: coverage,
                ..Default::default()
            };
            assert!(options.validate().is_err(), "{coverage}");
        }
    }
}
