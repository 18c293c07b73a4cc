//! Embeddings with positions: what enters the first layer.

use burn::{
    module::Module,
    tensor::{Bool, DType, Int, Tensor},
};
use burnseq_kernels::ops;

use crate::{
    Dropout, DropoutModule, Init,
    layers::{Embedding, position_ids},
};

/// Settings and constants that turn embeddings into the input of the first layer.
///
/// Holds no parameters: these keep fairseq's names in the encoder and the decoder themselves.
#[derive(Module, Debug)]
pub struct PositionedEmbedding {
    /// `[rows, width]`; none where positions are learned or left out.
    sinusoids: Option<Tensor<2>>,
    scale: f64,
    dropout: f64,
    #[module(skip)]
    module: DropoutModule,
    pad: usize,
    offset: usize,
    /// Type of what enters the first layer, and passes between the layers.
    #[module(skip)]
    activations: DType,
}

/// How a [`PositionedEmbedding`] is made.
pub(super) struct PositionSettings {
    /// Multiplied to the embeddings.
    pub scale: f64,
    /// Drop probability of the sum.
    pub dropout: f64,
    pub module: DropoutModule,
    pub pad: usize,
    /// Row of the first token in the table of positions; the row before it is that of padding.
    pub offset: usize,
}

impl PositionedEmbedding {
    /// With learned positions, or without any.
    pub(super) fn new(settings: PositionSettings, init: &Init) -> Self {
        let PositionSettings {
            scale,
            dropout,
            module,
            pad,
            offset,
        } = settings;
        Self {
            sinusoids: None,
            scale,
            dropout,
            module,
            pad,
            offset,
            activations: init.activations(),
        }
    }

    /// With sinusoids for `max_positions` tokens.
    pub(super) fn sinusoidal(
        settings: PositionSettings,
        max_positions: usize,
        width: usize,
        init: &mut Init,
    ) -> Self {
        let rows = max_positions + settings.offset;
        let table = init.sinusoids(rows, width, settings.offset - 1);
        Self {
            sinusoids: Some(table),
            ..Self::new(settings, init)
        }
    }

    /// True at padding, `[batch, len]`.
    pub(super) fn is_pad(&self, tokens: Tensor<2, Int>) -> Tensor<2, Bool> {
        tokens.equal_elem(self.pad as i64)
    }

    fn table(&self, learned: Option<&Embedding>) -> Option<Tensor<2>> {
        self.sinusoids.clone().or(learned.map(|table| table.weight.val()))
    }

    /// `[batch, len]` tokens to `[batch, len, width]`; `learned` is the table of positions if there is one.
    pub(super) fn embed(
        &self,
        tokens: Tensor<2, Int>,
        is_pad: &Tensor<2, Bool>,
        embed_tokens: &Embedding,
        learned: Option<&Embedding>,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let embedded = embed_tokens.forward(tokens) * self.scale;
        let x = match self.table(learned) {
            Some(table) => embedded + ops::embedding(table, position_ids(is_pad.clone(), self.offset)),
            None => embedded,
        };
        self.finish(x, dropout)
    }

    /// Decoding step `step` (from 0): `[rows]` tokens to `[rows, 1, width]`.
    pub(super) fn embed_step(
        &self,
        tokens: Tensor<1, Int>,
        step: usize,
        embed_tokens: &Embedding,
        learned: Option<&Embedding>,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let embedded = embed_tokens.forward(tokens.unsqueeze_dim(1)) * self.scale;
        let x = match self.table(learned) {
            Some(table) => {
                let row = self.offset + step;
                embedded + table.slice(row..row + 1).unsqueeze()
            }
            None => embedded,
        };
        self.finish(x, dropout)
    }

    fn finish(&self, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        let x = ops::as_type(x, self.activations);
        dropout.apply(x, self.module, self.dropout)
    }
}
