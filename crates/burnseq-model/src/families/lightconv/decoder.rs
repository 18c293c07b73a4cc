//! The decoder of LightConv and DynamicConv, over whole targets and step by step.

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};
use burnseq_kernels::{Stepping, ops};
use burnseq_text::Vocab;

use super::{LightConvConfig, LightConvState};
use crate::{
    Dropout, DropoutModule, Init,
    families::{
        EncoderOut,
        positions::{PositionSettings, PositionedEmbedding},
    },
    layers::{
        ActivationFn, Embedding, FeedForward, LayerNorm, LightConv, LightConvSettings, Linear,
        MultiheadAttention, Residual,
    },
};

/// Convolution, cross-attention and feed-forward block of the decoder.
#[derive(Module, Debug)]
pub struct LightConvDecoderLayer {
    /// Into the convolution; with GLU twice as wide.
    pub linear1: Linear,
    /// Over a token and those before it.
    pub conv: LightConv,
    /// Out of the convolution.
    pub linear2: Linear,
    /// Of the convolution.
    pub conv_layer_norm: LayerNorm,
    /// Over the source.
    pub encoder_attn: MultiheadAttention,
    /// Of the cross-attention.
    pub encoder_attn_layer_norm: LayerNorm,
    /// Into the feed-forward block.
    pub fc1: Linear,
    /// Out of the feed-forward block.
    pub fc2: Linear,
    /// Of the feed-forward block.
    pub final_layer_norm: LayerNorm,
    glu: bool,
    normalize_before: bool,
    dropout: f64,
    relu_dropout: f64,
    input_dropout: f64,
}

impl LightConvDecoderLayer {
    fn new(config: &LightConvConfig, kernel_size: usize, init: &mut Init) -> Self {
        let (width, ffn_dim) = (config.decoder_embed_dim, config.decoder_ffn_embed_dim);
        let conv_dim = config.decoder_conv_width();
        let inner = if config.decoder_glu {
            2 * conv_dim
        } else {
            conv_dim
        };
        let heads = config.decoder_attention_heads;
        let settings = LightConvSettings {
            conv_type: config.decoder_conv_type,
            width: conv_dim,
            heads,
            kernel_size,
            causal: true,
            softmax: config.weight_softmax,
            weight_dropout: config.weight_dropout,
            cut_to_batch: config.cut_filters_to_batch,
        };
        let memory = config.encoder_embed_dim;
        Self {
            linear1: Linear::xavier_zero_bias(width, inner, init),
            conv: LightConv::new(&settings, init),
            linear2: Linear::xavier_zero_bias(conv_dim, width, init),
            conv_layer_norm: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            encoder_attn: MultiheadAttention::new(width, memory, heads, config.attention_dropout, init),
            encoder_attn_layer_norm: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            fc1: Linear::xavier_zero_bias(width, ffn_dim, init),
            fc2: Linear::xavier_zero_bias(ffn_dim, width, init),
            final_layer_norm: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            glu: config.decoder_glu,
            normalize_before: config.decoder_normalize_before,
            dropout: config.dropout,
            relu_dropout: config.relu_dropout,
            input_dropout: config.input_dropout,
        }
    }

    /// The three sub-layers; convolution and attention are given by the caller, who knows what there is to see.
    fn sublayers(
        &self,
        x: Tensor<3>,
        dropout: &Dropout,
        convolution: impl FnOnce(Tensor<3>) -> Tensor<3>,
        cross_attention: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let module = DropoutModule::LightConvDecoderLayer;
        let settings = Residual {
            normalize_before: self.normalize_before,
            module,
            probability: self.dropout,
            dropout,
        };
        let x = settings.apply(x, &self.conv_layer_norm, |x| {
            let x = dropout.apply(x, module, self.input_dropout);
            let x = self.linear1.forward(x);
            let x = if self.glu { ops::glu(x) } else { x }; // [batch, tgt_len, conv_dim]
            self.linear2.forward(convolution(x))
        });
        let x = settings.apply(x, &self.encoder_attn_layer_norm, cross_attention);
        let feed_forward = FeedForward {
            fc1: &self.fc1,
            fc2: &self.fc2,
            activation_fn: ActivationFn::Relu,
            activation_dropout: self.relu_dropout,
            module,
        };
        settings.apply(x, &self.final_layer_norm, |x| feed_forward.forward(x, dropout))
    }

    /// Whole targets: `x` `[batch, tgt_len, d_model]` to the same shape.
    pub fn forward(&self, x: Tensor<3>, encoder_out: &EncoderOut, dropout: &Dropout) -> Tensor<3> {
        self.forward_observed(x, encoder_out, dropout, |_| ())
    }

    /// [`forward`](Self::forward), and the attention weights `[batch, tgt_len, src_len]`, averaged over the heads.
    fn forward_with_attention(
        &self,
        x: Tensor<3>,
        encoder_out: &EncoderOut,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>) {
        let (x, attention) = self.forward_with_heads(x, encoder_out, dropout);
        (x, attention.mean_dim(1).squeeze_dim(1))
    }

    /// [`forward`](Self::forward), and the attention weights of each head `[batch, heads, tgt_len, src_len]`.
    fn forward_with_heads(
        &self,
        x: Tensor<3>,
        encoder_out: &EncoderOut,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<4>) {
        let mut attention = None;
        let x = self.forward_observed(x, encoder_out, dropout, |x| {
            let EncoderOut { x: memory, is_pad } = encoder_out.clone();
            attention = Some(
                self.encoder_attn
                    .head_probabilities(x.clone(), memory, is_pad, false),
            );
        });
        (x, attention.expect("every layer attends to the source once"))
    }

    /// [`forward`](Self::forward); `observe` sees the input of the cross-attention.
    fn forward_observed(
        &self,
        x: Tensor<3>,
        encoder_out: &EncoderOut,
        dropout: &Dropout,
        observe: impl FnOnce(&Tensor<3>),
    ) -> Tensor<3> {
        let convolution = |x: Tensor<3>| self.conv.forward(x, dropout);
        let cross_attention = |x: Tensor<3>| {
            observe(&x);
            let EncoderOut { x: memory, is_pad } = encoder_out.clone();
            self.encoder_attn.attend_to(x, memory, is_pad, dropout)
        };
        self.sublayers(x, dropout, convolution, cross_attention)
    }

    /// One more token, in layer `number` (from 0): `x` `[rows, 1, d_model]` to the same shape.
    fn step(&self, x: Tensor<3>, number: usize, state: &mut LightConvState) -> Tensor<3> {
        let LightConvState {
            windows,
            cross,
            is_pad,
            dropout,
            ..
        } = state;
        let convolution = |x: Tensor<3>| self.conv.step(x, &mut windows[number], dropout);
        let (keys, values) = cross[number].clone();
        let cross_attention = |x: Tensor<3>| {
            // The rows of a sentence are so many queries to its one set of keys.
            let [rows, _, d_model] = x.dims();
            let [batch, _, _] = keys.dims();
            let x = x.reshape([batch, rows / batch, d_model]);
            let found = self.encoder_attn.attend(x, keys, values, is_pad.clone(), dropout);
            found.reshape([rows, 1, d_model])
        };
        self.sublayers(x, dropout, convolution, cross_attention)
    }
}

/// Target tokens so far, and the encoder's vectors, to vectors that the output projection reads.
#[derive(Module, Debug)]
pub struct LightConvDecoder {
    /// Target types; none where the encoder's table serves.
    pub embed_tokens: Option<Embedding>,
    /// Learned positions.
    pub embed_positions: Option<Embedding>,
    /// The layers.
    pub layers: Vec<LightConvDecoderLayer>,
    /// Rows are types; none where the embeddings serve.
    pub output_projection: Option<Embedding>,
    /// After the last layer of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    inputs: PositionedEmbedding,
}

impl LightConvDecoder {
    pub(super) fn new(config: &LightConvConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let width = config.decoder_embed_dim;
        let learned = config.decoder_learned_pos && !config.no_token_positional_embeddings;
        let rows = config.max_target_positions + vocab.pad() + 1;
        let own_table = !config.share_all_embeddings;
        let own_projection = own_table && !config.share_decoder_input_output_embed;
        let settings = PositionSettings {
            scale: (width as f64).sqrt(),
            dropout: config.dropout,
            module: DropoutModule::LightConvDecoder,
            pad: vocab.pad(),
            offset: vocab.pad() + 1,
        };
        Self {
            embed_tokens: own_table.then(|| Embedding::new(vocab.tgt, width, vocab.pad(), init)),
            embed_positions: learned.then(|| Embedding::new(rows, width, vocab.pad(), init)),
            layers: config
                .decoder_kernel_sizes()
                .into_iter()
                .map(|kernel_size| LightConvDecoderLayer::new(config, kernel_size, init))
                .collect(),
            output_projection: own_projection.then(|| Embedding::projection(vocab.tgt, width, init)),
            layer_norm: config
                .decoder_normalize_before
                .then(|| LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init)),
            inputs: if learned || config.no_token_positional_embeddings {
                PositionedEmbedding::new(settings, init)
            } else {
                PositionedEmbedding::sinusoidal(settings, config.max_target_positions, width, init)
            },
        }
    }

    /// `[batch, tgt_len]` to `[batch, tgt_len, d_model]`.
    fn embed(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        embed_tokens: &Embedding,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let is_pad = self.inputs.is_pad(prev_output_tokens.clone());
        let learned = self.embed_positions.as_ref();
        self.inputs
            .embed(prev_output_tokens, &is_pad, embed_tokens, learned, dropout)
    }

    /// Output of the last layer to input of the output projection.
    fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        match &self.layer_norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }

    /// `prev_output_tokens` `[batch, tgt_len]` to `[batch, tgt_len, d_model]`; `observe` sees the input of the first
    /// layer and the output of each.
    pub(super) fn forward(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> Tensor<3> {
        let mut x = self.embed(prev_output_tokens, embed_tokens, dropout);
        observe(&x);
        for layer in &self.layers {
            x = layer.forward(x, encoder_out, dropout);
            observe(&x);
        }
        self.finish(x)
    }

    /// [`forward`](Self::forward), and the attention weights of the last layer: `[batch, tgt_len, src_len]`.
    pub(super) fn forward_with_attention(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>) {
        let mut x = self.embed(prev_output_tokens, embed_tokens, dropout);
        let (last, others) = self
            .layers
            .split_last()
            .expect("a decoder has at least one layer");
        for layer in others {
            x = layer.forward(x, encoder_out, dropout);
        }
        let (x, attention) = last.forward_with_attention(x, encoder_out, dropout);
        (self.finish(x), attention)
    }

    /// Attention weights of each layer and head, without dropout: `[batch, heads, tgt_len, src_len]`.
    pub(super) fn attention_probabilities(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        encoder_out: &EncoderOut,
        embed_tokens: &Embedding,
    ) -> Vec<Tensor<4>> {
        let dropout = Dropout::off();
        let mut x = self.embed(prev_output_tokens, embed_tokens, &dropout);
        let mut attentions = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let attention;
            (x, attention) = layer.forward_with_heads(x, encoder_out, &dropout);
            attentions.push(attention);
        }
        attentions
    }

    /// Caches before the first step: keys and values of the source. `dropout` gives the masks of all steps.
    pub(super) fn start(
        &self,
        encoder_out: EncoderOut,
        dropout: Dropout,
        stepping: Stepping,
    ) -> LightConvState {
        let cross = |layer: &LightConvDecoderLayer| layer.encoder_attn.keys_values(encoder_out.x.clone());
        let [rows, _] = encoder_out.is_pad.dims();
        LightConvState {
            windows: self
                .layers
                .iter()
                .map(|layer| layer.conv.window(stepping))
                .collect(),
            cross: self.layers.iter().map(cross).collect(),
            is_pad: encoder_out.is_pad,
            steps: 0,
            rows,
            dropout,
        }
    }

    /// `prev_output_tokens` `[rows]` to `[rows, 1, d_model]`.
    pub(super) fn step(
        &self,
        prev_output_tokens: Tensor<1, Int>,
        state: &mut LightConvState,
        embed_tokens: &Embedding,
    ) -> Tensor<3> {
        [state.rows] = prev_output_tokens.dims();
        let learned = self.embed_positions.as_ref();
        let mut x = self.inputs.embed_step(
            prev_output_tokens,
            state.steps,
            embed_tokens,
            learned,
            &state.dropout,
        );
        state.steps += 1;
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.step(x, number, state);
        }
        self.finish(x)
    }
}
