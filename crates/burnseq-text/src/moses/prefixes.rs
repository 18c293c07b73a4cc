//! Words that keep their full stop inside a sentence: abbreviations, titles, initials.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::lines::LineReader;

/// Behind a prefix that counts only before a number, such as `No. 5`.
const NUMERIC_ONLY: &str = "#NUMERIC_ONLY#";

/// English abbreviations that a sentence seldom ends with.
const ENGLISH: &str = "\
    Mr Mrs Ms Dr Prof Rev Hon Fr Sr Jr Bro Messrs Mme Mlle \
    Gen Col Maj Capt Cmdr Lt Sgt Cpl Pvt Adm Brig Gov Sen Sens Rep Reps Pres Supt Insp \
    St Mt Ft Pt Ave Blvd Corp Ltd Bros vs v e.g i.e \
    Jan Feb Mar Apr Aug Sep Sept Oct Nov Dec";

/// English abbreviations before a number.
const ENGLISH_NUMERIC: &str = "No Nos Nr Art Fig Figs Vol Vols Ch Sec pp p";

/// German abbreviations that a sentence seldom ends with.
const GERMAN: &str = "\
    Hr Hrn Fr Frl Dr Drs Prof Dipl Ing Mag Med Phil Jun Sen Mr Mrs Ms Hl St \
    Abb Abk Abs Abt Anm Art Aufl Az Bd Bde Best Bez Bsp bspw bzgl bzw ca dgl ebd eigtl engl etc evtl exkl ff frz geb \
    gegr gem ggf ggfs griech Hrsg hrsg Hs inkl insb insbes ital Jg Jh Kap kath lat Lfg mind Mio möbl Mrd näml Nr Pf \
    Pfd Pkt pp russ sog span Std Stk Str südl syn Tab Tel tgl urspr usf usw Verf vgl Vgl vorm vs wiss zit Zs Ztr zz zzgl";

/// The months that German abbreviates, and its weekdays.
const GERMAN_DATES: &str = "Jan Feb Apr Aug Sep Sept Okt Nov Dez Mo Di Mi Do Fr Sa So";

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
    always: HashSet<Box<str>>,
    before_numbers: HashSet<Box<str>>,
}

impl NonbreakingPrefixes {
    /// The list of a language: our own for `de` and `en`, initials (`A. B. Smith`) for all others.
    pub fn built_in(language: &str) -> Self {
        let mut prefixes = Self::default();
        prefixes
            .always
            .extend(('A'..='Z').map(|initial| String::from(initial).into()));
        match language {
            "en" => {
                prefixes.add(ENGLISH);
                prefixes
                    .before_numbers
                    .extend(ENGLISH_NUMERIC.split_whitespace().map(Into::into));
            }
            "de" => {
                prefixes.add(GERMAN);
                prefixes.add(GERMAN_DATES);
                // Ordinals: days of the month, floors, kings.
                prefixes
                    .always
                    .extend((1..=99).map(|n: u32| n.to_string().into()));
                prefixes.add("II III IV VI VII VIII IX XI XII XIII XIV XV XVI XVII XVIII XIX XX");
            }
            _ => {}
        }
        prefixes
    }

    fn add(&mut self, words: &str) {
        self.always.extend(words.split_whitespace().map(Into::into));
    }

    /// Reads a list in Moses' format: a prefix without its full stop per line, `#NUMERIC_ONLY#`
    /// behind those that count only before a number, `#` before comments.
    ///
    /// # Errors
    /// As [`NonbreakingPrefixes::parse`], and [`Error::Read`](crate::Error::Read) when the file
    /// cannot be opened.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(LineReader::open(path)?)
    }

    /// As [`NonbreakingPrefixes::load`] from a stream; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read) and [`Error::InvalidUtf8`](crate::Error::InvalidUtf8).
    pub fn parse(reader: impl BufRead, name: impl Into<PathBuf>) -> Result<Self> {
        Self::read(LineReader::new(reader, name))
    }

    fn read(mut lines: LineReader<impl BufRead>) -> Result<Self> {
        let mut prefixes = Self::default();
        while let Some(line) = lines.read_line()? {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.strip_suffix(NUMERIC_ONLY) {
                Some(prefix) => prefixes.before_numbers.insert(prefix.trim_end().into()),
                None => prefixes.always.insert(line.into()),
            };
        }
        Ok(prefixes)
    }

    /// Whether `word`, which a full stop follows, keeps it before the word `next`.
    pub fn keeps_full_stop(&self, word: &str, next: &str) -> bool {
        self.always.contains(word)
            || (next.starts_with(|c: char| c.is_ascii_digit()) && self.before_numbers.contains(word))
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.always.len() + self.before_numbers.len()
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_lists_know_the_usual_abbreviations() {
        let keeps = |language: &str, word: &str, next: &str| {
            NonbreakingPrefixes::built_in(language).keeps_full_stop(word, next)
        };
        assert!(keeps("en", "Mrs", "Brown") && !keeps("en", "dog", "Brown"));
        assert!(keeps("en", "No", "5") && !keeps("en", "No", "Really"));
        assert!(keeps("de", "Nr", "X") && keeps("de", "3", "Mai") && !keeps("de", "1999", "Mai"));
        assert!(keeps("fr", "J", "Dupont") && !keeps("fr", "Mr", "Dupont"));
    }

    #[test]
    fn a_file_replaces_the_list() {
        let text = "#comment\n\n Dr \nNo\t#NUMERIC_ONLY#\r\n";
        let prefixes = NonbreakingPrefixes::parse(text.as_bytes(), "x").unwrap();
        assert_eq!((prefixes.len(), prefixes.is_empty()), (2, false));
        assert!(prefixes.keeps_full_stop("Dr", ""));
        assert!(prefixes.keeps_full_stop("No", "1st") && !prefixes.keeps_full_stop("No", ""));
        assert!(!prefixes.keeps_full_stop("A", "B"));
    }
}
