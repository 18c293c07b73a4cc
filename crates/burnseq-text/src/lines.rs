//! Lines of text files and streams, one after the other.
//!
//! Lines end as in Python's text mode, hence as for fairseq: at `\n`, `\r\n` or a lone `\r`. Lone
//! carriage returns are counted, because they are mostly damage (parallel files lose their
//! alignment) and the caller may want to warn. A byte order mark is kept as part of the first word, as there, unless it
//! is asked to go: [`LineReader::without_byte_order_mark`].
//! Filters in the manner of Unix end lines at `\n` only: [`LineReader::ending_at_newlines`].
//! Text that gzip or zstd compressed is unpacked; other files that are no text are named.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::FileError;
use crate::error::{BadBytes, Error, Result};
use crate::unpack::Unpacked;

/// U+FEFF in UTF-8, which some programs put at the start of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Of the file, for errors.
    pub path: &'a Path,
    /// From 1.
    pub number: u64,
    /// Without its end.
    pub text: &'a str,
}

/// Reads a file or stream line by line; memory is that of the longest line.
///
/// ```
/// # use burnseq_text::LineReader;
/// let mut reader = LineReader::new("ein Hund\r\nzwei\n".as_bytes(), "stdin");
/// assert_eq!(reader.read_line()?, Some("ein Hund"));
/// assert_eq!(reader.read_line()?, Some("zwei"));
/// assert_eq!(reader.read_line()?, None);
/// # Ok::<(), burnseq_text::Error>(())
/// ```
#[derive(Debug)]
pub struct LineReader<R> {
    reader: Unpacked<R>,
    name: PathBuf,
    line: Vec<u8>,
    /// Lines returned so far.
    number: u64,
    /// Bytes consumed so far.
    offset: u64,
    lone_carriage_returns: u64,
    /// `\r` ends a line.
    carriage_returns_end: bool,
    /// A byte order mark does not belong to the first line.
    drops_mark: bool,
    /// The last line ended at `\r`: a `\n` that follows belongs to it.
    after_carriage_return: bool,
    /// What the lines so far tell about bytes that are no UTF-8.
    seen: BadBytes,
}

impl LineReader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(FileError::read(path))?;
        Ok(Self::new(BufReader::with_capacity(1 << 16, file), path))
    }
}

impl<R: BufRead> LineReader<R> {
    /// Reads from a stream; `name` stands for it in errors.
    pub fn new(reader: R, name: impl Into<PathBuf>) -> Self {
        Self {
            reader: Unpacked::new(reader),
            name: name.into(),
            line: Vec::new(),
            number: 0,
            offset: 0,
            lone_carriage_returns: 0,
            carriage_returns_end: true,
            drops_mark: false,
            after_carriage_return: false,
            seen: BadBytes::default(),
        }
    }

    /// Ends lines at `\n` only, and leaves `\r` in them.
    #[must_use]
    pub fn ending_at_newlines(mut self) -> Self {
        self.carriage_returns_end = false;
        self
    }

    /// Leaves out a byte order mark at the start of the text.
    #[must_use]
    pub fn without_byte_order_mark(mut self) -> Self {
        self.drops_mark = true;
        self
    }

    /// The next line without its end, or `None` after the last.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::FileKind`] for a file that is no text, and [`Error::InvalidUtf8`] with the place of the
    /// first bad byte.
    pub fn read_line(&mut self) -> Result<Option<&str>> {
        let Some(start) = self.advance()? else {
            return Ok(None);
        };
        match std::str::from_utf8(&self.line) {
            Ok(line) => {
                self.seen.add(line);
                Ok(Some(line))
            }
            Err(error) => Err(Error::InvalidUtf8 {
                path: self.name.clone(),
                line: self.number,
                offset: start + error.valid_up_to() as u64,
                column: error.valid_up_to() as u64,
                hint: self.seen.hint(&self.line),
            }),
        }
    }

    /// As [`read_line`](Self::read_line), whatever the bytes of the line are.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::FileKind`].
    pub fn read_bytes(&mut self) -> Result<Option<&[u8]>> {
        let found = self.advance()?;
        Ok(found.map(|_| self.line.as_slice()))
    }

    /// Reads the next line into `line`; gives where it starts.
    fn advance(&mut self) -> Result<Option<u64>> {
        self.reader.open(&self.name)?;
        self.line.clear();
        let mut start = self.offset;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FileError::read(&self.name)(source).into()),
            };
            if self.after_carriage_return {
                self.after_carriage_return = false;
                if buffer.first() == Some(&b'\n') {
                    self.reader.consume(1);
                    self.offset += 1;
                    start += 1;
                    continue;
                }
                self.lone_carriage_returns += 1;
            }
            if buffer.is_empty() {
                if self.line.is_empty() {
                    return Ok(None);
                }
                break;
            }
            let ends = |byte: u8| byte == b'\n' || (byte == b'\r' && self.carriage_returns_end);
            if let Some(end) = buffer.iter().position(|&byte| ends(byte)) {
                self.line.extend_from_slice(&buffer[..end]);
                self.after_carriage_return = buffer[end] == b'\r';
                self.reader.consume(end + 1);
                self.offset += end as u64 + 1;
                break;
            }
            let length = buffer.len();
            self.line.extend_from_slice(buffer);
            self.reader.consume(length);
            self.offset += length as u64;
        }
        self.number += 1;
        if self.number == 1 && self.drops_mark && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
            start += BYTE_ORDER_MARK.len() as u64;
        }
        Ok(Some(start))
    }

    /// Calls `visit` with every line.
    ///
    /// # Errors
    /// As [`read_line`](Self::read_line), and what `visit` returns.
    pub(crate) fn for_each_line(mut self, mut visit: impl FnMut(&Line<'_>) -> Result<()>) -> Result<()> {
        let path = self.name.clone();
        let mut number = 0;
        while let Some(text) = self.read_line()? {
            number += 1;
            visit(&Line {
                path: &path,
                number,
                text,
            })?;
        }
        Ok(())
    }

    /// Calls `visit` with every line of a table, whose blank lines at the end do not count. Other blank lines, and those for
    /// which `visit` returns false, are `wrong`: path, number and text of the line.
    ///
    /// # Errors
    /// As [`read_line`](Self::read_line), `wrong`, and what `visit` returns.
    pub(crate) fn for_each_row(
        self,
        wrong: fn(PathBuf, u64, String) -> Error,
        mut visit: impl FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<()> {
        // The first of the blank lines just read.
        let mut blank: Option<(u64, String)> = None;
        self.for_each_line(|line| {
            let Line { path, number, text } = *line;
            if text.trim().is_empty() {
                blank.get_or_insert_with(|| (number, text.to_owned()));
                return Ok(());
            }
            if let Some((number, text)) = blank.take() {
                return Err(wrong(path.to_owned(), number, text));
            }
            if visit(line)? {
                Ok(())
            } else {
                Err(wrong(path.to_owned(), number, text.to_owned()))
            }
        })
    }

    /// Number of the line returned last, counted from 1; 0 before the first.
    pub fn line_number(&self) -> u64 {
        self.number
    }

    /// How many of the lines read so far ended at a `\r` that no `\n` follows; complete once
    /// [`LineReader::read_line`] has returned `None`.
    pub fn lone_carriage_returns(&self) -> u64 {
        self.lone_carriage_returns
    }

    /// The name used in errors.
    pub fn name(&self) -> &Path {
        &self.name
    }
}

impl<R: BufRead> Iterator for LineReader<R> {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_line().map(|line| line.map(str::to_owned)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_file::TextFile;

    const MIXED: &str = "a\nb\r\n\r\nc\rd\n\n\re\r";

    fn streamed(text: &str, capacity: usize) -> (Vec<String>, u64) {
        let mut reader = LineReader::new(BufReader::with_capacity(capacity, text.as_bytes()), "x");
        let lines = reader.by_ref().map(Result::unwrap).collect();
        (lines, reader.lone_carriage_returns())
    }

    #[test]
    fn line_ends_are_those_of_python_text_mode() {
        // Python: list(open("x")) of the same bytes.
        let expected = ["a", "b", "", "c", "d", "", "", "e"];
        for capacity in 1..8 {
            let (lines, lone) = streamed(MIXED, capacity);
            assert_eq!(lines, expected, "buffer of {capacity}");
            assert_eq!(lone, 3);
        }
        let file = TextFile::from_bytes(MIXED.into(), "x");
        let mut lines = file.lines();
        assert_eq!(lines.by_ref().map(Result::unwrap).collect::<Vec<_>>(), expected);
        assert_eq!(lines.lone_carriage_returns(), 3);
    }

    #[test]
    fn filters_end_lines_at_newlines_only() {
        let reader = LineReader::new(MIXED.as_bytes(), "x").ending_at_newlines();
        let lines: Vec<String> = reader.map(Result::unwrap).collect();
        // Python: open("x", newline="\n").
        assert_eq!(lines, ["a", "b\r", "\r", "c\rd", "", "\re\r"]);
    }

    #[test]
    fn last_line_may_lack_its_end_and_a_byte_order_mark_stays() {
        assert_eq!(streamed("\u{feff}a\nb", 16).0, ["\u{feff}a", "b"]);
        assert!(streamed("", 16).0.is_empty());
    }

    #[test]
    fn a_byte_order_mark_goes_where_it_is_asked_to() {
        let bytes = b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n";
        let mut reader =
            LineReader::new(BufReader::with_capacity(1, &bytes[..]), "x").without_byte_order_mark();
        assert_eq!(reader.read_line().unwrap(), Some("a"));
        assert_eq!(reader.read_line().unwrap(), Some("\u{feff}b"));
        let mut reader = LineReader::new(&b"\xef\xbb\xbfa\xff\n"[..], "f").without_byte_order_mark();
        let error = reader.read_line().unwrap_err().to_string();
        assert!(
            error.starts_with("f:1: invalid UTF-8 at byte 4 of the file"),
            "{error}"
        );
        let mut reader = LineReader::new("ab\n".as_bytes(), "x").without_byte_order_mark();
        assert_eq!(reader.read_line().unwrap(), Some("ab"));
    }

    #[test]
    fn bytes_of_any_kind_are_read_when_they_are_asked_for() {
        let mut reader = LineReader::new(&b"a\xff\r\n\0b"[..], "x");
        assert_eq!(reader.read_bytes().unwrap(), Some(&b"a\xff"[..]));
        assert_eq!(reader.read_bytes().unwrap(), Some(&b"\0b"[..]));
        assert_eq!(reader.read_bytes().unwrap(), None);
        assert_eq!(reader.line_number(), 2);
    }

    #[test]
    fn invalid_utf8_names_file_line_and_byte() {
        let bytes = b"ok\r\nfine\nabc\xffd\n";
        let expected = "f.de:3: invalid UTF-8 at byte 12 of the file (byte 3 of the line)";
        let error = LineReader::new(&bytes[..], "f.de").find_map(Result::err).unwrap();
        assert!(error.to_string().starts_with(expected), "{error}");
        let file = TextFile::from_bytes(bytes.to_vec(), "f.de");
        for parts in 1..5 {
            let error = file
                .split(parts)
                .into_iter()
                .flat_map(|range| file.lines_in(range))
                .find_map(Result::err)
                .unwrap();
            assert!(error.to_string().starts_with(expected), "{parts} parts: {error}");
        }
    }
}
