//! Kernels of our own for GPUs, where what Burn offers is slow or takes memory that it need not: dropout without a stored
//! mask, gradients of embeddings, attention with its projections, attention in a step of decoding, the loss, the norm of gradients and Adam. Written in CubeCL, so
//! that CUDA and other GPUs run the same source.
//!
//! Sums are added in a fixed order: results do not change from run to run.

mod affine;
mod attention;
mod dropout;
mod embedding;
mod heads;
mod layer_norm;
mod linear;
mod loss;
mod many;
mod norm;
mod product;
mod reduce;
mod softmax;
mod step;
#[cfg(test)]
mod tests;

use burn::{
    backend::{
        Backend, backend_extension,
        fusion::custom::TensorSpec,
        tensor::{BoolTensor, FloatTensor, IntTensor},
    },
    tensor::{DType, Device, Int, Shape, Tensor},
};
use burn_cubecl::{
    CubeBackend,
    cubecl::{CubeCount, CubeDim},
    kernel::into_contiguous,
    ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};

use crate::Precision;

pub(super) use self::{
    attention::{Attention, CrossAttention, SelfAttention},
    dropout::{Dropout, DropoutAdd},
    embedding::Embedding,
    layer_norm::{LayerNorm, ResidualNorm},
    linear::Linear,
    loss::LabelSmoothedNll,
    many::{adam_step, adam_steps, sums_of_squares},
    product::Product,
    softmax::MaskedSoftmax,
    step::{attend_past, stacked, step_attention},
};

/// The backend of all GPUs.
type Gpu = burn_cubecl::Cube;

const ONE_DEVICE: &str = "all tensors of an operation are on one device";

/// Whether the kernels of this module take tensors of this device.
pub(super) fn takes<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.device() != Device::flex()
}

/// Sum of the squares of `x`, which is on a GPU and without autodiff; see [`super::sum_of_squares`].
pub(super) fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    tensor(Gpu::sum_of_squares(float_primitive(x)))
}

/// The product of `a` and `b`, which are without autodiff.
fn product<const D: usize>(a: Tensor<D>, b: Tensor<D>, precision: Precision) -> Tensor<D> {
    let exact = precision != Precision::Tf32;
    tensor(Gpu::product(float_primitive(a), float_primitive(b), exact, false))
}

/// [`product`] in `f32`.
fn wide_product<const D: usize>(a: Tensor<D>, b: Tensor<D>, precision: Precision) -> Tensor<D> {
    let exact = precision != Precision::Tf32;
    tensor(Gpu::product(float_primitive(a), float_primitive(b), exact, true))
}

/// `y` `[.., width]` with `bias` `[width]` added, cut off below zero where `relu` says so.
fn with_bias<const D: usize>(y: Tensor<D>, bias: Tensor<1>, relu: bool) -> Tensor<D> {
    tensor(Gpu::with_bias(float_primitive(y), float_primitive(bias), relu))
}

/// Sums of the columns of `x`, in `f32`.
fn column_sums(x: Tensor<2>) -> Tensor<1> {
    tensor(Gpu::column_sums(float_primitive(x)))
}

/// A tensor of what it is to the backend.
fn tensor<const D: usize>(primitive: FloatTensor<Gpu>) -> Tensor<D> {
    Tensor::from_primitive::<Gpu>(primitive)
}

/// What a tensor without autodiff is to the backend.
fn float_primitive<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Gpu> {
    tensor.try_into_primitive::<Gpu>().expect(ONE_DEVICE)
}

/// What an integer tensor is to the backend.
fn int_primitive<const D: usize>(tensor: Tensor<D, Int>) -> IntTensor<Gpu> {
    tensor
        .without_autodiff()
        .try_into_primitive::<Gpu>()
        .expect(ONE_DEVICE)
}

/// The kernels, as Burn calls them.
#[backend_extension(Cube, Fusion)]
pub(crate) trait Kernels: Backend {
    /// The matrix product of `[.., m, k]` and `[.., k, n]`, in their type or, where it is to be `wide`, in `f32`. In `f32` and
    /// unless `exact`, operands may be rounded to TF32.
    #[fusion(meta = |a: &TensorSpec, b: &TensorSpec, _, wide: &bool| {
        let dtype = if *wide { DType::F32 } else { a.dtype };
        TensorSpec::new(product::shape(&a.shape, &b.shape), dtype)
    })]
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, exact: bool, wide: bool) -> FloatTensor<Self>;

    /// The first `count` of three weights `[out, in]`, one below the other, in numbers of type `dtype`.
    #[fusion(meta = |a: &TensorSpec, _, _, count: &usize, dtype: &DType| {
        TensorSpec::new(Shape::new([*count * a.shape[0], a.shape[1]]), *dtype)
    })]
    fn stacked(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        count: usize,
        dtype: DType,
    ) -> FloatTensor<Self>;

    /// `y` with `bias` added to its last dimension, cut off below zero where `relu` says so.
    #[fusion(dtype = y, shape = y)]
    fn with_bias(y: FloatTensor<Self>, bias: FloatTensor<Self>, relu: bool) -> FloatTensor<Self>;

    /// `grad` without the elements whose `y` was cut off.
    #[fusion(dtype = grad, shape = grad)]
    fn relu_gradient(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Sums of the columns of `x` `[rows, width]`: `[width]` in `f32`.
    #[fusion(meta = |x: &TensorSpec| TensorSpec::new(Shape::new([x.shape[1]]), DType::F32))]
    fn column_sums(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x` normalised over its last dimension, with `eps` added to the variance, and mean and reciprocal deviation of every
    /// row, `[rows, 2]` in `f32`.
    #[fusion(meta = |x: &TensorSpec, _, _, _| {
        let moments = TensorSpec::new(Shape::new([layer_norm::rows(&x.shape), 2]), DType::F32);
        (x.clone(), moments)
    })]
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// [`layer_norm`](Self::layer_norm) of `base + masked(x)`: the normalised sum, the sum itself, mean and reciprocal
    /// deviation of every row.
    #[fusion(meta = |base: &TensorSpec, _, _, _, _, _, _, _, _| {
        let moments = TensorSpec::new(Shape::new([layer_norm::rows(&base.shape), 2]), DType::F32);
        (base.clone(), base.clone(), moments)
    })]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn masked_sum_norm(
        base: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        low: u32,
        high: u32,
        threshold: u32,
        scale: f32,
        eps: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of `x`, weight and bias, given what [`layer_norm`](Self::layer_norm) found of the rows.
    #[fusion(meta = |x: &TensorSpec, weight: &TensorSpec, _, _| (x.clone(), weight.clone(), weight.clone()))]
    #[allow(clippy::type_complexity)]
    fn layer_norm_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `x`, with elements zeroed and scaled by the hash of `low`, `high` and their number; see [`dropout`].
    #[fusion(dtype = x, shape = x)]
    fn masked(x: FloatTensor<Self>, low: u32, high: u32, threshold: u32, scale: f32) -> FloatTensor<Self>;

    /// `base + masked(x)`.
    #[fusion(dtype = x, shape = x)]
    fn masked_sum(
        base: FloatTensor<Self>,
        x: FloatTensor<Self>,
        low: u32,
        high: u32,
        threshold: u32,
        scale: f32,
    ) -> FloatTensor<Self>;

    /// `[batch, len, parts * heads * head_dim]` to `[parts * batch, heads, len, head_dim]`.
    #[fusion(dtype = x, shape = Shape::new([*parts * x[0], *heads, x[1], x[2] / *parts / *heads]))]
    fn split_heads(x: FloatTensor<Self>, parts: usize, heads: usize) -> FloatTensor<Self>;

    /// [`split_heads`](Self::split_heads) with a bias `[heads * head_dim]` added to each of at most three parts.
    #[fusion(dtype = x, shape = Shape::new([*parts * x[0], *heads, x[1], x[2] / *parts / *heads]))]
    fn split_heads_with_bias(
        x: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        parts: usize,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// The first `count` of three tensors `[batch, heads, len, head_dim]` to `[batch, len, count * heads * head_dim]`.
    #[fusion(dtype = a, shape = Shape::new([a[0], a[2], *count * a[1] * a[3]]))]
    fn merge_heads(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        count: usize,
    ) -> FloatTensor<Self>;

    /// The rows of `grad` `[tokens, width]` summed by token: `[types, width]`.
    #[fusion(dtype = grad, shape = Shape::new([*types, grad[1]]))]
    fn sum_by_token(grad: FloatTensor<Self>, tokens: IntTensor<Self>, types: usize) -> FloatTensor<Self>;

    /// Softmax over the last dimension of `scores * scale`, `[batch, heads, query_len, key_len]`, without keys that are
    /// padding (`is_pad` `[batch, key_len]`) or, where `causal`, lie behind the query.
    #[fusion(dtype = scores, shape = scores)]
    fn masked_softmax(
        scores: FloatTensor<Self>,
        is_pad: BoolTensor<Self>,
        causal: bool,
        scale: f32,
    ) -> FloatTensor<Self>;

    /// Gradient of the scores, given the probabilities and their gradient.
    #[fusion(dtype = grad, shape = grad)]
    fn masked_softmax_gradient(
        probabilities: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        is_pad: BoolTensor<Self>,
        causal: bool,
        scale: f32,
    ) -> FloatTensor<Self>;

    /// The heads of one step: of `projected` `[rows, 3 * heads * head_dim]` and its bias, the queries, and `past`
    /// `[rows, 2 * heads, capacity, head_dim]` with keys, then values, written to `place`.
    #[fusion(meta = |projected: &TensorSpec, _, past: &TensorSpec, _| {
        let queries = Shape::new([projected.shape[0], projected.shape[1] / 3]);
        (TensorSpec::new(queries, projected.dtype), past.clone())
    })]
    fn append_step(
        projected: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        past: FloatTensor<Self>,
        place: usize,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// What queries `[rows, heads * head_dim]` find in the first `len` places of what [`append_step`](Self::append_step)
    /// wrote.
    #[fusion(dtype = queries, shape = queries)]
    fn attend_past(
        queries: FloatTensor<Self>,
        past: FloatTensor<Self>,
        len: usize,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// What queries `[batch, rows, d_model]` find in keys and values `[batch, key_len, d_model]`, without those that are
    /// padding (`is_pad` `[batch, key_len]`).
    #[fusion(dtype = queries, shape = queries)]
    fn attend_source(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        is_pad: BoolTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// Of every row of `logits` `[tokens, vocab]`: the logarithm of the sum of exponentials, the negative log-likelihood
    /// of the target, and the sum of the negative log-likelihoods of all types; the latter two are zero where the target
    /// is `pad`. `[tokens, 3]` in `f32`.
    #[fusion(meta = |logits: &TensorSpec, _, _| TensorSpec::new(Shape::new([logits.shape[0], 3]), DType::F32))]
    fn nll_rows(logits: FloatTensor<Self>, target: IntTensor<Self>, pad: u32) -> FloatTensor<Self>;

    /// Loss and negative log-likelihood, `[2]`, of what [`nll_rows`](Self::nll_rows) found: the loss takes `reference` of
    /// the second column and `spread` of the third.
    #[fusion(dtype = rows, shape = Shape::new([2]))]
    fn nll_sums(rows: FloatTensor<Self>, reference: f32, spread: f32) -> FloatTensor<Self>;

    /// Gradient of the logits, given what [`nll_rows`](Self::nll_rows) found and the gradients `[2]` of
    /// [`nll_sums`](Self::nll_sums).
    #[fusion(dtype = logits, shape = logits)]
    #[allow(clippy::too_many_arguments)]
    fn nll_gradient(
        logits: FloatTensor<Self>,
        target: IntTensor<Self>,
        rows: FloatTensor<Self>,
        grads: FloatTensor<Self>,
        pad: u32,
        reference: f32,
        spread: f32,
    ) -> FloatTensor<Self>;

    /// Sum of the squares of `x`: `[1]` in `f32`.
    #[fusion(meta = |_: &TensorSpec| TensorSpec::new(Shape::new([1]), DType::F32))]
    fn sum_of_squares(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Sums of squares of tensors of one type: `[MANY]` in `f32`.
    #[fusion(meta = |_: &many::ManyMetadata| TensorSpec::new(Shape::new([many::MANY]), DType::F32))]
    fn sums_of_squares(#[extension_type] tensors: many::Many<Self>) -> FloatTensor<Self>;

    /// New parameters, first and second moments after an update of Adam, written over the old ones where nothing else needs
    /// them, of the first `count`; gradients have one type, `factor` is `[1]`. See [`super::adam_step_on_device`].
    #[fusion(meta = |params, exp_avgs, exp_avg_sqs, _, _, _, _, _, _, _, _| (params.clone(), exp_avgs.clone(), exp_avg_sqs.clone()))]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn adam_of_many(
        #[extension_type] params: many::Many<Self>,
        #[extension_type] exp_avgs: many::Many<Self>,
        #[extension_type] exp_avg_sqs: many::Many<Self>,
        #[extension_type] grads: many::Many<Self>,
        factor: FloatTensor<Self>,
        beta1: f64,
        beta2: f64,
        eps: f64,
        decay: f64,
        step_size: f64,
        count: usize,
    ) -> (many::Many<Self>, many::Many<Self>, many::Many<Self>);
}

impl Kernels for CubeBackend {
    fn product(a: CubeTensor, b: CubeTensor, exact: bool, wide: bool) -> CubeTensor {
        product::launch(a, b, exact, wide)
    }

    fn stacked(a: CubeTensor, b: CubeTensor, c: CubeTensor, count: usize, dtype: DType) -> CubeTensor {
        affine::launch_stacked([a, b, c], count, dtype)
    }

    fn with_bias(y: CubeTensor, bias: CubeTensor, relu: bool) -> CubeTensor {
        affine::launch_bias(y, bias, relu)
    }

    fn relu_gradient(y: CubeTensor, grad: CubeTensor) -> CubeTensor {
        affine::launch_relu_gradient(y, grad)
    }

    fn column_sums(x: CubeTensor) -> CubeTensor {
        affine::launch_column_sums(x)
    }

    fn layer_norm(x: CubeTensor, weight: CubeTensor, bias: CubeTensor, eps: f32) -> (CubeTensor, CubeTensor) {
        layer_norm::launch(x, weight, bias, eps)
    }

    fn masked_sum_norm(
        base: CubeTensor,
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        low: u32,
        high: u32,
        threshold: u32,
        scale: f32,
        eps: f32,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        layer_norm::launch_of_sum([base, x, weight, bias], [low, high, threshold], scale, eps)
    }

    fn layer_norm_gradient(
        x: CubeTensor,
        weight: CubeTensor,
        moments: CubeTensor,
        grad: CubeTensor,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        layer_norm::launch_gradient(x, weight, moments, grad)
    }

    fn masked(x: CubeTensor, low: u32, high: u32, threshold: u32, scale: f32) -> CubeTensor {
        dropout::launch(None, x, [low, high, threshold], scale)
    }

    fn masked_sum(
        base: CubeTensor,
        x: CubeTensor,
        low: u32,
        high: u32,
        threshold: u32,
        scale: f32,
    ) -> CubeTensor {
        dropout::launch(Some(base), x, [low, high, threshold], scale)
    }

    fn split_heads(x: CubeTensor, parts: usize, heads: usize) -> CubeTensor {
        heads::launch_split(x, None, parts, heads)
    }

    fn split_heads_with_bias(
        x: CubeTensor,
        a: CubeTensor,
        b: CubeTensor,
        c: CubeTensor,
        parts: usize,
        heads: usize,
    ) -> CubeTensor {
        heads::launch_split(x, Some([a, b, c]), parts, heads)
    }

    fn merge_heads(a: CubeTensor, b: CubeTensor, c: CubeTensor, count: usize) -> CubeTensor {
        heads::launch_merge([a, b, c], count)
    }

    fn sum_by_token(grad: CubeTensor, tokens: CubeTensor, types: usize) -> CubeTensor {
        embedding::launch(grad, tokens, types)
    }

    fn masked_softmax(scores: CubeTensor, is_pad: CubeTensor, causal: bool, scale: f32) -> CubeTensor {
        softmax::launch(scores, is_pad, causal, scale)
    }

    fn masked_softmax_gradient(
        probabilities: CubeTensor,
        grad: CubeTensor,
        is_pad: CubeTensor,
        causal: bool,
        scale: f32,
    ) -> CubeTensor {
        softmax::launch_gradient(probabilities, grad, is_pad, causal, scale)
    }

    fn append_step(
        projected: CubeTensor,
        bias: CubeTensor,
        past: CubeTensor,
        place: usize,
    ) -> (CubeTensor, CubeTensor) {
        step::launch_append(projected, bias, past, place)
    }

    fn attend_past(queries: CubeTensor, past: CubeTensor, len: usize, heads: usize) -> CubeTensor {
        step::launch_past(queries, past, len, heads)
    }

    fn attend_source(
        queries: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        is_pad: CubeTensor,
        heads: usize,
    ) -> CubeTensor {
        step::launch_source(queries, keys, values, is_pad, heads)
    }

    fn nll_rows(logits: CubeTensor, target: CubeTensor, pad: u32) -> CubeTensor {
        loss::launch_rows(logits, target, pad)
    }

    fn nll_sums(rows: CubeTensor, reference: f32, spread: f32) -> CubeTensor {
        loss::launch_sums(rows, reference, spread)
    }

    fn nll_gradient(
        logits: CubeTensor,
        target: CubeTensor,
        rows: CubeTensor,
        grads: CubeTensor,
        pad: u32,
        reference: f32,
        spread: f32,
    ) -> CubeTensor {
        loss::launch_gradient([logits, target, rows, grads], pad, [reference, spread])
    }

    fn sum_of_squares(x: CubeTensor) -> CubeTensor {
        norm::launch(x)
    }

    fn sums_of_squares(tensors: many::Many<Self>) -> CubeTensor {
        many::launch_squares(tensors)
    }

    fn adam_of_many(
        params: many::Many<Self>,
        exp_avgs: many::Many<Self>,
        exp_avg_sqs: many::Many<Self>,
        grads: many::Many<Self>,
        factor: CubeTensor,
        beta1: f64,
        beta2: f64,
        eps: f64,
        decay: f64,
        step_size: f64,
        count: usize,
    ) -> (many::Many<Self>, many::Many<Self>, many::Many<Self>) {
        let numbers = many::numbers([beta1, beta2, eps, decay, step_size]);
        let [params, exp_avgs, exp_avg_sqs] =
            many::launch_adam([params, exp_avgs, exp_avg_sqs], grads, factor, numbers, count);
        (params, exp_avgs, exp_avg_sqs)
    }
}

/// The same tensor in memory that nobody else reads, so that a kernel may write to it.
fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

/// Uninitialised memory for a result beside `like`.
fn empty(like: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, dtype)
}

/// Cubes of `units` units each, one for each of `rows`; there may be more, which have nothing to do.
fn one_cube_each(rows: usize, units: usize) -> (CubeCount, CubeDim) {
    // A dimension has at most 65,535 cubes.
    let across = rows.clamp(1, 1 << 15);
    let cubes = CubeCount::Static(across as u32, rows.div_ceil(across) as u32, 1);
    (cubes, CubeDim::new_1d(units as u32))
}
