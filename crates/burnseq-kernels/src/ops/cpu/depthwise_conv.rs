//! Depthwise convolution over time whose filters are shared by the channels of a head.

use burn::{backend::Flex, tensor::Tensor};
use burnseq_numerics::simd::{self, lanes_sum, vectorised};
use rayon::prelude::*;

use super::{CpuOp, Values, buffer};
use crate::{dropout_mask::Keep, ops::DepthwiseConv};

/// The convolution of `x` `[batch, in_len, width]` by filters `[batch, len, heads * kernel]`, or `[heads, kernel]` for
/// all positions.
#[derive(Debug, Clone)]
pub(in super::super) struct DepthwiseConvOp {
    pub conv: DepthwiseConv,
    /// Whether every position has filters of its own.
    pub per_position: bool,
    /// Positions of the result.
    pub len: usize,
}

/// Positions that one task takes.
const ROWS: usize = 32;

/// Input, and the filters after their softmax and before dropout.
#[derive(Debug, Clone)]
pub(in super::super) struct DepthwiseConvSaved {
    x: Values,
    taps: Values,
}

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    in_len: usize,
    len: usize,
    width: usize,
    heads: usize,
    kernel: usize,
    padding: usize,
    per_position: bool,
    keep: Option<Keep>,
}

impl Sizes {
    /// The first tap that falls on an input for output `t`, and the one after the last.
    #[inline(always)]
    fn taps_of_output(self, t: usize) -> (usize, usize) {
        let first = self.padding.saturating_sub(t);
        let end = (self.in_len + self.padding).saturating_sub(t).min(self.kernel);
        (first, end.max(first))
    }

    /// The first tap by which input `s` reaches an output, and the one after the last.
    #[inline(always)]
    fn taps_of_input(self, s: usize) -> (usize, usize) {
        let first = (s + self.padding + 1).saturating_sub(self.len);
        let end = (s + self.padding + 1).min(self.kernel);
        (first, end.max(first))
    }

    /// Number of the first tap of the filter of `head` at output `row` (of all sentences), among all positions.
    #[inline(always)]
    fn number(self, row: usize, head: usize) -> usize {
        (row * self.heads + head) * self.kernel
    }

    /// Where the filter of `head` at output `row` lies.
    #[inline(always)]
    fn offset(self, row: usize, head: usize) -> usize {
        self.number(if self.per_position { row } else { 0 }, head)
    }

    /// What the dropout mask multiplies tap `tap` of that filter by.
    #[inline(always)]
    fn factor(self, row: usize, head: usize, tap: usize) -> f32 {
        match self.keep {
            Some(keep) => keep.factor((self.number(row, head) + tap) as u32),
            None => 1.0,
        }
    }
}

impl DepthwiseConvOp {
    fn sizes(&self, x: &Values) -> Sizes {
        Sizes {
            in_len: x.shape().to_vec()[1],
            len: self.len,
            width: x.width(),
            heads: self.conv.heads,
            kernel: self.conv.kernel_size,
            padding: self.conv.padding_left,
            per_position: self.per_position,
            keep: self.conv.dropout.map(Keep::new),
        }
    }
}

impl CpuOp<2> for DepthwiseConvOp {
    type Saved = DepthwiseConvSaved;

    fn forward(&self, [x, filters]: [Values; 2]) -> (Values, DepthwiseConvSaved) {
        let sizes = self.sizes(&x);
        let taps = if self.conv.softmax {
            let mut taps = filters;
            let run = ROWS * sizes.heads * sizes.kernel;
            taps.as_mut_slice()
                .par_chunks_mut(run)
                .for_each(|taps| softmax(taps, sizes.kernel));
            taps
        } else {
            filters
        };
        let batch = x.shape().to_vec()[0];
        let mut out = buffer(batch * self.len * sizes.width);
        let (inputs, p) = (x.as_slice(), taps.as_slice());
        out.par_chunks_mut(ROWS * sizes.width)
            .enumerate()
            .for_each(|(run, out)| convolve(out, run * ROWS, inputs, p, sizes));
        let out = Values::new(out, [batch, self.len, sizes.width]);
        (out, DepthwiseConvSaved { x, taps })
    }

    fn backward(&self, saved: DepthwiseConvSaved, grad: Values, needed: [bool; 2]) -> [Option<Values>; 2] {
        let DepthwiseConvSaved { x, taps } = saved;
        let sizes = self.sizes(&x);
        let (grad, p, inputs) = (grad.as_slice(), taps.as_slice(), x.as_slice());
        let of_x = needed[0].then(|| {
            let mut of_x = buffer(inputs.len());
            of_x.par_chunks_mut(ROWS * sizes.width)
                .enumerate()
                .for_each(|(run, of_x)| input_gradients(of_x, run * ROWS, grad, p, sizes));
            Values::new(of_x, x.shape())
        });
        let of_filters = needed[1].then(|| {
            let per_row = sizes.heads * sizes.kernel;
            let mut of_taps = if self.per_position {
                let mut of_taps = buffer(p.len());
                of_taps
                    .par_chunks_mut(ROWS * per_row)
                    .enumerate()
                    .for_each(|(run, of_taps)| tap_gradients(of_taps, run * ROWS, grad, inputs, sizes));
                of_taps
            } else {
                // Every task sums its positions; the sums are added in order.
                let sums: Vec<Vec<f32>> = grad
                    .par_chunks(ROWS * sizes.width)
                    .enumerate()
                    .map(|(run, grads)| {
                        let mut of_taps = vec![0f32; grads.len() / sizes.width * per_row];
                        tap_gradients(&mut of_taps, run * ROWS, grad, inputs, sizes);
                        super::linear::column_sums(&of_taps, per_row)
                    })
                    .collect();
                super::linear::column_sums(&sums.concat(), per_row)
            };
            if self.conv.softmax {
                of_taps
                    .par_chunks_mut(ROWS * per_row)
                    .zip(p.par_chunks(ROWS * per_row))
                    .for_each(|(of_taps, p)| softmax_gradient(of_taps, p, sizes.kernel));
            }
            Values::new(of_taps, taps.shape())
        });
        [of_x, of_filters]
    }
}

/// See [`super::super::scattered_conv`].
pub(in super::super) fn scattered_conv(
    steps: &[Tensor<2>],
    ancestors: &[Vec<u32>],
    filters: Tensor<3>,
    conv: &DepthwiseConv,
) -> Tensor<3> {
    let on_flex = "the caller checked the device";
    let values =
        |step: &Tensor<2>| Values::from_tensor(step.clone().try_into_primitive::<Flex>().expect(on_flex));
    let steps: Vec<Values> = steps.iter().map(values).collect();
    let inputs: Vec<&[f32]> = steps.iter().map(Values::as_slice).collect();
    let mut taps = Values::from_tensor(filters.try_into_primitive::<Flex>().expect(on_flex));
    let per_row = conv.heads * conv.kernel_size;
    if conv.softmax {
        taps.as_mut_slice()
            .par_chunks_mut(ROWS * per_row)
            .for_each(|taps| softmax(taps, conv.kernel_size));
    }
    let taps = taps.as_slice();
    let rows = ancestors.last().expect("this step is among them").len();
    let width = steps[0].width();
    let sizes = Sizes {
        in_len: inputs.len(),
        len: 1,
        width,
        heads: conv.heads,
        kernel: conv.kernel_size,
        padding: conv.kernel_size - inputs.len(),
        per_position: taps.len() > per_row,
        keep: conv.dropout.map(Keep::new),
    };
    let mut out = buffer(rows * width);
    out.par_chunks_mut(width)
        .enumerate()
        .with_min_len(4)
        .for_each(|(row, out)| {
            let seen = inputs.iter().zip(ancestors);
            let seen: Vec<&[f32]> = seen
                .map(|(input, ancestors)| &input[ancestors[row] as usize * width..][..width])
                .collect();
            convolve_scattered(out, row, &seen, taps, sizes);
        });
    Tensor::from_primitive::<Flex>(Values::new(out, [rows, 1, width]).0)
}

/// `out = sum(weights[i] * x[i * stride..])`, in the order of `i`.
#[inline(always)]
fn weighted_sum(out: &mut [f32], weights: &[f32], x: &[f32], stride: usize) {
    const LANES: usize = 16;
    let whole = out.len() / LANES * LANES;
    for column in (0..whole).step_by(LANES) {
        let mut sums = [0f32; LANES];
        for (i, &weight) in weights.iter().enumerate() {
            let x = &x[i * stride + column..][..LANES];
            for lane in 0..LANES {
                sums[lane] = weight.mul_add(x[lane], sums[lane]);
            }
        }
        out[column..column + LANES].copy_from_slice(&sums);
    }
    for column in whole..out.len() {
        let mut sum = 0f32;
        for (i, &weight) in weights.iter().enumerate() {
            sum = weight.mul_add(x[i * stride + column], sum);
        }
        out[column] = sum;
    }
}

vectorised! {
    /// Softmax of every run of `kernel` numbers.
    fn softmax(taps: &mut [f32], kernel: usize) {
        for taps in taps.chunks_exact_mut(kernel) {
            let max = simd::max(taps);
            for tap in taps.iter_mut() {
                *tap = simd::exp(*tap - max);
            }
            let scale = 1.0 / lanes_sum!(|tap in taps| tap);
            for tap in taps.iter_mut() {
                *tap *= scale;
            }
        }
    }

    /// Gradients before the softmax, in place: `p * (g - sum(g p))`.
    fn softmax_gradient(of_taps: &mut [f32], p: &[f32], kernel: usize) {
        for (g, p) in of_taps.chunks_exact_mut(kernel).zip(p.chunks_exact(kernel)) {
            let mean = lanes_sum!(|g in g, p in p| g * p);
            for (g, &p) in g.iter_mut().zip(p) {
                *g = (*g - mean) * p;
            }
        }
    }

    /// Outputs `first_row..`, as many as fit `out`.
    fn convolve(out: &mut [f32], first_row: usize, x: &[f32], taps: &[f32], sizes: Sizes) {
        let head_dim = sizes.width / sizes.heads;
        let mut weights = vec![0f32; sizes.kernel];
        for (row, out) in (first_row..).zip(out.chunks_exact_mut(sizes.width)) {
            let (sentence, t) = (row / sizes.len, row % sizes.len);
            let (first, end) = sizes.taps_of_output(t);
            if first == end {
                out.fill(0.0);
                continue;
            }
            let x = &x[(sentence * sizes.in_len + t + first - sizes.padding) * sizes.width..];
            for (head, out) in out.chunks_exact_mut(head_dim).enumerate() {
                let taps = &taps[sizes.offset(row, head)..][..sizes.kernel];
                for tap in first..end {
                    weights[tap] = taps[tap] * sizes.factor(row, head, tap);
                }
                weighted_sum(out, &weights[first..end], &x[head * head_dim..], sizes.width);
            }
        }
    }

    /// The output of `row` over inputs `seen`, as [`convolve`] sums them.
    fn convolve_scattered(out: &mut [f32], row: usize, seen: &[&[f32]], taps: &[f32], sizes: Sizes) {
        const LANES: usize = 16;
        let head_dim = sizes.width / sizes.heads;
        let mut weights = vec![0f32; seen.len()];
        for (head, out) in out.chunks_exact_mut(head_dim).enumerate() {
            let taps = &taps[sizes.offset(row, head)..][..sizes.kernel];
            for (i, weight) in weights.iter_mut().enumerate() {
                let tap = sizes.padding + i;
                *weight = taps[tap] * sizes.factor(row, head, tap);
            }
            let first = head * head_dim;
            let whole = head_dim / LANES * LANES;
            for column in (0..whole).step_by(LANES) {
                let mut sums = [0f32; LANES];
                for (&weight, x) in weights.iter().zip(seen) {
                    let x = &x[first + column..][..LANES];
                    for lane in 0..LANES {
                        sums[lane] = weight.mul_add(x[lane], sums[lane]);
                    }
                }
                out[column..column + LANES].copy_from_slice(&sums);
            }
            for column in whole..head_dim {
                let mut sum = 0f32;
                for (&weight, x) in weights.iter().zip(seen) {
                    sum = weight.mul_add(x[first + column], sum);
                }
                out[column] = sum;
            }
        }
    }

    /// Gradients of inputs `first_row..`, as many as fit `of_x`.
    fn input_gradients(of_x: &mut [f32], first_row: usize, grad: &[f32], taps: &[f32], sizes: Sizes) {
        let head_dim = sizes.width / sizes.heads;
        let mut weights = vec![0f32; sizes.kernel];
        for (row, of_x) in (first_row..).zip(of_x.chunks_exact_mut(sizes.width)) {
            let (sentence, s) = (row / sizes.in_len, row % sizes.in_len);
            let (first, end) = sizes.taps_of_input(s);
            if first == end {
                of_x.fill(0.0);
                continue;
            }
            // Later outputs see the input by earlier taps: in the order of the outputs.
            let first_output = sentence * sizes.len + s + sizes.padding + 1 - end;
            let grad = &grad[first_output * sizes.width..];
            for (head, of_x) in of_x.chunks_exact_mut(head_dim).enumerate() {
                let weights = &mut weights[..end - first];
                for (i, weight) in weights.iter_mut().enumerate() {
                    let (output, tap) = (first_output + i, end - 1 - i);
                    *weight = taps[sizes.offset(output, head) + tap] * sizes.factor(output, head, tap);
                }
                weighted_sum(of_x, weights, &grad[head * head_dim..], sizes.width);
            }
        }
    }

    /// Gradients of the filters of outputs `first_row..` after their softmax, as many as fit `of_taps`.
    fn tap_gradients(of_taps: &mut [f32], first_row: usize, grad: &[f32], x: &[f32], sizes: Sizes) {
        let head_dim = sizes.width / sizes.heads;
        for (row, of_taps) in (first_row..).zip(of_taps.chunks_exact_mut(sizes.heads * sizes.kernel)) {
            let (sentence, t) = (row / sizes.len, row % sizes.len);
            let (first, end) = sizes.taps_of_output(t);
            for (head, of_taps) in of_taps.chunks_exact_mut(sizes.kernel).enumerate() {
                of_taps.fill(0.0);
                let grad = &grad[row * sizes.width + head * head_dim..][..head_dim];
                for (tap, of_tap) in (first..).zip(&mut of_taps[first..end]) {
                    let input = sentence * sizes.in_len + t + tap - sizes.padding;
                    let x = &x[input * sizes.width + head * head_dim..][..head_dim];
                    *of_tap = lanes_sum!(|g in grad, x in x| g * x) * sizes.factor(row, head, tap);
                }
            }
        }
    }
}
