//! Attention of the decoder's LSTM.

use burn::{
    module::Module,
    tensor::{Tensor, activation},
};
use burnseq_kernels::ops;

use crate::{
    Init,
    families::EncoderOut,
    layers::{LSTM_BOUND, Projection},
};

/// Global attention (Luong et al. 2015, section 3.1) with the general score: the hidden state is projected to the
/// encoder's width, and its product with each source vector is the score. The result is the hidden state of attention,
/// `tanh(output_proj([context; hidden]))`.
#[derive(Module, Debug)]
pub struct LuongAttention {
    /// `[source width, hidden]`
    pub input_proj: Projection,
    /// `[hidden, source width + hidden]`
    pub output_proj: Projection,
}

impl LuongAttention {
    pub(super) fn new(hidden: usize, source_width: usize, init: &mut Init) -> Self {
        Self {
            input_proj: Projection::uniform_within(LSTM_BOUND, hidden, source_width, init),
            output_proj: Projection::uniform_within(LSTM_BOUND, source_width + hidden, hidden, init),
        }
    }

    /// Queries of the hidden states `[rows, len, hidden]` to a source `[batch, src_len, width]`, so that the scores of
    /// [`ops::attention`], which are divided by the root of the width, are plain products:
    /// `[batch, rows / batch * len, width]`.
    fn queries(&self, hidden: Tensor<3>, [batch, _, width]: [usize; 3]) -> Tensor<3> {
        let [rows, len, _] = hidden.dims();
        let queries = self.input_proj.forward(hidden) * (width as f64).sqrt();
        queries.reshape([batch, rows / batch * len, width])
    }

    /// Hidden states `[rows, hidden]` to the same shape; the rows of a sentence are so many queries to its one set of
    /// source vectors.
    pub(super) fn forward(&self, hidden: Tensor<2>, source: &EncoderOut) -> Tensor<2> {
        let ([_, _, width], [rows, _]) = (source.x.dims(), hidden.dims());
        let hidden: Tensor<3> = hidden.unsqueeze_dim(1); // [rows, 1, hidden]
        let EncoderOut { x, is_pad } = source.clone();
        let queries = self.queries(hidden.clone(), x.dims());
        let context = ops::step_attention(queries, x.clone(), x, 1, is_pad, None);
        let context = context.reshape([rows, 1, width]);
        let found = self.output_proj.forward(Tensor::cat(vec![context, hidden], 2));
        activation::tanh(found).squeeze_dim(1)
    }

    /// The attention weights of hidden states `[batch, len, hidden]`: `[batch, len, src_len]`, rows add up to 1.
    pub(super) fn weights(&self, hidden: Tensor<3>, source: &EncoderOut) -> Tensor<3> {
        let EncoderOut { x, is_pad } = source.clone();
        let queries = self.queries(hidden, x.dims());
        ops::attention_probabilities(queries, x, 1, Some(is_pad), false).squeeze_dim(1)
    }

    /// What [`ops::lstm_decoder`] reads.
    pub(super) fn over(&self, source: &EncoderOut) -> ops::LstmAttention {
        ops::LstmAttention {
            source: source.x.clone(),
            is_pad: source.is_pad.clone(),
            input_proj: self.input_proj.weight.val(),
            output_proj: self.output_proj.weight.val(),
        }
    }
}
