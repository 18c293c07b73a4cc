//! The decoder of the Transformer, over whole targets and step by step.

use burn::{
    module::Module,
    tensor::{Bool, Int, Tensor},
};
use burnseq_kernels::Stepping;
use burnseq_text::Vocab;

use super::{
    ActivationFn, DecoderState, EncoderOut, TransformerConfig,
    inputs::{InputParams, InputSettings, Inputs},
};
use crate::{
    Dropout, DropoutModule, Init,
    layers::{Embedding, FeedForward, KeyValueCache, LayerNorm, Linear, MultiheadAttention, Residual},
};

/// Self-attention, cross-attention and feed-forward block of the decoder.
#[derive(Module, Debug)]
pub struct DecoderLayer {
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

impl DecoderLayer {
    fn new(config: &TransformerConfig, init: &mut Init) -> Self {
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

    /// The three sub-layers; the attentions are given by the caller, who knows what there is to attend to.
    fn sublayers(
        &self,
        x: Tensor<3>,
        dropout: &Dropout,
        self_attention: impl FnOnce(Tensor<3>) -> Tensor<3>,
        cross_attention: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let settings = Residual {
            normalize_before: self.normalize_before,
            module: DropoutModule::TransformerDecoderLayer,
            probability: self.dropout,
            dropout,
        };
        let x = settings.apply(x, &self.self_attn_layer_norm, self_attention);
        let x = settings.apply(x, &self.encoder_attn_layer_norm, cross_attention);
        let feed_forward = FeedForward {
            fc1: &self.fc1,
            fc2: &self.fc2,
            activation_fn: self.activation_fn,
            activation_dropout: self.activation_dropout,
            module: settings.module,
        };
        settings.apply(x, &self.final_layer_norm, |x| feed_forward.forward(x, dropout))
    }

    /// Whole targets: `x` `[batch, tgt_len, d_model]` to the same shape; `is_pad` `[batch, tgt_len]`.
    pub fn forward(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        encoder_out: &EncoderOut,
        dropout: &Dropout,
    ) -> Tensor<3> {
        self.forward_observed(x, is_pad, encoder_out, dropout, |_| (), |_| ())
    }

    /// [`forward`](Self::forward), and how much each target token looks at each source token:
    /// `[batch, tgt_len, src_len]`, averaged over the heads.
    fn forward_with_attention(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        encoder_out: &EncoderOut,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>) {
        let mut attention = None;
        let observe = |x: &Tensor<3>| {
            let EncoderOut { x: memory, is_pad } = encoder_out.clone();
            attention = Some(self.encoder_attn.probabilities(x.clone(), memory, is_pad));
        };
        let x = self.forward_observed(x, is_pad, encoder_out, dropout, |_| (), observe);
        (x, attention.expect("every layer attends to the source once"))
    }

    /// [`forward`](Self::forward) without dropout, and the probabilities of each head: of the self-attention
    /// `[batch, heads, tgt_len, tgt_len]` and of the cross-attention `[batch, heads, tgt_len, src_len]`.
    fn forward_with_heads(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        encoder_out: &EncoderOut,
    ) -> (Tensor<3>, [Tensor<4>; 2]) {
        let (mut to_itself, mut to_source) = (None, None);
        let observe_self = |x: &Tensor<3>| {
            let (queries, memory, is_pad) = (x.clone(), x.clone(), is_pad.clone());
            to_itself = Some(self.self_attn.head_probabilities(queries, memory, is_pad, true));
        };
        let observe_cross = |x: &Tensor<3>| {
            let EncoderOut { x: memory, is_pad } = encoder_out.clone();
            to_source = Some(
                self.encoder_attn
                    .head_probabilities(x.clone(), memory, is_pad, false),
            );
        };
        let dropout = Dropout::off();
        let x = self.forward_observed(
            x,
            is_pad.clone(),
            encoder_out,
            &dropout,
            observe_self,
            observe_cross,
        );
        let both = [to_itself, to_source].map(|found| found.expect("every layer attends once to each"));
        (x, both)
    }

    /// [`forward`](Self::forward); `observe_self` sees the input of the self-attention, `observe_cross` that of the
    /// cross-attention.
    fn forward_observed(
        &self,
        x: Tensor<3>,
        is_pad: Tensor<2, Bool>,
        encoder_out: &EncoderOut,
        dropout: &Dropout,
        observe_self: impl FnOnce(&Tensor<3>),
        observe_cross: impl FnOnce(&Tensor<3>),
    ) -> Tensor<3> {
        let self_attention = |x: Tensor<3>| {
            observe_self(&x);
            self.self_attn.attend_to_self(x, is_pad, true, dropout)
        };
        let cross_attention = |x: Tensor<3>| {
            observe_cross(&x);
            let EncoderOut { x: memory, is_pad } = encoder_out.clone();
            self.encoder_attn.attend_to(x, memory, is_pad, dropout)
        };
        self.sublayers(x, dropout, self_attention, cross_attention)
    }

    /// One more token, in layer `number` (from 0): `x` `[rows, 1, d_model]` to the same shape.
    fn step(&self, x: Tensor<3>, number: usize, state: &mut DecoderState) -> Tensor<3> {
        let DecoderState {
            past,
            cross,
            is_pad,
            dropout,
        } = state;
        let self_attention = |x: Tensor<3>| self.self_attn.attend_cached(x, past, number, dropout);
        let (keys, values) = cross[number].clone();
        let cross_attention = |x: Tensor<3>| {
            // The rows of a sentence are so many queries to its one set of keys.
            let [rows, _, d_model] = x.dims();
            let [batch, _, _] = keys.dims();
            let x = x.reshape([batch, rows / batch, d_model]);
            let found = self.encoder_attn.attend(x, keys, values, is_pad.clone(), dropout);
            found.reshape([rows, 1, d_model])
        };
        self.sublayers(x, dropout, self_attention, cross_attention)
    }
}

/// Target tokens so far, and the encoder's vectors, to vectors that the output projection reads.
#[derive(Module, Debug)]
pub struct Decoder {
    /// Target types; none where the encoder's table serves.
    pub embed_tokens: Option<Embedding>,
    /// Learned positions.
    pub embed_positions: Option<Embedding>,
    /// Of the input of the first block.
    pub layernorm_embedding: Option<LayerNorm>,
    /// The blocks.
    pub layers: Vec<DecoderLayer>,
    /// After the last block of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    /// Rows are types; none where the embeddings serve.
    pub output_projection: Option<Embedding>,
    inputs: Inputs,
    pub(super) layerdrop: f64,
}

impl Decoder {
    pub(super) fn new(config: &TransformerConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let width = config.decoder_embed_dim;
        let settings = InputSettings {
            d_model: width,
            max_positions: config.max_target_positions,
            learned_pos: config.decoder_learned_pos,
            no_positions: config.no_token_positional_embeddings,
            scale: !config.no_scale_embedding,
            dropout: config.dropout,
            module: DropoutModule::TransformerDecoder,
            pad: vocab.pad(),
            offset: vocab.pad() + 1,
        };
        let (inputs, embed_positions) = Inputs::new(settings, init);
        let own_table = !config.share_all_embeddings;
        let own_projection = own_table && !config.share_decoder_input_output_embed;
        Self {
            embed_tokens: own_table.then(|| Embedding::new(vocab.tgt, width, vocab.pad(), init)),
            embed_positions,
            layernorm_embedding: config
                .layernorm_embedding
                .then(|| LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init)),
            layers: (0..config.decoder_layers)
                .map(|_| DecoderLayer::new(config, init))
                .collect(),
            layer_norm: config
                .decoder_normalize_before
                .then(|| LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init)),
            output_projection: own_projection.then(|| Embedding::projection(vocab.tgt, width, init)),
            inputs,
            layerdrop: config.decoder_layerdrop,
        }
    }

    pub(super) fn inputs_max_positions(&self) -> usize {
        self.inputs.max_positions()
    }

    fn input_params<'a>(&'a self, embed_tokens: &'a Embedding) -> InputParams<'a> {
        InputParams {
            embed_tokens,
            project_in_dim: None,
            embed_positions: self.embed_positions.as_ref(),
            layernorm_embedding: self.layernorm_embedding.as_ref(),
        }
    }

    /// The input of the first block `[batch, tgt_len, d_model]`, and where padding is `[batch, tgt_len]`.
    pub(super) fn embed(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        embed_tokens: &Embedding,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<2, Bool>) {
        let is_pad = self.inputs.is_pad(prev_output_tokens.clone());
        let params = self.input_params(embed_tokens);
        let x = self.inputs.embed(prev_output_tokens, &is_pad, params, dropout);
        (x, is_pad)
    }

    /// What the last block gave to what the output projection reads.
    pub(super) fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        match &self.layer_norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }

    /// `prev_output_tokens` `[batch, tgt_len]` to `[batch, tgt_len, d_model]`; `observe` sees the input of the first
    /// block and the output of each.
    pub(super) fn forward(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> Tensor<3> {
        let (mut x, is_pad) = self.embed(prev_output_tokens, embed_tokens, dropout);
        observe(&x);
        for layer in &self.layers {
            if !dropout.drops_layer(self.layerdrop) {
                x = layer.forward(x, is_pad.clone(), encoder_out, dropout);
            }
            observe(&x);
        }
        self.finish(x)
    }

    /// [`forward`](Self::forward), and the attention of the last block: `[batch, tgt_len, src_len]`.
    pub(super) fn forward_with_attention(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>) {
        let (mut x, is_pad) = self.embed(prev_output_tokens, embed_tokens, dropout);
        let (last, others) = self
            .layers
            .split_last()
            .expect("a decoder has at least one block");
        for layer in others {
            x = layer.forward(x, is_pad.clone(), encoder_out, dropout);
        }
        let (x, attention) = last.forward_with_attention(x, is_pad, encoder_out, dropout);
        (self.finish(x), attention)
    }

    /// Probabilities of the self-attention and of the cross-attention of each block, without dropout: see
    /// [`AttentionProbabilities`](crate::AttentionProbabilities).
    pub(super) fn attention_probabilities(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
    ) -> (Vec<Tensor<4>>, Vec<Tensor<4>>) {
        let (mut x, is_pad) = self.embed(prev_output_tokens, embed_tokens, &Dropout::off());
        let (mut to_itself, mut to_source) = (Vec::new(), Vec::new());
        for layer in &self.layers {
            let both;
            (x, both) = layer.forward_with_heads(x, is_pad.clone(), encoder_out);
            let [own, source] = both;
            to_itself.push(own);
            to_source.push(source);
        }
        (to_itself, to_source)
    }

    /// Caches before the first step: the keys and values of the source. `dropout` gives the masks of all steps.
    pub(super) fn start(
        &self,
        encoder_out: EncoderOut,
        dropout: Dropout,
        stepping: Stepping,
    ) -> DecoderState {
        let cross = |layer: &DecoderLayer| layer.encoder_attn.keys_values(encoder_out.x.clone());
        DecoderState {
            past: KeyValueCache::new(self.layers.len(), stepping),
            cross: self.layers.iter().map(cross).collect(),
            is_pad: encoder_out.is_pad,
            dropout,
        }
    }

    /// `prev_output_tokens` `[rows]` to `[rows, 1, d_model]`.
    pub(super) fn step(
        &self,
        prev_output_tokens: Tensor<1, Int>,
        state: &mut DecoderState,
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
