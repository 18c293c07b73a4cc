//! Block of a Transformer that reads one text: an encoder, or a language model.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{ActivationFn, FeedForward, KeyValueCache, LayerNorm, Linear, MultiheadAttention, Residual};
use crate::{Dropout, DropoutModule, Init};

/// Self-attention and feed-forward block (Vaswani et al. 2017, section 3).
#[derive(Module, Debug)]
pub struct TransformerLayer {
    /// Every token looks at every other, or at those before it.
    pub self_attn: MultiheadAttention,
    /// Of the attention sub-layer.
    pub self_attn_layer_norm: LayerNorm,
    /// Into the feed-forward block.
    pub fc1: Linear,
    /// Out of the feed-forward block.
    pub fc2: Linear,
    /// Of the feed-forward sub-layer.
    pub final_layer_norm: LayerNorm,
    #[module(skip)]
    settings: LayerSettings,
}

/// How the weights of a Transformer are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightInit {
    /// As fairseq does: embeddings N(0, 1/width), attention after Glorot and Bengio 2010, the rest as PyTorch does.
    #[default]
    Fairseq,
    /// N(0, 0.02²), biases zero (Radford et al. 2018, section 4.1).
    Gpt,
    /// The same, and N(0, 0.02² / (2 blocks)) where sub-layers write to the residual stream (Radford et al. 2019, section
    /// 2.3).
    Gpt2,
}

impl WeightInit {
    /// Names, as in flags and files.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("fairseq", Self::Fairseq),
        ("gpt", Self::Gpt),
        ("gpt2", Self::Gpt2),
    ];

    /// Standard deviations of weights, and of those that write to the residual stream of so many blocks; none where
    /// weights are not normal.
    pub(crate) fn std(self, blocks: usize) -> Option<[f64; 2]> {
        const STD: f64 = 0.02;
        match self {
            Self::Fairseq => None,
            Self::Gpt => Some([STD, STD]),
            Self::Gpt2 => Some([STD, STD / (2.0 * blocks as f64).sqrt()]),
        }
    }
}

/// What a [`TransformerLayer`] computes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSettings {
    pub width: usize,
    pub ffn_dim: usize,
    pub heads: usize,
    /// Tokens see those before them only.
    pub causal: bool,
    pub normalize_before: bool,
    /// Of both layer norms.
    pub layer_norm_eps: f64,
    pub activation_fn: ActivationFn,
    /// Drop probability of the outputs of the sub-layers.
    pub dropout: f64,
    /// Drop probability of attention probabilities.
    pub attention_dropout: f64,
    /// Drop probability after the activation.
    pub activation_dropout: f64,
    /// The place of dropout.
    pub module: DropoutModule,
    /// See [`WeightInit::std`].
    pub std: Option<[f64; 2]>,
}

impl TransformerLayer {
    pub(crate) fn new(settings: LayerSettings, init: &mut Init) -> Self {
        let LayerSettings {
            width,
            ffn_dim,
            heads,
            ..
        } = settings;
        let dropout = settings.attention_dropout;
        let (self_attn, fc1, fc2) = match settings.std {
            None => (
                MultiheadAttention::new(width, width, heads, dropout, init),
                Linear::uniform(width, ffn_dim, init),
                Linear::uniform(ffn_dim, width, init),
            ),
            Some(std) => (
                MultiheadAttention::normal(width, heads, dropout, std, init),
                Linear::normal(width, ffn_dim, std[0], init),
                Linear::normal(ffn_dim, width, std[1], init),
            ),
        };
        Self {
            self_attn,
            self_attn_layer_norm: LayerNorm::new(width, settings.layer_norm_eps, init),
            fc1,
            fc2,
            final_layer_norm: LayerNorm::new(width, settings.layer_norm_eps, init),
            settings,
        }
    }

    /// `x` `[batch, len, d_model]` to the same shape; `is_pad` `[batch, len]`.
    pub fn forward(&self, x: Tensor<3>, is_pad: Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3> {
        self.forward_observed(x, is_pad, dropout, |_| ())
    }

    /// [`forward`](Self::forward) without dropout, and the attention probabilities `[batch, heads, len, len]`.
    pub(crate) fn forward_with_attention(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
    ) -> (Tensor<3>, Tensor<4>) {
        let mut attention = None;
        let x = self.forward_observed(x, is_pad.clone(), &Dropout::off(), |x| {
            let (queries, memory, causal) = (x.clone(), x.clone(), self.settings.causal);
            attention = Some(self.self_attn.head_probabilities(queries, memory, is_pad, causal));
        });
        (x, attention.expect("every layer attends to itself once"))
    }

    /// [`forward`](Self::forward); `observe` sees the input of the self-attention.
    fn forward_observed(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        dropout: &Dropout,
        observe: impl FnOnce(&Tensor<3>),
    ) -> Tensor<3> {
        self.sublayers(x, dropout, |x| {
            observe(&x);
            self.self_attn
                .attend_to_self(x, is_pad, self.settings.causal, dropout)
        })
    }

    /// [`forward`](Self::forward), whose keys and values go to `past`, where a [fill has begun](KeyValueCache::begin_fill);
    /// this is its layer `number`.
    pub(crate) fn fill(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        number: usize,
        past: &mut KeyValueCache,
        dropout: &Dropout,
    ) -> Tensor<3> {
        self.forward_observed(x, is_pad, dropout, |x| {
            past.fill(number, self.self_attn.keys_values(x.clone()), self.settings.heads);
        })
    }

    /// One more token of each row: `x` `[rows, 1, d_model]` to the same shape; this is layer `number` of `past`.
    pub(crate) fn step(
        &self,
        x: Tensor<3>,
        number: usize,
        past: &mut KeyValueCache,
        dropout: &Dropout,
    ) -> Tensor<3> {
        self.sublayers(x, dropout, |x| {
            self.self_attn.attend_cached(x, past, number, dropout)
        })
    }

    /// See [`Linear::lay_out_for_decoding`]; `stepwise` where [`step`](Self::step) is going to be used.
    pub(crate) fn lay_out_for_decoding(&mut self, stepwise: bool) {
        self.self_attn.lay_out_for_decoding(stepwise);
        self.fc1.lay_out_for_decoding();
        self.fc2.lay_out_for_decoding();
    }

    fn sublayers(
        &self,
        x: Tensor<3>,
        dropout: &Dropout,
        attention: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let residual = Residual {
            normalize_before: self.settings.normalize_before,
            module: self.settings.module,
            probability: self.settings.dropout,
            dropout,
        };
        let x = residual.apply(x, &self.self_attn_layer_norm, attention);
        let feed_forward = FeedForward {
            fc1: &self.fc1,
            fc2: &self.fc2,
            activation_fn: self.settings.activation_fn,
            activation_dropout: self.settings.activation_dropout,
            module: self.settings.module,
        };
        residual.apply(x, &self.final_layer_norm, |x| feed_forward.forward(x, dropout))
    }
}
