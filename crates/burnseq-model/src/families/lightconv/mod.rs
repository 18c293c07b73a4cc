//! LightConv and DynamicConv: convolutions in place of self-attention (Wu et al. 2019).

mod config;
mod decoder;
mod encoder;
mod fairseq;
mod settings;

pub use config::LightConvConfig;
pub use decoder::LightConvDecoderLayer;
pub use encoder::LightConvEncoderLayer;

use super::stacks::Stacks;

/// Encoder-decoder of convolutions with fairseq's parameter names, shapes and arithmetic.
pub type LightConvModel = Stacks<LightConvEncoderLayer, LightConvDecoderLayer>;
