//! Flags of fairseq-preprocess that change nothing here, and those that are refused.

use crate::grammar::reasons::TEXT;
use crate::grammar::{
    COMMON, COMMON_HARMLESS, Grammar, Harmless, Refused, TRACKERS_HARMLESS, TRAINING_HARMLESS, switch, value,
};

/// Flags that change nothing.
const HARMLESS: &[Harmless] = &[
    switch("bf16", TEXT),
    switch("cpu", "text is always prepared on the processor"),
    switch("fp16", TEXT),
    value("log-file", "the log is standard error: 2> FILE"),
    value("log-interval", "there is one line for each stage"),
    value("scoring", "it is an option of `generate`"),
    value("seed", "nothing is drawn at random"),
];

/// Flags that are refused: those of earlier versions of fairseq.
const REFUSED: &[Refused] = &[
    (
        "lazy-load",
        "leave it out; sentences are read when they are needed",
    ),
    (
        "output-format",
        "use --dataset-impl: mmap for `binary`, raw for `raw`",
    ),
    ("raw-text", "use --dataset-impl raw"),
];

/// The command line of `preprocess`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: [
        &[],
        &[COMMON_HARMLESS, TRACKERS_HARMLESS, TRAINING_HARMLESS, HARMLESS],
    ],
    refused: &[COMMON, REFUSED],
    optional_values: &[],
};
