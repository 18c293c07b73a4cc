//! Layer normalisation.

use burnseq_numerics::simd::{lanes_sum, vectorised};
use rayon::prelude::*;

use super::{CpuOp, Values, buffer};

/// Layer normalisation of `x` over its last dimension, with `weight` and `bias`.
#[derive(Debug, Clone)]
pub(in super::super) struct LayerNormOp {
    /// Added to the variance.
    pub eps: f32,
}

/// Rows that one task takes.
const ROWS: usize = 64;

/// Input, gain, and mean and inverse standard deviation of every row.
#[derive(Debug, Clone)]
pub(in super::super) struct LayerNormSaved {
    x: Values,
    weight: Values,
    moments: Vec<[f32; 2]>,
}

impl CpuOp<3> for LayerNormOp {
    type Saved = LayerNormSaved;

    fn forward(&self, [x, weight, bias]: [Values; 3]) -> (Values, LayerNormSaved) {
        let width = x.width();
        let mut y = buffer(x.as_slice().len());
        let mut moments = vec![[0f32; 2]; y.len() / width];
        let (gain, shift) = (weight.as_slice(), bias.as_slice());
        y.par_chunks_mut(ROWS * width)
            .zip(x.as_slice().par_chunks(ROWS * width))
            .zip(moments.par_chunks_mut(ROWS))
            .for_each(|((y, x), moments)| normalise(y, x, moments, gain, shift, self.eps));
        let shape = x.shape();
        (Values::new(y, shape), LayerNormSaved { x, weight, moments })
    }

    fn backward(&self, saved: LayerNormSaved, grad: Values, needed: [bool; 3]) -> [Option<Values>; 3] {
        let LayerNormSaved { x, weight, moments } = saved;
        let width = x.width();
        let gain = weight.as_slice();
        let mut of_x = buffer(x.as_slice().len());
        // Every task sums its rows' share of the gradients of gain and shift; the sums are added in order.
        let sums: Vec<(Vec<f32>, Vec<f32>)> = of_x
            .par_chunks_mut(ROWS * width)
            .zip(x.as_slice().par_chunks(ROWS * width))
            .zip(grad.as_slice().par_chunks(ROWS * width))
            .zip(moments.par_chunks(ROWS))
            .map(|(((of_x, x), grad), moments)| {
                let (mut of_gain, mut of_shift) = (vec![0f32; width], vec![0f32; width]);
                gradients(of_x, x, grad, moments, gain, &mut of_gain, &mut of_shift);
                (of_gain, of_shift)
            })
            .collect();
        let (mut of_gain, mut of_shift) = (vec![0f32; width], vec![0f32; width]);
        for (gains, shifts) in sums {
            of_gain
                .iter_mut()
                .zip(gains)
                .for_each(|(total, value)| *total += value);
            of_shift
                .iter_mut()
                .zip(shifts)
                .for_each(|(total, value)| *total += value);
        }
        [
            needed[0].then(|| Values::new(of_x, x.shape())),
            needed[1].then(|| Values::new(of_gain, [width])),
            needed[2].then(|| Values::new(of_shift, [width])),
        ]
    }
}

vectorised! {
    /// Rows of `x` normalised, with their mean and inverse standard deviation.
    fn normalise(y: &mut [f32], x: &[f32], moments: &mut [[f32; 2]], gain: &[f32], shift: &[f32], eps: f32) {
        let width = gain.len();
        for ((y, x), moments) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(moments) {
            let mean = lanes_sum!(|x in x| x) / width as f32;
            let variance = lanes_sum!(|x in x| (x - mean) * (x - mean)) / width as f32;
            let scale = 1.0 / (variance + eps).sqrt();
            *moments = [mean, scale];
            for i in 0..width {
                y[i] = ((x[i] - mean) * scale).mul_add(gain[i], shift[i]);
            }
        }
    }

    /// Gradient of every row of `x`; those of gain and shift are added to theirs.
    fn gradients(
        of_x: &mut [f32],
        x: &[f32],
        grad: &[f32],
        moments: &[[f32; 2]],
        gain: &[f32],
        of_gain: &mut [f32],
        of_shift: &mut [f32],
    ) {
        let width = gain.len();
        let (of_gain, of_shift) = (&mut of_gain[..width], &mut of_shift[..width]);
        let rows = of_x.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(grad.chunks_exact(width));
        for (((of_x, x), grad), &[mean, scale]) in rows.zip(moments) {
            // With n = (x - mean) * scale and g = grad * gain: scale * (g - mean(g) - n * mean(g n)).
            let mean_g = lanes_sum!(|grad in grad, gain in gain| grad * gain) / width as f32;
            let mean_gn =
                lanes_sum!(|grad in grad, gain in gain, x in x| grad * gain * ((x - mean) * scale)) / width as f32;
            for i in 0..width {
                let n = (x[i] - mean) * scale;
                of_x[i] = (grad[i] * gain[i] - mean_g - n * mean_gn) * scale;
                of_gain[i] = grad[i].mul_add(n, of_gain[i]);
                of_shift[i] += grad[i];
            }
        }
    }
}
