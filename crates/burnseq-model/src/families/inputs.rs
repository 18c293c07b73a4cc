//! What enters the first block: scaled embedding plus position.

use burn::{
    module::Module,
    tensor::{Bool, DType, Int, Tensor, TensorData},
};
use burnseq_kernels::ops;

use crate::{
    Dropout, DropoutModule, Init, Tokens,
    layers::{Embedding, LayerNorm, Projection, SinusoidFrequencies, position_ids},
};

/// Settings and constants that turn embeddings into the input of the first block.
///
/// Holds no parameters: these keep fairseq's names in the encoder and the decoder themselves.
#[derive(Module, Debug)]
pub struct Inputs {
    /// `[max_positions + offset, d_model]`; none where positions are learned or left out.
    sinusoids: Option<Tensor<2>>,
    scale: f64,
    dropout: f64,
    #[module(skip)]
    module: DropoutModule,
    pad: usize,
    starts_from_pad: bool,
    /// Whether padding has no row in the table of embeddings.
    pad_is_no_type: bool,
    offset: usize,
    max_positions: usize,
    /// Type of what enters the first block, and passes between the blocks.
    #[module(skip)]
    activations: DType,
}

/// Vectors of tokens, `[batch, len]` to `[batch, len, width]`.
pub(crate) trait LookUp {
    fn look_up(&self, tokens: Tokens) -> Tensor<3>;
}

impl LookUp for Embedding {
    fn look_up(&self, tokens: Tokens) -> Tensor<3> {
        self.forward(tokens)
    }
}

/// The parameters that go with [`Inputs`].
#[derive(Clone, Copy)]
pub(crate) struct InputParams<'a> {
    pub embed_tokens: &'a dyn LookUp,
    /// From the width of the embeddings to that of the blocks.
    pub project_in_dim: Option<&'a Projection>,
    pub embed_positions: Option<&'a Embedding>,
    pub layernorm_embedding: Option<&'a LayerNorm>,
}

/// How [`Inputs`] are made, for one side of the model.
pub(crate) struct InputSettings {
    pub d_model: usize,
    pub max_positions: usize,
    pub learned_pos: bool,
    pub no_positions: bool,
    pub scale: bool,
    pub dropout: f64,
    pub module: DropoutModule,
    pub pad: usize,
    /// Whether rows begin with a token that has the id of padding.
    pub starts_from_pad: bool,
    /// Whether padding is no type, so that the table of embeddings has no row for it.
    pub pad_is_no_type: bool,
    /// Frequencies of positions that are not learned.
    pub sinusoids: SinusoidFrequencies,
    /// Row of the first token in the table of positions; the row before it, if there is one, is that of padding.
    pub offset: usize,
    /// Standard deviation of learned positions; none: 1 / sqrt(`d_model`).
    pub std: Option<f64>,
}

impl InputSettings {
    /// Sinusoids of fairseq's offset and scaled embeddings, without dropout.
    pub(crate) fn new(module: DropoutModule, d_model: usize, max_positions: usize, pad: usize) -> Self {
        Self {
            d_model,
            max_positions,
            learned_pos: false,
            no_positions: false,
            scale: true,
            dropout: 0.0,
            module,
            pad,
            starts_from_pad: false,
            pad_is_no_type: false,
            sinusoids: SinusoidFrequencies::Fairseq,
            offset: pad + 1,
            std: None,
        }
    }
}

impl Inputs {
    /// The constants, and the learned positions if there are any.
    pub(crate) fn new(settings: InputSettings, init: &mut Init) -> (Self, Option<Embedding>) {
        let InputSettings {
            d_model,
            max_positions,
            learned_pos,
            no_positions,
            scale,
            dropout,
            module,
            pad,
            starts_from_pad,
            pad_is_no_type,
            sinusoids,
            offset,
            std,
        } = settings;
        let rows = max_positions + offset;
        let before = offset.checked_sub(1);
        let std = std.unwrap_or((d_model as f64).powf(-0.5));
        let learned =
            (learned_pos && !no_positions).then(|| Embedding::normal(rows, d_model, std, before, init));
        let fixed = !learned_pos && !no_positions;
        let inputs = Self {
            // Behind the last row where none is that of padding.
            sinusoids: fixed.then(|| init.sinusoids(sinusoids, rows, d_model, before.unwrap_or(rows))),
            scale: if scale { (d_model as f64).sqrt() } else { 1.0 },
            dropout,
            module,
            pad,
            starts_from_pad,
            pad_is_no_type,
            offset,
            max_positions,
            activations: init.activations(),
        };
        (inputs, learned)
    }

    /// Longest sentence in tokens.
    pub(crate) fn max_positions(&self) -> usize {
        self.max_positions
    }

    /// True at padding, `[batch, len]`; the token that rows start from is none, whatever its id is.
    pub(crate) fn is_pad(&self, tokens: Tokens) -> Tensor<2, Bool> {
        let [batch, len] = tokens.dims();
        let is_pad = tokens.equal_elem(self.pad as i64);
        if !self.starts_from_pad {
            return is_pad;
        }
        let first =
            Tensor::<2, Bool>::from_data(TensorData::new(vec![false; batch], [batch, 1]), &is_pad.device());
        Tensor::cat(vec![first, is_pad.slice([0..batch, 1..len])], 1)
    }

    /// `[batch, len]` tokens to `[batch, len, d_model]`.
    pub(crate) fn embed(
        &self,
        tokens: Tokens,
        is_pad: &Tensor<2, Bool>,
        params: InputParams,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let tokens = match self.pad_is_no_type {
            true => tokens.mask_fill(is_pad.clone(), 0),
            false => tokens,
        };
        let embedded = self.embedded(tokens, params);
        let x = match self.positions(params) {
            Some(table) => embedded + ops::embedding(table, position_ids(is_pad.clone(), self.offset)),
            None => embedded,
        };
        self.finish(x, params, dropout)
    }

    /// The input of decoding step `step` (from 0): `[rows]` tokens to `[rows, 1, d_model]`.
    pub(crate) fn embed_step(
        &self,
        tokens: Tensor<1, Int>,
        step: usize,
        params: InputParams,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let embedded = self.embedded(tokens.unsqueeze_dim(1), params);
        let x = match self.positions(params) {
            Some(table) => {
                let row = self.offset + step;
                embedded + table.slice(row..row + 1).unsqueeze()
            }
            None => embedded,
        };
        self.finish(x, params, dropout)
    }

    /// As [`embed_step`](Self::embed_step), where row `r` has `places[r]` tokens before this one.
    pub(crate) fn embed_step_at(
        &self,
        tokens: Tensor<1, Int>,
        places: &[usize],
        params: InputParams,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let device = tokens.device();
        let embedded = self.embedded(tokens.unsqueeze_dim(1), params);
        let x = match self.positions(params) {
            Some(table) => {
                let rows: Vec<i32> = places.iter().map(|place| (self.offset + place) as i32).collect();
                let rows = Tensor::from_data(TensorData::new(rows, [places.len()]), &device);
                embedded + table.select(0, rows).unsqueeze_dim(1)
            }
            None => embedded,
        };
        self.finish(x, params, dropout)
    }

    /// The table of positions.
    fn positions(&self, params: InputParams) -> Option<Tensor<2>> {
        let learned = params.embed_positions.map(|table| table.weight.val());
        self.sinusoids.clone().or(learned)
    }

    /// `[batch, len]` tokens to `[batch, len, d_model]`, without positions.
    fn embedded(&self, tokens: Tokens, params: InputParams) -> Tensor<3> {
        let embedded = params.embed_tokens.look_up(tokens) * self.scale;
        match params.project_in_dim {
            Some(projection) => projection.forward(embedded),
            None => embedded,
        }
    }

    fn finish(&self, x: Tensor<3>, params: InputParams, dropout: &Dropout) -> Tensor<3> {
        let x = LayerNorm::forward_if(params.layernorm_embedding, x);
        let x = ops::as_type(x, self.activations);
        dropout.apply(x, self.module, self.dropout)
    }
}
