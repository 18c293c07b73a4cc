//! A subword model of any kind.

use crate::error::Result;
use crate::hugging_face::HfSubword;
use crate::sentencepiece::SentencePiece;
use crate::subword_nmt::SubwordNmt;

/// Splits the words of a line into pieces, and joins them again.
#[derive(Debug, Clone)]
pub enum SubwordModel {
    /// Words are not split.
    None,
    /// A SentencePiece model of any kind.
    SentencePiece(SentencePiece),
    /// Merges of subword-nmt or fastBPE.
    SubwordNmt(SubwordNmt),
    /// A tokenizer of Hugging Face.
    HuggingFace(HfSubword),
}

impl SubwordModel {
    /// The pieces of a line, separated by blanks.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`](crate::Error::SentencePieceEncode) and
    /// [`Error::HuggingFaceEncode`](crate::Error::HuggingFaceEncode).
    pub fn encode_line(&self, line: &str) -> Result<String> {
        match self {
            Self::None => Ok(line.to_owned()),
            Self::SentencePiece(model) => model.encode_line(line),
            Self::SubwordNmt(model) => Ok(model.encode_line(line)),
            Self::HuggingFace(model) => model.encode_line(line),
        }
    }

    /// The line that pieces stand for.
    pub fn decode(&self, pieces: &str) -> String {
        match self {
            Self::None => pieces.to_owned(),
            Self::SentencePiece(model) => model.decode(pieces),
            Self::SubwordNmt(model) => model.decode(pieces),
            Self::HuggingFace(model) => model.decode(pieces),
        }
    }
}
