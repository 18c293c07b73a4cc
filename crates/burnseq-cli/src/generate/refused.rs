//! The command line of `generate`, with the flags of fairseq-generate that it does not need or refuses.

use crate::decoding::{HARMLESS, OF_TRAINING, OF_VALIDATION, OPTIONAL_VALUES, REFUSED};
use crate::grammar::{
    COMMON, COMMON_HARMLESS, Grammar, MACHINES, MACHINES_HARMLESS, Refused, TRACKERS_HARMLESS,
    TRAINING_HARMLESS,
};

/// Flags of fairseq-interactive that have no meaning here.
const INTERACTIVE: &[Refused] = &[("buffer-size", "use `burnseq interactive`, or leave it out")];

/// The command line of `generate`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: &[
        COMMON_HARMLESS,
        TRACKERS_HARMLESS,
        MACHINES_HARMLESS,
        TRAINING_HARMLESS,
        HARMLESS,
        OF_TRAINING,
        OF_VALIDATION,
    ],
    refused: &[COMMON, MACHINES, REFUSED, INTERACTIVE],
    optional_values: OPTIONAL_VALUES,
};
