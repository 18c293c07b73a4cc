//! Parts of a line that the tokenizer leaves as they stand, such as URLs.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::error::{Error, Result};
use crate::lines::{Line, LineReader};

/// Regular expressions; what they match becomes a token.
///
/// ```
/// # use burnseq_text::moses::{MosesTokenizer, ProtectedPatterns};
/// let patterns = ProtectedPatterns::parse("https?://\\S+\n".as_bytes(), "patterns")?;
/// let tokenizer = MosesTokenizer::new("en").protected_patterns(patterns);
/// assert_eq!(tokenizer.tokenize("(see https://a.b/c?d=e)"), "( see https://a.b/c?d=e)");
/// # Ok::<(), burnseq_text::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ProtectedPatterns {
    patterns: Vec<Regex>,
}

impl ProtectedPatterns {
    /// Reads a pattern per line, in the syntax of the crate `regex`, which is Perl's without
    /// look-around and back references. Empty lines do not count.
    ///
    /// # Errors
    /// As [`ProtectedPatterns::parse`], and [`Error::Io`] when the file cannot be opened.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(LineReader::open(path)?)
    }

    /// As [`ProtectedPatterns::load`] from a stream; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::Pattern`], [`Error::Io`], [`Error::InvalidUtf8`].
    pub fn parse(reader: impl BufRead, name: impl Into<PathBuf>) -> Result<Self> {
        Self::read(LineReader::new(reader, name))
    }

    fn read(lines: LineReader<impl BufRead>) -> Result<Self> {
        let mut patterns = Vec::new();
        lines.for_each_line(|&Line { path, number, text }| {
            if !text.is_empty() {
                patterns.push(Regex::new(text).map_err(|error| Error::Pattern {
                    path: path.to_owned(),
                    line: number,
                    reason: error.to_string(),
                })?);
            }
            Ok(())
        })?;
        Ok(Self { patterns })
    }

    /// The parts of a line in order, and whether each is protected. What a pattern matches is protected wherever the
    /// line holds it, as for Moses; earlier patterns, and earlier matches of one, go first.
    pub(super) fn split<'a>(&self, line: &'a str) -> Vec<(&'a str, bool)> {
        let mut parts = vec![(line, false)];
        let matches = self.patterns.iter().flat_map(|pattern| pattern.find_iter(line));
        for found in matches
            .map(|found| found.as_str())
            .filter(|found| !found.is_empty())
        {
            let mut next = Vec::new();
            for (part, protected) in parts {
                let mut rest = 0;
                for (at, _) in part.match_indices(found).filter(|_| !protected) {
                    next.push((&part[rest..at], false));
                    rest = at + found.len();
                    next.push((&part[at..rest], true));
                }
                next.push((&part[rest..], protected));
            }
            parts = next;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_patterns_go_first_and_the_line_stays_whole() {
        let patterns = ProtectedPatterns::parse("b+\n\n[abc]{2}\n".as_bytes(), "x").unwrap();
        let parts = patterns.split("aabbc-ac");
        let protected: Vec<&str> = parts.iter().filter(|part| part.1).map(|part| part.0).collect();
        assert_eq!(protected, ["aa", "bb", "ac"]);
        assert_eq!(parts.iter().map(|part| part.0).collect::<String>(), "aabbc-ac");
        assert_eq!(ProtectedPatterns::default().split(""), [("", false)]);
        // `b` is protected in `abc` as well, though no pattern matches it there.
        let patterns = ProtectedPatterns::parse(r"\bb\b".as_bytes(), "x").unwrap();
        assert_eq!(patterns.split("b abc").iter().filter(|part| part.1).count(), 2);
    }

    #[test]
    fn broken_patterns_are_named() {
        let error = ProtectedPatterns::parse("a\n(\n".as_bytes(), "patterns").unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("patterns:2: regex parse error"), "{message}");
    }
}
