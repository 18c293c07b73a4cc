//! chrF (Popović 2015) and chrF++ (Popović 2017), as sacreBLEU computes them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::{Metric, Statistics};
use crate::ngrams::{count_ngrams, shared};
use crate::score::Score;
use crate::signature::{ReferenceCount, Signature};
use crate::whitespace::{is_blank, words};

/// Settings of [`Chrf`]; the defaults are sacreBLEU's and give chrF2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChrfConfig {
    /// Highest order of character n-grams.
    pub char_order: usize,
    /// Highest order of word n-grams: 0 for chrF, 2 for chrF++.
    pub word_order: usize,
    /// How many times recall weighs as much as precision.
    pub beta: u32,
    /// Whether case is ignored.
    pub lowercase: bool,
    /// Whether blanks count as characters.
    pub whitespace: bool,
    /// Whether absent orders count as 1e-16, as in chrF++.py, Moses and NLTK, and are not left out.
    pub eps_smoothing: bool,
}

impl Default for ChrfConfig {
    fn default() -> Self {
        Self {
            char_order: 6,
            word_order: 0,
            beta: 2,
            lowercase: false,
            whitespace: false,
            eps_smoothing: false,
        }
    }
}

impl ChrfConfig {
    /// chrF++: words and pairs of words beside the characters.
    pub fn plus_plus() -> Self {
        Self {
            word_order: 2,
            ..Self::default()
        }
    }

    /// The metric with these settings.
    ///
    /// # Errors
    /// Both orders are 0.
    pub fn init(self) -> Result<Chrf> {
        if self.char_order + self.word_order == 0 {
            let (setting, rule) = ("char_order + word_order", "at least 1");
            return Err(Error::Setting {
                setting,
                value: "0".to_owned(),
                rule,
            });
        }
        Ok(Chrf { config: self })
    }
}

/// F-score over character (and word) n-grams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chrf {
    config: ChrfConfig,
}

/// What a segment contributes to chrF, by order: characters from 1, then words from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChrfStatistics {
    /// Counts of each order.
    pub orders: Vec<ChrfOrder>,
}

/// N-grams of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChrfOrder {
    /// N-grams of the hypothesis; 0 where the reference has none.
    pub hyp: u64,
    /// N-grams of the reference.
    pub reference: u64,
    /// N-grams of both.
    pub matched: u64,
}

impl Statistics for ChrfStatistics {
    fn add(&mut self, other: &Self) {
        for (sum, order) in self.orders.iter_mut().zip(&other.orders) {
            sum.hyp += order.hyp;
            sum.reference += order.reference;
            sum.matched += order.matched;
        }
    }
}

/// A chrF score.
pub type ChrfScore = Score<()>;

/// Characters and words of a line, ready to be counted.
struct Items<'a> {
    chars: Vec<char>,
    words: Vec<&'a str>,
}

impl<'a> Items<'a> {
    fn of(line: &'a str, config: &ChrfConfig) -> Self {
        let chars = line
            .chars()
            .filter(|&c| config.whitespace || !is_blank(c))
            .collect();
        let words = if config.word_order > 0 {
            separate_punctuation(line)
        } else {
            Vec::new()
        };
        Self { chars, words }
    }
}

/// The words of `line` with one ASCII punctuation mark split off: the last character, else the first
/// (never both, so that `(hi)` becomes `(hi` and `)`).
fn separate_punctuation(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for word in words(line) {
        let (mut from_start, mut from_end) = (word.chars(), word.chars());
        let (first, last) = (from_start.next(), from_end.next_back());
        let is_punctuation = |c: Option<char>| c.is_some_and(|c| c.is_ascii_punctuation());
        // What is left after taking a character off; nothing is left of a single character.
        let (rest, head) = (from_start.as_str(), from_end.as_str());
        if head.is_empty() {
            parts.push(word);
        } else if is_punctuation(last) {
            parts.extend([head, &word[head.len()..]]);
        } else if is_punctuation(first) {
            parts.extend([&word[..word.len() - rest.len()], rest]);
        } else {
            parts.push(word);
        }
    }
    parts
}

impl Chrf {
    /// chrF++.
    pub fn plus_plus() -> Self {
        Self {
            config: ChrfConfig::plus_plus(),
        }
    }

    /// The settings.
    pub fn config(&self) -> &ChrfConfig {
        &self.config
    }

    fn compare(&self, hypothesis: &Items<'_>, reference: &Items<'_>) -> ChrfStatistics {
        fn order<T: Eq + std::hash::Hash>(hyp: &[T], reference: &[T], order: usize) -> ChrfOrder {
            let ngrams = |items: &[T]| (items.len() + 1).saturating_sub(order) as u64;
            let matched = shared(&count_ngrams(hyp, order), &count_ngrams(reference, order));
            let hyp = if ngrams(reference) == 0 { 0 } else { ngrams(hyp) };
            ChrfOrder {
                hyp,
                reference: ngrams(reference),
                matched,
            }
        }
        let chars = 1..=self.config.char_order;
        let words = 1..=self.config.word_order;
        let chars = chars.map(|n| order(&hypothesis.chars, &reference.chars, n));
        let words = words.map(|n| order(&hypothesis.words, &reference.words, n));
        ChrfStatistics {
            orders: chars.chain(words).collect(),
        }
    }

    /// F-score in percent.
    fn f_score(&self, statistics: &ChrfStatistics) -> f64 {
        const EPS: f64 = 1e-16;
        let factor = f64::from(self.config.beta).powi(2);
        let mut sum_of_f = 0.0;
        let (mut precision_sum, mut recall_sum, mut effective) = (0.0, 0.0, 0_u32);
        for &ChrfOrder {
            hyp,
            reference,
            matched,
        } in &statistics.orders
        {
            let share = |of: u64| if of > 0 { matched as f64 / of as f64 } else { EPS };
            let (precision, recall) = (share(hyp), share(reference));
            let weighted = factor * precision + recall;
            sum_of_f += if weighted > 0.0 {
                (1.0 + factor) * precision * recall / weighted
            } else {
                EPS
            };
            if hyp > 0 && reference > 0 {
                precision_sum += precision;
                recall_sum += recall;
                effective += 1;
            }
        }
        if self.config.eps_smoothing {
            return 100.0 * sum_of_f / statistics.orders.len() as f64;
        }
        if effective == 0 || precision_sum + recall_sum == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (
            precision_sum / f64::from(effective),
            recall_sum / f64::from(effective),
        );
        100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
    }
}

impl Metric for Chrf {
    type Statistics = ChrfStatistics;
    type Details = ();

    /// `chrF2`, `chrF2++`, ...: beta, then a plus for each order of words.
    fn name(&self) -> String {
        format!("chrF{}{}", self.config.beta, "+".repeat(self.config.word_order))
    }

    /// Against the reference that gives the best score; the first one of several.
    fn segment_statistics(&self, hypothesis: &str, references: &[&str]) -> ChrfStatistics {
        let cased = |line: &str| {
            if self.config.lowercase {
                line.to_lowercase()
            } else {
                line.to_owned()
            }
        };
        let hypothesis = cased(hypothesis);
        let hypothesis = Items::of(&hypothesis, &self.config);
        let mut best: Option<(f64, ChrfStatistics)> = None;
        for reference in references {
            let reference = cased(reference);
            let statistics = self.compare(&hypothesis, &Items::of(&reference, &self.config));
            let score = self.f_score(&statistics);
            if best.as_ref().is_none_or(|(best, _)| score > *best) {
                best = Some((score, statistics));
            }
        }
        let nothing = ChrfOrder {
            hyp: 0,
            reference: 0,
            matched: 0,
        };
        let order = self.config.char_order + self.config.word_order;
        best.map_or_else(
            || ChrfStatistics {
                orders: vec![nothing; order],
            },
            |(_, best)| best,
        )
    }

    fn evaluate(&self, statistics: &ChrfStatistics) -> (f64, ()) {
        (self.f_score(statistics), ())
    }

    fn signature(&self, references: ReferenceCount) -> Signature {
        Signature::new(references)
            .with_case(self.config.lowercase)
            .with_choice("eff", !self.config.eps_smoothing)
            .with("nc", self.config.char_order)
            .with("nw", self.config.word_order)
            .with_choice("space", self.config.whitespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mark_is_split_off_a_word() {
        let parts = separate_punctuation("(hi) (no -x ! ß; it's");
        assert_eq!(parts, ["(hi", ")", "(", "no", "-", "x", "!", "ß", ";", "it's"]);
    }

    #[test]
    fn the_best_reference_counts() {
        let chrf = Chrf::default();
        let score = chrf
            .sentence_score("abc", &["xyz", "abc"])
            .expect("two references");
        assert_eq!(score.score, 100.0);
        assert_eq!(score.signature().value("nrefs"), Some("2"));
    }

    #[test]
    fn a_metric_without_orders_is_refused() {
        let config = ChrfConfig {
            char_order: 0,
            ..ChrfConfig::default()
        };
        assert!(config.init().is_err());
    }
}
