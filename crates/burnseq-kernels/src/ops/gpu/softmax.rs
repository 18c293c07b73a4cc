//! Softmax of attention scores, which scales and masks them on the way.

use burn::{
    backend::{
        cubecl::dtype_to_storage_type,
        tensor::{BoolTensor, FloatTensor},
    },
    tensor as burn_tensor,
};
use burn_cubecl::cubecl::{self, prelude::*};

use super::{
    CubeTensor, Gpu, Kernels, empty, into_contiguous, one_cube_each,
    reduce::{most_of_units, sum_of_units},
};
use crate::ops::{composed::MASKED, node::Operation};

/// Probabilities of scores `[batch, heads, query_len, key_len]`; see [`super::super::masked_softmax`].
#[derive(Debug, Clone)]
pub(in super::super) struct MaskedSoftmax {
    /// `[batch, key_len]`
    is_pad: BoolTensor<Gpu>,
    causal: bool,
    scale: f32,
}

impl MaskedSoftmax {
    pub fn new(is_pad: burn_tensor::Tensor<2, burn_tensor::Bool>, causal: bool, scale: f64) -> Self {
        let is_pad = is_pad.without_autodiff().try_into_primitive::<Gpu>();
        Self {
            is_pad: is_pad.expect(super::ONE_DEVICE),
            causal,
            scale: scale as f32,
        }
    }
}

impl Operation<Gpu, 1> for MaskedSoftmax {
    /// The probabilities.
    type Saved = FloatTensor<Gpu>;

    fn forward(&self, [scores]: [FloatTensor<Gpu>; 1]) -> (FloatTensor<Gpu>, FloatTensor<Gpu>) {
        let probabilities = Gpu::masked_softmax(scores, self.is_pad.clone(), self.causal, self.scale);
        (probabilities.clone(), probabilities)
    }

    fn backward(
        &self,
        probabilities: FloatTensor<Gpu>,
        grad: FloatTensor<Gpu>,
        _: [bool; 1],
    ) -> [Option<FloatTensor<Gpu>>; 1] {
        let is_pad = self.is_pad.clone();
        let grad = Gpu::masked_softmax_gradient(probabilities, grad, is_pad, self.causal, self.scale);
        [Some(grad)]
    }
}

/// Units of a cube.
const UNITS: usize = 32;

/// See [`Kernels::masked_softmax`].
pub(super) fn launch(scores: CubeTensor, is_pad: CubeTensor, causal: bool, scale: f32) -> CubeTensor {
    let (scores, is_pad) = (into_contiguous(scores), into_contiguous(is_pad));
    let [batch, heads, query_len, key_len] = scores.meta.shape().dims();
    let out = empty(&scores, scores.meta.shape().clone(), scores.dtype);
    let client = scores.client.clone();
    let (cubes, dim) = one_cube_each(batch * heads * query_len, UNITS);
    let dtypes = [scores.dtype, is_pad.dtype].map(dtype_to_storage_type);
    masked_softmax_kernel::launch(
        &client,
        cubes,
        dim,
        scores.into_tensor_arg(),
        is_pad.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        heads as u32,
        query_len as u32,
        key_len as u32,
        scale,
        causal,
        dtypes,
    );
    out
}

/// See [`Kernels::masked_softmax_gradient`].
pub(super) fn launch_gradient(
    probabilities: CubeTensor,
    grad: CubeTensor,
    is_pad: CubeTensor,
    causal: bool,
    scale: f32,
) -> CubeTensor {
    let [probabilities, grad, is_pad] = [probabilities, grad, is_pad].map(into_contiguous);
    let [batch, heads, query_len, key_len] = probabilities.meta.shape().dims();
    let out = empty(&grad, grad.meta.shape().clone(), grad.dtype);
    let client = grad.client.clone();
    let (cubes, dim) = one_cube_each(batch * heads * query_len, UNITS);
    let dtypes = [grad.dtype, is_pad.dtype].map(dtype_to_storage_type);
    masked_softmax_gradient_kernel::launch(
        &client,
        cubes,
        dim,
        probabilities.into_tensor_arg(),
        grad.into_tensor_arg(),
        is_pad.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        heads as u32,
        query_len as u32,
        key_len as u32,
        scale,
        causal,
        dtypes,
    );
    out
}

/// Whether the query of `row` sees `key`; rows are queries, by sentence and head.
#[cube]
fn sees<B: Int>(
    is_pad: &Tensor<B>,
    row: usize,
    key: usize,
    heads: usize,
    query_len: usize,
    key_len: usize,
    #[comptime] causal: bool,
) -> bool {
    let sentence = row / (heads * query_len);
    let mut sees = u32::cast_from(is_pad[sentence * key_len + key]) == 0u32;
    if causal {
        sees = sees && key <= row % query_len;
    }
    sees
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn masked_softmax_kernel<F: Float, B: Int>(
    scores: &Tensor<F>,
    is_pad: &Tensor<B>,
    out: &mut Tensor<F>,
    heads: u32,
    query_len: u32,
    key_len: u32,
    scale: f32,
    #[comptime] causal: bool,
    #[define(F, B)] _dtypes: [ElemType; 2],
) {
    let heads = heads as usize;
    let query_len = query_len as usize;
    let key_len = key_len as usize;
    let row = CUBE_POS as usize;
    if row * key_len >= out.len() {
        terminate!();
    }
    let first = row * key_len;
    let unit = UNIT_POS as usize;
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));

    let mut most = f32::new(comptime!(MASKED));
    let mut key = unit;
    while key < key_len {
        if sees::<B>(is_pad, row, key, heads, query_len, key_len, causal) {
            most = max(most, f32::cast_from(scores[first + key]) * scale);
        }
        key += UNITS;
    }
    let most = most_of_units(most, &mut scratch, UNITS);

    // A query that sees no key looks at all alike.
    let mut total = 0.0f32;
    let mut key = unit;
    while key < key_len {
        let mut score = f32::new(comptime!(MASKED));
        if sees::<B>(is_pad, row, key, heads, query_len, key_len, causal) {
            score = f32::cast_from(scores[first + key]) * scale;
        }
        total += f32::exp(score - most);
        key += UNITS;
    }
    let total = sum_of_units(total, &mut scratch, UNITS);
    let mut key = unit;
    while key < key_len {
        let mut score = f32::new(comptime!(MASKED));
        if sees::<B>(is_pad, row, key, heads, query_len, key_len, causal) {
            score = f32::cast_from(scores[first + key]) * scale;
        }
        out[first + key] = F::cast_from(f32::exp(score - most) / total);
        key += UNITS;
    }
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn masked_softmax_gradient_kernel<F: Float, B: Int>(
    probabilities: &Tensor<F>,
    grad: &Tensor<F>,
    is_pad: &Tensor<B>,
    out: &mut Tensor<F>,
    heads: u32,
    query_len: u32,
    key_len: u32,
    scale: f32,
    #[comptime] causal: bool,
    #[define(F, B)] _dtypes: [ElemType; 2],
) {
    let heads = heads as usize;
    let query_len = query_len as usize;
    let key_len = key_len as usize;
    let row = CUBE_POS as usize;
    if row * key_len >= out.len() {
        terminate!();
    }
    let first = row * key_len;
    let unit = UNIT_POS as usize;
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));

    let mut product = 0.0f32;
    let mut key = unit;
    while key < key_len {
        product += f32::cast_from(probabilities[first + key]) * f32::cast_from(grad[first + key]);
        key += UNITS;
    }
    let product = sum_of_units(product, &mut scratch, UNITS);
    let mut key = unit;
    while key < key_len {
        let mut of_score = 0.0f32;
        if sees::<B>(is_pad, row, key, heads, query_len, key_len, causal) {
            let p = f32::cast_from(probabilities[first + key]);
            of_score = p * (f32::cast_from(grad[first + key]) - product) * scale;
        }
        out[first + key] = F::cast_from(of_score);
        key += UNITS;
    }
}
