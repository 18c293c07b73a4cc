//! Constraints that may occur in any order.

/// Progress through a set of constraints.
///
/// One constraint is followed at a time; of several that begin alike the longest that the hypothesis completes is met.
#[derive(Debug, Clone)]
pub(super) struct Unordered<'a> {
    /// Constraints that are not met, none of them empty.
    left: Vec<&'a [u32]>,
    /// The last tokens of the hypothesis, as far as one of `left` begins with them.
    prefix: Vec<u32>,
}

impl<'a> Unordered<'a> {
    /// Nothing is met; no constraint is empty.
    pub(super) fn new(constraints: &'a [Vec<u32>]) -> Self {
        Self {
            left: constraints.iter().map(Vec::as_slice).collect(),
            prefix: Vec::new(),
        }
    }

    /// Takes in the next token.
    pub(super) fn advance(&mut self, token: u32) {
        let mut seen = std::mem::take(&mut self.prefix);
        seen.push(token);
        while !seen.is_empty() && !self.left.iter().any(|constraint| constraint.starts_with(&seen)) {
            // The tokens lead nowhere; what they completed on the way counts, else the first one is given up.
            let completed = (1..seen.len()).rev().find(|&length| self.meet(&seen[..length]));
            seen.drain(..completed.unwrap_or(1));
        }
        let longer = |constraint: &&[u32]| constraint.len() > seen.len() && constraint.starts_with(&seen);
        if !seen.is_empty() && !self.left.iter().any(longer) {
            // Nothing that is left goes on from here, so the tokens are all of a constraint.
            self.meet(&seen);
            seen.clear();
        }
        self.prefix = seen;
    }

    /// Marks a constraint that is equal to `tokens` as met; says whether there is one.
    fn meet(&mut self, tokens: &[u32]) -> bool {
        let place = self.left.iter().position(|constraint| *constraint == tokens);
        if let Some(place) = place {
            self.left.swap_remove(place);
        }
        place.is_some()
    }

    /// Tokens that are still needed.
    pub(super) fn needed(&self) -> usize {
        self.left.iter().map(|constraint| constraint.len()).sum::<usize>() - self.prefix.len()
    }

    /// The tokens after which fewer are needed, in order.
    pub(super) fn next_tokens(&self) -> Vec<u32> {
        let first = self.left.iter().map(|constraint| constraint[0]);
        let following = self
            .left
            .iter()
            .filter(|constraint| constraint.starts_with(&self.prefix))
            .filter_map(|constraint| constraint.get(self.prefix.len()).copied());
        let mut tokens: Vec<u32> = first.chain(following).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens.retain(|&token| {
            let mut next = self.clone();
            next.advance(token);
            next.needed() < self.needed()
        });
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is needed after each token, and what may come next in the end.
    fn follow(constraints: &[Vec<u32>], tokens: &[u32]) -> (Vec<usize>, Vec<u32>) {
        let mut state = Unordered::new(constraints);
        let needed = tokens.iter().map(|&token| {
            state.advance(token);
            state.needed()
        });
        (needed.collect(), state.next_tokens())
    }

    #[test]
    fn any_order_will_do() {
        let constraints = [vec![5, 6], vec![7]];
        assert_eq!(follow(&constraints, &[]), (vec![], vec![5, 7]));
        assert_eq!(follow(&constraints, &[7, 9, 5, 6]), (vec![2, 2, 1, 0], vec![]));
        // Inside a constraint only its next token helps.
        assert_eq!(follow(&constraints, &[5]), (vec![2], vec![6]));
    }

    #[test]
    fn a_broken_constraint_keeps_what_still_fits() {
        let constraints = [vec![5, 5, 6]];
        assert_eq!(follow(&constraints, &[5, 5, 5, 6]), (vec![2, 1, 1, 0], vec![]));
    }

    #[test]
    fn of_constraints_that_begin_alike_the_longest_completed_one_is_met() {
        let constraints = [vec![5], vec![5, 6, 7]];
        // 5 6 7 completes the long one, then 5 the short one.
        assert_eq!(follow(&constraints, &[5, 6, 7, 5]), (vec![3, 2, 1, 0], vec![]));
        // 5 6 8 does not, but its 5 is the short one.
        assert_eq!(follow(&constraints, &[5, 6, 8]), (vec![3, 2, 3], vec![5]));
        assert_eq!(follow(&constraints, &[5, 5, 6, 7]), (vec![3, 2, 1, 0], vec![]));
    }

    #[test]
    fn a_constraint_inside_another_needs_an_occurrence_of_its_own() {
        let constraints = [vec![5, 6, 7], vec![6]];
        assert_eq!(follow(&constraints, &[5, 6, 7, 6]), (vec![3, 2, 1, 0], vec![]));
        // The long one breaks off behind its 6, which is the short one then.
        assert_eq!(follow(&constraints, &[5, 6, 9]), (vec![3, 2, 3], vec![5]));
    }

    #[test]
    fn the_same_constraint_twice_needs_two_occurrences() {
        let constraints = [vec![5], vec![5]];
        assert_eq!(follow(&constraints, &[5]), (vec![1], vec![5]));
        assert_eq!(follow(&constraints, &[5, 9, 5]), (vec![1, 1, 0], vec![]));
    }

    #[test]
    fn following_next_tokens_meets_all_constraints_without_a_detour() {
        let constraints = [vec![4, 5], vec![4], vec![5, 4, 4], vec![5, 5]];
        for first_choice in 0..3 {
            for broken in [vec![], vec![5, 4], vec![4, 4], vec![5, 5, 4]] {
                let mut state = Unordered::new(&constraints);
                broken.iter().for_each(|&token| state.advance(token));
                while state.needed() > 0 {
                    let (before, next) = (state.needed(), state.next_tokens());
                    assert!(!next.is_empty(), "{state:?}");
                    state.advance(next[first_choice % next.len()]);
                    assert!(state.needed() < before);
                }
            }
        }
    }
}
