//! Multi-head attention.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use burnseq_kernels::{dropout_mask::Mask, ops};

use super::{KeyValueCache, Linear};
use crate::{Dropout, DropoutModule, init::Init};

/// Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2.2).
#[derive(Module, Debug)]
pub struct MultiheadAttention {
    /// Projection of the keys, `[d_model, key width]`.
    pub k_proj: Linear,
    /// Projection of the values, `[d_model, key width]`.
    pub v_proj: Linear,
    /// Projection of the queries.
    pub q_proj: Linear,
    /// Projection of the concatenated heads.
    pub out_proj: Linear,
    heads: usize,
    attention_dropout: f64,
    /// Queries, keys and values of a decoding step as one product, where the device takes them so.
    #[module(skip)]
    stacked: Option<ops::Affine>,
}

impl MultiheadAttention {
    /// `key_width` is the width of what is attended to, the encoder's in cross-attention.
    pub(crate) fn new(
        d_model: usize,
        key_width: usize,
        heads: usize,
        attention_dropout: f64,
        init: &mut Init,
    ) -> Self {
        // fairseq: the smaller gain only where the three input projections could be one matrix.
        let gain = if key_width == d_model { 0.5f64.sqrt() } else { 1.0 };
        Self {
            k_proj: Linear::xavier(key_width, d_model, gain, init),
            v_proj: Linear::xavier(key_width, d_model, gain, init),
            q_proj: Linear::xavier(d_model, d_model, gain, init),
            out_proj: Linear::xavier_zero_bias(d_model, d_model, init),
            heads,
            attention_dropout,
            stacked: None,
        }
    }

    /// Self-attention with weights N(0, `std`²), those of the output N(0, `out_std`²), and biases of zero.
    pub(crate) fn normal(
        d_model: usize,
        heads: usize,
        attention_dropout: f64,
        [std, out_std]: [f64; 2],
        init: &mut Init,
    ) -> Self {
        Self {
            k_proj: Linear::normal(d_model, d_model, std, init),
            v_proj: Linear::normal(d_model, d_model, std, init),
            q_proj: Linear::normal(d_model, d_model, std, init),
            out_proj: Linear::normal(d_model, d_model, out_std, init),
            heads,
            attention_dropout,
            stacked: None,
        }
    }

    /// Brings the projections into the form that decoding reads: see [`Linear::lay_out_for_decoding`]. `stepwise` where
    /// [`attend_cached`](Self::attend_cached) is going to be used.
    pub(crate) fn lay_out_for_decoding(&mut self, stepwise: bool) {
        let linears = [
            &mut self.k_proj,
            &mut self.v_proj,
            &mut self.q_proj,
            &mut self.out_proj,
        ];
        linears.into_iter().for_each(Linear::lay_out_for_decoding);
        if stepwise {
            let projections = [&self.q_proj, &self.k_proj, &self.v_proj].map(Linear::affine);
            self.stacked = ops::stacked_for_decoding(projections);
        }
    }

    /// Keys and values of `memory` `[batch, key_len, key width]`, each `[batch, key_len, d_model]`.
    pub fn keys_values(&self, memory: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        (self.k_proj.forward(memory.clone()), self.v_proj.forward(memory))
    }

    /// What the tokens of `x` find in each other.
    ///
    /// # Shapes
    /// - `x` and the result: `[batch, len, d_model]`
    /// - `is_pad`: `[batch, len]`, true where a token must not be seen
    /// - `causal`: token `i` sees tokens `0..=i` only
    pub fn attend_to_self(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        causal: bool,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let projections = [&self.q_proj, &self.k_proj, &self.v_proj].map(Linear::affine);
        let mask = self.draw(dropout);
        let found = ops::self_attention(x, projections, self.heads, is_pad, causal, mask);
        self.out_proj.forward(found)
    }

    /// What the queries of `x` find in `memory`.
    ///
    /// # Shapes
    /// - `x` and the result: `[batch, query_len, d_model]`
    /// - `memory`: `[batch, key_len, key width]`
    /// - `is_pad`: `[batch, key_len]`, true where a key must not be seen
    pub fn attend_to(
        &self,
        x: Tensor<3>,
        memory: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let queries = self.q_proj.forward(x);
        let projections = [&self.k_proj, &self.v_proj].map(Linear::affine);
        let mask = self.draw(dropout);
        let found = ops::cross_attention(queries, memory, projections, self.heads, is_pad, mask);
        self.out_proj.forward(found)
    }

    /// What the queries of a decoding step, `x`, find in `keys` and `values` of an earlier [`keys_values`](Self::keys_values).
    ///
    /// # Shapes
    /// - `x`: `[batch, query_len, d_model]`
    /// - `keys`, `values`: `[batch, key_len, d_model]`
    /// - `is_pad`: `[batch, key_len]`, true where a key must not be seen
    pub fn attend(
        &self,
        x: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let queries = self.q_proj.forward(x);
        let mask = self.draw(dropout);
        let found = ops::step_attention(queries, keys, values, self.heads, is_pad, mask);
        self.out_proj.forward(found)
    }

    /// Attention probabilities of each head for the queries of `x` and the keys of `memory`; nothing is dropped.
    ///
    /// # Shapes
    /// - `x`: `[batch, query_len, d_model]`
    /// - `memory`: `[batch, key_len, key width]`
    /// - `is_pad`: `[batch, key_len]`, true where a key must not be seen
    /// - `causal`: query `i` sees keys `0..=i` only
    /// - result: `[batch, heads, query_len, key_len]`, rows add up to 1
    pub fn head_probabilities(
        &self,
        x: Tensor<3>,
        memory: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        causal: bool,
    ) -> Tensor<4> {
        let (queries, keys) = (self.q_proj.forward(x), self.k_proj.forward(memory));
        ops::attention_probabilities(queries, keys, self.heads, Some(is_pad), causal)
    }

    /// How much the queries of `x` look at each key of `memory`, averaged over the heads; nothing is dropped.
    ///
    /// # Shapes
    /// - `x`: `[batch, query_len, d_model]`
    /// - `memory`: `[batch, key_len, key width]`
    /// - `is_pad`: `[batch, key_len]`, true where a key must not be seen
    /// - result: `[batch, query_len, key_len]`, rows add up to 1
    pub fn probabilities(&self, x: Tensor<3>, memory: Tensor<3>, is_pad: Tensor<2, Bool>) -> Tensor<3> {
        self.head_probabilities(x, memory, is_pad, false)
            .mean_dim(1)
            .squeeze_dim(1)
    }

    /// What the one query of every row finds in the row's past; the step itself becomes part of it.
    ///
    /// # Shapes
    /// - `x` and the result: `[rows, 1, d_model]`
    /// - `cache`: where the [step has begun](KeyValueCache::begin_step); this is the attention of its layer `layer`
    pub fn attend_cached(
        &self,
        x: Tensor<3>,
        cache: &mut KeyValueCache,
        layer: usize,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let mask = self.draw(dropout);
        if let (Some(projections), None) = (&self.stacked, mask)
            && let Some(found) = cache.attend_stacked(layer, &x, projections, self.heads)
        {
            return self.out_proj.forward(found);
        }
        let keys_values = self.keys_values(x.clone());
        let queries = self.q_proj.forward(x);
        let found = cache.attend(layer, queries, keys_values, self.heads, mask);
        self.out_proj.forward(found)
    }

    fn draw(&self, dropout: &Dropout) -> Option<Mask> {
        dropout.draw(DropoutModule::MultiheadAttention, self.attention_dropout)
    }
}

#[cfg(test)]
mod tests {
    use burn::{module::Param, tensor::Device};

    use super::*;

    #[test]
    fn probabilities_of_a_head_are_the_softmax_of_its_scores() {
        let device = Device::flex();
        let mut attention = MultiheadAttention::new(2, 2, 2, 0.0, &mut Init::new(1, &(&device).into()));
        // Projections that change nothing: each of the two heads has one dimension, so scores are plain products.
        for projection in [&mut attention.q_proj, &mut attention.k_proj] {
            projection.weight = Param::from_tensor(Tensor::from_floats([[1.0, 0.0], [0.0, 1.0]], &device));
            projection.bias = Param::from_tensor(Tensor::zeros([2], &device));
        }
        let ln2 = std::f32::consts::LN_2;
        let queries = Tensor::<3>::from_floats([[[ln2, 0.0], [0.0, 2.0 * ln2]]], &device);
        let memory = Tensor::<3>::from_floats([[[1.0, 1.0], [0.0, 0.0], [9.0, 9.0]]], &device);
        let is_pad = Tensor::<2, Bool>::from_data([[false, false, true]], &device);
        let found = attention.head_probabilities(queries.clone(), memory, is_pad.clone(), false);
        // Head 1 has scores (ln 2, 0) and (0, 0), head 2 (0, 0) and (2 ln 2, 0); the third key is padding.
        let third = 1.0 / 3.0;
        let expected = Tensor::<4>::from_floats(
            [[
                [[2.0 * third, third, 0.0], [0.5, 0.5, 0.0]],
                [[0.5, 0.5, 0.0], [0.8, 0.2, 0.0]],
            ]],
            &device,
        );
        let difference = (found - expected).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "{difference}");

        // The first query of a causal attention sees the first key alone.
        let causal = attention.head_probabilities(queries.clone(), queries, is_pad.slice([0..1, 0..2]), true);
        let first = causal
            .slice([0..1, 0..2, 0..1, 0..2])
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        assert_eq!(first, [1.0, 0.0, 1.0, 0.0]);
    }
}
