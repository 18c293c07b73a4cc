//! A tokenizer of Hugging Face as a subword model: its tokens are words of a dictionary.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::form::{Decoder, ModelKind, PreTokenizer};
use super::tokenizer::{Engine, HfTokenizer};
use crate::error::{Error, Result};
use crate::whitespace::is_space;

/// How pieces of a word are told from whole words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HfMarks {
    /// `##` continues a word.
    WordPiece,
    /// U+0120 begins a word.
    ByteLevel,
    /// U+2581 begins a word.
    #[serde(rename = "sentencepiece")]
    SentencePiece,
    /// `</w>` ends a word.
    EndOfWord,
    /// Every token is a word.
    None,
}

/// What stands for tokens that are not in the vocabulary, as in every dictionary of fairseq.
const UNK: &str = "<unk>";

/// The tokens of all bytes in byte-level tokenizers, of which every text can be made.
pub fn byte_tokens() -> Vec<String> {
    let bytes = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
    let mut tokens: Vec<String> = bytes.into_iter().map(String::from).collect();
    tokens.sort_unstable();
    tokens
}

/// Splits text into the tokens of a tokenizer, without special tokens around it.
#[derive(Debug, Clone)]
pub struct HfSubword {
    tokenizer: HfTokenizer,
    /// Tokens by id; what stands for unknown text is `<unk>`.
    words: Arc<[String]>,
    marks: HfMarks,
}

impl HfSubword {
    /// Takes the content of a `tokenizer.json`; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::HuggingFace`], also for tokenizers with tokens that hold blanks: they cannot be words of a dictionary.
    pub fn from_json(bytes: &[u8], name: &str) -> Result<Self> {
        Self::new(HfTokenizer::from_json(bytes, name)?, name)
    }

    /// Takes a tokenizer.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and for Marian and M2M100.
    pub fn new(tokenizer: HfTokenizer, name: &str) -> Result<Self> {
        let error = |reason: String| Error::HuggingFace {
            name: name.to_owned(),
            reason,
        };
        let Engine::Library { form, .. } = &tokenizer.engine else {
            return Err(error(
                "tokenizers of Marian and M2M100 are SentencePiece models with a vocabulary beside them\nhint: give the \
                 SentencePiece model (source.spm, sentencepiece.bpe.model) instead"
                    .to_owned(),
            ));
        };
        let unk = match (&form.model.unk_token, form.model.unk_id) {
            (Some(unk), _) if !unk.is_empty() => tokenizer.id(unk),
            (_, Some(id)) => u32::try_from(id).ok(),
            _ => None,
        };
        let mut words = Vec::with_capacity(tokenizer.len());
        for id in 0..tokenizer.len() as u32 {
            let token = tokenizer.token(id).unwrap_or_default();
            if token.contains(is_space) {
                return Err(error(format!(
                    "the token {token:?} holds a blank, so it cannot be a word of a dictionary"
                )));
            }
            words.push(if Some(id) == unk { UNK.to_owned() } else { token });
        }
        let marks = match (form.model.kind(), &form.decoder) {
            (ModelKind::WordPiece, _) if form.model.continuing_subword_prefix.as_deref() == Some("##") => {
                HfMarks::WordPiece
            }
            (_, Some(Decoder::Bpe { suffix })) if suffix == "</w>" => HfMarks::EndOfWord,
            (_, Some(Decoder::ByteLevel(_))) => HfMarks::ByteLevel,
            (_, Some(Decoder::Metaspace(part))) if part.replacement == '\u{2581}' => HfMarks::SentencePiece,
            _ if matches!(form.pre_tokenizer, Some(PreTokenizer::Metaspace(_))) => HfMarks::SentencePiece,
            _ => HfMarks::None,
        };
        Ok(Self {
            words: words.into(),
            tokenizer,
            marks,
        })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &HfTokenizer {
        &self.tokenizer
    }

    /// How its tokens tell pieces from words.
    pub fn marks(&self) -> HfMarks {
        self.marks
    }

    /// The tokens of a line, separated by blanks.
    ///
    /// # Errors
    /// [`Error::HuggingFaceEncode`].
    pub fn encode_line(&self, line: &str) -> Result<String> {
        let ids = self.tokenizer.ids_of(line)?;
        let words: Vec<&str> = ids.iter().map(|&id| self.words[id as usize].as_str()).collect();
        Ok(words.join(" "))
    }

    /// The text that tokens stand for.
    pub fn decode(&self, tokens: &str) -> String {
        let tokens: Vec<&str> = tokens.split(' ').filter(|token| !token.is_empty()).collect();
        // Joining fails for no decoder that was checked; tokens are better than no text.
        self.tokenizer
            .decode_tokens(&tokens)
            .unwrap_or_else(|_| tokens.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HfLearnOptions, HfLearner, LearnedKind};
    use super::*;

    fn learned(kind: LearnedKind, size: usize) -> HfSubword {
        let mut learner = HfLearner::new(HfLearnOptions::new(kind, size)).unwrap();
        for line in ["ein Hund bellt", "ein Hund, ein Mann!", "der Mann"] {
            learner.add_line(line).unwrap();
        }
        HfSubword::from_json(learner.learn().unwrap().json.as_bytes(), "tokenizer.json").unwrap()
    }

    #[test]
    fn tokens_of_bytes_give_every_text_back() {
        let model = learned(LearnedKind::ByteBpe, 300);
        assert_eq!(model.marks(), HfMarks::ByteLevel);
        assert_eq!(model.encode_line("ein Mann").unwrap(), "ein ĠMann");
        for line in ["", "ein Mann", "  zwei  Blanks ", "猫 ß\u{a0}x", "a\tb"] {
            assert_eq!(model.decode(&model.encode_line(line).unwrap()), line);
        }
    }

    #[test]
    fn what_word_pieces_do_not_hold_is_unknown() {
        let model = learned(LearnedKind::WordPiece, 60);
        assert_eq!(model.marks(), HfMarks::WordPiece);
        let tokens = model.encode_line("ein Hund, 猫").unwrap();
        assert_eq!(tokens, "ein Hund , <unk>");
        assert_eq!(model.decode(&tokens), "ein Hund, <unk>");
    }

    #[test]
    fn tokens_with_blanks_are_refused() {
        let json = r#"{"model": {"type": "WordLevel", "vocab": {"a": 0, "b c": 1}, "unk_token": "a"}}"#;
        let error = HfSubword::from_json(json.as_bytes(), "t.json")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("t.json: the token \"b c\" holds a blank"),
            "{error}"
        );
    }
}
