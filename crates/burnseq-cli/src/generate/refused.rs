//! The command line of `generate`, with the flags of fairseq-generate that it refuses.

use crate::decoding::{OPTIONAL_VALUES, REFUSED};
use crate::refused::{COMMON, Grammar, Refused, TRAINING};

/// Flags of fairseq-interactive that have no meaning here.
const INTERACTIVE: &[Refused] = &[("buffer-size", "use `interactive`, or leave it out")];

/// The command line of `generate`.
pub const GRAMMAR: Grammar = Grammar {
    refused: &[COMMON, TRAINING, REFUSED, INTERACTIVE],
    optional_values: OPTIONAL_VALUES,
};
