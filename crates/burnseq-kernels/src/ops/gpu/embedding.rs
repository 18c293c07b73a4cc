//! Looking up embeddings. Burn sums their gradients with as many units as an embedding is wide, each of which goes
//! through all tokens of the batch and waits for memory at every one; here every type has units of its own.

use burn::backend::{
    TensorMetadata,
    cubecl::dtype_to_storage_type,
    ops::{FloatTensorOps, ModuleOps},
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{self as burn_tensor, Shape};
use burn_cubecl::cubecl::{self, prelude::*};

use super::{CubeTensor, Gpu, Kernels, empty, into_contiguous, one_cube_each, reduce::sum_of_units};
use crate::ops::node::Operation;

/// Rows of a table `[types, width]` for `tokens` `[batch, len]`.
#[derive(Debug, Clone)]
pub(in super::super) struct Embedding {
    tokens: IntTensor<Gpu>,
}

impl Embedding {
    pub fn new(tokens: burn_tensor::Tensor<2, burn_tensor::Int>) -> Self {
        Self {
            tokens: super::int_primitive(tokens),
        }
    }
}

impl Operation<Gpu, 1> for Embedding {
    /// How many types the table has.
    type Saved = usize;

    fn forward(&self, [weight]: [FloatTensor<Gpu>; 1]) -> (FloatTensor<Gpu>, usize) {
        let types = weight.shape()[0];
        (Gpu::embedding(weight, self.tokens.clone()), types)
    }

    fn backward(&self, types: usize, grad: FloatTensor<Gpu>, _: [bool; 1]) -> [Option<FloatTensor<Gpu>>; 1] {
        let shape = grad.shape();
        let width = shape[2];
        let grad = Gpu::float_reshape(grad, Shape::new([shape[0] * shape[1], width]));
        [Some(Gpu::sum_by_token(grad, self.tokens.clone(), types))]
    }
}

/// Units of a cube.
const UNITS: usize = 256;
/// Places of a token that a cube remembers; one that is more frequent is searched for again by every unit.
const LIST: usize = 3072;
/// Columns that a unit adds up side by side, so that it waits for memory less often.
const COLUMNS: usize = 4;

/// See [`Kernels::sum_by_token`].
pub(super) fn launch(grad: CubeTensor, tokens: CubeTensor, types: usize) -> CubeTensor {
    let (grad, tokens) = (into_contiguous(grad), into_contiguous(tokens));
    let width = grad.meta.shape()[1];
    let out = empty(&grad, Shape::new([types, width]), grad.dtype);
    let client = grad.client.clone();
    let (cubes, dim) = one_cube_each(types, UNITS);
    let dtypes = [grad.dtype, tokens.dtype].map(dtype_to_storage_type);
    sum_by_token_kernel::launch(
        &client,
        cubes,
        dim,
        grad.into_tensor_arg(),
        tokens.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        width as u32,
        dtypes,
    );
    out
}

/// A cube sums the rows of one token. Its units search the tokens side by side, each remembers where it found it, and
/// then each takes some columns.
#[cube(launch)]
fn sum_by_token_kernel<F: Float, I: Int>(
    grad: &Tensor<F>,
    tokens: &Tensor<I>,
    out: &mut Tensor<F>,
    width: u32,
    #[define(F, I)] _dtypes: [ElemType; 2],
) {
    let width = width as usize;
    let token = CUBE_POS as usize;
    if token * width >= out.len() {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let count = tokens.len();
    let mut counts = Shared::<[u32]>::new_slice(comptime!(UNITS));
    let mut places = Shared::<[u32]>::new_slice(comptime!(LIST));

    let mut own = 0u32;
    let mut place = unit;
    while place < count {
        if u32::cast_from(tokens[place]) as usize == token {
            own += 1u32;
        }
        place += UNITS;
    }
    let total = sum_of_units(own, &mut counts, UNITS) as usize;
    counts[unit] = own;
    sync_cube();
    if total > 0 && total <= LIST {
        let mut next = 0usize;
        for other in 0..unit {
            next += counts[other] as usize;
        }
        let mut place = unit;
        while place < count {
            if u32::cast_from(tokens[place]) as usize == token {
                places[next] = place as u32;
                next += 1;
            }
            place += UNITS;
        }
    }
    sync_cube();

    let mut first = unit;
    while first < width {
        let mut sums = Array::<f32>::new(comptime!(COLUMNS));
        #[unroll]
        for number in 0..COLUMNS {
            sums[number] = 0.0f32;
        }
        if total <= LIST {
            for number in 0..total {
                add_row::<F>(grad, places[number] as usize * width, first, width, &mut sums);
            }
        } else {
            for place in 0..count {
                if u32::cast_from(tokens[place]) as usize == token {
                    add_row::<F>(grad, place * width, first, width, &mut sums);
                }
            }
        }
        #[unroll]
        for number in 0..COLUMNS {
            let column = first + number * UNITS;
            if column < width {
                out[token * width + column] = F::cast_from(sums[number]);
            }
        }
        first += UNITS * COLUMNS;
    }
}

/// Adds the columns `first`, `first + UNITS` and so on of the row that begins at `row`.
#[cube]
fn add_row<F: Float>(grad: &Tensor<F>, row: usize, first: usize, width: usize, sums: &mut Array<f32>) {
    #[unroll]
    for number in 0..COLUMNS {
        let column = first + number * UNITS;
        if column < width {
            sums[number] += f32::cast_from(grad[row + column]);
        }
    }
}
