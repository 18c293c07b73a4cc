//! Dropout, alone and on its way into a residual sum, with the masks of the processor: nothing is stored for the way
//! back.

use burn::{backend::cubecl::dtype_to_storage_type, backend::tensor::FloatTensor, tensor::DType};
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};

use super::{CubeTensor, Gpu, Kernels, empty, into_contiguous};
use crate::{
    dropout_mask::{Keep, Mask},
    ops::node::Operation,
};

/// `x * mask`.
#[derive(Debug, Clone)]
pub(in super::super) struct Dropout(pub Mask);

impl Operation<Gpu, 1> for Dropout {
    type Saved = ();

    fn forward(&self, [x]: [FloatTensor<Gpu>; 1]) -> (FloatTensor<Gpu>, ()) {
        (masked(x, self.0), ())
    }

    fn backward(&self, _: (), grad: FloatTensor<Gpu>, _: [bool; 1]) -> [Option<FloatTensor<Gpu>>; 1] {
        [Some(masked(grad, self.0))]
    }
}

/// `residual + x * mask`.
#[derive(Debug, Clone)]
pub(in super::super) struct DropoutAdd(pub Mask);

impl Operation<Gpu, 2> for DropoutAdd {
    type Saved = ();

    fn forward(&self, [residual, x]: [FloatTensor<Gpu>; 2]) -> (FloatTensor<Gpu>, ()) {
        let Keep {
            low,
            high,
            threshold,
            scale,
        } = Keep::new(self.0);
        (Gpu::masked_sum(residual, x, low, high, threshold, scale), ())
    }

    fn backward(&self, _: (), grad: FloatTensor<Gpu>, needed: [bool; 2]) -> [Option<FloatTensor<Gpu>>; 2] {
        [
            needed[0].then(|| grad.clone()),
            needed[1].then(|| masked(grad, self.0)),
        ]
    }
}

/// `x * mask`, off the tape.
pub(super) fn masked(x: FloatTensor<Gpu>, mask: Mask) -> FloatTensor<Gpu> {
    let Keep {
        low,
        high,
        threshold,
        scale,
    } = Keep::new(mask);
    Gpu::masked(x, low, high, threshold, scale)
}

/// `base + x * mask`, or `x * mask` without a base; `seeds` are `low`, `high` and `threshold` of [`Keep`].
pub(super) fn launch(base: Option<CubeTensor>, x: CubeTensor, seeds: [u32; 3], scale: f32) -> CubeTensor {
    let x = into_contiguous(x);
    let out = empty(&x, x.meta.shape().clone(), x.dtype);
    let elements = x.meta.num_elements();
    let client = x.client.clone();
    let dim = CubeDim::new(&client, elements);
    let cubes = calculate_cube_count_elemwise(&client, elements, dim);
    let dtype: DType = x.dtype;
    let [low, high, threshold] = seeds;
    match base.map(into_contiguous) {
        Some(base) => masked_sum_kernel::launch(
            &client,
            cubes,
            dim,
            base.into_tensor_arg(),
            x.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            low,
            high,
            threshold,
            scale,
            dtype_to_storage_type(dtype),
        ),
        None => masked_kernel::launch(
            &client,
            cubes,
            dim,
            x.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            low,
            high,
            threshold,
            scale,
            dtype_to_storage_type(dtype),
        ),
    }
    out
}

/// [`Keep::factor`] on a GPU.
#[cube]
pub(super) fn factor(index: u32, low: u32, high: u32, threshold: u32, scale: f32) -> f32 {
    let mut hash = (index * 0x9E37_79B1u32) ^ low;
    hash = ((hash ^ (hash >> 16u32)) * 0x85EB_CA6Bu32) ^ high;
    hash = (hash ^ (hash >> 13u32)) * 0xC2B2_AE35u32;
    hash ^= hash >> 16u32;
    select(hash >= threshold, scale, 0.0f32)
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn masked_kernel<F: Float>(
    x: &Tensor<F>,
    out: &mut Tensor<F>,
    low: u32,
    high: u32,
    threshold: u32,
    scale: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let factor = factor(ABSOLUTE_POS as u32, low, high, threshold, scale);
    out[ABSOLUTE_POS] = F::cast_from(f32::cast_from(x[ABSOLUTE_POS]) * factor);
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn masked_sum_kernel<F: Float>(
    base: &Tensor<F>,
    x: &Tensor<F>,
    out: &mut Tensor<F>,
    low: u32,
    high: u32,
    threshold: u32,
    scale: f32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let factor = factor(ABSOLUTE_POS as u32, low, high, threshold, scale);
    let sum = f32::cast_from(base[ABSOLUTE_POS]) + f32::cast_from(x[ABSOLUTE_POS]) * factor;
    out[ABSOLUTE_POS] = F::cast_from(sum);
}
