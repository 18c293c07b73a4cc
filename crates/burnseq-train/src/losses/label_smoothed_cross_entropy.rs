//! Cross entropy against targets that keep a little probability for every token.

use burn::tensor::{Int, Tensor};
use burnseq_kernels::ops::label_smoothed_nll;
use serde::{Deserialize, Serialize};

use super::{Correct, LossOutput};
use crate::{Error, Result};

/// Configuration of [`LabelSmoothedCrossEntropy`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelSmoothedCrossEntropyConfig {
    /// Probability mass taken from the reference token, in `[0, 1)`; 0 is plain cross entropy.
    pub label_smoothing: f64,
    /// Tokens at the beginning of every target that carry no loss.
    pub ignore_prefix_size: usize,
    /// Count the tokens that the model ranks first.
    pub report_accuracy: bool,
}

impl LabelSmoothedCrossEntropyConfig {
    /// Checks the range.
    ///
    /// # Errors
    /// A mass outside `[0, 1)`.
    pub fn validate(&self) -> Result<()> {
        if (0.0..1.0).contains(&self.label_smoothing) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "'label_smoothing' must be at least 0 and below 1, got {}",
            self.label_smoothing
        )))
    }

    /// The loss; the configuration is valid.
    pub fn init(&self) -> LabelSmoothedCrossEntropy {
        LabelSmoothedCrossEntropy { config: self.clone() }
    }
}

/// Cross entropy against `1 - epsilon` on the reference token and `epsilon` spread evenly over the
/// others, as in fairseq (Szegedy et al. 2016, section 7, spread it over all tokens).
#[derive(Debug, Clone, PartialEq)]
pub struct LabelSmoothedCrossEntropy {
    config: LabelSmoothedCrossEntropyConfig,
}

impl LabelSmoothedCrossEntropy {
    /// Loss in nats, summed over the target tokens that are not `pad` and lie behind the ignored prefix.
    ///
    /// # Shapes
    /// - `logits`: `[batch, tgt_len, vocab]`
    /// - `target`: `[batch, tgt_len]`
    pub fn forward(&self, logits: Tensor<3>, target: Tensor<2, Int>, pad: usize) -> LossOutput {
        let target = self.without_prefix(target, pad);
        let correct = self
            .config
            .report_accuracy
            .then(|| Correct::count(logits.clone(), target.clone(), pad));
        LossOutput {
            correct,
            ..forward(logits, target, pad, self.config.label_smoothing)
        }
    }

    /// The target with padding, which carries no loss, in place of the ignored prefix.
    fn without_prefix(&self, target: Tensor<2, Int>, pad: usize) -> Tensor<2, Int> {
        let [batch, tgt_len] = target.dims();
        match self.config.ignore_prefix_size.min(tgt_len) {
            0 => target,
            prefix => target.slice_fill([0..batch, 0..prefix], pad as i64),
        }
    }
}

/// Flattens the batch and computes the loss.
pub(super) fn forward(logits: Tensor<3>, target: Tensor<2, Int>, pad: usize, epsilon: f64) -> LossOutput {
    let [batch, tgt_len, vocab] = logits.dims();
    let tokens = batch * tgt_len;
    let logits = logits.reshape([tokens, vocab]);
    let (loss, nll_loss) = label_smoothed_cross_entropy(logits, target.reshape([tokens]), pad, epsilon);
    LossOutput {
        loss,
        nll_loss,
        correct: None,
    }
}

/// Smoothed loss (differentiable) and negative log-likelihood (without gradient), both in nats and
/// summed over the tokens whose target is not `pad`.
///
/// With `epsilon_i = epsilon / (vocab - 1)` the loss of a token is
/// `(1 - epsilon - epsilon_i) * nll + epsilon_i * smooth`, where `smooth` sums `-log p` over the whole
/// vocabulary, padding and reference included. The log-softmax is computed in `f32`.
///
/// # Shapes
/// - `logits`: `[tokens, vocab]`
/// - `target`: `[tokens]`
/// - both results: `[1]`
pub fn label_smoothed_cross_entropy(
    logits: Tensor<2>,
    target: Tensor<1, Int>,
    pad: usize,
    epsilon: f64,
) -> (Tensor<1>, Tensor<1>) {
    let (loss, nll) = label_smoothed_nll(logits, target, pad, epsilon);
    (loss, nll.detach().inner())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn criterion(label_smoothing: f64) -> LabelSmoothedCrossEntropy {
        let config = LabelSmoothedCrossEntropyConfig {
            label_smoothing,
            ..LabelSmoothedCrossEntropyConfig::default()
        };
        config.init()
    }

    fn scalar(tensor: Tensor<1>) -> f32 {
        tensor.into_scalar::<f32>()
    }

    #[test]
    fn smooths_over_the_other_tokens_and_ignores_padding() {
        let device = Device::flex();
        // p = [0.5, 0.25, 0.25] twice; the second target is padding (id 0).
        let p = Tensor::<3>::from_floats([[[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]], &device);
        let output = criterion(0.2).forward(p.log(), Tensor::from_ints([[1, 0]], &device), 0);
        // -(0.8 ln 0.25 + 0.1 ln 0.5 + 0.1 ln 0.25) = 1.3169796
        assert!((scalar(output.loss) - 1.316_979_6).abs() < 1e-6);
        assert!((scalar(output.nll_loss) - 4f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn gradient_is_softmax_minus_the_smoothed_target_and_zero_at_padding() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_floats(
            [[0.5f32.ln(), 0.25f32.ln(), 0.25f32.ln()], [1.0, 2.0, 3.0]],
            &device,
        )
        .require_grad();
        let target = Tensor::from_ints([1, 0], &device);
        let (loss, _) = label_smoothed_cross_entropy(logits.clone(), target, 0, 0.2);
        let grads = loss.backward();
        let grad = logits.grad(&grads).unwrap().into_data();
        let expected = [0.5 - 0.1, 0.25 - 0.8, 0.25 - 0.1, 0.0, 0.0, 0.0];
        for (found, expected) in grad.as_slice::<f32>().unwrap().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{grad}");
        }
    }

    #[test]
    fn a_batch_of_padding_only_has_no_loss() {
        let device = Device::flex();
        let logits = Tensor::<3>::from_floats([[[1.0, -1.0, 0.0]]], &device);
        let output = criterion(0.1).forward(logits, Tensor::from_ints([[1]], &device), 1);
        assert_eq!(scalar(output.loss), 0.0);
    }

    #[test]
    fn an_ignored_prefix_carries_no_loss_and_is_not_counted() {
        let device = Device::flex().autodiff();
        // The model ranks token 2 first everywhere; the targets are 2 2 1 and 2 1 padding (id 0).
        let logits = || Tensor::<3>::from_floats([[[0.0, 1.0, 2.0]; 3]; 2], &device);
        let target = || Tensor::<2, Int>::from_ints([[2, 2, 1], [2, 1, 0]], &device);
        let output = |ignore_prefix_size| {
            let config = LabelSmoothedCrossEntropyConfig {
                ignore_prefix_size,
                report_accuracy: true,
                ..LabelSmoothedCrossEntropyConfig::default()
            };
            let output = config.init().forward(logits(), target(), 0);
            let correct = output.correct.unwrap();
            let counts = [correct.n_correct, correct.total].map(|count| count.into_scalar::<i32>());
            (scalar(output.nll_loss), counts)
        };
        let log_sum = (0f32.exp() + 1f32.exp() + 2f32.exp()).ln();
        let (first, second) = (log_sum - 2.0, log_sum - 1.0); // of targets 2 and 1
        for (prefix, loss, counts) in [
            (0, 3.0 * first + 2.0 * second, [3, 5]),
            (1, first + 2.0 * second, [1, 3]),
            (2, second, [0, 1]),
            (9, 0.0, [0, 0]),
        ] {
            let found = output(prefix);
            assert!((found.0 - loss).abs() < 1e-5, "{prefix}: {found:?}");
            assert_eq!(found.1, counts);
        }
    }

    #[test]
    fn the_mass_is_below_one() {
        for wrong in [-0.1, 1.0, f64::NAN] {
            let error = LabelSmoothedCrossEntropyConfig {
                label_smoothing: wrong,
                ..LabelSmoothedCrossEntropyConfig::default()
            }
            .validate()
            .unwrap_err();
            assert!(error.to_string().contains("'label_smoothing'"), "{error}");
        }
    }
}
