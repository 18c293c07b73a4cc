//! The sum of squares of a tensor, always added in the same order: gradient norms do not change from run to run.

use burn::{
    backend::cubecl::dtype_to_storage_type,
    tensor::{DType, Shape},
};
use burn_cubecl::cubecl::{self, prelude::*};

use super::{CubeTensor, empty, into_contiguous, one_cube_each, reduce::sum_of_units};

/// Units of a cube.
const UNITS: usize = 256;
/// Elements that a unit adds up before the sums of cubes are added, unless there are more than [`MOST_CUBES`] cubes.
const RUN: usize = 16;
/// Sums of cubes that the second kernel adds.
const MOST_CUBES: usize = 1024;

/// See [`super::Kernels::sum_of_squares`].
pub(super) fn launch(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let count = x.meta.num_elements().div_ceil(UNITS * RUN).clamp(1, MOST_CUBES);
    let partial = empty(&x, Shape::new([count]), DType::F32);
    let out = empty(&x, Shape::new([1]), DType::F32);
    let client = x.client.clone();
    let (cubes, dim) = one_cube_each(count, UNITS);
    let dtype = dtype_to_storage_type(x.dtype);
    squares_kernel::launch(
        &client,
        cubes,
        dim,
        x.into_tensor_arg(),
        partial.clone().into_tensor_arg(),
        dtype,
    );
    let (cubes, dim) = one_cube_each(1, UNITS);
    sum_kernel::launch(
        &client,
        cubes,
        dim,
        partial.into_tensor_arg(),
        out.clone().into_tensor_arg(),
    );
    out
}

/// Every cube takes an element in `out.len() * UNITS` and its neighbours.
#[cube(launch)]
fn squares_kernel<F: Float>(x: &Tensor<F>, out: &mut Tensor<f32>, #[define(F)] _dtype: ElemType) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    let mut sum = 0.0f32;
    let mut place = ABSOLUTE_POS;
    while place < x.len() {
        let value = f32::cast_from(x[place]);
        sum += value * value;
        place += out.len() * UNITS;
    }
    let sum = sum_of_units(sum, &mut scratch, UNITS);
    if UNIT_POS == 0 {
        out[CUBE_POS as usize] = sum;
    }
}

/// One cube adds all of `x`.
#[cube(launch)]
fn sum_kernel(x: &Tensor<f32>, out: &mut Tensor<f32>) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    let mut sum = 0.0f32;
    let mut place = UNIT_POS as usize;
    while place < x.len() {
        sum += x[place];
        place += UNITS;
    }
    let sum = sum_of_units(sum, &mut scratch, UNITS);
    if UNIT_POS == 0 {
        out[0] = sum;
    }
}
