//! Attention with the projections of what it compares, each kind one node of the autodiff graph: the projections of one
//! sequence are one matrix product, and of what lies between them and the result only operands and probabilities are kept.

use burn::{
    backend::tensor::{BoolTensor, FloatTensor},
    tensor::{Bool, DType, Tensor},
};

use super::{
    Gpu, Kernels, ONE_DEVICE, column_sums, dropout::masked, float_primitive, product, tensor, wide_product,
};
use crate::{
    Precision,
    dropout_mask::Mask,
    ops::{as_type, node::Operation},
};

/// What attention is told beside its operands.
#[derive(Debug, Clone)]
pub(in super::super) struct Attention {
    heads: usize,
    /// `[batch, key_len]`
    is_pad: BoolTensor<Gpu>,
    causal: bool,
    dropout: Option<Mask>,
    /// Whether products in `f32` may be rounded.
    precision: Precision,
}

impl Attention {
    /// `is_pad` is `[batch, key_len]`.
    pub fn new(
        heads: usize,
        is_pad: Tensor<2, Bool>,
        causal: bool,
        dropout: Option<Mask>,
        precision: Precision,
    ) -> Self {
        let is_pad = is_pad.without_autodiff().try_into_primitive::<Gpu>();
        Self {
            heads,
            is_pad: is_pad.expect(ONE_DEVICE),
            causal,
            dropout,
            precision,
        }
    }

    fn product<const D: usize>(&self, a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
        product(a, b, self.precision)
    }

    /// What heads of queries find, `[batch, len, d_model]`, and the operands of the way back.
    fn attend(&self, [queries, keys, values]: [Tensor<4>; 3]) -> (Tensor<3>, Attended) {
        let scores = self.product(queries.clone(), keys.clone().transpose()); // [batch, heads, query_len, key_len]
        let scale = scale(&queries);
        let probabilities =
            Gpu::masked_softmax(float_primitive(scores), self.is_pad.clone(), self.causal, scale);
        let probabilities = tensor(probabilities);
        let found = self.product(self.dropped(probabilities.clone()), values.clone());
        let saved = Attended {
            queries,
            keys,
            values,
            probabilities,
        };
        (merge([found]), saved)
    }

    /// Gradients of the heads of queries, keys and values.
    fn attend_backward(&self, saved: Attended, grad: Tensor<3>) -> [Tensor<4>; 3] {
        let Attended {
            queries,
            keys,
            values,
            probabilities,
        } = saved;
        let [grad] = split(grad, self.heads);
        let dropped = self.dropped(probabilities.clone());
        let of_values = self.product(dropped.transpose(), grad.clone());
        let of_probabilities = self.dropped(self.product(grad, values.transpose()));
        let of_scores = tensor::<4>(Gpu::masked_softmax_gradient(
            float_primitive(probabilities),
            float_primitive(of_probabilities),
            self.is_pad.clone(),
            self.causal,
            scale(&queries),
        ));
        let of_keys = self.product(of_scores.clone().transpose(), queries);
        [self.product(of_scores, keys), of_keys, of_values]
    }

    fn dropped(&self, probabilities: Tensor<4>) -> Tensor<4> {
        match self.dropout {
            Some(mask) => tensor(masked(float_primitive(probabilities), mask)),
            None => probabilities,
        }
    }
}

/// What the way back of [`Attention`] needs: heads, `[batch, heads, len, head_dim]`, and probabilities.
#[derive(Debug, Clone)]
pub(in super::super) struct Attended {
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    /// `[batch, heads, query_len, key_len]`, before dropout
    probabilities: Tensor<4>,
}

/// Several affine maps of one sequence as one matrix product.
#[derive(Debug, Clone)]
pub(in super::super) struct Projected {
    /// `[batch, len, in]`
    x: Tensor<3>,
    /// `[maps * out, in]`, in the type of `x`
    weight: Tensor<2>,
    /// The type of the parameters, and so of their gradients.
    param_dtype: DType,
}

impl Projected {
    /// The maps with heads split, and what their way back needs.
    fn new<const P: usize>(
        x: Tensor<3>,
        weights: [Tensor<2>; P],
        biases: [Tensor<1>; P],
        attention: &Attention,
    ) -> ([Tensor<4>; P], Self) {
        let [batch, len, input] = x.dims();
        let param_dtype = weights[0].dtype();
        let weight = stacked(weights, x.dtype());
        let rows = x.clone().reshape([batch * len, input]);
        let y = attention.product(rows, weight.clone().transpose());
        let [_, output] = y.dims();
        (
            split_with_bias(y.reshape([batch, len, output]), biases, attention.heads),
            Self {
                x,
                weight,
                param_dtype,
            },
        )
    }

    /// Gradients of the sequence, where `needed`, and of weights and biases.
    fn backward<const P: usize>(
        self,
        grads: [Tensor<4>; P],
        needed: bool,
        attention: &Attention,
    ) -> (Option<Tensor<3>>, [Tensor<2>; P], [Tensor<1>; P]) {
        let [batch, len, input] = self.x.dims();
        let [outputs, _] = self.weight.dims();
        let output = outputs / P;
        let grad = merge(grads).reshape([batch * len, outputs]);
        let rows = self.x.reshape([batch * len, input]);
        let of_weight = wide_product(grad.clone().transpose(), rows, attention.precision);
        let of_weight = as_type(of_weight, self.param_dtype);
        let of_bias = as_type(column_sums(grad.clone()), self.param_dtype);
        let of_x = needed.then(|| attention.product(grad, self.weight).reshape([batch, len, input]));
        let part = |part: usize| part * output..(part + 1) * output;
        (
            of_x,
            std::array::from_fn(|number| of_weight.clone().slice([part(number), 0..input])),
            std::array::from_fn(|number| of_bias.clone().slice([part(number)])),
        )
    }
}

/// Attention of a sequence to itself; inputs are the sequence, and weights and biases of queries, keys and values.
#[derive(Debug, Clone)]
pub(in super::super) struct SelfAttention(pub Attention);

impl Operation<Gpu, 7> for SelfAttention {
    type Saved = (Projected, Attended);

    fn forward(&self, inputs: [FloatTensor<Gpu>; 7]) -> (FloatTensor<Gpu>, Self::Saved) {
        let [x, wq, wk, wv, bq, bk, bv] = inputs;
        let weights = [wq, wk, wv].map(tensor);
        let biases = [bq, bk, bv].map(tensor);
        let (heads, projected) = Projected::new(tensor(x), weights, biases, &self.0);
        let (found, attended) = self.0.attend(heads);
        (float_primitive(found), (projected, attended))
    }

    fn backward(
        &self,
        (projected, attended): Self::Saved,
        grad: FloatTensor<Gpu>,
        needed: [bool; 7],
    ) -> [Option<FloatTensor<Gpu>>; 7] {
        let grads = self.0.attend_backward(attended, tensor(grad));
        let (of_x, weights, biases) = projected.backward(grads, needed[0], &self.0);
        let ([wq, wk, wv], [bq, bk, bv]) = (weights.map(some), biases.map(some));
        [of_x.map(float_primitive), wq, wk, wv, bq, bk, bv]
    }
}

/// Attention of projected queries `[batch, query_len, d_model]` to a sequence; inputs are queries, sequence, and weights and
/// biases of keys and values.
#[derive(Debug, Clone)]
pub(in super::super) struct CrossAttention(pub Attention);

impl Operation<Gpu, 6> for CrossAttention {
    type Saved = (Projected, Attended);

    fn forward(&self, inputs: [FloatTensor<Gpu>; 6]) -> (FloatTensor<Gpu>, Self::Saved) {
        let [queries, memory, wk, wv, bk, bv] = inputs;
        let weights = [wk, wv].map(tensor);
        let biases = [bk, bv].map(tensor);
        let ([keys, values], projected) = Projected::new(tensor(memory), weights, biases, &self.0);
        let [queries] = split(tensor(queries), self.0.heads);
        let (found, attended) = self.0.attend([queries, keys, values]);
        (float_primitive(found), (projected, attended))
    }

    fn backward(
        &self,
        (projected, attended): Self::Saved,
        grad: FloatTensor<Gpu>,
        needed: [bool; 6],
    ) -> [Option<FloatTensor<Gpu>>; 6] {
        let [of_queries, of_keys, of_values] = self.0.attend_backward(attended, tensor(grad));
        let (of_memory, weights, biases) = projected.backward([of_keys, of_values], needed[1], &self.0);
        let ([wk, wv], [bk, bv]) = (weights.map(some), biases.map(some));
        let of_queries = needed[0].then(|| float_primitive(merge([of_queries])));
        [of_queries, of_memory.map(float_primitive), wk, wv, bk, bv]
    }
}

fn some<const D: usize>(tensor: Tensor<D>) -> Option<FloatTensor<Gpu>> {
    Some(float_primitive(tensor))
}

/// What scores are multiplied by, for heads of queries `[batch, heads, query_len, head_dim]`.
fn scale(queries: &Tensor<4>) -> f32 {
    let [_, _, _, head_dim] = queries.dims();
    (head_dim as f32).powf(-0.5)
}

/// `[batch, len, P * heads * head_dim]` to `P` times `[batch, heads, len, head_dim]`.
fn split<const P: usize>(x: Tensor<3>, heads: usize) -> [Tensor<4>; P] {
    let [batch, _, _] = x.dims();
    let parts: Tensor<4> = tensor(Gpu::split_heads(float_primitive(x), P, heads));
    std::array::from_fn(|part| parts.clone().slice(part * batch..(part + 1) * batch))
}

/// [`split`] with a bias `[heads * head_dim]` added to each part.
fn split_with_bias<const P: usize>(x: Tensor<3>, biases: [Tensor<1>; P], heads: usize) -> [Tensor<4>; P] {
    let [batch, _, _] = x.dims();
    let [a, b, c] = three(biases);
    let parts: Tensor<4> = tensor(Gpu::split_heads_with_bias(float_primitive(x), a, b, c, P, heads));
    std::array::from_fn(|part| parts.clone().slice(part * batch..(part + 1) * batch))
}

/// The other way round of [`split`].
fn merge<const P: usize>(parts: [Tensor<4>; P]) -> Tensor<3> {
    let [a, b, c] = three(parts);
    tensor(Gpu::merge_heads(a, b, c, P))
}

/// Weights `[out, in]`, one below the other, in numbers of type `dtype`.
pub(super) fn stacked<const P: usize>(weights: [Tensor<2>; P], dtype: DType) -> Tensor<2> {
    let [a, b, c] = three(weights);
    tensor(Gpu::stacked(a, b, c, P, dtype))
}

/// Kernels have a fixed number of inputs; the last stands for those that there are not.
fn three<const P: usize, const D: usize>(tensors: [Tensor<D>; P]) -> [FloatTensor<Gpu>; 3] {
    std::array::from_fn(|number| float_primitive(tensors[number.min(P - 1)].clone()))
}
