//! How far a score may be chance: confidence intervals and paired tests between two systems.
//!
//! All of them work on the statistics of segments, so that nothing is tokenised again, and draw the
//! random numbers that sacreBLEU draws from the same seed; p-values are equal to its own.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::{Metric, total};
use crate::numpy_random::NumpyRandom;

/// Random trials of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trials {
    /// How many corpora are drawn, at least 1.
    pub count: usize,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Trials {
    /// sacreBLEU's default for bootstrap resampling: 1000, seed 12345.
    pub const BOOTSTRAP: Self = Self {
        count: 1000,
        seed: 12345,
    };
    /// sacreBLEU's default for approximate randomisation: 10,000, seed 12345.
    pub const RANDOMISATION: Self = Self {
        count: 10_000,
        seed: 12345,
    };

    fn validate(self) -> Result<()> {
        if self.count == 0 {
            let rule = "at least 1";
            return Err(Error::Setting {
                setting: "number of trials",
                value: "0".to_owned(),
                rule,
            });
        }
        Ok(())
    }

    /// Resampled corpora: for each trial as many segments as there are, drawn with replacement.
    fn resamples(self, segments: usize) -> Result<Vec<Vec<u32>>> {
        self.validate()?;
        let bound = match u32::try_from(segments) {
            Ok(0) => return Err(Error::EmptyCorpus),
            Ok(bound) => bound,
            Err(_) => {
                let (value, rule) = (segments.to_string(), "below 2^32");
                return Err(Error::Setting {
                    setting: "number of segments",
                    value,
                    rule,
                });
            }
        };
        let mut random = NumpyRandom::new(self.seed);
        Ok((0..self.count).map(|_| random.choose(bound, segments)).collect())
    }
}

/// Mean and 95 % confidence interval of a score; printed as `μ = 58.60 ± 5.39`, to two decimals
/// unless the format says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence {
    /// Mean over the resampled corpora, in percent.
    pub mean: f64,
    /// Half of the interval's width, in percent.
    pub half_width: f64,
    /// Number of resampled corpora.
    pub resamples: usize,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Confidence {
    fn of(mut scores: Vec<f64>, trials: Trials) -> Self {
        scores.sort_by(f64::total_cmp);
        let outside = scores.len() / 40; // 2.5 % at either end
        let (low, high) = (scores[outside], scores[scores.len() - outside - 1]);
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let Trials { count, seed } = trials;
        Self {
            mean,
            half_width: 0.5 * (high - low),
            resamples: count,
            seed,
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.precision().unwrap_or(2);
        write!(f, "μ = {:.width$} ± {:.width$}", self.mean, self.half_width)
    }
}

/// What a paired test says about a system and a baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Score of the baseline, in percent.
    pub baseline: f64,
    /// Score of the system, in percent.
    pub system: f64,
    /// Probability of a difference at least as large, either way, if both were equally good.
    pub p_value: f64,
    /// Confidence interval of the system; only bootstrap resampling gives one.
    pub confidence: Option<Confidence>,
}

fn value<'a, M: Metric>(metric: &M, segments: impl IntoIterator<Item = &'a M::Statistics>) -> Result<f64>
where
    M::Statistics: 'a,
{
    Ok(metric.evaluate(&total(segments)?).0)
}

fn resampled<M: Metric>(metric: &M, segments: &[M::Statistics], resamples: &[Vec<u32>]) -> Result<Vec<f64>> {
    let score = |drawn: &Vec<u32>| value(metric, drawn.iter().map(|&index| &segments[index as usize]));
    resamples.par_iter().map(score).collect()
}

/// Confidence interval of a corpus score from the statistics of its segments
/// ([`Metric::corpus_statistics`]), by bootstrap resampling (Koehn 2004).
///
/// # Errors
/// No segment, or no trial.
pub fn confidence<M: Metric>(metric: &M, segments: &[M::Statistics], trials: Trials) -> Result<Confidence> {
    let resamples = trials.resamples(segments.len())?;
    Ok(Confidence::of(resampled(metric, segments, &resamples)?, trials))
}

/// Paired bootstrap resampling (Koehn 2004): both systems are scored on the same resampled corpora.
///
/// # Errors
/// No segment, different numbers of them, or no trial.
pub fn paired_bootstrap<M: Metric>(
    metric: &M,
    baseline: &[M::Statistics],
    system: &[M::Statistics],
    trials: Trials,
) -> Result<Comparison> {
    check_paired(baseline.len(), system.len())?;
    let resamples = trials.resamples(system.len())?;
    let baseline_scores = resampled(metric, baseline, &resamples)?;
    let scores = resampled(metric, system, &resamples)?;
    let differences: Vec<f64> = scores
        .iter()
        .zip(&baseline_scores)
        .map(|(ours, theirs)| (ours - theirs).abs())
        .collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;

    let (baseline, system) = (value(metric, baseline)?, value(metric, system)?);
    let p_value = p_value(
        differences.iter().map(|difference| difference - mean),
        (baseline - system).abs(),
    );
    let confidence = Some(Confidence::of(scores, trials));
    Ok(Comparison {
        baseline,
        system,
        p_value,
        confidence,
    })
}

/// Paired approximate randomisation (Riezler and Maxwell 2005): in each trial, every segment's outputs
/// are exchanged between the systems by the toss of a coin.
///
/// # Errors
/// No segment, different numbers of them, or no trial.
pub fn approximate_randomisation<M: Metric>(
    metric: &M,
    baseline: &[M::Statistics],
    system: &[M::Statistics],
    trials: Trials,
) -> Result<Comparison> {
    check_paired(baseline.len(), system.len())?;
    trials.validate()?;
    let mut coins = NumpyRandom::new(trials.seed).into_bools();
    let tosses: Vec<Vec<bool>> = (0..trials.count)
        .map(|_| coins.by_ref().take(system.len()).collect())
        .collect();
    let difference = |kept: &Vec<bool>| {
        let pick = |own: bool| {
            let pairs = kept.iter().zip(baseline.iter().zip(system));
            pairs.map(move |(&kept, (baseline, system))| if kept == own { baseline } else { system })
        };
        Ok((value(metric, pick(true))? - value(metric, pick(false))?).abs())
    };
    let differences: Vec<f64> = tosses.par_iter().map(difference).collect::<Result<_>>()?;

    let (baseline, system) = (value(metric, baseline)?, value(metric, system)?);
    let p_value = p_value(differences.into_iter(), (baseline - system).abs());
    Ok(Comparison {
        baseline,
        system,
        p_value,
        confidence: None,
    })
}

fn check_paired(baseline: usize, system: usize) -> Result<()> {
    if baseline != system {
        return Err(Error::UnequalLines {
            hypotheses: system,
            references: baseline,
            set: 1,
        });
    }
    Ok(())
}

/// Share of trials above the observed difference, with the observation itself among the trials.
fn p_value(trials: impl ExactSizeIterator<Item = f64>, observed: f64) -> f64 {
    let count = trials.len();
    let above = trials.filter(|&difference| difference > observed).count();
    (above + 1) as f64 / (count + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bleu::Bleu;
    use crate::references::References;

    #[test]
    fn a_system_against_itself_is_never_significant() {
        let hypotheses = ["a b c d e", "f g h i k"];
        let references = [["a b c d f", "f g h i j"]];
        let references = References::from_streams(&references).expect("one set");
        let bleu = Bleu::default();
        let segments = bleu.corpus_statistics(&hypotheses, &references).expect("aligned");
        let comparison =
            approximate_randomisation(&bleu, &segments, &segments, Trials { count: 100, seed: 1 });
        // No trial is above a difference of 0, so that only the observation counts: 1 / 101.
        assert_eq!(comparison.expect("paired").p_value, 1.0 / 101.0);
    }

    #[test]
    fn nothing_to_draw_from_or_no_trial_is_an_error() {
        let bleu = Bleu::default();
        assert_eq!(confidence(&bleu, &[], Trials::BOOTSTRAP), Err(Error::EmptyCorpus));
        let segment = [bleu.segment_statistics("a", &["a"])];
        let none = Trials { count: 0, seed: 1 };
        assert!(confidence(&bleu, &segment, none).is_err());
        let unequal = paired_bootstrap(&bleu, &segment, &[], Trials::BOOTSTRAP);
        assert_eq!(
            unequal,
            Err(Error::UnequalLines {
                hypotheses: 0,
                references: 1,
                set: 1
            })
        );
    }
}
