//! A text file mapped into memory, for workers that read ranges of its lines in parallel.
//!
//! Lines end where [`LineReader`](crate::LineReader) ends them.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::FileError;
use crate::error::{BadBytes, Error, Result};
use crate::unpack::unpack;

/// A text file mapped into memory, which several workers read at once by ranges of whole lines.
#[derive(Debug)]
pub struct TextFile {
    path: PathBuf,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl TextFile {
    /// Maps a file; what cannot be mapped (a pipe, an empty file) or is compressed is read into memory.
    ///
    /// The file must not be shortened while it is open.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened or read, [`Error::FileKind`] when it is no text.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let error = FileError::read(path);
        let mut file = File::open(path).map_err(error)?;
        let metadata = file.metadata().map_err(error)?;
        let bytes = if metadata.is_file() && metadata.len() > 0 {
            // SAFETY: the map is read-only and private to this value; like every reader of mapped
            // corpora we rely on nobody truncating the file meanwhile, which is documented.
            Bytes::Mapped(unsafe { Mmap::map(&file) }.map_err(error)?)
        } else {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(error)?;
            Bytes::Owned(bytes)
        };
        let mut file = Self {
            path: path.to_owned(),
            bytes,
        };
        if let Some(unpacked) = unpack(file.as_bytes(), path)? {
            file.bytes = Bytes::Owned(unpacked);
        }
        Ok(file)
    }

    /// Text that is in memory already; `name` stands for it in errors.
    pub fn from_bytes(bytes: Vec<u8>, name: impl Into<PathBuf>) -> Self {
        Self {
            path: name.into(),
            bytes: Bytes::Owned(bytes),
        }
    }

    /// The file, as named in errors.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole content.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }

    /// Splits the file into at most `parts` byte ranges of about equal size that begin and end
    /// between lines, cover the file in order, and are not empty (an empty file has none).
    pub fn split(&self, parts: usize) -> Vec<Range<usize>> {
        let bytes = self.as_bytes();
        let parts = parts.max(1);
        let mut ranges = Vec::with_capacity(parts);
        let mut start = 0;
        for part in 1..=parts {
            let aim = (bytes.len() as u128 * part as u128 / parts as u128) as usize;
            let end = next_line_start(bytes, aim);
            if end > start {
                ranges.push(start..end);
                start = end;
            }
        }
        ranges
    }

    /// All lines of the file.
    pub fn lines(&self) -> Lines<'_> {
        self.lines_in(0..self.as_bytes().len())
    }

    /// The lines of a range made by [`TextFile::split`].
    ///
    /// # Panics
    /// When the range reaches beyond the file.
    pub fn lines_in(&self, range: Range<usize>) -> Lines<'_> {
        assert!(
            range.end <= self.as_bytes().len(),
            "{range:?} is beyond the end of the file"
        );
        Lines {
            file: self,
            position: range.start,
            end: range.end,
            lone_carriage_returns: 0,
        }
    }

    /// What to do about bad bytes in a line.
    fn hint(&self, start: usize, length: usize) -> &'static str {
        let mut seen = BadBytes::default();
        for chunk in self.as_bytes()[..start].utf8_chunks() {
            seen.add(chunk.valid());
        }
        seen.hint(&self.as_bytes()[start..start + length])
    }

    /// Number of the line that begins at the byte `offset`, counted from 1.
    ///
    /// It reads all bytes before, so it is meant for error messages.
    pub fn line_number_at(&self, offset: usize) -> u64 {
        let before = &self.as_bytes()[..offset];
        let (mut position, mut lines) = (0, 1);
        while position < before.len() {
            position += split_line(&before[position..]).length_with_end;
            lines += 1;
        }
        lines
    }
}

/// Iterator over lines of a [`TextFile`].
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    file: &'a TextFile,
    position: usize,
    end: usize,
    lone_carriage_returns: u64,
}

impl Lines<'_> {
    /// How many of the lines so far ended at a `\r` that no `\n` follows.
    pub fn lone_carriage_returns(&self) -> u64 {
        self.lone_carriage_returns
    }

    /// Byte offset of the next line in the file.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a str>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = &self.file.as_bytes()[self.position..self.end];
        if bytes.is_empty() {
            return None;
        }
        let start = self.position;
        let split = split_line(bytes);
        self.position += split.length_with_end;
        self.lone_carriage_returns += u64::from(split.lone_carriage_return);
        Some(
            std::str::from_utf8(&bytes[..split.length]).map_err(|error| Error::InvalidUtf8 {
                path: self.file.path.clone(),
                line: self.file.line_number_at(start),
                offset: (start + error.valid_up_to()) as u64,
                column: error.valid_up_to() as u64,
                hint: self.file.hint(start, split.length),
            }),
        )
    }
}

/// The first line of some bytes.
struct Split {
    length: usize,
    length_with_end: usize,
    lone_carriage_return: bool,
}

fn split_line(bytes: &[u8]) -> Split {
    match bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        None => {
            let length = bytes.len();
            Split {
                length,
                length_with_end: length,
                lone_carriage_return: false,
            }
        }
        Some(length) => {
            let crlf = bytes[length] == b'\r' && bytes.get(length + 1) == Some(&b'\n');
            Split {
                length,
                length_with_end: length + 1 + usize::from(crlf),
                lone_carriage_return: bytes[length] == b'\r' && !crlf,
            }
        }
    }
}

/// The first position at or after `aim` where a line begins, or the end.
fn next_line_start(bytes: &[u8], aim: usize) -> usize {
    if aim == 0 || aim >= bytes.len() {
        return aim.min(bytes.len());
    }
    // One byte back, so that an `aim` just behind a line end stays, and one between `\r` and `\n`
    // moves on.
    aim - 1 + split_line(&bytes[aim - 1..]).length_with_end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::LineReader;

    const MIXED: &str = "a\nb\r\n\r\nc\rd\n\n\re\r";

    #[test]
    fn any_split_gives_all_lines_once_and_in_order() {
        let file = TextFile::from_bytes(MIXED.into(), "x");
        let whole: Vec<_> = file.lines().map(Result::unwrap).collect();
        for parts in 0..20 {
            let ranges = file.split(parts);
            assert!(ranges.len() <= parts.max(1));
            let lines: Vec<_> = ranges
                .into_iter()
                .flat_map(|range| file.lines_in(range))
                .map(Result::unwrap)
                .collect();
            assert_eq!(lines, whole, "{parts} parts");
        }
        assert!(TextFile::from_bytes(Vec::new(), "x").split(3).is_empty());
    }

    #[test]
    fn mapped_file_equals_streamed_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.txt");
        std::fs::write(&path, MIXED).unwrap();
        let mapped: Vec<_> = TextFile::open(&path)
            .unwrap()
            .lines()
            .map(|line| line.unwrap().to_owned())
            .collect();
        let streamed: Vec<_> = LineReader::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(mapped, streamed);
        assert!(TextFile::open(dir.path().join("absent")).is_err());
    }
}
