//! Layer normalisation, alone and of a residual sum: one kernel there, two back.

use burn::{
    backend::{cubecl::dtype_to_storage_type, tensor::FloatTensor},
    tensor::{DType, Shape},
};
use burn_cubecl::cubecl::{self, CubeCount, CubeDim, prelude::*};

use super::{
    CubeTensor, Gpu, Kernels,
    dropout::{factor, masked},
    empty, into_contiguous, one_cube_each,
    reduce::sum_of_units,
};
use crate::{
    dropout_mask::{Keep, Mask},
    ops::node::Operation,
};

/// Normalises the last dimension; inputs are `x` and, in `f32`, the weight and bias of its elements.
#[derive(Debug, Clone)]
pub(in super::super) struct LayerNorm {
    /// Added to the variance.
    pub eps: f32,
}

impl Operation<Gpu, 3> for LayerNorm {
    /// `x`, the weight, and what [`Kernels::layer_norm`] found of every row.
    type Saved = [FloatTensor<Gpu>; 3];

    fn forward(&self, [x, weight, bias]: [FloatTensor<Gpu>; 3]) -> (FloatTensor<Gpu>, Self::Saved) {
        let (y, moments) = Gpu::layer_norm(x.clone(), weight.clone(), bias, self.eps);
        (y, [x, weight, moments])
    }

    fn backward(
        &self,
        [x, weight, moments]: Self::Saved,
        grad: FloatTensor<Gpu>,
        _: [bool; 3],
    ) -> [Option<FloatTensor<Gpu>>; 3] {
        let (of_x, of_weight, of_bias) = Gpu::layer_norm_gradient(x, weight, moments, grad);
        [Some(of_x), Some(of_weight), Some(of_bias)]
    }
}

/// Normalises the last dimension of `residual + x * mask`; inputs are `residual`, `x` and, in `f32`, the weight and bias
/// of the elements.
#[derive(Debug, Clone)]
pub(in super::super) struct ResidualNorm {
    /// Of `x`.
    pub mask: Option<Mask>,
    /// Added to the variance.
    pub eps: f32,
}

impl Operation<Gpu, 4> for ResidualNorm {
    /// The sum, the weight, and mean and reciprocal deviation of every row.
    type Saved = [FloatTensor<Gpu>; 3];

    fn forward(&self, [residual, x, weight, bias]: [FloatTensor<Gpu>; 4]) -> (FloatTensor<Gpu>, Self::Saved) {
        let Keep {
            low,
            high,
            threshold,
            scale,
        } = self.mask.map_or(Keep::ALL, Keep::new);
        let (y, sum, moments) = Gpu::masked_sum_norm(
            residual,
            x,
            weight.clone(),
            bias,
            low,
            high,
            threshold,
            scale,
            self.eps,
        );
        (y, [sum, weight, moments])
    }

    fn backward(
        &self,
        [sum, weight, moments]: Self::Saved,
        grad: FloatTensor<Gpu>,
        needed: [bool; 4],
    ) -> [Option<FloatTensor<Gpu>>; 4] {
        let (of_sum, of_weight, of_bias) = Gpu::layer_norm_gradient(sum, weight, moments, grad);
        let of_x = needed[1].then(|| match self.mask {
            Some(mask) => masked(of_sum.clone(), mask),
            None => of_sum.clone(),
        });
        [needed[0].then_some(of_sum), of_x, Some(of_weight), Some(of_bias)]
    }
}

/// Units of a cube.
const UNITS: usize = 128;
/// Columns whose gradients of weight and bias a cube adds.
const COLUMNS: usize = 32;
/// Units that share a column.
const GROUPS: usize = 16;

/// Rows of a tensor of this shape.
pub(super) fn rows(shape: &Shape) -> usize {
    let width = shape[shape.num_dims() - 1];
    shape.num_elements() / width.max(1)
}

/// See [`Kernels::masked_sum_norm`]; `seeds` are `low`, `high` and `threshold` of [`Keep`].
pub(super) fn launch_of_sum(
    [base, x, weight, bias]: [CubeTensor; 4],
    seeds: [u32; 3],
    scale: f32,
    eps: f32,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [base, x, weight, bias] = [base, x, weight, bias].map(into_contiguous);
    let shape = x.meta.shape().clone();
    let (rows, width) = (rows(&shape), weight.meta.num_elements());
    let [out, sum] = [(); 2].map(|()| empty(&x, shape.clone(), x.dtype));
    let moments = empty(&x, Shape::new([rows, 2]), DType::F32);
    let client = x.client.clone();
    let (cubes, dim) = one_cube_each(rows, UNITS);
    let dtype = dtype_to_storage_type(x.dtype);
    let [low, high, threshold] = seeds;
    norm_of_sum_kernel::launch(
        &client,
        cubes,
        dim,
        base.into_tensor_arg(),
        x.into_tensor_arg(),
        weight.into_tensor_arg(),
        bias.into_tensor_arg(),
        sum.clone().into_tensor_arg(),
        out.clone().into_tensor_arg(),
        moments.clone().into_tensor_arg(),
        low,
        high,
        threshold,
        scale,
        width as u32,
        eps,
        dtype,
    );
    (out, sum, moments)
}

/// See [`Kernels::layer_norm`].
pub(super) fn launch(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    eps: f32,
) -> (CubeTensor, CubeTensor) {
    let [x, weight, bias] = [x, weight, bias].map(into_contiguous);
    let shape = x.meta.shape().clone();
    let (rows, width) = (rows(&shape), weight.meta.num_elements());
    let out = empty(&x, shape, x.dtype);
    let moments = empty(&x, Shape::new([rows, 2]), DType::F32);
    let client = x.client.clone();
    let (cubes, dim) = one_cube_each(rows, UNITS);
    let dtype = dtype_to_storage_type(x.dtype);
    layer_norm_kernel::launch(
        &client,
        cubes,
        dim,
        x.into_tensor_arg(),
        weight.into_tensor_arg(),
        bias.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        moments.clone().into_tensor_arg(),
        width as u32,
        eps,
        dtype,
    );
    (out, moments)
}

/// See [`Kernels::layer_norm_gradient`].
pub(super) fn launch_gradient(
    x: CubeTensor,
    weight: CubeTensor,
    moments: CubeTensor,
    grad: CubeTensor,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [x, weight, moments, grad] = [x, weight, moments, grad].map(into_contiguous);
    let shape = x.meta.shape().clone();
    let (rows, width) = (rows(&shape), weight.meta.num_elements());
    let client = x.client.clone();
    let dtype = dtype_to_storage_type(x.dtype);

    let of_x = empty(&x, shape, x.dtype);
    let (cubes, dim) = one_cube_each(rows, UNITS);
    layer_norm_gradient_kernel::launch(
        &client,
        cubes,
        dim,
        x.clone().into_tensor_arg(),
        weight.clone().into_tensor_arg(),
        moments.clone().into_tensor_arg(),
        grad.clone().into_tensor_arg(),
        of_x.clone().into_tensor_arg(),
        width as u32,
        dtype,
    );

    let [of_weight, of_bias] = [(); 2].map(|()| empty(&weight, Shape::new([width]), DType::F32));
    layer_norm_params_kernel::launch(
        &client,
        CubeCount::Static(width.div_ceil(COLUMNS) as u32, 1, 1),
        CubeDim::new_1d((COLUMNS * GROUPS) as u32),
        x.into_tensor_arg(),
        moments.into_tensor_arg(),
        grad.into_tensor_arg(),
        of_weight.clone().into_tensor_arg(),
        of_bias.clone().into_tensor_arg(),
        dtype,
    );
    (of_x, of_weight, of_bias)
}

/// A cube takes a row; its mean and the reciprocal of its deviation go to `moments`.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn layer_norm_kernel<F: Float>(
    x: &Tensor<F>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    out: &mut Tensor<F>,
    moments: &mut Tensor<f32>,
    width: u32,
    eps: f32,
    #[define(F)] _dtype: ElemType,
) {
    let row = CUBE_POS as usize;
    if row * width as usize >= x.len() {
        terminate!();
    }
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    normalise::<F>(
        x,
        weight,
        bias,
        out,
        moments,
        &mut scratch,
        row,
        width as usize,
        eps,
    );
}

/// [`layer_norm_kernel`] of `base + x * mask`, which goes to `sum`.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn norm_of_sum_kernel<F: Float>(
    base: &Tensor<F>,
    x: &Tensor<F>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    sum: &mut Tensor<F>,
    out: &mut Tensor<F>,
    moments: &mut Tensor<f32>,
    low: u32,
    high: u32,
    threshold: u32,
    factor_kept: f32,
    width: u32,
    eps: f32,
    #[define(F)] _dtype: ElemType,
) {
    let width = width as usize;
    let row = CUBE_POS as usize;
    if row * width >= x.len() {
        terminate!();
    }
    // Each unit reads below what it wrote here itself.
    let mut column = UNIT_POS as usize;
    while column < width {
        let place = row * width + column;
        let factor = factor(place as u32, low, high, threshold, factor_kept);
        let value = f32::cast_from(base[place]) + f32::cast_from(x[place]) * factor;
        sum[place] = F::cast_from(value);
        column += UNITS;
    }
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    normalise::<F>(&*sum, weight, bias, out, moments, &mut scratch, row, width, eps);
}

/// The units of a cube normalise row `row` of `x` `[rows, width]`.
#[cube]
#[allow(clippy::too_many_arguments)]
fn normalise<F: Float>(
    x: &Tensor<F>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    out: &mut Tensor<F>,
    moments: &mut Tensor<f32>,
    scratch: &mut [f32],
    row: usize,
    width: usize,
    eps: f32,
) {
    let first = row * width;
    let unit = UNIT_POS as usize;
    let mut sum = 0.0f32;
    let mut column = unit;
    while column < width {
        sum += f32::cast_from(x[first + column]);
        column += UNITS;
    }
    let mean = sum_of_units(sum, scratch, UNITS) / f32::cast_from(width as u32);
    let mut squares = 0.0f32;
    let mut column = unit;
    while column < width {
        let centred = f32::cast_from(x[first + column]) - mean;
        squares += centred * centred;
        column += UNITS;
    }
    let variance = sum_of_units(squares, scratch, UNITS) / f32::cast_from(width as u32);
    let scale = 1.0f32 / f32::sqrt(variance + eps);
    let mut column = unit;
    while column < width {
        let normal = (f32::cast_from(x[first + column]) - mean) * scale;
        out[first + column] = F::cast_from(normal * weight[column] + bias[column]);
        column += UNITS;
    }
    if unit == 0 {
        moments[2 * row] = mean;
        moments[2 * row + 1] = scale;
    }
}

/// A cube takes a row: `scale (g w - mean(g w) - normal mean(g w normal))`.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn layer_norm_gradient_kernel<F: Float>(
    x: &Tensor<F>,
    weight: &Tensor<f32>,
    moments: &Tensor<f32>,
    grad: &Tensor<F>,
    of_x: &mut Tensor<F>,
    width: u32,
    #[define(F)] _dtype: ElemType,
) {
    let width = width as usize;
    let row = CUBE_POS as usize;
    let first = row * width;
    if first >= x.len() {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    let mean = moments[2 * row];
    let scale = moments[2 * row + 1];

    let mut sum = 0.0f32;
    let mut product = 0.0f32;
    let mut column = unit;
    while column < width {
        let normal = (f32::cast_from(x[first + column]) - mean) * scale;
        let g = f32::cast_from(grad[first + column]) * weight[column];
        sum += g;
        product += g * normal;
        column += UNITS;
    }
    let sum = sum_of_units(sum, &mut scratch, UNITS) / f32::cast_from(width as u32);
    let product = sum_of_units(product, &mut scratch, UNITS) / f32::cast_from(width as u32);
    let mut column = unit;
    while column < width {
        let normal = (f32::cast_from(x[first + column]) - mean) * scale;
        let g = f32::cast_from(grad[first + column]) * weight[column];
        of_x[first + column] = F::cast_from(scale * (g - sum - normal * product));
        column += UNITS;
    }
}

/// Each of [`GROUPS`] units of a column adds `g normal` and `g` of every so many rows; the first of them adds what all have
/// found.
#[cube(launch)]
fn layer_norm_params_kernel<F: Float>(
    x: &Tensor<F>,
    moments: &Tensor<f32>,
    grad: &Tensor<F>,
    of_weight: &mut Tensor<f32>,
    of_bias: &mut Tensor<f32>,
    #[define(F)] _dtype: ElemType,
) {
    let mut weights = Shared::<[f32]>::new_slice(comptime!(COLUMNS * GROUPS));
    let mut biases = Shared::<[f32]>::new_slice(comptime!(COLUMNS * GROUPS));
    let unit = UNIT_POS as usize;
    let group = unit / COLUMNS;
    let width = of_weight.len();
    let column = CUBE_POS_X as usize * COLUMNS + unit % COLUMNS;
    let mut weight = 0.0f32;
    let mut bias = 0.0f32;
    if column < width {
        let rows = x.len() / width;
        let mut row = group;
        while row < rows {
            let g = f32::cast_from(grad[row * width + column]);
            let normal = (f32::cast_from(x[row * width + column]) - moments[2 * row]) * moments[2 * row + 1];
            weight += g * normal;
            bias += g;
            row += GROUPS;
        }
    }
    weights[unit] = weight;
    biases[unit] = bias;
    sync_cube();
    if group == 0 && column < width {
        let mut weight = 0.0f32;
        let mut bias = 0.0f32;
        let mut at = unit;
        while at < COLUMNS * GROUPS {
            weight += weights[at];
            bias += biases[at];
            at += COLUMNS;
        }
        of_weight[column] = weight;
        of_bias[column] = bias;
    }
}
