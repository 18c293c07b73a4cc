//! Encoder-decoders of two stacks of layers whose decoder attends to the source in every layer: the Transformer, LightConv
//! and DynamicConv.

mod decoder;
mod encoder;
mod layer;
mod recomputation;
mod state;

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Int, Tensor},
};
use burnseq_kernels::Stepping;
use burnseq_text::Vocab;

pub use decoder::DecoderStack;
pub(super) use decoder::OwnTables;
pub use encoder::EncoderStack;
pub use layer::{DecoderLayer, EncoderLayer, Look, Past};
pub use state::StackState;

use super::{EncoderOut, HiddenStates, inputs::InputSettings};
use crate::{AttentionProbabilities, Dropout, EncoderDecoder, Stepwise, Tokens, layers::Embedding};

/// How a stack is made, beside its layers.
pub(super) struct StackSettings {
    /// Of the dictionary.
    pub types: usize,
    pub inputs: InputSettings,
    /// Normalise the input of the first layer.
    pub layernorm_embedding: bool,
    /// Pre-norm: normalise the output of the last layer.
    pub normalize_before: bool,
    /// Probability of leaving a layer out in training.
    pub layerdrop: f64,
}

/// Encoder-decoder with fairseq's parameter names, shapes and arithmetic.
#[derive(Module, Debug)]
pub struct Stacks<E: EncoderLayer, D: DecoderLayer> {
    /// Source tokens to vectors.
    pub encoder: EncoderStack<E>,
    /// Target tokens so far, and the encoder's vectors, to vectors that the output projection reads.
    pub decoder: DecoderStack<D>,
    #[module(skip)]
    pub(super) vocab: Vocab,
}

impl<E: EncoderLayer, D: DecoderLayer> Stacks<E, D> {
    /// Encodes `src_tokens` `[batch, src_len]`.
    pub fn encode(&self, src_tokens: Tokens, dropout: &Dropout) -> EncoderOut {
        self.encoder.forward(src_tokens, dropout, &mut |_| ())
    }

    /// [`EncoderDecoder::forward`] without dropout, and the output of every layer.
    pub fn forward_with_states(
        &self,
        src_tokens: Tokens,
        prev_output_tokens: Tokens,
    ) -> (Tensor<3>, HiddenStates) {
        let (dropout, mut states) = (Dropout::off(), HiddenStates::default());
        let encoder_out = self
            .encoder
            .forward(src_tokens, &dropout, &mut |x| states.encoder.push(x.clone()));
        let features = self.decoder.forward(
            prev_output_tokens,
            &encoder_out,
            self.tgt_embedding(),
            &dropout,
            &mut |x| states.decoder.push(x.clone()),
        );
        (self.project(features), states)
    }

    /// The table that target tokens are looked up in: the encoder's where all embeddings are shared.
    fn tgt_embedding(&self) -> &Embedding {
        let own = self.decoder.embed_tokens.as_ref();
        own.unwrap_or(&self.encoder.embed_tokens)
    }

    /// `[batch, len, d_model]` to logits `[batch, len, vocab]`.
    fn project(&self, features: Tensor<3>) -> Tensor<3> {
        let own = self.decoder.output_projection.as_ref();
        let table = own.unwrap_or(self.tgt_embedding());
        match &self.decoder.final_logits_bias {
            Some(bias) => table.project_with_bias(features, bias.val().detach()),
            None => table.project(features),
        }
    }
}

impl<E: EncoderLayer, D: DecoderLayer> Stepwise for Stacks<E, D> {
    type State = StackState<D::Past>;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        let features = self.decoder.step(prev_output_tokens, state, self.tgt_embedding()); // [rows, 1, d_model]
        self.project(features).squeeze_dim(1)
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize], sentences: &[usize]) {
        state.reorder(rows, sentences);
    }

    fn reorder_rows(&self, state: &mut Self::State, rows: Tensor<1, Int>) {
        state.reorder_rows(rows);
    }

    /// The table of the output projection is there twice then.
    fn laid_out_for_decoding(mut self) -> Self {
        let (encoder, decoder) = (&mut self.encoder, &mut self.decoder);
        encoder.layers.iter_mut().for_each(E::lay_out_for_decoding);
        decoder.layers.iter_mut().for_each(D::lay_out_for_decoding);
        let own = decoder
            .output_projection
            .as_mut()
            .or(decoder.embed_tokens.as_mut());
        own.unwrap_or(&mut encoder.embed_tokens).lay_out_for_decoding();
        self
    }
}

impl<E: EncoderLayer, D: DecoderLayer> EncoderDecoder for Stacks<E, D> {
    fn forward(&self, src_tokens: Tokens, prev_output_tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
        let encoder_out = self.encode(src_tokens, dropout);
        let embedding = self.tgt_embedding();
        let features =
            self.decoder
                .forward(prev_output_tokens, &encoder_out, embedding, dropout, &mut |_| ());
        self.project(features)
    }

    fn backward_recomputing<T>(
        &self,
        src_tokens: Tokens,
        prev_output_tokens: Tokens,
        dropout: &Dropout,
        loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
        add: &mut dyn FnMut(GradientsParams),
    ) -> T {
        recomputation::backward(self, [src_tokens, prev_output_tokens], dropout, loss, add)
    }

    fn forward_with_attention(&self, src: Tokens, prev: Tokens, dropout: &Dropout) -> (Tensor<3>, Tensor<3>) {
        let encoder_out = self.encode(src, dropout);
        let embedding = self.tgt_embedding();
        let (features, attention) =
            self.decoder
                .forward_with_attention(prev, &encoder_out, embedding, dropout);
        (self.project(features), attention)
    }

    fn attention_probabilities(&self, src: Tokens, prev: Tokens) -> AttentionProbabilities {
        let (encoder_out, encoder) = self.encoder.forward_with_attention(src);
        let (decoder, cross) = self
            .decoder
            .attention_probabilities(prev, &encoder_out, self.tgt_embedding());
        AttentionProbabilities {
            encoder,
            decoder,
            cross,
        }
    }

    fn start(&self, src_tokens: Tokens, dropout: Dropout, stepping: Stepping) -> Self::State {
        let encoder_out = self.encode(src_tokens, &dropout);
        self.decoder.start(encoder_out, dropout, stepping)
    }

    fn vocab(&self) -> Vocab {
        self.vocab
    }

    fn max_positions(&self) -> (usize, usize) {
        let (encoder, decoder) = (&self.encoder.inputs, &self.decoder.inputs);
        (encoder.max_positions(), decoder.max_positions())
    }
}
