//! Flags of fairseq-preprocess that are refused.

use crate::refused::{COMMON, Grammar, Refused, TRAINING};

/// Flags that are refused, and what to do instead.
const REFUSED: &[Refused] = &[
    ("bf16", TEXT),
    ("cpu", "leave it out; text is always prepared on the CPU"),
    ("fp16", TEXT),
    ("log-file", "redirect stderr to a file"),
    ("log-interval", "leave it out; there is one line for each stage"),
    ("scoring", "leave it out; it is an option of `generate`"),
    ("seed", "leave it out; nothing is drawn at random"),
];

/// Precision.
const TEXT: &str = "leave it out; it is an option of `train`, `generate`, `interactive` and `validate`";

/// The command line of `preprocess`.
pub const GRAMMAR: Grammar = Grammar {
    refused: &[COMMON, TRAINING, REFUSED],
    optional_values: &[],
};
