//! Encoder-decoder of long short-term memory with attention (Luong et al. 2015; Wiseman and Rush 2016).

mod attention;
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

pub use attention::LuongAttention;
use burnseq_kernels::Stepping;
use burnseq_text::Vocab;
pub use config::LstmConfig;
pub use decoder::LstmDecoder;
pub(in crate::families) use encoder::embedding;
pub use encoder::{LstmEncoder, LstmEncoderOut};
pub use state::LstmState;

use crate::{
    AttentionProbabilities, Dropout, EncoderDecoder, Stepwise, Tokens,
    layers::{Embedding, Linear, Projection},
};

/// Encoder-decoder of LSTM with fairseq's parameter names, shapes and arithmetic.
#[derive(Module, Debug)]
pub struct LstmModel {
    /// Source tokens to vectors and to the decoder's first state.
    pub encoder: LstmEncoder,
    /// Target tokens so far, and the encoder's vectors, to vectors that the output layer reads.
    pub decoder: LstmDecoder,
    #[module(skip)]
    vocab: Vocab,
    max_source_positions: usize,
    max_target_positions: usize,
}

impl LstmModel {
    /// Encodes `src_tokens` `[batch, src_len]`.
    pub fn encode(&self, src_tokens: Tokens, dropout: &Dropout) -> LstmEncoderOut {
        self.encoder.forward(src_tokens, dropout)
    }

    /// The table that target tokens are looked up in: the encoder's where all embeddings are shared.
    fn tgt_embedding(&self) -> &Embedding {
        self.decoder
            .embed_tokens
            .as_ref()
            .unwrap_or(&self.encoder.embed_tokens)
    }
}

impl Stepwise for LstmModel {
    type State = LstmState;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut LstmState) -> Tensor<2> {
        let logits = self.decoder.step(prev_output_tokens, state, self.tgt_embedding());
        logits.squeeze_dim(1)
    }

    fn reorder(&self, state: &mut LstmState, rows: &[usize], sentences: &[usize]) {
        state.reorder(rows, sentences);
    }

    fn reorder_rows(&self, state: &mut LstmState, rows: Tensor<1, Int>) {
        state.select_rows(rows);
    }

    fn laid_out_for_decoding(mut self) -> Self {
        let decoder = &mut self.decoder;
        if let Some(attention) = &mut decoder.attention {
            let projections = [&mut attention.input_proj, &mut attention.output_proj];
            projections.into_iter().for_each(Projection::lay_out_for_decoding);
        }
        let linears = [&mut decoder.additional_fc, &mut decoder.fc_out];
        linears
            .into_iter()
            .flatten()
            .for_each(Linear::lay_out_for_decoding);
        if decoder.fc_out.is_none() {
            let table = decoder.embed_tokens.as_mut();
            table
                .unwrap_or(&mut self.encoder.embed_tokens)
                .lay_out_for_decoding();
        }
        self
    }
}

impl EncoderDecoder for LstmModel {
    fn forward(&self, src_tokens: Tokens, prev_output_tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
        let encoder_out = self.encode(src_tokens, dropout);
        let embedding = self.tgt_embedding();
        let (logits, _) = self
            .decoder
            .forward(prev_output_tokens, encoder_out, embedding, dropout);
        logits
    }

    /// Without attention in the decoder, all weights are zero.
    fn forward_with_attention(&self, src: Tokens, prev: Tokens, dropout: &Dropout) -> (Tensor<3>, Tensor<3>) {
        let encoder_out = self.encode(src, dropout);
        let (source, embedding) = (encoder_out.source.clone(), self.tgt_embedding());
        let (logits, hidden) = self.decoder.forward(prev, encoder_out, embedding, dropout);
        (logits, self.decoder.attention_weights(hidden, &source))
    }

    /// One head of one layer; nothing without attention in the decoder.
    fn attention_probabilities(&self, src: Tokens, prev: Tokens) -> AttentionProbabilities {
        let mut found = AttentionProbabilities::default();
        if self.decoder.attention.is_some() {
            let (_, attention) = self.forward_with_attention(src, prev, &Dropout::off());
            found.cross.push(attention.unsqueeze_dim(1));
        }
        found
    }

    fn start(&self, src_tokens: Tokens, dropout: Dropout, _stepping: Stepping) -> LstmState {
        let encoder_out = self.encode(src_tokens, &dropout);
        self.decoder.start(encoder_out, dropout)
    }

    fn vocab(&self) -> Vocab {
        self.vocab
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_source_positions, self.max_target_positions)
    }
}
