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
    let mut out = buffer(rows * d_model);
    out.par_chunks_mut(ROWS * d_model)
        .zip(queries.as_slice().par_chunks(ROWS * d_model))
        .enumerate()
        .for_each(|(task, (out, queries))| {
            let mut scores = vec![0f32; keys.len()];
            for (i, (out, query)) in out
                .chunks_exact_mut(d_model)
                .zip(queries.chunks_exact(d_model))
                .enumerate()
            {
                let row = task * ROWS + i;
                let (mut past_keys, mut past_values) = (Vec::new(), Vec::new());
                for ((keys, values), ancestors) in keys.iter().zip(&values).zip(ancestors) {
                    if ancestors[row] == NO_ANCESTOR {
                        continue;
                    }
                    let at = ancestors[row] as usize * d_model;
                    past_keys.push(&keys.as_slice()[at..at + d_model]);
                    past_values.push(&values.as_slice()[at..at + d_model]);
                }
                let scores = &mut scores[..past_keys.len()];
                attend(out, query, &past_keys, &past_values, scores, heads);
            }
        });
    Tensor::from_primitive::<Flex>(Values::new(out, [rows, 1, d_model]).0)
}

vectorised! {
    /// All heads of one row; `scores` is scratch for as many steps as there are keys.
    fn attend(out: &mut [f32], query: &[f32], keys: &[&[f32]], values: &[&[f32]], scores: &mut [f32], heads: usize) {
        let head_dim = query.len() / heads;
        let scale = 1.0 / (head_dim as f32).sqrt();
        for first in (0..query.len()).step_by(head_dim) {
            let query = &query[first..first + head_dim];
            for (score, key) in scores.iter_mut().zip(keys) {
                let key = &key[first..first + head_dim];
                *score = lanes_sum!(|q in query, k in key| q * k) * scale;
            }
            let max = simd::max(scores);
            for score in scores.iter_mut() {
                *score = simd::exp(*score - max);
            }
            let total = lanes_sum!(|p in scores| p);
            let out = &mut out[first..first + head_dim];
            out.fill(0.0);
            for (&p, value) in scores.iter().zip(values) {
                let p = p / total;
                for (out, &value) in out.iter_mut().zip(&value[first..first + head_dim]) {
                    *out = p.mul_add(value, *out);
                }
            }
        }
    }
}
