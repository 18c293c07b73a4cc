//! A layer of the decoder of the Transformer.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use burnseq_kernels::Stepping;

use super::{ActivationFn, TransformerConfig};
use crate::{
    Dropout, DropoutModule, Init,
    families::stacks::{DecoderLayer, Look},
    layers::{FeedForward, KeyValueCache, LayerNorm, Linear, MultiheadAttention, Residual},
};

/// Self-attention, cross-attention and feed-forward block of the decoder.
#[derive(Module, Debug)]
pub struct TransformerDecoderLayer {
    /// Every target token looks at those before it.
    pub self_attn: MultiheadAttention,
    /// Of the self-attention sub-layer.
    pub self_attn_layer_norm: LayerNorm,
    /// Every target token looks at the source.
    pub encoder_attn: MultiheadAttention,
    /// Of the cross-attention sub-layer.
    pub encoder_attn_layer_norm: LayerNorm,
    /// Into the feed-forward block.
    pub fc1: Linear,
    /// Out of the feed-forward block.
    pub fc2: Linear,
    /// Of the feed-forward sub-layer.
    pub final_layer_norm: LayerNorm,
    #[module(skip)]
    activation_fn: ActivationFn,
    normalize_before: bool,
    dropout: f64,
    activation_dropout: f64,
}

impl TransformerDecoderLayer {
    pub(super) fn new(config: &TransformerConfig, init: &mut Init) -> Self {
        let (width, ffn_dim) = (config.decoder_embed_dim, config.decoder_ffn_embed_dim);
        let (heads, attention_dropout) = (config.decoder_attention_heads, config.attention_dropout);
        let memory = config.encoder_embed_dim;
        Self {
            self_attn: MultiheadAttention::new(width, width, heads, attention_dropout, init),
            self_attn_layer_norm: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            encoder_attn: MultiheadAttention::new(width, memory, heads, attention_dropout, init),
            encoder_attn_layer_norm: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            fc1: Linear::uniform(width, ffn_dim, init),
            fc2: Linear::uniform(ffn_dim, width, init),
            final_layer_norm: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            activation_fn: config.activation_fn,
            normalize_before: config.decoder_normalize_before,
            dropout: config.dropout,
            activation_dropout: config.activation_dropout,
        }
    }
}

impl DecoderLayer for TransformerDecoderLayer {
    type Past = KeyValueCache;

    fn past(layers: &[Self], stepping: Stepping) -> KeyValueCache {
        KeyValueCache::new(layers.len(), stepping)
    }

    fn encoder_attn(&self) -> &MultiheadAttention {
        &self.encoder_attn
    }

    fn sublayers(&self, x: Tensor<3>, dropout: &Dropout, target: impl Look, source: impl Look) -> Tensor<3> {
        let settings = Residual {
            normalize_before: self.normalize_before,
            module: DropoutModule::TransformerDecoderLayer,
            probability: self.dropout,
            dropout,
        };
        let x = settings.apply(x, &self.self_attn_layer_norm, target);
        let x = settings.apply(x, &self.encoder_attn_layer_norm, source);
        let feed_forward = FeedForward {
            fc1: &self.fc1,
            fc2: &self.fc2,
            activation_fn: self.activation_fn,
            activation_dropout: self.activation_dropout,
            module: settings.module,
        };
        settings.apply(x, &self.final_layer_norm, |x| feed_forward.forward(x, dropout))
    }

    fn look_back(&self, x: Tensor<3>, is_pad: &Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3> {
        self.self_attn.attend_to_self(x, is_pad.clone(), true, dropout)
    }

    fn look_back_probabilities(&self, x: &Tensor<3>, is_pad: &Tensor<2, Bool>) -> Option<Tensor<4>> {
        let (queries, memory) = (x.clone(), x.clone());
        Some(
            self.self_attn
                .head_probabilities(queries, memory, is_pad.clone(), true),
        )
    }

    fn look_back_step(&self, x: Tensor<3>, n: usize, past: &mut Self::Past, dropout: &Dropout) -> Tensor<3> {
        self.self_attn.attend_cached(x, past, n, dropout)
    }

    fn lay_out_for_decoding(&mut self) {
        self.self_attn.lay_out_for_decoding(true);
        self.encoder_attn.lay_out_for_decoding(false);
        self.fc1.lay_out_for_decoding();
        self.fc2.lay_out_for_decoding();
    }
}
