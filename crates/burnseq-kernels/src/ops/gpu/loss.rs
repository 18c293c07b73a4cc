//! Label-smoothed cross entropy without a second copy of the logits: a row at a time, forward and backward.

use burn::{
    backend::{
        TensorMetadata,
        cubecl::dtype_to_storage_type,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{self as burn_tensor, DType, Shape},
};
use burn_cubecl::cubecl::{self, prelude::*};

use super::{
    CubeTensor, Gpu, Kernels, empty, into_contiguous, one_cube_each,
    reduce::{most_of_units, sum_of_units},
};
use crate::ops::node::Operation;

/// Loss and negative log-likelihood of logits `[tokens, vocab]`: `[2]`; see [`super::super::label_smoothed_nll`].
#[derive(Debug, Clone)]
pub(in super::super) struct LabelSmoothedNll {
    target: IntTensor<Gpu>,
    pad: u32,
    epsilon: f64,
}

impl LabelSmoothedNll {
    /// `target` is `[tokens]`.
    pub fn new(target: burn_tensor::Tensor<1, burn_tensor::Int>, pad: usize, epsilon: f64) -> Self {
        Self {
            target: super::int_primitive(target),
            pad: pad as u32,
            epsilon,
        }
    }

    /// What the loss takes of the reference's negative log-likelihood, and of the sum over the vocabulary.
    fn weights(&self, vocab: usize) -> (f32, f32) {
        if self.epsilon == 0.0 {
            return (1.0, 0.0);
        }
        let spread = self.epsilon / (vocab.max(2) - 1) as f64;
        ((1.0 - self.epsilon - spread) as f32, spread as f32)
    }
}

impl Operation<Gpu, 1> for LabelSmoothedNll {
    /// The logits, and what [`Kernels::nll_rows`] found in them.
    type Saved = [FloatTensor<Gpu>; 2];

    fn forward(&self, [logits]: [FloatTensor<Gpu>; 1]) -> (FloatTensor<Gpu>, Self::Saved) {
        let (reference, spread) = self.weights(logits.shape()[1]);
        let rows = Gpu::nll_rows(logits.clone(), self.target.clone(), self.pad);
        let sums = Gpu::nll_sums(rows.clone(), reference, spread);
        (sums, [logits, rows])
    }

    fn backward(
        &self,
        [logits, rows]: Self::Saved,
        grad: FloatTensor<Gpu>,
        _: [bool; 1],
    ) -> [Option<FloatTensor<Gpu>>; 1] {
        let (reference, spread) = self.weights(logits.shape()[1]);
        let target = self.target.clone();
        [Some(Gpu::nll_gradient(
            logits, target, rows, grad, self.pad, reference, spread,
        ))]
    }
}

/// Units of a cube.
const UNITS: usize = 256;

/// See [`Kernels::nll_rows`].
pub(super) fn launch_rows(logits: CubeTensor, target: CubeTensor, pad: u32) -> CubeTensor {
    let (logits, target) = (into_contiguous(logits), into_contiguous(target));
    let [tokens, vocab] = logits.meta.shape().dims();
    let out = empty(&logits, Shape::new([tokens, 3]), DType::F32);
    let client = logits.client.clone();
    let (cubes, dim) = one_cube_each(tokens, UNITS);
    let dtypes = [logits.dtype, target.dtype].map(dtype_to_storage_type);
    nll_rows_kernel::launch(
        &client,
        cubes,
        dim,
        logits.into_tensor_arg(),
        target.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        vocab as u32,
        pad,
        dtypes,
    );
    out
}

/// See [`Kernels::nll_sums`].
pub(super) fn launch_sums(rows: CubeTensor, reference: f32, spread: f32) -> CubeTensor {
    let rows = into_contiguous(rows);
    let out = empty(&rows, Shape::new([2]), DType::F32);
    let client = rows.client.clone();
    let (cubes, dim) = one_cube_each(1, UNITS);
    nll_sums_kernel::launch(
        &client,
        cubes,
        dim,
        rows.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        reference,
        spread,
    );
    out
}

/// See [`Kernels::nll_gradient`]; `weights` are `reference` and `spread`.
pub(super) fn launch_gradient(
    [logits, target, rows, grads]: [CubeTensor; 4],
    pad: u32,
    weights: [f32; 2],
) -> CubeTensor {
    let [logits, target, rows, grads] = [logits, target, rows, grads].map(into_contiguous);
    let [tokens, vocab] = logits.meta.shape().dims();
    let out = empty(&logits, logits.meta.shape().clone(), logits.dtype);
    let client = logits.client.clone();
    let (cubes, dim) = one_cube_each(tokens, UNITS);
    let dtypes = [logits.dtype, target.dtype].map(dtype_to_storage_type);
    let [reference, spread] = weights;
    nll_gradient_kernel::launch(
        &client,
        cubes,
        dim,
        logits.into_tensor_arg(),
        target.into_tensor_arg(),
        rows.into_tensor_arg(),
        grads.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        vocab as u32,
        pad,
        reference,
        spread,
        dtypes,
    );
    out
}

/// A cube takes a row.
#[cube(launch)]
fn nll_rows_kernel<F: Float, I: Int>(
    logits: &Tensor<F>,
    target: &Tensor<I>,
    out: &mut Tensor<f32>,
    vocab: u32,
    pad: u32,
    #[define(F, I)] _dtypes: [ElemType; 2],
) {
    let types = f32::cast_from(vocab);
    let vocab = vocab as usize;
    let row = CUBE_POS as usize;
    if row * vocab >= logits.len() {
        terminate!();
    }
    let first = row * vocab;
    let unit = UNIT_POS as usize;
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));

    // The largest logit, which keeps the exponentials in range.
    let mut most = f32::cast_from(logits[first]);
    let mut id = unit;
    while id < vocab {
        most = max(most, f32::cast_from(logits[first + id]));
        id += UNITS;
    }
    let most = most_of_units(most, &mut scratch, UNITS);

    let mut exponentials = 0.0f32;
    let mut sum = 0.0f32;
    let mut id = unit;
    while id < vocab {
        let logit = f32::cast_from(logits[first + id]) - most;
        exponentials += f32::exp(logit);
        sum += logit;
        id += UNITS;
    }
    let exponentials = sum_of_units(exponentials, &mut scratch, UNITS);
    let sum = sum_of_units(sum, &mut scratch, UNITS);
    if unit == 0 {
        let logarithm = f32::ln(exponentials);
        let target = u32::cast_from(target[row]);
        let mut nll = 0.0f32;
        let mut smooth = 0.0f32;
        if target != pad {
            nll = logarithm - (f32::cast_from(logits[first + target as usize]) - most);
            smooth = types * logarithm - sum;
        }
        out[row * 3] = logarithm + most;
        out[row * 3 + 1] = nll;
        out[row * 3 + 2] = smooth;
    }
}

/// One cube takes all rows.
#[cube(launch)]
fn nll_sums_kernel(rows: &Tensor<f32>, out: &mut Tensor<f32>, reference: f32, spread: f32) {
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(UNITS));
    let mut nll = 0.0f32;
    let mut smooth = 0.0f32;
    let mut place = UNIT_POS as usize * 3;
    while place < rows.len() {
        nll += rows[place + 1];
        smooth += rows[place + 2];
        place += UNITS * 3;
    }
    let nll = sum_of_units(nll, &mut scratch, UNITS);
    let smooth = sum_of_units(smooth, &mut scratch, UNITS);
    if UNIT_POS == 0 {
        out[0] = nll * reference + smooth * spread;
        out[1] = nll;
    }
}

/// A cube takes a row.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn nll_gradient_kernel<F: Float, I: Int>(
    logits: &Tensor<F>,
    target: &Tensor<I>,
    rows: &Tensor<f32>,
    grads: &Tensor<f32>,
    out: &mut Tensor<F>,
    vocab: u32,
    pad: u32,
    reference: f32,
    spread: f32,
    #[define(F, I)] _dtypes: [ElemType; 2],
) {
    let types = f32::cast_from(vocab);
    let vocab = vocab as usize;
    let row = CUBE_POS as usize;
    if row * vocab >= logits.len() {
        terminate!();
    }
    let first = row * vocab;
    let target = u32::cast_from(target[row]);
    let log_sum = rows[row * 3];
    let mut of_nll = 0.0f32;
    let mut of_smooth = 0.0f32;
    if target != pad {
        of_nll = grads[0] * reference + grads[1];
        of_smooth = grads[0] * spread;
    }
    let total = of_nll + of_smooth * types;
    let mut id = UNIT_POS as usize;
    while id < vocab {
        let p = f32::exp(f32::cast_from(logits[first + id]) - log_sum);
        let mut grad = p * total - of_smooth;
        if id as u32 == target {
            grad -= of_nll;
        }
        out[first + id] = F::cast_from(grad);
        id += UNITS;
    }
}
