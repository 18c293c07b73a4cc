//! Label-smoothed negative log-likelihood straight from logits.

use std::sync::Arc;

use burnseq_numerics::simd::{self, lanes_sum, vectorised};
use rayon::prelude::*;

use super::{CpuOp, Values};

/// Smoothed loss and plain negative log-likelihood of `logits` `[tokens, vocab]`, summed: a tensor of those two.
#[derive(Debug, Clone)]
pub(in super::super) struct LabelSmoothedNll {
    /// `[tokens]`
    pub target: Arc<Vec<usize>>,
    /// Target id that carries no loss.
    pub pad: usize,
    pub epsilon: f64,
}

impl LabelSmoothedNll {
    /// Weights of the reference's and of every token's negative log-probability.
    fn weights(&self, vocab: usize) -> (f32, f32) {
        let spread = if self.epsilon > 0.0 {
            self.epsilon / (vocab.max(2) - 1) as f64
        } else {
            0.0
        };
        let reference = if self.epsilon > 0.0 {
            1.0 - self.epsilon - spread
        } else {
            1.0
        };
        (reference as f32, spread as f32)
    }
}

impl CpuOp<1> for LabelSmoothedNll {
    /// Logits, and the logarithm of the sum of exponentials of every row.
    type Saved = (Values, Vec<f32>);

    fn forward(&self, [logits]: [Values; 1]) -> (Values, Self::Saved) {
        let vocab = logits.width();
        let (reference, spread) = self.weights(vocab);
        let rows: Vec<[f32; 2]> = logits
            .as_slice()
            .par_chunks_exact(vocab)
            .with_min_len(8)
            .zip(self.target.par_iter())
            .map(|(row, &target)| {
                if target == self.pad {
                    return [0.0; 2]; // its logarithm is not read either
                }
                let [log_sum, sum] = log_sum_exp_and_sum(row);
                let nll = log_sum - row[target];
                let smooth = (vocab as f64 * log_sum as f64 - sum as f64) as f32;
                [log_sum, reference * nll + spread * smooth]
            })
            .collect();
        // In f64, in order: thousands of tokens are summed.
        let (mut loss, mut nll) = (0f64, 0f64);
        for ((row, &target), &[log_sum, row_loss]) in logits
            .as_slice()
            .chunks_exact(vocab)
            .zip(self.target.iter())
            .zip(&rows)
        {
            if target != self.pad {
                loss += row_loss as f64;
                nll += (log_sum - row[target]) as f64;
            }
        }
        let log_sums = rows.into_iter().map(|[log_sum, _]| log_sum).collect();
        (
            Values::new(vec![loss as f32, nll as f32], [2]),
            (logits, log_sums),
        )
    }

    fn backward(
        &self,
        (mut logits, log_sums): Self::Saved,
        grad: Values,
        _: [bool; 1],
    ) -> [Option<Values>; 1] {
        let vocab = logits.width();
        let &[of_loss, of_nll] = grad.as_slice() else {
            panic!("the forward pass gave two values")
        };
        let (reference, spread) = self.weights(vocab);
        let (reference, spread) = (reference * of_loss + of_nll, spread * of_loss);
        let total = reference + spread * vocab as f32;
        logits
            .as_mut_slice()
            .par_chunks_exact_mut(vocab)
            .with_min_len(8)
            .zip(self.target.par_iter())
            .zip(&log_sums)
            .for_each(|((row, &target), &log_sum)| {
                if target == self.pad {
                    return row.fill(0.0);
                }
                spread_gradient(row, log_sum, total, spread);
                row[target] -= reference;
            });
        [Some(logits)]
    }
}

vectorised! {
    /// Logarithm of the sum of exponentials, and the sum itself.
    fn log_sum_exp_and_sum(row: &[f32]) -> [f32; 2] {
        let max = simd::max(row);
        let total = lanes_sum!(|x in row| simd::exp(x - max));
        [max + total.ln(), lanes_sum!(|x in row| x)]
    }

    /// `x = softmax(x) * total - spread`.
    fn spread_gradient(row: &mut [f32], log_sum: f32, total: f32, spread: f32) {
        for x in row {
            *x = simd::exp(*x - log_sum).mul_add(total, -spread);
        }
    }
}
