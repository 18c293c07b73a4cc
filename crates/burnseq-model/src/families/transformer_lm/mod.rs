//! The decoder of the Transformer alone, as a language model.

mod config;
mod fairseq;
mod hugging_face;
mod settings;

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};
use burnseq_kernels::Stepping;
use burnseq_text::Vocab;

pub use config::TransformerLmConfig;

use super::inputs::{InputParams, InputSettings, Inputs};
use crate::{
    DecoderOnly, Dropout, DropoutModule, Init, Stepwise, Tokens,
    families::inputs::LookUp,
    layers::{
        AdaptiveInput, AdaptiveSoftmax, Embedding, KeyValueCache, LayerNorm, LayerSettings, Projection, Tied,
        TransformerLayer,
    },
};

/// Language model of fairseq's `transformer_lm` (Radford et al. 2018; Baevski and Auli 2019), with its parameter names,
/// shapes and arithmetic; with other settings GPT and GPT-2 as OpenAI published them.
#[derive(Module, Debug)]
pub struct TransformerLm {
    /// All of it; the name is part of the names of weights.
    pub decoder: LmDecoder,
    #[module(skip)]
    vocab: Vocab,
}

/// The vectors of tokens.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one of them")]
pub enum LmEmbedding {
    /// `[types, decoder_input_dim]`
    Table(Embedding),
    /// Narrower for rare tokens.
    Adaptive(AdaptiveInput),
}

impl LookUp for LmEmbedding {
    fn look_up(&self, tokens: Tokens) -> Tensor<3> {
        match self {
            Self::Table(table) => table.forward(tokens),
            Self::Adaptive(input) => input.forward(tokens),
        }
    }
}

/// Tokens to vectors that the output projection reads.
#[derive(Module, Debug)]
pub struct LmDecoder {
    /// Of every token.
    pub embed_tokens: LmEmbedding,
    /// From the width of the embeddings to that of the blocks, where they differ.
    pub project_in_dim: Option<Projection>,
    /// Learned positions.
    pub embed_positions: Option<Embedding>,
    /// Of the input of the first block.
    pub layernorm_embedding: Option<LayerNorm>,
    /// The blocks.
    pub layers: Vec<TransformerLayer>,
    /// After the last block of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    /// From the width of the blocks to that of the output, where they differ.
    pub project_out_dim: Option<Projection>,
    /// Rows are types; none where the embeddings serve, or an adaptive softmax.
    pub output_projection: Option<Embedding>,
    /// In place of an output projection.
    pub adaptive_softmax: Option<AdaptiveSoftmax>,
    inputs: Inputs,
    layerdrop: f64,
}

/// Keys and values of the tokens so far.
#[derive(Debug, Clone)]
pub struct LmState {
    past: KeyValueCache,
    /// Masks of the steps to come.
    dropout: Dropout,
}

impl TransformerLm {
    fn new(config: &TransformerLmConfig, vocab: &Vocab, init: &mut Init) -> Self {
        Self {
            decoder: LmDecoder::new(config, vocab, init),
            vocab: *vocab,
        }
    }

    /// [`DecoderOnly::forward`] without dropout, and the input of the first block and the output of each,
    /// `[batch, len, d_model]`.
    pub fn forward_with_states(&self, tokens: Tokens) -> (Tensor<3>, Vec<Tensor<3>>) {
        let mut states = Vec::new();
        let features = self
            .decoder
            .forward(tokens, &Dropout::off(), &mut |x| states.push(x.clone()));
        (self.decoder.project(features, &Dropout::off()), states)
    }
}

impl LmDecoder {
    fn new(config: &TransformerLmConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let (pad, width) = (vocab.pad(), config.decoder_embed_dim);
        let (input, output) = (config.decoder_input_dim, config.decoder_output_dim);
        let between = |from: usize, to: usize, init: &mut Init| {
            (from != to).then(|| Projection::xavier(from, to, init))
        };
        let norm = |is_there: bool, init: &mut Init| {
            is_there.then(|| LayerNorm::new(width, config.layer_norm_eps, init))
        };
        let std = config.weight_init.std(config.decoder_layers);
        let embed_tokens = if config.adaptive_input {
            let cutoffs = config.adaptive_input_cutoff.as_deref().unwrap_or_default();
            let factor = config.adaptive_input_factor;
            LmEmbedding::Adaptive(AdaptiveInput::new(
                vocab.tgt,
                cutoffs,
                [input, width],
                factor,
                pad,
                init,
            ))
        } else {
            let std = std.map_or((input as f64).powf(-0.5), |[std, _]| std);
            LmEmbedding::Table(Embedding::normal(vocab.tgt, input, std, Some(pad), init))
        };
        // The projections of adaptive inputs give the width of the blocks.
        let project_in_dim = between(if config.adaptive_input { width } else { input }, width, init);
        let settings = InputSettings {
            learned_pos: config.decoder_learned_pos,
            no_positions: config.no_token_positional_embeddings,
            scale: !config.no_scale_embedding,
            dropout: config.dropout,
            offset: config.position_offset.unwrap_or(pad + 1),
            std: std.map(|[std, _]| std),
            pad_is_no_type: pad == vocab.tgt,
            ..InputSettings::new(
                DropoutModule::TransformerDecoder,
                width,
                config.max_target_positions,
                pad,
            )
        };
        let (inputs, embed_positions) = Inputs::new(settings, init);
        let layer = LayerSettings {
            width,
            ffn_dim: config.decoder_ffn_embed_dim,
            heads: config.decoder_attention_heads,
            causal: true,
            normalize_before: config.decoder_normalize_before,
            layer_norm_eps: config.layer_norm_eps,
            activation_fn: config.activation_fn,
            dropout: config.dropout,
            attention_dropout: config.attention_dropout,
            activation_dropout: config.activation_dropout,
            module: DropoutModule::TransformerDecoderLayer,
            std,
        };
        Self {
            embed_tokens,
            project_in_dim,
            embed_positions,
            layernorm_embedding: norm(config.layernorm_embedding, init),
            layers: (0..config.decoder_layers)
                .map(|_| TransformerLayer::new(layer, init))
                .collect(),
            layer_norm: norm(
                config.decoder_normalize_before && !config.no_decoder_final_norm,
                init,
            ),
            project_out_dim: between(width, output, init),
            output_projection: (!config.share_decoder_input_output_embed
                && config.adaptive_softmax_cutoff.is_none())
            .then(|| {
                let std = std.map_or((output as f64).powf(-0.5), |[std, _]| std);
                Embedding::normal(vocab.tgt, output, std, None, init)
            }),
            adaptive_softmax: config.adaptive_softmax_cutoff.as_ref().map(|cutoffs| {
                let tied = Tied {
                    weights: config.tie_adaptive_weights,
                    projections: config.tie_adaptive_proj,
                };
                let sizes = (output, config.adaptive_softmax_factor);
                let dropout = config.adaptive_softmax_dropout;
                AdaptiveSoftmax::new(vocab.tgt, cutoffs, sizes, dropout, tied, init)
            }),
            inputs,
            layerdrop: config.decoder_layerdrop,
        }
    }

    fn input_params(&self) -> InputParams<'_> {
        InputParams {
            embed_tokens: &self.embed_tokens,
            project_in_dim: self.project_in_dim.as_ref(),
            embed_positions: self.embed_positions.as_ref(),
            layernorm_embedding: self.layernorm_embedding.as_ref(),
        }
    }

    /// `[batch, len]` to `[batch, len, decoder_output_dim]`; `observe` sees the input of the first block and the output of
    /// each.
    fn forward(&self, tokens: Tokens, dropout: &Dropout, observe: &mut dyn FnMut(&Tensor<3>)) -> Tensor<3> {
        let is_pad = self.inputs.is_pad(tokens.clone());
        let mut x = self.inputs.embed(tokens, &is_pad, self.input_params(), dropout);
        observe(&x);
        for layer in &self.layers {
            if !dropout.drops_layer(self.layerdrop) {
                x = layer.forward(x, is_pad.clone(), dropout);
            }
            observe(&x);
        }
        self.finish(x)
    }

    /// `[rows]` to `[rows, 1, decoder_output_dim]`.
    fn step(&self, tokens: Tensor<1, Int>, state: &mut LmState) -> Tensor<3> {
        let LmState { past, dropout } = state;
        let [rows] = tokens.dims();
        let params = self.input_params();
        let mut x = match past.lengths() {
            Some(places) => self.inputs.embed_step_at(tokens, &places, params, dropout),
            None => self.inputs.embed_step(tokens, past.steps(), params, dropout),
        };
        past.begin_step(rows);
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.step(x, number, past, dropout);
        }
        self.finish(x)
    }

    /// The first tokens of texts, `[batch, len]`, padded on the right, as steps.
    fn prefill(&self, tokens: Tokens, rows: &[usize], lengths: &[usize], state: &mut LmState) {
        let LmState { past, dropout } = state;
        let is_pad = self.inputs.is_pad(tokens.clone());
        let mut x = self.inputs.embed(tokens, &is_pad, self.input_params(), dropout);
        past.begin_fill(rows, lengths);
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.fill(x, is_pad.clone(), number, past, dropout);
        }
    }

    /// What the last block gave to what the output projection reads.
    fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        let x = LayerNorm::forward_if(self.layer_norm.as_ref(), x);
        match &self.project_out_dim {
            Some(projection) => projection.forward(x),
            None => x,
        }
    }

    /// `[batch, len, decoder_output_dim]` to logits `[batch, len, types]`: log-probabilities where the softmax is adaptive.
    fn project(&self, features: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        match (
            &self.adaptive_softmax,
            &self.output_projection,
            &self.embed_tokens,
        ) {
            (Some(softmax), _, LmEmbedding::Adaptive(input)) => {
                softmax.log_probs(features, Some(input), dropout)
            }
            (Some(softmax), _, LmEmbedding::Table(_)) => softmax.log_probs(features, None, dropout),
            (None, Some(table), _) | (None, None, LmEmbedding::Table(table)) => table.project(features),
            (None, None, LmEmbedding::Adaptive(_)) => unreachable!("adaptive inputs are no output layer"),
        }
    }
}

impl Stepwise for TransformerLm {
    type State = LmState;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut LmState) -> Tensor<2> {
        let features = self.decoder.step(prev_output_tokens, state); // [rows, 1, decoder_output_dim]
        self.decoder.project(features, &state.dropout).squeeze_dim(1)
    }

    fn reorder(&self, state: &mut LmState, rows: &[usize], _sentences: &[usize]) {
        state.past.reorder(rows);
    }

    fn reorder_rows(&self, state: &mut LmState, rows: Tensor<1, Int>) {
        state.past.reorder_rows(rows);
    }

    /// The table of the output projection is there twice then.
    fn laid_out_for_decoding(mut self) -> Self {
        let decoder = &mut self.decoder;
        decoder
            .layers
            .iter_mut()
            .for_each(|layer| layer.lay_out_for_decoding(true));
        let projections = [&mut decoder.project_in_dim, &mut decoder.project_out_dim];
        projections
            .into_iter()
            .flatten()
            .for_each(Projection::lay_out_for_decoding);
        match (&mut decoder.output_projection, &mut decoder.embed_tokens) {
            (Some(table), _) => table.lay_out_for_decoding(),
            (None, LmEmbedding::Table(table)) if decoder.adaptive_softmax.is_none() => {
                table.lay_out_for_decoding();
            }
            (None, _) => {}
        }
        self
    }
}

impl DecoderOnly for TransformerLm {
    fn forward(&self, tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
        let features = self.decoder.forward(tokens, dropout, &mut |_| ());
        self.decoder.project(features, dropout)
    }

    fn start(&self, dropout: Dropout, stepping: Stepping) -> LmState {
        LmState {
            past: KeyValueCache::new(self.decoder.layers.len(), stepping),
            dropout,
        }
    }

    fn prefills_unequal(&self, stepping: Stepping) -> bool {
        KeyValueCache::fills_unequal(stepping)
    }

    fn prefill(&self, tokens: Tokens, rows: &[usize], lengths: &[usize], state: &mut LmState) {
        self.decoder.prefill(tokens, rows, lengths, state);
    }

    fn vocab(&self) -> Vocab {
        self.vocab
    }

    fn max_positions(&self) -> usize {
        self.decoder.inputs.max_positions()
    }
}
