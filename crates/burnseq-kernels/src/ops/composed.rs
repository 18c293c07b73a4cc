//! The operations in terms of Burn's own, for every device.

use burn::tensor::{
    Bool, DType, Int, Tensor, TensorData,
    activation::{log_softmax, softmax},
};

use super::{AdamStep, NO_ANCESTOR, as_type};
use crate::dropout_mask::{Keep, Mask};

/// Stands for minus infinity in masked scores. It vanishes beside any real score, and a row that is masked
/// everywhere becomes uniform where minus infinity itself would give NaN.
pub(super) const MASKED: f32 = -1e30;

pub(super) fn linear(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [batch, len, input] = x.dims();
    let [output, _] = weight.dims();
    let dtype = x.dtype();
    let weight = as_type(weight, dtype);
    let y = x.reshape([batch * len, input]).matmul(weight.transpose()); // [batch * len, out]
    let y = match bias {
        Some(bias) => y + as_type(bias, dtype).unsqueeze(),
        None => y,
    };
    y.reshape([batch, len, output])
}

pub(super) fn layer_norm(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<3> {
    let dtype = x.dtype();
    let x = as_type(x, DType::F32);
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let y = centred / (variance + eps).sqrt() * weight.unsqueeze() + bias.unsqueeze();
    as_type(y, dtype)
}

pub(super) fn dropout<const D: usize>(x: Tensor<D>, mask: Mask) -> Tensor<D> {
    let keep = Keep::new(mask);
    let factors = (0..x.shape().num_elements()).map(|index| keep.factor(index as u32));
    let factors = TensorData::new(factors.collect::<Vec<f32>>(), x.shape());
    let factors = as_type(
        Tensor::<D>::from_data(factors, &x.device().without_autodiff()),
        x.dtype(),
    );
    let factors = if x.is_autodiff() {
        Tensor::from_inner(factors)
    } else {
        factors
    };
    x * factors
}

pub(super) fn attention(
    queries: Tensor<3>,
    keys: Tensor<3>,
    values: Tensor<3>,
    heads: usize,
    is_pad: Option<Tensor<2, Bool>>,
    causal: bool,
    drop: Option<Mask>,
) -> Tensor<3> {
    let [batch, query_len, d_model] = queries.dims();
    let probabilities = attention_probabilities(queries, keys, heads, is_pad, causal);
    let found = weighted(probabilities, split_heads(values, heads), drop); // [batch, heads, query_len, head_dim]
    found.swap_dims(1, 2).reshape([batch, query_len, d_model])
}

pub(super) fn attention_of_heads(
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    unseen: Tensor<1, Bool>,
    drop: Option<Mask>,
) -> Tensor<4> {
    let ([batch, ..], [_, _, key_len, _]) = (queries.dims(), keys.dims());
    let unseen = unseen.unsqueeze::<2>().expand([batch, key_len]);
    weighted(probabilities(queries, keys, Some(unseen), false), values, drop)
}

/// `[batch, len, d_model]` to `[batch, heads, len, head_dim]`.
fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, len, d_model] = x.dims();
    x.reshape([batch, len, heads, d_model / heads]).swap_dims(1, 2)
}

/// The sums of `values` `[batch, heads, key_len, head_dim]` by probabilities `[batch, heads, query_len, key_len]`.
fn weighted(probabilities: Tensor<4>, values: Tensor<4>, drop: Option<Mask>) -> Tensor<4> {
    let probabilities = match drop {
        Some(mask) => super::dropout(probabilities, mask),
        None => probabilities,
    };
    super::product(probabilities, values)
}

pub(super) fn attention_probabilities(
    queries: Tensor<3>,
    keys: Tensor<3>,
    heads: usize,
    is_pad: Option<Tensor<2, Bool>>,
    causal: bool,
) -> Tensor<4> {
    probabilities(
        split_heads(queries, heads),
        split_heads(keys, heads),
        is_pad,
        causal,
    )
}

/// `softmax(queries keysᵀ / sqrt(head_dim))` over the keys that may be seen; see [`super::masked_softmax`].
fn probabilities(
    queries: Tensor<4>,
    keys: Tensor<4>,
    is_pad: Option<Tensor<2, Bool>>,
    causal: bool,
) -> Tensor<4> {
    let [_, _, _, head_dim] = queries.dims();
    let scores = super::product(queries, keys.transpose()); // [batch, heads, query_len, key_len]
    super::masked_softmax(scores, is_pad, causal, (head_dim as f64).powf(-0.5))
}

pub(super) fn masked_softmax(
    scores: Tensor<4>,
    is_pad: Option<Tensor<2, Bool>>,
    causal: bool,
    scale: f64,
) -> Tensor<4> {
    let [batch, heads, query_len, key_len] = scores.dims();
    let dtype = scores.dtype();
    let mut scores = as_type(scores, DType::F32) * scale;
    if causal {
        let later = Tensor::<2, Bool>::tril_mask([query_len, key_len], 0, &scores.device());
        scores = scores.mask_fill(
            later.unsqueeze::<4>().expand([batch, heads, query_len, key_len]),
            MASKED,
        );
    }
    if let Some(is_pad) = is_pad {
        let is_pad = is_pad
            .reshape([batch, 1, 1, key_len])
            .expand([batch, heads, query_len, key_len]);
        scores = scores.mask_fill(is_pad, MASKED);
    }
    as_type(softmax(scores, 3), dtype)
}

pub(super) fn cached_attention(
    queries: Tensor<3>,
    keys: &[Tensor<2>],
    values: &[Tensor<2>],
    ancestors: &[Vec<u32>],
    heads: usize,
    drop: Option<Mask>,
) -> Tensor<3> {
    let device = queries.device();
    let gather = |steps: &[Tensor<2>]| {
        let rows = steps.iter().zip(ancestors).map(|(step, ancestors)| {
            // What is not there is masked below.
            let present = |&row: &u32| if row == NO_ANCESTOR { 0 } else { row as i32 };
            let order: Vec<i32> = ancestors.iter().map(present).collect();
            let len = order.len();
            step.clone()
                .select(0, Tensor::from_data(TensorData::new(order, [len]), &device))
        });
        Tensor::stack::<3>(rows.collect(), 1) // [rows, steps, d_model]
    };
    let steps = ancestors.len();
    let rows = ancestors.last().map_or(0, Vec::len);
    let absent: Vec<bool> = (0..rows)
        .flat_map(|row| ancestors.iter().map(move |step| step[row] == NO_ANCESTOR))
        .collect();
    let absent = absent
        .contains(&true)
        .then(|| Tensor::<2, Bool>::from_data(TensorData::new(absent, [rows, steps]), &device));
    attention(queries, gather(keys), gather(values), heads, absent, false, drop)
}

pub(super) fn label_smoothed_nll(
    logits: Tensor<2>,
    target: Tensor<1, Int>,
    pad: usize,
    epsilon: f64,
) -> (Tensor<1>, Tensor<1>) {
    let [tokens, vocab] = logits.dims();
    let log_probs = log_softmax(as_type(logits, DType::F32), 1);
    let is_pad = target.clone().equal_elem(pad as i64);
    let reference = log_probs.clone().gather(1, target.reshape([tokens, 1])); // [tokens, 1]
    let nll = reference
        .neg()
        .reshape([tokens])
        .mask_fill(is_pad.clone(), 0.0)
        .sum();
    if epsilon == 0.0 {
        return (nll.clone(), nll);
    }
    let smooth = log_probs
        .sum_dim(1)
        .neg()
        .reshape([tokens])
        .mask_fill(is_pad, 0.0)
        .sum();
    let spread = epsilon / (vocab.max(2) - 1) as f64;
    (nll.clone() * (1.0 - epsilon - spread) + smooth * spread, nll)
}

pub(super) fn adam_step<const D: usize>(
    [param, grad, exp_avg, exp_avg_sq]: [Tensor<D>; 4],
    step: &AdamStep,
) -> [Tensor<D>; 3] {
    let grad = grad * step.grad_factor;
    let exp_avg = exp_avg * step.beta1 + grad.clone() * (1.0 - step.beta1);
    let exp_avg_sq = exp_avg_sq * step.beta2 + grad.square() * (1.0 - step.beta2);
    let update = exp_avg.clone() / (exp_avg_sq.clone().sqrt() + step.eps) * step.step_size;
    [param * step.decay - update, exp_avg, exp_avg_sq]
}

pub(super) fn adam_step_on_device<const D: usize>(
    [param, grad, exp_avg, exp_avg_sq]: [Tensor<D>; 4],
    step: &AdamStep,
    factor: Tensor<1>,
) -> [Tensor<D>; 3] {
    let old = [param.clone(), exp_avg.clone(), exp_avg_sq.clone()];
    let skip = factor.clone().is_nan().reshape([1; D]).expand(param.shape());
    let grad = as_type(grad, DType::F32) * factor.reshape([1; D]);
    let step = AdamStep {
        grad_factor: 1.0,
        ..*step
    };
    let mut old = old.into_iter();
    adam_step([param, grad, exp_avg, exp_avg_sq], &step)
        .map(|new| new.mask_where(skip.clone(), old.next().expect("one old value for each new one")))
}

pub(super) fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let elements = x.shape().num_elements();
    let x = as_type(x, DType::F32).reshape([1, elements]);
    // One sum over a row, whose order is fixed; a sum over everything may be one of atomic additions.
    x.square().sum_dim(1).reshape([1])
}
