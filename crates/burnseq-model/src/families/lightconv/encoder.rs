//! A layer of the encoder of LightConv and DynamicConv.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use burnseq_kernels::ops;

use super::LightConvConfig;
use crate::{
    Dropout, DropoutModule, Init,
    families::{clear_padding, stacks::EncoderLayer},
    layers::{ActivationFn, FeedForward, LayerNorm, LightConv, LightConvSettings, Linear, Residual},
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
    pub(super) fn new(config: &LightConvConfig, kernel_size: usize, init: &mut Init) -> Self {
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
}

impl EncoderLayer for LightConvEncoderLayer {
    fn forward(&self, x: Tensor<3>, is_pad: &Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3> {
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

    fn lay_out_for_decoding(&mut self) {
        [&mut self.linear1, &mut self.linear2, &mut self.fc1, &mut self.fc2]
            .into_iter()
            .for_each(Linear::lay_out_for_decoding);
        self.conv.lay_out_for_decoding();
    }
}
