//! What a user may set about decoding, under fairseq's names.

use serde::{Deserialize, Serialize};

use crate::GenerateError;

/// Options of decoding; the keys are those of `--eval-bleu-args` and the flags of `generate`.
///
/// ```
/// # use burnseq_generate::GenerateOptions;
/// let options: GenerateOptions = serde_json::from_str(r#"{"beam": 4, "lenpen": 0.6, "max_len_a": 1.2}"#).unwrap();
/// assert_eq!((options.beam, options.max_len_b), (4, 200));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerateOptions {
    /// Live hypotheses per sentence; 1 is greedy search.
    pub beam: usize,
    /// Hypotheses returned per sentence, best first; at most `beam`.
    pub nbest: usize,
    /// A hypothesis of `n` tokens, `</s>` included, scores its log-probability divided by `n^lenpen`: above 1 longer
    /// ones gain, below 1 shorter ones.
    pub lenpen: f64,
    /// Taken from the log-probability of `<unk>`, in nats; a negative value favours it.
    pub unkpen: f64,
    /// Fewest tokens of a hypothesis, without `</s>`.
    pub min_len: usize,
    /// The longest hypothesis has `max_len_a * n + max_len_b` tokens without `</s>`, for a source of `n` tokens with
    /// `</s>`. fairseq takes the padded width of the batch for `n`, so that its results depend on the batch.
    pub max_len_a: f64,
    /// See [`max_len_a`](Self::max_len_a).
    pub max_len_b: usize,
    /// Logits are divided by it: above 1 flattens, below 1 sharpens the distribution.
    pub temperature: f64,
    /// Scores are plain sums, not divided by `n^lenpen`.
    pub unnormalized: bool,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            beam: 5,
            nbest: 1,
            lenpen: 1.0,
            unkpen: 0.0,
            min_len: 1,
            max_len_a: 0.0,
            max_len_b: 200,
            temperature: 1.0,
            unnormalized: false,
        }
    }
}

impl GenerateOptions {
    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// The first option that is out of range.
    pub fn validate(&self) -> Result<(), GenerateError> {
        let wrong = |option, value: String, rule: &str| {
            Err(GenerateError::Option {
                option,
                value,
                rule: rule.to_owned(),
            })
        };
        if self.beam == 0 {
            return wrong("--beam", self.beam.to_string(), "must be at least 1");
        }
        if self.nbest == 0 || self.nbest > self.beam {
            let rule = format!("must be between 1 and --beam ({})", self.beam);
            return wrong("--nbest", self.nbest.to_string(), &rule);
        }
        if !self.lenpen.is_finite() {
            return wrong("--lenpen", self.lenpen.to_string(), "must be a finite number");
        }
        if !self.unkpen.is_finite() {
            return wrong("--unkpen", self.unkpen.to_string(), "must be a finite number");
        }
        if !self.max_len_a.is_finite() || self.max_len_a < 0.0 {
            return wrong(
                "--max-len-a",
                self.max_len_a.to_string(),
                "must be 0 or a finite number above it",
            );
        }
        if !self.temperature.is_finite() || self.temperature <= 0.0 {
            return wrong(
                "--temperature",
                self.temperature.to_string(),
                "must be a finite number above 0",
            );
        }
        if self.max_len_a == 0.0 && self.min_len > self.max_len_b {
            let rule = format!(
                "must not be above --max-len-b ({}) when --max-len-a is 0",
                self.max_len_b
            );
            return wrong("--min-len", self.min_len.to_string(), &rule);
        }
        Ok(())
    }

    /// Most tokens, without `</s>`, of the translation of a source of `src_len` tokens with `</s>`, for a model whose
    /// target positions end at `max_target_positions`.
    pub fn max_len(&self, src_len: usize, max_target_positions: usize) -> usize {
        // The sum is cut towards zero as in fairseq; a saturating cast takes care of huge factors.
        let wanted = (self.max_len_a * src_len as f64 + self.max_len_b as f64) as usize;
        wanted.min(max_target_positions.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: GenerateOptions) -> String {
        options.validate().unwrap_err().to_string()
    }

    #[test]
    fn every_range_is_checked() {
        let d = GenerateOptions::default;
        assert!(d().validate().is_ok());
        assert!(refused(GenerateOptions { beam: 0, ..d() }).starts_with("--beam = 0"));
        assert!(refused(GenerateOptions { nbest: 6, ..d() }).contains("--beam (5)"));
        assert!(refused(GenerateOptions { nbest: 0, ..d() }).starts_with("--nbest = 0"));
        assert!(
            refused(GenerateOptions {
                lenpen: f64::NAN,
                ..d()
            })
            .starts_with("--lenpen")
        );
        assert!(
            refused(GenerateOptions {
                unkpen: f64::INFINITY,
                ..d()
            })
            .starts_with("--unkpen")
        );
        assert!(
            refused(GenerateOptions {
                max_len_a: -1.0,
                ..d()
            })
            .starts_with("--max-len-a")
        );
        assert!(
            refused(GenerateOptions {
                temperature: 0.0,
                ..d()
            })
            .starts_with("--temperature")
        );
        assert!(
            refused(GenerateOptions {
                min_len: 9,
                max_len_b: 8,
                ..d()
            })
            .starts_with("--min-len = 9")
        );
        assert!(
            GenerateOptions {
                min_len: 9,
                max_len_b: 8,
                max_len_a: 1.0,
                ..d()
            }
            .validate()
            .is_ok()
        );
    }

    #[test]
    fn the_longest_hypothesis_follows_the_source_and_stays_within_the_positions() {
        let options = GenerateOptions {
            max_len_a: 1.2,
            max_len_b: 10,
            ..GenerateOptions::default()
        };
        assert_eq!(options.max_len(8, 1024), 19); // 1.2 * 8 + 10 = 19.6
        assert_eq!(options.max_len(2000, 1024), 1023);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<GenerateOptions>(r#"{"beams": 4}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `beams`"), "{error}");
    }
}
