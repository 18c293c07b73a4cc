//! Stochastic gradient descent, with momentum on request, in the arithmetic of PyTorch.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::momentum::{self, Descent, Momentum};
use crate::Result;

/// Configuration of [`Sgd`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Share of the last step that is taken again, in `[0, 1)`.
    pub momentum: f64,
    /// Share of every parameter that is added to its gradient: not decoupled, unlike that of the other optimisers.
    pub weight_decay: f64,
}

impl SgdConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// All options out of range.
    pub fn validate(&self) -> Result<()> {
        momentum::validate(self.momentum, self.weight_decay)
    }
}

/// Stochastic gradient descent; its state is `<parameter>.momentum_buffer`.
pub type Sgd = Momentum<SgdConfig>;

impl Descent for SgdConfig {
    const VELOCITY: &'static str = "momentum_buffer";

    fn step<const D: usize>(&self, lr: f64, [param, grad, velocity]: [Tensor<D>; 3]) -> [Tensor<D>; 2] {
        let grad = grad + param.clone() * self.weight_decay;
        let velocity = velocity * self.momentum + grad;
        [param - velocity.clone() * lr, velocity]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::states::tests::{a, pair, two_steps};

    #[test]
    fn steps_equal_the_formula_by_hand() {
        let model = pair();
        let config = SgdConfig {
            momentum: 0.5,
            weight_decay: 0.1,
        };
        let mut sgd = Sgd::new(config, &model);
        let model = two_steps(&mut sgd, model, [0.1, 0.1]);
        // g = 2 + 0.1 * 1 = 2.1, p = 1 - 0.21 = 0.79; then v = 0.5 * 2.1 + 1 + 0.079 = 2.129, p = 0.79 - 0.2129.
        // g = -1 - 0.2 = -1.2, p = -1.88; then v = -0.6 - 0.5 - 0.188 = -1.288, p = -1.88 + 0.1288.
        let found = a(&model);
        assert!(
            (found[0] - 0.5771).abs() < 1e-6 && (found[1] + 1.7512).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(model.b.val().into_scalar::<f32>(), 0.5);
    }
}
