//! The encoder of LightConv and DynamicConv.

use burn::{
    module::Module,
    tensor::{Bool, Int, Tensor},
};
use burnseq_kernels::ops;
use burnseq_text::Vocab;

use super::LightConvConfig;
use crate::{
    Dropout, DropoutModule, Init,
    families::{
        EncoderOut, clear_padding,
        positions::{PositionSettings, PositionedEmbedding},
    },
    layers::{
        ActivationFn, Embedding, FeedForward, LayerNorm, LightConv, LightConvSettings, Linear, Residual,
    },
};

/// Convolution and feed-forward block of the encoder.
#[derive(Module, Debug)]
pub struct LightConvEncoderLayer {
    /// Into the convolution; with GLU twice as wide.
    pub linear1: Linear,
    /// Over the source, on both sides of a token.
    pub conv: LightConv,
    /// Out of the convolution.
    pub linear2: Linear,
    /// Into the feed-forward block.
    pub fc1: Linear,
    /// Out of the feed-forward block.
    pub fc2: Linear,
    /// Of the convolution.
    pub layer_norm1: LayerNorm,
    /// Of the feed-forward block.
    pub layer_norm2: LayerNorm,
    glu: bool,
    normalize_before: bool,
    dropout: f64,
    relu_dropout: f64,
    input_dropout: f64,
}

impl LightConvEncoderLayer {
    fn new(config: &LightConvConfig, kernel_size: usize, init: &mut Init) -> Self {
        let (width, ffn_dim) = (config.encoder_embed_dim, config.encoder_ffn_embed_dim);
        let conv_dim = config.encoder_conv_width();
        let inner = if config.encoder_glu {
            2 * conv_dim
        } else {
            conv_dim
        };
        let settings = LightConvSettings {
            conv_type: config.encoder_conv_type,
            width: conv_dim,
            heads: config.encoder_attention_heads,
            kernel_size,
            causal: false,
            softmax: config.weight_softmax,
            weight_dropout: config.weight_dropout,
            cut_to_batch: config.cut_filters_to_batch,
        };
        Self {
            linear1: Linear::xavier_zero_bias(width, inner, init),
            conv: LightConv::new(&settings, init),
            linear2: Linear::xavier_zero_bias(conv_dim, width, init),
            fc1: Linear::xavier_zero_bias(width, ffn_dim, init),
            fc2: Linear::xavier_zero_bias(ffn_dim, width, init),
            layer_norm1: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            layer_norm2: LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init),
            glu: config.encoder_glu,
            normalize_before: config.encoder_normalize_before,
            dropout: config.dropout,
            relu_dropout: config.relu_dropout,
            input_dropout: config.input_dropout,
        }
    }

    /// `x` `[batch, src_len, d_model]` to the same shape; `is_pad` `[batch, src_len]`.
    pub fn forward(&self, x: Tensor<3>, is_pad: &Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3> {
        let module = DropoutModule::LightConvEncoderLayer;
        let settings = Residual {
            normalize_before: self.normalize_before,
            module,
            probability: self.dropout,
            dropout,
        };
        let x = settings.apply(x, &self.layer_norm1, |x| {
            let x = dropout.apply(x, module, self.input_dropout);
            let x = self.linear1.forward(x);
            let x = if self.glu { ops::glu(x) } else { x }; // [batch, src_len, conv_dim]
            let x = self.conv.forward(clear_padding(x, is_pad), dropout);
            self.linear2.forward(x)
        });
        let feed_forward = FeedForward {
            fc1: &self.fc1,
            fc2: &self.fc2,
            activation_fn: ActivationFn::Relu,
            activation_dropout: self.relu_dropout,
            module,
        };
        settings.apply(x, &self.layer_norm2, |x| feed_forward.forward(x, dropout))
    }
}

/// Source tokens to vectors.
#[derive(Module, Debug)]
pub struct LightConvEncoder {
    /// Source types; the target's too where all embeddings are shared.
    pub embed_tokens: Embedding,
    /// Learned positions.
    pub embed_positions: Option<Embedding>,
    /// The layers.
    pub layers: Vec<LightConvEncoderLayer>,
    /// After the last layer of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    inputs: PositionedEmbedding,
}

impl LightConvEncoder {
    pub(super) fn new(config: &LightConvConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let width = config.encoder_embed_dim;
        let learned = config.encoder_learned_pos && !config.no_token_positional_embeddings;
        let rows = config.max_source_positions + vocab.pad() + 1;
        let settings = PositionSettings {
            scale: (width as f64).sqrt(),
            dropout: config.dropout,
            module: DropoutModule::LightConvEncoder,
            pad: vocab.pad(),
            offset: vocab.pad() + 1,
        };
        Self {
            embed_tokens: Embedding::new(vocab.src, width, vocab.pad(), init),
            embed_positions: learned.then(|| Embedding::new(rows, width, vocab.pad(), init)),
            layers: config
                .encoder_kernel_sizes()
                .into_iter()
                .map(|kernel_size| LightConvEncoderLayer::new(config, kernel_size, init))
                .collect(),
            layer_norm: config
                .encoder_normalize_before
                .then(|| LayerNorm::new(width, LayerNorm::FAIRSEQ_EPS, init)),
            inputs: if learned || config.no_token_positional_embeddings {
                PositionedEmbedding::new(settings, init)
            } else {
                PositionedEmbedding::sinusoidal(settings, config.max_source_positions, width, init)
            },
        }
    }

    /// Encodes `src_tokens` `[batch, src_len]`; `observe` sees the input of the first layer and the output of each.
    pub(super) fn forward(
        &self,
        src_tokens: Tensor<2, Int>,
        dropout: &Dropout,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> EncoderOut {
        let is_pad = self.inputs.is_pad(src_tokens.clone());
        let learned = self.embed_positions.as_ref();
        let mut x = self
            .inputs
            .embed(src_tokens, &is_pad, &self.embed_tokens, learned, dropout);
        observe(&x);
        for layer in &self.layers {
            x = layer.forward(x, &is_pad, dropout);
            observe(&x);
        }
        let x = match &self.layer_norm {
            Some(norm) => norm.forward(x),
            None => x,
        };
        EncoderOut { x, is_pad }
    }
}
