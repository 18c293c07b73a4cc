//! Building blocks that the model families share. Field names and shapes are those of fairseq's modules.

mod activation;
mod attention;
mod embedding;
mod feed_forward;
mod key_value_cache;
mod layer_norm;
mod linear;
mod positions;

pub use activation::ActivationFn;
pub use attention::MultiheadAttention;
pub use embedding::Embedding;
pub use feed_forward::FeedForward;
pub use key_value_cache::KeyValueCache;
pub(crate) use key_value_cache::selection;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use positions::{position_ids, sinusoids};
