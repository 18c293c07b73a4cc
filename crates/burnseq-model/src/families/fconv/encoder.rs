//! The encoder of fconv.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use burnseq_kernels::ops;
use burnseq_text::Vocab;

use super::{ConvSpec, FConvConfig};
use crate::{
    Dropout, DropoutModule, Init, Tokens,
    families::{
        clear_padding,
        inputs::{InputParams, InputSettings, Inputs},
    },
    layers::{Embedding, WeightNormConv, WeightNormLinear},
};

/// A table of fconv: N(0, 0.01) with the padding row zero.
pub(super) fn embedding(types: usize, width: usize, pad: usize, init: &mut Init) -> Embedding {
    let values = init.normal_values([types, width], 0.1);
    Embedding::of_values(values, [types, width], pad, init)
}

/// Convolutions of one side with their residual connections.
pub(super) struct Stack {
    pub projections: Vec<Option<WeightNormLinear>>,
    pub convolutions: Vec<WeightNormConv>,
}

impl Stack {
    pub(super) fn new(spec: &ConvSpec, dropout: f64, init: &mut Init) -> Self {
        let mut channels = vec![spec.0[0].channels];
        let (mut projections, mut convolutions) = (Vec::new(), Vec::new());
        for layer in &spec.0 {
            let input = *channels.last().expect("it starts with one");
            // Where there is a residual connection, it lies so many layers back.
            let residual = channels[channels.len() - layer.residual.max(1)];
            let projected = layer.residual > 0 && residual != layer.channels;
            projections.push(projected.then(|| WeightNormLinear::new(residual, layer.channels, 0.0, init)));
            convolutions.push(WeightNormConv::new(
                input,
                2 * layer.channels,
                layer.kernel_size,
                dropout,
                init,
            ));
            channels.push(layer.channels);
        }
        Self {
            projections,
            convolutions,
        }
    }
}

/// How embeddings of both sides enter the first layer: as they are, with learned positions of the model's own.
pub(super) fn inputs(module: DropoutModule, config: &FConvConfig, pad: usize, init: &mut Init) -> Inputs {
    let settings = InputSettings {
        no_positions: true,
        scale: false,
        dropout: config.dropout,
        // Neither matters without positions of theirs.
        ..InputSettings::new(module, 0, 0, pad)
    };
    Inputs::new(settings, init).0
}

/// The parameters that go with them.
pub(super) fn input_params<'a>(
    embed_tokens: &'a Embedding,
    embed_positions: &'a Embedding,
) -> InputParams<'a> {
    InputParams {
        embed_tokens,
        project_in_dim: None,
        embed_positions: Some(embed_positions),
        layernorm_embedding: None,
    }
}

/// What the encoder gives the decoder.
#[derive(Debug, Clone)]
pub struct FConvEncoderOut {
    /// Output of the encoder, `[batch, src_len, embed_dim]`.
    pub keys: Tensor<3>,
    /// The same with the embeddings, `[batch, src_len, embed_dim]`.
    pub values: Tensor<3>,
    /// True at padding, `[batch, src_len]`.
    pub is_pad: Tensor<2, Bool>,
    /// Root of the number of tokens, `[batch, 1, 1]`.
    pub scale: Tensor<3>,
}

/// Source tokens to keys and values of attention.
#[derive(Module, Debug)]
pub struct FConvEncoder {
    /// Source types.
    pub embed_tokens: Embedding,
    /// Learned positions; the first token sits in row `pad + 1`.
    pub embed_positions: Embedding,
    /// To the channels of the first convolution.
    pub fc1: WeightNormLinear,
    /// Of the residual connections whose ends differ in width.
    pub projections: Vec<Option<WeightNormLinear>>,
    /// The layers.
    pub convolutions: Vec<WeightNormConv>,
    /// Back to the width of the embeddings.
    pub fc2: WeightNormLinear,
    #[module(skip)]
    residuals: Vec<usize>,
    inputs: Inputs,
    dropout: f64,
}

impl FConvEncoder {
    pub(super) fn new(config: &FConvConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let (width, dropout, spec) = (config.encoder_embed_dim, config.dropout, &config.encoder_layers);
        let rows = config.max_source_positions;
        let inputs = inputs(DropoutModule::FConvEncoder, config, vocab.pad(), init);
        let embed_tokens = embedding(vocab.src, width, vocab.pad(), init);
        let embed_positions = embedding(rows, width, vocab.pad(), init);
        let fc1 = WeightNormLinear::new(width, spec.0[0].channels, dropout, init);
        let Stack {
            projections,
            convolutions,
        } = Stack::new(spec, dropout, init);
        let last = spec.0.last().expect("there is at least one layer").channels;
        Self {
            embed_tokens,
            embed_positions,
            fc1,
            projections,
            convolutions,
            fc2: WeightNormLinear::new(last, width, 0.0, init),
            residuals: spec.0.iter().map(|layer| layer.residual).collect(),
            inputs,
            dropout,
        }
    }

    /// Encodes `src_tokens` `[batch, src_len]` for a decoder with so many `attending` layers: since all of them add to
    /// the gradient of the encoder, it is divided by twice their number.
    pub(super) fn forward(&self, src_tokens: Tokens, attending: usize, dropout: &Dropout) -> FConvEncoderOut {
        let is_pad = self.inputs.is_pad(src_tokens.clone());
        let params = input_params(&self.embed_tokens, &self.embed_positions);
        let embedded = self.inputs.embed(src_tokens, &is_pad, params, dropout);
        let mut x = self.fc1.affine().forward(embedded.clone());
        let mut outputs = vec![x.clone()];
        let layers = self
            .convolutions
            .iter()
            .zip(&self.projections)
            .zip(&self.residuals);
        for ((convolution, projection), &residual) in layers {
            let residual = (residual > 0).then(|| outputs[outputs.len() - residual].clone());
            let residual = residual.map(|residual| match projection {
                Some(projection) => projection.affine().forward(residual),
                None => residual,
            });
            x = clear_padding(x, &is_pad);
            x = dropout.apply(x, DropoutModule::FConvEncoder, self.dropout);
            let convolution = convolution.computed();
            // Of an even number of taps, one more lies after the present input than before it.
            x = ops::glu(convolution.forward(x, (convolution.kernel_size() - 1) / 2));
            if let Some(residual) = residual {
                x = (x + residual) * 0.5f64.sqrt();
            }
            outputs.push(x.clone());
        }
        let x = clear_padding(self.fc2.affine().forward(x), &is_pad);
        let keys = scale_gradient(x, 1.0 / (2.0 * attending as f64));
        let values = (keys.clone() + embedded) * 0.5f64.sqrt();
        let tokens = is_pad.clone().bool_not().float().sum_dim(1); // [batch, 1]
        let scale = tokens.clamp_min(1.0).sqrt().unsqueeze_dim::<3>(2);
        let scale = if keys.is_autodiff() && !scale.is_autodiff() {
            Tensor::from_inner(scale)
        } else {
            scale
        };
        FConvEncoderOut {
            scale: ops::as_type(scale, keys.dtype()),
            keys,
            values,
            is_pad,
        }
    }
}

/// `x`, whose gradient is multiplied by `factor`.
fn scale_gradient(x: Tensor<3>, factor: f64) -> Tensor<3> {
    let constant = x.clone().detach();
    // The difference is zero, so that the value does not change by a bit.
    constant.clone() + (x - constant) * factor
}
