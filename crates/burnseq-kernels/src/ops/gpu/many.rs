//! Operations on many tensors at once: a model has hundreds of parameters, most of them small, and starting a kernel for each
//! takes the host longer than the device computes.

use burn::{
    backend::{Backend, ExtensionType, TensorMetadata, cubecl::dtype_to_storage_type, tensor::FloatTensor},
    tensor as burn_tensor,
};
use burn_cubecl::cubecl::{self, CubeCount, CubeDim, prelude::*};
use burn_tensor::{DType, Shape};

use super::{CubeTensor, Gpu, Kernels, empty, into_contiguous, own, reduce::sum_of_units};
use crate::ops::{AdamStep, AnyTensor};

/// Tensors that a kernel takes; four times as many for an update, and Mesa binds no more than 32 buffers.
pub(super) const MANY: usize = if cfg!(feature = "cuda") { 16 } else { 7 };
/// Units of a cube.
const UNITS: usize = 256;
/// Cubes for each tensor.
const CUBES: usize = 64;

macro_rules! many {
    ($($name:ident)+) => {
        /// [`MANY`] tensors.
        #[derive(ExtensionType, Debug, Clone)]
        #[extension_type(fusion)]
        pub(crate) struct Many<B: Backend> {
            $(
                #[allow(missing_docs)]
                pub $name: FloatTensor<B>,
            )+
        }

        impl<B: Backend> Many<B> {
            fn new(mut tensors: impl Iterator<Item = FloatTensor<B>>) -> Self {
                Self { $($name: tensors.next().expect("there are as many")),+ }
            }

            fn into_array(self) -> [FloatTensor<B>; MANY] {
                [$(self.$name),+]
            }
        }
    };
}

#[cfg(feature = "cuda")]
many!(t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15);
#[cfg(not(feature = "cuda"))]
many!(t0 t1 t2 t3 t4 t5 t6);

fn same_type(tensors: &[FloatTensor<Gpu>]) -> bool {
    let mut types = tensors.iter().map(TensorMetadata::dtype);
    let first = types.next();
    types.all(|dtype| Some(dtype) == first)
}

fn primitive(tensor: AnyTensor) -> FloatTensor<Gpu> {
    super::float_primitive(burn_tensor::Tensor::<1>::from_dispatch(tensor))
}

/// The sums of squares of tensors without autodiff, in their order.
pub(in super::super) fn sums_of_squares(tensors: Vec<AnyTensor>) -> burn_tensor::Tensor<1> {
    let tensors: Vec<FloatTensor<Gpu>> = tensors.into_iter().map(primitive).collect();
    let tensor = burn_tensor::Tensor::<1>::from_primitive::<Gpu>;
    if !same_type(&tensors) {
        let sums = tensors.into_iter().map(|x| tensor(Gpu::sum_of_squares(x)));
        return burn_tensor::Tensor::cat(sums.collect(), 0);
    }
    let sums = tensors.chunks(MANY).map(|tensors| {
        // The last one stands for those that there are not.
        let padded = tensors
            .iter()
            .chain(std::iter::repeat(&tensors[tensors.len() - 1]));
        tensor(Gpu::sums_of_squares(Many::new(padded.cloned())))
    });
    burn_tensor::Tensor::cat(sums.collect(), 0).slice(0..tensors.len())
}

/// See [`crate::ops::adam_step_on_device`]; all tensors are on one GPU, without autodiff.
pub(in super::super) fn adam_step<const D: usize>(
    tensors: [burn_tensor::Tensor<D>; 4],
    step: &AdamStep,
    factor: burn_tensor::Tensor<1>,
) -> [burn_tensor::Tensor<D>; 3] {
    adam_steps(tensors.map(|tensor| vec![tensor.into_dispatch()]), step, factor)
        .map(|mut found| burn_tensor::Tensor::from_dispatch(found.pop().expect("one was given")))
}

/// What the kernel takes of `beta1`, `beta2`, `eps`, `decay` and `step_size`: with `1 - beta` behind each `beta`.
pub(super) fn numbers([beta1, beta2, eps, decay, step_size]: [f64; 5]) -> [f32; 7] {
    [beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps, decay, step_size].map(|number| number as f32)
}

/// [`adam_step`] of many parameters: new parameters, first and second moments.
pub(in super::super) fn adam_steps(
    [params, exp_avgs, exp_avg_sqs, grads]: [Vec<AnyTensor>; 4],
    step: &AdamStep,
    factor: burn_tensor::Tensor<1>,
) -> [Vec<AnyTensor>; 3] {
    let all = params.len();
    let device = factor.device();
    let factor = super::float_primitive(factor);
    let grads: Vec<FloatTensor<Gpu>> = grads.into_iter().map(primitive).collect();
    let many = if same_type(&grads) { MANY } else { 1 };
    let mut grads = grads.into_iter();
    let mut old = [params, exp_avgs, exp_avg_sqs].map(|tensors| tensors.into_iter().map(primitive));
    let mut new = [(); 3].map(|()| Vec::with_capacity(all));
    let any =
        |tensor: FloatTensor<Gpu>| burn_tensor::Tensor::<1>::from_primitive::<Gpu>(tensor).into_dispatch();
    for first in (0..all).step_by(many) {
        let count = many.min(all - first);
        // What there is not is neither read nor written.
        let absent = || super::float_primitive(burn_tensor::Tensor::<1>::empty([1], &device));
        let [params, exp_avgs, exp_avg_sqs] = old
            .each_mut()
            .map(|tensors| Many::new(tensors.take(count).chain(std::iter::repeat_with(absent))));
        let grads: Vec<FloatTensor<Gpu>> = grads.by_ref().take(count).collect();
        let grads = Many::new(grads.iter().chain(std::iter::repeat(&grads[count - 1])).cloned());
        let found = Gpu::adam_of_many(
            params,
            exp_avgs,
            exp_avg_sqs,
            grads,
            factor.clone(),
            step.beta1,
            step.beta2,
            step.eps,
            step.decay,
            step.step_size,
            count,
        );
        for (new, found) in new.iter_mut().zip([found.0, found.1, found.2]) {
            new.extend(found.into_array().into_iter().take(count).map(any));
        }
    }
    new
}

/// See [`Kernels::sums_of_squares`].
pub(super) fn launch_squares(tensors: Many<super::CubeBackend>) -> CubeTensor {
    let tensors = tensors.into_array().map(into_contiguous);
    let partial = empty(&tensors[0], Shape::new([MANY, CUBES]), DType::F32);
    let out = empty(&tensors[0], Shape::new([MANY]), DType::F32);
    let client = tensors[0].client.clone();
    let dtype = dtype_to_storage_type(tensors[0].dtype);
    assert!(
        tensors.iter().all(|tensor| tensor.dtype == tensors[0].dtype),
        "gradients have one type"
    );
    squares_of_many_kernel::launch(
        &client,
        CubeCount::Static(CUBES as u32, MANY as u32, 1),
        CubeDim::new_1d(UNITS as u32),
        tensors.into_iter().map(CubeTensor::into_buffer_arg).collect(),
        partial.clone().into_tensor_arg(),
        dtype,
    );
    sums_of_many_kernel::launch(
        &client,
        CubeCount::Static(MANY as u32, 1, 1),
        CubeDim::new_1d(CUBES as u32),
        partial.into_tensor_arg(),
        out.clone().into_tensor_arg(),
    );
    out
}

/// See [`Kernels::adam_of_many`] and [`numbers`]. Only the first `count` are changed.
pub(super) fn launch_adam(
    [params, exp_avgs, exp_avg_sqs]: [Many<super::CubeBackend>; 3],
    grads: Many<super::CubeBackend>,
    factor: CubeTensor,
    numbers: [f32; 7],
    count: usize,
) -> [Many<super::CubeBackend>; 3] {
    let [params, exp_avgs, exp_avg_sqs] =
        [params, exp_avgs, exp_avg_sqs].map(|tensors| tensors.into_array().map(own));
    let grads = grads.into_array().map(into_contiguous);
    let factor = into_contiguous(factor);
    let client = factor.client.clone();
    let dtype = dtype_to_storage_type(grads[0].dtype);
    assert!(
        grads.iter().all(|grad| grad.dtype == grads[0].dtype),
        "gradients have one type"
    );
    let args =
        |tensors: &[CubeTensor; MANY]| tensors.iter().cloned().map(CubeTensor::into_buffer_arg).collect();
    let [beta1, rest1, beta2, rest2, eps, decay, step_size] = numbers;
    adam_of_many_kernel::launch(
        &client,
        CubeCount::Static(CUBES as u32, count as u32, 1),
        CubeDim::new_1d(UNITS as u32),
        args(&params),
        args(&exp_avgs),
        args(&exp_avg_sqs),
        grads.into_iter().map(CubeTensor::into_buffer_arg).collect(),
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
    [params, exp_avgs, exp_avg_sqs].map(|tensors| Many::new(tensors.into_iter()))
}

/// [`CUBES`] cubes take a tensor; each sums an element in `CUBES * UNITS` and its neighbours.
#[cube(launch)]
fn squares_of_many_kernel<F: Float>(
    tensors: &Sequence<Box<[F]>>,
    partial: &mut Tensor<f32>,
    #[define(F)] _dtype: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    let mut sum = 0.0f32;
    #[unroll]
    for number in 0..tensors.len() {
        if CUBE_POS_Y as usize == number {
            let x = &tensors[number];
            let mut place = CUBE_POS_X as usize * UNITS + UNIT_POS as usize;
            while place < x.len() {
                let value = f32::cast_from(x[place]);
                sum += value * value;
                place += CUBES * UNITS;
            }
        }
    }
    let sum = sum_of_units(sum, &mut scratch, UNITS);
    if UNIT_POS == 0 {
        partial[CUBE_POS_Y as usize * CUBES + CUBE_POS_X as usize] = sum;
    }
}

/// A cube adds a row of `partial`, a unit an element.
#[cube(launch)]
fn sums_of_many_kernel(partial: &Tensor<f32>, out: &mut Tensor<f32>) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(CUBES));
    let row = CUBE_POS_X as usize;
    let sum = sum_of_units(partial[row * CUBES + UNIT_POS as usize], &mut scratch, CUBES);
    if UNIT_POS == 0 {
        out[row] = sum;
    }
}

/// [`CUBES`] cubes take a parameter.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn adam_of_many_kernel<F: Float>(
    params: &mut Sequence<Box<[f32]>>,
    exp_avgs: &mut Sequence<Box<[f32]>>,
    exp_avg_sqs: &mut Sequence<Box<[f32]>>,
    grads: &Sequence<Box<[F]>>,
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
    // By its bits: a compiler of shaders may assume that no number is NaN.
    let factor = factor[0];
    if u32::reinterpret(factor) & 0x7FFF_FFFFu32 > 0x7F80_0000u32 {
        terminate!();
    }
    #[unroll]
    for number in 0..grads.len() {
        if CUBE_POS_Y as usize == number {
            let grad = &grads[number];
            let param = &mut params[number];
            let exp_avg = &mut exp_avgs[number];
            let exp_avg_sq = &mut exp_avg_sqs[number];
            let mut place = CUBE_POS_X as usize * UNITS + UNIT_POS as usize;
            while place < grad.len() {
                let g = f32::cast_from(grad[place]) * factor;
                let first = exp_avg[place] * beta1 + g * rest1;
                let second = exp_avg_sq[place] * beta2 + g * g * rest2;
                exp_avg[place] = first;
                exp_avg_sq[place] = second;
                param[place] = param[place] * decay - first / (f32::sqrt(second) + eps) * step_size;
                place += CUBES * UNITS;
            }
        }
    }
}
