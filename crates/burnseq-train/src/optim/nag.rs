//! Gradient descent with Nesterov's momentum (Sutskever et al. 2013, section 2.1), in fairseq's arithmetic.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::momentum::{self, Descent, Momentum};
use crate::Result;

/// Configuration of [`Nag`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NagConfig {
    /// Share of the last step that is taken again, in `[0, 1)`.
    pub momentum: f64,
    /// Share of every parameter that is taken away per update, times the learning rate.
    pub weight_decay: f64,
}

impl Default for NagConfig {
    fn default() -> Self {
        Self {
            momentum: 0.99,
            weight_decay: 0.0,
        }
    }
}

impl NagConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// All options out of range.
    pub fn validate(&self) -> Result<()> {
        momentum::validate(self.momentum, self.weight_decay)
    }
}

/// Gradient descent with Nesterov's momentum; its state is `<parameter>.velocity`.
pub type Nag = Momentum<NagConfig>;

/// The velocity is that of fairseq divided by the learning rate: fairseq corrects it by the ratio of the new rate to the
/// old one, which then is no longer needed.
impl Descent for NagConfig {
    const VELOCITY: &'static str = "velocity";

    fn step<const D: usize>(&self, lr: f64, [param, grad, velocity]: [Tensor<D>; 3]) -> [Tensor<D>; 2] {
        let ahead = velocity.clone() * (self.momentum * self.momentum) - grad.clone() * (1.0 + self.momentum);
        let param = param * (1.0 - lr * self.weight_decay) + ahead * lr;
        [param, velocity * self.momentum - grad]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::states::tests::{a, pair, two_steps};

    #[test]
    fn steps_equal_those_of_fairseq_when_the_learning_rate_changes() {
        let model = pair();
        let config = NagConfig {
            momentum: 0.9,
            weight_decay: 0.1,
        };
        let mut nag = Nag::new(config, &model);
        let model = two_steps(&mut nag, model, [0.1, 0.2]);
        // fairseq, with buffer = 0, g = 2 and lr = 0.1:
        //   p = 1 * 0.99 - 1.9 * 0.1 * 2 = 0.61;  buffer = -0.2
        // then lr = 0.2, corrected by 0.2 / 0.1, and g = 1:
        //   p = 0.61 * 0.98 + 0.81 * 2 * -0.2 - 1.9 * 0.2 * 1 = -0.1062
        // The second value likewise: -2 * 0.99 + 0.19 = -1.79; -1.79 * 0.98 + 0.162 + 0.19 = -1.4022.
        let found = a(&model);
        assert!(
            (found[0] + 0.1062).abs() < 1e-6 && (found[1] + 1.4022).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(
            model.b.val().into_scalar::<f32>(),
            0.5,
            "no gradient: not even decayed"
        );
        let state = nag.state_dict(&model);
        assert_eq!((state.step, state.tensors[0].0.as_str()), (2, "a.velocity"));
    }
}
