//! What decoding keeps between steps.

use burn::tensor::{Int, Tensor};

use crate::{
    Dropout,
    families::EncoderOut,
    layers::{LstmStepWeights, selection},
};

/// Hidden states and cells of every layer, and what is fed to the next step.
#[derive(Debug, Clone)]
pub(super) struct Recurrent {
    /// `[rows, hidden]` for each layer.
    pub hiddens: Vec<Tensor<2>>,
    /// The same of the cells.
    pub cells: Vec<Tensor<2>>,
    /// Output of the last step, `[rows, hidden]` (input feeding, Luong et al. 2015, section 3.3).
    pub feed: Tensor<2>,
}

impl Recurrent {
    /// Hidden states and cells, `[layers, rows, 2 * hidden]`.
    pub(super) fn stacked(&self) -> Tensor<3> {
        let layers = self.hiddens.iter().zip(&self.cells);
        let layers = layers.map(|(hidden, cell)| Tensor::cat(vec![hidden.clone(), cell.clone()], 1));
        Tensor::stack(layers.collect(), 0)
    }
}

/// State of a batch that is being decoded step by step.
#[derive(Debug, Clone)]
pub struct LstmState {
    pub(super) recurrent: Recurrent,
    /// One set of source vectors per sentence, however many rows it has.
    pub(super) source: EncoderOut,
    /// Parameters of each layer as steps read them.
    pub(super) weights: Vec<LstmStepWeights>,
    /// Masks of the steps to come.
    pub(super) dropout: Dropout,
}

impl LstmState {
    /// See [`crate::EncoderDecoder::reorder`].
    pub(super) fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        let EncoderOut { x, is_pad } = &mut self.source;
        let ([batch, _], [old_rows, _]) = (is_pad.dims(), self.recurrent.feed.dims());
        let device = is_pad.device();
        if let Some(index) = selection(sentences, batch, &device) {
            x.inplace(|x| x.select(0, index.clone()));
            is_pad.inplace(|is_pad| is_pad.select(0, index));
        }
        if let Some(index) = selection(rows, old_rows, &device) {
            self.select_rows(index);
        }
    }

    /// See [`crate::EncoderDecoder::reorder_rows`].
    pub(super) fn select_rows(&mut self, rows: Tensor<1, Int>) {
        let Recurrent { hiddens, cells, feed } = &mut self.recurrent;
        let all = hiddens.iter_mut().chain(cells).chain([feed]);
        all.for_each(|x| x.inplace(|x| x.select(0, rows.clone())));
    }
}
