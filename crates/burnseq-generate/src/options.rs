//! What a user may set about decoding, under fairseq's names.

use serde::{Deserialize, Deserializer, Serialize};

use burnseq_model::{Dropout, DropoutModule};

use crate::GenerateError;

/// Whether lexical constraints must occur in the order in which they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintOrder {
    /// In this order.
    Ordered,
    /// In any order.
    Unordered,
}

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
    /// Hypotheses have as many tokens before `</s>` as the source has with it, as in fairseq; the end costs nothing then.
    pub match_source_len: bool,
    /// No sequence of so many tokens occurs twice in a hypothesis; 0: any may.
    pub no_repeat_ngram_size: usize,
    /// Hypotheses are drawn at random, `beam` of them, instead of searched for.
    pub sampling: bool,
    /// Sampling draws from the so many likeliest tokens; a value below 1 is none.
    #[serde(deserialize_with = "count")]
    pub sampling_topk: Option<usize>,
    /// Sampling draws from the fewest tokens whose probabilities reach this sum; 0 and below is none.
    #[serde(deserialize_with = "positive")]
    pub sampling_topp: Option<f64>,
    /// The beam is split into so many groups that avoid each other's tokens; a value below 1 is none. Divides `beam`.
    #[serde(deserialize_with = "count")]
    pub diverse_beam_groups: Option<usize>,
    /// What a token that another group has chosen costs, in nats.
    pub diverse_beam_strength: f64,
    /// What each rank among the continuations of one hypothesis costs, in nats; 0 and below is none.
    #[serde(deserialize_with = "positive")]
    pub diversity_rate: Option<f64>,
    /// Hypotheses contain the [constraints](crate::Source::constraints) of their source.
    pub constraints: Option<ConstraintOrder>,
    /// Factor of the log-probabilities of a language model.
    pub lm_weight: f64,
    /// Hypotheses come with their [attention](crate::Attention).
    pub attention: bool,
    /// Values are dropped as in training, so that hypotheses are samples of the model (Gal and Ghahramani 2016).
    pub retain_dropout: bool,
    /// Where they are dropped; `None`: everywhere.
    pub retain_dropout_modules: Option<Vec<DropoutModule>>,
    /// What is drawn at random for a sentence depends on this number, on that of the sentence, and nothing else.
    pub seed: u64,
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
            match_source_len: false,
            no_repeat_ngram_size: 0,
            sampling: false,
            sampling_topk: None,
            sampling_topp: None,
            diverse_beam_groups: None,
            diverse_beam_strength: 0.5,
            diversity_rate: None,
            constraints: None,
            lm_weight: 0.0,
            attention: false,
            retain_dropout: false,
            retain_dropout_modules: None,
            seed: 1,
        }
    }
}

/// A count that is absent below 1, as fairseq's -1.
fn count<'de, D: Deserializer<'de>>(value: D) -> Result<Option<usize>, D::Error> {
    let value = Option::<i64>::deserialize(value)?;
    Ok(value
        .and_then(|value| usize::try_from(value).ok())
        .filter(|&value| value > 0))
}

/// A number that is absent at 0 and below, as fairseq's -1.
fn positive<'de, D: Deserializer<'de>>(value: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::<f64>::deserialize(value)?.filter(|&value| value > 0.0))
}

impl GenerateOptions {
    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// The first option that is out of range, or that does not go with another.
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
        for (option, value) in [
            ("--lenpen", self.lenpen),
            ("--unkpen", self.unkpen),
            ("--lm-weight", self.lm_weight),
        ] {
            if !value.is_finite() {
                return wrong(option, value.to_string(), "must be a finite number");
            }
        }
        for (option, value) in [
            ("--max-len-a", self.max_len_a),
            ("--diverse-beam-strength", self.diverse_beam_strength),
            ("--diversity-rate", self.diversity_rate.unwrap_or(0.0)),
        ] {
            if !value.is_finite() || value < 0.0 {
                return wrong(option, value.to_string(), "must be 0 or a finite number above it");
            }
        }
        if !self.temperature.is_finite() || self.temperature <= 0.0 {
            let rule = "must be a finite number above 0";
            return wrong("--temperature", self.temperature.to_string(), rule);
        }
        if self.retain_dropout_modules.is_some() && !self.retain_dropout {
            return Err(GenerateError::Alone {
                option: "--retain-dropout-modules",
                other: "--retain-dropout",
            });
        }
        self.validate_lengths()?;
        self.validate_search()
    }

    /// Checks the limits of lengths.
    fn validate_lengths(&self) -> Result<(), GenerateError> {
        let default = Self::default();
        if self.match_source_len {
            let limits = [
                ("--min-len", self.min_len != default.min_len),
                ("--max-len-a", self.max_len_a != default.max_len_a),
                ("--max-len-b", self.max_len_b != default.max_len_b),
            ];
            if let Some(&(other, _)) = limits.iter().find(|(_, given)| *given) {
                return Err(GenerateError::Together {
                    option: "--match-source-len",
                    other,
                    reason: "it alone says how long hypotheses are",
                });
            }
        }
        if !self.match_source_len && self.max_len_a == 0.0 && self.min_len > self.max_len_b {
            return Err(GenerateError::Option {
                option: "--min-len",
                value: self.min_len.to_string(),
                rule: format!(
                    "must not be above --max-len-b ({}) when --max-len-a is 0",
                    self.max_len_b
                ),
            });
        }
        Ok(())
    }

    /// Checks what belongs to the kind of search.
    fn validate_search(&self) -> Result<(), GenerateError> {
        let kinds: Vec<&'static str> = [
            ("--sampling", self.sampling),
            ("--diverse-beam-groups", self.diverse_beam_groups.is_some()),
            ("--diversity-rate", self.diversity_rate.is_some()),
            ("--constraints", self.constraints.is_some()),
        ]
        .into_iter()
        .filter_map(|(option, given)| given.then_some(option))
        .collect();
        if let [option, other, ..] = kinds[..] {
            return Err(GenerateError::Together {
                option,
                other,
                reason: "each asks for a search of its own",
            });
        }
        let needs = |option, other| Err(GenerateError::Alone { option, other });
        if self.sampling_topk.is_some() && !self.sampling {
            return needs("--sampling-topk", "--sampling");
        }
        if self.sampling_topp.is_some() && !self.sampling {
            return needs("--sampling-topp", "--sampling");
        }
        if self.diverse_beam_strength != Self::default().diverse_beam_strength
            && self.diverse_beam_groups.is_none()
        {
            return needs("--diverse-beam-strength", "--diverse-beam-groups");
        }
        if self.sampling_topk.is_some() && self.sampling_topp.is_some() {
            // fairseq would take the latter and ignore the former.
            return Err(GenerateError::Together {
                option: "--sampling-topk",
                other: "--sampling-topp",
                reason: "each says which tokens are drawn from",
            });
        }
        if self.sampling_topk == Some(0) {
            return Err(GenerateError::Option {
                option: "--sampling-topk",
                value: "0".to_owned(),
                rule: "must be at least 1".to_owned(),
            });
        }
        if let Some(topp) = self.sampling_topp.filter(|topp| !(0.0..=1.0).contains(topp)) {
            return Err(GenerateError::Option {
                option: "--sampling-topp",
                value: topp.to_string(),
                rule: "must be above 0 and at most 1".to_owned(),
            });
        }
        if let Some(groups) = self
            .diverse_beam_groups
            .filter(|groups| !self.beam.is_multiple_of(*groups))
        {
            return Err(GenerateError::Option {
                option: "--diverse-beam-groups",
                value: groups.to_string(),
                rule: format!("must divide --beam ({})", self.beam),
            });
        }
        Ok(())
    }

    /// The masks of model `model` of an ensemble for sentence `id`.
    pub(crate) fn dropout(&self, id: u64, model: usize) -> Dropout {
        if !self.retain_dropout {
            return Dropout::off();
        }
        let dropout = Dropout::seeded_by(&[self.seed, id, model as u64]);
        match &self.retain_dropout_modules {
            Some(modules) => dropout.only_in(modules),
            None => dropout,
        }
    }

    /// Most tokens, without `</s>`, of the translation of a source of `src_len` tokens with `</s>`, for a model whose
    /// target positions end at `max_target_positions`.
    pub fn max_len(&self, src_len: usize, max_target_positions: usize) -> usize {
        let wanted = if self.match_source_len {
            src_len
        } else {
            // The sum is cut towards zero as in fairseq; a saturating cast takes care of huge factors.
            (self.max_len_a * src_len as f64 + self.max_len_b as f64) as usize
        };
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
    fn options_that_exclude_each_other_are_refused() {
        let d = GenerateOptions::default;
        let sampling = || GenerateOptions {
            sampling: true,
            ..d()
        };
        assert!(
            refused(GenerateOptions {
                diversity_rate: Some(0.5),
                ..sampling()
            })
            .starts_with("--sampling and --diversity-rate exclude each other")
        );
        assert!(
            refused(GenerateOptions {
                diverse_beam_groups: Some(5),
                constraints: Some(ConstraintOrder::Ordered),
                ..d()
            })
            .starts_with("--diverse-beam-groups and --constraints")
        );
        assert!(
            refused(GenerateOptions {
                sampling_topk: Some(3),
                sampling_topp: Some(0.5),
                ..sampling()
            })
            .starts_with("--sampling-topk and --sampling-topp")
        );
        assert!(
            refused(GenerateOptions {
                match_source_len: true,
                min_len: 2,
                ..d()
            })
            .starts_with("--match-source-len and --min-len")
        );
        assert!(
            GenerateOptions {
                match_source_len: true,
                ..sampling()
            }
            .validate()
            .is_ok()
        );
    }

    #[test]
    fn options_of_a_search_need_that_search() {
        let d = GenerateOptions::default;
        assert_eq!(
            refused(GenerateOptions {
                sampling_topk: Some(3),
                ..d()
            }),
            "--sampling-topk goes with --sampling only"
        );
        assert!(
            refused(GenerateOptions {
                sampling_topp: Some(0.3),
                ..d()
            })
            .starts_with("--sampling-topp goes with")
        );
        assert!(
            refused(GenerateOptions {
                diverse_beam_strength: 0.3,
                ..d()
            })
            .starts_with("--diverse-beam-strength goes with")
        );
        assert!(
            refused(GenerateOptions {
                diverse_beam_groups: Some(3),
                ..d()
            })
            .contains("must divide --beam (5)")
        );
        for topp in [1.5, f64::NAN] {
            let options = GenerateOptions {
                sampling: true,
                sampling_topp: Some(topp),
                ..d()
            };
            assert!(refused(options).starts_with("--sampling-topp = "));
        }
        for (strength, rate) in [(-1.0, None), (f64::NAN, None), (0.5, Some(f64::INFINITY))] {
            let options = GenerateOptions {
                diverse_beam_strength: strength,
                diversity_rate: rate,
                ..d()
            };
            assert!(refused(options).contains("must be 0 or a finite number above it"));
        }
        assert!(
            refused(GenerateOptions {
                lm_weight: f64::NAN,
                ..d()
            })
            .starts_with("--lm-weight")
        );
    }

    #[test]
    fn what_fairseq_turns_off_by_a_negative_number_is_off() {
        let read = |json| serde_json::from_str::<GenerateOptions>(json).unwrap();
        let off = r#"{"sampling_topk": -1, "sampling_topp": -1.0, "diverse_beam_groups": -1, "diversity_rate": -1}"#;
        assert_eq!(read(off), GenerateOptions::default());
        let on = read(r#"{"sampling": true, "sampling_topk": 10, "constraints": "unordered"}"#);
        assert_eq!(
            (on.sampling_topk, on.constraints),
            (Some(10), Some(ConstraintOrder::Unordered))
        );
        let saved = serde_json::to_string(&on).unwrap();
        assert_eq!(read(&saved), on);
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
        let options = GenerateOptions {
            match_source_len: true,
            ..GenerateOptions::default()
        };
        assert_eq!(options.max_len(8, 1024), 8);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<GenerateOptions>(r#"{"beams": 4}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `beams`"), "{error}");
    }
}
