//! What training and decoding ask of a model family.

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Int, Tensor},
};

use crate::{Dropout, Stepping, Vocab};

/// An encoder-decoder that can be trained on whole sentences and decoded token by token.
///
/// # Shapes
/// `batch` sentences, `src_len` and `tgt_len` tokens, `rows` hypotheses (`batch * beam`), `vocab` target types.
pub trait EncoderDecoder: Module + 'static {
    /// Encoded sources and per-layer caches of a batch that is being decoded.
    type State: Clone + Send;

    /// Logits of every target position given the ones before it.
    ///
    /// # Shapes
    /// - `src_tokens`: `[batch, src_len]`, padded on either side
    /// - `prev_output_tokens`: `[batch, tgt_len]`, the target shifted right, padded on the right
    /// - result: `[batch, tgt_len, vocab]`
    fn forward(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
        dropout: &Dropout,
    ) -> Tensor<3>;

    /// [`forward`](Self::forward) and the gradients of what `loss` makes of the logits, in little memory: what happens in
    /// a block is forgotten, and computed once more for its gradients. The gradients are those that the whole graph
    /// would give, up to the order in which they are added.
    ///
    /// `loss` gives a scalar and whatever else is wanted of the logits; `add` gets gradients of some parameters at a
    /// time, those of a parameter more than once where it is used more than once, to be summed.
    fn backward_recomputing<T>(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
        dropout: &Dropout,
        loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
        add: &mut dyn FnMut(GradientsParams),
    ) -> T;

    /// [`forward`](Self::forward), and how much each target position looks at each source position: the probabilities
    /// of the last cross-attention, averaged over its heads.
    ///
    /// # Shapes
    /// - logits: `[batch, tgt_len, vocab]`
    /// - attention: `[batch, tgt_len, src_len]`; row `t` belongs to the token that is predicted at `t`
    fn forward_with_attention(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>);

    /// Encodes `src_tokens` `[batch, src_len]` and prepares decoding with one row per sentence; `dropout` gives the
    /// masks of the encoder and of every step, which are [off](Dropout::off) unless samples of the model are wanted.
    fn start(&self, src_tokens: Tensor<2, Int>, dropout: Dropout, stepping: Stepping) -> Self::State;

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
    /// [`Stepping::Device`] the host does not wait for them.
    fn reorder_rows(&self, state: &mut Self::State, rows: Tensor<1, Int>);

    /// The dictionaries the model is built for.
    fn vocab(&self) -> Vocab;

    /// Longest source and target the positions reach, in tokens.
    fn max_positions(&self) -> (usize, usize);
}
