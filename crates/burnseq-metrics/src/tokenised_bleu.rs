//! BLEU on tokens as they are, as `fairseq-score` and `fairseq-generate` print it.
//!
//! It differs from sacreBLEU with tokenizer `none` and without smoothing in three points: there is
//! one reference; a `<unk>` in the reference never matches, not even a `<unk>`; and an empty line
//! counts as one token, its end of sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ngrams::{count_ngrams, shared};
use crate::whitespace::words;

const PAD: &str = "<pad>";
const EOS: &str = "</s>";
const UNK: &str = "<unk>";

/// Orders that are counted, whichever of them is asked for.
const MAX_ORDER: usize = 4;

/// Settings of [`TokenisedBleu`]; the defaults are `fairseq-score`'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenisedBleuConfig {
    /// Highest order of n-grams, 1 to 4.
    pub order: usize,
    /// Whether case is ignored.
    pub ignore_case: bool,
}

impl Default for TokenisedBleuConfig {
    fn default() -> Self {
        Self {
            order: MAX_ORDER,
            ignore_case: false,
        }
    }
}

impl TokenisedBleuConfig {
    /// An empty accumulator with these settings.
    ///
    /// # Errors
    /// `order` is not within 1 to 4.
    pub fn init(self) -> Result<TokenisedBleu> {
        if !(1..=MAX_ORDER).contains(&self.order) {
            let (value, rule) = (self.order.to_string(), "1, 2, 3 or 4");
            return Err(Error::Setting {
                setting: "order",
                value,
                rule,
            });
        }
        Ok(TokenisedBleu {
            config: self,
            ..TokenisedBleu::default()
        })
    }
}

/// Adds up segments and gives their BLEU.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenisedBleu {
    config: TokenisedBleuConfig,
    segments: usize,
    sys_len: u64,
    ref_len: u64,
    matched: [u64; MAX_ORDER],
    total: [u64; MAX_ORDER],
}

impl TokenisedBleu {
    /// An accumulator for `--sentence-bleu`: orders above 1 start with one match of one, so that a
    /// single sentence does not score 0 for want of a 4-gram (Lin and Och 2004).
    ///
    /// # Errors
    /// `order` is not within 1 to 4.
    pub fn for_sentence(config: TokenisedBleuConfig) -> Result<Self> {
        let smoothed = [0, 1, 1, 1];
        Ok(Self {
            matched: smoothed,
            total: smoothed,
            ..config.init()?
        })
    }

    /// Adds a segment given as lines, whose tokens stand between blanks.
    pub fn add_lines(&mut self, reference: &str, hypothesis: &str) {
        let reference: Vec<&str> = words(reference).collect();
        let hypothesis: Vec<&str> = words(hypothesis).collect();
        self.add(&reference, &hypothesis);
    }

    /// Adds a segment given as tokens, without the end of sentence.
    pub fn add<R: AsRef<str>, H: AsRef<str>>(&mut self, reference: &[R], hypothesis: &[H]) {
        if self.config.ignore_case {
            let reference: Vec<_> = reference
                .iter()
                .map(|token| token.as_ref().to_lowercase())
                .collect();
            let hypothesis: Vec<_> = hypothesis
                .iter()
                .map(|token| token.as_ref().to_lowercase())
                .collect();
            self.add_sequences(&sequence(&reference), &sequence(&hypothesis));
        } else {
            self.add_sequences(&sequence(reference), &sequence(hypothesis));
        }
    }

    fn add_sequences(&mut self, reference: &[&str], hypothesis: &[&str]) {
        self.segments += 1;
        self.ref_len += reference.len() as u64;
        self.sys_len += hypothesis.len() as u64;
        for order in 1..=MAX_ORDER.min(hypothesis.len()) {
            let mut allowed = count_ngrams(reference, order);
            allowed.retain(|ngram, _| !ngram.contains(&UNK));
            self.matched[order - 1] += shared(&count_ngrams(hypothesis, order), &allowed);
            self.total[order - 1] += (hypothesis.len() - order + 1) as u64;
        }
    }

    /// Adds what another accumulator with the same settings has counted.
    pub fn merge(&mut self, other: &Self) {
        self.segments += other.segments;
        self.sys_len += other.sys_len;
        self.ref_len += other.ref_len;
        for order in 0..MAX_ORDER {
            self.matched[order] += other.matched[order];
            self.total[order] += other.total[order];
        }
    }

    /// Number of segments added.
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// BLEU of what was added.
    ///
    /// # Errors
    /// Nothing was added.
    pub fn score(&self) -> Result<TokenisedBleuScore> {
        if self.segments == 0 {
            return Err(Error::EmptyCorpus);
        }
        let order = self.config.order;
        let pairs = self.matched.iter().zip(&self.total).take(order);
        let precision = |(&matched, &total): (&u64, &u64)| {
            if total == 0 {
                0.0
            } else {
                matched as f64 / total as f64
            }
        };
        let precisions: Vec<f64> = pairs.map(precision).collect();
        let length_ratio = self.ref_len as f64 / self.sys_len as f64; // a segment has at least one token
        let brevity_penalty = (1.0 - length_ratio).exp().min(1.0);
        // ln 0 is minus infinity, whose exponential is 0.
        let log_mean = precisions.iter().map(|p| p.ln()).sum::<f64>() / order as f64;
        Ok(TokenisedBleuScore {
            score: brevity_penalty * log_mean.exp() * 100.0,
            precisions: precisions.iter().map(|p| p * 100.0).collect(),
            matched: self.matched[..order].to_vec(),
            total: self.total[..order].to_vec(),
            brevity_penalty,
            sys_len: self.sys_len,
            ref_len: self.ref_len,
        })
    }

    /// BLEU of a corpus given as lines.
    ///
    /// # Errors
    /// `order` is not within 1 to 4, no lines, or different numbers of them (fairseq ignores the surplus).
    pub fn corpus_score<H: AsRef<str>, R: AsRef<str>>(
        config: TokenisedBleuConfig,
        hypotheses: &[H],
        references: &[R],
    ) -> Result<TokenisedBleuScore> {
        let mut sum = config.init()?;
        if hypotheses.len() != references.len() {
            let (hypotheses, references) = (hypotheses.len(), references.len());
            return Err(Error::UnequalLines {
                hypotheses,
                references,
                set: 1,
            });
        }
        for (hypothesis, reference) in hypotheses.iter().zip(references) {
            sum.add_lines(reference.as_ref(), hypothesis.as_ref());
        }
        sum.score()
    }
}

/// The tokens that count: padding goes on both sides, ends of sentences on the right. One token
/// always stays, which is the end of sentence if there is no other.
fn sequence<T: AsRef<str>>(tokens: &[T]) -> Vec<&str> {
    let tokens = tokens.iter().map(AsRef::as_ref);
    let mut kept: Vec<&str> = tokens.skip_while(|&token| token == PAD).chain([EOS]).collect();
    while kept.len() > 1 && [PAD, EOS].contains(&kept[kept.len() - 1]) {
        kept.pop();
    }
    kept
}

/// A tokenised BLEU score. [`Display`](fmt::Display) is fairseq's line:
/// `BLEU4 = 34.78, 68.7/43.1/28.9/19.9 (BP=0.963, ratio=0.964, syslen=126387, reflen=131161)`.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenisedBleuScore {
    /// BLEU in percent.
    pub score: f64,
    /// Precisions by order, in percent.
    pub precisions: Vec<f64>,
    /// Matching n-grams by order.
    pub matched: Vec<u64>,
    /// N-grams of the hypotheses by order.
    pub total: Vec<u64>,
    /// Brevity penalty, at most 1.
    pub brevity_penalty: f64,
    /// Tokens of the hypotheses.
    pub sys_len: u64,
    /// Tokens of the references.
    pub ref_len: u64,
}

impl TokenisedBleuScore {
    /// Length of the hypotheses divided by that of the references.
    pub fn ratio(&self) -> f64 {
        self.sys_len as f64 / self.ref_len as f64
    }
}

impl fmt::Display for TokenisedBleuScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precisions: Vec<String> = self.precisions.iter().map(|p| format!("{p:.1}")).collect();
        write!(
            f,
            "BLEU{} = {:.2}, {} (BP={:.3}, ratio={:.3}, syslen={}, reflen={})",
            self.precisions.len(),
            self.score,
            precisions.join("/"),
            self.brevity_penalty,
            self.ratio(),
            self.sys_len,
            self.ref_len,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(reference: &str, hypothesis: &str, order: usize) -> String {
        let config = TokenisedBleuConfig {
            order,
            ignore_case: false,
        };
        let score = TokenisedBleu::corpus_score(config, &[hypothesis], &[reference]);
        score.expect("one line each").to_string()
    }

    #[test]
    fn an_empty_line_is_one_token_that_can_match() {
        let expected = "BLEU1 = 100.00, 100.0 (BP=1.000, ratio=1.000, syslen=1, reflen=1)";
        assert_eq!(line("", " ", 1), expected);
        let expected = "BLEU1 = 0.00, 0.0 (BP=1.000, ratio=1.000, syslen=1, reflen=1)";
        assert_eq!(line("a", "", 1), expected);
    }

    #[test]
    fn an_unknown_word_in_the_reference_never_matches() {
        let expected = "BLEU2 = 0.00, 50.0/0.0 (BP=1.000, ratio=1.000, syslen=2, reflen=2)";
        assert_eq!(line("a <unk>", "a <unk>", 2), expected);
    }

    #[test]
    fn padding_and_ends_of_sentences_do_not_count() {
        assert_eq!(line("a b", "<pad> a b </s> <pad>", 2), line("a b", "a b", 2));
    }

    #[test]
    fn batches_merge_to_the_whole() {
        let mut whole = TokenisedBleu::default();
        let mut batch = TokenisedBleu::default();
        whole.add_lines("a b c d", "a b c d");
        batch.add_lines("e f g h i", "e f g i h");
        whole.add_lines("e f g h i", "e f g i h");
        let mut merged = TokenisedBleu::default();
        merged.add_lines("a b c d", "a b c d");
        merged.merge(&batch);
        assert_eq!(merged, whole);
        assert_eq!(merged.segments(), 2);
    }

    #[test]
    fn impossible_requests_are_errors() {
        let config = TokenisedBleuConfig {
            order: 5,
            ignore_case: false,
        };
        assert_eq!(
            config.init().unwrap_err().to_string(),
            "order is 5; it must be 1, 2, 3 or 4"
        );
        assert_eq!(TokenisedBleu::default().score(), Err(Error::EmptyCorpus));
        let uneven = TokenisedBleu::corpus_score(TokenisedBleuConfig::default(), &["a"], &["a", "b"]);
        assert_eq!(
            uneven,
            Err(Error::UnequalLines {
                hypotheses: 1,
                references: 2,
                set: 1
            })
        );
    }
}
