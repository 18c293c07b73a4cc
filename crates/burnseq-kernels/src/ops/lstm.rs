//! Long short-term memory (Hochreiter and Schmidhuber 1997) with PyTorch's order of gates: input, forget, candidate,
//! output.

use burn::tensor::{Bool, DType, Tensor, activation};

use super::{as_type, composed, cpu, node};
use crate::{Precision, dropout_mask::Mask};

/// One step of a cell.
///
/// # Shapes
/// - `gates`: `[rows, 4 * hidden]`, before their non-linearities
/// - `cell`: `[rows, hidden]`
/// - result: `[rows, 2 * hidden]`, the new hidden state and the new cell
pub fn lstm_cell(gates: Tensor<2>, cell: Tensor<2>) -> Tensor<2> {
    if cpu::takes(&gates) {
        return apply!(cpu::LstmCellOp, gates, cell);
    }
    composed_lstm_cell(gates, cell)
}

/// A layer over whole sentences, from a zero state.
///
/// At padding the state stays what it is, so that the state at the last place is that after the last token, and
/// sentences may be padded on either side. With `reverse` they are read from the last token to the first, and the final
/// state is at the first place.
///
/// # Shapes
/// - `gates`: `[batch, len, 4 * hidden]`, what the inputs give
/// - `weight`: `[4 * hidden, hidden]`, recurrent
/// - `is_pad`: `[batch, len]`
/// - result: `[batch, len, 2 * hidden]`, hidden state and cell after every token
pub fn lstm(
    gates: Tensor<3>,
    weight: Tensor<2>,
    is_pad: Tensor<2, Bool>,
    reverse: bool,
    precision: Precision,
) -> Tensor<3> {
    if cpu::takes(&gates) {
        let op = cpu::LstmOp {
            reverse,
            is_pad: is_pad.into_data().iter::<bool>().collect(),
            precision,
        };
        return apply!(op, gates, weight);
    }
    composed_lstm(gates, weight, is_pad, reverse)
}

/// What the attention of [`lstm_decoder`] reads (Luong et al. 2015, section 3.1, with the general score).
#[derive(Debug, Clone)]
pub struct LstmAttention {
    /// `[batch, src_len, width]`
    pub source: Tensor<3>,
    /// `[batch, src_len]`
    pub is_pad: Tensor<2, Bool>,
    /// Of hidden states to queries, `[width, hidden]`.
    pub input_proj: Tensor<2>,
    /// Of context and hidden state to the output, `[hidden, width + hidden]`.
    pub output_proj: Tensor<2>,
}

/// Whether [`lstm_decoder`] takes tensors of this device and type; elsewhere a decoder goes step by step.
pub fn takes_lstm_decoder(gates: &Tensor<3>) -> bool {
    cpu::takes(gates)
}

/// A decoder of several layers over whole targets with input feeding (Luong et al. 2015, section 3.3): the output of a
/// step, zero before the first one, is the input of the next. Without attention it is the last layer's hidden state.
///
/// # Shapes
/// - `gates`: `[batch, len, 4 * hidden]`, what the tokens give to those of the first layer
/// - `weight`: `[layers, 4 * hidden, 2 * hidden]`, of a layer's other input, then of its hidden state
/// - `bias`: `[layers, 4 * hidden]`
/// - `state`: `[layers, batch, 2 * hidden]`, hidden state and cell before the first step
/// - `masks`: `[len, layers]`, over hidden states `[batch, hidden]` on their way to the next layer, and for the last layer
///   over the output
/// - result: `[batch, len, 2 * hidden]`, output and the last layer's hidden state, before attention, of every step
pub fn lstm_decoder(
    gates: Tensor<3>,
    weight: Tensor<3>,
    bias: Tensor<2>,
    state: Tensor<3>,
    attention: Option<LstmAttention>,
    masks: Vec<Option<Mask>>,
    precision: Precision,
) -> Tensor<3> {
    let op = |is_pad| cpu::LstmDecoderOp {
        is_pad,
        masks,
        precision,
    };
    match attention {
        Some(LstmAttention {
            source,
            is_pad,
            input_proj,
            output_proj,
        }) => {
            let op = op(is_pad.into_data().iter::<bool>().collect());
            apply!(op, gates, weight, bias, state, source, input_proj, output_proj)
        }
        None => apply!(op(Vec::new()), gates, weight, bias, state),
    }
}

/// [`lstm_cell`] from Burn's operations, computed in `f32`.
pub(super) fn composed_lstm_cell(gates: Tensor<2>, cell: Tensor<2>) -> Tensor<2> {
    let dtype = gates.dtype();
    let gates = as_type(gates, DType::F32);
    let [rows, hidden] = cell.dims();
    let gate = |number: usize| {
        let columns = number * hidden..(number + 1) * hidden;
        gates.clone().slice([0..rows, columns])
    };
    let [input, forget, output] = [0, 1, 3].map(|number| activation::sigmoid(gate(number)));
    let cell = forget * as_type(cell, DType::F32) + input * activation::tanh(gate(2));
    let hidden = output * activation::tanh(cell.clone());
    as_type(Tensor::cat(vec![hidden, cell], 1), dtype)
}

/// [`lstm`] from Burn's operations.
pub(super) fn composed_lstm(
    gates: Tensor<3>,
    weight: Tensor<2>,
    is_pad: Tensor<2, Bool>,
    reverse: bool,
) -> Tensor<3> {
    let ([batch, len, _], [_, hidden]) = (gates.dims(), weight.dims());
    let mut state = Tensor::<2>::zeros([batch, 2 * hidden], (&gates.device(), gates.dtype()));
    let mut states = Vec::with_capacity(len);
    for count in 0..len {
        let t = if reverse { len - 1 - count } else { count };
        let before = state.clone().slice([0..batch, 0..hidden]).unsqueeze_dim(1);
        let recurrent = composed::linear(before, weight.clone(), None);
        let now = gates.clone().slice([0..batch, t..t + 1]) + recurrent;
        let cell = state.clone().slice([0..batch, hidden..2 * hidden]);
        let next = composed_lstm_cell(now.squeeze_dim(1), cell);
        let is_pad = is_pad
            .clone()
            .slice([0..batch, t..t + 1])
            .expand([batch, 2 * hidden]);
        state = next.mask_where(is_pad, state);
        states.push(state.clone());
    }
    if reverse {
        states.reverse();
    }
    Tensor::stack(states, 1)
}
