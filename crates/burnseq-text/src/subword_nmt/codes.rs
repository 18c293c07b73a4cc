//! The codes file: the merges in the order they were learnt.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::END_OF_WORD;
use crate::atomic::write_atomically;
use crate::error::{Error, Result};
use crate::lines::LineReader;

/// How words end in the merges of a codes file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodesVersion {
    /// `</w>` is a symbol of its own behind the last character; files without a header.
    V0_1,
    /// `</w>` is glued to the last character; `#version: 0.2`, and fastBPE's three columns.
    #[default]
    V0_2,
}

/// The merges of a BPE model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codes {
    /// How words end.
    pub version: CodesVersion,
    /// Left and right symbol of each merge, the first learnt first.
    pub merges: Vec<(String, String)>,
}

impl Codes {
    /// Reads a codes file of subword-nmt (versions 0.1 and 0.2) or fastBPE.
    ///
    /// # Errors
    /// As [`Codes::parse`], and [`Error::Io`] when the file cannot be opened.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(LineReader::open(path)?)
    }

    /// Reads codes from a stream; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::CodesVersion`], [`Error::CodesLine`], [`Error::Io`], [`Error::InvalidUtf8`].
    pub fn parse(reader: impl BufRead, name: impl Into<PathBuf>) -> Result<Self> {
        Self::read(LineReader::new(reader, name))
    }

    fn read(lines: LineReader<impl BufRead>) -> Result<Self> {
        let mut codes = Self {
            version: CodesVersion::V0_1,
            merges: Vec::new(),
        };
        // Columns of the file, known from its first merge.
        let mut columns = None;
        let wrong = |path, line, text| Error::CodesLine { path, line, text };
        lines.for_each_row(wrong, |line| {
            if line.number == 1 && line.text.starts_with("#version:") {
                let version = line.text.split_whitespace().last().unwrap_or_default();
                codes.version = parse_version(version).ok_or_else(|| Error::CodesVersion {
                    path: line.path.to_owned(),
                    version: version.to_owned(),
                })?;
                columns = Some(2);
                return Ok(true);
            }
            let fields: Vec<&str> = line.text.trim_matches(' ').split(' ').collect();
            let fast_bpe = |count: &str| count.parse::<u64>().is_ok();
            match fields[..] {
                [left, right] if columns != Some(3) && !left.is_empty() && !right.is_empty() => {
                    columns = Some(2);
                    codes.merges.push((left.to_owned(), right.to_owned()));
                }
                [left, right, count] if columns != Some(2) && fast_bpe(count) => {
                    columns = Some(3);
                    codes.version = CodesVersion::V0_2;
                    codes.merges.push((left.to_owned(), right.to_owned()));
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(codes)
    }

    /// Writes the file atomically, as subword-nmt does: with a header for version 0.2.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path.as_ref(), |writer| write!(writer, "{self}"))
    }
}

/// `0.1` or `0.2`, with further `.0` allowed behind.
fn parse_version(version: &str) -> Option<CodesVersion> {
    let mut version = version;
    while let Some(shorter) = version.strip_suffix(".0") {
        version = shorter;
    }
    match version {
        "0.1" => Some(CodesVersion::V0_1),
        "0.2" => Some(CodesVersion::V0_2),
        _ => None,
    }
}

/// The content of the file.
impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.version == CodesVersion::V0_2 {
            writeln!(f, "#version: 0.2")?;
        }
        for (left, right) in &self.merges {
            writeln!(f, "{left} {right}")?;
        }
        Ok(())
    }
}

/// The symbols a word starts from.
pub(crate) fn initial_symbols(version: CodesVersion, word: &str) -> Vec<String> {
    let mut symbols: Vec<String> = word.chars().map(String::from).collect();
    match (version, symbols.last_mut()) {
        (CodesVersion::V0_1, _) => symbols.push(END_OF_WORD.to_owned()),
        (CodesVersion::V0_2, Some(last)) => last.push_str(END_OF_WORD),
        (CodesVersion::V0_2, None) => {}
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Codes> {
        Codes::parse(text.as_bytes(), "codes")
    }

    #[test]
    fn three_formats_are_told_apart() {
        let merges = vec![("a".to_owned(), "b</w>".to_owned())];
        let new = parse("#version: 0.2\na b</w>\n").unwrap();
        assert_eq!(
            new,
            Codes {
                version: CodesVersion::V0_2,
                merges: merges.clone()
            }
        );
        let old = parse("a b</w>\n").unwrap();
        assert_eq!(
            old,
            Codes {
                version: CodesVersion::V0_1,
                merges
            }
        );
        assert_eq!(parse("a b</w> 17\n").unwrap(), new);
        for codes in [old, new] {
            assert_eq!(parse(&codes.to_string()).unwrap(), codes);
        }
    }

    #[test]
    fn blank_lines_at_the_end_do_not_count() {
        let codes = parse("#version: 0.2\na b\n").unwrap();
        for end in ["\n", "\n\n\n", " \n", "\r\n\r\n", "\t"] {
            assert_eq!(
                parse(&format!("#version: 0.2\na b\n{end}")).unwrap(),
                codes,
                "{end:?}"
            );
        }
        assert_eq!(parse("a b 17\n\n").unwrap(), codes);
        assert_eq!(parse("\n").unwrap().merges, []);
    }

    #[test]
    fn broken_lines_and_versions_are_named() {
        for bad in ["", "a", "a b c", "a b 3", "a b c d"] {
            let error = parse(&format!("#version: 0.2\na b\n{bad}\nc d\n")).unwrap_err();
            let expected = format!("codes:3: expected a merge `<left> <right>`, got {bad:?}");
            assert_eq!(error.to_string(), expected);
        }
        let error = parse("#version: 0.3\na b\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "codes:1: unknown version \"0.3\" of BPE codes; known are 0.1 and 0.2"
        );
    }

    #[test]
    fn saved_codes_load_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("codes");
        let codes = parse("#version: 0.2\n\u{a0} b\nü ß</w>\n").unwrap();
        codes.save(&path).unwrap();
        assert_eq!(Codes::load(&path).unwrap(), codes);
    }
}
