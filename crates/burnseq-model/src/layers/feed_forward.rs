//! Position-wise feed-forward block.

use burn::tensor::Tensor;

use super::{ActivationFn, Linear};
use crate::{Dropout, DropoutModule};

/// `fc2(dropout(activation(fc1(x))))` (Vaswani et al. 2017, section 3.3).
///
/// Borrows its layers: fairseq keeps `fc1` and `fc2` in the Transformer layer itself, and so do the names.
pub struct FeedForward<'a> {
    /// `d_model` to `ffn_dim`.
    pub fc1: &'a Linear,
    /// `ffn_dim` to `d_model`.
    pub fc2: &'a Linear,
    /// Between the two.
    pub activation_fn: ActivationFn,
    /// Drop probability after the activation.
    pub activation_dropout: f64,
    /// The layer that it is part of.
    pub module: DropoutModule,
}

impl FeedForward<'_> {
    /// `[batch, len, d_model]` to the same shape.
    pub fn forward(&self, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        let hidden = match self.activation_fn {
            ActivationFn::Relu => self.fc1.forward_relu(x),
            function => function.apply(self.fc1.forward(x)),
        }; // [batch, len, ffn_dim]
        let hidden = dropout.apply(hidden, self.module, self.activation_dropout);
        self.fc2.forward(hidden)
    }
}
