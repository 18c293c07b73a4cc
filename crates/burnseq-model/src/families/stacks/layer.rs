//! Layers that a stack is made of.

use burn::{
    module::{Module, ModuleDisplay},
    tensor::{Bool, Device, Int, Tensor},
};
use burnseq_kernels::Stepping;

use super::StackState;
use crate::{
    Dropout,
    families::EncoderOut,
    layers::{ConvWindows, KeyValueCache, MultiheadAttention, TransformerLayer},
};

/// A layer of an [`EncoderStack`](super::EncoderStack).
pub trait EncoderLayer: Module + ModuleDisplay + 'static {
    /// `x` `[batch, src_len, d_model]` to the same shape; `is_pad` `[batch, src_len]`.
    fn forward(&self, x: Tensor<3>, is_pad: &Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3>;

    /// [`forward`](Self::forward) without dropout, and the attention probabilities `[batch, heads, src_len, src_len]`; none
    /// of a layer that looks at other tokens in another way.
    fn forward_with_attention(
        &self,
        x: Tensor<3>,
        is_pad: &Tensor<2, Bool>,
    ) -> (Tensor<3>, Option<Tensor<4>>) {
        (self.forward(x, is_pad, &Dropout::off()), None)
    }

    /// Brings the weights into the form that decoding reads.
    fn lay_out_for_decoding(&mut self);
}

impl EncoderLayer for TransformerLayer {
    fn forward_with_attention(
        &self,
        x: Tensor<3>,
        is_pad: &Tensor<2, Bool>,
    ) -> (Tensor<3>, Option<Tensor<4>>) {
        let (x, attention) = self.forward_with_attention(x, is_pad.clone());
        (x, Some(attention))
    }

    fn forward(&self, x: Tensor<3>, is_pad: &Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3> {
        self.forward(x, is_pad.clone(), dropout)
    }

    fn lay_out_for_decoding(&mut self) {
        self.lay_out_for_decoding(false);
    }
}

/// What the layers of a decoder keep of the target so far.
pub trait Past: std::fmt::Debug + Clone + Send + 'static {
    /// Tokens so far.
    fn steps(&self) -> usize;

    /// Begins a step of so many rows.
    fn begin_step(&mut self, rows: usize);

    /// See [`crate::Stepwise::reorder`].
    fn reorder(&mut self, rows: &[usize], device: &Device);

    /// See [`crate::Stepwise::reorder_rows`].
    fn reorder_rows(&mut self, rows: Tensor<1, Int>);
}

impl Past for KeyValueCache {
    fn steps(&self) -> usize {
        self.steps()
    }

    fn begin_step(&mut self, rows: usize) {
        self.begin_step(rows);
    }

    fn reorder(&mut self, rows: &[usize], _device: &Device) {
        self.reorder(rows);
    }

    fn reorder_rows(&mut self, rows: Tensor<1, Int>) {
        self.reorder_rows(rows);
    }
}

impl Past for ConvWindows {
    fn steps(&self) -> usize {
        self.steps
    }

    fn begin_step(&mut self, rows: usize) {
        self.begin_step(rows);
    }

    fn reorder(&mut self, rows: &[usize], device: &Device) {
        self.reorder(rows, device);
    }

    fn reorder_rows(&mut self, rows: Tensor<1, Int>) {
        self.reorder_rows(&rows);
    }
}

/// Part of a sub-layer that looks at other tokens: `[rows, len, width]` to the same shape.
pub trait Look: FnOnce(Tensor<3>) -> Tensor<3> {}

impl<F: FnOnce(Tensor<3>) -> Tensor<3>> Look for F {}

/// A layer of a [`DecoderStack`](super::DecoderStack): a sub-layer over the target, cross-attention, and a feed-forward
/// block.
pub trait DecoderLayer: Module + ModuleDisplay + 'static {
    /// What the sub-layer over the target keeps between steps, for all layers.
    type Past: Past;

    /// Nothing so far.
    fn past(layers: &[Self], stepping: Stepping) -> Self::Past;

    /// The attention to the source.
    fn encoder_attn(&self) -> &MultiheadAttention;

    /// The three sub-layers; what looks at other tokens is given by the caller, who knows what there is to see: `target`
    /// at those of the target, `source` at those of the source.
    fn sublayers(&self, x: Tensor<3>, dropout: &Dropout, target: impl Look, source: impl Look) -> Tensor<3>;

    /// Looks at the target so far, for all tokens at once; `is_pad` `[batch, tgt_len]`.
    fn look_back(&self, x: Tensor<3>, is_pad: &Tensor<2, Bool>, dropout: &Dropout) -> Tensor<3>;

    /// The same for one more token of every row, in layer `n` (from 0).
    fn look_back_step(&self, x: Tensor<3>, n: usize, past: &mut Self::Past, dropout: &Dropout) -> Tensor<3>;

    /// Probabilities `[batch, heads, tgt_len, tgt_len]` of the attention to the target so far, without dropout; none of a
    /// layer that looks at it in another way.
    fn look_back_probabilities(&self, _x: &Tensor<3>, _is_pad: &Tensor<2, Bool>) -> Option<Tensor<4>> {
        None
    }

    /// Brings the weights into the form that decoding reads.
    fn lay_out_for_decoding(&mut self);

    /// [`forward`](Self::forward) without dropout, the probabilities of the attention to the target where there is one, and
    /// those of the cross-attention `[batch, heads, tgt_len, src_len]`.
    fn forward_with_heads(
        &self,
        x: Tensor<3>,
        is_pad: &Tensor<2, Bool>,
        encoder_out: &EncoderOut,
    ) -> (Tensor<3>, Option<Tensor<4>>, Tensor<4>) {
        let (dropout, mut own, mut cross) = (Dropout::off(), None, None);
        let target = |x: Tensor<3>| {
            own = self.look_back_probabilities(&x, is_pad);
            self.look_back(x, is_pad, &dropout)
        };
        let source = |x: Tensor<3>| {
            let EncoderOut { x: memory, is_pad } = encoder_out.clone();
            let attention = self.encoder_attn();
            cross = Some(attention.head_probabilities(x.clone(), memory.clone(), is_pad.clone(), false));
            attention.attend_to(x, memory, is_pad, &dropout)
        };
        let x = self.sublayers(x, &dropout, target, source);
        (x, own, cross.expect("every layer attends to the source once"))
    }

    /// Whole targets: `x` `[batch, tgt_len, d_model]` to the same shape; `is_pad` `[batch, tgt_len]`. `observe` sees the
    /// input of the cross-attention.
    fn forward(
        &self,
        x: Tensor<3>,
        is_pad: &Tensor<2, Bool>,
        encoder_out: &EncoderOut,
        dropout: &Dropout,
        observe: impl FnOnce(&Tensor<3>),
    ) -> Tensor<3> {
        let target = |x: Tensor<3>| self.look_back(x, is_pad, dropout);
        let source = |x: Tensor<3>| {
            observe(&x);
            let EncoderOut { x: memory, is_pad } = encoder_out.clone();
            self.encoder_attn().attend_to(x, memory, is_pad, dropout)
        };
        self.sublayers(x, dropout, target, source)
    }

    /// One more token, in layer `number` (from 0): `x` `[rows, 1, d_model]` to the same shape.
    fn step(&self, x: Tensor<3>, number: usize, state: &mut StackState<Self::Past>) -> Tensor<3> {
        let StackState {
            past,
            cross,
            is_pad,
            dropout,
        } = state;
        let target = |x: Tensor<3>| self.look_back_step(x, number, past, dropout);
        let (keys, values) = cross[number].clone();
        let source = |x: Tensor<3>| {
            // The rows of a sentence are so many queries to its one set of keys.
            let [rows, _, d_model] = x.dims();
            let [batch, _, _] = keys.dims();
            let x = x.reshape([batch, rows / batch, d_model]);
            let attention = self.encoder_attn();
            let found = attention.attend(x, keys, values, is_pad.clone(), dropout);
            found.reshape([rows, 1, d_model])
        };
        self.sublayers(x, dropout, target, source)
    }
}
