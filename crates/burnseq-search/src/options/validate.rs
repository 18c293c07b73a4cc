//! Ranges of the options, and which of them go together.

use super::GenerateOptions;
use crate::SearchError;

/// Live hypotheses of a sentence: each step looks at every continuation of all of them.
const MAX_BEAM: usize = 1000;

impl GenerateOptions {
    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// The first option that is out of range, or that does not go with another.
    pub fn validate(&self) -> Result<(), SearchError> {
        let wrong = |option, value: String, rule: &str| {
            Err(SearchError::Option {
                option,
                value,
                rule: rule.to_owned(),
            })
        };
        if !(1..=MAX_BEAM).contains(&self.beam) {
            let rule = format!("must be at least 1 and at most {MAX_BEAM}");
            return wrong("'beam'", self.beam.to_string(), &rule);
        }
        if self.nbest == 0 || self.nbest > self.beam {
            let rule = format!("must be between 1 and 'beam' ({})", self.beam);
            return wrong("'nbest'", self.nbest.to_string(), &rule);
        }
        for (option, value) in [
            ("'lenpen'", self.lenpen),
            ("'unkpen'", self.unkpen),
            ("'lm_weight'", self.lm_weight),
        ] {
            if !value.is_finite() {
                return wrong(option, value.to_string(), "must be a finite number");
            }
        }
        for (option, value) in [
            ("'max_len_a'", self.max_len_a),
            ("'diverse_beam_strength'", self.diverse_beam_strength),
            ("'diversity_rate'", self.diversity_rate.unwrap_or(0.0)),
        ] {
            if !value.is_finite() || value < 0.0 {
                return wrong(option, value.to_string(), "must be 0 or a finite number above it");
            }
        }
        for (option, value) in [
            ("'temperature'", self.temperature),
            ("'repetition_penalty'", self.repetition_penalty),
        ] {
            if !value.is_finite() || value <= 0.0 {
                return wrong(option, value.to_string(), "must be a finite number above 0");
            }
        }
        if self.retain_dropout_modules.is_some() && !self.retain_dropout {
            return Err(SearchError::Alone {
                option: "'retain_dropout_modules'",
                other: "'retain_dropout'",
            });
        }
        self.validate_lengths()?;
        self.validate_search()
    }

    /// Checks the limits of lengths.
    fn validate_lengths(&self) -> Result<(), SearchError> {
        let default = Self::default();
        if self.ignore_eos {
            let limits = [
                ("'min_len'", self.min_len != default.min_len),
                ("'match_source_len'", self.match_source_len),
                ("'at_max_len'", self.at_max_len != default.at_max_len),
                ("'constraints'", self.constraints.is_some()),
            ];
            if let Some(&(other, _)) = limits.iter().find(|(_, given)| *given) {
                return Err(SearchError::Together {
                    option: "'ignore_eos'",
                    other,
                    reason: "with the former, hypotheses end at their longest length alone",
                });
            }
        }
        if self.match_source_len {
            let limits = [
                ("'min_len'", self.min_len != default.min_len),
                ("'max_len_a'", self.max_len_a != default.max_len_a),
                ("'max_len_b'", self.max_len_b != default.max_len_b),
                ("'at_max_len'", self.at_max_len != default.at_max_len),
            ];
            if let Some(&(other, _)) = limits.iter().find(|(_, given)| *given) {
                return Err(SearchError::Together {
                    option: "'match_source_len'",
                    other,
                    reason: "it alone says how long hypotheses are",
                });
            }
        }
        if !self.match_source_len && self.max_len_a == 0.0 && self.min_len > self.max_len_b {
            return Err(SearchError::Option {
                option: "'min_len'",
                value: self.min_len.to_string(),
                rule: format!(
                    "must not be above 'max_len_b' ({}) when 'max_len_a' is 0",
                    self.max_len_b
                ),
            });
        }
        Ok(())
    }

    /// Checks what belongs to the kind of search.
    fn validate_search(&self) -> Result<(), SearchError> {
        let kinds: Vec<&'static str> = [
            ("'sampling'", self.sampling),
            ("'diverse_beam_groups'", self.diverse_beam_groups.is_some()),
            ("'diversity_rate'", self.diversity_rate.is_some()),
            ("'constraints'", self.constraints.is_some()),
        ]
        .into_iter()
        .filter_map(|(option, given)| given.then_some(option))
        .collect();
        if let [option, other, ..] = kinds[..] {
            return Err(SearchError::Together {
                option,
                other,
                reason: "each asks for a search of its own",
            });
        }
        let needs = |option, other| Err(SearchError::Alone { option, other });
        if self.sampling_topk.is_some() && !self.sampling {
            return needs("'sampling_topk'", "'sampling'");
        }
        if self.sampling_topp.is_some() && !self.sampling {
            return needs("'sampling_topp'", "'sampling'");
        }
        if self.diverse_beam_strength != Self::default().diverse_beam_strength
            && self.diverse_beam_groups.is_none()
        {
            return needs("'diverse_beam_strength'", "'diverse_beam_groups'");
        }
        if self.sampling_topk.is_some() && self.sampling_topp.is_some() {
            // fairseq would take the latter and ignore the former.
            return Err(SearchError::Together {
                option: "'sampling_topk'",
                other: "'sampling_topp'",
                reason: "each says which tokens are drawn from",
            });
        }
        if self.sampling_topk == Some(0) {
            return Err(SearchError::Option {
                option: "'sampling_topk'",
                value: "0".to_owned(),
                rule: "must be at least 1".to_owned(),
            });
        }
        if let Some(topp) = self.sampling_topp.filter(|topp| !(0.0..=1.0).contains(topp)) {
            return Err(SearchError::Option {
                option: "'sampling_topp'",
                value: topp.to_string(),
                rule: "must be above 0 and at most 1".to_owned(),
            });
        }
        if let Some(groups) = self
            .diverse_beam_groups
            .filter(|groups| !self.beam.is_multiple_of(*groups))
        {
            return Err(SearchError::Option {
                option: "'diverse_beam_groups'",
                value: groups.to_string(),
                rule: format!("must divide 'beam' ({})", self.beam),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConstraintOrder;

    fn refused(options: GenerateOptions) -> String {
        options.validate().unwrap_err().to_string()
    }

    /// The default options with a change are refused, with an error that begins so.
    fn refuses(change: impl FnOnce(&mut GenerateOptions), expected: &str) {
        let mut options = GenerateOptions::default();
        change(&mut options);
        let problem = refused(options);
        assert!(problem.starts_with(expected), "{problem}");
    }

    #[test]
    fn every_range_is_checked() {
        let d = GenerateOptions::default;
        assert!(d().validate().is_ok());
        assert!(refused(GenerateOptions { beam: 0, ..d() }).starts_with("'beam' = 0"));
        let beam = 1_000_000_000;
        assert!(refused(GenerateOptions { beam, ..d() }).ends_with("at most 1000"));
        assert!(refused(GenerateOptions { nbest: 6, ..d() }).contains("'beam' (5)"));
        assert!(refused(GenerateOptions { nbest: 0, ..d() }).starts_with("'nbest' = 0"));
        refuses(|d| d.lenpen = f64::NAN, "'lenpen'");
        refuses(|d| d.unkpen = f64::INFINITY, "'unkpen'");
        refuses(|d| d.max_len_a = -1.0, "'max_len_a'");
        refuses(|d| d.temperature = 0.0, "'temperature'");
        refuses(
            |d| {
                d.min_len = 9;
                d.max_len_b = 8
            },
            "'min_len' = 9",
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
            .starts_with("'sampling' and 'diversity_rate' exclude each other")
        );
        refuses(
            |d| {
                d.diverse_beam_groups = Some(5);
                d.constraints = Some(ConstraintOrder::Ordered)
            },
            "'diverse_beam_groups' and 'constraints'",
        );
        assert!(
            refused(GenerateOptions {
                sampling_topk: Some(3),
                sampling_topp: Some(0.5),
                ..sampling()
            })
            .starts_with("'sampling_topk' and 'sampling_topp'")
        );
        refuses(
            |d| {
                d.match_source_len = true;
                d.min_len = 2
            },
            "'match_source_len' and 'min_len'",
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
            "'sampling_topk' goes with 'sampling' only"
        );
        refuses(|d| d.sampling_topp = Some(0.3), "'sampling_topp' goes with");
        refuses(
            |d| d.diverse_beam_strength = 0.3,
            "'diverse_beam_strength' goes with",
        );
        assert!(
            refused(GenerateOptions {
                diverse_beam_groups: Some(3),
                ..d()
            })
            .contains("must divide 'beam' (5)")
        );
        for topp in [1.5, f64::NAN] {
            let options = GenerateOptions {
                sampling: true,
                sampling_topp: Some(topp),
                ..d()
            };
            assert!(refused(options).starts_with("'sampling_topp' = "));
        }
        for (strength, rate) in [(-1.0, None), (f64::NAN, None), (0.5, Some(f64::INFINITY))] {
            let options = GenerateOptions {
                diverse_beam_strength: strength,
                diversity_rate: rate,
                ..d()
            };
            assert!(refused(options).contains("must be 0 or a finite number above it"));
        }
        refuses(|d| d.lm_weight = f64::NAN, "'lm_weight'");
    }
}
