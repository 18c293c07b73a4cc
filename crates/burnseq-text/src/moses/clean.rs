//! Which pairs of lines are worth training on, as Moses' `clean-corpus-n.perl`.

use crate::error::{Error, Result};

/// Longer words, in characters, are damage.
const LONGEST_WORD: usize = 1000;

/// Limits on the words of a pair of tokenised lines.
///
/// ```
/// # use burnseq_text::moses::CleanCorpus;
/// let clean = CleanCorpus { ratio: 1.5, min: 1, max: 175 };
/// assert_eq!(clean.pair(" ein  | Hund", "a dog"), Some(("ein Hund".into(), "a dog".into())));
/// assert_eq!(clean.pair("a b c d", "a b"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CleanCorpus {
    /// One side may have this many times the words of the other.
    pub ratio: f64,
    /// Fewest words of a side.
    pub min: usize,
    /// Most words of a side.
    pub max: usize,
}

/// The limits in the examples of Moses' manual, with the program's own ratio.
impl Default for CleanCorpus {
    fn default() -> Self {
        Self {
            ratio: 9.0,
            min: 1,
            max: 80,
        }
    }
}

impl CleanCorpus {
    /// Checks the limits.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for limits that no pair can meet.
    pub fn validate(&self) -> Result<()> {
        if self.ratio.is_nan() || self.ratio < 1.0 {
            return Err(Error::option("ratio", "at least 1", self.ratio));
        }
        if self.max == 0 || self.min > self.max {
            let value = format!("{} (min {})", self.max, self.min);
            return Err(Error::option("max", "at least 1 and not below min", value));
        }
        Ok(())
    }

    /// The pair without `|` (which has a meaning in Moses' files) and with single blanks, or `None`
    /// when a side is empty, outside the limits, or holds a word of over a thousand characters.
    pub fn pair(&self, src: &str, tgt: &str) -> Option<(String, String)> {
        let (src, src_words) = self.side(src)?;
        let (tgt, tgt_words) = self.side(tgt)?;
        let ratio = src_words.max(tgt_words) as f64 / src_words.min(tgt_words) as f64;
        (ratio <= self.ratio).then_some((src, tgt))
    }

    fn side(&self, line: &str) -> Option<(String, usize)> {
        let plain = line.replace('|', "");
        let words: Vec<&str> = plain.split_whitespace().collect();
        let fits = !words.is_empty() && (self.min..=self.max).contains(&words.len());
        let damaged = |word: &&str| word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD;
        (fits && !words.iter().any(damaged)).then(|| (words.join(" "), words.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_for_both_sides() {
        let clean = CleanCorpus {
            ratio: 1.5,
            min: 2,
            max: 4,
        };
        let kept = |src: &str, tgt: &str| clean.pair(src, tgt).is_some();
        assert!(kept("a b c", "a b") && kept("a b", "a b c"));
        assert!(!kept("a b c d", "a b") && !kept("a b", "a b c d"));
        assert!(!kept("a", "a b") && !kept("a b c d e", "a b c d"));
        assert!(!kept("| |", "a b") && !kept("", "") && !kept("a b", " "));
    }

    #[test]
    fn words_of_over_a_thousand_characters_are_damage() {
        let clean = CleanCorpus::default();
        assert!(clean.pair(&"ü".repeat(1000), "a").is_some());
        assert!(clean.pair("a", &"y".repeat(1001)).is_none());
    }

    #[test]
    fn impossible_limits_are_refused() {
        CleanCorpus::default().validate().unwrap();
        for (ratio, min, max) in [(0.9, 1, 5), (f64::NAN, 1, 5), (2.0, 6, 5), (2.0, 0, 0)] {
            assert!(CleanCorpus { ratio, min, max }.validate().is_err());
        }
    }
}
