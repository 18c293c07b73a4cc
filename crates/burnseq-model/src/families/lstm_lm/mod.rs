//! Language model of long short-term memory (Hochreiter and Schmidhuber 1997).

mod config;
mod fairseq;
mod settings;

use burn::{
    module::Module,
    tensor::{DType, Int, Tensor},
};
use burnseq_kernels::{Stepping, ops};
use burnseq_text::Vocab;

pub use config::LstmLmConfig;

use super::lstm::embedding;
use crate::{
    DecoderOnly, Dropout, DropoutModule, Init, Stepwise, Tokens,
    layers::{Embedding, LSTM_BOUND, Linear, LstmCell, LstmStepWeights, selection},
};

/// Language model of fairseq's `lstm_lm`, with its parameter names, shapes and arithmetic. Every block of text begins with
/// a state of zeros.
#[derive(Module, Debug)]
pub struct LstmLm {
    /// All of it; the name is part of the names of weights.
    pub decoder: LstmLmDecoder,
    #[module(skip)]
    vocab: Vocab,
    max_positions: usize,
}

/// Tokens to logits.
#[derive(Module, Debug)]
pub struct LstmLmDecoder {
    /// `[types, embed_dim]`
    pub embed_tokens: Embedding,
    /// The layers.
    pub layers: Vec<LstmCell>,
    /// To the width of the output layer; none where it is the hidden width.
    pub additional_fc: Option<Linear>,
    /// To logits; none where the embeddings serve.
    pub fc_out: Option<Linear>,
    hidden: usize,
    dropout_in: f64,
    dropout_out: f64,
    pad: usize,
    /// Type of what passes between the layers.
    #[module(skip)]
    activations: DType,
}

/// Hidden states and cells of every layer after the tokens so far.
#[derive(Debug, Clone)]
pub struct LstmLmState {
    /// `[rows, hidden]` of each layer; none before the first token.
    states: Vec<(Tensor<2>, Tensor<2>)>,
    /// Parameters of each layer as steps read them.
    weights: Vec<LstmStepWeights>,
    /// Masks of the steps to come.
    dropout: Dropout,
}

impl LstmLm {
    fn new(config: &LstmLmConfig, vocab: &Vocab, init: &mut Init) -> Self {
        Self {
            decoder: LstmLmDecoder::new(config, vocab, init),
            vocab: *vocab,
            max_positions: config.max_target_positions,
        }
    }
}

impl LstmLmDecoder {
    fn new(config: &LstmLmConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let (width, hidden, out) = (
            config.decoder_embed_dim,
            config.hidden(),
            config.decoder_out_embed_dim,
        );
        let linear = |needed: bool, from: usize, to: usize, init: &mut Init| {
            needed.then(|| Linear::uniform_within(LSTM_BOUND, from, to, init))
        };
        Self {
            embed_tokens: embedding(vocab.tgt, width, vocab.pad(), init),
            layers: (0..config.decoder_layers)
                .map(|layer| LstmCell::new(if layer == 0 { width } else { hidden }, hidden, init))
                .collect(),
            additional_fc: linear(hidden != out, hidden, out, init),
            fc_out: linear(!config.share_decoder_input_output_embed, out, vocab.tgt, init),
            hidden,
            dropout_in: config.decoder_dropout_in.unwrap_or(config.dropout),
            dropout_out: config.decoder_dropout_out.unwrap_or(config.dropout),
            pad: vocab.pad(),
            activations: init.activations(),
        }
    }

    /// `[batch, len]` to `[batch, len, embed_dim]`.
    fn embed(&self, tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
        let x = ops::as_type(self.embed_tokens.forward(tokens), self.activations);
        dropout.apply(x, DropoutModule::LstmDecoder, self.dropout_in)
    }

    fn drop(&self, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        dropout.apply(x, DropoutModule::LstmDecoder, self.dropout_out)
    }

    /// Hidden states of the last layer `[batch, len, hidden]`, after dropout, to logits `[batch, len, types]`.
    fn logits(&self, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        let x = match &self.additional_fc {
            Some(linear) => self.drop(linear.forward(x), dropout),
            None => x,
        };
        match &self.fc_out {
            Some(linear) => linear.forward(x),
            None => self.embed_tokens.project(x),
        }
    }
}

impl Stepwise for LstmLm {
    type State = LstmLmState;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut LstmLmState) -> Tensor<2> {
        let decoder = &self.decoder;
        let [rows] = prev_output_tokens.dims();
        let LstmLmState {
            states,
            weights,
            dropout,
        } = state;
        let mut x = decoder.embed(prev_output_tokens.unsqueeze_dim(1), dropout);
        if states.is_empty() {
            let zeros = Tensor::zeros([rows, decoder.hidden], (&x.device(), x.dtype()));
            states.resize(weights.len(), (zeros.clone(), zeros));
        }
        for ((hidden, cell), weights) in states.iter_mut().zip(&*weights) {
            let input = x.squeeze_dim(1);
            (*hidden, *cell) = weights.step(None, input, hidden.clone(), cell.clone());
            x = decoder.drop(hidden.clone().unsqueeze_dim(1), dropout);
        }
        decoder.logits(x, dropout).squeeze_dim(1)
    }

    fn reorder(&self, state: &mut LstmLmState, rows: &[usize], _sentences: &[usize]) {
        let Some((first, _)) = state.states.first() else {
            return;
        };
        if let Some(rows) = selection(rows, first.dims()[0], &first.device()) {
            self.reorder_rows(state, rows);
        }
    }

    fn reorder_rows(&self, state: &mut LstmLmState, rows: Tensor<1, Int>) {
        for (hidden, cell) in &mut state.states {
            for x in [hidden, cell] {
                x.inplace(|x| x.select(0, rows.clone()));
            }
        }
    }

    fn laid_out_for_decoding(mut self) -> Self {
        let decoder = &mut self.decoder;
        let linears = [&mut decoder.additional_fc, &mut decoder.fc_out];
        linears
            .into_iter()
            .flatten()
            .for_each(Linear::lay_out_for_decoding);
        if decoder.fc_out.is_none() {
            decoder.embed_tokens.lay_out_for_decoding();
        }
        self
    }
}

impl DecoderOnly for LstmLm {
    fn forward(&self, tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
        let decoder = &self.decoder;
        let is_pad = tokens.clone().equal_elem(decoder.pad as i64);
        let mut x = decoder.embed(tokens, dropout);
        for cell in &decoder.layers {
            let states = cell.read(x, is_pad.clone(), false); // [batch, len, 2 * hidden]
            let [batch, len, _] = states.dims();
            x = decoder.drop(states.slice([0..batch, 0..len, 0..decoder.hidden]), dropout);
        }
        decoder.logits(x, dropout)
    }

    fn start(&self, dropout: Dropout, _stepping: Stepping) -> LstmLmState {
        let weights = self.decoder.layers.iter().map(|cell| cell.step_weights(0));
        LstmLmState {
            states: Vec::new(),
            weights: weights.map(LstmStepWeights::laid_out_for_decoding).collect(),
            dropout,
        }
    }

    fn vocab(&self) -> Vocab {
        self.vocab
    }

    fn max_positions(&self) -> usize {
        self.max_positions
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::FamilyConfig;

    const VOCAB: Vocab = Vocab::fairseq(14, 14);

    fn largest<const D: usize>(x: Tensor<D>) -> f32 {
        x.abs().max().into_scalar::<f32>()
    }

    #[test]
    fn steps_equal_the_whole_pass_and_neither_padding_nor_batch_mates_change_a_bit() {
        let config = LstmLmConfig {
            decoder_embed_dim: 6,
            decoder_hidden_size: Some(8),
            decoder_layers: 2,
            decoder_out_embed_dim: 5,
            ..LstmLmConfig::default()
        };
        let device = Device::flex();
        let model = config.init(&VOCAB, 3, &device);
        let tokens = Tensor::<2, Int>::from_ints([[2, 5, 9, 4], [2, 7, 7, 6]], &device);
        let off = Dropout::off();
        let whole = model.forward(tokens.clone(), &off);
        let mut state = model.start(Dropout::off(), Stepping::Processor);
        for t in 0..4 {
            let logits = model.step(tokens.clone().slice([0..2, t..t + 1]).squeeze_dim(1), &mut state);
            let expected = whole.clone().slice([0..2, t..t + 1]).squeeze_dim(1);
            assert!(largest(logits - expected) < 1e-6, "step {t}");
        }
        // The second row twice, one token further.
        model.reorder(&mut state, &[1, 1], &[0, 1]);
        let logits = model.step(Tensor::from_ints([5, 5], &device), &mut state);
        let longer = Tensor::<2, Int>::from_ints([[2, 7, 7, 6, 5]], &device);
        let expected = model
            .forward(longer, &off)
            .slice([0..1, 4..5])
            .squeeze_dim::<2>(1);
        assert!(largest(logits.clone().slice(0..1) - expected.clone()) < 1e-6);
        assert!(largest(logits.slice(1..2) - expected) < 1e-6);

        let alone = model.forward(tokens.clone().slice([0..1, 0..2]), &off);
        let padded = Tensor::<2, Int>::from_ints([[2, 5, 1, 1], [2, 7, 7, 6]], &device);
        let padded = model.forward(padded, &off).slice([0..1, 0..2]);
        assert_eq!(padded.into_data(), alone.into_data());
    }
}
