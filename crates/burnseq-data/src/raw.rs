//! Text that stands in a data folder as it is, fairseq's `--dataset-impl raw`: it becomes token ids
//! when it is opened, and the lines stay at hand.

use std::path::{Path, PathBuf};

use burnseq_text::{Dictionary, LineReader};

use crate::error::Result;
use crate::lines::Lines;

/// A text file with the ids that a dictionary gives its words.
#[derive(Debug)]
pub struct RawDataset {
    path: PathBuf,
    lines: Lines,
    tokens: Vec<u32>,
    /// Where each sentence ends in `tokens`.
    ends: Vec<usize>,
}

impl RawDataset {
    /// Reads a file, one sentence per line with white space between the tokens.
    ///
    /// # Errors
    /// When the file cannot be read or is not UTF-8.
    pub fn open(path: impl AsRef<Path>, dictionary: &Dictionary) -> Result<Self> {
        let mut reader = LineReader::open(&path)?;
        let mut dataset = Self {
            path: path.as_ref().to_owned(),
            lines: Lines::default(),
            tokens: Vec::new(),
            ends: Vec::new(),
        };
        while let Some(line) = reader.read_line()? {
            dataset.lines.push(line);
            dataset.tokens.extend(dictionary.tokens(line).map(|(_, id)| id));
            dataset.tokens.push(dictionary.eos());
            dataset.ends.push(dataset.tokens.len());
        }
        Ok(dataset)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sentences.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Line `index` as the file has it.
    ///
    /// # Panics
    /// When `index` is not below [`RawDataset::len`].
    pub fn line(&self, index: usize) -> &str {
        self.lines.line(index)
    }

    /// Tokens of sentence `index`, `</s>` included.
    ///
    /// # Panics
    /// When `index` is not below [`RawDataset::len`].
    pub fn sentence(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.tokens[start..self.ends[index]]
    }

    /// Tokens of all sentences, `</s>` included.
    pub fn total_tokens(&self) -> usize {
        self.tokens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_ids_and_stay_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train.de-en.de");
        std::fs::write(&path, "ein  Hund\n\nein Tier\r\n").unwrap();
        let mut dictionary = Dictionary::new();
        dictionary.add_symbol("ein", 1);
        dictionary.add_symbol("Hund", 1);
        let raw = RawDataset::open(&path, &dictionary).unwrap();
        assert_eq!((raw.len(), raw.total_tokens()), (3, 7));
        assert_eq!(raw.sentence(0), [4, 5, 2]);
        assert_eq!(raw.sentence(1), [2]);
        assert_eq!(raw.sentence(2), [4, 3, 2]);
        assert_eq!(raw.line(0), "ein  Hund");
        assert_eq!(raw.line(2), "ein Tier");
    }
}
