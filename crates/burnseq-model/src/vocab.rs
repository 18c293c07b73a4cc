//! What a model has to know of the dictionaries.

use serde::{Deserialize, Serialize};

/// Sizes and special ids of the dictionaries a model is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocab {
    /// Source types, specials and padding types included.
    pub src: usize,
    /// Target types, specials and padding types included.
    pub tgt: usize,
    /// Id of the padding symbol, on both sides.
    pub pad: usize,
    /// Id of the end-of-sentence symbol, on both sides; the decoder also starts from it.
    pub eos: usize,
}
