//! Between projections, which lie token by token, and heads, which matrix products read one after the other.

use burn::{backend::cubecl::dtype_to_storage_type, tensor::Shape};
use burn_cubecl::cubecl::{self, prelude::*};

use super::{CubeTensor, empty, into_contiguous, one_cube_each};

/// Units of a cube.
const UNITS: usize = 256;

/// See [`super::Kernels::split_heads`] and [`super::Kernels::split_heads_with_bias`].
pub(super) fn launch_split(
    x: CubeTensor,
    biases: Option<[CubeTensor; 3]>,
    parts: usize,
    heads: usize,
) -> CubeTensor {
    let x = into_contiguous(x);
    let biased = biases.is_some();
    // Kernels have a fixed number of inputs; `x` stands for biases that there are not.
    let [a, b, c] = biases
        .map(|biases| biases.map(into_contiguous))
        .unwrap_or_else(|| std::array::from_fn(|_| x.clone()));
    let [batch, len, width] = x.meta.shape().dims();
    let head_dim = width / parts / heads;
    let out = empty(&x, Shape::new([parts * batch, heads, len, head_dim]), x.dtype);
    let client = x.client.clone();
    let (cubes, dim) = one_cube_each(batch * len, UNITS);
    let dtypes = [x.dtype, a.dtype].map(dtype_to_storage_type);
    split_kernel::launch(
        &client,
        cubes,
        dim,
        x.into_tensor_arg(),
        a.into_tensor_arg(),
        b.into_tensor_arg(),
        c.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        batch as u32,
        len as u32,
        biased,
        parts,
        heads,
        head_dim,
        dtypes,
    );
    out
}

/// See [`super::Kernels::merge_heads`]; only the first `parts` of the tensors count.
pub(super) fn launch_merge(parts: [CubeTensor; 3], count: usize) -> CubeTensor {
    let [a, b, c] = parts.map(into_contiguous);
    let [batch, heads, len, head_dim] = a.meta.shape().dims();
    let out = empty(&a, Shape::new([batch, len, count * heads * head_dim]), a.dtype);
    let client = a.client.clone();
    let (cubes, dim) = one_cube_each(batch * len, UNITS);
    let dtype = dtype_to_storage_type(a.dtype);
    merge_kernel::launch(
        &client,
        cubes,
        dim,
        a.into_tensor_arg(),
        b.into_tensor_arg(),
        c.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        len as u32,
        count,
        heads,
        head_dim,
        dtype,
    );
    out
}

/// A cube takes a token.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn split_kernel<F: Float, B: Float>(
    x: &Tensor<F>,
    a: &Tensor<B>,
    b: &Tensor<B>,
    c: &Tensor<B>,
    out: &mut Tensor<F>,
    batch: u32,
    len: u32,
    #[comptime] biased: bool,
    #[comptime] parts: usize,
    #[comptime] heads: usize,
    #[comptime] head_dim: usize,
    #[define(F, B)] _dtypes: [ElemType; 2],
) {
    let width = comptime!(parts * heads * head_dim);
    let (batch, len) = (batch as usize, len as usize);
    let row = CUBE_POS as usize;
    if row * width >= x.len() {
        terminate!();
    }
    let (sentence, token) = (row / len, row % len);
    let mut column = UNIT_POS as usize;
    while column < width {
        let (head, place) = (column / head_dim, column % head_dim);
        let (part, head) = (head / heads, head % heads);
        let matrix = (part * batch + sentence) * heads + head;
        let mut value = f32::cast_from(x[row * width + column]);
        if comptime!(biased) {
            let within = column % comptime!(heads * head_dim);
            if part == 0 {
                value += f32::cast_from(a[within]);
            } else if part == 1 {
                value += f32::cast_from(b[within]);
            } else {
                value += f32::cast_from(c[within]);
            }
        }
        out[(matrix * len + token) * head_dim + place] = F::cast_from(value);
        column += UNITS;
    }
}

/// A cube takes a token.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn merge_kernel<F: Float>(
    a: &Tensor<F>,
    b: &Tensor<F>,
    c: &Tensor<F>,
    out: &mut Tensor<F>,
    len: u32,
    #[comptime] parts: usize,
    #[comptime] heads: usize,
    #[comptime] head_dim: usize,
    #[define(F)] _dtype: ElemType,
) {
    let width = comptime!(parts * heads * head_dim);
    let len = len as usize;
    let row = CUBE_POS as usize;
    if row * width >= out.len() {
        terminate!();
    }
    let (sentence, token) = (row / len, row % len);
    let mut column = UNIT_POS as usize;
    while column < comptime!(heads * head_dim) {
        let (head, place) = (column / head_dim, column % head_dim);
        let source = ((sentence * heads + head) * len + token) * head_dim + place;
        let target = row * width + column;
        out[target] = a[source];
        if comptime!(parts > 1) {
            out[target + comptime!(heads * head_dim)] = b[source];
        }
        if comptime!(parts > 2) {
            out[target + comptime!(2 * heads * head_dim)] = c[source];
        }
        column += UNITS;
    }
}
