//! Fully convolutional encoder-decoder (Gehring et al. 2017).

mod attention;
mod config;
mod decoder;
mod encoder;
mod fairseq;
mod settings;
mod spec;
mod state;

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};

pub use attention::ConvAttention;
use burnseq_kernels::Stepping;
use burnseq_text::Vocab;
pub use config::FConvConfig;
pub use decoder::{FConvDecoder, OutputLayer};
pub use encoder::{FConvEncoder, FConvEncoderOut};
pub use spec::{AttentionSpec, ConvLayer, ConvSpec};
pub use state::FConvState;

use crate::{AttentionProbabilities, Dropout, EncoderDecoder, Stepwise, Tokens};

/// Encoder-decoder of convolutions with fairseq's parameter names, shapes and arithmetic.
#[derive(Module, Debug)]
pub struct FConvModel {
    /// Source tokens to keys and values of attention.
    pub encoder: FConvEncoder,
    /// Target tokens so far, and keys and values of the source, to logits.
    pub decoder: FConvDecoder,
    #[module(skip)]
    vocab: Vocab,
    max_source_positions: usize,
    max_target_positions: usize,
}

impl FConvModel {
    /// Encodes `src_tokens` `[batch, src_len]`.
    pub fn encode(&self, src_tokens: Tokens, dropout: &Dropout) -> FConvEncoderOut {
        let attending = self.decoder.attending_layers();
        self.encoder.forward(src_tokens, attending, dropout)
    }
}

impl Stepwise for FConvModel {
    type State = FConvState;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut FConvState) -> Tensor<2> {
        self.decoder.step(prev_output_tokens, state).squeeze_dim(1)
    }

    fn reorder(&self, state: &mut FConvState, rows: &[usize], sentences: &[usize]) {
        state.reorder(rows, sentences);
    }

    fn reorder_rows(&self, state: &mut FConvState, rows: Tensor<1, Int>) {
        state.select_rows(rows);
    }

    fn laid_out_for_decoding(mut self) -> Self {
        if self.decoder.shares_embedding() {
            self.decoder.embed_tokens.lay_out_for_decoding();
        }
        self
    }
}

impl EncoderDecoder for FConvModel {
    fn forward(&self, src_tokens: Tokens, prev_output_tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
        let encoder_out = self.encode(src_tokens, dropout);
        self.decoder
            .forward(prev_output_tokens, &encoder_out, dropout, None)
    }

    /// The attention weights are the sum over all layers divided by their number, as in fairseq: rows add up to the share
    /// of layers that attend.
    fn forward_with_attention(&self, src: Tokens, prev: Tokens, dropout: &Dropout) -> (Tensor<3>, Tensor<3>) {
        let encoder_out = self.encode(src, dropout);
        let mut sum: Option<Tensor<3>> = None;
        let logits = self.decoder.forward(
            prev,
            &encoder_out,
            dropout,
            Some(&mut |weights| {
                sum = Some(match sum.take() {
                    Some(sum) => sum + weights,
                    None => weights,
                });
            }),
        );
        let sum = sum.expect("at least one layer attends");
        (logits, sum / self.decoder.convolutions.len() as f64)
    }

    /// One head for each layer that attends.
    fn attention_probabilities(&self, src: Tokens, prev: Tokens) -> AttentionProbabilities {
        let dropout = Dropout::off();
        let encoder_out = self.encode(src, &dropout);
        let mut found = AttentionProbabilities::default();
        let mut observe = |weights: Tensor<3>| found.cross.push(weights.unsqueeze_dim(1));
        self.decoder
            .forward(prev, &encoder_out, &dropout, Some(&mut observe));
        found
    }

    fn start(&self, src_tokens: Tokens, dropout: Dropout, _stepping: Stepping) -> FConvState {
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
