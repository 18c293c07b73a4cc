//! The formats that a data folder may have, and files of any of them.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use burnseq_text::Dictionary;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::indexed::IndexedDataset;
use crate::raw::RawDataset;

/// Formats of fairseq's data folders, the values of `--dataset-impl`.
///
/// Reading finds out the format by itself; asking for one makes every other an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetImpl {
    /// Ids in memory-mapped files; what fairseq and we write by default.
    #[default]
    Mmap,
    /// fairseq's older format of ids, once read into memory as a whole.
    Cached,
    /// The same files as `Cached`, once read sentence by sentence.
    Lazy,
    /// Text, which becomes ids when it is opened.
    Raw,
}

impl DatasetImpl {
    /// The names that [`DatasetImpl::from_str`] knows.
    pub const NAMES: &'static str = "mmap, cached, lazy, raw";

    /// Name in the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mmap => "mmap",
            Self::Cached => "cached",
            Self::Lazy => "lazy",
            Self::Raw => "raw",
        }
    }
}

impl fmt::Display for DatasetImpl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DatasetImpl {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let all = [Self::Mmap, Self::Cached, Self::Lazy, Self::Raw];
        let found = all.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| {
            let problem = match name {
                "fasta" => "the format `fasta` (protein sequences) is not supported".to_owned(),
                "huffman" => "the format `huffman` (compressed ids) is not supported".to_owned(),
                _ => format!("unknown dataset format `{name}`"),
            };
            Error::Config(format!("{problem}; choose one of: {}", Self::NAMES))
        })
    }
}

/// One file of sentences in any of the formats.
#[derive(Debug)]
pub enum SentenceFile {
    /// Ids on disk.
    Indexed(IndexedDataset),
    /// Text, and its ids in memory.
    Raw(RawDataset),
}

impl SentenceFile {
    /// Whether there is a file `path` (text) or `path.idx` (ids) of the format asked for.
    pub fn exists(path: &Path, wanted: Option<DatasetImpl>) -> bool {
        let raw = wanted.is_none_or(|wanted| wanted == DatasetImpl::Raw) && path.is_file();
        raw || (wanted != Some(DatasetImpl::Raw) && IndexedDataset::exists(path))
    }

    /// Opens `path.idx`, or `path` when that is asked for or there is nothing else; the dictionary
    /// gives text its ids.
    ///
    /// # Errors
    /// When a file cannot be read, is damaged, or has another format than the one asked for.
    pub fn open(path: &Path, dictionary: &Dictionary, wanted: Option<DatasetImpl>) -> Result<Self> {
        let raw = match wanted {
            Some(wanted) => wanted == DatasetImpl::Raw,
            None => !IndexedDataset::exists(path) && path.is_file(),
        };
        if raw {
            return Ok(Self::Raw(RawDataset::open(path, dictionary)?));
        }
        let indexed = IndexedDataset::open(path)?;
        let (fits, found) = if indexed.is_legacy() {
            let fits = matches!(wanted, None | Some(DatasetImpl::Cached | DatasetImpl::Lazy));
            (fits, DatasetImpl::Cached)
        } else {
            (
                matches!(wanted, None | Some(DatasetImpl::Mmap)),
                DatasetImpl::Mmap,
            )
        };
        match wanted {
            Some(wanted) if !fits => Err(Error::Index {
                path: path.to_owned(),
                problem: format!(
                    "has the format `{found}`, but 'dataset_impl' says `{wanted}`\n\
                     hint: leave out 'dataset_impl'; the format is told from the files"
                ),
            }),
            _ => Ok(Self::Indexed(indexed)),
        }
    }

    /// Sentences.
    pub fn len(&self) -> usize {
        match self {
            Self::Indexed(file) => file.len(),
            Self::Raw(file) => file.len(),
        }
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file, without `.idx` and `.bin`.
    pub fn path(&self) -> &Path {
        match self {
            Self::Indexed(file) => file.prefix(),
            Self::Raw(file) => file.path(),
        }
    }

    /// Tokens of sentence `index`, `</s>` included.
    ///
    /// # Panics
    /// When `index` is not below [`SentenceFile::len`].
    pub fn size(&self, index: usize) -> usize {
        match self {
            Self::Indexed(file) => file.size(index),
            Self::Raw(file) => file.sentence(index).len(),
        }
    }

    /// Calls `each` with every token of sentence `index`.
    ///
    /// # Panics
    /// When `index` is not below [`SentenceFile::len`].
    pub fn for_each_token(&self, index: usize, each: impl FnMut(u32)) {
        match self {
            Self::Indexed(file) => file.tokens(index).for_each(each),
            Self::Raw(file) => file.sentence(index).iter().copied().for_each(each),
        }
    }

    /// Calls `each` with the tokens at the places `range` of sentence `index`.
    ///
    /// # Panics
    /// When `index` is not below [`SentenceFile::len`]; when the sentence has fewer tokens.
    pub fn for_each_token_of(&self, index: usize, range: Range<usize>, each: impl FnMut(u32)) {
        match self {
            Self::Indexed(file) => {
                let tokens = file.tokens(index);
                assert!(
                    range.end <= tokens.len(),
                    "places {range:?} of {} tokens",
                    tokens.len()
                );
                tokens.skip(range.start).take(range.len()).for_each(each);
            }
            Self::Raw(file) => file.sentence(index)[range].iter().copied().for_each(each),
        }
    }

    /// Line `index` as it was written; ids do not tell how unknown words read.
    ///
    /// # Panics
    /// When `index` is not below [`SentenceFile::len`].
    pub fn text(&self, index: usize) -> Option<&str> {
        match self {
            Self::Indexed(_) => None,
            Self::Raw(file) => Some(file.line(index)),
        }
    }

    /// Tokens of all sentences, `</s>` included.
    pub fn total_tokens(&self) -> usize {
        match self {
            Self::Indexed(file) => file.total_tokens(),
            Self::Raw(file) => file.total_tokens(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_format_and_others_are_usage_errors() {
        for name in DatasetImpl::NAMES.split(", ") {
            assert_eq!(name.parse::<DatasetImpl>().unwrap().name(), name);
        }
        for (name, expected) in [
            ("fasta", "protein"),
            ("huffman", "compressed"),
            ("mmpa", "unknown"),
        ] {
            let error = name.parse::<DatasetImpl>().unwrap_err();
            assert!(
                error.is_usage() && error.to_string().contains(expected),
                "{error}"
            );
            assert!(
                error
                    .to_string()
                    .ends_with("choose one of: mmap, cached, lazy, raw"),
                "{error}"
            );
        }
    }
}
