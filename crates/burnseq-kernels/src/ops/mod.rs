//! The operations a model and its training are made of.
//!
//! Each has a form composed of Burn's own operations, which runs on every device and defines the result, and a
//! kernel for the processor that gives the same up to rounding; some have one for GPUs, too.

mod composed;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod node;
#[cfg(test)]
mod tests;

use burn::tensor::{Bool, DType, Int, Tensor, activation};

use crate::{Precision, dropout_mask::Mask};

/// Runs an operation of our own on its inputs.
macro_rules! apply {
    ($op:expr, $($input:expr),+) => {{
        let tracked = $($input.is_autodiff())||+;
        node::apply($op, [$(node::Input::new($input, tracked)),+])
    }};
}

// After the macro, which they use.
mod depthwise_conv;
mod gelu;
mod glu;
mod lstm;

pub use depthwise_conv::{DepthwiseConv, dynamic_conv, lightweight_conv, scattered_conv};
pub use gelu::gelu;
pub use glu::glu;
pub use lstm::{LstmAttention, lstm, lstm_cell, lstm_decoder, takes_lstm_decoder};

/// Whether the processor multiplies bfloat16 faster than `f32`.
pub(crate) fn bf16_is_fast() -> bool {
    cpu::bf16::is_fast()
}

/// A tensor of any rank, without autodiff.
pub type AnyTensor = burn::backend::DispatchTensor;

/// Whether a tensor is where [`sums_of_squares`] and [`adam_steps_on_device`] take many at once.
pub fn takes_many<const D: usize>(tensor: &Tensor<D>) -> bool {
    #[cfg(feature = "gpu")]
    return gpu::takes(tensor);
    #[cfg(not(feature = "gpu"))]
    {
        let _ = tensor;
        false
    }
}

/// [`sum_of_squares`] of many tensors of one type, which [`takes_many`] allows: `[tensors]` in `f32`.
pub fn sums_of_squares(tensors: Vec<AnyTensor>) -> Tensor<1> {
    #[cfg(feature = "gpu")]
    return gpu::sums_of_squares(tensors);
    #[cfg(not(feature = "gpu"))]
    unreachable!("no device of this build takes {} tensors at once", tensors.len())
}

/// [`adam_step_on_device`] of many parameters, which [`takes_many`] allows: given and found are parameters, first and
/// second moments, and the gradients come last.
pub fn adam_steps_on_device(
    tensors: [Vec<AnyTensor>; 4],
    step: &AdamStep,
    factor: Tensor<1>,
) -> [Vec<AnyTensor>; 3] {
    #[cfg(feature = "gpu")]
    return gpu::adam_steps(tensors, step, factor);
    #[cfg(not(feature = "gpu"))]
    {
        let _ = (step, factor);
        unreachable!(
            "no device of this build takes {} parameters at once",
            tensors[0].len()
        )
    }
}

/// `x` in numbers of another type.
pub fn as_type<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}

/// `x Wᵀ + b`, in the type of `x`; where that is `f32`, `precision` says what the product's operands are rounded to.
///
/// # Shapes
/// - `x`: `[batch, len, in]`
/// - `weight`: `[out, in]`, `bias`: `[out]`
/// - result: `[batch, len, out]`
pub fn linear(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>, precision: Precision) -> Tensor<3> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&x) {
        return on_gpu(x, weight, bias, false, precision);
    }
    if !cpu::takes(&x) {
        return composed::linear(x, weight, bias);
    }
    let op = cpu::LinearOp {
        relu: false,
        precision,
    };
    if let Some(y) = op.in_columns(&x, &weight, bias.as_ref()) {
        return y;
    }
    match bias {
        Some(bias) => apply!(op, x, weight, bias),
        None => apply!(op, x, weight),
    }
}

/// `max(x Wᵀ + b, 0)`, with the shapes of [`linear`].
pub fn linear_relu(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>, precision: Precision) -> Tensor<3> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&x) {
        return on_gpu(x, weight, Some(bias), true, precision);
    }
    if !cpu::takes(&x) {
        return activation::relu(composed::linear(x, weight, Some(bias)));
    }
    let op = cpu::LinearOp {
        relu: true,
        precision,
    };
    if let Some(y) = op.in_columns(&x, &weight, Some(&bias)) {
        return y;
    }
    apply!(op, x, weight, bias)
}

/// The matrix product of `[.., m, k]` and `[.., k, n]`, whose other dimensions are the same.
fn product<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&a) {
        return apply!(gpu::Product, a, b);
    }
    a.matmul(b)
}

/// [`linear`] or [`linear_relu`] by the GPU's node.
#[cfg(feature = "gpu")]
fn on_gpu(
    x: Tensor<3>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    relu: bool,
    precision: Precision,
) -> Tensor<3> {
    let [batch, len, input] = x.dims();
    let [output, _] = weight.dims();
    let x = x.reshape([batch * len, input]);
    let op = gpu::Linear { relu, precision };
    let y: Tensor<2> = match bias {
        Some(bias) => apply!(op, x, weight, bias),
        None => apply!(op, x, weight),
    };
    y.reshape([batch, len, output])
}

/// A weight `[out, in]` as the steps of decoding read it fastest. On the processor, and in `f32`, it lies in memory column by
/// column: the same tensor to everything else. On other devices it has the type of the activations.
pub fn laid_out_for_decoding(weight: Tensor<2>, precision: Precision) -> Tensor<2> {
    if !cpu::takes(&weight) {
        let dtype = precision.activations_on(&weight.device());
        return as_type(weight, dtype);
    }
    if precision != Precision::Fp32 || weight.is_autodiff() {
        return weight;
    }
    let device = weight.device();
    Tensor::<2>::from_data(weight.transpose().into_data(), &device).transpose()
}

/// Layer normalisation over the last dimension; `eps` is added to the variance.
///
/// # Shapes
/// - `x` and the result: `[batch, len, d_model]`
/// - `weight`, `bias`: `[d_model]`
pub fn layer_norm(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<3> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&x) {
        let op = gpu::LayerNorm { eps: eps as f32 };
        return apply!(op, x, weight, bias);
    }
    if !cpu::takes(&x) {
        return composed::layer_norm(x, weight, bias, eps);
    }
    let op = cpu::LayerNormOp { eps: eps as f32 };
    apply!(op, x, weight, bias)
}

/// [`layer_norm`] of [`dropout_add`].
///
/// # Shapes
/// - `residual`, `x` and the result: `[batch, len, d_model]`
/// - `weight`, `bias`: `[d_model]`
pub fn residual_norm(
    residual: Tensor<3>,
    x: Tensor<3>,
    mask: Option<Mask>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
) -> Tensor<3> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&x) {
        let eps = eps as f32;
        return apply!(gpu::ResidualNorm { mask, eps }, residual, x, weight, bias);
    }
    layer_norm(dropout_add(residual, x, mask), weight, bias, eps)
}

/// Zeroes what `mask` drops and scales the rest by `1 / (1 - p)`.
pub fn dropout<const D: usize>(x: Tensor<D>, mask: Mask) -> Tensor<D> {
    if cpu::takes(&x) {
        return apply!(cpu::DropoutOp(mask), x);
    }
    #[cfg(feature = "gpu")]
    if gpu::takes(&x) {
        return apply!(gpu::Dropout(mask), x);
    }
    composed::dropout(x, mask)
}

/// `residual + x`, with `x` dropped out under `mask`.
pub fn dropout_add<const D: usize>(residual: Tensor<D>, x: Tensor<D>, mask: Option<Mask>) -> Tensor<D> {
    match mask {
        None => residual + x,
        Some(mask) if cpu::takes(&x) => apply!(cpu::DropoutAdd(mask), residual, x),
        #[cfg(feature = "gpu")]
        Some(mask) if gpu::takes(&x) => apply!(gpu::DropoutAdd(mask), residual, x),
        Some(mask) => residual + composed::dropout(x, mask),
    }
}

/// Rows of `weight` `[types, width]` for `tokens` `[batch, len]`: `[batch, len, width]`.
pub fn embedding(weight: Tensor<2>, tokens: Tensor<2, Int>) -> Tensor<3> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&weight) {
        return apply!(gpu::Embedding::new(tokens), weight);
    }
    burn::tensor::module::embedding(weight, tokens)
}

/// Scaled dot-product attention of every head, heads concatenated.
///
/// A query that may see no key at all gets the mean of the values: never NaN.
///
/// # Shapes
/// - `queries`: `[batch, query_len, d_model]`
/// - `keys`, `values`: `[batch, key_len, d_model]`
/// - `is_pad`: `[batch, key_len]`, true where a key must not be seen
/// - `dropout`: mask over `[batch, heads, query_len, key_len]` probabilities
/// - result: `[batch, query_len, d_model]`
pub fn attention(
    queries: Tensor<3>,
    keys: Tensor<3>,
    values: Tensor<3>,
    heads: usize,
    is_pad: Option<Tensor<2, Bool>>,
    causal: bool,
    dropout: Option<Mask>,
) -> Tensor<3> {
    if !cpu::takes(&queries) {
        return composed::attention(queries, keys, values, heads, is_pad, causal, dropout);
    }
    let op = cpu::Attention {
        heads,
        is_pad: is_pad.map(|is_pad| is_pad.into_data().iter::<bool>().collect()),
        causal,
        dropout,
        stepwise: false,
    };
    apply!(op, queries, keys, values)
}

/// [`attention`] of the queries of one decoding step, of which each sentence has as many in any batch.
pub fn step_attention(
    queries: Tensor<3>,
    keys: Tensor<3>,
    values: Tensor<3>,
    heads: usize,
    is_pad: Tensor<2, Bool>,
    dropout: Option<Mask>,
) -> Tensor<3> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&queries) && !queries.is_autodiff() && dropout.is_none() {
        return gpu::step_attention(queries, keys, values, heads, is_pad);
    }
    if !cpu::takes(&queries) {
        return composed::attention(queries, keys, values, heads, Some(is_pad), false, dropout);
    }
    let op = cpu::Attention {
        heads,
        is_pad: Some(is_pad.into_data().iter::<bool>().collect()),
        causal: false,
        dropout,
        stepwise: true,
    };
    apply!(op, queries, keys, values)
}

/// Projections to queries, keys and values, of one shape and in the form of [`laid_out_for_decoding`], as the one map that
/// [`attend_past`] takes; `None` where it would not run.
pub fn stacked_for_decoding(projections: [Affine; 3]) -> Option<Affine> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&projections[0].weight) && !projections[0].weight.is_autodiff() {
        return Some(gpu::stacked(projections));
    }
    let _ = projections;
    None
}

/// Takes the keys and values of the one token of each row into its past, and gives what its query finds there.
///
/// # Shapes
/// - `x` and the first result: `[rows, 1, d_model]`
/// - `projections`: those that [`stacked_for_decoding`] gave
/// - `past`: `[rows, 2 * heads, capacity, head_dim]`, keys before values, `place` of them written
/// - second result: `past` with one more
pub fn attend_past(
    x: Tensor<3>,
    projections: &Affine,
    past: Tensor<4>,
    place: usize,
    heads: usize,
) -> (Tensor<3>, Tensor<4>) {
    #[cfg(feature = "gpu")]
    return gpu::attend_past(x, projections, past, place, heads);
    #[cfg(not(feature = "gpu"))]
    unreachable!(
        "no device of this build takes {x}, {:?}, {past}, {place}, {heads}",
        projections.precision
    )
}

/// An affine map of the last dimension.
#[derive(Debug, Clone)]
pub struct Affine {
    /// `[out, in]`
    pub weight: Tensor<2>,
    /// `[out]`
    pub bias: Tensor<1>,
    /// What the product's operands are rounded to; see [`linear`].
    pub precision: Precision,
}

impl Affine {
    fn apply(self, x: Tensor<3>) -> Tensor<3> {
        linear(x, self.weight, Some(self.bias), self.precision)
    }
}

/// [`attention`] of a sequence to itself; `projections` make queries, keys and values of it.
///
/// # Shapes
/// - `x`: `[batch, len, in]`
/// - `is_pad`: `[batch, len]`
/// - result: `[batch, len, d_model]`
pub fn self_attention(
    x: Tensor<3>,
    projections: [Affine; 3],
    heads: usize,
    is_pad: Tensor<2, Bool>,
    causal: bool,
    dropout: Option<Mask>,
) -> Tensor<3> {
    let [q, k, v] = projections;
    #[cfg(feature = "gpu")]
    if gpu::takes(&x) {
        let op = gpu::SelfAttention(gpu::Attention::new(heads, is_pad, causal, dropout, q.precision));
        return apply!(op, x, q.weight, k.weight, v.weight, q.bias, k.bias, v.bias);
    }
    let (keys, values) = (k.apply(x.clone()), v.apply(x.clone()));
    attention(q.apply(x), keys, values, heads, Some(is_pad), causal, dropout)
}

/// [`attention`] of queries to a sequence; `projections` make keys and values of it.
///
/// # Shapes
/// - `queries`: `[batch, query_len, d_model]`
/// - `memory`: `[batch, key_len, in]`, `is_pad`: `[batch, key_len]`
/// - result: `[batch, query_len, d_model]`
pub fn cross_attention(
    queries: Tensor<3>,
    memory: Tensor<3>,
    projections: [Affine; 2],
    heads: usize,
    is_pad: Tensor<2, Bool>,
    dropout: Option<Mask>,
) -> Tensor<3> {
    let [k, v] = projections;
    #[cfg(feature = "gpu")]
    if gpu::takes(&queries) {
        let op = gpu::CrossAttention(gpu::Attention::new(heads, is_pad, false, dropout, k.precision));
        return apply!(op, queries, memory, k.weight, v.weight, k.bias, v.bias);
    }
    let (keys, values) = (k.apply(memory.clone()), v.apply(memory));
    attention(queries, keys, values, heads, Some(is_pad), false, dropout)
}

/// The probabilities by which [`attention`] weighs values: those of a row are evenly spread where it may see no key.
///
/// Attention itself keeps none of them, so they are computed once more, from Burn's own operations on every device.
///
/// # Shapes
/// Those of [`attention`]; the result is `[batch, heads, query_len, key_len]`.
pub fn attention_probabilities(
    queries: Tensor<3>,
    keys: Tensor<3>,
    heads: usize,
    is_pad: Option<Tensor<2, Bool>>,
    causal: bool,
) -> Tensor<4> {
    composed::attention_probabilities(queries, keys, heads, is_pad, causal)
}

/// [`attention`] over keys and values whose heads are split, from Burn's own operations on every device.
///
/// # Shapes
/// - `queries`: `[batch, heads, query_len, head_dim]`
/// - `keys`, `values`: `[batch, heads, key_len, head_dim]`
/// - `unseen`: `[key_len]`, true where no query sees the key
/// - `dropout`: mask over `[batch, heads, query_len, key_len]` probabilities
/// - result: `[batch, heads, query_len, head_dim]`
pub fn attention_of_heads(
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    unseen: Tensor<1, Bool>,
    dropout: Option<Mask>,
) -> Tensor<4> {
    composed::attention_of_heads(queries, keys, values, unseen, dropout)
}

/// Softmax over the last dimension of `scores * scale`, computed in `f32`, without keys that must not be seen; a row
/// that may see none is spread evenly.
///
/// # Shapes
/// - `scores` and the result: `[batch, heads, query_len, key_len]`
/// - `is_pad`: `[batch, key_len]`
fn masked_softmax(scores: Tensor<4>, is_pad: Option<Tensor<2, Bool>>, causal: bool, scale: f64) -> Tensor<4> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&scores) {
        let [batch, _, _, key_len] = scores.dims();
        let is_pad = is_pad.unwrap_or_else(|| {
            let device = scores.device().without_autodiff();
            Tensor::zeros([batch, key_len], &device)
        });
        return apply!(gpu::MaskedSoftmax::new(is_pad, causal, scale), scores);
    }
    composed::masked_softmax(scores, is_pad, causal, scale)
}

/// In place of a row of an earlier step, for a row whose past lacks that step.
pub const NO_ANCESTOR: u32 = u32::MAX;

/// Attention of one query per row over the row's past, which lies scattered over the rows of earlier steps.
///
/// # Shapes
/// - `queries` and the result: `[rows, 1, d_model]`
/// - `keys`, `values`: for every step so far, this one included, `[rows of the step, d_model]`
/// - `ancestors[step][row]`: the row of step `step` that holds the past of row `row`, or [`NO_ANCESTOR`]; every row has
///   one in the last step
/// - `dropout`: mask over `[rows, heads, 1, steps]` probabilities
pub fn cached_attention(
    queries: Tensor<3>,
    keys: &[Tensor<2>],
    values: &[Tensor<2>],
    ancestors: &[Vec<u32>],
    heads: usize,
    dropout: Option<Mask>,
) -> Tensor<3> {
    if !cpu::takes(&queries) || queries.is_autodiff() || dropout.is_some() {
        return composed::cached_attention(queries, keys, values, ancestors, heads, dropout);
    }
    cpu::cached_attention(queries, keys, values, ancestors, heads)
}

/// Label-smoothed loss and negative log-likelihood, in nats, summed over the tokens whose target is not `pad`.
///
/// With `epsilon_i = epsilon / (vocab - 1)` the loss of a token is `(1 - epsilon - epsilon_i) * nll + epsilon_i * smooth`,
/// where `smooth` sums `-log p` over the whole vocabulary (fairseq's form of Szegedy et al. 2016, section 7).
/// Computed in `f32`. Both results are differentiable.
///
/// # Shapes
/// - `logits`: `[tokens, vocab]`
/// - `target`: `[tokens]`
/// - both results: `[1]`
pub fn label_smoothed_nll(
    logits: Tensor<2>,
    target: Tensor<1, Int>,
    pad: usize,
    epsilon: f64,
) -> (Tensor<1>, Tensor<1>) {
    #[cfg(feature = "gpu")]
    if gpu::takes(&logits) {
        let sums: Tensor<1> = apply!(gpu::LabelSmoothedNll::new(target, pad, epsilon), logits);
        return (sums.clone().slice(0..1), sums.slice(1..2));
    }
    if !cpu::takes(&logits) {
        return composed::label_smoothed_nll(logits, target, pad, epsilon);
    }
    let target = target
        .into_data()
        .iter::<i64>()
        .map(|id| id as usize)
        .collect::<Vec<_>>();
    let op = cpu::LabelSmoothedNll {
        target: target.into(),
        pad,
        epsilon,
    };
    let sums: Tensor<1> = apply!(op, logits);
    (sums.clone().slice(0..1), sums.slice(1..2))
}

/// The numbers one update of Adam needs beside the tensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// Added to the square root of the uncorrected second moment.
    pub eps: f64,
    /// Multiplied to the gradient when it is read.
    pub grad_factor: f64,
    /// Multiplied to the parameter first.
    pub decay: f64,
    /// Multiplied to `first / (sqrt(second) + eps)`.
    pub step_size: f64,
}

/// New parameter, first and second moment after one update of Adam, from parameter, gradient and both moments; no tensor is
/// on the autodiff device.
pub fn adam_step<const D: usize>(tensors: [Tensor<D>; 4], step: &AdamStep) -> [Tensor<D>; 3] {
    if !cpu::takes(&tensors[0]) {
        return composed::adam_step(tensors, step);
    }
    cpu::adam_step(tensors, step)
}

/// [`adam_step`] where the factor of the gradient is on the device: `factor` `[1]` takes the place of
/// [`grad_factor`](AdamStep::grad_factor), and one that is NaN leaves everything as it is.
///
/// This is how an update whose loss or gradient is not finite is skipped without waiting for the device.
pub fn adam_step_on_device<const D: usize>(
    tensors: [Tensor<D>; 4],
    step: &AdamStep,
    factor: Tensor<1>,
) -> [Tensor<D>; 3] {
    #[cfg(feature = "gpu")]
    if gpu::takes(&tensors[0]) {
        let [param, grad, exp_avg, exp_avg_sq] = tensors;
        return gpu::adam_step([param, exp_avg, exp_avg_sq, grad], step, factor);
    }
    composed::adam_step_on_device(tensors, step, factor)
}

/// Sum of the squares of all elements, `[1]`, in `f32`; off the tape.
pub fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    #[cfg(feature = "gpu")]
    if gpu::takes(&x) {
        return gpu::sum_of_squares(x);
    }
    composed::sum_of_squares(x)
}
