//! Layer normalisation.

use rayon::prelude::*;

use super::{CpuOp, Values, buffer, simd};
use crate::ops::LAYER_NORM_EPS;

/// Layer normalisation of `x` over its last dimension, with `weight` and `bias`.
#[derive(Debug, Clone)]
pub(in super::super) struct LayerNormOp;

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
            .for_each(|((y, x), moments)| {
                simd::vectorised(|| {
                    let rows = y.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(moments);
                    for ((y, x), moments) in rows {
                        let mean = simd::sum(x, |x| x) / width as f32;
                        let variance = simd::sum(x, |x| (x - mean) * (x - mean)) / width as f32;
                        let scale = 1.0 / (variance + LAYER_NORM_EPS as f32).sqrt();
                        *moments = [mean, scale];
                        for (((y, &x), &gain), &shift) in y.iter_mut().zip(x).zip(gain).zip(shift) {
                            *y = ((x - mean) * scale).mul_add(gain, shift);
                        }
                    }
                });
            });
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
                simd::vectorised(|| {
                    let rows = of_x
                        .chunks_exact_mut(width)
                        .zip(x.chunks_exact(width))
                        .zip(grad.chunks_exact(width))
                        .zip(moments);
                    for (((of_x, x), grad), &[mean, scale]) in rows {
                        // With n = (x - mean) * scale and g = grad * gain: scale * (g - mean(g) - n * mean(g n)).
                        let (mut lanes_g, mut lanes_gn) = ([0f32; 16], [0f32; 16]);
                        let whole = width / 16 * 16;
                        for start in (0..whole).step_by(16) {
                            let span = start..start + 16;
                            let values = x[span.clone()].iter().zip(&grad[span.clone()]).zip(&gain[span]);
                            for (((&x, &grad), &gain), (sum_g, sum_gn)) in
                                values.zip(lanes_g.iter_mut().zip(&mut lanes_gn))
                            {
                                let g = grad * gain;
                                *sum_g += g;
                                *sum_gn = (g * (x - mean)).mul_add(scale, *sum_gn);
                            }
                        }
                        let (mut sum_g, mut sum_gn) =
                            (lanes_g.iter().sum::<f32>(), lanes_gn.iter().sum::<f32>());
                        for i in whole..width {
                            let g = grad[i] * gain[i];
                            sum_g += g;
                            sum_gn += g * (x[i] - mean) * scale;
                        }
                        let (mean_g, mean_gn) = (sum_g / width as f32, sum_gn / width as f32);
                        for i in 0..width {
                            let n = (x[i] - mean) * scale;
                            of_x[i] = (grad[i] * gain[i] - mean_g - n * mean_gn) * scale;
                            of_gain[i] = grad[i].mul_add(n, of_gain[i]);
                            of_shift[i] += grad[i];
                        }
                    }
                });
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
