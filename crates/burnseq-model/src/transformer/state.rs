//! What decoding keeps between steps.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// What the encoder gives the decoder.
#[derive(Debug, Clone)]
pub struct EncoderOut {
    /// `[batch, src_len, d_model]`
    pub x: Tensor<3>,
    /// True at padding, `[batch, src_len]`.
    pub is_pad: Tensor<2, Bool>,
}

/// Keys and values of one decoder block.
#[derive(Debug, Clone)]
pub(super) struct LayerState {
    /// Keys and values of the target so far, each `[rows, tgt_len, d_model]`; none before the first step.
    pub own: Option<(Tensor<3>, Tensor<3>)>,
    /// Keys and values of the source, each `[batch, src_len, d_model]`: one per sentence, however many rows it has.
    pub cross: (Tensor<3>, Tensor<3>),
}

/// Caches of a batch that is being decoded step by step.
#[derive(Debug, Clone)]
pub struct DecoderState {
    pub(super) layers: Vec<LayerState>,
    /// True at source padding, `[batch, src_len]`.
    pub(super) is_pad: Tensor<2, Bool>,
    /// Tokens fed so far.
    pub(super) step: usize,
}

impl DecoderState {
    /// See [`crate::EncoderDecoder::reorder`].
    pub(super) fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        let device = self.is_pad.device();
        let [batch, _] = self.is_pad.dims();
        let keep_sentences = is_identity(sentences, batch);
        let sentence_index = index(sentences, &device);
        let row_index = index(rows, &device);
        for layer in &mut self.layers {
            if let Some((keys, values)) = &mut layer.own
                && !is_identity(rows, keys.dims()[0])
            {
                keys.inplace(|keys| keys.select(0, row_index.clone()));
                values.inplace(|values| values.select(0, row_index.clone()));
            }
            if !keep_sentences {
                let (keys, values) = &mut layer.cross;
                keys.inplace(|keys| keys.select(0, sentence_index.clone()));
                values.inplace(|values| values.select(0, sentence_index.clone()));
            }
        }
        if !keep_sentences {
            self.is_pad.inplace(|is_pad| is_pad.select(0, sentence_index));
        }
    }
}

fn is_identity(order: &[usize], len: usize) -> bool {
    order.len() == len && order.iter().enumerate().all(|(i, &from)| i == from)
}

fn index(order: &[usize], device: &Device) -> Tensor<1, Int> {
    let order: Vec<i32> = order.iter().map(|&i| i as i32).collect();
    let len = order.len();
    Tensor::from_data(TensorData::new(order, [len]), device)
}
