//! Residual connection around a sub-layer.

use burn::tensor::Tensor;
use burnseq_kernels::ops;

use super::LayerNorm;
use crate::{Dropout, DropoutModule};

/// A sub-layer with its residual connection: `norm(x + dropout(f(x)))`, or `x + dropout(f(norm(x)))` for pre-norm.
pub(crate) struct Residual<'a> {
    /// Normalise before the sub-layer instead of after it.
    pub normalize_before: bool,
    /// The layer that it is part of.
    pub module: DropoutModule,
    /// Drop probability of the output of the sub-layer.
    pub probability: f64,
    /// Masks of this pass.
    pub dropout: &'a Dropout,
}

impl Residual<'_> {
    /// `[batch, len, d_model]` to the same shape.
    pub fn apply(
        &self,
        x: Tensor<3>,
        norm: &LayerNorm,
        sublayer: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let input = if self.normalize_before {
            norm.forward(x.clone())
        } else {
            x.clone()
        };
        let output = sublayer(input);
        let mask = self.dropout.draw(self.module, self.probability);
        if self.normalize_before {
            ops::dropout_add(x, output, mask)
        } else {
            norm.forward_sum(x, output, mask)
        }
    }
}
