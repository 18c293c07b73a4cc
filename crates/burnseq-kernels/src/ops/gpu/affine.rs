//! What surrounds the matrix product of an affine map: weights before it, bias and ReLU behind it, and their gradients.

use burn::{
    backend::cubecl::dtype_to_storage_type,
    tensor::{DType, Shape},
};
use burn_cubecl::cubecl::{self, CubeCount, CubeDim, calculate_cube_count_elemwise, prelude::*};

use super::{CubeTensor, empty, into_contiguous, own};

/// Columns that a cube sums.
const COLUMNS: usize = 32;
/// Units that share a column.
const GROUPS: usize = 16;

/// See [`super::Kernels::stacked`]; only the first `count` of the weights count.
pub(super) fn launch_stacked(weights: [CubeTensor; 3], count: usize, dtype: DType) -> CubeTensor {
    let [a, b, c] = weights.map(into_contiguous);
    let [rows, width] = a.meta.shape().dims();
    let out = empty(&a, Shape::new([count * rows, width]), dtype);
    let client = a.client.clone();
    let elements = out.meta.num_elements();
    let dim = CubeDim::new(&client, elements);
    let cubes = calculate_cube_count_elemwise(&client, elements, dim);
    let dtypes = [a.dtype, dtype].map(dtype_to_storage_type);
    stacked_kernel::launch(
        &client,
        cubes,
        dim,
        a.into_tensor_arg(),
        b.into_tensor_arg(),
        c.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        dtypes,
    );
    out
}

/// See [`super::Kernels::with_bias`].
pub(super) fn launch_bias(y: CubeTensor, bias: CubeTensor, relu: bool) -> CubeTensor {
    let (y, bias) = (own(y), into_contiguous(bias));
    let client = y.client.clone();
    let elements = y.meta.num_elements();
    let dim = CubeDim::new(&client, elements);
    let cubes = calculate_cube_count_elemwise(&client, elements, dim);
    let dtypes = [y.dtype, bias.dtype].map(dtype_to_storage_type);
    bias_kernel::launch(
        &client,
        cubes,
        dim,
        y.clone().into_tensor_arg(),
        bias.into_tensor_arg(),
        relu,
        dtypes,
    );
    y
}

/// See [`super::Kernels::relu_gradient`].
pub(super) fn launch_relu_gradient(y: CubeTensor, grad: CubeTensor) -> CubeTensor {
    let (y, grad) = (into_contiguous(y), own(grad));
    let client = grad.client.clone();
    let elements = grad.meta.num_elements();
    let dim = CubeDim::new(&client, elements);
    let cubes = calculate_cube_count_elemwise(&client, elements, dim);
    let dtype = dtype_to_storage_type(grad.dtype);
    relu_gradient_kernel::launch(
        &client,
        cubes,
        dim,
        y.into_tensor_arg(),
        grad.clone().into_tensor_arg(),
        dtype,
    );
    grad
}

/// See [`super::Kernels::column_sums`].
pub(super) fn launch_column_sums(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let [_, width] = x.meta.shape().dims();
    let out = empty(&x, Shape::new([width]), DType::F32);
    let client = x.client.clone();
    let dtype = dtype_to_storage_type(x.dtype);
    column_sums_kernel::launch(
        &client,
        CubeCount::Static(width.div_ceil(COLUMNS) as u32, 1, 1),
        CubeDim::new_1d((COLUMNS * GROUPS) as u32),
        x.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        dtype,
    );
    out
}

#[cube(launch)]
fn stacked_kernel<W: Float, F: Float>(
    a: &Tensor<W>,
    b: &Tensor<W>,
    c: &Tensor<W>,
    out: &mut Tensor<F>,
    #[define(W, F)] _dtypes: [ElemType; 2],
) {
    let place = ABSOLUTE_POS;
    if place >= out.len() {
        terminate!();
    }
    let (part, within) = (place / a.len(), place % a.len());
    let mut value = a[within];
    if part == 1 {
        value = b[within];
    } else if part == 2 {
        value = c[within];
    }
    out[place] = F::cast_from(value);
}

/// In `f32`, whatever the types are.
#[cube(launch)]
fn bias_kernel<F: Float, B: Float>(
    y: &mut Tensor<F>,
    bias: &Tensor<B>,
    #[comptime] relu: bool,
    #[define(F, B)] _dtypes: [ElemType; 2],
) {
    let place = ABSOLUTE_POS;
    if place >= y.len() {
        terminate!();
    }
    let mut sum = f32::cast_from(y[place]) + f32::cast_from(bias[place % bias.len()]);
    if relu {
        sum = max(sum, 0.0f32);
    }
    y[place] = F::cast_from(sum);
}

#[cube(launch)]
fn relu_gradient_kernel<F: Float>(y: &Tensor<F>, grad: &mut Tensor<F>, #[define(F)] _dtype: ElemType) {
    let place = ABSOLUTE_POS;
    if place >= y.len() {
        terminate!();
    }
    if f32::cast_from(y[place]) <= 0.0f32 {
        grad[place] = F::cast_from(0.0f32);
    }
}

/// Each of [`GROUPS`] units of a column adds every so many rows; the first of them adds what all have found.
#[cube(launch)]
fn column_sums_kernel<F: Float>(x: &Tensor<F>, out: &mut Tensor<f32>, #[define(F)] _dtype: ElemType) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(COLUMNS * GROUPS));
    let unit = UNIT_POS as usize;
    let group = unit / COLUMNS;
    let width = out.len();
    let column = CUBE_POS_X as usize * COLUMNS + unit % COLUMNS;
    let mut sum = 0.0f32;
    if column < width {
        let mut place = group * width + column;
        while place < x.len() {
            sum += f32::cast_from(x[place]);
            place += GROUPS * width;
        }
    }
    scratch[unit] = sum;
    sync_cube();
    if group == 0 && column < width {
        let mut total = 0.0f32;
        let mut at = unit;
        while at < COLUMNS * GROUPS {
            total += scratch[at];
            at += COLUMNS;
        }
        out[column] = total;
    }
}
