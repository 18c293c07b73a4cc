//! The operations a model is made of.
//!
//! Each has a form composed of Burn's own operations, which runs on every device and defines the result.

mod composed;

use burn::tensor::{Bool, Int, Tensor};

use crate::dropout::Mask;

/// Added to the variance in [`layer_norm`].
pub const LAYER_NORM_EPS: f64 = 1e-5;

/// `x Wᵀ + b`.
///
/// # Shapes
/// - `x`: `[batch, len, in]`
/// - `weight`: `[out, in]`, `bias`: `[out]`
/// - result: `[batch, len, out]`
pub fn linear(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    composed::linear(x, weight, bias)
}

/// Layer normalisation over the last dimension.
pub fn layer_norm(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>) -> Tensor<3> {
    composed::layer_norm(x, weight, bias)
}

/// Zeroes what `mask` drops and scales the rest by `1 / (1 - p)`.
pub fn dropout<const D: usize>(x: Tensor<D>, mask: Mask) -> Tensor<D> {
    composed::dropout(x, mask)
}

/// Rows of `weight` `[types, width]` for `tokens` `[batch, len]`: `[batch, len, width]`.
pub fn embedding(weight: Tensor<2>, tokens: Tensor<2, Int>) -> Tensor<3> {
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
    composed::attention(queries, keys, values, heads, is_pad, causal, dropout)
}
