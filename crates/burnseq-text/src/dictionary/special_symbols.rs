//! Which ids the special symbols of a dictionary have.

use serde::{Deserialize, Serialize};

/// Ids of the special symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecialSymbols {
    /// Beginning of a sentence.
    pub bos: usize,
    /// Padding.
    pub pad: usize,
    /// End of a sentence.
    pub eos: usize,
    /// Unknown words.
    pub unk: usize,
    /// What the decoder starts from; none: the end of a sentence, as in fairseq.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder_start: Option<usize>,
}

impl SpecialSymbols {
    /// Those of fairseq's dictionaries.
    pub const FAIRSEQ: Self = Self {
        bos: 0,
        pad: 1,
        eos: 2,
        unk: 3,
        decoder_start: None,
    };
}
