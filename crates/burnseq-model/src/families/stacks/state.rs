//! What decoding keeps between steps.

use burn::tensor::{Bool, Int, Tensor};

use super::Past;
use crate::{Dropout, layers::selection};

/// Caches of a batch that is being decoded step by step.
#[derive(Debug, Clone)]
pub struct StackState<P> {
    /// Of the target so far.
    pub(super) past: P,
    /// Keys and values of the source in each layer, `[batch, src_len, d_model]`: one per sentence, however many rows it
    /// has.
    pub(super) cross: Vec<(Tensor<3>, Tensor<3>)>,
    /// True at source padding, `[batch, src_len]`.
    pub(super) is_pad: Tensor<2, Bool>,
    /// Masks of the steps to come.
    pub(super) dropout: Dropout,
}

impl<P: Past> StackState<P> {
    /// See [`crate::Stepwise::reorder`].
    pub(super) fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        let device = self.is_pad.device();
        self.past.reorder(rows, &device);
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

    /// See [`crate::Stepwise::reorder_rows`].
    pub(super) fn reorder_rows(&mut self, rows: Tensor<1, Int>) {
        self.past.reorder_rows(rows);
    }
}
