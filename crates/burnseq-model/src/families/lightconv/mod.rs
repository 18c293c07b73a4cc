//! LightConv and DynamicConv: convolutions in place of self-attention (Wu et al. 2019).

mod config;
mod decoder;
mod encoder;
mod fairseq;
mod settings;
mod state;

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};

use burnseq_kernels::Stepping;
use burnseq_text::Vocab;
pub use config::LightConvConfig;
pub use decoder::{LightConvDecoder, LightConvDecoderLayer};
pub use encoder::{LightConvEncoder, LightConvEncoderLayer};
pub use state::LightConvState;

use super::{EncoderOut, HiddenStates};
use crate::{
    AttentionProbabilities, Dropout, EncoderDecoder, Stepwise,
    layers::{Embedding, Linear},
};

/// Encoder-decoder of convolutions with fairseq's parameter names, shapes and arithmetic.
#[derive(Module, Debug)]
pub struct LightConvModel {
    /// Source tokens to vectors.
    pub encoder: LightConvEncoder,
    /// Target tokens so far, and the encoder's vectors, to vectors that the output projection reads.
    pub decoder: LightConvDecoder,
    #[module(skip)]
    vocab: Vocab,
    max_source_positions: usize,
    max_target_positions: usize,
}

impl LightConvModel {
    /// Encodes `src_tokens` `[batch, src_len]`.
    pub fn encode(&self, src_tokens: Tensor<2, Int>, dropout: &Dropout) -> EncoderOut {
        self.encoder.forward(src_tokens, dropout, &mut |_| ())
    }

    /// [`EncoderDecoder::forward`] without dropout, and the output of every layer.
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

    /// The table that target tokens are looked up in: the encoder's where all embeddings are shared.
    fn tgt_embedding(&self) -> &Embedding {
        self.decoder
            .embed_tokens
            .as_ref()
            .unwrap_or(&self.encoder.embed_tokens)
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

impl Stepwise for LightConvModel {
    type State = LightConvState;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut LightConvState) -> Tensor<2> {
        let features = self.decoder.step(prev_output_tokens, state, self.tgt_embedding()); // [rows, 1, d_model]
        self.project(features).squeeze_dim(1)
    }

    fn reorder(&self, state: &mut LightConvState, rows: &[usize], sentences: &[usize]) {
        state.reorder(rows, sentences);
    }

    fn reorder_rows(&self, state: &mut LightConvState, rows: Tensor<1, Int>) {
        state.select_rows(rows);
    }

    fn laid_out_for_decoding(mut self) -> Self {
        for layer in &mut self.encoder.layers {
            let linears = [
                &mut layer.linear1,
                &mut layer.linear2,
                &mut layer.fc1,
                &mut layer.fc2,
            ];
            linears.into_iter().for_each(Linear::lay_out_for_decoding);
            layer.conv.lay_out_for_decoding();
        }
        for layer in &mut self.decoder.layers {
            let linears = [
                &mut layer.linear1,
                &mut layer.linear2,
                &mut layer.fc1,
                &mut layer.fc2,
            ];
            linears.into_iter().for_each(Linear::lay_out_for_decoding);
            layer.encoder_attn.lay_out_for_decoding(false);
            layer.conv.lay_out_for_decoding();
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

impl EncoderDecoder for LightConvModel {
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

    /// Convolutions take the place of self-attention, which stays empty.
    fn attention_probabilities(
        &self,
        src_tokens: Tensor<2, Int>,
        prev_output_tokens: Tensor<2, Int>,
    ) -> AttentionProbabilities {
        let encoder_out = self.encode(src_tokens, &Dropout::off());
        let embedding = self.tgt_embedding();
        AttentionProbabilities {
            cross: self
                .decoder
                .attention_probabilities(prev_output_tokens, &encoder_out, embedding),
            ..AttentionProbabilities::default()
        }
    }

    fn start(&self, src_tokens: Tensor<2, Int>, dropout: Dropout, stepping: Stepping) -> LightConvState {
        let encoder_out = self.encode(src_tokens, &dropout);
        self.decoder.start(encoder_out, dropout, stepping)
    }

    fn vocab(&self) -> Vocab {
        self.vocab
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_source_positions, self.max_target_positions)
    }
}
