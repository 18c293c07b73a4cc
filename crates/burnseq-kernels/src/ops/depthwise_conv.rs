//! Depthwise convolution over time: LightConv and DynamicConv (Wu et al. 2019).

use burn::tensor::{DType, Tensor, TensorData, activation};

use super::{as_type, cpu, node};
use crate::dropout_mask::Mask;

/// A convolution whose channels share a filter within each of `heads` groups.
///
/// Output `t` is the sum over taps `k` of `filter[k] * x[t + k - padding_left]`; inputs before the first and after the
/// last are zero.
#[derive(Debug, Clone)]
pub struct DepthwiseConv {
    /// Groups of channels; divides the width.
    pub heads: usize,
    /// Taps of a filter.
    pub kernel_size: usize,
    /// Zeros before the first input.
    pub padding_left: usize,
    /// Whether filters are normalised by a softmax over all their taps, those that fall on zeros included.
    pub softmax: bool,
    /// Mask over the taps `[batch, len, heads, kernel_size]` of every position, after the softmax (DropConnect).
    pub dropout: Option<Mask>,
}

/// Convolution with the same filters at all positions (LightConv).
///
/// # Shapes
/// - `x`: `[batch, in_len, width]`
/// - `filters`: `[heads, kernel_size]`
/// - result: `[batch, len, width]`
pub fn lightweight_conv(x: Tensor<3>, filters: Tensor<2>, len: usize, conv: &DepthwiseConv) -> Tensor<3> {
    if cpu::takes(&x) {
        let op = cpu::DepthwiseConvOp {
            conv: conv.clone(),
            per_position: false,
            len,
        };
        return apply!(op, x, filters);
    }
    composed_lightweight_conv(x, filters, len, conv)
}

/// Convolution with filters of its own at every position (DynamicConv).
///
/// # Shapes
/// - `x`: `[batch, in_len, width]`
/// - `filters`: `[batch, len, heads * kernel_size]`
/// - result: `[batch, len, width]`
pub fn dynamic_conv(x: Tensor<3>, filters: Tensor<3>, conv: &DepthwiseConv) -> Tensor<3> {
    let [_, len, _] = filters.dims();
    if cpu::takes(&x) {
        let op = cpu::DepthwiseConvOp {
            conv: conv.clone(),
            per_position: true,
            len,
        };
        return apply!(op, x, filters);
    }
    composed_dynamic_conv(x, filters, conv)
}

/// One output of every row over inputs that lie scattered over the rows of earlier steps; those before the first step are
/// zero.
///
/// # Shapes
/// - `steps`: for the last steps, this one included, `[rows of the step, width]`; at most `kernel_size`
/// - `ancestors[step][row]`: the row of step `step` that holds the past of row `row`
/// - `filters`: `[rows, 1, heads * kernel_size]`, or `[1, 1, heads * kernel_size]` for all rows
/// - result: `[rows, 1, width]`
pub fn scattered_conv(
    steps: &[Tensor<2>],
    ancestors: &[Vec<u32>],
    filters: Tensor<3>,
    conv: &DepthwiseConv,
) -> Tensor<3> {
    let tracked = filters.is_autodiff() || steps.iter().any(Tensor::is_autodiff);
    if steps.iter().all(cpu::takes) && !tracked {
        return cpu::scattered_conv(steps, ancestors, filters, conv);
    }
    composed_scattered_conv(steps, ancestors, filters, conv)
}

/// [`scattered_conv`] from Burn's operations.
pub(super) fn composed_scattered_conv(
    steps: &[Tensor<2>],
    ancestors: &[Vec<u32>],
    filters: Tensor<3>,
    conv: &DepthwiseConv,
) -> Tensor<3> {
    let rows = ancestors.last().expect("this step is among them").len();
    let device = filters.device();
    let gathered = steps.iter().zip(ancestors).map(|(step, ancestors)| {
        let order: Vec<i32> = ancestors.iter().map(|&row| row as i32).collect();
        step.clone()
            .select(0, Tensor::from_data(TensorData::new(order, [rows]), &device))
    });
    let x: Tensor<3> = Tensor::stack(gathered.collect(), 1); // [rows, steps, width]
    let conv = DepthwiseConv {
        padding_left: conv.kernel_size - steps.len(),
        ..conv.clone()
    };
    let [_, _, taps] = filters.dims();
    composed_dynamic_conv(x, filters.expand([rows, 1, taps]), &conv)
}

/// [`lightweight_conv`] from Burn's operations.
pub(super) fn composed_lightweight_conv(
    x: Tensor<3>,
    filters: Tensor<2>,
    len: usize,
    conv: &DepthwiseConv,
) -> Tensor<3> {
    let [batch, _, _] = x.dims();
    let taps = normalised(filters.reshape([1, 1, conv.heads, conv.kernel_size]), conv);
    convolve(x, taps.expand([batch, len, conv.heads, conv.kernel_size]), conv)
}

/// [`dynamic_conv`] from Burn's operations.
pub(super) fn composed_dynamic_conv(x: Tensor<3>, filters: Tensor<3>, conv: &DepthwiseConv) -> Tensor<3> {
    let [batch, len, _] = filters.dims();
    let taps = normalised(filters.reshape([batch, len, conv.heads, conv.kernel_size]), conv);
    convolve(x, taps, conv)
}

/// Filters after their softmax, computed in `f32`.
fn normalised(filters: Tensor<4>, conv: &DepthwiseConv) -> Tensor<4> {
    if conv.softmax {
        activation::softmax(as_type(filters, DType::F32), 3)
    } else {
        filters
    }
}

/// `x` `[batch, in_len, width]` and `taps` `[batch, len, heads, kernel_size]` to `[batch, len, width]`.
fn convolve(x: Tensor<3>, taps: Tensor<4>, conv: &DepthwiseConv) -> Tensor<3> {
    let ([batch, in_len, width], [_, len, heads, kernel]) = (x.dims(), taps.dims());
    let taps = match conv.dropout {
        Some(mask) => super::dropout(taps, mask),
        None => taps,
    };
    let taps = as_type(taps, x.dtype());
    let options = (&x.device(), x.dtype());
    let after = (len + kernel - 1).saturating_sub(conv.padding_left + in_len);
    let zeros = |count| Tensor::<3>::zeros([batch, count, width], options);
    let parts = [(conv.padding_left, true), (in_len, false), (after, true)];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let padded = parts.map(|(count, is_zero)| if is_zero { zeros(count) } else { x.clone() });
    let padded = Tensor::cat(padded.collect(), 1);
    let tap = |k: usize| {
        let x = padded.clone().slice([0..batch, k..k + len]);
        let weight = taps.clone().slice([0..batch, 0..len, 0..heads, k..k + 1]);
        x.reshape([batch, len, heads, width / heads]) * weight
    };
    let sum = (1..kernel).fold(tap(0), |sum, k| sum + tap(k));
    sum.reshape([batch, len, width])
}
