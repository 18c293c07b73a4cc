//! Translation edit rate (Snover et al. 2006): edits and block moves per reference word.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::metric::{Metric, Statistics};
use crate::score::Score;
use crate::signature::{ReferenceCount, Signature};
use crate::ter_shift::edits;
use crate::tokenizers::tercom::Tercom;
use crate::whitespace::trim_end;

/// Settings of [`Ter`]; the defaults are sacreBLEU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TerConfig {
    /// Whether XML is unescaped and punctuation is split off words.
    pub normalized: bool,
    /// Whether punctuation is dropped.
    pub no_punct: bool,
    /// Whether `normalized` and `no_punct` also treat East Asian characters.
    pub asian_support: bool,
    /// Whether case counts.
    pub case_sensitive: bool,
}

impl TerConfig {
    /// The metric with these settings.
    pub fn init(self) -> Ter {
        Ter { config: self }
    }
}

/// Translation edit rate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ter {
    config: TerConfig,
}

/// What a segment contributes to TER, and what the rate of a corpus is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TerStatistics {
    /// Edits and shifts that lead to the nearest reference.
    pub edits: u64,
    /// Words of a reference, averaged over all references.
    pub ref_len: f64,
}

impl Statistics for TerStatistics {
    fn add(&mut self, other: &Self) {
        self.edits += other.edits;
        self.ref_len += other.ref_len;
    }
}

/// A TER score, lower is better: edits per 100 reference words; 100 if there are edits and no such words.
pub type TerScore = Score<TerStatistics>;

impl Ter {
    /// The settings.
    pub fn config(&self) -> &TerConfig {
        &self.config
    }

    fn words(&self, line: &str) -> Vec<String> {
        let TerConfig {
            normalized,
            no_punct,
            asian_support,
            case_sensitive,
        } = self.config;
        Tercom {
            normalized,
            no_punct,
            asian_support,
            case_sensitive,
        }
        .tokenize(trim_end(line))
    }

    /// sacreBLEU normalises references twice and hypotheses once, which shows where one pass
    /// makes work for another, as a possessive before a tab does.
    fn reference_words(&self, line: &str) -> Vec<String> {
        let words = self.words(line);
        if self.config.normalized {
            self.words(&words.join(" "))
        } else {
            words
        }
    }
}

impl Metric for Ter {
    type Statistics = TerStatistics;
    type Details = TerStatistics;

    fn name(&self) -> String {
        "TER".to_owned()
    }

    fn segment_statistics(&self, hypothesis: &str, references: &[&str]) -> TerStatistics {
        // Words as numbers: comparing them is what TER spends its time on.
        let mut numbers = HashMap::new();
        let mut number = |words: Vec<String>| -> Vec<usize> {
            let mut next = |word| {
                let fresh = numbers.len();
                *numbers.entry(word).or_insert(fresh)
            };
            words.into_iter().map(&mut next).collect()
        };
        let hypothesis = number(self.words(hypothesis));
        let references: Vec<Vec<usize>> = references
            .iter()
            .map(|line| number(self.reference_words(line)))
            .collect();

        let fewest = references
            .iter()
            .map(|reference| edits(&hypothesis, reference))
            .min();
        let words: usize = references.iter().map(Vec::len).sum();
        TerStatistics {
            edits: fewest.unwrap_or(hypothesis.len() as u64),
            ref_len: words as f64 / references.len().max(1) as f64,
        }
    }

    fn evaluate(&self, statistics: &TerStatistics) -> (f64, TerStatistics) {
        let &TerStatistics { edits, ref_len } = statistics;
        let rate = match edits {
            _ if ref_len > 0.0 => edits as f64 / ref_len,
            0 => 0.0,
            _ => 1.0,
        };
        (100.0 * rate, *statistics)
    }

    fn signature(&self, references: ReferenceCount) -> Signature {
        Signature::new(references)
            .with_case(!self.config.case_sensitive)
            .with("tok", "tercom")
            .with_choice("norm", self.config.normalized)
            .with_choice("punct", !self.config.no_punct)
            .with_choice("asian", self.config.asian_support)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_divided_by_the_average_reference_length() {
        // One substitution to the first reference; (3 + 5) / 2 = 4 words.
        let score = Ter::default()
            .sentence_score("a b x", &["A b c", "d e f g h"])
            .expect("two references");
        assert_eq!(score.score, 25.0);
        assert_eq!(score.line(2), "TER = 25.00");
    }

    #[test]
    fn words_without_a_reference_word_are_all_wrong() {
        let ter = Ter::default();
        assert_eq!(
            ter.sentence_score("a b", &[""]).expect("one reference").score,
            100.0
        );
        assert_eq!(ter.sentence_score("", &[""]).expect("one reference").score, 0.0);
    }

    #[test]
    fn references_are_normalised_twice() {
        let ter = TerConfig {
            normalized: true,
            ..TerConfig::default()
        }
        .init();
        // A tab becomes the blank that a possessive needs, so that `dog's bone` stands against
        // `dog 's bone`: one substitution and one insertion for three words.
        let score = ter
            .sentence_score("dog's\tbone", &["dog's\tbone"])
            .expect("one reference");
        assert!((score.score - 200.0 / 3.0).abs() < 1e-9);
    }
}
