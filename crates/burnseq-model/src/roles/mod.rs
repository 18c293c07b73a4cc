//! What training and decoding ask of a model, by the role that it plays.

mod decoder_only;
mod encoder;
mod encoder_decoder;
mod stepwise;

pub use decoder_only::DecoderOnly;
pub use encoder::{Encoder, EncoderInput};
pub use encoder_decoder::{AttentionProbabilities, EncoderDecoder};
pub use stepwise::Stepwise;

use burn::tensor::{Int, Tensor};

/// Token ids of sentences, `[batch, len]`, padded to one length.
pub type Tokens = Tensor<2, Int>;
