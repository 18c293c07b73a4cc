//! Linear map without bias.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use burnseq_kernels::{Precision, ops};

use crate::init::{Init, xavier_bound};

/// `y = x Wᵀ` with `weight` `[out, in]`, as PyTorch stores it.
#[derive(Module, Debug)]
pub struct Projection {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
    #[module(skip)]
    precision: Precision,
}

/// A weight as decoding reads it: see [`ops::laid_out_for_decoding`].
pub(super) fn laid_out(weight: &Param<Tensor<2>>, precision: Precision) -> Param<Tensor<2>> {
    weight
        .clone()
        .map(|weight| ops::laid_out_for_decoding(weight, precision))
}

impl Projection {
    /// Weight uniform on ±`bound`.
    pub(crate) fn uniform_within(bound: f64, input: usize, output: usize, init: &mut Init) -> Self {
        Self {
            weight: init.uniform_param([output, input], bound),
            precision: init.precision(),
        }
    }

    /// PyTorch's default: weight uniform on ±1/sqrt(`input`).
    pub(crate) fn uniform(input: usize, output: usize, init: &mut Init) -> Self {
        Self::uniform_within(1.0 / (input as f64).sqrt(), input, output, init)
    }

    /// Weight after Glorot and Bengio 2010.
    pub(crate) fn xavier(input: usize, output: usize, init: &mut Init) -> Self {
        Self::uniform_within(xavier_bound(output, input, 1.0), input, output, init)
    }

    /// Brings the weight into the form that decoding reads: see [`ops::laid_out_for_decoding`].
    pub(crate) fn lay_out_for_decoding(&mut self) {
        self.weight = laid_out(&self.weight, self.precision);
    }

    /// Maps the last dimension: `[batch, len, in]` to `[batch, len, out]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        ops::linear(x, self.weight.val(), None, self.precision)
    }
}
