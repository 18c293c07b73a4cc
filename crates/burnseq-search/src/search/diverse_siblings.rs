//! Diverse siblings (Li et al. 2016, "A simple, fast diverse decoding algorithm for neural generation"): the more
//! continuations of one hypothesis are better than another, the more it costs.

use super::batch::{Offers, Sentence, Strategy};
use super::beam::Beam;
use super::candidates::{Best, Candidate};
use crate::GenerateOptions;

/// Beam search in which the `k`-th best continuation of a hypothesis costs `k * rate`, the best one included; the first
/// step, where all continue the same hypothesis, is free. Scores contain these costs, as in fairseq.
#[derive(Debug, Clone)]
pub struct DiverseSiblings {
    beam: Beam,
    rate: f32,
}

impl DiverseSiblings {
    /// With the beam of `options` and a cost per rank of `rate` nats.
    pub fn new(options: &GenerateOptions, rate: f64) -> Self {
        Self {
            beam: Beam::new(options),
            rate: rate as f32,
        }
    }
}

impl Strategy for DiverseSiblings {
    type Memory = ();

    fn best_per_row(&self) -> Option<usize> {
        self.beam.best_per_row()
    }

    fn candidates(&self, sentence: &Sentence<'_>, mut offers: Offers<'_>, memory: &mut ()) -> Vec<Candidate> {
        if sentence.is_first_step() {
            return self.beam.candidates(sentence, offers, memory);
        }
        let limit = self.beam.limit(sentence.rows.len(), offers.vocab());
        let mut best = Best::new(limit);
        for (number, live) in sentence.live() {
            let mut siblings = Best::new(limit);
            // Costs only lower scores: what is too low without them is so with them.
            let floor = best.threshold();
            offers
                .row(number, &[])
                .for_each_above(live.score(), floor, |token, score| {
                    let sibling = Candidate {
                        score,
                        row: number,
                        token,
                    };
                    siblings.push(sibling).max(floor)
                });
            for (rank, mut sibling) in (1..).zip(siblings.into_vec()) {
                sibling.score -= rank as f32 * self.rate;
                if sibling.score > best.threshold() {
                    best.push(sibling);
                }
            }
        }
        best.into_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use crate::search::markov::{Markov, options};

    /// Two good continuations of the best hypothesis, one of the other.
    const TABLE: [(u32, [f32; 4]); 4] = [
        (2, [0.6, 0.4, 0.0, 0.0]),
        (4, [0.0, 0.5, 0.5, 0.0]),
        (5, [0.0, 0.0, 0.3, 0.7]),
        (6, [0.0, 0.0, 0.0, 1.0]),
    ];

    #[test]
    fn each_rank_among_siblings_costs_the_rate() {
        let options = GenerateOptions {
            diversity_rate: Some(std::f64::consts::LN_2),
            ..options(2)
        };
        let found = Markov::decode_one(&TABLE, &options, &Source::default());
        let found: Vec<_> = found
            .iter()
            .map(|hypothesis| (hypothesis.tokens.as_slice(), hypothesis.score.exp()))
            .collect();
        // 5 ends at 0.4 * 0.7 / 2. 4 goes on at 0.3 / 2 with 5 and 0.3 / 4 with 6, of which the second ranks below
        // 0.4 * 0.3 / 4 for 5 6 no longer; then 4 5 ends at 0.15 * 0.7 / 2.
        assert_eq!(found[0].0, [5, 2]);
        assert!((found[0].1 - 0.14).abs() < 1e-6, "{found:?}");
        assert_eq!(found[1].0, [4, 5, 2]);
        assert!((found[1].1 - 0.0525).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn without_a_rate_it_is_beam_search() {
        let siblings = GenerateOptions {
            diversity_rate: Some(0.0),
            ..options(2)
        };
        let source = Source::default();
        assert_eq!(
            Markov::decode_one(&TABLE, &siblings, &source),
            Markov::decode_one(&TABLE, &options(2), &source)
        );
    }
}
