//! The encoder-decoder Transformer.

mod config;
mod decoder;
pub(in crate::families) mod fairseq;
mod hugging_face;
#[cfg(test)]
mod precision_tests;
mod settings;
mod size;

pub use config::{ActivationFn, TransformerConfig};
pub use decoder::TransformerDecoderLayer;

use super::stacks::Stacks;
use crate::layers::TransformerLayer;

/// Encoder-decoder Transformer (Vaswani et al. 2017) with fairseq's parameter names, shapes and arithmetic.
pub type Transformer = Stacks<TransformerLayer, TransformerDecoderLayer>;
