//! Models of burnseq: batches of token ids in, logits out.
//!
//! In order: a [`ModelConfig`] of one of the [`families`] (chosen by [`ModelConfig::from_arch`], changed by flags) makes a
//! [`Model`], which plays a role: an [`EncoderDecoder`] computes the logits of whole sentences for training, and, being
//! [`Stepwise`], steps through a sentence for decoding; an [`EncoderModel`] is an [`Encoder`] of texts;
//! [`state_dict`] and [`load_state_dict`] take its weights out and in under fairseq's names and shapes.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use burnseq_model::{Dropout, EncoderDecoder, FamilyConfig, TransformerConfig};
//! use burnseq_text::Vocab;
//!
//! let device = Device::flex();
//! let vocab = Vocab::fairseq(16, 24);
//! let config = TransformerConfig { encoder_layers: 1, decoder_layers: 1, ..TransformerConfig::default() };
//! let model = config.init(&vocab, 1, &device);
//! let src_tokens = Tensor::from_ints([[1, 5, 7, 2]], &device); // [batch, src_len], padded on the left
//! let prev_output_tokens = Tensor::from_ints([[2, 9]], &device); // [batch, tgt_len], starts with `</s>`
//! let logits = model.forward(src_tokens, prev_output_tokens, &Dropout::off());
//! assert_eq!(logits.dims(), [1, 2, 24]);
//! ```

mod dropout;
mod error;
pub mod families;
mod init;
pub mod layers;
mod roles;
mod state_dict;

pub use dropout::{Dropout, DropoutModule};
pub use error::ModelError;
pub use families::transformer::{ActivationFn, Transformer, TransformerConfig};
pub use families::{
    EncoderModel, Family, FamilyConfig, Feature, Kind, LanguageModel, LanguageModelState, Model, ModelConfig,
    ModelState, OfConfig, Preset, Setting,
};
pub use init::Init;
pub use roles::{
    AttentionProbabilities, DecoderOnly, Encoder, EncoderDecoder, EncoderInput, Stepwise, Tokens,
};
pub use state_dict::{load_state_dict, named_parameters, state_dict};
