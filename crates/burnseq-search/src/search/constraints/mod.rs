//! Lexically constrained beam search: hypotheses that contain given sequences of tokens.
//!
//! Dynamic beam allocation (Post and Vilar 2018) with the state of Hu et al. 2019: hypotheses are told apart by how many
//! tokens their constraints still need, and the beam is shared evenly between these banks, so that a hypothesis that
//! pays for a constraint now is not lost to those that have not yet. Where fairseq lets hypotheses end without their
//! constraints when they grow too long, here every hypothesis keeps room for what it still needs.

mod bank;
mod ordered;
mod unordered;

use super::batch::{Offers, Sentence, Strategy};
use super::beam::Beam;
use super::candidates::{Best, Candidate};
use crate::{ConstraintOrder, GenerateOptions};
use bank::Banked;
use ordered::Ordered;
use unordered::Unordered;

/// Beam search whose hypotheses contain the constraints of their source; without constraints it is [`Beam`].
///
/// Looks at the best continuations of all hypotheses, at the best one of each, and at all those that a constraint
/// needs.
#[derive(Debug, Clone)]
pub struct ConstrainedBeam {
    beam: Beam,
    order: ConstraintOrder,
    eos: usize,
}

impl ConstrainedBeam {
    /// With the beam of `options`; `eos` is the id of `</s>`.
    pub fn new(options: &GenerateOptions, order: ConstraintOrder, eos: usize) -> Self {
        Self {
            beam: Beam::new(options),
            order,
            eos,
        }
    }
}

impl Strategy for ConstrainedBeam {
    type Memory = ();

    fn candidates(&self, sentence: &Sentence<'_>, mut offers: Offers<'_>, memory: &mut ()) -> Vec<Candidate> {
        let constraints = &sentence.source.constraints;
        if constraints.is_empty() {
            return self.beam.candidates(sentence, offers, memory);
        }
        let limit = self.beam.limit(sentence.rows.len(), offers.vocab());
        let mut best = Best::new(limit);
        let mut others = Vec::new();
        let mut progress = Vec::with_capacity(sentence.rows.len());
        for (number, live) in sentence.live() {
            let state = Progress::after(self.order, constraints, &live.tokens);
            let wanted = state.next_tokens();
            let mut row = offers.row(number, &wanted);
            if state.needed() > 0 {
                row.forbid(self.eos);
            }
            let candidate = |token, score| Candidate {
                score,
                row: number,
                token,
            };
            row.for_each_above(live.score(), best.threshold(), |token, score| {
                best.push(candidate(token, score))
            });
            let mut best_of_row = Best::new(1);
            row.for_each_above(live.score(), f32::NEG_INFINITY, |token, score| {
                best_of_row.push(candidate(token, score))
            });
            others.extend(best_of_row.into_vec());
            others.extend(
                wanted
                    .iter()
                    .map(|&token| candidate(token as usize, row.log_prob(token as usize) + live.score())),
            );
            progress.push(state);
        }
        let mut seen = Vec::new();
        let fits = |candidate: Candidate| {
            let live = &sentence.rows[candidate.row];
            let key = (candidate.row, candidate.token);
            // Not a number is no score either.
            let possible = candidate.score > f32::NEG_INFINITY;
            if !possible || seen.contains(&key) {
                return None;
            }
            seen.push(key);
            let mut state = progress[candidate.row].clone();
            state.advance(candidate.token as u32);
            let needed = state.needed();
            // A hypothesis must have room for the rest of its constraints.
            let fits = candidate.token == self.eos || live.tokens.len() + 1 + needed <= sentence.max_len;
            fits.then_some(Banked { candidate, needed })
        };
        let banked = best.into_vec().into_iter().chain(others).filter_map(fits);
        bank::allocate(banked.collect(), limit)
    }
}

/// How far a hypothesis has come with its constraints.
#[derive(Debug, Clone)]
enum Progress<'a> {
    Ordered(Ordered<'a>),
    Unordered(Unordered<'a>),
}

impl<'a> Progress<'a> {
    /// Where a hypothesis of `tokens` stands.
    fn after(order: ConstraintOrder, constraints: &'a [Vec<u32>], tokens: &[u32]) -> Self {
        let mut progress = match order {
            ConstraintOrder::Ordered => Self::Ordered(Ordered::new(constraints)),
            ConstraintOrder::Unordered => Self::Unordered(Unordered::new(constraints)),
        };
        tokens.iter().for_each(|&token| progress.advance(token));
        progress
    }

    /// Takes in the next token.
    fn advance(&mut self, token: u32) {
        match self {
            Self::Ordered(ordered) => ordered.advance(token),
            Self::Unordered(unordered) => unordered.advance(token),
        }
    }

    /// Fewest tokens that the constraints still need; 0 when all are met.
    fn needed(&self) -> usize {
        match self {
            Self::Ordered(ordered) => ordered.needed(),
            Self::Unordered(unordered) => unordered.needed(),
        }
    }

    /// The tokens after which fewer are needed; there is one as long as any are.
    fn next_tokens(&self) -> Vec<u32> {
        match self {
            Self::Ordered(ordered) => ordered.next_token().into_iter().collect(),
            Self::Unordered(unordered) => unordered.next_tokens(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use crate::search::markov::{Markov, options};

    const TABLE: [(u32, [f32; 4]); 4] = [
        (2, [0.6, 0.3, 0.1, 0.0]),
        (4, [0.1, 0.1, 0.1, 0.7]),
        (5, [0.2, 0.2, 0.2, 0.4]),
        (6, [0.3, 0.1, 0.1, 0.5]),
    ];

    fn decode(order: ConstraintOrder, beam: usize, constraints: &[&[u32]]) -> Vec<Vec<u32>> {
        let options = GenerateOptions {
            constraints: Some(order),
            ..options(beam)
        };
        let source = Source {
            constraints: constraints.iter().map(|constraint| constraint.to_vec()).collect(),
            ..Source::default()
        };
        Markov::decode_one(&TABLE, &options, &source)
            .into_iter()
            .map(|hypothesis| hypothesis.tokens)
            .collect()
    }

    #[test]
    fn the_best_hypothesis_with_the_constraint_is_found() {
        // Of 6 2 (0.1 * 0.5), 4 6 2 (0.6 * 0.1 * 0.5), 5 6 2 (0.3 * 0.2 * 0.5) and longer ones the first.
        for order in [ConstraintOrder::Ordered, ConstraintOrder::Unordered] {
            assert_eq!(decode(order, 6, &[&[6]])[0], [6, 2]);
            assert_eq!(decode(order, 1, &[&[6]])[0], [6, 2]);
        }
    }

    #[test]
    fn the_order_counts_where_it_is_asked_for() {
        // 6 4: 0.1 * 0.3 * 0.7; 4 6: 0.6 * 0.1 * 0.5.
        assert_eq!(decode(ConstraintOrder::Ordered, 6, &[&[6], &[4]])[0], [6, 4, 2]);
        assert_eq!(decode(ConstraintOrder::Unordered, 6, &[&[6], &[4]])[0], [4, 6, 2]);
    }

    #[test]
    fn constraints_that_fill_the_longest_hypothesis_are_met() {
        // Ten tokens are the most there may be, and no hypothesis may lose one on the way.
        let constraints: [&[u32]; 4] = [&[6, 6, 6], &[6, 6], &[5, 6], &[6, 5, 5]];
        let owned = constraints.map(<[u32]>::to_vec);
        for (order, beam, hypotheses) in [
            (ConstraintOrder::Ordered, 1, 1),
            (ConstraintOrder::Ordered, 5, 1), // there is no other
            (ConstraintOrder::Unordered, 1, 1),
            (ConstraintOrder::Unordered, 5, 5),
        ] {
            let found = decode(order, beam, &constraints);
            assert_eq!(found.len(), hypotheses, "{found:?}");
            for tokens in found {
                assert_eq!(tokens.len(), 11);
                let words = &tokens[..tokens.len() - 1];
                let met = Progress::after(order, &owned, words);
                assert_eq!(met.needed(), 0, "{tokens:?}");
            }
        }
    }
}
