//! Sampling: tokens drawn at random instead of searched for.

use burnseq_numerics::split_mix::{seed_of, uniform};

use super::batch::{Offers, Sentence, Strategy};
use super::candidates::Candidate;
use crate::{GenerateOptions, Row};

/// Draws `beam` hypotheses independently, from the whole distribution, its `topk` likeliest tokens (Fan et al. 2018),
/// or the fewest whose probabilities reach `topp` (Holtzman et al. 2020).
///
/// What is drawn depends on the seed, the number of the sentence, the hypothesis and the step alone: not on batch
/// mates, nor on threads. Scores are log-probabilities in the whole distribution, as in fairseq.
#[derive(Debug, Clone)]
pub struct Sampling {
    beam: usize,
    topk: Option<usize>,
    topp: Option<f64>,
    seed: u64,
}

impl Sampling {
    /// What `options` say about sampling.
    pub fn new(options: &GenerateOptions) -> Self {
        Self {
            beam: options.beam,
            topk: options.sampling_topk,
            topp: options.sampling_topp,
            seed: options.seed,
        }
    }

    /// What may be drawn from a row.
    fn choices(&self, row: &Row<'_>) -> Choices {
        let mut tokens: Vec<(u32, f32)> = (0..row.vocab())
            .map(|token| (token as u32, row.log_prob(token)))
            // Of a row that is no distribution nothing is left.
            .filter(|(_, log_prob)| *log_prob > f32::NEG_INFINITY)
            .collect();
        let likeliest_first =
            |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0));
        if let Some(topk) = self.topk.filter(|&topk| topk < tokens.len()) {
            tokens.select_nth_unstable_by(topk - 1, likeliest_first);
            tokens.truncate(topk);
        }
        if let Some(topp) = self.topp {
            tokens.sort_unstable_by(likeliest_first);
            let mut reached = 0.0;
            let enough = tokens.iter().position(|(_, log_prob)| {
                reached += f64::from(log_prob.exp());
                reached >= topp
            });
            tokens.truncate(enough.map_or(tokens.len(), |last| last + 1));
        }
        Choices::new(tokens)
    }

    /// A number in `[0, 1)` for the next token of hypothesis `slot`.
    fn draw(&self, sentence: u64, slot: usize, step: usize) -> f64 {
        uniform(seed_of(&[self.seed, sentence, slot as u64, step as u64]))
    }
}

/// Tokens that can be drawn, in proportion to their probabilities.
struct Choices {
    /// Each token and its log-probability.
    tokens: Vec<(u32, f32)>,
    /// Weights summed up to each token; relative to the likeliest one, so that they do not vanish.
    cumulative: Vec<f64>,
}

impl Choices {
    fn new(tokens: Vec<(u32, f32)>) -> Self {
        let max = tokens
            .iter()
            .fold(f32::NEG_INFINITY, |max, (_, log_prob)| max.max(*log_prob));
        let mut sum = 0.0;
        let cumulative = tokens
            .iter()
            .map(|(_, log_prob)| {
                sum += f64::from((log_prob - max).exp());
                sum
            })
            .collect();
        Self { tokens, cumulative }
    }

    /// The token that a number in `[0, 1)` falls on, with its log-probability; none when there is nothing to draw.
    fn at(&self, number: f64) -> Option<(u32, f32)> {
        let place = number * self.cumulative.last()?;
        let index = self.cumulative.partition_point(|&sum| sum <= place);
        // Rounding may reach the end of the last one.
        self.tokens.get(index).or(self.tokens.last()).copied()
    }
}

impl Strategy for Sampling {
    type Memory = ();

    fn candidates(&self, sentence: &Sentence<'_>, mut offers: Offers<'_>, _: &mut ()) -> Vec<Candidate> {
        let id = sentence.source.id;
        if sentence.is_first_step() {
            let choices = self.choices(&offers.row(0, &[]));
            let drawn = (0..self.beam).filter_map(|slot| choices.at(self.draw(id, slot, 0)));
            return drawn
                .map(|(token, score)| Candidate {
                    score,
                    row: 0,
                    token: token as usize,
                })
                .collect();
        }
        // Each goes on by itself; one that ends gives up its slot, and those after it move up.
        sentence
            .live()
            .filter_map(|(slot, live)| {
                let choices = self.choices(&offers.row(slot, &[]));
                let (token, log_prob) = choices.at(self.draw(id, slot, live.tokens.len()))?;
                Some(Candidate {
                    score: live.score() + log_prob,
                    row: slot,
                    token: token as usize,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Source;
    use crate::search::markov::{Markov, options};

    /// One token, then the end.
    const TABLE: [(u32, [f32; 4]); 4] = [
        (2, [0.5, 0.3, 0.2, 0.0]),
        (4, [0.0, 0.0, 0.0, 1.0]),
        (5, [0.0, 0.0, 0.0, 1.0]),
        (6, [0.0, 0.0, 0.0, 1.0]),
    ];

    fn sampling(beam: usize) -> GenerateOptions {
        GenerateOptions {
            sampling: true,
            ..options(beam)
        }
    }

    /// How often 4, 5 and 6 come first in 20,000 samples.
    fn counts(options: &GenerateOptions) -> [f64; 3] {
        let mut counts: HashMap<u32, f64> = HashMap::new();
        for sentence in 0..4000 {
            let found = Markov::decode_one(&TABLE, options, &Source::new(sentence, vec![2]));
            assert_eq!(found.len(), 5);
            for hypothesis in found {
                *counts.entry(hypothesis.tokens[0]).or_default() += 1.0;
            }
        }
        [4, 5, 6].map(|token| counts.get(&token).copied().unwrap_or(0.0))
    }

    /// Pearson's chi-square with two degrees of freedom, which is above 13.8 in one of 1,000 runs.
    fn chi_square(counts: [f64; 3], p: [f64; 3]) -> f64 {
        let deviation = |(count, p): (&f64, &f64)| (count - 20_000.0 * p).powi(2) / (20_000.0 * p);
        counts.iter().zip(&p).map(deviation).sum()
    }

    #[test]
    fn frequencies_are_those_of_the_distribution() {
        for seed in [0, 1, 2] {
            let found = counts(&GenerateOptions { seed, ..sampling(5) });
            assert!(chi_square(found, [0.5, 0.3, 0.2]) < 13.8, "{found:?}");
        }
    }

    #[test]
    fn only_the_likeliest_tokens_are_drawn_when_asked_for() {
        let [four, five, six] = counts(&GenerateOptions {
            sampling_topk: Some(2),
            ..sampling(5)
        });
        assert_eq!(six, 0.0);
        assert!((four / 20_000.0 - 0.5 / 0.8).abs() < 0.015, "{four} {five}"); // 4 standard deviations are 0.0137
        for (topp, kinds) in [(0.01, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.81, 3), (1.0, 3)] {
            let found = counts(&GenerateOptions {
                sampling_topp: Some(topp),
                ..sampling(5)
            });
            assert_eq!(
                found.iter().filter(|&&count| count > 0.0).count(),
                kinds,
                "{topp}: {found:?}"
            );
        }
    }

    #[test]
    fn scores_are_log_probabilities_in_the_whole_distribution() {
        let options = GenerateOptions {
            sampling_topk: Some(1),
            ..sampling(2)
        };
        let found = Markov::decode_one(&TABLE, &options, &Source::new(3, vec![2]));
        assert_eq!(found[0].tokens, [4, 2]);
        assert_eq!(found[0], found[1]);
        assert!((found[0].score.exp() - 0.5).abs() < 1e-6);
    }

    #[test]
    fn sentences_and_seeds_draw_differently_and_the_same_ones_alike() {
        let draw = |seed, sentence| {
            let options = GenerateOptions { seed, ..sampling(40) };
            Markov::decode_one(&TABLE, &options, &Source::new(sentence, vec![2]))
                .into_iter()
                .map(|hypothesis| hypothesis.tokens)
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 1));
    }
}
