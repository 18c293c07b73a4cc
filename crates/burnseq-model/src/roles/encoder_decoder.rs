//! What training and decoding ask of an encoder-decoder.

use burn::{optim::GradientsParams, tensor::Tensor};
use burnseq_kernels::Stepping;
use burnseq_text::Vocab;

use super::{Stepwise, Tokens};
use crate::Dropout;

/// Attention probabilities of one pass, a tensor for each layer. Attentions that a model does not have are empty.
///
/// Every row adds up to 1; row `t` of the decoder belongs to the token that is predicted at `t`.
#[derive(Debug, Clone, Default)]
pub struct AttentionProbabilities {
    /// Self-attention of the encoder: `[batch, heads, src_len, src_len]`.
    pub encoder: Vec<Tensor<4>>,
    /// Self-attention of the decoder: `[batch, heads, tgt_len, tgt_len]`.
    pub decoder: Vec<Tensor<4>>,
    /// Cross-attention of the decoder to the encoder: `[batch, heads, tgt_len, src_len]`.
    pub cross: Vec<Tensor<4>>,
}

/// An encoder-decoder that can be trained on whole sentences and decoded token by token.
///
/// # Shapes
/// `batch` sentences, `src_len` and `tgt_len` tokens, `rows` hypotheses (`batch * beam`), `vocab` target types.
pub trait EncoderDecoder: Stepwise {
    /// Logits of every target position given the ones before it.
    ///
    /// # Shapes
    /// - `src_tokens`: `[batch, src_len]`, padded on either side
    /// - `prev_output_tokens`: `[batch, tgt_len]`, the target shifted right, padded on the right
    /// - result: `[batch, tgt_len, vocab]`
    fn forward(&self, src_tokens: Tokens, prev_output_tokens: Tokens, dropout: &Dropout) -> Tensor<3>;

    /// [`forward`](Self::forward), and the gradients of what `loss` computes from the logits. Families with
    /// [`Feature::RecomputedActivations`](crate::Feature::RecomputedActivations) keep only the input of each block, and
    /// recompute its activations in the backward pass (Chen et al. 2016); others keep all activations. The gradients are
    /// the same up to the order in which they are added.
    ///
    /// `loss` gives a scalar and whatever else is wanted of the logits; `add` gets gradients of some parameters at a
    /// time, those of a parameter more than once where it is used more than once, to be summed.
    fn backward_recomputing<T>(
        &self,
        src_tokens: Tokens,
        prev_output_tokens: Tokens,
        dropout: &Dropout,
        loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
        add: &mut dyn FnMut(GradientsParams),
    ) -> T {
        let (loss, rest) = loss(self.forward(src_tokens, prev_output_tokens, dropout));
        add(GradientsParams::from_grads(loss.backward(), self));
        rest
    }

    /// [`forward`](Self::forward), and how much each target position looks at each source position: the probabilities
    /// of the last cross-attention, averaged over its heads.
    ///
    /// # Shapes
    /// - logits: `[batch, tgt_len, vocab]`
    /// - attention: `[batch, tgt_len, src_len]`; row `t` belongs to the token that is predicted at `t`
    fn forward_with_attention(
        &self,
        src_tokens: Tokens,
        prev_output_tokens: Tokens,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>);

    /// Probabilities of every attention, layer by layer and head by head, in a pass over whole sentences without dropout.
    /// Families that do not tell them apart give what [`forward_with_attention`](Self::forward_with_attention) gives, as
    /// the one head of one layer.
    ///
    /// # Shapes
    /// Those of [`forward`](Self::forward).
    fn attention_probabilities(&self, src: Tokens, prev: Tokens) -> AttentionProbabilities {
        let (_, attention) = self.forward_with_attention(src, prev, &Dropout::off());
        AttentionProbabilities {
            cross: vec![attention.unsqueeze_dim(1)],
            ..AttentionProbabilities::default()
        }
    }

    /// Encodes `src_tokens` `[batch, src_len]` and prepares decoding with one row per sentence; `dropout` gives the
    /// masks of the encoder and of every step, which are [off](Dropout::off) unless samples of the model are wanted.
    fn start(&self, src_tokens: Tokens, dropout: Dropout, stepping: Stepping) -> Self::State;

    /// The dictionaries the model is built for.
    fn vocab(&self) -> Vocab;

    /// Longest source and target the positions reach, in tokens.
    fn max_positions(&self) -> (usize, usize);
}
