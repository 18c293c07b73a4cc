//! A stack of layers over the source.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};

use super::{EncoderLayer, StackSettings};
use crate::{
    Dropout, Init, Tokens,
    families::{
        EncoderOut, clear_padding,
        inputs::{InputParams, Inputs},
    },
    layers::{Embedding, LayerNorm},
};

/// Source tokens to vectors.
#[derive(Module, Debug)]
pub struct EncoderStack<L: EncoderLayer> {
    /// Source types; the target's too where all embeddings are shared.
    pub embed_tokens: Embedding,
    /// Learned positions.
    pub embed_positions: Option<Embedding>,
    /// Of the input of the first layer.
    pub layernorm_embedding: Option<LayerNorm>,
    /// The layers.
    pub layers: Vec<L>,
    /// After the last layer of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    pub(super) inputs: Inputs,
    pub(super) layerdrop: f64,
}

impl<L: EncoderLayer> EncoderStack<L> {
    pub(in crate::families) fn new(
        settings: StackSettings,
        layers: usize,
        layer: impl Fn(usize, &mut Init) -> L,
        init: &mut Init,
    ) -> Self {
        let (width, pad) = (settings.inputs.d_model, settings.inputs.pad);
        let (inputs, embed_positions) = Inputs::new(settings.inputs, init);
        Self {
            embed_tokens: Embedding::new(settings.types, width, pad, init),
            embed_positions,
            layernorm_embedding: LayerNorm::fairseq_if(settings.layernorm_embedding, width, init),
            layers: (0..layers).map(|number| layer(number, init)).collect(),
            layer_norm: LayerNorm::fairseq_if(settings.normalize_before, width, init),
            inputs,
            layerdrop: settings.layerdrop,
        }
    }

    /// Encodes `src_tokens` `[batch, src_len]`; `observe` sees the input of the first layer and the output of each.
    pub(super) fn forward(
        &self,
        src_tokens: Tokens,
        dropout: &Dropout,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> EncoderOut {
        let (mut x, is_pad) = self.embed(src_tokens, dropout);
        observe(&x);
        for layer in &self.layers {
            if !dropout.drops_layer(self.layerdrop) {
                x = layer.forward(x, &is_pad, dropout);
            }
            observe(&x);
        }
        EncoderOut {
            x: self.finish(x),
            is_pad,
        }
    }

    /// [`forward`](Self::forward) without dropout, and the attention probabilities of each layer that attends
    /// `[batch, heads, src_len, src_len]`.
    pub(super) fn forward_with_attention(&self, src_tokens: Tokens) -> (EncoderOut, Vec<Tensor<4>>) {
        let (mut x, is_pad) = self.embed(src_tokens, &Dropout::off());
        let mut attentions = Vec::new();
        for layer in &self.layers {
            let attention;
            (x, attention) = layer.forward_with_attention(x, &is_pad);
            attentions.extend(attention);
        }
        let x = self.finish(x);
        (EncoderOut { x, is_pad }, attentions)
    }

    /// The input of the first layer `[batch, src_len, d_model]`, and where padding is `[batch, src_len]`.
    pub(super) fn embed(&self, src_tokens: Tokens, dropout: &Dropout) -> (Tensor<3>, Tensor<2, Bool>) {
        let is_pad = self.inputs.is_pad(src_tokens.clone());
        let params = InputParams {
            embed_tokens: &self.embed_tokens,
            project_in_dim: None,
            embed_positions: self.embed_positions.as_ref(),
            layernorm_embedding: self.layernorm_embedding.as_ref(),
        };
        let x = self.inputs.embed(src_tokens, &is_pad, params, dropout);
        // fairseq's Transformer clears padding once, here; the layers then only keep others from seeing it.
        (clear_padding(x, &is_pad), is_pad)
    }

    /// Output of the last layer to what the decoder attends to.
    pub(super) fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        LayerNorm::forward_if(self.layer_norm.as_ref(), x)
    }
}
