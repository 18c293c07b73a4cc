//! The file format of dictionaries: `<token> <count>` per line, as fairseq writes and reads it.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::Dictionary;
use crate::atomic::write_atomically;
use crate::error::{Error, Result};
use crate::lines::LineReader;
use crate::whitespace::is_space;

/// Behind the count of a token that is listed twice on purpose: the later line counts.
const OVERWRITE: &str = "#fairseq:overwrite";

impl Dictionary {
    /// Reads a dictionary file.
    ///
    /// # Errors
    /// As [`Dictionary::parse`], and [`Error::Read`] when the file cannot be opened.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(LineReader::open(path)?)
    }

    /// Reads a dictionary from a stream; `name` stands for it in errors.
    ///
    /// A line is split at its last blank, so tokens may hold blanks. `#fairseq:overwrite` behind
    /// the count lets a token appear again; the later line then has its id.
    ///
    /// # Errors
    /// [`Error::DictLine`] and [`Error::DictDuplicate`], which name the line; [`Error::Read`] and
    /// [`Error::InvalidUtf8`].
    pub fn parse(reader: impl BufRead, name: impl Into<PathBuf>) -> Result<Self> {
        Self::read(LineReader::new(reader, name))
    }

    fn read(mut lines: LineReader<impl BufRead>) -> Result<Self> {
        let path = lines.name().to_owned();
        let mut dictionary = Self::new();
        let mut number = 0;
        while let Some(line) = lines.read_line()? {
            number += 1;
            let Some((token, count, overwrite)) = parse_line(line) else {
                return Err(Error::DictLine {
                    path,
                    line: number,
                    text: line.to_owned(),
                });
            };
            match dictionary.index_of(token) {
                Some(id) if !overwrite => {
                    let token = token.to_owned();
                    return Err(Error::DictDuplicate {
                        path,
                        line: number,
                        token,
                        id,
                    });
                }
                _ => dictionary.push_symbol(token, count),
            };
        }
        Ok(dictionary)
    }

    /// Writes the file atomically: it is complete or not there.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path.as_ref(), |writer| write!(writer, "{self}"))
    }
}

/// Token, count and whether the line may overwrite an earlier one.
fn parse_line(line: &str) -> Option<(&str, u64, bool)> {
    let (rest, field) = line.trim_end_matches(is_space).rsplit_once(' ')?;
    let (token, count, overwrite) = if field == OVERWRITE {
        let (token, count) = rest.rsplit_once(' ')?;
        (token, count, true)
    } else {
        (rest, field, false)
    };
    let count = count.parse().ok()?;
    (!token.is_empty()).then_some((token, count, overwrite))
}

/// The content of the file: all symbols but the special ones.
///
/// A token listed again with `#fairseq:overwrite` is written so again, because the file would be
/// refused otherwise (fairseq forgets the mark).
impl fmt::Display for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let overwrites = self.symbols.len() > self.index.len();
        let mut seen = std::collections::HashSet::new();
        if overwrites {
            seen.extend(super::SPECIAL_SYMBOLS);
        }
        for (token, count) in self.iter().skip(self.nspecial()) {
            write!(f, "{token} {count}")?;
            if overwrites && !seen.insert(token) {
                write!(f, " {OVERWRITE}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Dictionary> {
        Dictionary::parse(text.as_bytes(), "dict.de.txt")
    }

    #[test]
    fn lines_are_split_at_the_last_blank() {
        let dictionary = parse("der 12\na b 3\n\u{200b}x\u{a0}y 2 \r\n").unwrap();
        assert_eq!((dictionary.index("a b"), dictionary.count(5)), (5, 3));
        assert_eq!(dictionary.index("\u{200b}x\u{a0}y"), 6);
    }

    #[test]
    fn broken_lines_are_named() {
        for bad in [
            "foo",
            "",
            "foo bar",
            "foo -1",
            " 3",
            "foo 3 #fairseq:overwrit",
            "3 #fairseq:overwrite",
        ] {
            let error = parse(&format!("a 1\n{bad}\nb 1\n")).unwrap_err();
            let expected = format!("dict.de.txt:2: expected `<token> <count>`, got {bad:?}");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn duplicates_are_named_unless_they_overwrite() {
        let error = parse("a 1\nb 2\na 3\n").unwrap_err().to_string();
        assert!(
            error.starts_with("dict.de.txt:3: duplicate token \"a\" (it already has id 4)"),
            "{error}"
        );
        assert!(error.contains("\nhint: "));
        let error = parse("<unk> 1\n").unwrap_err().to_string();
        assert!(
            error.starts_with("dict.de.txt:1: duplicate token \"<unk>\""),
            "{error}"
        );

        let text = "a 1\nb 2\na 3 #fairseq:overwrite\n";
        let dictionary = parse(text).unwrap();
        assert_eq!((dictionary.index("a"), dictionary.len()), (6, 7));
        assert_eq!((dictionary.symbol(4), dictionary.count(6)), ("a", 3));
        assert_eq!(dictionary.to_string(), text);
    }

    #[test]
    fn what_is_saved_loads_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dict.txt");
        let text = "ü 5\na b 3\n#fairseq:overwrite 2\nnul\0byte 1\nmadeupword0000 0\n";
        let dictionary = parse(text).unwrap();
        dictionary.save(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(Dictionary::load(&path).unwrap(), dictionary);
    }

    #[test]
    fn invalid_utf8_and_missing_files_are_errors() {
        let error = Dictionary::parse(&b"a 1\n\xff 2\n"[..], "d").unwrap_err();
        assert!(
            matches!(
                error,
                Error::InvalidUtf8 {
                    line: 2,
                    offset: 4,
                    ..
                }
            ),
            "{error}"
        );
        let error = Dictionary::load("no/such/dict.txt").unwrap_err();
        assert_eq!(error.to_string(), "cannot read no/such/dict.txt");
    }
}
