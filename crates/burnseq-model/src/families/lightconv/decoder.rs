//! A layer of the decoder of LightConv and DynamicConv.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use burnseq_kernels::{Stepping, ops};

use super::LightConvConfig;
use crate::{
    Dropout, DropoutModule, Init,
    families::stacks::{DecoderLayer, Look},
    layers::{
        ActivationFn, ConvWindows, FeedForward, LayerNorm, LightConv, LightConvSettings, Linear,
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
    pub(super) fn new(config: &LightConvConfig, kernel_size: usize, init: &mut Init) -> Self {
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
}

impl DecoderLayer for LightConvDecoderLayer {
    type Past = ConvWindows;

    fn past(layers: &[Self], stepping: Stepping) -> ConvWindows {
        ConvWindows::new(layers.iter().map(|layer| layer.conv.window(stepping)))
    }

    fn encoder_attn(&self) -> &MultiheadAttention {
        &self.encoder_attn
    }

    fn sublayers(&self, x: Tensor<3>, dropout: &Dropout, target: impl Look, source: impl Look) -> Tensor<3> {
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
            self.linear2.forward(target(x))
        });
        let x = settings.apply(x, &self.encoder_attn_layer_norm, source);
        let feed_forward = FeedForward {
            fc1: &self.fc1,
            fc2: &self.fc2,
            activation_fn: ActivationFn::Relu,
            activation_dropout: self.relu_dropout,
            module,
        };
        settings.apply(x, &self.final_layer_norm, |x| feed_forward.forward(x, dropout))
    }

    fn look_back(&self, x: Tensor<3>, _is_pad: &Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3> {
        self.conv.forward(x, dropout)
    }

    fn look_back_step(&self, x: Tensor<3>, n: usize, past: &mut Self::Past, dropout: &Dropout) -> Tensor<3> {
        self.conv.step(x, &mut past.windows[n], dropout)
    }

    fn lay_out_for_decoding(&mut self) {
        [&mut self.linear1, &mut self.linear2, &mut self.fc1, &mut self.fc2]
            .into_iter()
            .for_each(Linear::lay_out_for_decoding);
        self.encoder_attn.lay_out_for_decoding(false);
        self.conv.lay_out_for_decoding();
    }
}
