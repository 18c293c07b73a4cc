//! The model families there are, and what each of them provides.
//!
//! A family is a file or folder here, and a line of `families!` under its role. The line adds the family to
//! [`ModelConfig`], which checkpoints and `--arch` choose from, and to the models of the role: [`Model`] for
//! encoder-decoders, [`LanguageModel`] for decoders, [`EncoderModel`] for encoders.

#[macro_use]
mod dispatch;

mod checks;
mod config;
pub mod encoder;
mod extras;
pub mod fairseq;
mod family;
pub mod fconv;
pub mod hugging_face;
mod inputs;
pub mod lightconv;
pub mod lstm;
pub mod lstm_lm;
mod python;
mod setting;
pub mod stacks;
pub mod transformer;
pub mod transformer_lm;

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Bool, Int, Tensor, TensorData},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;

use burnseq_kernels::{Compute, Stepping};
use burnseq_text::Vocab;
pub use extras::{Extra, ExtraValue};
pub use fairseq::{Fairseq, InFairseq};
pub use family::{Family, FamilyConfig, Feature, Preset};
pub use hugging_face::{FromHuggingFace, HuggingFace, InHuggingFace};
pub use python::LiteralError;
pub use setting::{Kind, Setting};

use crate::{
    AttentionProbabilities, DecoderOnly, Dropout, DropoutModule, Encoder, EncoderDecoder, EncoderInput,
    ModelError, Stepwise, Tokens,
};

families! {
    encoder_decoders {
        /// Encoder-decoder Transformer.
        Transformer = transformer::{TransformerConfig, Transformer};
        /// LightConv and DynamicConv.
        Lightconv = lightconv::{LightConvConfig, LightConvModel};
        /// Long short-term memory with attention.
        Lstm = lstm::{LstmConfig, LstmModel};
        /// Fully convolutional encoder-decoder.
        Fconv = fconv::{FConvConfig, FConvModel};
    }
    decoders {
        /// Transformer decoder as a language model.
        TransformerLm = transformer_lm::{TransformerLmConfig, TransformerLm};
        /// Long short-term memory as a language model.
        LstmLm = lstm_lm::{LstmLmConfig, LstmLm};
    }
    encoders {
        /// Transformer encoder: BERT, RoBERTa, ALBERT, ELECTRA, DistilBERT.
        TransformerEncoder = encoder::{EncoderConfig, TransformerEncoder};
    }
}

/// The models of a role, made from the configuration of any family.
pub trait OfConfig: Module + 'static {
    /// A model with fresh weights, drawn from `seed`. Validate the configuration first.
    ///
    /// # Errors
    /// A family of another role.
    fn init(
        config: &ModelConfig,
        vocab: &Vocab,
        seed: u64,
        compute: impl Into<Compute>,
    ) -> Result<Self, ModelError>;

    /// The model with these weights, by fairseq's names. Validate the configuration first.
    ///
    /// # Errors
    /// A family of another role; see [`FamilyConfig::load`].
    fn load(
        config: &ModelConfig,
        vocab: &Vocab,
        tensors: &HashMap<String, TensorData>,
        compute: impl Into<Compute>,
    ) -> Result<Self, ModelError>;

    /// Makes sure that the family plays the role.
    ///
    /// # Errors
    /// A family of another role.
    fn check(config: &ModelConfig) -> Result<(), ModelError>;
}

/// Vectors of the source that the decoder attends to.
#[derive(Debug, Clone)]
pub struct EncoderOut {
    /// `[batch, src_len, width]`
    pub x: Tensor<3>,
    /// True at padding, `[batch, src_len]`.
    pub is_pad: Tensor<2, Bool>,
}

/// Every intermediate vector of one pass, embeddings first; used to compare implementations.
#[derive(Debug, Clone, Default)]
pub struct HiddenStates {
    /// Input of the encoder's first block, then the output of each: `[batch, src_len, width]`.
    pub encoder: Vec<Tensor<3>>,
    /// The same of the decoder: `[batch, tgt_len, width]`.
    pub decoder: Vec<Tensor<3>>,
}

/// `x` `[batch, len, width]` with zeros at padding, `is_pad` `[batch, len]`.
fn clear_padding(x: Tensor<3>, is_pad: &Tensor<2, Bool>) -> Tensor<3> {
    let shape = x.dims();
    x.mask_fill(is_pad.clone().unsqueeze_dim::<3>(2).expand(shape), 0.0)
}
