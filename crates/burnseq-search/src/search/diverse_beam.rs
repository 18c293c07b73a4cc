//! Diverse beam search (Vijayakumar et al. 2018): groups of hypotheses that avoid each other's tokens.

use super::batch::{Offers, Sentence, Strategy};
use super::candidates::{Best, Candidate};
use crate::GenerateOptions;

/// Beam search in groups: a token that an earlier group chooses in the same step costs `strength`, and more the more
/// often the two groups have chosen alike before.
///
/// Slot `s` of the beam belongs to group `s % groups`. A group takes as many continuations as it has slots; one that
/// ends gives up its slot, and those after it move up. The penalty of a token is `strength * (1 + overlap)` for each
/// slot of an earlier group that chose it, where `overlap` counts the steps and ranks at which the two groups chose
/// the same. Scores contain the penalties. All of this is fairseq's, but that fairseq lets an ended hypothesis of a
/// group with several slots go on behind its `</s>`.
#[derive(Debug, Clone)]
pub struct DiverseBeam {
    beam: usize,
    groups: usize,
    strength: f32,
}

impl DiverseBeam {
    /// `groups` groups that share the beam and pay the strength of `options`.
    pub fn new(options: &GenerateOptions, groups: usize) -> Self {
        Self {
            beam: options.beam,
            groups,
            strength: options.diverse_beam_strength as f32,
        }
    }

    /// What the tokens of earlier groups cost a group, by token; `overlap[other]` is what it shares with each.
    fn penalties<'a>(
        &'a self,
        earlier: &'a [Vec<Candidate>],
        overlap: &'a [f32],
    ) -> impl Iterator<Item = (usize, f32)> + 'a {
        earlier.iter().zip(overlap).flat_map(|(chosen, overlap)| {
            let nats = self.strength * (1.0 + overlap);
            chosen.iter().map(move |candidate| (candidate.token, nats))
        })
    }
}

/// How often each group (row) has chosen as each other one (column).
#[derive(Debug, Default)]
pub struct Overlap(Vec<Vec<f32>>);

impl Overlap {
    /// Counts the ranks at which two groups chose the same token.
    fn count(&mut self, chosen: &[Vec<Candidate>]) {
        for (counts, ours) in self.0.iter_mut().zip(chosen) {
            for (count, theirs) in counts.iter_mut().zip(chosen) {
                let same = ours
                    .iter()
                    .zip(theirs)
                    .filter(|(our, their)| our.token == their.token);
                *count += same.count() as f32;
            }
        }
    }
}

impl Strategy for DiverseBeam {
    type Memory = Overlap;

    fn candidates(
        &self,
        sentence: &Sentence<'_>,
        mut offers: Offers<'_>,
        overlap: &mut Overlap,
    ) -> Vec<Candidate> {
        overlap.0.resize(self.groups, vec![0.0; self.groups]);
        let open = self.beam - sentence.finished.len();
        let best_of = |group: usize| Best::new((group..open).step_by(self.groups).count());
        let mut chosen: Vec<Vec<Candidate>> = Vec::with_capacity(self.groups);
        let groups = 0..self.groups.min(open);
        if sentence.is_first_step() {
            // All groups choose from the same row; penalties add up in it.
            let mut row = offers.row(0, &[]);
            for group in groups {
                if let Some(previous) = chosen.last() {
                    for candidate in previous {
                        row.add(candidate.token, -self.strength);
                    }
                }
                let mut best = best_of(group);
                row.for_each_above(0.0, best.threshold(), |token, score| {
                    best.push(Candidate { score, row: 0, token })
                });
                chosen.push(best.into_vec());
            }
        } else {
            for group in groups {
                let mut best = best_of(group);
                let members = sentence.live().filter(|(slot, _)| slot % self.groups == group);
                for (number, live) in members {
                    let mut row = offers.row(number, &[]);
                    for (token, nats) in self.penalties(&chosen, &overlap.0[group]) {
                        row.add(token, -nats);
                    }
                    row.for_each_above(live.score(), best.threshold(), |token, score| {
                        best.push(Candidate {
                            score,
                            row: number,
                            token,
                        })
                    });
                }
                chosen.push(best.into_vec());
            }
        }
        overlap.count(&chosen);
        // Rank by rank, so that every candidate comes to stand in a slot of its group.
        let ranks = chosen.iter().map(Vec::len).max().unwrap_or(0);
        (0..ranks)
            .flat_map(|rank| chosen.iter().filter_map(move |group| group.get(rank).copied()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use crate::search::markov::{Markov, options};

    fn decode(table: &[(u32, [f32; 4])], beam: usize, groups: usize, strength: f64) -> Vec<(Vec<u32>, f32)> {
        let options = GenerateOptions {
            diverse_beam_groups: Some(groups),
            diverse_beam_strength: strength,
            ..options(beam)
        };
        let found = Markov::decode_one(table, &options, &Source::default());
        found
            .into_iter()
            .map(|hypothesis| (hypothesis.tokens, hypothesis.score.exp()))
            .collect()
    }

    fn assert_found(found: &[(Vec<u32>, f32)], expected: &[(&[u32], f32)]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((tokens, score), (expected_tokens, expected_score)) in found.iter().zip(expected) {
            assert_eq!(tokens, expected_tokens, "{found:?}");
            assert!((score - expected_score).abs() < 1e-6, "{found:?}");
        }
    }

    /// A penalty of `ln 4` divides a probability by 4.
    const LN_4: f64 = 2.0 * std::f64::consts::LN_2;

    #[test]
    fn a_group_avoids_the_token_of_the_one_before_it() {
        let table = [
            (2, [0.6, 0.3, 0.1, 0.0]),
            (4, [0.0, 0.0, 0.0, 1.0]),
            (5, [0.0, 0.0, 0.0, 1.0]),
            (6, [0.0, 0.0, 0.0, 1.0]),
        ];
        // The second group pays 0.6 / 4 for 4 and takes 5; the third pays for both, 0.15 and 0.075, and prefers 4 to
        // 0.1 for 6. All of them end then, which costs the second group a quarter and the third a sixteenth.
        assert_found(
            &decode(&table, 3, 3, LN_4),
            &[(&[4, 2], 0.6), (&[5, 2], 0.3 / 4.0), (&[4, 2], 0.15 / 64.0)],
        );
    }

    #[test]
    fn the_penalty_grows_with_what_two_groups_have_shared() {
        // Nothing but 4 can be chosen twice, so the second group follows the first at 1/4, then at 1/16.
        let table = [
            (2, [1.0, 0.0, 0.0, 0.0]),
            (4, [0.0, 1.0, 0.0, 0.0]),
            (5, [0.0, 0.0, 0.0, 1.0]),
        ];
        assert_found(
            &decode(&table, 2, 2, LN_4),
            &[(&[4, 5, 2], 1.0), (&[4, 5, 2], 1.0 / 4.0 / 16.0 / 64.0)],
        );
    }

    #[test]
    fn one_group_takes_one_continuation_per_slot() {
        let table = [
            (2, [0.6, 0.4, 0.0, 0.0]),
            (4, [0.0, 0.0, 0.0, 1.0]),
            (5, [0.1, 0.0, 0.0, 0.9]),
        ];
        assert_found(&decode(&table, 2, 1, LN_4), &[(&[4, 2], 0.6), (&[5, 2], 0.36)]);
    }

    #[test]
    fn an_ended_hypothesis_does_not_go_on() {
        // The first group has slots 0 and 2; its best hypothesis ends at once, and is likelier than all others.
        let table = [
            (2, [0.2, 0.1, 0.1, 0.6]),
            (4, [0.5, 0.0, 0.0, 0.5]),
            (5, [0.5, 0.0, 0.0, 0.5]),
            (6, [0.5, 0.0, 0.0, 0.5]),
        ];
        let options = GenerateOptions {
            min_len: 0,
            diverse_beam_groups: Some(2),
            ..options(4)
        };
        for hypothesis in Markov::decode_one(&table, &options, &Source::default()) {
            let ends = hypothesis.tokens.iter().filter(|&&token| token == 2).count();
            assert_eq!(ends, 1, "{:?}", hypothesis.tokens);
        }
    }
}
