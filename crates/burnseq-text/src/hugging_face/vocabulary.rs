//! The files that hold vocabulary and merges where there is no `tokenizer.json`.

use std::collections::HashMap;

use crate::error::{Error, Result};

use super::form::{Merge, Vocabulary};

/// A file of a folder: its name for errors, and what it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
}

impl<'a> Content<'a> {
    /// An error of this file.
    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        Error::HuggingFace {
            name: self.name.to_owned(),
            reason: reason.into(),
        }
    }

    /// The text, without the mark at its beginning that some editors write.
    ///
    /// # Errors
    /// When it is not UTF-8.
    fn text(&self) -> Result<&'a str> {
        let text = std::str::from_utf8(self.bytes)
            .map_err(|cause| self.error(format!("not UTF-8 at byte {}", cause.valid_up_to())))?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// The lines, as Python's text mode has them: `\n`, `\r\n` and `\r` end one.
    fn lines(&self) -> Result<impl Iterator<Item = (usize, &'a str)>> {
        let text = self.text()?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let lines = text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .flat_map(|line| line.split('\r'));
        Ok((1..).zip(lines))
    }

    /// The value of a JSON file.
    ///
    /// # Errors
    /// When it is broken, with line and column.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.bytes).map_err(|cause| self.error(cause.to_string()))
    }

    /// The tokens of `vocab.txt`, one a line; the first has id 0.
    ///
    /// # Errors
    /// For empty lines and for tokens that are listed twice.
    pub(super) fn vocab_txt(&self) -> Result<Vocabulary> {
        let mut entries = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (line, token) in self.lines()? {
            if token.is_empty() {
                return Err(self.error(format!("line {line} is empty; each line holds one token")));
            }
            if let Some(first) = known.insert(token, line) {
                return Err(self.error(format!("line {line}: the token {token:?} is on line {first} too")));
            }
            let id = u32::try_from(entries.len()).map_err(|_| self.error("it has too many tokens"))?;
            entries.push((token.to_owned(), id));
        }
        Ok(Vocabulary::Ids(entries))
    }

    /// The tokens of `vocab.json` with their ids.
    ///
    /// # Errors
    /// When it is no such file; [`check_ids`](super::check::check_ids) looks at the ids.
    pub(super) fn vocab_json(&self) -> Result<Vec<(String, u32)>> {
        match self.json()? {
            Vocabulary::Ids(entries) => Ok(entries),
            Vocabulary::Scores(_) => Err(self.error("expected tokens with their ids, got a list")),
        }
    }

    /// The merges of `merges.txt`, those of the highest rank first. A first line that begins with `#version` says nothing.
    ///
    /// # Errors
    /// For lines that are no merge.
    pub(super) fn merges_txt(&self) -> Result<Vec<Merge>> {
        let mut merges = Vec::new();
        for (line, text) in self.lines()? {
            if text.is_empty() || (line == 1 && text.starts_with("#version")) {
                continue;
            }
            let merge = Merge::parse(text).ok_or_else(|| {
                self.error(format!(
                    "line {line}: expected a merge `<left> <right>`, got {text:?}"
                ))
            })?;
            merges.push(merge);
        }
        Ok(merges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Content<'_> {
        Content {
            name: "folder/file",
            bytes,
        }
    }

    #[test]
    fn tokens_are_numbered_by_their_lines() {
        let vocabulary = content("[PAD]\r\na\n##ü\n".as_bytes()).vocab_txt().unwrap();
        let entries: Vec<_> = vocabulary.iter().collect();
        assert_eq!(entries, [("[PAD]", 0), ("a", 1), ("##ü", 2)]);
    }

    #[test]
    fn lines_that_are_wrong_are_named() {
        let vocab = |bytes| content(bytes).vocab_txt().unwrap_err().to_string();
        assert_eq!(
            vocab(b"a\nb\na\n"),
            "folder/file: line 3: the token \"a\" is on line 1 too"
        );
        assert!(vocab(b"a\n\nb").contains("line 2 is empty"));
        assert!(vocab(b"a\n\xff").contains("not UTF-8 at byte 2"));
        let merges = content(b"#version: 0.2\na b\nab\n").merges_txt().unwrap_err();
        assert!(
            merges
                .to_string()
                .contains("line 3: expected a merge `<left> <right>`, got \"ab\"")
        );
        for bytes in [&b"[1]"[..], b"{\"a\": -1}", b"{\"a\": 1"] {
            assert!(content(bytes).vocab_json().is_err());
        }
    }
}
