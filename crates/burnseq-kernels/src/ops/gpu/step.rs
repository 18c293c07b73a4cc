//! Attention in a step of decoding: one query of every row looks at keys and values that earlier steps, or the source, have
//! left. Every head of a row is a cube; no score leaves it.

use burn::{
    backend::{cubecl::dtype_to_storage_type, tensor::BoolTensor},
    tensor as burn_tensor,
};
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_tensor::{Bool, Shape};

use super::{
    CubeTensor, Gpu, Kernels, ONE_DEVICE, empty, float_primitive, into_contiguous, one_cube_each, own,
    product,
    reduce::{most_of_units, sum_of_units},
    tensor,
};
use crate::ops::{Affine, composed::MASKED};

/// Units of a cube, and keys that it looks at together.
const UNITS: usize = 128;
/// Less than any score.
const LEAST: f32 = f32::MIN;

/// See [`super::super::stacked_for_decoding`]; the weights are without autodiff and of one shape.
pub(in super::super) fn stacked(projections: [Affine; 3]) -> Affine {
    let [q, k, v] = projections;
    let precision = q.precision;
    let dtype = q.weight.dtype();
    Affine {
        weight: super::attention::stacked([q.weight, k.weight, v.weight], dtype),
        bias: burn_tensor::Tensor::cat(vec![q.bias, k.bias, v.bias], 0),
        precision,
    }
}

/// See [`super::super::attend_past`].
pub(in super::super) fn attend_past(
    x: burn_tensor::Tensor<3>,
    projections: &Affine,
    past: burn_tensor::Tensor<4>,
    place: usize,
    heads: usize,
) -> (burn_tensor::Tensor<3>, burn_tensor::Tensor<4>) {
    let [rows, _, d_model] = x.dims();
    let Affine {
        weight,
        bias,
        precision,
    } = projections;
    let projected: burn_tensor::Tensor<2> =
        product(x.reshape([rows, d_model]), weight.clone().transpose(), *precision);
    let (queries, past) = Gpu::append_step(
        float_primitive(projected),
        float_primitive(bias.clone()),
        float_primitive(past),
        place,
    );
    let found = Gpu::attend_past(queries, past.clone(), place + 1, heads);
    let found: burn_tensor::Tensor<2> = tensor(found);
    (found.reshape([rows, 1, d_model]), tensor(past))
}

/// See [`super::super::step_attention`]; nothing is dropped.
pub(in super::super) fn step_attention(
    queries: burn_tensor::Tensor<3>,
    keys: burn_tensor::Tensor<3>,
    values: burn_tensor::Tensor<3>,
    heads: usize,
    is_pad: burn_tensor::Tensor<2, Bool>,
) -> burn_tensor::Tensor<3> {
    let is_pad = is_pad.without_autodiff().try_into_primitive::<Gpu>();
    let is_pad: BoolTensor<Gpu> = is_pad.expect(ONE_DEVICE);
    let [queries, keys, values] = [queries, keys, values].map(float_primitive);
    tensor(Gpu::attend_source(queries, keys, values, is_pad, heads))
}

/// See [`Kernels::append_step`].
pub(super) fn launch_append(
    projected: CubeTensor,
    bias: CubeTensor,
    past: CubeTensor,
    place: usize,
) -> (CubeTensor, CubeTensor) {
    let (projected, bias, past) = (into_contiguous(projected), into_contiguous(bias), own(past));
    let [rows, width] = projected.meta.shape().dims();
    let [_, twice_heads, capacity, head_dim] = past.meta.shape().dims();
    let queries = empty(&projected, Shape::new([rows, width / 3]), projected.dtype);
    let client = projected.client.clone();
    let elements = projected.meta.num_elements();
    let dim = CubeDim::new(&client, elements);
    let cubes = calculate_cube_count_elemwise(&client, elements, dim);
    let dtypes = [projected.dtype, bias.dtype].map(dtype_to_storage_type);
    append_kernel::launch(
        &client,
        cubes,
        dim,
        projected.into_tensor_arg(),
        bias.into_tensor_arg(),
        queries.clone().into_tensor_arg(),
        past.clone().into_tensor_arg(),
        place as u32,
        capacity as u32,
        twice_heads / 2,
        head_dim,
        dtypes,
    );
    (queries, past)
}

/// See [`Kernels::attend_past`].
pub(super) fn launch_past(queries: CubeTensor, past: CubeTensor, len: usize, heads: usize) -> CubeTensor {
    let past = into_contiguous(past);
    let [_, _, capacity, head_dim] = past.meta.shape().dims();
    let layout = Layout {
        sentence: 2 * heads * capacity * head_dim,
        head: capacity * head_dim,
        token: head_dim,
        first_value: heads * capacity * head_dim,
    };
    launch(queries, [past.clone(), past], None, 1, len, heads, layout)
}

/// See [`Kernels::attend_source`].
pub(super) fn launch_source(
    queries: CubeTensor,
    keys: CubeTensor,
    values: CubeTensor,
    is_pad: CubeTensor,
    heads: usize,
) -> CubeTensor {
    let (keys, values) = (into_contiguous(keys), into_contiguous(values));
    let [_, len, d_model] = keys.meta.shape().dims();
    let [_, rows_of_sentence, _] = queries.meta.shape().dims();
    let layout = Layout {
        sentence: len * d_model,
        head: d_model / heads,
        token: d_model,
        first_value: 0,
    };
    let operands = [keys, values];
    launch(
        queries,
        operands,
        Some(is_pad),
        rows_of_sentence,
        len,
        heads,
        layout,
    )
}

/// How many elements lie between the keys of a sentence, a head and a token and those of the next, and before the first value.
struct Layout {
    sentence: usize,
    head: usize,
    token: usize,
    first_value: usize,
}

fn launch(
    queries: CubeTensor,
    [keys, values]: [CubeTensor; 2],
    is_pad: Option<CubeTensor>,
    rows_of_sentence: usize,
    len: usize,
    heads: usize,
    layout: Layout,
) -> CubeTensor {
    let queries = into_contiguous(queries);
    let shape = queries.meta.shape().clone();
    let d_model = shape[shape.num_dims() - 1];
    let rows = shape.num_elements() / d_model;
    let out = empty(&queries, shape, queries.dtype);
    let client = queries.client.clone();
    let (cubes, dim) = one_cube_each(rows * heads, UNITS);
    let padded = is_pad.is_some();
    // Kernels have a fixed number of inputs; any tensor of whole numbers stands for padding that there is not.
    let is_pad = is_pad.map_or_else(
        || empty(&queries, Shape::new([1]), burn_tensor::DType::U32),
        into_contiguous,
    );
    let dtypes = [queries.dtype, is_pad.dtype].map(dtype_to_storage_type);
    attend_kernel::launch(
        &client,
        cubes,
        dim,
        queries.into_tensor_arg(),
        keys.into_tensor_arg(),
        values.into_tensor_arg(),
        is_pad.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        rows_of_sentence as u32,
        len as u32,
        layout.sentence as u32,
        layout.head as u32,
        layout.token as u32,
        layout.first_value as u32,
        ((d_model / heads) as f32).powf(-0.5),
        padded,
        heads,
        d_model / heads,
        dtypes,
    );
    out
}

/// A unit takes an element of `projected` `[rows, 3 * heads * head_dim]`; `past` is `[rows, 2 * heads, capacity, head_dim]`.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn append_kernel<F: Float, B: Float>(
    projected: &Tensor<F>,
    bias: &Tensor<B>,
    queries: &mut Tensor<F>,
    past: &mut Tensor<F>,
    place: u32,
    capacity: u32,
    #[comptime] heads: usize,
    #[comptime] head_dim: usize,
    #[define(F, B)] _dtypes: [ElemType; 2],
) {
    let d_model = comptime!(heads * head_dim);
    let at = ABSOLUTE_POS;
    if at >= projected.len() {
        terminate!();
    }
    let (row, column) = (at / comptime!(3 * d_model), at % comptime!(3 * d_model));
    let value = F::cast_from(f32::cast_from(projected[at]) + f32::cast_from(bias[column]));
    if column < d_model {
        queries[row * d_model + column] = value;
    } else {
        let within = column - d_model;
        let (head, element) = (within / head_dim, within % head_dim);
        let head = row * comptime!(2 * heads) + head;
        past[(head * capacity as usize + place as usize) * head_dim + element] = value;
    }
}

/// A cube takes a head of a row. It looks at [`UNITS`] keys together, and keeps the sum of values as if the largest score so
/// far were the largest of all (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax").
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn attend_kernel<F: Float, B: Int>(
    queries: &Tensor<F>,
    keys: &Tensor<F>,
    values: &Tensor<F>,
    is_pad: &Tensor<B>,
    out: &mut Tensor<F>,
    rows_of_sentence: u32,
    len: u32,
    of_sentence: u32,
    of_head: u32,
    of_token: u32,
    first_value: u32,
    scale: f32,
    #[comptime] padded: bool,
    #[comptime] heads: usize,
    #[comptime] head_dim: usize,
    #[define(F, B)] _dtypes: [ElemType; 2],
) {
    let cube = CUBE_POS as usize;
    if cube * head_dim >= out.len() {
        terminate!();
    }
    let len = len as usize;
    let of_token = of_token as usize;
    let sentence = cube / heads / rows_of_sentence as usize;
    let first_key = sentence * of_sentence as usize + (cube % heads) * of_head as usize;
    let first_value = first_key + first_value as usize;
    let unit = UNIT_POS as usize;

    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    let mut weights = Shared::<[f32]>::new_slice(comptime!(UNITS));
    let mut query = Shared::<[f32]>::new_slice(head_dim);
    let mut sums = Shared::<[f32]>::new_slice(head_dim);
    let mut element = unit;
    while element < head_dim {
        query[element] = f32::cast_from(queries[cube * head_dim + element]) * scale;
        sums[element] = 0.0f32;
        element += UNITS;
    }
    sync_cube();

    let mut most = f32::new(comptime!(LEAST));
    let mut total = 0.0f32;
    let mut first = 0usize.runtime();
    while first < len {
        let token = first + unit;
        let mut score = f32::new(comptime!(LEAST));
        if token < len {
            let place = first_key + token * of_token;
            let mut product = 0.0f32;
            for element in 0..head_dim {
                product += query[element] * f32::cast_from(keys[place + element]);
            }
            score = product;
            if comptime!(padded) {
                // A query that sees no key looks at all alike.
                if u32::cast_from(is_pad[sentence * len + token]) != 0u32 {
                    score = f32::new(comptime!(MASKED));
                }
            }
        }
        let larger = max(most, most_of_units(score, &mut scratch, UNITS));
        let mut weight = 0.0f32;
        if token < len {
            weight = f32::exp(score - larger);
        }
        weights[unit] = weight;
        let shrunk = f32::exp(most - larger);
        total = total * shrunk + sum_of_units(weight, &mut scratch, UNITS);
        let mut here = len - first;
        if here > UNITS {
            here = UNITS.runtime();
        }
        let mut element = unit;
        while element < head_dim {
            let mut sum = sums[element] * shrunk;
            for key in 0..here {
                let place = first_value + (first + key) * of_token + element;
                sum += weights[key] * f32::cast_from(values[place]);
            }
            sums[element] = sum;
            element += UNITS;
        }
        // The next keys' weights must not overwrite what others have yet to read.
        sync_cube();
        most = larger;
        first += UNITS;
    }
    let mut element = unit;
    while element < head_dim {
        out[cube * head_dim + element] = F::cast_from(sums[element] / total);
        element += UNITS;
    }
}
