//! One side of a dataset: sentences in memory, or one or more files in a row.

use std::ops::Range;

use crate::dataset_impl::SentenceFile;
use crate::error::{Error, Result};

/// Sentences of token ids, each ending with `</s>`.
#[derive(Debug)]
pub enum Sentences {
    /// Files, one after another: `train`, `train1`, ...
    Files {
        /// The files.
        parts: Vec<SentenceFile>,
        /// Number of the first sentence of each part, and the number of all sentences.
        starts: Vec<usize>,
    },
    /// Sentences made on the spot, such as lines to translate.
    Memory(Vec<Vec<u32>>),
}

impl Sentences {
    /// Files in a row.
    pub fn files(parts: Vec<SentenceFile>) -> Self {
        let mut starts = vec![0];
        for part in &parts {
            starts.push(starts[starts.len() - 1] + part.len());
        }
        Self::Files { parts, starts }
    }

    /// Number of sentences.
    pub fn len(&self) -> usize {
        match self {
            Self::Files { starts, .. } => starts[starts.len() - 1],
            Self::Memory(sentences) => sentences.len(),
        }
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens of sentence `index`, `</s>` included.
    ///
    /// # Panics
    /// When `index` is not below [`Sentences::len`].
    pub fn size(&self, index: usize) -> usize {
        match self {
            Self::Files { parts, starts } => {
                let part = part_of(starts, index);
                parts[part].size(index - starts[part])
            }
            Self::Memory(sentences) => sentences[index].len(),
        }
    }

    /// Calls `each` with every token of sentence `index`.
    ///
    /// # Panics
    /// When `index` is not below [`Sentences::len`].
    pub fn for_each_token(&self, index: usize, each: impl FnMut(u32)) {
        match self {
            Self::Files { parts, starts } => {
                let part = part_of(starts, index);
                parts[part].for_each_token(index - starts[part], each);
            }
            Self::Memory(sentences) => sentences[index].iter().copied().for_each(each),
        }
    }

    /// Calls `each` with the tokens at the places `range` of sentence `index`, whatever its length, in time for the range.
    ///
    /// # Panics
    /// When `index` is not below [`Sentences::len`]; when the sentence has fewer tokens.
    pub fn for_each_token_of(&self, index: usize, range: Range<usize>, each: impl FnMut(u32)) {
        match self {
            Self::Files { parts, starts } => {
                let part = part_of(starts, index);
                parts[part].for_each_token_of(index - starts[part], range, each);
            }
            Self::Memory(sentences) => sentences[index][range].iter().copied().for_each(each),
        }
    }

    /// Sentence `index`.
    ///
    /// # Panics
    /// When `index` is not below [`Sentences::len`].
    pub fn sentence(&self, index: usize) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(self.size(index));
        self.for_each_token(index, |token| tokens.push(token));
        tokens
    }

    /// Line `index` as it was written, when it comes from a text file.
    ///
    /// # Panics
    /// When `index` is not below [`Sentences::len`].
    pub fn text(&self, index: usize) -> Option<&str> {
        match self {
            Self::Files { parts, starts } => {
                let part = part_of(starts, index);
                parts[part].text(index - starts[part])
            }
            Self::Memory(_) => None,
        }
    }

    /// Tokens of all sentences, `</s>` included.
    pub fn total_tokens(&self) -> usize {
        match self {
            Self::Files { parts, .. } => parts.iter().map(SentenceFile::total_tokens).sum(),
            Self::Memory(sentences) => sentences.iter().map(Vec::len).sum(),
        }
    }

    /// Where the sentences come from, for messages; `side` when they are in memory.
    pub(crate) fn name(&self, side: &str) -> String {
        match self {
            Self::Files { parts, .. } => {
                let names: Vec<_> = parts.iter().map(|p| p.path().display().to_string()).collect();
                names.join(", ")
            }
            Self::Memory(_) => side.to_owned(),
        }
    }

    /// Writes the tokens of sentence `index` to `row`, checking them against the dictionary size. A row that is
    /// shorter than the sentence gets its beginning and its last token.
    pub(crate) fn copy_to(&self, index: usize, row: &mut [i64], vocab: usize, side: &str) -> Result<()> {
        let (last, end) = (self.size(index).saturating_sub(1), row.len().saturating_sub(1));
        let mut position = 0;
        let mut foreign = None;
        self.for_each_token(index, |token| {
            if token as usize >= vocab {
                foreign.get_or_insert(token);
            }
            if position < end || position == last {
                row[position.min(end)] = i64::from(token);
            }
            position += 1;
        });
        match foreign {
            None => Ok(()),
            Some(id) => Err(Error::UnknownId {
                sentence: index,
                side: self.name(side),
                id,
                vocab,
            }),
        }
    }
}

/// The part that sentence `index` lies in; empty parts hold none.
fn part_of(starts: &[usize], index: usize) -> usize {
    let len = starts[starts.len() - 1];
    assert!(index < len, "sentence {index} of {len}");
    starts.partition_point(|&start| start <= index) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indexed::{Dtype, IndexedDataset, IndexedWriter};

    #[test]
    fn parts_follow_one_another_and_empty_ones_do_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let parts: [&[&[u32]]; 4] = [&[&[4, 2], &[2]], &[], &[&[5, 6, 2]], &[]];
        let mut mapped = Vec::new();
        for (number, sentences) in parts.iter().enumerate() {
            let prefix = dir.path().join(format!("train{number}"));
            let mut writer = IndexedWriter::create(&prefix, Dtype::U16).unwrap();
            sentences.iter().for_each(|s| writer.push(s).unwrap());
            writer.finish().unwrap();
            mapped.push(SentenceFile::Indexed(IndexedDataset::open(&prefix).unwrap()));
        }
        let mapped = Sentences::files(mapped);
        let memory = Sentences::Memory(vec![vec![4, 2], vec![2], vec![5, 6, 2]]);
        assert_eq!(mapped.len(), 3);
        assert_eq!(mapped.total_tokens(), 6);
        for index in 0..3 {
            assert_eq!(mapped.size(index), memory.size(index));
            assert_eq!(mapped.sentence(index), memory.sentence(index));
        }
    }
}
