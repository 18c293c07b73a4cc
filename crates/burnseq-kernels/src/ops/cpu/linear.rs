//! Affine map, optionally with ReLU.

use burn::{backend::Flex, tensor::Tensor};
use burnseq_numerics::simd::vectorised;
use rayon::prelude::*;

use super::{
    CpuOp, Values, bf16, buffer,
    matmul::{self, Mat},
};
use crate::Precision;

/// `x Wᵀ + b` of `x`, `weight` `[out, in]` and, if `bias` says so, `bias` `[out]`; the third input is ignored otherwise.
#[derive(Debug, Clone)]
pub(in super::super) struct LinearOp {
    /// Cut the result off below zero.
    pub relu: bool,
    /// What the operands of products are rounded to.
    pub precision: Precision,
}

/// `c = a b`, or `c += a b`; `precision` says what the operands are rounded to.
pub(super) fn multiply(precision: Precision, c: &mut [f32], a: Mat, b: Mat, accumulate: bool) {
    match precision {
        Precision::Bf16 => bf16::matmul(c, a, b, accumulate),
        // Tensors of half precision are no business of these kernels: here nothing is rounded to it.
        Precision::Fp32 | Precision::Tf32 | Precision::Fp16 => matmul::matmul(c, a, b, accumulate),
    }
}

/// `a b` in new memory, or `a b + bias` with as many values as there are columns; see [`multiply`].
fn product_of(precision: Precision, a: Mat, b: Mat, bias: Option<&[f32]>) -> Vec<f32> {
    if precision != Precision::Bf16 {
        return matmul::product_of(a, b, bias);
    }
    let mut c = buffer(a.rows() * b.cols());
    if let Some(bias) = bias {
        c.par_chunks_mut(bias.len() * 64).for_each(|rows| {
            rows.chunks_exact_mut(bias.len())
                .for_each(|row| row.copy_from_slice(bias));
        });
    }
    multiply(precision, &mut c, a, b, bias.is_some());
    c
}

impl LinearOp {
    /// With the weight as the right operand, `[in, out]`.
    fn compute(&self, x: &Values, weight: Mat, bias: Option<&Values>) -> Values {
        let (input, output) = (weight.rows(), weight.cols());
        let rows = x.as_slice().len() / input;
        let mut y = product_of(
            self.precision,
            Mat::new(x.as_slice(), rows, input),
            weight,
            bias.map(Values::as_slice),
        );
        if self.relu {
            y.par_chunks_mut(1 << 14).for_each(cut_below_zero);
        }
        let mut shape = x.shape().to_vec();
        *shape.last_mut().expect("x has a last dimension, its width") = output;
        Values::new(y, shape)
    }

    /// The map by a weight that lies [column by column](super::super::laid_out_for_decoding), or nothing where the weight lies otherwise or
    /// autodiff takes part.
    pub fn in_columns(
        &self,
        x: &Tensor<3>,
        weight: &Tensor<2>,
        bias: Option<&Tensor<1>>,
    ) -> Option<Tensor<3>> {
        if x.is_autodiff() || weight.is_autodiff() || bias.is_some_and(Tensor::is_autodiff) {
            return None;
        }
        let on_flex = "the caller checked the device";
        let columns = weight
            .clone()
            .transpose()
            .try_into_primitive::<Flex>()
            .expect(on_flex);
        if !columns.is_contiguous() {
            return None;
        }
        let columns = Values::from_tensor(columns);
        let x = Values::from_tensor(x.clone().try_into_primitive::<Flex>().expect(on_flex));
        let bias =
            bias.map(|bias| Values::from_tensor(bias.clone().try_into_primitive::<Flex>().expect(on_flex)));
        let [input, output] = columns.shape().dims();
        let y = self.compute(&x, Mat::new(columns.as_slice(), input, output), bias.as_ref());
        Some(Tensor::from_primitive::<Flex>(y.0))
    }

    /// Gradients of x, weight and bias.
    fn gradients(&self, saved: LinearSaved, mut grad: Values, needed: [bool; 3]) -> [Option<Values>; 3] {
        let LinearSaved { x, weight, y } = saved;
        if let Some(y) = y {
            let y = y.as_slice();
            grad.as_mut_slice()
                .par_chunks_mut(1 << 14)
                .zip(y.par_chunks(1 << 14))
                .for_each(|(grad, y)| clear_where_cut(grad, y));
        }
        let (input, rows) = (weight.width(), x.as_slice().len() / x.width());
        let output = weight.as_slice().len() / input;
        let grad = Mat::new(grad.as_slice(), rows, output);
        let of_x = needed[0].then(|| {
            let weight = Mat::new(weight.as_slice(), output, input);
            Values::new(product_of(self.precision, grad, weight, None), x.shape())
        });
        let of_weight = needed[1].then(|| {
            let x = Mat::new(x.as_slice(), rows, input);
            Values::new(product_of(self.precision, grad.t(), x, None), [output, input])
        });
        let of_bias = needed[2].then(|| Values::new(column_sums(grad.values(), output), [output]));
        [of_x, of_weight, of_bias]
    }
}

/// A weight `[out, in]` as the right operand of a product.
fn right_operand(weight: &Values) -> Mat<'_> {
    let input = weight.width();
    Mat::new(weight.as_slice(), weight.as_slice().len() / input, input).t()
}

/// Inputs of the map, and its result where ReLU needs it.
#[derive(Debug, Clone)]
pub(in super::super) struct LinearSaved {
    x: Values,
    weight: Values,
    y: Option<Values>,
}

impl CpuOp<3> for LinearOp {
    type Saved = LinearSaved;

    fn forward(&self, [x, weight, bias]: [Values; 3]) -> (Values, LinearSaved) {
        let y = self.compute(&x, right_operand(&weight), Some(&bias));
        let kept = self.relu.then(|| y.clone());
        (y, LinearSaved { x, weight, y: kept })
    }

    fn backward(&self, saved: LinearSaved, grad: Values, needed: [bool; 3]) -> [Option<Values>; 3] {
        self.gradients(saved, grad, needed)
    }
}

impl CpuOp<2> for LinearOp {
    type Saved = LinearSaved;

    fn forward(&self, [x, weight]: [Values; 2]) -> (Values, LinearSaved) {
        let y = self.compute(&x, right_operand(&weight), None);
        let kept = self.relu.then(|| y.clone());
        (y, LinearSaved { x, weight, y: kept })
    }

    fn backward(&self, saved: LinearSaved, grad: Values, [x, weight]: [bool; 2]) -> [Option<Values>; 2] {
        let [of_x, of_weight, _] = self.gradients(saved, grad, [x, weight, false]);
        [of_x, of_weight]
    }
}

/// Sum of every column of a row-major matrix of `width` columns; blocks of rows are summed apart, in a fixed order.
pub(super) fn column_sums(values: &[f32], width: usize) -> Vec<f32> {
    const ROWS: usize = 256;
    let blocks: Vec<Vec<f32>> = values
        .par_chunks(ROWS * width)
        .map(|block| {
            let mut sums = vec![0f32; width];
            add_rows(&mut sums, block);
            sums
        })
        .collect();
    let mut total = vec![0f32; width];
    for block in blocks {
        for (total, value) in total.iter_mut().zip(block) {
            *total += value;
        }
    }
    total
}

vectorised! {
    fn cut_below_zero(y: &mut [f32]) {
        for y in y {
            *y = if *y > 0.0 { *y } else { 0.0 };
        }
    }

    fn clear_where_cut(grad: &mut [f32], y: &[f32]) {
        for (grad, &y) in grad.iter_mut().zip(y) {
            *grad = if y > 0.0 { *grad } else { 0.0 };
        }
    }

    /// Adds every row of `block` to `sums`.
    fn add_rows(sums: &mut [f32], block: &[f32]) {
        for row in block.chunks_exact(sums.len()) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}
