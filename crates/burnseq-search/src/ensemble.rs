//! Several models as one.

use rayon::prelude::*;

use crate::search::{BatchSearch, Beam};
use crate::{LogProbs, NextToken, Predictions, Wanted};

/// An ensemble: the probability of a token is the mean of what the members give it.
///
/// One member alone is passed through as it is.
#[derive(Debug)]
pub struct Ensemble<N> {
    members: Vec<N>,
}

impl<N: NextToken> Ensemble<N> {
    /// Models over the same target dictionary, in the middle of decoding the same batch.
    ///
    /// # Panics
    /// Without any model.
    pub fn new(members: Vec<N>) -> Self {
        assert!(!members.is_empty(), "an ensemble has members");
        Self { members }
    }
}

impl<N: NextToken> NextToken for Ensemble<N> {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        let mut all: Vec<LogProbs> = self
            .members
            .iter_mut()
            .map(|member| member.log_probs(prev_output_tokens))
            .collect();
        let mut mean = all.pop().expect("an ensemble has members");
        if all.is_empty() {
            return mean;
        }
        let vocab = mean.vocab();
        mean.normalise();
        for other in &mut all {
            assert_eq!(other.vocab(), vocab, "members share the target dictionary");
            other.normalise();
        }
        let ln_members = ((all.len() + 1) as f32).ln();
        let rows = mean.values_mut().par_chunks_exact_mut(vocab).enumerate();
        rows.for_each(|(row, mean)| {
            for (token, mean) in mean.iter_mut().enumerate() {
                let given = || all.iter().map(|other| other.values()[row * vocab + token]);
                let max = given().fold(*mean, f32::max);
                // Nothing but negative infinity has no distance to the largest.
                if max > f32::NEG_INFINITY {
                    let sum: f32 = given().map(|value| (value - max).exp()).sum();
                    *mean = max + (sum + (*mean - max).exp()).ln() - ln_members;
                }
            }
        });
        mean
    }

    fn predict(&mut self, prev_output_tokens: &[u32], wanted: Option<&Wanted>) -> Predictions {
        match self.members.as_mut_slice() {
            [alone] => alone.predict(prev_output_tokens, wanted),
            _ => self.log_probs(prev_output_tokens).into(),
        }
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        for member in &mut self.members {
            member.reorder(rows, sentences);
        }
    }

    fn run_beam(&mut self, search: &mut BatchSearch<'_, Beam>) {
        if let [alone] = self.members.as_mut_slice() {
            alone.run_beam(search);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the same logits at every step.
    struct Constant(Vec<f32>);

    impl NextToken for Constant {
        fn log_probs(&mut self, _prev_output_tokens: &[u32]) -> LogProbs {
            LogProbs::from_logits(self.0.clone(), 3, 1.0)
        }

        fn reorder(&mut self, _rows: &[usize], _sentences: &[usize]) {}
    }

    fn logits(p: &[f32]) -> Constant {
        Constant(p.iter().map(|p| p.ln() + 5.0).collect())
    }

    #[test]
    fn probabilities_are_averaged_row_by_row() {
        let members = vec![
            logits(&[0.5, 0.3, 0.2, 1.0, 0.0, 0.0]),
            logits(&[0.1, 0.1, 0.8, 0.5, 0.5, 0.0]),
        ];
        let mut found = Ensemble::new(members).log_probs(&[2, 2]);
        for (row, expected) in [[0.3, 0.2, 0.5], [0.75, 0.25, 0.0_f32]].iter().enumerate() {
            let row = found.row(row);
            for (token, p) in expected.iter().enumerate() {
                let found = row.log_prob(token);
                assert!((found.exp() - p).abs() < 1e-6, "{found} and {}", p.ln());
            }
        }
    }

    #[test]
    fn a_model_beside_itself_is_that_model() {
        let member = || logits(&[0.5, 0.3, 0.2]);
        let mut one = Ensemble::new(vec![member()]).log_probs(&[2]);
        let mut three = Ensemble::new(vec![member(), member(), member()]).log_probs(&[2]);
        let (one, three) = (one.row(0), three.row(0));
        for token in 0..3 {
            let (one, three) = (one.log_prob(token), three.log_prob(token));
            assert!((one - three).abs() < 1e-6, "{one} and {three}");
        }
    }

    #[test]
    fn a_member_without_a_distribution_spoils_the_row() {
        let broken = Constant(vec![0.0, f32::NAN, 0.0]);
        let mut found = Ensemble::new(vec![logits(&[0.5, 0.3, 0.2]), broken]).log_probs(&[2]);
        found
            .row(0)
            .for_each_above(0.0, f32::NEG_INFINITY, |_, _| panic!("nothing is offered"));
    }
}
