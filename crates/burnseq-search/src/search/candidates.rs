//! The best continuations of one sentence.

/// A hypothesis with one more token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Score of the continued hypothesis in nats.
    pub score: f32,
    /// Row within the sentence that is continued.
    pub row: usize,
    /// The token.
    pub token: usize,
}

/// The `limit` best of the candidates seen, best first; among equals the one that came first.
#[derive(Debug)]
pub(crate) struct Best {
    candidates: Vec<Candidate>,
    limit: usize,
}

impl Best {
    /// Nothing yet; `limit` is at least 1.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            candidates: Vec::with_capacity(limit + 1),
            limit,
        }
    }

    /// What a score must be above to get in.
    pub(crate) fn threshold(&self) -> f32 {
        if self.candidates.len() < self.limit {
            f32::NEG_INFINITY
        } else {
            self.candidates[self.limit - 1].score
        }
    }

    /// Takes in a candidate whose score is above the threshold, and gives the new threshold.
    pub(crate) fn push(&mut self, candidate: Candidate) -> f32 {
        let place = self
            .candidates
            .partition_point(|other| other.score >= candidate.score);
        self.candidates.insert(place, candidate);
        self.candidates.truncate(self.limit);
        self.threshold()
    }

    /// The candidates, best first.
    pub(crate) fn into_vec(self) -> Vec<Candidate> {
        self.candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order_and_equals_in_order_of_arrival() {
        let mut best = Best::new(3);
        for (token, score) in [-3.0, -1.0, -2.0, -1.0, -0.5].into_iter().enumerate() {
            if score > best.threshold() {
                best.push(Candidate { score, row: 0, token });
            }
        }
        let tokens: Vec<_> = best.into_vec().iter().map(|candidate| candidate.token).collect();
        assert_eq!(tokens, [4, 1, 3]);
    }
}
