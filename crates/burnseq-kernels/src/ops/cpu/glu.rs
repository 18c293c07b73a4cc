//! Gated linear unit.

use burnseq_numerics::simd::{self, vectorised};
use rayon::prelude::*;

use super::{CpuOp, Values, buffer};

/// `a σ(b)`, where `a` and `b` are the halves of the last dimension.
#[derive(Debug, Clone)]
pub(in super::super) struct GluOp;

/// Rows that one task takes.
const ROWS: usize = 32;

impl CpuOp<1> for GluOp {
    type Saved = Values;

    fn forward(&self, [x]: [Values; 1]) -> (Values, Values) {
        let width = x.width() / 2;
        let mut y = buffer(x.as_slice().len() / 2);
        y.par_chunks_mut(ROWS * width)
            .zip(x.as_slice().par_chunks(ROWS * 2 * width))
            .for_each(|(y, x)| glu(y, x, width));
        let mut shape = x.shape().to_vec();
        *shape.last_mut().expect("x has a last dimension, its width") = width;
        (Values::new(y, shape), x)
    }

    fn backward(&self, x: Values, grad: Values, _: [bool; 1]) -> [Option<Values>; 1] {
        let width = grad.width();
        let mut of_x = buffer(x.as_slice().len());
        of_x.par_chunks_mut(ROWS * 2 * width)
            .zip(x.as_slice().par_chunks(ROWS * 2 * width))
            .zip(grad.as_slice().par_chunks(ROWS * width))
            .for_each(|((of_x, x), grad)| glu_gradient(of_x, x, grad, width));
        [Some(Values::new(of_x, x.shape()))]
    }
}

vectorised! {
    fn glu(y: &mut [f32], x: &[f32], width: usize) {
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(2 * width)) {
            let (a, b) = x.split_at(width);
            for i in 0..width {
                y[i] = a[i] * simd::sigmoid(b[i]);
            }
        }
    }

    fn glu_gradient(of_x: &mut [f32], x: &[f32], grad: &[f32], width: usize) {
        let rows = of_x.chunks_exact_mut(2 * width).zip(x.chunks_exact(2 * width));
        for ((of_x, x), grad) in rows.zip(grad.chunks_exact(width)) {
            let ((of_a, of_b), (a, b)) = (of_x.split_at_mut(width), x.split_at(width));
            for i in 0..width {
                let gate = simd::sigmoid(b[i]);
                of_a[i] = grad[i] * gate;
                of_b[i] = grad[i] * a[i] * gate * (1.0 - gate);
            }
        }
    }
}
