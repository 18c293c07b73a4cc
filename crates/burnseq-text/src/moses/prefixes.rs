//! Words that keep their full stop inside a sentence: abbreviations, titles, initials.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::lines::LineReader;

/// Behind a prefix that counts only before a number, such as `No. 5`.
const NUMERIC_ONLY: &str = "#NUMERIC_ONLY#";

/// The built-in lists; the format is described there.
const BUILT_IN: &str = include_str!("prefixes.txt");

/// The language whose list stands for those that have none.
const FALLBACK: &str = "en";

/// Which words keep their full stop although they do not end a sentence.
///
/// ```
/// # use burnseq_text::moses::NonbreakingPrefixes;
/// let file = "# titles\nDr\n\nNo #NUMERIC_ONLY#\n";
/// let prefixes = NonbreakingPrefixes::parse(file.as_bytes(), "prefixes.en")?;
/// assert!(prefixes.keeps_full_stop("Dr", "Smith"));
/// assert!(prefixes.keeps_full_stop("No", "5"));
/// assert!(!prefixes.keeps_full_stop("No", "Smith"));
/// # Ok::<(), burnseq_text::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NonbreakingPrefixes {
    words: HashMap<Box<str>, Before>,
}

/// What the next word must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Anything,
    Number,
}

impl NonbreakingPrefixes {
    /// The list of a language, named as Moses does (`de`, `en`); English where there is none, as in Moses.
    pub fn built_in(language: &str) -> Self {
        let list = built_in_list(language).or_else(|| built_in_list(FALLBACK));
        let mut prefixes = Self::default();
        for word in list.into_iter().flatten().flat_map(str::split_whitespace) {
            match word.split_once("..") {
                Some((first, last)) => {
                    range(first, last).for_each(|word| prefixes.add(&word, Before::Anything))
                }
                None => match word.strip_suffix('#') {
                    Some(word) => prefixes.add(word, Before::Number),
                    None => prefixes.add(word, Before::Anything),
                },
            }
        }
        prefixes
    }

    /// Whether there is a list for this language.
    pub fn is_built_in(language: &str) -> bool {
        built_in_list(language).is_some()
    }

    fn add(&mut self, word: &str, before: Before) {
        self.words.insert(word.into(), before);
    }

    /// Reads a list in Moses' format: a prefix without its full stop per line, `#NUMERIC_ONLY#`
    /// behind those that count only before a number, `#` before comments.
    ///
    /// As for Moses, a blank behind a prefix is part of it, so that no word is equal to it.
    ///
    /// # Errors
    /// As [`NonbreakingPrefixes::parse`], and [`Error::Io`](crate::Error::Io) when the file
    /// cannot be opened.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(LineReader::open(path)?)
    }

    /// As [`NonbreakingPrefixes::load`] from a stream; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) and [`Error::InvalidUtf8`](crate::Error::InvalidUtf8).
    pub fn parse(reader: impl BufRead, name: impl Into<PathBuf>) -> Result<Self> {
        Self::read(LineReader::new(reader, name))
    }

    fn read(mut lines: LineReader<impl BufRead>) -> Result<Self> {
        let mut prefixes = Self::default();
        while let Some(line) = lines.read_line()? {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let numeric = line.rfind(NUMERIC_ONLY).and_then(|at| {
                let word = &line[..at];
                word.strip_suffix(char::is_whitespace)
            });
            match numeric {
                Some(word) => prefixes.add(word, Before::Number),
                None => prefixes.add(line, Before::Anything),
            }
        }
        Ok(prefixes)
    }

    /// Whether `word`, which a full stop follows, keeps it before the word `next`.
    pub fn keeps_full_stop(&self, word: &str, next: &str) -> bool {
        match self.words.get(word) {
            Some(Before::Anything) => true,
            Some(Before::Number) => next.starts_with(|c: char| c.is_ascii_digit()),
            None => false,
        }
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// The lines of the list of a language.
fn built_in_list(language: &str) -> Option<impl Iterator<Item = &'static str>> {
    let mut lines = BUILT_IN.lines();
    lines.find(|line| {
        let languages = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        languages.is_some_and(|languages| languages.split(' ').any(|known| known == language))
    })?;
    Some(lines.take_while(|line| !line.starts_with('[')))
}

/// All single characters, or all numbers, from the first to the last.
fn range(first: &str, last: &str) -> Box<dyn Iterator<Item = String>> {
    if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse()) {
        return Box::new((first..=last).map(|number| number.to_string()));
    }
    let (first, last) = (first.chars().next(), last.chars().next());
    Box::new(
        first
            .zip(last)
            .into_iter()
            .flat_map(|(first, last)| (first..=last).map(String::from)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_lists_are_those_of_moses() {
        let keeps = |language: &str, word: &str, next: &str| {
            NonbreakingPrefixes::built_in(language).keeps_full_stop(word, next)
        };
        assert!(keeps("en", "Mrs", "Brown") && !keeps("en", "dog", "Brown"));
        assert!(keeps("en", "No", "5") && !keeps("en", "No", "Really"));
        // `z. B.`, `i. d. R.`, `3. Mai`
        for word in ["z", "B", "i", "d", "R", "3", "99", "XIII", "usw", "vgl"] {
            assert!(keeps("de", word, "X"), "{word}");
        }
        assert!(!keeps("de", "100", "Mai") && !keeps("de", "Hund", "Mai"));
        assert!(keeps("fr", "M", "Dupont") && keeps("fr", "chap", "5") && !keeps("fr", "Dr", "Dupont"));
        assert!(keeps("fi", "esim", "X") && keeps("et", "esim", "X") && keeps("ru", "0кг", "X"));
        assert!(keeps("pl", "ust", "5") && !keeps("pl", "ust", "X"));
    }

    #[test]
    fn languages_without_a_list_have_the_english_one() {
        let [english, german, other] = ["en", "de", "xx"].map(NonbreakingPrefixes::built_in);
        assert_eq!(other, english);
        assert_ne!(german, english);
        assert!(NonbreakingPrefixes::is_built_in("de") && NonbreakingPrefixes::is_built_in("mni"));
        for language in ["xx", "", "d", "de fr", "DE"] {
            assert!(!NonbreakingPrefixes::is_built_in(language), "{language}");
        }
    }

    #[test]
    fn every_built_in_list_is_well_formed() {
        let languages = BUILT_IN.lines().filter_map(|line| line.strip_prefix('['));
        let mut lists = 0;
        for language in languages.flat_map(|line| line.trim_end_matches(']').split(' ')) {
            let prefixes = NonbreakingPrefixes::built_in(language);
            assert!(prefixes.len() > 10, "{language}");
            for word in prefixes.words.keys() {
                assert!(
                    !word.contains(['#', '[', ']']) && !word.contains(".."),
                    "{language}: {word}"
                );
            }
            lists += 1;
        }
        assert_eq!(lists, 38);
    }

    #[test]
    fn a_file_replaces_the_list_and_is_read_as_moses_reads_it() {
        let text = "#comment\n\nDr\nEd \nNo\t#NUMERIC_ONLY#\r\nNr #NUMERIC_ONLY# \nb\nb #NUMERIC_ONLY#\n";
        let prefixes = NonbreakingPrefixes::parse(text.as_bytes(), "x").unwrap();
        assert_eq!((prefixes.len(), prefixes.is_empty()), (5, false));
        assert!(prefixes.keeps_full_stop("Dr", ""));
        assert!(prefixes.keeps_full_stop("No", "1st") && !prefixes.keeps_full_stop("No", ""));
        assert!(prefixes.keeps_full_stop("Nr", "1"));
        // The later line counts.
        assert!(prefixes.keeps_full_stop("b", "1") && !prefixes.keeps_full_stop("b", "c"));
        assert!(!prefixes.keeps_full_stop("Ed", "1") && !prefixes.keeps_full_stop("A", "B"));
    }
}
