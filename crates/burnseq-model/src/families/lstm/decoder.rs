//! The decoder of the LSTM, over whole targets and step by step.

use burn::{
    module::Module,
    tensor::{DType, Int, Tensor},
};
use burnseq_kernels::ops;
use burnseq_text::Vocab;

use super::{LstmConfig, LstmEncoderOut, LstmState, LuongAttention, encoder::embedding, state::Recurrent};
use crate::{
    Dropout, DropoutModule, Init, Tokens,
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
        tokens: Tokens,
        embed_tokens: &Embedding,
        weights: &[LstmStepWeights],
        dropout: &Dropout,
    ) -> Tensor<3> {
        let x = ops::as_type(embed_tokens.forward(tokens), self.activations);
        let x = dropout.apply(x, DropoutModule::LstmDecoder, self.dropout_in);
        weights[0].known_gates(x)
    }

    /// One step: `known_gates` `[rows, 1, 4 * hidden]` to `[rows, hidden]`.
    fn advance(
        &self,
        known_gates: Tensor<3>,
        weights: &[LstmStepWeights],
        recurrent: &mut Recurrent,
        source: &EncoderOut,
        dropout: &Dropout,
    ) -> Tensor<2> {
        let drop = |x| dropout.apply(x, DropoutModule::LstmDecoder, self.dropout_out);
        let mut known = Some(known_gates);
        let mut input = recurrent.feed.clone();
        let states = recurrent.hiddens.iter_mut().zip(&mut recurrent.cells);
        for (number, (weights, (hidden, cell))) in weights.iter().zip(states).enumerate() {
            if number > 0 {
                input = drop(input);
            }
            (*hidden, *cell) = weights.step(known.take(), input, hidden.clone(), cell.clone());
            input = hidden.clone();
        }
        // Attention sees the hidden state before dropout.
        let output = match &self.attention {
            Some(attention) => attention.forward(input, source),
            None => input,
        };
        recurrent.feed = drop(output);
        recurrent.feed.clone()
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

    /// `prev_output_tokens` `[batch, tgt_len]` to logits `[batch, tgt_len, vocab]`, and to the last layer's hidden states
    /// before attention, `[batch, tgt_len, hidden]`.
    pub(super) fn forward(
        &self,
        prev_output_tokens: Tokens,
        encoder_out: LstmEncoderOut,
        embed_tokens: &Embedding,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>) {
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
        let (x, hidden) = if ops::takes_lstm_decoder(&known) {
            let draw = |_| dropout.draw(DropoutModule::LstmDecoder, self.dropout_out);
            let masks = (0..tgt_len * weights.len()).map(draw).collect();
            let attention = self.attention.as_ref().map(|attention| attention.over(&source));
            let both = LstmStepWeights::decode(weights, known, recurrent.stacked(), attention, masks);
            let width = gates / 4;
            let part = |columns| both.clone().slice([0..batch, 0..tgt_len, columns]);
            (part(0..width), part(width..2 * width))
        } else {
            let steps = (0..tgt_len).map(|t| {
                let known = known.clone().slice([0..batch, t..t + 1, 0..gates]);
                let output = self.advance(known, &weights, &mut recurrent, &source, dropout);
                (output, recurrent.hiddens[weights.len() - 1].clone())
            });
            let (outputs, hiddens) = steps.unzip();
            (Tensor::stack(outputs, 1), Tensor::stack(hiddens, 1))
        };
        (self.logits(x, embed_tokens, dropout), hidden)
    }

    /// Attention weights of hidden states `[batch, len, hidden]`, `[batch, len, src_len]`; zeros without attention.
    pub(super) fn attention_weights(&self, hidden: Tensor<3>, source: &EncoderOut) -> Tensor<3> {
        match &self.attention {
            Some(attention) => attention.weights(hidden, source),
            None => {
                let ([batch, src_len], [_, len, _]) = (source.is_pad.dims(), hidden.dims());
                Tensor::zeros([batch, len, src_len], &hidden.device())
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
        let output = self.advance(known, weights, recurrent, source, dropout);
        self.logits(output.unsqueeze_dim(1), embed_tokens, dropout)
    }
}
