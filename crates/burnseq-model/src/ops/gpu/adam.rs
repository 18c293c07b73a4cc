//! One update of Adam in one pass over a parameter, which waits for nothing that the device has yet to compute.

use burn::{
    backend::{cubecl::dtype_to_storage_type, tensor::FloatTensor},
    tensor as burn_tensor,
};
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};

use super::{CubeTensor, Gpu, Kernels, float_primitive, into_contiguous};
use crate::ops::AdamStep;

/// See [`crate::ops::adam_step_on_device`]; all tensors are on one GPU, without autodiff.
pub(in super::super) fn adam_step<const D: usize>(
    param: burn_tensor::Tensor<D>,
    grad: burn_tensor::Tensor<D>,
    exp_avg: burn_tensor::Tensor<D>,
    exp_avg_sq: burn_tensor::Tensor<D>,
    step: &AdamStep,
    factor: burn_tensor::Tensor<1>,
) -> [burn_tensor::Tensor<D>; 3] {
    let (param, exp_avg, exp_avg_sq) = Gpu::adam(
        float_primitive(param),
        float_primitive(exp_avg),
        float_primitive(exp_avg_sq),
        float_primitive(grad),
        float_primitive(factor),
        step.beta1,
        step.beta2,
        step.eps,
        step.decay,
        step.step_size,
    );
    [param, exp_avg, exp_avg_sq]
        .map(|tensor: FloatTensor<Gpu>| burn_tensor::Tensor::from_primitive::<Gpu>(tensor))
}

/// What the kernels take of `beta1`, `beta2`, `eps`, `decay` and `step_size`: with `1 - beta` behind each `beta`.
pub(super) fn numbers([beta1, beta2, eps, decay, step_size]: [f64; 5]) -> [f32; 7] {
    [beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps, decay, step_size].map(|number| number as f32)
}

/// See [`Kernels::adam`] and [`numbers`].
pub(super) fn launch(
    [param, exp_avg, exp_avg_sq]: [CubeTensor; 3],
    grad: CubeTensor,
    factor: CubeTensor,
    numbers: [f32; 7],
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [param, exp_avg, exp_avg_sq] = [param, exp_avg, exp_avg_sq].map(own);
    let (grad, factor) = (into_contiguous(grad), into_contiguous(factor));
    let client = param.client.clone();
    let elements = param.meta.num_elements();
    let dim = CubeDim::new(&client, elements);
    let cubes = calculate_cube_count_elemwise(&client, elements, dim);
    let dtype = dtype_to_storage_type(grad.dtype);
    let [beta1, rest1, beta2, rest2, eps, decay, step_size] = numbers;
    adam_kernel::launch(
        &client,
        cubes,
        dim,
        param.clone().into_tensor_arg(),
        exp_avg.clone().into_tensor_arg(),
        exp_avg_sq.clone().into_tensor_arg(),
        grad.into_tensor_arg(),
        factor.into_tensor_arg(),
        beta1,
        rest1,
        beta2,
        rest2,
        eps,
        decay,
        step_size,
        dtype,
    );
    (param, exp_avg, exp_avg_sq)
}

/// The same tensor in memory that nobody else reads, so that a kernel may write to it.
pub(super) fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn adam_kernel<F: Float>(
    param: &mut Tensor<f32>,
    exp_avg: &mut Tensor<f32>,
    exp_avg_sq: &mut Tensor<f32>,
    grad: &Tensor<F>,
    factor: &Tensor<f32>,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    eps: f32,
    decay: f32,
    step_size: f32,
    #[define(F)] _dtype: ElemType,
) {
    let place = ABSOLUTE_POS;
    if place >= param.len() {
        terminate!();
    }
    // By its bits: a compiler of shaders may assume that no number is NaN.
    let factor = factor[0];
    if u32::reinterpret(factor) & 0x7FFF_FFFFu32 > 0x7F80_0000u32 {
        terminate!();
    }
    let grad = f32::cast_from(grad[place]) * factor;
    let first = exp_avg[place] * beta1 + grad * rest1;
    let second = exp_avg_sq[place] * beta2 + grad * grad * rest2;
    exp_avg[place] = first;
    exp_avg_sq[place] = second;
    param[place] = param[place] * decay - first / (f32::sqrt(second) + eps) * step_size;
}
