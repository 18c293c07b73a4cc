//! Table of vectors looked up by id.

use burn::{
    module::{Module, Param},
    tensor::{Int, Tensor},
};
use burnseq_kernels::{Precision, ops};

use crate::init::{Init, clear_row};

/// Embedding table; as an output projection its rows are the weights of the types.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[types, d_model]`
    pub weight: Param<Tensor<2>>,
    /// The same in the form that decoding reads.
    #[module(skip)]
    laid_out: Option<Tensor<2>>,
    #[module(skip)]
    precision: Precision,
    frozen: bool,
}

impl Embedding {
    /// N(0, 1/`width`) with the padding row zero.
    pub(crate) fn new(types: usize, width: usize, pad: usize, init: &mut Init) -> Self {
        Self::normal(types, width, (width as f64).powf(-0.5), Some(pad), init)
    }

    /// N(0, `std`²), with row `zero_row` zero.
    pub(crate) fn normal(
        types: usize,
        width: usize,
        std: f64,
        zero_row: Option<usize>,
        init: &mut Init,
    ) -> Self {
        Self {
            weight: init.normal_param([types, width], std, zero_row),
            laid_out: None,
            precision: init.precision(),
            frozen: false,
        }
    }

    /// These values, row-major, with the padding row zero.
    pub(crate) fn of_values(
        mut values: Vec<f32>,
        [types, width]: [usize; 2],
        pad: usize,
        init: &mut Init,
    ) -> Self {
        clear_row(&mut values, width, pad);
        Self {
            weight: init.param(values, [types, width]),
            laid_out: None,
            precision: init.precision(),
            frozen: false,
        }
    }

    /// The same table, whose weight gets no gradient if `frozen`.
    pub(crate) fn with_frozen(self, frozen: bool) -> Self {
        Self { frozen, ..self }
    }

    /// The weight as operations take it.
    fn table(&self) -> Tensor<2> {
        if self.frozen {
            self.weight.val().detach()
        } else {
            self.weight.val()
        }
    }

    /// N(0, 1/`width`) in every row: an output projection of its own.
    pub(crate) fn projection(types: usize, width: usize, init: &mut Init) -> Self {
        Self::normal(types, width, (width as f64).powf(-0.5), None, init)
    }

    /// Makes a copy of the table in the form that decoding reads: see [`ops::laid_out_for_decoding`]. The weight must not
    /// change any more.
    pub(crate) fn lay_out_for_decoding(&mut self) {
        self.laid_out = Some(ops::laid_out_for_decoding(self.weight.val(), self.precision));
    }

    /// `[batch, len]` to `[batch, len, d_model]`.
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        ops::embedding(self.table(), tokens)
    }

    /// Logits of every type: `[batch, len, d_model]` to `[batch, len, types]`.
    pub fn project(&self, x: Tensor<3>) -> Tensor<3> {
        let weight = self.laid_out.clone().unwrap_or_else(|| self.table());
        ops::linear(x, weight, None, self.precision)
    }

    /// [`project`](Self::project) with a bias `[types]`.
    pub(crate) fn project_with_bias(&self, x: Tensor<3>, bias: Tensor<1>) -> Tensor<3> {
        let weight = self.laid_out.clone().unwrap_or_else(|| self.table());
        ops::linear(x, weight, Some(bias), self.precision)
    }
}
