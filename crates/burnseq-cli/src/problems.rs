//! Several errors that are told together, each with its remedy, so that a command has to be mended only once.

use std::borrow::Cow;
use std::fmt;

use anyhow::Result;

use crate::exit::{code, describe};

/// Errors that were found together.
#[derive(Debug, Default)]
pub struct Problems(Vec<anyhow::Error>);

impl Problems {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; the parts of another collection are added one by one.
    pub fn push(&mut self, error: anyhow::Error) {
        match error.downcast::<Self>() {
            Ok(Self(more)) => self.0.extend(more),
            Err(error) => self.0.push(error),
        }
    }

    /// Adds a message.
    pub fn say(&mut self, message: impl fmt::Display) {
        self.0.push(anyhow::anyhow!("{message}"));
    }

    /// The value, or the error among the others.
    pub fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(error);
                None
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &anyhow::Error> {
        self.0.iter()
    }

    /// Success where there is none; a single one as it is.
    ///
    /// # Errors
    /// All of them.
    pub fn into_result(mut self) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(self.0.remove(0)),
            _ => Err(anyhow::Error::new(self)),
        }
    }

    /// Each of them changed.
    #[must_use]
    pub(crate) fn map(self, change: impl FnMut(anyhow::Error) -> anyhow::Error) -> Self {
        Self(self.0.into_iter().map(change).collect())
    }

    /// The exit code that they end with: 2 where one of them is wrong usage.
    pub(crate) fn code(&self) -> u8 {
        self.0.iter().map(code).max().unwrap_or(1)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks: Vec<String> = self.0.iter().map(describe).collect();
        f.write_str(&blocks.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Characters of a word of the command line that are repeated.
const REPEATED: usize = 100;

/// What a message repeats of a word of the command line: its beginning, where it is very long.
pub(crate) fn cut(word: &str) -> Cow<'_, str> {
    match word.char_indices().nth(REPEATED) {
        Some((end, _)) => format!("{}... ({} characters)", &word[..end], word.chars().count()).into(),
        None => word.into(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::exit::usage;

    #[test]
    fn long_words_are_cut() {
        assert_eq!(cut("transformer"), "transformer");
        let full = "ü".repeat(REPEATED);
        assert_eq!(cut(&full), full);
        assert_eq!(cut(&"ü".repeat(90_000)), format!("{full}... (90000 characters)"));
    }

    #[test]
    fn one_problem_is_itself_and_several_are_told_in_order() {
        assert!(Problems::new().into_result().is_ok());
        let mut problems = Problems::new();
        problems.push(usage(anyhow!("a\nhint: b")));
        assert_eq!(problems.take(Ok(3)), Some(3));
        let single = problems.into_result().unwrap_err();
        assert_eq!(single.to_string(), "a\nhint: b");

        let mut problems = Problems::new();
        problems.push(single);
        problems.say("c");
        let mut more = Problems::new();
        more.push(problems.into_result().unwrap_err());
        assert_eq!(more.iter().count(), 2);
        assert_eq!(more.code(), 2);
        assert_eq!(more.to_string(), "a\nhint: b\nc");
    }
}
