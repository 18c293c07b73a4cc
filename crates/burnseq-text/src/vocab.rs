//! What models and searches have to know of the dictionaries.

use crate::dictionary::{Dictionary, SpecialSymbols};

/// Sizes and special symbols of the dictionaries that a model reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vocab {
    /// Source types, specials and padding types included.
    pub src: usize,
    /// Target types, specials and padding types included.
    pub tgt: usize,
    /// Ids of the special symbols, on both sides.
    pub special_symbols: SpecialSymbols,
}

impl Vocab {
    /// Of two dictionaries that share their special symbols.
    pub fn of(src: &Dictionary, tgt: &Dictionary) -> Self {
        Self {
            src: src.len(),
            tgt: tgt.len(),
            special_symbols: tgt.special_symbols(),
        }
    }

    /// So many types, the special symbols as in fairseq's dictionaries.
    pub const fn fairseq(src: usize, tgt: usize) -> Self {
        Self {
            src,
            tgt,
            special_symbols: SpecialSymbols::FAIRSEQ,
        }
    }

    /// Id of padding.
    pub const fn pad(&self) -> usize {
        self.special_symbols.pad
    }

    /// Id of the end of a sentence.
    pub const fn eos(&self) -> usize {
        self.special_symbols.eos
    }

    /// Id that the decoder starts from.
    pub const fn decoder_start(&self) -> usize {
        match self.special_symbols.decoder_start {
            Some(start) => start,
            None => self.special_symbols.eos,
        }
    }

    /// Id of unknown words.
    pub const fn unk(&self) -> usize {
        self.special_symbols.unk
    }
}
