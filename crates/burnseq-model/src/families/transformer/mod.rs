//! The encoder-decoder Transformer.

mod config;
mod decoder;
mod encoder;
pub(in crate::families) mod fairseq;
pub(super) mod inputs;
#[cfg(test)]
mod precision_tests;
mod recomputation;
mod settings;
mod size;
mod state;

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Int, Tensor},
};

use burnseq_kernels::Stepping;
use burnseq_text::Vocab;
pub use config::{ActivationFn, TransformerConfig};
pub use decoder::{Decoder, DecoderLayer};
pub use encoder::Encoder;
pub use inputs::Inputs;
pub use state::DecoderState;

use super::{EncoderOut, HiddenStates};
use crate::{AttentionProbabilities, Dropout, EncoderDecoder, Stepwise, layers::Embedding};

/// Encoder-decoder Transformer (Vaswani et al. 2017) with fairseq's parameter names, shapes and arithmetic.
#[derive(Module, Debug)]
pub struct Transformer {
    /// Source tokens to vectors.
    pub encoder: Encoder,
    /// Target tokens so far, and the encoder's vectors, to logits.
    pub decoder: Decoder,
    #[module(skip)]
    vocab: Vocab,
    share_all_embeddings: bool,
}

impl Transformer {
    /// Encodes `src_tokens` `[batch, src_len]`.
    pub fn encode(&self, src_tokens: Tensor<2, Int>, dropout: &Dropout) -> EncoderOut {
        self.encoder.forward(src_tokens, dropout, &mut |_| ())
    }

    /// [`EncoderDecoder::forward`] without dropout, and what every block gave on the way.
    pub fn forward_with_states(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
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

    /// The table that target tokens are looked up in.
    fn tgt_embedding(&self) -> &Embedding {
        if self.share_all_embeddings {
            &self.encoder.embed_tokens
        } else {
            self.decoder
                .embed_tokens
                .as_ref()
                .expect("a decoder that shares nothing has a table of its own")
        }
    }

    /// `[batch, len, d_model]` to logits `[batch, len, vocab]`.
    fn project(&self, features: Tensor<3>) -> Tensor<3> {
        self.decoder
            .output_projection
            .as_ref()
            .unwrap_or(self.tgt_embedding())
            .project(features)
    }
}

impl Stepwise for Transformer {
    type State = DecoderState;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut DecoderState) -> Tensor<2> {
        let features = self.decoder.step(prev_output_tokens, state, self.tgt_embedding()); // [rows, 1, d_model]
        self.project(features).squeeze_dim(1)
    }

    fn reorder(&self, state: &mut DecoderState, rows: &[usize], sentences: &[usize]) {
        state.reorder(rows, sentences);
    }

    fn reorder_rows(&self, state: &mut DecoderState, rows: Tensor<1, Int>) {
        state.reorder_rows(rows);
    }

    /// The table of the output projection is there twice then.
    fn laid_out_for_decoding(mut self) -> Self {
        for layer in &mut self.encoder.layers {
            layer.lay_out_for_decoding(false);
        }
        for layer in &mut self.decoder.layers {
            layer.self_attn.lay_out_for_decoding(true);
            layer.encoder_attn.lay_out_for_decoding(false);
            layer.fc1.lay_out_for_decoding();
            layer.fc2.lay_out_for_decoding();
        }
        let projection = match (
            &mut self.decoder.output_projection,
            &mut self.decoder.embed_tokens,
        ) {
            (Some(table), _) | (None, Some(table)) => table,
            (None, None) => &mut self.encoder.embed_tokens,
        };
        projection.lay_out_for_decoding();
        self
    }
}

impl EncoderDecoder for Transformer {
    fn forward(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let encoder_out = self.encode(src_tokens, dropout);
        let embedding = self.tgt_embedding();
        let features =
            self.decoder
                .forward(prev_output_tokens, &encoder_out, embedding, dropout, &mut |_| ());
        self.project(features)
    }

    fn backward_recomputing<T>(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
        dropout: &Dropout,
        loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
        add: &mut dyn FnMut(GradientsParams),
    ) -> T {
        recomputation::backward(self, src_tokens, prev_output_tokens, dropout, loss, add)
    }

    fn forward_with_attention(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
        dropout: &Dropout,
    ) -> (Tensor<3>, Tensor<3>) {
        let encoder_out = self.encode(src_tokens, dropout);
        let embedding = self.tgt_embedding();
        let (features, attention) =
            self.decoder
                .forward_with_attention(prev_output_tokens, &encoder_out, embedding, dropout);
        (self.project(features), attention)
    }

    fn attention_probabilities(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
    ) -> AttentionProbabilities {
        let (encoder_out, encoder) = self.encoder.forward_with_attention(src_tokens);
        let embedding = self.tgt_embedding();
        let (decoder, cross) =
            self.decoder
                .attention_probabilities(prev_output_tokens, &encoder_out, embedding);
        AttentionProbabilities {
            encoder,
            decoder,
            cross,
        }
    }

    fn start(&self, src_tokens: Tensor<2, Int>, dropout: Dropout, stepping: Stepping) -> DecoderState {
        let encoder_out = self.encode(src_tokens, &dropout);
        self.decoder.start(encoder_out, dropout, stepping)
    }

    fn vocab(&self) -> Vocab {
        self.vocab
    }

    fn max_positions(&self) -> (usize, usize) {
        (
            self.encoder.inputs_max_positions(),
            self.decoder.inputs_max_positions(),
        )
    }
}
