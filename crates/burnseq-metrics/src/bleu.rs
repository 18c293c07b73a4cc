//! BLEU (Papineni et al. 2002) on detokenised text, as sacreBLEU computes it.

use bleuscore::ngram::get_token_ngram_counter;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::{Metric, Statistics};
use crate::references::References;
use crate::score::Score;
use crate::signature::{ReferenceCount, Signature};
use crate::smoothing::{Smoothed, Smoothing};
use crate::tokenizers::Tokenizer;
use crate::whitespace::trim_end;

/// Settings of [`Bleu`]; the defaults are sacreBLEU's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BleuConfig {
    /// How lines become tokens.
    pub tokenizer: Tokenizer,
    /// Whether case is ignored.
    pub lowercase: bool,
    /// What happens to orders without a match.
    pub smoothing: Smoothing,
    /// Whether orders for which the hypotheses have no n-gram are left out; meant for single sentences.
    pub effective_order: bool,
    /// Highest order of n-grams, at least 1.
    pub max_ngram_order: usize,
}

impl Default for BleuConfig {
    fn default() -> Self {
        Self {
            tokenizer: Tokenizer::default(),
            lowercase: false,
            smoothing: Smoothing::default(),
            effective_order: false,
            max_ngram_order: 4,
        }
    }
}

impl BleuConfig {
    /// The metric with these settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn init(self) -> Result<Bleu> {
        if self.max_ngram_order == 0 {
            let rule = "at least 1";
            return Err(Error::Setting {
                setting: "max_ngram_order",
                value: "0".to_owned(),
                rule,
            });
        }
        self.smoothing.validate()?;
        Ok(Bleu { config: self })
    }
}

/// BLEU of detokenised text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bleu {
    config: BleuConfig,
}

/// What a segment contributes to BLEU; also what validation adds up over batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BleuStatistics {
    /// Tokens of the hypothesis.
    pub hyp_len: u64,
    /// Tokens of the reference whose length is closest, the shorter one of two.
    pub ref_len: u64,
    /// N-grams, by order from 1, that the references have too, clipped by the most frequent use in one reference.
    pub correct: Vec<u64>,
    /// N-grams of the hypothesis, by order from 1.
    pub total: Vec<u64>,
}

impl Statistics for BleuStatistics {
    fn add(&mut self, other: &Self) {
        self.hyp_len += other.hyp_len;
        self.ref_len += other.ref_len;
        let pairs = self.correct.iter_mut().zip(&other.correct);
        pairs
            .chain(self.total.iter_mut().zip(&other.total))
            .for_each(|(sum, n)| *sum += n);
    }
}

/// A BLEU score.
pub type BleuScore = Score<BleuDetails>;

/// The numbers that BLEU is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct BleuDetails {
    /// Matching n-grams by order, including what add-k smoothing adds.
    pub counts: Vec<f64>,
    /// N-grams of the hypotheses by order, including what add-k smoothing adds.
    pub totals: Vec<f64>,
    /// Smoothed precisions by order, in percent.
    pub precisions: Vec<f64>,
    /// Brevity penalty, at most 1.
    pub brevity_penalty: f64,
    /// Tokens of the hypotheses.
    pub hyp_len: u64,
    /// Tokens of the closest references.
    pub ref_len: u64,
}

impl BleuDetails {
    /// Length of the hypotheses divided by that of the references; 0 without reference tokens.
    pub fn ratio(&self) -> f64 {
        if self.ref_len == 0 {
            0.0
        } else {
            self.hyp_len as f64 / self.ref_len as f64
        }
    }
}

impl Bleu {
    /// The settings.
    pub fn config(&self) -> &BleuConfig {
        &self.config
    }

    fn tokens(&self, line: &str) -> Vec<String> {
        if self.config.lowercase {
            self.config.tokenizer.tokenize(trim_end(&line.to_lowercase()))
        } else {
            self.config.tokenizer.tokenize(trim_end(line))
        }
    }
}

impl Metric for Bleu {
    type Statistics = BleuStatistics;
    type Details = BleuDetails;

    fn name(&self) -> String {
        "BLEU".to_owned()
    }

    fn segment_statistics(&self, hypothesis: &str, references: &[&str]) -> BleuStatistics {
        let order = self.config.max_ngram_order;
        let hypothesis = self.tokens(hypothesis);
        let references: Vec<Vec<String>> = references.iter().map(|line| self.tokens(line)).collect();

        // Each n-gram may match as often as in the reference that uses it most.
        let mut allowed = get_token_ngram_counter(references.first().map_or(&[], |r| r), order);
        for reference in references.iter().skip(1) {
            for (ngram, count) in get_token_ngram_counter(reference, order) {
                let most = allowed.entry(ngram).or_insert(0);
                *most = count.max(*most);
            }
        }
        let mut correct = vec![0; order];
        let mut total = vec![0; order];
        for (ngram, count) in get_token_ngram_counter(&hypothesis, order) {
            total[ngram.len() - 1] += count as u64;
            correct[ngram.len() - 1] += allowed.get(ngram).map_or(0, |&most| count.min(most)) as u64;
        }

        let hyp_len = hypothesis.len();
        let closest = references
            .iter()
            .map(Vec::len)
            .min_by_key(|&len| (len.abs_diff(hyp_len), len));
        BleuStatistics {
            hyp_len: hyp_len as u64,
            ref_len: closest.unwrap_or(0) as u64,
            correct,
            total,
        }
    }

    fn evaluate(&self, statistics: &BleuStatistics) -> (f64, BleuDetails) {
        let BleuStatistics {
            hyp_len,
            ref_len,
            correct,
            total,
        } = statistics;
        let (hyp_len, ref_len) = (*hyp_len, *ref_len);
        let brevity_penalty = match hyp_len {
            _ if hyp_len >= ref_len => 1.0,
            0 => 0.0,
            _ => (1.0 - ref_len as f64 / hyp_len as f64).exp(),
        };
        let order = correct.len();
        // No match at all is 0 whatever the smoothing; the counts stay as they are.
        let matched = correct.iter().any(|&n| n > 0);
        let smoothing = if matched {
            self.config.smoothing
        } else {
            Smoothing::None
        };
        let Smoothed {
            counts,
            totals,
            precisions,
            effective_order,
        } = smoothing.apply(correct, total);

        let order = if self.config.effective_order {
            effective_order
        } else {
            order
        };
        let score = if matched {
            let log_sum: f64 = precisions[..order].iter().map(|&p| log_or_floor(p)).sum();
            brevity_penalty * (log_sum / order as f64).exp()
        } else {
            0.0
        };
        let details = BleuDetails {
            counts,
            totals,
            precisions,
            brevity_penalty,
            hyp_len,
            ref_len,
        };
        (score, details)
    }

    fn verbose(&self, details: &BleuDetails) -> String {
        let precisions: Vec<String> = details.precisions.iter().map(|p| format!("{p:.1}")).collect();
        format!(
            "{} (BP = {:.3} ratio = {:.3} hyp_len = {} ref_len = {})",
            precisions.join("/"),
            details.brevity_penalty,
            details.ratio(),
            details.hyp_len,
            details.ref_len,
        )
    }

    fn signature(&self, references: ReferenceCount) -> Signature {
        Signature::new(references)
            .with_case(self.config.lowercase)
            .with_choice("eff", self.config.effective_order)
            .with("tok", self.config.tokenizer)
            .with("smooth", self.config.smoothing)
    }
}

/// Natural logarithm, with a number in place of minus infinity that makes the score 0.
fn log_or_floor(x: f64) -> f64 {
    if x == 0.0 { -9_999_999_999.0 } else { x.ln() }
}

/// sacreBLEU's default: case-sensitive BLEU-4 of detokenised text, `13a`, `exp`.
///
/// `references[r][i]` is reference `r` of hypothesis `i`.
///
/// # Errors
/// An empty corpus, or references that are not aligned with the hypotheses.
pub fn sacrebleu<H, T, R>(hypotheses: &[H], references: &[T]) -> Result<BleuScore>
where
    H: AsRef<str> + Sync,
    T: AsRef<[R]>,
    R: AsRef<str>,
{
    Bleu::default().corpus_score(hypotheses, &References::from_streams(references)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_scores_100_against_itself() {
        let lines = ["Nobody had seen the grey cat.", "It slept under the old boat."];
        let score = sacrebleu(&lines, &[lines]).expect("aligned");
        assert!((score.score - 100.0).abs() < 1e-9);
        assert_eq!(score.details.ratio(), 1.0);
    }

    #[test]
    fn the_closest_reference_length_counts_and_the_shorter_of_two() {
        let bleu = Bleu::default();
        let statistics = bleu.segment_statistics("1 2 3 4", &["1 2 3 4 5", "1 2 3", "1"]);
        assert_eq!((statistics.hyp_len, statistics.ref_len), (4, 3));
    }

    #[test]
    fn unequal_and_empty_corpora_are_errors() {
        let error = sacrebleu(&["a", "b"], &[["a"]]).unwrap_err();
        assert_eq!(
            error,
            Error::UnequalLines {
                hypotheses: 2,
                references: 1,
                set: 1
            }
        );
        assert_eq!(
            sacrebleu::<&str, Vec<&str>, _>(&[], &[vec![]]),
            Err(Error::EmptyCorpus)
        );
        assert_eq!(
            Bleu::default().sentence_score::<&str>("a", &[]),
            Err(Error::NoReference { line: 1 })
        );
    }

    #[test]
    fn order_zero_is_refused() {
        let config = BleuConfig {
            max_ngram_order: 0,
            ..BleuConfig::default()
        };
        assert_eq!(
            config.init().unwrap_err().to_string(),
            "max_ngram_order is 0; it must be at least 1"
        );
    }
}
