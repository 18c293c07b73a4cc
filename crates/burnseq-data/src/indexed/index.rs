//! The `.idx`: where every sentence lies in its `.bin`, whichever program wrote it.

use std::path::Path;

use memmap2::Mmap;

use super::{Dtype, HEADER, LEGACY_MAGIC, MAGIC, MEGATRON_HEADER, VERSION, legacy};
use crate::error::{Error, Result};

/// An `.idx` that has been checked against its `.bin`.
#[derive(Debug)]
pub(super) struct Index {
    map: Mmap,
    layout: Layout,
    /// First byte of each sentence, where those in the file are wrong; see [`Index::new`].
    starts: Option<Vec<u64>>,
}

/// What the header of an `.idx` says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Number type of the tokens.
    pub dtype: Dtype,
    /// Number of sentences.
    pub len: usize,
    /// Tokens of each sentence.
    pub lengths: Column,
    /// Where each sentence begins in the `.bin`, in units of `unit` bytes.
    pub starts: Column,
    /// Bytes that `starts` counts in.
    pub unit: u64,
    /// How much higher than the token its stored number is.
    pub bias: u32,
}

/// An array of little-endian signed integers somewhere in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its first byte.
    pub at: usize,
    /// Bytes of an integer: 4 or 8.
    pub width: usize,
}

impl Column {
    /// The integer at `index`; the caller has checked that the file is long enough.
    pub(super) fn get(self, bytes: &[u8], index: usize) -> i64 {
        let at = self.at + self.width * index;
        match self.width {
            4 => i64::from(i32::from_le_bytes(fixed(&bytes[at..at + 4]))),
            _ => i64::from_le_bytes(fixed(&bytes[at..at + 8])),
        }
    }
}

impl Index {
    /// Reads the header and checks every sentence: it must follow the one before, and the last one
    /// must end the `.bin`, which has `bin_len` bytes.
    ///
    /// fairseq computes starts as 32-bit integers under numpy 2, so that they wrap around in a
    /// `.bin` of 2 GiB or more (fairseq#5532). The lengths are right, and the starts follow from them.
    ///
    /// # Errors
    /// [`Error::Index`] with what is wrong.
    pub(super) fn new(map: Mmap, idx_path: &Path, bin_len: u64, bin_path: &Path) -> Result<Self> {
        let layout = Layout::read(&map, idx_path)?;
        let bin_error = |problem: String| Error::Index {
            path: bin_path.to_owned(),
            problem,
        };
        let mut end = 0_u64;
        let mut wraps = false;
        for index in 0..layout.len {
            let wrong = |what: String| Error::Index {
                path: idx_path.to_owned(),
                problem: format!("sentence {index} {what}; the file is damaged or foreign"),
            };
            let length = layout.lengths.get(&map, index);
            let length = u64::try_from(length).map_err(|_| wrong(format!("has length {length}")))?;
            let start = layout.starts.get(&map, index);
            let expected = end / layout.unit;
            if u64::try_from(start) != Ok(expected) {
                if start != i64::from(expected as i32) {
                    let unit = if layout.unit == 1 { "byte" } else { "token" };
                    return Err(wrong(format!("starts at {unit} {start}, expected {expected}")));
                }
                wraps = true;
            }
            // Lengths of 64 bits can overflow; no file is as long as that.
            end = length
                .saturating_mul(layout.dtype.size() as u64)
                .saturating_add(end);
            if end > bin_len {
                return Err(bin_error(format!(
                    "is {bin_len} bytes long, but sentence {index} of {} ends at byte {end}; the file is truncated",
                    idx_path.display()
                )));
            }
        }
        if end != bin_len {
            return Err(bin_error(format!(
                "is {bin_len} bytes long, but the {} sentences of {} take {end}; the files do not belong together",
                layout.len,
                idx_path.display()
            )));
        }
        let mut index = Self {
            map,
            layout,
            starts: None,
        };
        if wraps {
            index.starts = Some(index.running_starts());
        }
        Ok(index)
    }

    fn running_starts(&self) -> Vec<u64> {
        let size = self.layout.dtype.size() as u64;
        let mut end = 0;
        let start_of = |length: usize| {
            let start = end;
            end += length as u64 * size;
            start
        };
        self.lengths().map(start_of).collect()
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Tokens of sentence `index`.
    pub(super) fn length(&self, index: usize) -> usize {
        self.layout.lengths.get(&self.map, index) as usize
    }

    /// Tokens of every sentence.
    pub(super) fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.layout.len).map(|index| self.length(index))
    }

    /// First byte of sentence `index` in the `.bin`.
    pub(super) fn start(&self, index: usize) -> usize {
        match &self.starts {
            Some(starts) => starts[index] as usize,
            None => self.layout.starts.get(&self.map, index) as usize * self.layout.unit as usize,
        }
    }
}

impl Layout {
    fn read(idx: &[u8], path: &Path) -> Result<Self> {
        let layout = if idx.starts_with(LEGACY_MAGIC) {
            legacy::layout(idx)
        } else if idx.starts_with(MAGIC) {
            mmap_layout(idx)
        } else {
            Err(format!(
                "is not the index of a binarised dataset: expected it to start with {:?} or {:?}, got {:?}",
                MAGIC.escape_ascii().to_string(),
                LEGACY_MAGIC.escape_ascii().to_string(),
                idx[..idx.len().min(MAGIC.len())].escape_ascii().to_string(),
            ))
        };
        layout.map_err(|problem| Error::Index {
            path: path.to_owned(),
            problem,
        })
    }
}

/// fairseq's layout, or Megatron-LM's, which differs in the number of documents behind that of sentences.
fn mmap_layout(idx: &[u8]) -> Result<Layout, String> {
    if idx.len() < HEADER {
        return Err(short_header(HEADER, idx));
    }
    let version = u64_at(idx, 9);
    check_version(version)?;
    let dtype = dtype_of(u64::from(idx[17]))?;
    let len = u64_at(idx, 18);
    let columns = |header: u64| len.checked_mul(12)?.checked_add(header);
    let expected = columns(HEADER as u64);
    let header = if expected == Some(idx.len() as u64) {
        HEADER
    } else if has_documents(idx, columns(MEGATRON_HEADER as u64), len) {
        MEGATRON_HEADER
    } else {
        return Err(wrong_length(idx, len, expected));
    };
    let len = len as usize;
    Ok(Layout {
        dtype,
        len,
        lengths: Column { at: header, width: 4 },
        starts: Column {
            at: header + 4 * len,
            width: 8,
        },
        unit: 1,
        bias: 0,
    })
}

/// Whether the rest of the file is what Megatron-LM writes: a number for each document, and for
/// sentences of several kinds (text, image) a byte for each.
fn has_documents(idx: &[u8], columns_end: Option<u64>, len: u64) -> bool {
    let Some(columns_end) = columns_end.filter(|_| idx.len() >= MEGATRON_HEADER) else {
        return false;
    };
    let documents = u64_at(idx, HEADER).checked_mul(8);
    let end = documents.and_then(|bytes| bytes.checked_add(columns_end));
    let size = idx.len() as u64;
    end.is_some_and(|end| end == size || end.checked_add(len) == Some(size))
}

pub(super) fn check_version(version: u64) -> Result<(), String> {
    if version == VERSION {
        Ok(())
    } else {
        Err(format!("has version {version}; only version {VERSION} is known"))
    }
}

pub(super) fn dtype_of(code: u64) -> Result<Dtype, String> {
    let dtype = u8::try_from(code).ok().and_then(Dtype::from_code);
    dtype.ok_or_else(|| format!("has token type code {code}; expected an integer type: 1-5 or 8-10"))
}

pub(super) fn short_header(expected: usize, idx: &[u8]) -> String {
    format!(
        "is truncated: expected a header of {expected} bytes, got {} bytes",
        idx.len()
    )
}

pub(super) fn wrong_length(idx: &[u8], len: u64, expected: Option<u64>) -> String {
    format!(
        "is {} bytes long, but {len} sentences need {}; the file is truncated or foreign",
        idx.len(),
        expected.map_or("more than a file can hold".to_owned(), |bytes| bytes.to_string()),
    )
}

/// The number at byte `at`; the caller has checked that the file is long enough.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(fixed(&bytes[at..at + 8]))
}

/// `bytes` as an array; the caller cut it to the right length.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice was cut to this length")
}
