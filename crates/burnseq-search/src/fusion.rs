//! A language model beside the translation model.

use rayon::prelude::*;

use crate::{LogProbs, NextToken};

/// Shallow fusion (Gulcehre et al. 2015): `weight` times the log-probabilities of a language model are added to those
/// of the model. The sums are scores, not log-probabilities.
#[derive(Debug)]
pub struct ShallowFusion<M, L> {
    model: M,
    lm: L,
    weight: f32,
}

impl<M: NextToken, L: NextToken> ShallowFusion<M, L> {
    /// Both over the same target dictionary, in the middle of decoding the same batch.
    pub fn new(model: M, lm: L, weight: f64) -> Self {
        Self {
            model,
            lm,
            weight: weight as f32,
        }
    }
}

impl<M: NextToken, L: NextToken> NextToken for ShallowFusion<M, L> {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        let mut scores = self.model.log_probs(prev_output_tokens);
        if self.weight == 0.0 {
            self.lm.log_probs(prev_output_tokens);
            return scores;
        }
        let mut lm = self.lm.log_probs(prev_output_tokens);
        let vocab = scores.vocab();
        assert_eq!(lm.vocab(), vocab, "the language model has the target dictionary");
        scores.normalise();
        lm.normalise();
        let rows = scores.values_mut().par_chunks_exact_mut(vocab);
        rows.zip(lm.values().par_chunks_exact(vocab))
            .for_each(|(scores, lm)| {
                for (score, &lm) in scores.iter_mut().zip(lm) {
                    // What the language model excludes is excluded under a negative weight too.
                    *score += if lm == f32::NEG_INFINITY {
                        lm
                    } else {
                        self.weight * lm
                    };
                }
            });
        scores
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        self.model.reorder(rows, sentences);
        self.lm.reorder(rows, sentences);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the same probabilities at every step.
    struct Constant([f32; 3]);

    impl NextToken for Constant {
        fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
            let row = self.0.map(|p| p.ln() + 1.0);
            LogProbs::from_logits(row.repeat(prev_output_tokens.len()), 3, 1.0)
        }

        fn reorder(&mut self, _rows: &[usize], _sentences: &[usize]) {}
    }

    fn fused(lm: [f32; 3], weight: f64) -> Vec<f32> {
        let mut fusion = ShallowFusion::new(Constant([0.5, 0.3, 0.2]), Constant(lm), weight);
        let mut scores = fusion.log_probs(&[2, 2]);
        let row = scores.row(1);
        (0..3).map(|token| row.log_prob(token).exp()).collect()
    }

    #[test]
    fn log_probabilities_are_added_with_their_weight() {
        for (found, expected) in fused([0.25, 0.25, 0.5], 0.5).iter().zip([
            0.5 * 0.5, // 0.25^0.5 = 0.5
            0.3 * 0.5,
            0.2 * std::f32::consts::FRAC_1_SQRT_2,
        ]) {
            assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
        }
    }

    #[test]
    fn an_excluded_token_stays_excluded() {
        for weight in [0.5, -0.5] {
            assert_eq!(fused([0.5, 0.5, 0.0], weight)[2], 0.0);
        }
    }

    #[test]
    fn without_weight_the_model_decides_alone() {
        let found = fused([0.0, 0.0, 1.0], 0.0);
        assert!((found[0] - 0.5).abs() < 1e-6, "{found:?}");
    }
}
