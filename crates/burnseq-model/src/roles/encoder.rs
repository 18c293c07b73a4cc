//! What training and its users ask of an encoder.

use burn::{module::Module, tensor::Tensor};
use burnseq_text::Vocab;

use super::Tokens;
use crate::Dropout;

/// Texts, or pairs of them, that an encoder reads.
#[derive(Debug, Clone)]
pub struct EncoderInput {
    /// `[batch, len]`, padded on the right.
    pub tokens: Tokens,
    /// Segment of each token, `[batch, len]`: 0 in the first text of a pair, 1 in the second; none: 0 everywhere.
    pub segments: Option<Tokens>,
}

impl From<Tokens> for EncoderInput {
    fn from(tokens: Tokens) -> Self {
        Self {
            tokens,
            segments: None,
        }
    }
}

/// A model that gives a vector for each token of a text, each seeing all others, and what its heads make of them.
///
/// Vectors at padding are computed and mean nothing; those of a text do not depend on its batch. A head that the model
/// does not have gives `None`.
///
/// # Shapes
/// `batch` texts of `len` tokens, `d_model` numbers each, `vocab` types.
pub trait Encoder: Module + 'static {
    /// Vectors of all tokens, `[batch, len, d_model]`.
    fn encode(&self, input: EncoderInput, dropout: &Dropout) -> Tensor<3>;

    /// [`encode`](Self::encode) without dropout: the input of the first layer, then the output of each,
    /// `[batch, len, d_model]`. The last one is what [`encode`](Self::encode) gives.
    fn hidden_states(&self, input: EncoderInput) -> Vec<Tensor<3>>;

    /// Attention probabilities of each layer in a pass without dropout, `[batch, heads, len, len]`.
    fn attention_probabilities(&self, input: EncoderInput) -> Vec<Tensor<4>>;

    /// The vector of each text that heads over whole texts read: `x` `[batch, len, d_model]` to `[batch, d_model]`.
    fn pool(&self, x: Tensor<3>) -> Option<Tensor<2>>;

    /// Logits of the masked language model: `x` `[batch, len, d_model]`, of any tokens, to `[batch, len, vocab]`.
    fn masked_lm(&self, x: Tensor<3>) -> Option<Tensor<3>>;

    /// Logits of the head over pairs of texts: what [`pool`](Self::pool) gave `[batch, d_model]` to `[batch, 2]`. Class 0: the
    /// second text follows the first one.
    fn sentence_pair(&self, pooled: Tensor<2>, dropout: &Dropout) -> Option<Tensor<2>>;

    /// Logits of a token having been replaced: `x` `[batch, len, d_model]` to `[batch, len]`.
    fn replaced_tokens(&self, x: Tensor<3>) -> Option<Tensor<2>>;

    /// Logits of classes of texts: `x` `[batch, len, d_model]` to `[batch, classes]`.
    fn classify(&self, x: Tensor<3>, dropout: &Dropout) -> Option<Tensor<2>>;

    /// Logits of classes of tokens, or of being the start and the end of a span: `x` `[batch, len, d_model]` to
    /// `[batch, len, classes]`.
    fn classify_tokens(&self, x: Tensor<3>, dropout: &Dropout) -> Option<Tensor<3>>;

    /// The dictionary the model is built for, as source and as target.
    fn vocab(&self) -> Vocab;

    /// Longest text the positions reach, in tokens.
    fn max_positions(&self) -> usize;
}
