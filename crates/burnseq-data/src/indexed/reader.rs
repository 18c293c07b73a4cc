//! Reading: both files are mapped, nothing is copied until a sentence is asked for.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::index::Index;
use super::{Dtype, with_suffix};
use crate::error::Result;
use burnseq_text::FileError;

/// Sentences of token ids, read in place from `PREFIX.idx` and `PREFIX.bin`.
#[derive(Debug)]
pub struct IndexedDataset {
    prefix: PathBuf,
    index: Index,
    bin: Mmap,
}

impl IndexedDataset {
    /// Maps `PREFIX.idx` and `PREFIX.bin` and checks that they belong together.
    ///
    /// # Errors
    /// When a file cannot be read, has none of the formats, is shorter or longer than its header
    /// says, or when a sentence lies outside the `.bin`.
    pub fn open(prefix: impl AsRef<Path>) -> Result<Self> {
        let prefix = prefix.as_ref().to_owned();
        let (idx_path, bin_path) = (with_suffix(&prefix, ".idx"), with_suffix(&prefix, ".bin"));
        let idx = map(&idx_path)?;
        let bin = map(&bin_path)?;
        let index = Index::new(idx, &idx_path, bin.len() as u64, &bin_path)?;
        Ok(Self { prefix, index, bin })
    }

    /// Whether `PREFIX.idx` is there.
    pub fn exists(prefix: impl AsRef<Path>) -> bool {
        with_suffix(prefix.as_ref(), ".idx").is_file()
    }

    /// Path without `.idx` and `.bin`.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Sentences.
    pub fn len(&self) -> usize {
        self.index.layout().len
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How tokens are stored.
    pub fn dtype(&self) -> Dtype {
        self.index.layout().dtype
    }

    /// Whether the files have fairseq's older format, of `--dataset-impl cached` and `lazy`.
    pub fn is_legacy(&self) -> bool {
        self.bias() == 1
    }

    /// Tokens of all sentences, `</s>` included.
    pub fn total_tokens(&self) -> usize {
        self.bin.len() / self.dtype().size()
    }

    /// Tokens of sentence `index`, `</s>` included.
    ///
    /// # Panics
    /// When `index` is not below [`IndexedDataset::len`].
    pub fn size(&self, index: usize) -> usize {
        self.assert_inside(index);
        self.index.length(index)
    }

    /// Tokens of every sentence, in order.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.index.lengths()
    }

    /// The tokens of sentence `index`, decoded one by one from the mapped file.
    ///
    /// # Panics
    /// When `index` is not below [`IndexedDataset::len`].
    pub fn tokens(&self, index: usize) -> Tokens<'_> {
        Tokens {
            bytes: self.bytes(index),
            dtype: self.dtype(),
            bias: self.bias(),
        }
    }

    /// Sentence `index`, borrowed from the mapped file when it is stored as `u32`.
    ///
    /// # Panics
    /// When `index` is not below [`IndexedDataset::len`].
    pub fn sentence(&self, index: usize) -> Cow<'_, [u32]> {
        let bytes = self.bytes(index);
        if self.dtype() == Dtype::U32 && self.bias() == 0 && cfg!(target_endian = "little") {
            // SAFETY: every bit pattern is a `u32`, and `align_to` finds the aligned middle.
            let (before, words, after) = unsafe { bytes.align_to::<u32>() };
            if before.is_empty() && after.is_empty() {
                return Cow::Borrowed(words);
            }
        }
        Cow::Owned(self.tokens(index).collect())
    }

    fn bias(&self) -> u32 {
        self.index.layout().bias
    }

    fn bytes(&self, index: usize) -> &[u8] {
        self.assert_inside(index);
        let start = self.index.start(index);
        &self.bin[start..start + self.index.length(index) * self.dtype().size()]
    }

    fn assert_inside(&self, index: usize) {
        assert!(
            index < self.len(),
            "sentence {index} of {}, which has {}",
            self.prefix.display(),
            self.len()
        );
    }
}

/// The tokens of one sentence; see [`IndexedDataset::tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    bytes: &'a [u8],
    dtype: Dtype,
    bias: u32,
}

impl Iterator for Tokens<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (token, rest) = self.bytes.split_at_checked(self.dtype.size())?;
        self.bytes = rest;
        // What would be negative becomes `u32::MAX`, which no dictionary has.
        let token = self.dtype.decode(token).checked_sub(self.bias);
        Some(token.unwrap_or(u32::MAX))
    }

    /// In constant time.
    fn nth(&mut self, n: usize) -> Option<u32> {
        let skipped = n.saturating_mul(self.dtype.size()).min(self.bytes.len());
        self.bytes = &self.bytes[skipped..];
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.bytes.len() / self.dtype.size();
        (len, Some(len))
    }
}

impl ExactSizeIterator for Tokens<'_> {}

fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(FileError::read(path))?;
    // SAFETY: datasets are written under temporary names and renamed, never changed in place;
    // whoever truncates a dataset in use ends the process, as with every mapped file.
    Ok(unsafe { Mmap::map(&file) }.map_err(FileError::read(path))?)
}
