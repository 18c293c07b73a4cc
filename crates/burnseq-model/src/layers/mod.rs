//! Building blocks that the model families share. Field names and shapes are those of fairseq's modules.

mod activation;
mod attention;
mod conv_window;
mod embedding;
mod feed_forward;
mod key_value_cache;
mod layer_norm;
mod light_conv;
mod linear;
mod lstm;
mod positions;
mod projection;
mod residual;
mod transformer_layer;
mod weight_norm;

pub use activation::ActivationFn;
pub use attention::MultiheadAttention;
pub use conv_window::{ConvWindow, ConvWindows, ScatteredInputs, Seen};
pub use embedding::Embedding;
pub use feed_forward::FeedForward;
pub use key_value_cache::KeyValueCache;
pub(crate) use key_value_cache::selection;
pub use layer_norm::LayerNorm;
pub(crate) use light_conv::LightConvSettings;
pub use light_conv::{ConvType, LightConv};
pub use linear::Linear;
pub(crate) use lstm::BOUND as LSTM_BOUND;
pub use lstm::{Lstm, LstmCell, LstmOut, LstmStepWeights};
pub use positions::{position_ids, sinusoids};
pub use projection::Projection;
pub(crate) use residual::Residual;
pub(crate) use transformer_layer::LayerSettings;
pub use transformer_layer::TransformerLayer;
pub use weight_norm::{Affine, Conv, WeightNormConv, WeightNormLinear};
