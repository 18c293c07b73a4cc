//! What training and decoding ask of a model, by the role that it plays.

mod encoder_decoder;
mod stepwise;

pub use encoder_decoder::EncoderDecoder;
pub use stepwise::Stepwise;
