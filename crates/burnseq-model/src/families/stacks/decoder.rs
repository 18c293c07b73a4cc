//! A stack of layers over the target, over whole targets and step by step.

use burn::{
    module::{Module, Param},
    tensor::{Bool, Int, Tensor},
};
use burnseq_kernels::Stepping;

use super::{DecoderLayer, Past, StackSettings, StackState};
use crate::{
    Dropout, Init, Tokens,
    families::{
        EncoderOut,
        inputs::{InputParams, Inputs},
    },
    layers::{Embedding, LayerNorm},
};

/// Which tables a decoder has of its own.
pub(in crate::families) struct OwnTables {
    /// Of the tokens so far; else the encoder's serves.
    pub embed_tokens: bool,
    /// Of the output; else that of the tokens so far serves.
    pub output_projection: bool,
}

impl OwnTables {
    /// What is left of the settings of fairseq's names.
    pub fn new(share_all_embeddings: bool, share_decoder_input_output_embed: bool) -> Self {
        Self {
            embed_tokens: !share_all_embeddings,
            output_projection: !share_all_embeddings && !share_decoder_input_output_embed,
        }
    }
}

/// Target tokens so far, and the encoder's vectors, to vectors that the output projection reads.
#[derive(Module, Debug)]
pub struct DecoderStack<L: DecoderLayer> {
    /// Target types; none where the encoder's table serves.
    pub embed_tokens: Option<Embedding>,
    /// Learned positions.
    pub embed_positions: Option<Embedding>,
    /// Of the input of the first layer.
    pub layernorm_embedding: Option<LayerNorm>,
    /// The layers.
    pub layers: Vec<L>,
    /// After the last layer of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    /// Rows are types; none where the embeddings serve.
    pub output_projection: Option<Embedding>,
    /// Added to the logits, `[types]`; not trained.
    pub final_logits_bias: Option<Param<Tensor<1>>>,
    types: usize,
    pub(super) inputs: Inputs,
    pub(super) layerdrop: f64,
}

impl<L: DecoderLayer> DecoderStack<L> {
    pub(in crate::families) fn new(
        settings: StackSettings,
        own: &OwnTables,
        layers: usize,
        layer: impl Fn(usize, &mut Init) -> L,
        init: &mut Init,
    ) -> Self {
        let StackSettings { types, .. } = settings;
        let (width, pad) = (settings.inputs.d_model, settings.inputs.pad);
        let (inputs, embed_positions) = Inputs::new(settings.inputs, init);
        Self {
            embed_tokens: own.embed_tokens.then(|| Embedding::new(types, width, pad, init)),
            embed_positions,
            layernorm_embedding: LayerNorm::fairseq_if(settings.layernorm_embedding, width, init),
            layers: (0..layers).map(|number| layer(number, init)).collect(),
            layer_norm: LayerNorm::fairseq_if(settings.normalize_before, width, init),
            output_projection: own
                .output_projection
                .then(|| Embedding::projection(types, width, init)),
            final_logits_bias: None,
            types,
            inputs,
            layerdrop: settings.layerdrop,
        }
    }

    /// The same stack with zeros that are added to the logits, where they `are_there`.
    pub(in crate::families) fn with_logits_bias(self, are_there: bool, init: &mut Init) -> Self {
        Self {
            final_logits_bias: are_there.then(|| init.constant_param(self.types, 0.0)),
            ..self
        }
    }

    fn input_params<'a>(&'a self, embed_tokens: &'a Embedding) -> InputParams<'a> {
        InputParams {
            embed_tokens,
            project_in_dim: None,
            embed_positions: self.embed_positions.as_ref(),
            layernorm_embedding: self.layernorm_embedding.as_ref(),
        }
    }

    /// The input of the first layer `[batch, tgt_len, d_model]`, and where padding is `[batch, tgt_len]`.
    pub(super) fn embed(
        &self,
        prev_output_tokens: Tokens,
        embed_tokens: &Embedding,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<2, Bool>) {
        let is_pad = self.inputs.is_pad(prev_output_tokens.clone());
        let params = self.input_params(embed_tokens);
        let x = self.inputs.embed(prev_output_tokens, &is_pad, params, dropout);
        (x, is_pad)
    }

    /// Output of the last layer to what the output projection reads.
    pub(super) fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        LayerNorm::forward_if(self.layer_norm.as_ref(), x)
    }

    /// `prev_output_tokens` `[batch, tgt_len]` to `[batch, tgt_len, d_model]`; `observe` sees the input of the first
    /// layer and the output of each.
    pub(super) fn forward(
        &self,
        prev_output_tokens: Tokens,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> Tensor<3> {
        let (mut x, is_pad) = self.embed(prev_output_tokens, embed_tokens, dropout);
        observe(&x);
        for layer in &self.layers {
            if !dropout.drops_layer(self.layerdrop) {
                x = layer.forward(x, &is_pad, encoder_out, dropout, |_| ());
            }
            observe(&x);
        }
        self.finish(x)
    }

    /// [`forward`](Self::forward) through all layers, and the attention weights of the last one,
    /// `[batch, tgt_len, src_len]`, averaged over the heads.
    pub(super) fn forward_with_attention(
        &self,
        prev_output_tokens: Tokens,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>) {
        let (mut x, is_pad) = self.embed(prev_output_tokens, embed_tokens, dropout);
        let mut attention = None;
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, &is_pad, encoder_out, dropout, |x| {
                if number + 1 == self.layers.len() {
                    let EncoderOut { x: memory, is_pad } = encoder_out.clone();
                    attention = Some(layer.encoder_attn().probabilities(x.clone(), memory, is_pad));
                }
            });
        }
        (
            self.finish(x),
            attention.expect("a decoder has at least one layer"),
        )
    }

    /// Attention probabilities of the layers, without dropout: to the target, of those that attend to it, and to the source;
    /// see [`AttentionProbabilities`](crate::AttentionProbabilities).
    pub(super) fn attention_probabilities(
        &self,
        prev_output_tokens: Tokens,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
    ) -> (Vec<Tensor<4>>, Vec<Tensor<4>>) {
        let (mut x, is_pad) = self.embed(prev_output_tokens, embed_tokens, &Dropout::off());
        let (mut to_target, mut to_source) = (Vec::new(), Vec::new());
        for layer in &self.layers {
            let (own, cross);
            (x, own, cross) = layer.forward_with_heads(x, &is_pad, encoder_out);
            to_target.extend(own);
            to_source.push(cross);
        }
        (to_target, to_source)
    }

    /// Caches before the first step: keys and values of the source. `dropout` gives the masks of all steps.
    pub(super) fn start(
        &self,
        encoder_out: EncoderOut,
        dropout: Dropout,
        stepping: Stepping,
    ) -> StackState<L::Past> {
        let EncoderOut { x, is_pad } = encoder_out;
        let layers = self.layers.iter();
        StackState {
            past: L::past(&self.layers, stepping),
            cross: layers
                .map(|layer| layer.encoder_attn().keys_values(x.clone()))
                .collect(),
            is_pad,
            dropout,
        }
    }

    /// `prev_output_tokens` `[rows]` to `[rows, 1, d_model]`.
    pub(super) fn step(
        &self,
        prev_output_tokens: Tensor<1, Int>,
        state: &mut StackState<L::Past>,
        embed_tokens: &Embedding,
    ) -> Tensor<3> {
        let params = self.input_params(embed_tokens);
        let [rows] = prev_output_tokens.dims();
        let mut x = self
            .inputs
            .embed_step(prev_output_tokens, state.past.steps(), params, &state.dropout);
        state.past.begin_step(rows);
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.step(x, number, state);
        }
        self.finish(x)
    }
}
