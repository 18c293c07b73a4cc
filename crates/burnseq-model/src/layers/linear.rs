//! Affine map with PyTorch's weight layout.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use burnseq_kernels::{Precision, ops};

use super::projection::laid_out;
use crate::init::{Init, xavier_bound};

/// `y = x Wᵀ + b` with `weight` `[out, in]`, as PyTorch stores it.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    precision: Precision,
}

impl Linear {
    /// PyTorch's default: weight and bias uniform on ±1/sqrt(`input`).
    pub(crate) fn uniform(input: usize, output: usize, init: &mut Init) -> Self {
        let bound = 1.0 / (input as f64).sqrt();
        Self {
            weight: init.uniform_param([output, input], bound),
            bias: init.uniform_param([output], bound),
            precision: init.precision(),
        }
    }

    /// Weight and bias uniform on ±`bound`.
    pub(crate) fn uniform_within(bound: f64, input: usize, output: usize, init: &mut Init) -> Self {
        Self {
            weight: init.uniform_param([output, input], bound),
            bias: init.uniform_param([output], bound),
            precision: init.precision(),
        }
    }

    /// Weight N(0, `std`²), bias zero.
    pub(crate) fn normal(input: usize, output: usize, std: f64, init: &mut Init) -> Self {
        Self {
            weight: init.normal_param([output, input], std, None),
            bias: init.constant_param(output, 0.0),
            precision: init.precision(),
        }
    }

    /// Weight after Glorot and Bengio 2010 with `gain`, bias as PyTorch's default.
    pub(crate) fn xavier(input: usize, output: usize, gain: f64, init: &mut Init) -> Self {
        let weight = init.uniform_param([output, input], xavier_bound(output, input, gain));
        Self {
            weight,
            bias: init.uniform_param([output], 1.0 / (input as f64).sqrt()),
            precision: init.precision(),
        }
    }

    /// Weight after Glorot and Bengio 2010, bias zero.
    pub(crate) fn xavier_zero_bias(input: usize, output: usize, init: &mut Init) -> Self {
        let weight = init.uniform_param([output, input], xavier_bound(output, input, 1.0));
        Self {
            weight,
            bias: init.constant_param(output, 0.0),
            precision: init.precision(),
        }
    }

    /// Brings the parameters into the form that decoding reads: see [`ops::laid_out_for_decoding`].
    pub(crate) fn lay_out_for_decoding(&mut self) {
        let precision = self.precision;
        self.weight = laid_out(&self.weight, precision);
        self.bias = self.bias.clone().map(|bias| {
            let dtype = precision.activations_on(&bias.device());
            ops::as_type(bias, dtype)
        });
    }

    /// The map as operations take it.
    pub(crate) fn affine(&self) -> ops::Affine {
        ops::Affine {
            weight: self.weight.val(),
            bias: self.bias.val(),
            precision: self.precision,
        }
    }

    /// Maps the last dimension.
    ///
    /// # Shapes
    /// `[batch, len, in]` to `[batch, len, out]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        ops::linear(x, self.weight.val(), Some(self.bias.val()), self.precision)
    }

    /// [`forward`](Self::forward), cut off below zero.
    pub fn forward_relu(&self, x: Tensor<3>) -> Tensor<3> {
        ops::linear_relu(x, self.weight.val(), self.bias.val(), self.precision)
    }
}
