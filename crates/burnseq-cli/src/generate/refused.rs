//! The command line of `generate`, with the flags of fairseq-generate that it does not need or refuses.

use crate::decoding::{HARMLESS, OF_TRAINING, OF_VALIDATION, OPTIONAL_VALUES, REFUSED};
use crate::grammar::{COMMON, Grammar, MACHINES, OF_MODELS, Refused};

/// Flags of fairseq-interactive that have no meaning here.
const INTERACTIVE: &[Refused] = &[("buffer-size", "use `burnseq interactive`, or leave it out")];

/// The command line of `generate`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: [OF_MODELS, &[HARMLESS, OF_TRAINING, OF_VALIDATION]],
    refused: &[COMMON, MACHINES, REFUSED, INTERACTIVE],
    optional_values: OPTIONAL_VALUES,
};
