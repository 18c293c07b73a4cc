//! What a search asks of a model.

use std::fmt::Debug;

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};

/// A model that is decoded token by token, once its role has given it a state.
///
/// # Shapes
/// `rows` hypotheses (`batch * beam`), `vocab` target types.
pub trait Stepwise: Module + 'static {
    /// What is known of the batch that is being decoded: caches of each layer, the encoded source where there is one.
    type State: Debug + Clone + Send;

    /// Feeds one token per row and gives the logits of the next one.
    ///
    /// # Shapes
    /// - `prev_output_tokens`: `[rows]`
    /// - result: `[rows, vocab]`
    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2>;

    /// Makes new row `r` continue old row `rows[r]`, and new sentence `s` be old sentence `sentences[s]`.
    ///
    /// Every sentence keeps the same number of rows: row `r` belongs to sentence `r / (rows.len() / sentences.len())`,
    /// and `rows[r]` is a row of the same sentence.
    fn reorder(&self, state: &mut Self::State, rows: &[usize], sentences: &[usize]);

    /// As [`reorder`](Self::reorder) for sentences that all stay, with `rows` `[rows]` on the device. With
    /// [`Stepping::Device`](burnseq_kernels::Stepping::Device) the host does not wait for them.
    fn reorder_rows(&self, state: &mut Self::State, rows: Tensor<1, Int>);

    /// The same model with its weights in the form and type that decoding reads fastest. Results are the same bits. It
    /// is not meant to be trained. Models without such a form stay as they are.
    #[must_use]
    fn laid_out_for_decoding(self) -> Self {
        self
    }
}
