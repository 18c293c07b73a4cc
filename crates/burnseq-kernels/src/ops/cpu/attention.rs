//! Scaled dot-product attention of all heads, reading queries, keys and values where they lie.

use burnseq_numerics::simd::{self, lanes_sum, padded_sum, vectorised};
use rayon::prelude::*;

use super::{
    CpuOp, Values, buffer,
    dropout::mask_in_place,
    matmul::{Mat, is_small, matmul_strided},
};
use crate::dropout_mask::{Keep, Mask};

/// Attention of `queries` `[batch, query_len, d_model]` over `keys` and `values` `[batch, key_len, d_model]`.
#[derive(Debug, Clone)]
pub(in super::super) struct Attention {
    pub heads: usize,
    /// `[batch, key_len]`, true where a key must not be seen.
    pub is_pad: Option<Vec<bool>>,
    pub causal: bool,
    pub dropout: Option<Mask>,
    /// The queries are those of one step of decoding, of which every sentence has as many in any batch.
    pub stepwise: bool,
}

/// Inputs, and the probabilities before dropout `[batch, heads, query_len, key_len]`.
#[derive(Debug, Clone)]
pub(in super::super) struct AttentionSaved {
    queries: Values,
    keys: Values,
    values: Values,
    probabilities: Values,
}

/// Sizes of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    query_len: usize,
    key_len: usize,
    d_model: usize,
    head_dim: usize,
    heads: usize,
}

impl Sizes {
    fn new(queries: &Values, keys: &Values, heads: usize) -> Self {
        let (q, k) = (queries.shape().to_vec(), keys.shape().to_vec());
        Self {
            query_len: q[1],
            key_len: k[1],
            d_model: q[2],
            head_dim: q[2] / heads,
            heads,
        }
    }

    /// Those of one query over `key_len` keys, with one head.
    pub fn of_one_query(key_len: usize, d_model: usize) -> Self {
        Self {
            query_len: 1,
            key_len,
            d_model,
            head_dim: d_model,
            heads: 1,
        }
    }

    fn scale(self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    /// Columns of `head` in rows `first_row..` of a `[.., d_model]` matrix, as `len` rows.
    fn head<'a>(self, x: &'a [f32], first_row: usize, len: usize, head: usize) -> Mat<'a> {
        Mat::strided(
            &x[first_row * self.d_model + head * self.head_dim..],
            len,
            self.head_dim,
            self.d_model,
        )
    }
}

impl Attention {
    /// Turns the scores of one head of one sentence into probabilities.
    fn softmax(&self, scores: &mut [f32], batch: usize, sizes: Sizes) {
        let is_pad = self
            .is_pad
            .as_ref()
            .map(|is_pad| &is_pad[batch * sizes.key_len..][..sizes.key_len]);
        softmax_rows(scores, is_pad, self.causal, sizes);
    }

    /// The first key of a sentence that is seen by any query; 0 where some query sees none, and so looks at all alike.
    fn first_key(&self, batch: usize, key_len: usize) -> usize {
        if self.causal {
            return 0;
        }
        let is_pad = self
            .is_pad
            .as_ref()
            .map(|is_pad| &is_pad[batch * key_len..][..key_len]);
        let first = is_pad.and_then(|is_pad| is_pad.iter().position(|&is_pad| !is_pad));
        first.unwrap_or(0)
    }

    /// How many of the first queries of a sentence see no key, of `query_len`.
    fn blind_queries(
        &self,
        batch: usize,
        Sizes {
            query_len, key_len, ..
        }: Sizes,
    ) -> usize {
        let Some(is_pad) = &self.is_pad else {
            return 0;
        };
        let is_pad = &is_pad[batch * key_len..][..key_len];
        match is_pad.iter().position(|&is_pad| !is_pad) {
            None => query_len,
            Some(first) if self.causal => first.min(query_len),
            Some(_) => 0,
        }
    }

    /// Probabilities after dropout; `first` is the number of the first element in the whole mask.
    fn drop(&self, probabilities: &mut [f32], first: usize) {
        if let Some(mask) = self.dropout {
            mask_in_place(probabilities, Keep::new(mask), first);
        }
    }
}

/// Up to this many queries, plain loops beat a packed matrix product: decoding has one or `beam`.
const FEW_QUERIES: usize = 8;

/// `queries keysᵀ`, each score the sum of its products in the order of the columns, whatever the numbers of queries and
/// keys are: they depend on the padding of the batch.
fn scores_in_order(scores: &mut [f32], queries: Mat, keys: Mat, scratch: &mut Vec<f32>) {
    let (key_len, head_dim) = (keys.rows(), keys.cols());
    if queries.rows() > FEW_QUERIES && key_len > 1 && !is_small(queries.rows(), key_len) {
        return matmul_strided(scores, key_len, queries, keys.t(), false);
    }
    // Columns of keys back to back, so that a row of scores is computed at once.
    scratch.resize(key_len * head_dim, 0.0);
    transpose(scratch, keys.values(), key_len, head_dim, keys.strides()[0]);
    scores_of_columns(
        scores,
        queries.values(),
        scratch,
        key_len,
        head_dim,
        queries.strides()[0],
    );
}

vectorised! {
    pub(super) fn softmax_rows(scores: &mut [f32], is_pad: Option<&[bool]>, causal: bool, sizes: Sizes) {
        let scale = sizes.scale();
        // Sums begin with the first key of the sentence, so that padding before it changes nothing.
        let first = is_pad.and_then(|is_pad| is_pad.iter().position(|&is_pad| !is_pad)).unwrap_or(0);
        for (query, row) in scores.chunks_exact_mut(sizes.key_len).enumerate() {
            for score in row.iter_mut() {
                *score *= scale;
            }
            if let Some(is_pad) = is_pad {
                for (score, &is_pad) in row.iter_mut().zip(is_pad) {
                    *score = if is_pad { f32::NEG_INFINITY } else { *score };
                }
            }
            if causal && query + 1 < sizes.key_len {
                row[query + 1..].fill(f32::NEG_INFINITY);
            }
            let max = simd::max(row);
            for score in row.iter_mut() {
                *score = simd::exp(*score - max);
            }
            let total = padded_sum(&row[first..]);
            if total > 0.0 {
                let scale = 1.0 / total;
                for p in row.iter_mut() {
                    *p *= scale;
                }
            } else {
                row.fill(1.0 / sizes.key_len as f32); // nothing may be seen: the mean, not NaN
            }
        }
    }

    /// `[rows, width]` with rows `stride` values apart to `[width, rows]`.
    fn transpose(out: &mut [f32], x: &[f32], rows: usize, width: usize, stride: usize) {
        for row in 0..rows {
            for (column, &value) in x[row * stride..][..width].iter().enumerate() {
                out[column * rows + row] = value;
            }
        }
    }

    /// `scores = queries columns`, one product after the other.
    fn scores_of_columns(
        scores: &mut [f32],
        queries: &[f32],
        columns: &[f32],
        key_len: usize,
        head_dim: usize,
        stride: usize,
    ) {
        for (query, row) in scores.chunks_exact_mut(key_len).enumerate() {
            row.fill(0.0);
            let query = &queries[query * stride..][..head_dim];
            for (&q, column) in query.iter().zip(columns.chunks_exact(key_len)) {
                for (score, &k) in row.iter_mut().zip(column) {
                    *score = q.mul_add(k, *score);
                }
            }
        }
    }

    /// Through the softmax, `p * (g - sum(g p))`, and the scale of the scores; in place on `g`.
    pub(super) fn softmax_gradient(g: &mut [f32], p: &[f32], sizes: Sizes) {
        let scale = sizes.scale();
        for (g, p) in g.chunks_exact_mut(sizes.key_len).zip(p.chunks_exact(sizes.key_len)) {
            let mean = lanes_sum!(|g in g, p in p| g * p);
            for (g, &p) in g.iter_mut().zip(p) {
                *g = (*g - mean) * p * scale;
            }
        }
    }

    /// `scores = queries keysᵀ` for a few queries.
    pub(super) fn few_scores(scores: &mut [f32], queries: &[f32], keys: &[f32], sizes: Sizes) {
        for (query, row) in scores.chunks_exact_mut(sizes.key_len).enumerate() {
            let query = &queries[query * sizes.d_model..][..sizes.head_dim];
            for (key, score) in row.iter_mut().enumerate() {
                let key = &keys[key * sizes.d_model..][..sizes.head_dim];
                *score = lanes_sum!(|q in query, k in key| q * k);
            }
        }
    }

    /// `out = probabilities values` for a few queries.
    pub(super) fn few_sums(out: &mut [f32], probabilities: &[f32], values: &[f32], sizes: Sizes) {
        for (query, row) in probabilities.chunks_exact(sizes.key_len).enumerate() {
            let out = &mut out[query * sizes.d_model..][..sizes.head_dim];
            out.fill(0.0);
            for (key, &p) in row.iter().enumerate() {
                let value = &values[key * sizes.d_model..][..sizes.head_dim];
                for (out, &value) in out.iter_mut().zip(value) {
                    *out = p.mul_add(value, *out);
                }
            }
        }
    }
}

impl CpuOp<3> for Attention {
    type Saved = AttentionSaved;

    fn forward(&self, [queries, keys, values]: [Values; 3]) -> (Values, AttentionSaved) {
        let sizes = Sizes::new(&queries, &keys, self.heads);
        let (query_len, key_len, d_model) = (sizes.query_len, sizes.key_len, sizes.d_model);
        let (head_dim, heads, head_size) = (sizes.head_dim, sizes.heads, query_len * key_len);
        let mut out = buffer(queries.as_slice().len());
        let batch = out.len() / (query_len * d_model).max(1);
        let mut probabilities = buffer(batch * heads * head_size);
        let (q, k, v) = (queries.as_slice(), keys.as_slice(), values.as_slice());
        out.par_chunks_mut((query_len * d_model).max(1))
            .zip(probabilities.par_chunks_mut((heads * head_size).max(1)))
            .enumerate()
            .for_each(|(batch, (out, probabilities))| {
                let (q_row, k_row) = (batch * query_len, batch * key_len);
                let mut dropped = if self.dropout.is_some() {
                    vec![0f32; head_size]
                } else {
                    Vec::new()
                };
                let mut scratch = Vec::new();
                for (head, probabilities) in probabilities.chunks_exact_mut(head_size).enumerate() {
                    let column = head * head_dim;
                    let few = query_len <= FEW_QUERIES || key_len <= 2;
                    if self.stepwise && few {
                        let (q, k) = (&q[q_row * d_model + column..], &k[k_row * d_model + column..]);
                        few_scores(probabilities, q, k, sizes);
                    } else {
                        let (q, k) = (
                            sizes.head(q, q_row, query_len, head),
                            sizes.head(k, k_row, key_len, head),
                        );
                        scores_in_order(probabilities, q, k, &mut scratch);
                    }
                    self.softmax(probabilities, batch, sizes);
                    let mut weights: &[f32] = probabilities;
                    if self.dropout.is_some() {
                        dropped.copy_from_slice(probabilities);
                        let first = (batch * heads + head) * head_size;
                        self.drop(&mut dropped, first);
                        weights = &dropped;
                    }
                    if few {
                        let v = &v[k_row * d_model + column..];
                        few_sums(&mut out[column..], weights, v, sizes);
                    } else {
                        // Blocks of the sum begin with the sentence, whatever padding lies before it.
                        let first = self.first_key(batch, key_len);
                        let v = sizes.head(v, k_row + first, key_len - first, head);
                        matmul_strided(
                            &mut out[column..],
                            d_model,
                            Mat::strided(&weights[first..], query_len, key_len - first, key_len),
                            v,
                            false,
                        );
                    }
                }
            });
        let (shape, saved_shape) = (queries.shape(), [batch, heads, query_len, key_len]);
        let probabilities = Values::new(probabilities, saved_shape);
        (
            Values::new(out, shape),
            AttentionSaved {
                queries,
                keys,
                values,
                probabilities,
            },
        )
    }

    fn backward(&self, saved: AttentionSaved, grad: Values, needed: [bool; 3]) -> [Option<Values>; 3] {
        let AttentionSaved {
            queries,
            keys,
            values,
            probabilities,
        } = saved;
        let sizes = Sizes::new(&queries, &keys, self.heads);
        let (query_len, key_len, d_model) = (sizes.query_len, sizes.key_len, sizes.d_model);
        let (head_dim, heads, head_size) = (sizes.head_dim, sizes.heads, query_len * key_len);
        let (q, k, v, p) = (
            queries.as_slice(),
            keys.as_slice(),
            values.as_slice(),
            probabilities.as_slice(),
        );
        let grad = grad.as_slice();
        let (mut of_q, mut of_k, mut of_v) = (buffer(q.len()), buffer(k.len()), buffer(v.len()));
        of_q.par_chunks_mut((query_len * d_model).max(1))
            .zip(of_k.par_chunks_mut((key_len * d_model).max(1)))
            .zip(of_v.par_chunks_mut((key_len * d_model).max(1)))
            .enumerate()
            .for_each(|(batch, ((of_q, of_k), of_v))| {
                let (q_row, k_row) = (batch * query_len, batch * key_len);
                let (mut weights, mut of_scores) = (vec![0f32; head_size], vec![0f32; head_size]);
                let blind = self.blind_queries(batch, sizes);
                for head in 0..heads {
                    let column = head * head_dim;
                    let first = (batch * heads + head) * head_size;
                    let p = &p[first..first + head_size];
                    let grad = sizes.head(grad, q_row, query_len, head);
                    // Through the weighted sum.
                    weights.copy_from_slice(p);
                    self.drop(&mut weights, first);
                    let kept = Mat::new(&weights, query_len, key_len);
                    matmul_strided(&mut of_v[column..], d_model, kept.t(), grad, false);
                    let v = sizes.head(v, k_row, key_len, head);
                    matmul_strided(&mut of_scores, key_len, grad, v.t(), false);
                    self.drop(&mut of_scores, first);
                    softmax_gradient(&mut of_scores, p, sizes);
                    // Their probabilities are even whatever the scores are.
                    of_scores[..blind * key_len].fill(0.0);
                    let of_scores = Mat::new(&of_scores, query_len, key_len);
                    let (q, k) = (
                        sizes.head(q, q_row, query_len, head),
                        sizes.head(k, k_row, key_len, head),
                    );
                    matmul_strided(&mut of_q[column..], d_model, of_scores, k, false);
                    matmul_strided(&mut of_k[column..], d_model, of_scores.t(), q, false);
                }
            });
        [
            needed[0].then(|| Values::new(of_q, queries.shape())),
            needed[1].then(|| Values::new(of_k, keys.shape())),
            needed[2].then(|| Values::new(of_v, values.shape())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Bool, Device, Distribution, Tensor, TensorData};

    use crate::ops;

    #[test]
    fn padding_before_a_sentence_changes_no_bit() {
        let device = Device::flex();
        let (width, heads) = (16, 2);
        // Sums are taken in blocks of 512.
        for (len, widest) in [(3, 700), (201, 601), (511, 600), (512, 601), (600, 1100)] {
            device.seed(7);
            let [q, k, v] = [(); 3]
                .map(|()| Tensor::<3>::random([1, len, width], Distribution::Normal(0.0, 1.0), &device));
            let attend = |pads: usize| {
                let padded = |x: &Tensor<3>| {
                    let zeros = Tensor::zeros([1, pads, width], &device);
                    Tensor::cat(vec![zeros, x.clone()], 1)
                };
                let [q, k, v] = [padded(&q), padded(&k), padded(&v)];
                let is_pad: Vec<bool> = (0..pads + len).map(|key| key < pads).collect();
                let is_pad = Tensor::<2, Bool>::from_data(TensorData::new(is_pad, [1, pads + len]), &device);
                let found = ops::attention(q, k, v, heads, Some(is_pad), false, None);
                found.slice([0..1, pads..pads + len]).into_data()
            };
            assert_eq!(attend(0), attend(widest - len), "{len} tokens in {widest}");
        }
    }
}
