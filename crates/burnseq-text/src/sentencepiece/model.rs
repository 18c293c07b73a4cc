//! Applying a SentencePiece model of any kind through Google's library.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use prost::Message;
use sentencepiece::SentencePieceProcessor;

use super::long_lines::{LONG, LongLines, Sums};
use super::proto::{ModelProto, ModelType, PieceType};
use super::validate::validate;
use super::words::{stand_alone, words};
use super::{BLANK, SPECIAL_PIECES};
use crate::FileError;
use crate::error::{Error, Result};
use crate::remove_bpe::RemoveBpe;
use crate::word_cache::WordCache;

/// A loaded model.
///
/// Where the model segments every word by itself, as BPE models learnt here do, segmented words are remembered, in a few
/// MiB. Several threads may share one value; clones share the model but remember on their own, which is faster in parallel.
///
/// ```
/// use burnseq_text::sentencepiece::{SentencePiece, SentencePieceOptions, learn};
/// let options = SentencePieceOptions { vocab_size: 20, ..Default::default() };
/// let learned = learn(["ein Hund", "ein Mann"], &options)?;
/// let model = SentencePiece::from_bytes(&learned.model, "spm.model")?;
/// assert_eq!(model.encode_line("ein Mund")?, "▁ein ▁ M u nd");
/// assert_eq!(model.decode("▁ein ▁ M u nd"), "ein Mund");
/// # Ok::<(), burnseq_text::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SentencePiece {
    processor: Arc<SentencePieceProcessor>,
    entries: Arc<[Entry]>,
    model_type: ModelType,
    byte_fallback: bool,
    normalizes: bool,
    /// There is one where words can be segmented one by one.
    cache: Option<WordCache>,
    /// Made when the first long line comes.
    long_lines: Arc<OnceLock<LongLines>>,
}

/// An entry of the vocabulary.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) piece: Box<str>,
    /// Merges with a higher score come first (BPE); logarithm of a probability (unigram).
    pub(crate) score: f32,
    pub(crate) kind: PieceType,
}

impl SentencePiece {
    /// Loads a `.model` file.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::SentencePieceModel`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(FileError::read(path))?;
        Self::from_bytes(&bytes, &path.display().to_string())
    }

    /// Takes the content of a `.model` file; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::SentencePieceModel`].
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        let error = |reason: String| Error::SentencePieceModel {
            name: name.to_owned(),
            reason,
        };
        let proto = read_model(bytes, name)?;
        // The library gets what was checked, and nothing that it alone would find in the file.
        let processor = SentencePieceProcessor::from_serialized_proto(&proto.encode_to_vec())
            .map_err(|cause| error(cause.to_string()))?;
        let cache = stand_alone(&proto).then(WordCache::default);
        let charsmap = proto.normalizer_spec.and_then(|spec| spec.precompiled_charsmap);
        let trainer = proto.trainer_spec.unwrap_or_default();
        let entries = proto.pieces.into_iter().map(|entry| Entry {
            kind: entry.r#type(),
            score: entry.score(),
            piece: entry.piece.unwrap_or_default().into(),
        });
        Ok(Self {
            processor: Arc::new(processor),
            entries: entries.collect(),
            model_type: trainer.model_type(),
            byte_fallback: trainer.byte_fallback(),
            normalizes: charsmap.is_some_and(|map| !map.is_empty()),
            cache,
            long_lines: Arc::default(),
        })
    }

    /// The pieces of a line, separated by blanks; characters the model does not know stay as they
    /// are, and become `<unk>` only in the dictionary.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`].
    pub fn encode_line(&self, line: &str) -> Result<String> {
        let mut segmented = String::with_capacity(line.len() * 2);
        match &self.cache {
            Some(cache) if !line.contains(BLANK) => {
                let mut known = cache.lock();
                for word in words(line) {
                    if !segmented.is_empty() {
                        segmented.push(' ');
                    }
                    if let Some(pieces) = known.get(word) {
                        segmented.push_str(pieces);
                        continue;
                    }
                    let begin = segmented.len();
                    self.push_pieces(word, &mut segmented)?;
                    known.insert(word, &segmented[begin..]);
                }
            }
            _ => self.push_pieces(line, &mut segmented)?,
        }
        Ok(segmented)
    }

    /// Appends the pieces of a word or line, separated by blanks.
    fn push_pieces(&self, text: &str, segmented: &mut String) -> Result<()> {
        if text.len() > LONG {
            segmented.push_str(&self.long_lines().segment(&self.normalize(text)?));
            return Ok(());
        }
        self.push_pieces_of_library(text, segmented)
    }

    /// What segments long lines, with the pieces that the library would give.
    pub(super) fn long_lines(&self) -> &LongLines {
        let make = || LongLines::new(&self.entries, self.model_type, self.byte_fallback);
        self.long_lines.get_or_init(make)
    }

    /// Appends the pieces that the library gives, separated by blanks.
    fn push_pieces_of_library(&self, text: &str, segmented: &mut String) -> Result<()> {
        let pieces = self.processor.encode(text);
        let pieces = pieces.map_err(|cause| encode_error(text, &cause))?;
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                segmented.push(' ');
            }
            segmented.push_str(&piece.piece);
        }
        Ok(())
    }

    /// The pieces of a text with where each lies in it, in bytes: those of version 0.2.3 of the library, in which unigram
    /// models choose otherwise between segmentations of one probability.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`].
    pub(crate) fn encode_with_offsets(&self, text: &str) -> Result<Vec<(String, (usize, usize))>> {
        if self.model_type == ModelType::Unigram {
            return self.encode_unigram(text);
        }
        let pieces = self.processor.encode(text);
        let pieces = pieces.map_err(|cause| encode_error(text, &cause))?;
        let place = |(start, end): (u32, u32)| (start as usize, end as usize);
        Ok(pieces
            .into_iter()
            .map(|piece| (piece.piece, place(piece.span)))
            .collect())
    }

    fn encode_unigram(&self, text: &str) -> Result<Vec<(String, (usize, usize))>> {
        let normalized = self.processor.normalize_with_offsets(text);
        let (normalized, origins) = normalized.map_err(|cause| encode_error(text, &cause))?;
        let origin = |at: usize| origins.get(at).copied().unwrap_or(text.len()).min(text.len());
        let mut pieces: Vec<(String, (usize, usize))> = Vec::new();
        let mut after_unknown = false;
        for (range, known) in self.long_lines().path(&normalized, Sums::Single) {
            let piece = &normalized[range.clone()];
            let place = (origin(range.start), origin(range.end));
            if !known && self.byte_fallback {
                let bytes = piece.bytes();
                pieces.extend(bytes.map(|byte| (format!("<0x{byte:02X}>"), place)));
            } else if !known && after_unknown {
                let (joined, span) = pieces.last_mut().expect("one was unknown");
                joined.push_str(piece);
                span.1 = place.1;
            } else {
                pieces.push((piece.to_owned(), place));
            }
            after_unknown = !known;
        }
        Ok(pieces)
    }

    /// The text that pieces stand for, as the library joins them.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`], also for pieces with a NUL.
    pub(crate) fn decode_by_library(&self, pieces: &[&str]) -> Result<String> {
        if pieces.is_empty() {
            return Ok(String::new());
        }
        let text = self.processor.decode_pieces(pieces);
        text.map_err(|cause| encode_error(&pieces.join(" "), &cause))
    }

    /// The pieces that the library gives, whatever the length of the line.
    #[cfg(test)]
    pub(super) fn encode_by_library(&self, line: &str) -> Result<String> {
        let mut segmented = String::new();
        self.push_pieces_of_library(line, &mut segmented)?;
        Ok(segmented)
    }

    /// The line as the model sees it: normalised, with U+2581 for blanks.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`].
    pub(crate) fn normalize(&self, line: &str) -> Result<String> {
        let normalized = self.processor.normalize(line);
        normalized.map_err(|cause| encode_error(line, &cause))
    }

    /// Joins pieces to text.
    pub fn decode(&self, tokens: &str) -> String {
        if self.byte_fallback {
            return RemoveBpe::SentencePiece.apply(&self.join(tokens));
        }
        RemoveBpe::SentencePiece.apply(tokens)
    }

    /// The normalised text that pieces stand for. Bytes that are no UTF-8 become U+FFFD.
    pub(crate) fn join(&self, tokens: &str) -> String {
        let mut bytes = Vec::with_capacity(tokens.len());
        for token in tokens.split(' ') {
            match byte_of(token).filter(|_| self.byte_fallback) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend_from_slice(token.as_bytes()),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The pieces in the order of their ids.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.piece)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn model_type(&self) -> ModelType {
        self.model_type
    }

    /// Whether characters that no piece holds become pieces that stand for their bytes.
    pub fn falls_back_to_bytes(&self) -> bool {
        self.byte_fallback
    }

    /// How many pieces there are, the special ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are only special pieces.
    pub fn is_empty(&self) -> bool {
        self.len() <= SPECIAL_PIECES.len()
    }

    /// Whether the model normalises text itself, beyond blanks; models learnt here do not.
    pub fn normalizes(&self) -> bool {
        self.normalizes
    }
}

/// Reads the content of a `.model` file that the library can load; `name` stands for it in errors.
///
/// # Errors
/// [`Error::SentencePieceModel`].
pub(crate) fn read_model(bytes: &[u8], name: &str) -> Result<ModelProto> {
    let error = |reason: String| Error::SentencePieceModel {
        name: name.to_owned(),
        reason,
    };
    let proto = ModelProto::decode(bytes).map_err(|cause| error(cause.to_string()))?;
    validate(&proto).map_err(error)?;
    Ok(proto)
}

/// The byte that a piece such as `<0xE2>` stands for.
pub(crate) fn byte_of(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2)
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

fn encode_error(line: &str, cause: &sentencepiece::SentencePieceError) -> Error {
    Error::SentencePieceEncode {
        text: line.chars().take(80).collect(),
        reason: cause.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::charsmap::tests::a_becomes_xy;
    use super::super::proto::{Piece, SelfTest, SelfTestData};
    use super::super::{SentencePieceOptions, learn};
    use super::*;
    use crate::normalize::Normalization;
    use crate::random::random_lines;

    fn model(lines: &[&str], vocab_size: usize) -> SentencePiece {
        let options = SentencePieceOptions {
            vocab_size,
            ..SentencePieceOptions::default()
        };
        let learned = learn(lines.iter().copied(), &options).unwrap();
        let model = SentencePiece::from_bytes(&learned.model, "test").unwrap();
        assert_eq!(model.len(), learned.pieces);
        assert_eq!(model.processor.len(), learned.pieces);
        model
    }

    #[test]
    fn learnt_pieces_are_applied_in_their_order() {
        let model = model(&["aab ab", "aab"], 100);
        assert_eq!(model.encode_line("aab ab b").unwrap(), "▁aab ▁ab ▁ b");
        assert_eq!(model.encode_line("  baab  ").unwrap(), "▁ b a ab");
        assert_eq!(model.encode_line("").unwrap(), "");
        let pieces: Vec<_> = model.pieces().take(4).collect();
        assert_eq!(pieces, ["<unk>", "<s>", "</s>", "ab"]);
        assert!(!model.normalizes() && !model.is_empty());
    }

    #[test]
    fn unknown_characters_stay_together_as_they_are() {
        let model = model(&["aab ab", "aab"], 100);
        assert_eq!(model.encode_line("a猫犬b xy").unwrap(), "▁a 猫犬 b ▁ xy");
    }

    #[test]
    fn words_that_come_back_are_segmented_alike() {
        let model = model(&["aab ab", "aab"], 100);
        assert!(model.cache.is_some());
        for _ in 0..2 {
            assert_eq!(
                model.encode_line(" aab 猫 aab  猫犬").unwrap(),
                "▁aab ▁ 猫 ▁aab ▁ 猫犬"
            );
        }
        // At the end of a line U+2581 is a blank, which is left out.
        for _ in 0..2 {
            assert_eq!(model.encode_line("ab▁ ab▁").unwrap(), "▁ab ▁ ▁ab");
        }
    }

    #[test]
    fn decoding_undoes_encoding_of_normalised_text() {
        let model = model(
            &["der Hund bellt", "die Hündin bellt laut", "3 Hunde, 4 Katzen."],
            60,
        );
        for line in random_lines(['d', 'e', 'r', ' ', ' ', 'ü', '😀', '3', ',', '\u{a0}', 'ﬁ', 'x']) {
            let line = Normalization::NmtNfkc.apply(&line);
            assert_eq!(model.decode(&model.encode_line(&line).unwrap()), line);
        }
    }

    /// A model learnt from `text`, with a change.
    pub(in super::super) fn changed_model(
        text: &[&str],
        vocab_size: usize,
        change: impl FnOnce(&mut ModelProto),
    ) -> Result<SentencePiece> {
        let options = SentencePieceOptions {
            vocab_size,
            ..SentencePieceOptions::default()
        };
        let learned = learn(text.iter().copied(), &options).unwrap();
        let mut proto = ModelProto::decode(learned.model.as_slice()).unwrap();
        change(&mut proto);
        SentencePiece::from_bytes(&proto.encode_to_vec(), "spm.model")
    }

    /// A model of `aab ab`, with a change.
    fn changed(change: impl FnOnce(&mut ModelProto)) -> Result<SentencePiece> {
        changed_model(&["aab ab"], 8000, change)
    }

    #[test]
    fn what_a_model_does_to_text_is_kept() {
        let model = changed(|proto| {
            let normalizer = proto.normalizer_spec.as_mut().unwrap();
            normalizer.precompiled_charsmap = Some(a_becomes_xy());
            let trainer = proto.trainer_spec.as_mut().unwrap();
            trainer.treat_whitespace_as_suffix = Some(true);
        });
        let model = model.unwrap();
        assert!(model.normalizes());
        assert_eq!(model.normalize(" ba  b").unwrap(), "bxy▁b▁");
        assert_eq!(model.encode_line("ba b").unwrap(), "b xy ▁ b ▁");
    }

    #[test]
    fn models_fail_their_own_tests_where_they_give_other_pieces() {
        let with_test = |expected: &str| {
            let sample = SelfTest {
                input: Some("aab".to_owned()),
                expected: Some(expected.to_owned()),
            };
            changed(|proto| {
                proto.self_test_data = Some(SelfTestData {
                    samples: vec![sample],
                });
            })
        };
        with_test("▁aab").unwrap();
        let error = with_test("▁ a a b").unwrap_err().to_string();
        assert!(error.contains("Internal error"), "{error}");
    }

    #[test]
    fn a_piece_that_begins_with_nul_is_an_error_and_not_the_end_of_the_process() {
        // Google's library throws an exception when it builds its trie.
        let unigram = changed(|proto| {
            let trainer = proto.trainer_spec.as_mut().unwrap();
            trainer.set_model_type(ModelType::Unigram);
            proto.pieces.push(Piece {
                piece: Some("\0b".to_owned()),
                ..Piece::default()
            });
        });
        let error = unigram.unwrap_err().to_string();
        assert!(error.starts_with("spm.model is not a usable"), "{error}");
        assert!(error.contains("holds a NUL character\nhint: "), "{error}");
    }

    #[test]
    fn files_that_are_cut_off_are_refused_at_every_length() {
        let learned = learn(["aab ab"], &SentencePieceOptions::default()).unwrap();
        for length in 0..learned.model.len() {
            assert!(
                SentencePiece::from_bytes(&learned.model[..length], "spm.model").is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn foreign_and_empty_files_are_refused() {
        for bytes in [&b""[..], b"hello, world, this is no model", &[0xff; 40]] {
            let error = SentencePiece::from_bytes(bytes, "spm.model")
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("spm.model is not a usable SentencePiece model: "),
                "{error}"
            );
        }
        assert!(matches!(SentencePiece::load("no/such.model"), Err(Error::Io(_))));
    }
}
