//! What decoding keeps between steps.

use burn::tensor::{Bool, Int, Tensor};

use crate::{
    Dropout,
    layers::{ConvWindow, selection},
};

/// Caches of a batch that is being decoded step by step.
#[derive(Debug, Clone)]
pub struct LightConvState {
    /// Last inputs of the convolution of each layer.
    pub(super) windows: Vec<ConvWindow>,
    /// Keys and values of the source in each layer, `[batch, src_len, d_model]`: one per sentence, however many rows it
    /// has.
    pub(super) cross: Vec<(Tensor<3>, Tensor<3>)>,
    /// True at source padding, `[batch, src_len]`.
    pub(super) is_pad: Tensor<2, Bool>,
    /// Tokens so far.
    pub(super) steps: usize,
    /// Rows of the latest step.
    pub(super) rows: usize,
    /// Masks of the steps to come.
    pub(super) dropout: Dropout,
}

impl LightConvState {
    /// See [`crate::EncoderDecoder::reorder`].
    pub(super) fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        let device = self.is_pad.device();
        if let Some(index) = selection(rows, self.rows, &device) {
            self.rows = rows.len();
            for window in &mut self.windows {
                window.reorder(rows, &index);
            }
        }
        let [batch, _] = self.is_pad.dims();
        let Some(index) = selection(sentences, batch, &device) else {
            return;
        };
        for (keys, values) in &mut self.cross {
            keys.inplace(|keys| keys.select(0, index.clone()));
            values.inplace(|values| values.select(0, index.clone()));
        }
        self.is_pad.inplace(|is_pad| is_pad.select(0, index));
    }

    /// See [`crate::EncoderDecoder::reorder_rows`].
    pub(super) fn select_rows(&mut self, rows: Tensor<1, Int>) {
        [self.rows] = rows.dims();
        for window in &mut self.windows {
            window.reorder_rows(&rows);
        }
    }
}
