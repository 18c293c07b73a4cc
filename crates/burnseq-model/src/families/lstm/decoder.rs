//! The decoder of the LSTM, over whole targets and step by step.

use burn::{
    module::Module,
    tensor::{DType, Int, Tensor},
};
use burnseq_kernels::ops;
use burnseq_text::Vocab;

use super::{LstmConfig, LstmEncoderOut, LstmState, LuongAttention, encoder::embedding, state::Recurrent};
use crate::{
    Dropout, DropoutModule, Init,
    families::EncoderOut,
    layers::{Embedding, LSTM_BOUND, Linear, LstmCell, LstmStepWeights},
};

/// Target tokens so far, and the encoder's vectors, to logits.
///
/// The output of a step is part of the input of the next one (input feeding, Luong et al. 2015, section 3.3), with
/// attention and without it.
#[derive(Module, Debug)]
pub struct LstmDecoder {
    /// Target types; none where the encoder's table serves.
    pub embed_tokens: Option<Embedding>,
    /// The encoder's final hidden states to the decoder's width; none where they have it.
    pub encoder_hidden_proj: Option<Linear>,
    /// The same of the cells.
    pub encoder_cell_proj: Option<Linear>,
    /// The layers.
    pub layers: Vec<LstmCell>,
    /// Over the source; none without attention.
    pub attention: Option<LuongAttention>,
    /// To the width of the output layer; none where it is the hidden width.
    pub additional_fc: Option<Linear>,
    /// To logits; none where the embeddings serve.
    pub fc_out: Option<Linear>,
    embed_dim: usize,
    dropout_in: f64,
    dropout_out: f64,
    /// Type of what passes between the layers.
    #[module(skip)]
    activations: DType,
}

impl LstmDecoder {
    pub(super) fn new(config: &LstmConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let (width, hidden) = (config.decoder_embed_dim, config.decoder_hidden());
        let (source_width, out_width) = (config.source_width(), config.decoder_out_embed_dim);
        let own_table = !config.share_all_embeddings;
        let own_output = own_table && !config.share_decoder_input_output_embed;
        let linear = |needed: bool, from: usize, to: usize, init: &mut Init| {
            needed.then(|| Linear::uniform_within(LSTM_BOUND, from, to, init))
        };
        let embed_tokens = own_table.then(|| {
            let table = embedding(vocab.tgt, width, vocab.pad(), init);
            table.with_frozen(config.decoder_freeze_embed)
        });
        let resized = source_width != hidden;
        Self {
            embed_tokens,
            encoder_hidden_proj: linear(resized, source_width, hidden, init),
            encoder_cell_proj: linear(resized, source_width, hidden, init),
            layers: (0..config.decoder_layers)
                .map(|layer| {
                    let input = if layer == 0 { width } else { 0 };
                    LstmCell::new(input + hidden, hidden, init)
                })
                .collect(),
            attention: config
                .decoder_attention
                .then(|| LuongAttention::new(hidden, source_width, init)),
            additional_fc: linear(hidden != out_width, hidden, out_width, init),
            fc_out: linear(own_output, out_width, vocab.tgt, init),
            embed_dim: width,
            dropout_in: config.decoder_dropout_in.unwrap_or(config.dropout),
            dropout_out: config.decoder_dropout_out.unwrap_or(config.dropout),
            activations: init.activations(),
        }
    }

    /// Parameters of each layer as steps read them. Embeddings are known before the first step, in training.
    fn step_weights(&self) -> Vec<LstmStepWeights> {
        let known = [self.embed_dim].into_iter().chain(std::iter::repeat(0));
        let layers = self.layers.iter().zip(known);
        layers.map(|(cell, known)| cell.step_weights(known)).collect()
    }

    /// The state before the first step, `[batch, hidden]` in each layer.
    fn first_state(&self, final_hiddens: Vec<Tensor<2>>, final_cells: Vec<Tensor<2>>) -> Recurrent {
        let project = |states: Vec<Tensor<2>>, linear: &Option<Linear>| match linear {
            Some(linear) => states
                .into_iter()
                .map(|state| linear.forward(state.unsqueeze_dim(1)).squeeze_dim(1))
                .collect(),
            None => states,
        };
        let hiddens = project(final_hiddens, &self.encoder_hidden_proj);
        Recurrent {
            feed: hiddens[0].zeros_like(),
            cells: project(final_cells, &self.encoder_cell_proj),
            hiddens,
        }
    }

    /// What the embeddings of tokens `[rows, len]` give to the gates of the first layer, `[rows, len, 4 * hidden]`.
    fn known_gates(
        &self,
        tokens: Tensor<2, Int>,
        embed_tokens: &Embedding,
        weights: &[LstmStepWeights],
        dropout: &Dropout,
    ) -> Tensor<3> {
        let x = ops::as_type(embed_tokens.forward(tokens), self.activations);
        let x = dropout.apply(x, DropoutModule::LstmDecoder, self.dropout_in);
        weights[0].known_gates(x)
    }

    /// One step: `known_gates` `[rows, 1, 4 * hidden]` to `[rows, hidden]`. `observe` gets the last hidden state before
    /// attention.
    fn advance(
        &self,
        known_gates: Tensor<3>,
        weights: &[LstmStepWeights],
        recurrent: &mut Recurrent,
        source: &EncoderOut,
        dropout: &Dropout,
        observe: impl FnOnce(&Tensor<2>),
    ) -> Tensor<2> {
        let module = DropoutModule::LstmDecoder;
        let mut known = Some(known_gates);
        let mut input = recurrent.feed.clone();
        let states = recurrent.hiddens.iter_mut().zip(&mut recurrent.cells);
        for (weights, (hidden, cell)) in weights.iter().zip(states) {
            (*hidden, *cell) = weights.step(known.take(), input, hidden.clone(), cell.clone());
            input = dropout.apply(hidden.clone(), module, self.dropout_out);
        }
        // Attention sees the hidden state before dropout.
        let hidden = recurrent
            .hiddens
            .last()
            .expect("there is at least one layer")
            .clone();
        observe(&hidden);
        let output = match &self.attention {
            Some(attention) => attention.forward(hidden, source),
            None => hidden,
        };
        let output = dropout.apply(output, module, self.dropout_out);
        recurrent.feed = output.clone();
        output
    }

    /// Outputs of steps `[batch, len, hidden]` to logits `[batch, len, vocab]`.
    fn logits(&self, x: Tensor<3>, embed_tokens: &Embedding, dropout: &Dropout) -> Tensor<3> {
        let x = match &self.additional_fc {
            Some(linear) => {
                let x = linear.forward(x);
                dropout.apply(x, DropoutModule::LstmDecoder, self.dropout_out)
            }
            None => x,
        };
        match &self.fc_out {
            Some(linear) => linear.forward(x),
            None => embed_tokens.project(x),
        }
    }

    /// `prev_output_tokens` `[batch, tgt_len]` to logits `[batch, tgt_len, vocab]`; `observe` gets the attention weights
    /// of every step, `[batch, 1, src_len]`, if they are asked for.
    pub(super) fn forward(
        &self,
        prev_output_tokens: Tensor<2, Int>,
        encoder_out: LstmEncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
        mut observe: Option<&mut dyn FnMut(Tensor<3>)>,
    ) -> Tensor<3> {
        let [batch, tgt_len] = prev_output_tokens.dims();
        let weights = self.step_weights();
        let LstmEncoderOut {
            source,
            final_hiddens,
            final_cells,
        } = encoder_out;
        let mut recurrent = self.first_state(final_hiddens, final_cells);
        let known = self.known_gates(prev_output_tokens, embed_tokens, &weights, dropout);
        let [_, _, gates] = known.dims();
        let outputs = (0..tgt_len).map(|t| {
            let known = known.clone().slice([0..batch, t..t + 1, 0..gates]);
            self.advance(known, &weights, &mut recurrent, &source, dropout, |hidden| {
                if let Some(observe) = &mut observe {
                    observe(self.attention_weights(hidden, &source));
                }
            })
        });
        let x = Tensor::stack(outputs.collect(), 1); // [batch, tgt_len, hidden]
        self.logits(x, embed_tokens, dropout)
    }

    /// `[batch, 1, src_len]`; zeros without attention.
    fn attention_weights(&self, hidden: &Tensor<2>, source: &EncoderOut) -> Tensor<3> {
        match &self.attention {
            Some(attention) => attention.weights(hidden.clone(), source),
            None => {
                let [batch, src_len] = source.is_pad.dims();
                Tensor::zeros([batch, 1, src_len], &hidden.device())
            }
        }
    }

    /// The state before the first step. `dropout` gives the masks of all steps.
    pub(super) fn start(&self, encoder_out: LstmEncoderOut, dropout: Dropout) -> LstmState {
        let LstmEncoderOut {
            source,
            final_hiddens,
            final_cells,
        } = encoder_out;
        let weights = self.step_weights().into_iter();
        LstmState {
            recurrent: self.first_state(final_hiddens, final_cells),
            source,
            weights: weights.map(LstmStepWeights::laid_out_for_decoding).collect(),
            dropout,
        }
    }

    /// `prev_output_tokens` `[rows]` to logits `[rows, 1, vocab]`.
    pub(super) fn step(
        &self,
        prev_output_tokens: Tensor<1, Int>,
        state: &mut LstmState,
        embed_tokens: &Embedding,
    ) -> Tensor<3> {
        let LstmState {
            recurrent,
            source,
            weights,
            dropout,
        } = state;
        let tokens = prev_output_tokens.unsqueeze_dim(1);
        let known = self.known_gates(tokens, embed_tokens, weights, dropout);
        let output = self.advance(known, weights, recurrent, source, dropout, |_| ());
        self.logits(output.unsqueeze_dim(1), embed_tokens, dropout)
    }
}
