//! The pieces that a side of the training text holds often enough (`--vocabulary`).

use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::lines::LineReader;
use rustc_hash::FxHashMap;

/// Pieces that need not be split further; those inside words carry `@@`.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    pieces: FxHashMap<Box<str>, ()>,
}

impl Vocabulary {
    /// Reads `<piece> <count>` lines, as `subword-nmt get-vocab` writes them, and keeps the pieces
    /// that occur at least `threshold` times.
    ///
    /// # Errors
    /// As [`Vocabulary::parse`], and [`Error::Io`] when the file cannot be opened.
    pub fn load(path: impl AsRef<Path>, threshold: u64) -> Result<Self> {
        Self::read(LineReader::open(path)?, threshold)
    }

    /// As [`Vocabulary::load`] from a stream; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::VocabularyLine`], [`Error::Io`], [`Error::InvalidUtf8`].
    pub fn parse(reader: impl BufRead, name: impl Into<PathBuf>, threshold: u64) -> Result<Self> {
        Self::read(LineReader::new(reader, name), threshold)
    }

    fn read(lines: LineReader<impl BufRead>, threshold: u64) -> Result<Self> {
        let mut vocabulary = Self::default();
        let wrong = |path, line, text| Error::VocabularyLine { path, line, text };
        lines.for_each_row(wrong, |line| {
            let entry = line.text.trim_matches(' ').split_once(' ');
            let Some((piece, count)) = entry.and_then(|(piece, n)| Some((piece, n.parse::<u64>().ok()?)))
            else {
                return Ok(false);
            };
            if count >= threshold {
                vocabulary.pieces.insert(piece.into(), ());
            }
            Ok(true)
        })?;
        Ok(vocabulary)
    }

    /// Whether a piece is listed; `piece` is spelt as in segmented text, with its `@@`.
    pub fn contains(&self, piece: &str) -> bool {
        self.pieces.contains_key(piece)
    }

    /// How many pieces are kept.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether no piece is kept.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_frequent_enough_and_names_broken_lines() {
        let vocabulary = Vocabulary::parse("ein 9\nx@@ 5\ny 4\n".as_bytes(), "vocab.de", 5).unwrap();
        assert!(vocabulary.contains("x@@") && vocabulary.contains("ein"));
        assert!(!vocabulary.contains("y") && !vocabulary.contains("x"));
        assert_eq!((vocabulary.len(), vocabulary.is_empty()), (2, false));
        assert_eq!(
            Vocabulary::parse("ein 9\n \n\n".as_bytes(), "v", 0)
                .unwrap()
                .len(),
            1
        );
        for bad in ["", "a", "a b", "a b 3"] {
            let error =
                Vocabulary::parse(format!("a 1\n{bad}\nb 1\n").as_bytes(), "vocab.de", 0).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("vocab.de:2: expected `<piece> <count>`, got {bad:?}")
            );
        }
    }
}
