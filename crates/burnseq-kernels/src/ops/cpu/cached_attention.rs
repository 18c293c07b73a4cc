//! Attention of one query per row over keys and values that stay where they were computed.

use burn::{backend::Flex, tensor::Tensor};
use burnseq_numerics::simd::{self, lanes_sum, vectorised};
use rayon::prelude::*;

use super::super::NO_ANCESTOR;
use super::{Values, buffer};

/// Rows that one task takes.
const ROWS: usize = 8;

/// See [`crate::ops::cached_attention`]; all tensors are on the flex device, without autodiff.
pub(in super::super) fn cached_attention(
    queries: Tensor<3>,
    keys: &[Tensor<2>],
    values: &[Tensor<2>],
    ancestors: &[Vec<u32>],
    heads: usize,
) -> Tensor<3> {
    let [rows, _, d_model] = queries.dims();
    let on_flex = "the caller checked the device";
    let unwrap =
        |tensor: &Tensor<2>| Values::from_tensor(tensor.clone().try_into_primitive::<Flex>().expect(on_flex));
    let queries = Values::from_tensor(queries.try_into_primitive::<Flex>().expect(on_flex));
    let (keys, values): (Vec<Values>, Vec<Values>) = (
        keys.iter().map(unwrap).collect(),
        values.iter().map(unwrap).collect(),
    );
    let keys: Vec<&[f32]> = keys.iter().map(Values::as_slice).collect();
    let values: Vec<&[f32]> = values.iter().map(Values::as_slice).collect();
    let mut out = buffer(rows * d_model);
    out.par_chunks_mut(ROWS * d_model)
        .zip(queries.as_slice().par_chunks(ROWS * d_model))
        .enumerate()
        .for_each(|(task, (out, queries))| {
            let rows = task * ROWS..task * ROWS + out.len() / d_model;
            let ancestors: Vec<&[u32]> = ancestors.iter().map(|of_step| &of_step[rows.clone()]).collect();
            attend(out, queries, &keys, &values, &ancestors, heads);
        });
    Tensor::from_primitive::<Flex>(Values::new(out, [rows, 1, d_model]).0)
}

/// Steps that the processor is asked for before their turn: each lies in memory of its own, which it does not foresee.
const AHEAD: usize = 2;

/// What the rows of a task read of step `step` of keys or values: the row's number and its vector.
#[inline(always)]
fn past<'a>(
    steps: &'a [&[f32]],
    ancestors: &'a [&[u32]],
    step: usize,
    d_model: usize,
) -> impl Iterator<Item = (usize, &'a [f32])> {
    let held = ancestors[step]
        .iter()
        .enumerate()
        .filter(|(_, ancestor)| **ancestor != NO_ANCESTOR);
    held.map(move |(row, &ancestor)| {
        if let Some(next) = ancestors.get(step + AHEAD).map(|next| next[row])
            && next != NO_ANCESTOR
        {
            simd::prefetch(&steps[step + AHEAD][next as usize * d_model..][..d_model]);
        }
        (row, &steps[step][ancestor as usize * d_model..][..d_model])
    })
}

vectorised! {
    /// All heads of the rows of a task over the steps before; `ancestors` of a step are those of these rows.
    ///
    /// Keys and values of a step are read for all rows before those of the next one, in the order of their memory, which is
    /// more than any cache holds.
    fn attend(
        out: &mut [f32],
        queries: &[f32],
        keys: &[&[f32]],
        values: &[&[f32]],
        ancestors: &[&[u32]],
        heads: usize,
    ) {
        let steps = keys.len();
        let rows = ancestors[0].len();
        let d_model = out.len() / rows;
        let head_dim = d_model / heads;
        let scale = 1.0 / (head_dim as f32).sqrt();
        // Scores of a row and head lie together, `[rows, heads, steps]`; a row may fill fewer.
        let mut scores = vec![0f32; rows * heads * steps];
        let mut held = vec![0; rows];
        for step in 0..steps {
            for (row, key) in past(keys, ancestors, step, d_model) {
                let query = &queries[row * d_model..][..d_model];
                let place = held[row];
                held[row] += 1;
                for (head, (q, k)) in query.chunks_exact(head_dim).zip(key.chunks_exact(head_dim)).enumerate() {
                    scores[(row * heads + head) * steps + place] = lanes_sum!(|q in q, k in k| q * k) * scale;
                }
            }
        }
        for (row, scores) in scores.chunks_exact_mut(heads * steps).enumerate() {
            for scores in scores.chunks_exact_mut(steps) {
                let scores = &mut scores[..held[row]];
                let max = simd::max(scores);
                for score in scores.iter_mut() {
                    *score = simd::exp(*score - max);
                }
                let total = lanes_sum!(|p in scores| p);
                for score in scores.iter_mut() {
                    *score /= total;
                }
            }
        }
        out.fill(0.0);
        held.fill(0);
        for step in 0..steps {
            for (row, value) in past(values, ancestors, step, d_model) {
                let out = &mut out[row * d_model..][..d_model];
                let place = held[row];
                held[row] += 1;
                for (head, (out, value)) in out.chunks_exact_mut(head_dim).zip(value.chunks_exact(head_dim)).enumerate() {
                    let p = scores[(row * heads + head) * steps + place];
                    for (out, &value) in out.iter_mut().zip(value) {
                        *out = p.mul_add(value, *out);
                    }
                }
            }
        }
    }
}
