//! Constraints that must occur in the order given.

/// Progress through a list of constraints, with any tokens between them.
#[derive(Debug, Clone)]
pub(super) struct Ordered<'a> {
    /// Constraints that are not met.
    left: &'a [Vec<u32>],
    /// Tokens of the first of them that the hypothesis ends with.
    within: usize,
}

impl<'a> Ordered<'a> {
    /// Nothing is met; no constraint is empty.
    pub(super) fn new(constraints: &'a [Vec<u32>]) -> Self {
        Self {
            left: constraints,
            within: 0,
        }
    }

    /// Takes in the next token.
    pub(super) fn advance(&mut self, token: u32) {
        let Some((current, rest)) = self.left.split_first() else {
            return;
        };
        // What the hypothesis ends with is now the longest beginning of the constraint that is an end of these.
        let mut seen = current[..self.within].to_vec();
        seen.push(token);
        let is_beginning = |&length: &usize| current.starts_with(&seen[seen.len() - length..]);
        self.within = (0..=seen.len()).rev().find(is_beginning).unwrap_or(0);
        if self.within == current.len() {
            (self.left, self.within) = (rest, 0);
        }
    }

    /// Tokens that are still needed.
    pub(super) fn needed(&self) -> usize {
        self.left.iter().map(Vec::len).sum::<usize>() - self.within
    }

    /// The token after which fewer are needed.
    pub(super) fn next_token(&self) -> Option<u32> {
        self.left.first().map(|current| current[self.within])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is needed after each token, and what comes next in the end.
    fn follow(constraints: &[Vec<u32>], tokens: &[u32]) -> (Vec<usize>, Option<u32>) {
        let mut state = Ordered::new(constraints);
        let needed = tokens.iter().map(|&token| {
            state.advance(token);
            state.needed()
        });
        (needed.collect(), state.next_token())
    }

    #[test]
    fn constraints_are_met_one_after_the_other_with_gaps_between_them() {
        let constraints = [vec![5, 6], vec![7]];
        assert_eq!(
            follow(&constraints, &[9, 5, 6, 9, 7, 9]),
            (vec![3, 2, 1, 1, 0, 0], None)
        );
        // 7 comes too early, and 5 8 breaks off.
        assert_eq!(follow(&constraints, &[7, 5, 8]), (vec![3, 2, 3], Some(5)));
    }

    #[test]
    fn a_broken_constraint_keeps_what_still_fits() {
        let constraints = [vec![5, 5, 6]];
        assert_eq!(follow(&constraints, &[5, 5, 5, 6]), (vec![2, 1, 1, 0], None));
    }

    #[test]
    fn the_same_constraint_twice_needs_two_occurrences() {
        let constraints = [vec![5], vec![5]];
        assert_eq!(follow(&constraints, &[5]), (vec![1], Some(5)));
    }
}
