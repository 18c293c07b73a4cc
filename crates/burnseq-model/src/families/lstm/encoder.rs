//! The encoder of the LSTM.

use burn::{
    module::Module,
    tensor::{DType, Tensor},
};
use burnseq_kernels::ops;
use burnseq_text::Vocab;

use super::LstmConfig;
use crate::{
    Dropout, DropoutModule, Init, Tokens,
    families::EncoderOut,
    layers::{Embedding, LSTM_BOUND, Lstm, LstmOut},
};

/// A table of the LSTM: uniform on ±0.1, with the padding row zero.
pub(in crate::families) fn embedding(types: usize, width: usize, pad: usize, init: &mut Init) -> Embedding {
    let values = init.uniform_values([types, width], LSTM_BOUND);
    Embedding::of_values(values, [types, width], pad, init)
}

/// What the encoder gives the decoder.
#[derive(Debug, Clone)]
pub struct LstmEncoderOut {
    /// Hidden states of the last layer.
    pub source: EncoderOut,
    /// State after the source in each layer, `[batch, source width]`.
    pub final_hiddens: Vec<Tensor<2>>,
    /// The same of the cells.
    pub final_cells: Vec<Tensor<2>>,
}

/// Source tokens to vectors.
///
/// Sentences need not be sorted by length, as in fairseq, and may be padded on either side.
#[derive(Module, Debug)]
pub struct LstmEncoder {
    /// Source types; the target's too where all embeddings are shared.
    pub embed_tokens: Embedding,
    /// The layers.
    pub lstm: Lstm,
    dropout_in: f64,
    dropout_out: f64,
    pad: usize,
    /// Type of what passes between the layers.
    #[module(skip)]
    activations: DType,
}

impl LstmEncoder {
    pub(super) fn new(config: &LstmConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let width = config.encoder_embed_dim;
        let table = embedding(vocab.src, width, vocab.pad(), init);
        let frozen =
            config.encoder_freeze_embed || (config.share_all_embeddings && config.decoder_freeze_embed);
        let dropout_out = config.encoder_dropout_out.unwrap_or(config.dropout);
        Self {
            embed_tokens: table.with_frozen(frozen),
            lstm: Lstm::new(
                width,
                config.encoder_hidden(),
                config.encoder_layers,
                config.encoder_bidirectional,
                dropout_out,
                init,
            ),
            dropout_in: config.encoder_dropout_in.unwrap_or(config.dropout),
            dropout_out,
            pad: vocab.pad(),
            activations: init.activations(),
        }
    }

    /// Encodes `src_tokens` `[batch, src_len]`.
    pub(super) fn forward(&self, src_tokens: Tokens, dropout: &Dropout) -> LstmEncoderOut {
        let module = DropoutModule::LstmEncoder;
        let is_pad = src_tokens.clone().equal_elem(self.pad as i64);
        let x = ops::as_type(self.embed_tokens.forward(src_tokens), self.activations);
        let x = dropout.apply(x, module, self.dropout_in);
        let LstmOut {
            outputs,
            final_hiddens,
            final_cells,
        } = self.lstm.forward(x, is_pad.clone(), dropout);
        LstmEncoderOut {
            source: EncoderOut {
                x: dropout.apply(outputs, module, self.dropout_out),
                is_pad,
            },
            final_hiddens,
            final_cells,
        }
    }
}
