//! What decoding keeps between steps.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::{Dropout, layers::KeyValueCache};

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
    /// Keys and values of the target so far.
    pub own: KeyValueCache,
    /// Keys and values of the source, each `[batch, src_len, d_model]`: one per sentence, however many rows it has.
    pub cross: (Tensor<3>, Tensor<3>),
}

/// Caches of a batch that is being decoded step by step.
#[derive(Debug, Clone)]
pub struct DecoderState {
    pub(super) layers: Vec<LayerState>,
    /// True at source padding, `[batch, src_len]`.
    pub(super) is_pad: Tensor<2, Bool>,
    /// Where the rows come from: row `r` was row `ancestors[step][r]` when step `step` was computed. One entry for each
    /// token fed so far.
    pub(super) ancestors: Vec<Vec<u32>>,
    /// Masks of the steps to come.
    pub(super) dropout: Dropout,
}

impl DecoderState {
    /// See [`crate::EncoderDecoder::reorder`].
    pub(super) fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        let device = self.is_pad.device();
        let [batch, _] = self.is_pad.dims();
        let keep_sentences = is_identity(sentences, batch);
        let sentence_index = index(sentences, &device);
        // What was computed stays where it is; only who descends from whom changes.
        for ancestors in &mut self.ancestors {
            *ancestors = rows.iter().map(|&row| ancestors[row]).collect();
        }
        for layer in &mut self.layers {
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
