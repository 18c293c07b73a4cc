//! Gaussian error linear unit.

use burnseq_numerics::simd::{self, vectorised};
use rayon::prelude::*;

use super::{CpuOp, Values, buffer};

/// `x Φ(x)` of every element.
#[derive(Debug, Clone)]
pub(in super::super) struct GeluOp {
    /// By a hyperbolic tangent instead of the error function.
    pub by_tanh: bool,
}

/// Numbers that one task takes.
const RUN: usize = 1 << 14;

impl CpuOp<1> for GeluOp {
    type Saved = Values;

    fn forward(&self, [x]: [Values; 1]) -> (Values, Values) {
        let mut y = buffer(x.as_slice().len());
        let function = if self.by_tanh { gelu_by_tanh } else { gelu };
        y.par_chunks_mut(RUN)
            .zip(x.as_slice().par_chunks(RUN))
            .for_each(|(y, x)| function(y, x));
        (Values::new(y, x.shape()), x)
    }

    fn backward(&self, x: Values, mut grad: Values, _: [bool; 1]) -> [Option<Values>; 1] {
        let function = if self.by_tanh {
            gelu_by_tanh_gradient
        } else {
            gelu_gradient
        };
        grad.as_mut_slice()
            .par_chunks_mut(RUN)
            .zip(x.as_slice().par_chunks(RUN))
            .for_each(|(grad, x)| function(grad, x));
        [Some(grad)]
    }
}

/// sqrt(2 / π)
const SCALE: f32 = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
const CUBE: f32 = 0.044_715;
/// 1 / sqrt(2 π)
const DENSITY: f32 = 0.398_942_3;

vectorised! {
    fn gelu(y: &mut [f32], x: &[f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = 0.5 * x * (1.0 + simd::erf(x * std::f32::consts::FRAC_1_SQRT_2));
        }
    }

    /// `grad` becomes the gradient of `x`.
    fn gelu_gradient(grad: &mut [f32], x: &[f32]) {
        for (grad, &x) in grad.iter_mut().zip(x) {
            let below = 0.5 * (1.0 + simd::erf(x * std::f32::consts::FRAC_1_SQRT_2));
            let density = DENSITY * simd::exp(-0.5 * x * x);
            *grad *= x.mul_add(density, below);
        }
    }

    /// With (1 + tanh u) / 2 = σ(2 u).
    fn gelu_by_tanh(y: &mut [f32], x: &[f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            let u = SCALE * (CUBE * x * x).mul_add(x, x);
            *y = x * simd::sigmoid(2.0 * u);
        }
    }

    /// `grad` becomes the gradient of `x`.
    fn gelu_by_tanh_gradient(grad: &mut [f32], x: &[f32]) {
        for (grad, &x) in grad.iter_mut().zip(x) {
            let square = x * x;
            let gate = simd::sigmoid(2.0 * SCALE * (CUBE * square).mul_add(x, x));
            let slope = 2.0 * SCALE * (3.0 * CUBE).mul_add(square, 1.0);
            *grad *= (x * slope * gate).mul_add(1.0 - gate, gate);
        }
    }
}
