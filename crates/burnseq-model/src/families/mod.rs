//! Model families beside the Transformer, a folder each: config and presets, encoder, decoder, decoding state.

pub mod fconv;
pub mod lightconv;
pub mod lstm;

mod checks;
mod count;
mod extras;
mod positions;

pub use extras::{Extra, ExtraValue};

use burn::{
    optim::GradientsParams,
    tensor::{Bool, Int, Tensor},
};

use crate::{Dropout, EncoderDecoder};

/// Vectors of the source that the decoder attends to.
#[derive(Debug, Clone)]
pub struct EncoderOut {
    /// `[batch, src_len, width]`
    pub x: Tensor<3>,
    /// True at padding, `[batch, src_len]`.
    pub is_pad: Tensor<2, Bool>,
}

/// Gradients of the whole graph: these families do not recompute activations.
fn backward_of_whole_graph<M: EncoderDecoder, T>(
    model: &M,
    src_tokens: Tensor<2, Int>,
    prev_output_tokens: Tensor<2, Int>,
    dropout: &Dropout,
    loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
    add: &mut dyn FnMut(GradientsParams),
) -> T {
    let (loss, rest) = loss(model.forward(src_tokens, prev_output_tokens, dropout));
    add(GradientsParams::from_grads(loss.backward(), model));
    rest
}

/// `x` `[batch, len, width]` with zeros at padding, `is_pad` `[batch, len]`.
fn clear_padding(x: Tensor<3>, is_pad: &Tensor<2, Bool>) -> Tensor<3> {
    let shape = x.dims();
    x.mask_fill(is_pad.clone().unsqueeze_dim::<3>(2).expand(shape), 0.0)
}
