//! Reading: both files are mapped, nothing is copied until a sentence is asked for.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::{Dtype, HEADER, LEGACY_MAGIC, MAGIC, VERSION, with_suffix};
use crate::error::{Error, Result};

/// Sentences of token ids, read in place from `PREFIX.idx` and `PREFIX.bin`.
#[derive(Debug)]
pub struct IndexedDataset {
    prefix: PathBuf,
    idx: Mmap,
    bin: Mmap,
    dtype: Dtype,
    len: usize,
}

impl IndexedDataset {
    /// Maps `PREFIX.idx` and `PREFIX.bin` and checks that they belong together.
    ///
    /// # Errors
    /// When a file cannot be read, is not of this format, is shorter or longer than its header
    /// says, or when a sentence lies outside the `.bin`.
    pub fn open(prefix: impl AsRef<Path>) -> Result<Self> {
        let prefix = prefix.as_ref().to_owned();
        let (idx_path, bin_path) = (with_suffix(&prefix, ".idx"), with_suffix(&prefix, ".bin"));
        let idx = map(&idx_path)?;
        let (dtype, len) = header(&idx, &idx_path)?;
        let bin = map(&bin_path)?;
        let dataset = Self {
            prefix,
            idx,
            bin,
            dtype,
            len,
        };
        dataset.check(&idx_path, &bin_path)?;
        Ok(dataset)
    }

    /// Whether `PREFIX.idx` is there.
    pub fn exists(prefix: impl AsRef<Path>) -> bool {
        with_suffix(prefix.as_ref(), ".idx").is_file()
    }

    /// Every sentence must follow the one before, and the last one must end the `.bin`.
    fn check(&self, idx_path: &Path, bin_path: &Path) -> Result<()> {
        let bin_len = self.bin.len() as u64;
        let mut end = 0_u64;
        for index in 0..self.len {
            let size = self.signed_size(index);
            let offset = self.offset(index);
            let wrong = |what: String| Error::Index {
                path: idx_path.to_owned(),
                problem: format!("sentence {index} {what}; the file is damaged or foreign"),
            };
            if size < 0 {
                return Err(wrong(format!("has length {size}")));
            }
            if u64::try_from(offset) != Ok(end) {
                return Err(wrong(format!("starts at byte {offset}, expected {end}")));
            }
            end += size as u64 * self.dtype.size() as u64;
            if end > bin_len {
                return Err(Error::Index {
                    path: bin_path.to_owned(),
                    problem: format!(
                        "is {bin_len} bytes long, but sentence {index} of {} ends at byte {end}; the file is truncated",
                        idx_path.display()
                    ),
                });
            }
        }
        if end != bin_len {
            return Err(Error::Index {
                path: bin_path.to_owned(),
                problem: format!(
                    "is {bin_len} bytes long, but the {} sentences of {} take {end}; the files do not belong together",
                    self.len,
                    idx_path.display()
                ),
            });
        }
        Ok(())
    }

    /// Path without `.idx` and `.bin`.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Sentences.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How tokens are stored.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Tokens of all sentences, `</s>` included.
    pub fn total_tokens(&self) -> usize {
        self.bin.len() / self.dtype.size()
    }

    /// Tokens of sentence `index`, `</s>` included.
    ///
    /// # Panics
    /// When `index` is not below [`IndexedDataset::len`].
    pub fn size(&self, index: usize) -> usize {
        self.assert_inside(index);
        self.signed_size(index) as usize
    }

    /// Tokens of every sentence, in order.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.len).map(|index| self.signed_size(index) as usize)
    }

    /// The tokens of sentence `index`, decoded one by one from the mapped file.
    ///
    /// # Panics
    /// When `index` is not below [`IndexedDataset::len`].
    pub fn tokens(&self, index: usize) -> Tokens<'_> {
        Tokens {
            bytes: self.bytes(index),
            dtype: self.dtype,
        }
    }

    /// Sentence `index`, borrowed from the mapped file when it is stored as `u32`.
    ///
    /// # Panics
    /// When `index` is not below [`IndexedDataset::len`].
    pub fn sentence(&self, index: usize) -> Cow<'_, [u32]> {
        let bytes = self.bytes(index);
        if self.dtype == Dtype::U32 && cfg!(target_endian = "little") {
            // SAFETY: every bit pattern is a `u32`, and `align_to` finds the aligned middle.
            let (before, words, after) = unsafe { bytes.align_to::<u32>() };
            if before.is_empty() && after.is_empty() {
                return Cow::Borrowed(words);
            }
        }
        Cow::Owned(self.tokens(index).collect())
    }

    fn bytes(&self, index: usize) -> &[u8] {
        self.assert_inside(index);
        let start = self.offset(index) as usize;
        &self.bin[start..start + self.signed_size(index) as usize * self.dtype.size()]
    }

    fn signed_size(&self, index: usize) -> i32 {
        let at = HEADER + 4 * index;
        i32::from_le_bytes(fixed(&self.idx[at..at + 4]))
    }

    fn offset(&self, index: usize) -> i64 {
        let at = HEADER + 4 * self.len + 8 * index;
        i64::from_le_bytes(fixed(&self.idx[at..at + 8]))
    }

    fn assert_inside(&self, index: usize) {
        assert!(
            index < self.len,
            "sentence {index} of {}, which has {}",
            self.prefix.display(),
            self.len
        );
    }
}

/// The tokens of one sentence; see [`IndexedDataset::tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    bytes: &'a [u8],
    dtype: Dtype,
}

impl Iterator for Tokens<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (token, rest) = self.bytes.split_at_checked(self.dtype.size())?;
        self.bytes = rest;
        Some(self.dtype.decode(token))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.bytes.len() / self.dtype.size();
        (len, Some(len))
    }
}

impl ExactSizeIterator for Tokens<'_> {}

/// `bytes` as an array; the caller cut it to the right length.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice was cut to this length")
}

fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(Error::read(path))?;
    // SAFETY: datasets are written under temporary names and renamed, never changed in place;
    // whoever truncates a dataset in use ends the process, as with every mapped file.
    unsafe { Mmap::map(&file) }.map_err(Error::read(path))
}

/// Token type and number of sentences, from the first 26 bytes.
fn header(idx: &[u8], path: &Path) -> Result<(Dtype, usize)> {
    let wrong = |problem: String| Error::Index {
        path: path.to_owned(),
        problem,
    };
    if idx.starts_with(LEGACY_MAGIC) {
        return Err(wrong(
            "is in fairseq's older `cached`/`lazy` format, which is not read\n\
             hint: run `preprocess` again, which writes the `mmap` format"
                .to_owned(),
        ));
    }
    if !idx.starts_with(MAGIC) {
        return Err(wrong(format!(
            "is not the index of a binarised dataset: expected it to start with {:?}, got {:?}",
            MAGIC.escape_ascii().to_string(),
            idx[..idx.len().min(MAGIC.len())].escape_ascii().to_string(),
        )));
    }
    if idx.len() < HEADER {
        return Err(wrong(format!(
            "is truncated: expected a header of {HEADER} bytes, got {} bytes",
            idx.len()
        )));
    }
    let version = u64::from_le_bytes(fixed(&idx[9..17]));
    if version != VERSION {
        return Err(wrong(format!(
            "has version {version}; only version {VERSION} is known"
        )));
    }
    let dtype = Dtype::from_code(idx[17]).ok_or_else(|| {
        wrong(format!(
            "has token type code {}; expected an integer type: 1-5 or 8-10",
            idx[17]
        ))
    })?;
    let len = u64::from_le_bytes(fixed(&idx[18..26]));
    let expected = len
        .checked_mul(12)
        .and_then(|bytes| bytes.checked_add(HEADER as u64));
    if expected != Some(idx.len() as u64) {
        return Err(wrong(format!(
            "is {} bytes long, but {len} sentences need {}; the file is truncated or foreign",
            idx.len(),
            expected.map_or("more than a file can hold".to_owned(), |bytes| bytes.to_string()),
        )));
    }
    Ok((dtype, len as usize))
}
