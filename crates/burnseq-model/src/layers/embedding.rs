//! Table of vectors looked up by id.

use burn::{
    module::{Module, Param},
    tensor::{Int, Tensor},
};

use crate::{Precision, init::Init, ops};

/// Embedding table; as an output projection its rows are the weights of the types.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[types, d_model]`
    pub weight: Param<Tensor<2>>,
    /// The same laid out for projecting few rows.
    #[module(skip)]
    columns: Option<Tensor<2>>,
    #[module(skip)]
    precision: Precision,
}

impl Embedding {
    /// N(0, 1/`width`) with the padding row zero.
    pub(crate) fn new(types: usize, width: usize, pad: usize, init: &mut Init) -> Self {
        Self {
            weight: init.normal_param([types, width], (width as f64).powf(-0.5), Some(pad)),
            columns: None,
            precision: init.precision(),
        }
    }

    /// N(0, 1/`width`) in every row: an output projection of its own.
    pub(crate) fn projection(types: usize, width: usize, init: &mut Init) -> Self {
        Self {
            weight: init.normal_param([types, width], (width as f64).powf(-0.5), None),
            columns: None,
            precision: init.precision(),
        }
    }

    /// Lays out a copy of the table for projecting few rows: see [`ops::in_columns`]. The weight must not change any more.
    pub(crate) fn lay_out_for_decoding(&mut self) {
        if self.precision == Precision::Fp32 {
            self.columns = Some(ops::in_columns(self.weight.val()));
        }
    }

    /// `[batch, len]` to `[batch, len, d_model]`.
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        ops::embedding(self.weight.val(), tokens)
    }

    /// Logits of every type: `[batch, len, d_model]` to `[batch, len, types]`.
    pub fn project(&self, x: Tensor<3>) -> Tensor<3> {
        let weight = self.columns.clone().unwrap_or_else(|| self.weight.val());
        ops::linear(x, weight, None, self.precision)
    }
}
