//! Models of burnseq: batches of token ids in, logits out.
//!
//! In order: a [`TransformerConfig`] (chosen by [`ModelConfig::from_arch`], changed by flags) makes a [`Transformer`];
//! an [`EncoderDecoder`] computes the logits of whole sentences for training and steps through a sentence for decoding;
//! [`state_dict`] and [`load_state_dict`] take its weights out and in under fairseq's names and shapes. [`families`] holds
//! LightConv and DynamicConv, LSTM and fconv, in the same roles.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use burnseq_model::{Dropout, EncoderDecoder, TransformerConfig, Vocab};
//!
//! let device = Device::flex();
//! let vocab = Vocab { src: 16, tgt: 24, pad: 1, eos: 2 };
//! let config = TransformerConfig { encoder_layers: 1, decoder_layers: 1, ..TransformerConfig::default() };
//! let model = config.init(&vocab, 1, &device);
//! let src_tokens = Tensor::from_ints([[1, 5, 7, 2]], &device); // [batch, src_len], padded on the left
//! let prev_output_tokens = Tensor::from_ints([[2, 9]], &device); // [batch, tgt_len], starts with `</s>`
//! let logits = model.forward(src_tokens, prev_output_tokens, &Dropout::off());
//! assert_eq!(logits.dims(), [1, 2, 24]);
//! ```

mod compute;
pub mod config;
pub mod device;
mod dropout;
mod encoder_decoder;
mod error;
pub mod families;
mod init;
pub mod kernels;
pub mod layers;
pub mod ops;
#[doc(hidden)]
pub mod simd;
mod state_dict;
mod stepping;
pub mod transformer;
mod vocab;

pub use compute::{Compute, Precision, UnknownPrecision};
pub use config::ModelConfig;
pub use dropout::{Dropout, DropoutModule, Mask, seed_of};
pub use encoder_decoder::EncoderDecoder;
pub use error::ModelError;
pub use init::Init;
pub use state_dict::{load_state_dict, named_parameters, state_dict};
pub use stepping::Stepping;
pub use transformer::{ActivationFn, Transformer, TransformerConfig};
pub use vocab::Vocab;
