//! What training and decoding ask of a language model.

use burn::tensor::Tensor;
use burnseq_kernels::Stepping;
use burnseq_text::Vocab;

use super::{Stepwise, Tokens};
use crate::Dropout;

/// A model of text from left to right: trained on whole texts, decoded token by token.
///
/// # Shapes
/// `batch` texts of `len` tokens, `vocab` types.
pub trait DecoderOnly: Stepwise {
    /// Logits of the token after each token, given that token and those before it.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, len]`, padded on the right
    /// - result: `[batch, len, vocab]`
    fn forward(&self, tokens: Tokens, dropout: &Dropout) -> Tensor<3>;

    /// Prepares decoding of texts that are still empty; the first step brings as many rows as there are texts. `dropout`
    /// gives the masks of every step.
    fn start(&self, dropout: Dropout, stepping: Stepping) -> Self::State;

    /// Whether [`prefill`](Self::prefill) takes texts of several lengths at once, and texts that go on.
    #[expect(unused_variables, reason = "most families step through their beginnings")]
    fn prefills_unequal(&self, stepping: Stepping) -> bool {
        false
    }

    /// Feeds the beginnings of texts as if step by step: those of row `rows[i]` are `lengths[i]` tokens. The rows are all of
    /// them right after [`start`](Self::start), and the lengths equal, unless the model
    /// [takes others](Self::prefills_unequal), which forgets what it has read of these rows.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, len]`, padded on the right; `len` is at least 1, and the largest of `lengths`
    fn prefill(&self, tokens: Tokens, rows: &[usize], lengths: &[usize], state: &mut Self::State) {
        let [batch, len] = tokens.dims();
        assert!(
            rows.len() == batch && lengths.iter().all(|&length| length == len),
            "the lengths {lengths:?} of {} rows are not all {len}",
            rows.len()
        );
        for place in 0..len {
            let column = tokens.clone().slice([0..batch, place..place + 1]);
            self.step(column.squeeze_dim(1), state);
        }
    }

    /// The dictionary the model is built for, as source and as target.
    fn vocab(&self) -> Vocab;

    /// Longest text the positions reach, in tokens.
    fn max_positions(&self) -> usize;
}
