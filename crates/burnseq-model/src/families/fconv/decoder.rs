//! The decoder of fconv, over whole targets and step by step.

use burn::{
    module::{Module, Param},
    tensor::{Int, Tensor},
};
use burnseq_kernels::{Precision, ops};
use burnseq_text::Vocab;

use super::{
    ConvAttention, FConvConfig, FConvEncoderOut, FConvState,
    attention::Attending,
    encoder::{Stack, embedding, input_params, inputs},
};
use crate::{
    Dropout, DropoutModule, Init, Tokens,
    families::inputs::Inputs,
    layers::{Affine, Conv, ConvWindow, ConvWindows, Embedding, WeightNormConv, WeightNormLinear},
};

/// The output layer: a weight-normalised map of its own, or the embeddings with a bias.
#[derive(Module, Debug)]
pub struct OutputLayer {
    /// `[vocab]`
    pub bias: Param<Tensor<1>>,
    /// Lengths, `[vocab, 1]`; none where the embeddings serve.
    pub weight_g: Option<Param<Tensor<2>>>,
    /// Directions, `[vocab, out_embed_dim]`; none where the embeddings serve.
    pub weight_v: Option<Param<Tensor<2>>>,
    #[module(skip)]
    precision: Precision,
}

impl OutputLayer {
    fn new(config: &FConvConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let width = config.decoder_out_embed_dim;
        if config.share_input_output_embed {
            // PyTorch's default, which fairseq leaves as it is here.
            let bias = init.uniform_param([vocab.tgt], 1.0 / (width as f64).sqrt());
            return Self {
                weight_g: None,
                weight_v: None,
                bias,
                precision: init.precision(),
            };
        }
        let linear = WeightNormLinear::new(width, vocab.tgt, config.dropout, init);
        Self {
            weight_g: Some(linear.weight_g),
            weight_v: Some(linear.weight_v),
            bias: linear.bias,
            precision: init.precision(),
        }
    }

    fn computed(&self) -> Option<Affine> {
        let (weight_g, weight_v) = (self.weight_g.as_ref()?, self.weight_v.as_ref()?);
        Some(Affine::of_weight_norm(
            weight_g.val(),
            weight_v.val(),
            self.bias.val(),
            self.precision,
        ))
    }
}

/// Target tokens so far, and keys and values of the source, to logits.
#[derive(Module, Debug)]
pub struct FConvDecoder {
    /// Target types.
    pub embed_tokens: Embedding,
    /// Learned positions; the first token sits in row `pad + 1`.
    pub embed_positions: Embedding,
    /// To the channels of the first convolution.
    pub fc1: WeightNormLinear,
    /// Of the residual connections whose ends differ in width.
    pub projections: Vec<Option<WeightNormLinear>>,
    /// The layers.
    pub convolutions: Vec<WeightNormConv>,
    /// Of the layers that attend to the source.
    pub attention: Vec<Option<ConvAttention>>,
    /// To the width of the output layer.
    pub fc2: WeightNormLinear,
    /// To logits.
    pub fc3: OutputLayer,
    #[module(skip)]
    residuals: Vec<usize>,
    inputs: Inputs,
    dropout: f64,
}

/// The decoder's weights, computed from directions and lengths.
#[derive(Debug, Clone)]
pub(super) struct Computed {
    fc1: Affine,
    layers: Vec<ComputedLayer>,
    fc2: Affine,
    /// None where the embeddings serve.
    fc3: Option<Affine>,
}

/// Those of one layer.
#[derive(Debug, Clone)]
struct ComputedLayer {
    projection: Option<Affine>,
    convolution: Conv,
    attention: Option<Attending>,
    residual: usize,
}

impl Computed {
    fn laid_out_for_decoding(self) -> Self {
        let layers = self.layers.into_iter().map(|layer| ComputedLayer {
            projection: layer.projection.map(Affine::laid_out_for_decoding),
            convolution: layer.convolution.laid_out_for_decoding(),
            attention: layer.attention.map(Attending::laid_out_for_decoding),
            residual: layer.residual,
        });
        Self {
            fc1: self.fc1.laid_out_for_decoding(),
            layers: layers.collect(),
            fc2: self.fc2.laid_out_for_decoding(),
            fc3: self.fc3.map(Affine::laid_out_for_decoding),
        }
    }
}

impl FConvDecoder {
    pub(super) fn new(config: &FConvConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let (width, dropout, spec) = (config.decoder_embed_dim, config.dropout, &config.decoder_layers);
        let rows = config.max_target_positions;
        let inputs = inputs(DropoutModule::FConvDecoder, config, vocab.pad(), init);
        let embed_tokens = embedding(vocab.tgt, width, vocab.pad(), init);
        let embed_positions = embedding(rows, width, vocab.pad(), init);
        let fc1 = WeightNormLinear::new(width, spec.0[0].channels, dropout, init);
        let Stack {
            projections,
            convolutions,
        } = Stack::new(spec, dropout, init);
        let attention = spec.0.iter().enumerate().map(|(number, layer)| {
            let attends = config.decoder_attention.attends(number);
            attends.then(|| ConvAttention::new(layer.channels, width, init))
        });
        let attention = attention.collect();
        let last = spec.0.last().expect("there is at least one layer").channels;
        Self {
            embed_tokens,
            embed_positions,
            fc1,
            projections,
            convolutions,
            attention,
            fc2: WeightNormLinear::new(last, config.decoder_out_embed_dim, 0.0, init),
            fc3: OutputLayer::new(config, vocab, init),
            residuals: spec.0.iter().map(|layer| layer.residual).collect(),
            inputs,
            dropout,
        }
    }

    /// How many layers attend to the source.
    pub(super) fn attending_layers(&self) -> usize {
        self.attention.iter().flatten().count()
    }

    /// Whether the embeddings are the output layer, too.
    pub(super) fn shares_embedding(&self) -> bool {
        self.fc3.weight_v.is_none()
    }

    fn computed(&self) -> Computed {
        let layers = self.convolutions.iter().enumerate();
        let layers = layers.map(|(number, convolution)| ComputedLayer {
            projection: self.projections[number].as_ref().map(WeightNormLinear::affine),
            convolution: convolution.computed(),
            attention: self.attention[number].as_ref().map(ConvAttention::computed),
            residual: self.residuals[number],
        });
        Computed {
            fc1: self.fc1.affine(),
            layers: layers.collect(),
            fc2: self.fc2.affine(),
            fc3: self.fc3.computed(),
        }
    }

    /// The layers over embeddings `target` `[rows, len, embed_dim]`, to logits `[rows, len, vocab]`; `convolve` applies
    /// the convolution of a layer by its number, `stepwise` says whether a row is one step of decoding, and `observe`
    /// gets the attention weights of every attending layer, if they are asked for.
    #[expect(clippy::too_many_arguments, reason = "what a pass and a step differ in")]
    fn layers(
        &self,
        target: Tensor<3>,
        weights: &Computed,
        source: &FConvEncoderOut,
        dropout: &Dropout,
        stepwise: bool,
        mut convolve: impl FnMut(usize, &Conv, Tensor<3>) -> Tensor<3>,
        mut observe: Option<&mut dyn FnMut(Tensor<3>)>,
    ) -> Tensor<3> {
        let module = DropoutModule::FConvDecoder;
        let mut x = weights.fc1.forward(target.clone());
        let mut outputs = vec![x.clone()];
        for (number, layer) in weights.layers.iter().enumerate() {
            let residual = (layer.residual > 0).then(|| outputs[outputs.len() - layer.residual].clone());
            let residual = residual.map(|residual| match &layer.projection {
                Some(projection) => projection.forward(residual),
                None => residual,
            });
            x = dropout.apply(x, module, self.dropout);
            x = ops::glu(convolve(number, &layer.convolution, x));
            if let Some(attention) = &layer.attention {
                if let Some(observe) = &mut observe {
                    observe(attention.weights(x.clone(), target.clone(), source));
                }
                x = attention.forward(x, target.clone(), source, stepwise);
            }
            if let Some(residual) = residual {
                x = (x + residual) * 0.5f64.sqrt();
            }
            outputs.push(x.clone());
        }
        let x = dropout.apply(weights.fc2.forward(x), module, self.dropout);
        match &weights.fc3 {
            Some(output) => output.forward(x),
            None => self.embed_tokens.project_with_bias(x, self.fc3.bias.val()),
        }
    }

    /// `prev_output_tokens` `[batch, tgt_len]` to logits `[batch, tgt_len, vocab]`; `observe` gets the attention weights
    /// of every attending layer, `[batch, tgt_len, src_len]`, if they are asked for.
    pub(super) fn forward(
        &self,
        prev_output_tokens: Tokens,
        source: &FConvEncoderOut,
        dropout: &Dropout,
        observe: Option<&mut dyn FnMut(Tensor<3>)>,
    ) -> Tensor<3> {
        let is_pad = self.inputs.is_pad(prev_output_tokens.clone());
        let params = input_params(&self.embed_tokens, &self.embed_positions);
        let target = self.inputs.embed(prev_output_tokens, &is_pad, params, dropout);
        let convolve = |_, convolution: &Conv, x| convolution.forward(x, convolution.kernel_size() - 1);
        self.layers(
            target,
            &self.computed(),
            source,
            dropout,
            false,
            convolve,
            observe,
        )
    }

    /// The state before the first step. `dropout` gives the masks of all steps.
    pub(super) fn start(&self, source: FConvEncoderOut, dropout: Dropout) -> FConvState {
        let weights = self.computed();
        let layers = weights.layers.iter();
        FConvState {
            windows: ConvWindows::new(
                layers.map(|layer| ConvWindow::contiguous(layer.convolution.kernel_size())),
            ),
            weights: weights.laid_out_for_decoding(),
            source,
            dropout,
        }
    }

    /// `prev_output_tokens` `[rows]` to logits `[rows, 1, vocab]`.
    pub(super) fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut FConvState) -> Tensor<3> {
        let FConvState {
            weights,
            windows,
            source,
            dropout,
        } = state;
        let [rows] = prev_output_tokens.dims();
        let params = input_params(&self.embed_tokens, &self.embed_positions);
        let target = self
            .inputs
            .embed_step(prev_output_tokens, windows.steps, params, dropout);
        windows.begin_step(rows);
        let convolve =
            |number: usize, convolution: &Conv, x| convolution.step(windows.windows[number].push(x).window());
        self.layers(target, weights, source, dropout, true, convolve, None)
    }
}
