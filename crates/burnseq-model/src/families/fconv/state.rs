//! What decoding keeps between steps.

use burn::tensor::{Int, Tensor};

use super::{FConvEncoderOut, decoder::Computed};
use crate::{
    Dropout,
    layers::{ConvWindows, selection},
};

/// Caches of a batch that is being decoded step by step.
#[derive(Debug, Clone)]
pub struct FConvState {
    /// The decoder's weights, computed once.
    pub(super) weights: Computed,
    /// Last inputs of each convolution.
    pub(super) windows: ConvWindows,
    /// Keys and values of the source: one set per sentence, however many rows it has.
    pub(super) source: FConvEncoderOut,
    /// Masks of the steps to come.
    pub(super) dropout: Dropout,
}

impl FConvState {
    /// See [`crate::EncoderDecoder::reorder`].
    pub(super) fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        let device = self.source.is_pad.device();
        self.windows.reorder(rows, &device);
        let FConvEncoderOut {
            keys,
            values,
            is_pad,
            scale,
        } = &mut self.source;
        let [batch, _] = is_pad.dims();
        if let Some(index) = selection(sentences, batch, &device) {
            keys.inplace(|keys| keys.select(0, index.clone()));
            values.inplace(|values| values.select(0, index.clone()));
            scale.inplace(|scale| scale.select(0, index.clone()));
            is_pad.inplace(|is_pad| is_pad.select(0, index));
        }
    }

    /// See [`crate::EncoderDecoder::reorder_rows`].
    pub(super) fn select_rows(&mut self, rows: Tensor<1, Int>) {
        self.windows.reorder_rows(&rows);
    }
}
