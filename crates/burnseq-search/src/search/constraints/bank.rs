//! Sharing the beam between hypotheses that have come differently far with their constraints.

use crate::search::Candidate;

/// A candidate, and how many tokens its constraints still need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Banked {
    pub(super) candidate: Candidate,
    pub(super) needed: usize,
}

/// The best candidate of each bank, the ones that need least first, then the second best of each, and so on; at most
/// `limit`.
pub(super) fn allocate(mut banked: Vec<Banked>, limit: usize) -> Vec<Candidate> {
    let by_bank = |a: &Banked, b: &Banked| {
        let by_score = || b.candidate.score.total_cmp(&a.candidate.score);
        a.needed.cmp(&b.needed).then_with(by_score)
    };
    banked.sort_by(by_bank);
    let mut ranked: Vec<(usize, Banked)> = Vec::with_capacity(banked.len());
    for banked in banked {
        let rank = match ranked.last() {
            Some((rank, last)) if last.needed == banked.needed => rank + 1,
            _ => 0,
        };
        ranked.push((rank, banked));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(limit);
    ranked.into_iter().map(|(_, banked)| banked.candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(banked: &[(usize, f32)], limit: usize) -> Vec<usize> {
        let banked = banked.iter().enumerate().map(|(token, &(needed, score))| Banked {
            candidate: Candidate { score, row: 0, token },
            needed,
        });
        let allocated = allocate(banked.collect(), limit);
        allocated.iter().map(|candidate| candidate.token).collect()
    }

    #[test]
    fn banks_take_turns_from_the_one_that_needs_least() {
        let banked = [(2, -1.0), (2, -2.0), (2, -3.0), (0, -9.0), (1, -5.0), (1, -4.0)];
        assert_eq!(tokens(&banked, 9), [3, 5, 0, 4, 1, 2]);
        assert_eq!(tokens(&banked, 2), [3, 5]);
    }

    #[test]
    fn one_bank_alone_is_in_order_of_scores_and_equals_keep_theirs() {
        assert_eq!(tokens(&[(0, -2.0), (0, -1.0), (0, -2.0)], 9), [1, 0, 2]);
    }
}
