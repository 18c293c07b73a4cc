//! The encoder of the Transformer.

use burn::{
    module::Module,
    tensor::{Bool, Int, Tensor},
};
use burnseq_text::Vocab;

use super::{
    EncoderOut, TransformerConfig,
    inputs::{InputParams, InputSettings, Inputs},
};
use crate::{
    Dropout, DropoutModule, Init,
    layers::{Embedding, LayerNorm, LayerSettings, TransformerLayer},
};

/// Source tokens to vectors.
#[derive(Module, Debug)]
pub struct Encoder {
    /// Source types; the target's too where all embeddings are shared.
    pub embed_tokens: Embedding,
    /// Learned positions.
    pub embed_positions: Option<Embedding>,
    /// Of the input of the first block.
    pub layernorm_embedding: Option<LayerNorm>,
    /// The blocks.
    pub layers: Vec<TransformerLayer>,
    /// After the last block of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    inputs: Inputs,
    pub(super) layerdrop: f64,
}

impl Encoder {
    pub(super) fn new(config: &TransformerConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let width = config.encoder_embed_dim;
        let settings = InputSettings {
            d_model: width,
            max_positions: config.max_source_positions,
            learned_pos: config.encoder_learned_pos,
            no_positions: config.no_token_positional_embeddings,
            scale: !config.no_scale_embedding,
            dropout: config.dropout,
            module: DropoutModule::TransformerEncoder,
            pad: vocab.pad(),
            offset: vocab.pad() + 1,
        };
        let (inputs, embed_positions) = Inputs::new(settings, init);
        let layer = LayerSettings {
            width,
            ffn_dim: config.encoder_ffn_embed_dim,
            heads: config.encoder_attention_heads,
            causal: false,
            normalize_before: config.encoder_normalize_before,
            layer_norm_eps: LayerNorm::FAIRSEQ_EPS,
            activation_fn: config.activation_fn,
            dropout: config.dropout,
            attention_dropout: config.attention_dropout,
            activation_dropout: config.activation_dropout,
            module: DropoutModule::TransformerEncoderLayer,
        };
        Self {
            embed_tokens: Embedding::new(vocab.src, width, vocab.pad(), init),
            embed_positions,
            layernorm_embedding: config
                .layernorm_embedding
                .then(|| LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init)),
            layers: (0..config.encoder_layers)
                .map(|_| TransformerLayer::new(layer, init))
                .collect(),
            layer_norm: config
                .encoder_normalize_before
                .then(|| LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init)),
            inputs,
            layerdrop: config.encoder_layerdrop,
        }
    }

    pub(super) fn inputs_max_positions(&self) -> usize {
        self.inputs.max_positions()
    }

    /// Encodes `src_tokens` `[batch, src_len]`; `observe` sees the input of the first block and the output of each.
    pub(super) fn forward(
        &self,
        src_tokens: Tensor<2, Int>,
        dropout: &Dropout,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> EncoderOut {
        let (mut x, is_pad) = self.embed(src_tokens, dropout);
        observe(&x);
        for layer in &self.layers {
            if !dropout.drops_layer(self.layerdrop) {
                x = layer.forward(x, is_pad.clone(), dropout);
            }
            observe(&x);
        }
        EncoderOut {
            x: self.finish(x),
            is_pad,
        }
    }

    /// [`forward`](Self::forward) without dropout, and the probabilities of each block's self-attention
    /// `[batch, heads, src_len, src_len]`.
    pub(super) fn forward_with_attention(&self, src_tokens: Tensor<2, Int>) -> (EncoderOut, Vec<Tensor<4>>) {
        let (mut x, is_pad) = self.embed(src_tokens, &Dropout::off());
        let mut attentions = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let attention;
            (x, attention) = layer.forward_with_attention(x, is_pad.clone());
            attentions.push(attention);
        }
        let encoder_out = EncoderOut {
            x: self.finish(x),
            is_pad,
        };
        (encoder_out, attentions)
    }

    /// The input of the first block `[batch, src_len, d_model]`, and where padding is `[batch, src_len]`.
    pub(super) fn embed(
        &self,
        src_tokens: Tensor<2, Int>,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<2, Bool>) {
        let is_pad = self.inputs.is_pad(src_tokens.clone());
        let params = InputParams {
            embed_tokens: &self.embed_tokens,
            project_in_dim: None,
            embed_positions: self.embed_positions.as_ref(),
            layernorm_embedding: self.layernorm_embedding.as_ref(),
        };
        let x = self.inputs.embed(src_tokens, &is_pad, params, dropout);
        let [batch, src_len, d_model] = x.dims();
        // fairseq clears padding once, here; the blocks then only keep others from seeing it.
        let x = x.mask_fill(
            is_pad
                .clone()
                .unsqueeze_dim::<3>(2)
                .expand([batch, src_len, d_model]),
            0.0,
        );
        (x, is_pad)
    }

    /// What the last block gave to what the decoder attends to.
    pub(super) fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        match &self.layer_norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }
}
