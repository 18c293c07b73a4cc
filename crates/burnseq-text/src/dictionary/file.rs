//! The file format of dictionaries: `<token> <count>` per line, as fairseq writes and reads it.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::Dictionary;
use crate::atomic::write_atomically;
use crate::error::{Error, Result};
use crate::lines::{Line, LineReader};
use crate::moses::is_decimal;
use crate::whitespace::is_space;

/// Behind the count of a token that is listed twice on purpose: the later line counts.
const OVERWRITE: &str = "#fairseq:overwrite";

impl Dictionary {
    /// Reads a dictionary file.
    ///
    /// # Errors
    /// As [`Dictionary::parse`], and [`Error::Io`] when the file cannot be opened.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(LineReader::open(path)?)
    }

    /// Reads a dictionary from a stream; `name` stands for it in errors.
    ///
    /// A line is split at its last blank, so tokens may hold blanks, or be empty. `#fairseq:overwrite` behind
    /// the count lets a token appear again; the later line then has its id. Every line that fairseq takes is taken.
    ///
    /// # Errors
    /// [`Error::DictLine`] and [`Error::DictDuplicate`], which name the line; [`Error::Io`] and
    /// [`Error::InvalidUtf8`].
    pub fn parse(reader: impl BufRead, name: impl Into<PathBuf>) -> Result<Self> {
        Self::read(LineReader::new(reader, name))
    }

    fn read(lines: LineReader<impl BufRead>) -> Result<Self> {
        let mut dictionary = Self::new();
        lines.for_each_line(|&Line { path, number, text }| {
            let path = || path.to_owned();
            let Some((token, count, overwrite)) = parse_line(text) else {
                return Err(Error::DictLine {
                    path: path(),
                    line: number,
                    text: text.to_owned(),
                });
            };
            match dictionary.index_of(token) {
                Some(id) if !overwrite => Err(Error::DictDuplicate {
                    path: path(),
                    line: number,
                    token: token.to_owned(),
                    id,
                }),
                _ => {
                    dictionary.push_symbol(token, count);
                    Ok(())
                }
            }
        })?;
        Ok(dictionary)
    }

    /// Writes the file atomically: it is complete or not there.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidSettings`] for a [vocabulary](Self::is_vocabulary), whose order the file cannot have.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        if self.is_vocabulary() {
            return Err(Error::InvalidSettings(format!(
                "{}: the vocabulary of another program has special symbols elsewhere than fairseq's dictionaries, and no \
                 dict.txt can hold it",
                path.as_ref().display()
            )));
        }
        write_atomically(path.as_ref(), |writer| write!(writer, "{self}"))
    }
}

/// Token, count and whether the line may overwrite an earlier one. The token may be empty, as in fairseq.
fn parse_line(line: &str) -> Option<(&str, i64, bool)> {
    let (rest, field) = line.trim_end_matches(is_space).rsplit_once(' ')?;
    let (token, count, overwrite) = if field == OVERWRITE {
        let (token, count) = rest.rsplit_once(' ')?;
        (token, count, true)
    } else {
        (rest, field, false)
    };
    Some((token, python_int(count)?, overwrite))
}

/// A number as Python's `int` reads it, with a sign, single underscores between digits, and white space around; beyond 64
/// bits it is cut to the nearest number.
fn python_int(text: &str) -> Option<i64> {
    // Python looks at the separators U+001C to U+001F, which are white space elsewhere, in text beyond ASCII only.
    let ascii = text.is_ascii();
    let text = text.trim_matches(|c: char| {
        if ascii {
            matches!(c, '\t'..='\r' | ' ')
        } else {
            is_space(c)
        }
    });
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let mut value: i64 = 0;
    for group in digits.split('_') {
        if group.is_empty() {
            return None;
        }
        for c in group.chars() {
            let digit = decimal_digit(c)?;
            value = value.saturating_mul(10).saturating_add(digit);
        }
    }
    Some(if negative { -value } else { value })
}

/// The value of a decimal digit of any script: they come in blocks from zero to nine.
fn decimal_digit(c: char) -> Option<i64> {
    if c.is_ascii() {
        return c.to_digit(10).map(i64::from);
    }
    if !is_decimal(c) {
        return None;
    }
    let before = (0..c as u32).rev().map_while(char::from_u32);
    i64::try_from(before.take_while(|c| is_decimal(*c)).count() % 10).ok()
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
            "3",
            "foo bar",
            "foo 1.0",
            "foo 1e3",
            "foo 1__0",
            "foo _1",
            "foo - 1 -",
            "foo\t3",
            "foo ½",
            "foo 3 #fairseq:overwrit",
            "3 #fairseq:overwrite",
            "foo  #fairseq:overwrite",
        ] {
            let error = parse(&format!("a 1\n{bad}\nb 1\n")).unwrap_err();
            let expected = format!("dict.de.txt:2: expected `<token> <count>`, got {bad:?}");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn every_odd_line_that_fairseq_loads_loads() {
        // Ids and counts are those of fairseq's `Dictionary.load` of the same file (3d262bb2).
        let text = "a -5\n 3\nb +1_000\nc 007\nd \t4\ne ٣٤\nf 𝟗\ng 99999999999999999999\n\u{feff}h 1\ni\u{a0}j 2\u{85}\r\nk  \
                    5\r3 8 #fairseq:overwrite\u{3000}\n 6 #fairseq:overwrite\n<unk> 0 #fairseq:overwrite\nlast -0";
        let dictionary = parse(text).unwrap();
        let entries: Vec<(&str, i64)> = dictionary.iter().skip(4).collect();
        let expected = [
            ("a", -5),
            ("", 3),
            ("b", 1000),
            ("c", 7),
            ("d", 4),
            ("e", 34),
            ("f", 9),
            ("g", i64::MAX),
            ("\u{feff}h", 1),
            ("i\u{a0}j", 2),
            ("k ", 5),
            ("3", 8),
            ("", 6),
            ("<unk>", 0),
            ("last", 0),
        ];
        assert_eq!(entries, expected);
        assert_eq!(
            (dictionary.index(""), dictionary.index("<unk>"), dictionary.unk()),
            (16, 17, 3)
        );
        assert_eq!(dictionary.index("absent"), 3);
        // An empty token is a token between two blanks.
        assert_eq!(dictionary.decode(&[4, 5, 6]), "a  b");
        assert_eq!(dictionary.decode(&[5, 5]), " ");
        // What is saved loads again, with the same ids.
        assert_eq!(parse(&dictionary.to_string()).unwrap(), dictionary);
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
