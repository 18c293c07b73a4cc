//! Layer normalisation.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use burnseq_kernels::{dropout_mask::Mask, ops};

use crate::init::Init;

/// Layer normalisation over the last dimension (Ba et al. 2016) with biased variance.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Gain, `[d_model]`.
    pub weight: Param<Tensor<1>>,
    /// `[d_model]`
    pub bias: Param<Tensor<1>>,
    /// Added to the variance.
    eps: f64,
}

impl LayerNorm {
    /// What PyTorch adds to the variance unless told otherwise, and fairseq's families with it.
    pub const FAIRSEQ_EPS: f64 = 1e-5;

    pub(crate) fn new(width: usize, eps: f64, init: &mut Init) -> Self {
        Self {
            eps,
            weight: init.constant_param(width, 1.0),
            bias: init.constant_param(width, 0.0),
        }
    }

    /// As fairseq's families have it, where `is_there`.
    pub(crate) fn fairseq_if(is_there: bool, width: usize, init: &mut Init) -> Option<Self> {
        is_there.then(|| Self::new(width, Self::FAIRSEQ_EPS, init))
    }

    /// [`forward`](Self::forward) where there is a norm.
    pub(crate) fn forward_if(norm: Option<&Self>, x: Tensor<3>) -> Tensor<3> {
        match norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }

    /// Normalises every vector of `residual` plus `x`, dropped out under `mask`.
    pub(crate) fn forward_sum(&self, residual: Tensor<3>, x: Tensor<3>, mask: Option<Mask>) -> Tensor<3> {
        ops::residual_norm(residual, x, mask, self.weight.val(), self.bias.val(), self.eps)
    }

    /// Normalises every vector of the last dimension.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        ops::layer_norm(x, self.weight.val(), self.bias.val(), self.eps)
    }
}
