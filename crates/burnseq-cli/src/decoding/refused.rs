//! Flags of fairseq-generate and fairseq-interactive that neither binary takes, and what to do instead.

use crate::refused::{MARKS, Refused};

/// Flags that are refused.
pub(crate) const REFUSED: &[Refused] = &[
    ("checkpoint-shard-count", ONE_FOLDER),
    ("checkpoint-suffix", ONE_FOLDER),
    ("data-buffer-size", MAPPED),
    ("decoding-format", AUTOREGRESSIVE),
    ("distributed-backend", ONE_PROCESS),
    ("distributed-init-method", ONE_PROCESS),
    ("distributed-no-spawn", ONE_PROCESS),
    ("distributed-port", ONE_PROCESS),
    ("distributed-rank", ONE_PROCESS),
    ("distributed-world-size", ONE_PROCESS),
    ("iter-decode-eos-penalty", AUTOREGRESSIVE),
    ("iter-decode-force-max-iter", AUTOREGRESSIVE),
    ("iter-decode-max-iter", AUTOREGRESSIVE),
    ("iter-decode-with-beam", AUTOREGRESSIVE),
    ("iter-decode-with-external-reranker", AUTOREGRESSIVE),
    ("left-pad-source", PADDING),
    ("left-pad-target", PADDING),
    ("lm-path", LANGUAGE_MODEL),
    ("lm-weight", LANGUAGE_MODEL),
    ("load-alignments", TRAINING),
    ("log-file", "redirect stderr: 2> FILE"),
    ("log-format", PROGRESS),
    ("log-interval", PROGRESS),
    (
        "max-source-positions",
        "write --model-overrides \"{'max_source_positions': N}\"",
    ),
    (
        "max-target-positions",
        "write --model-overrides \"{'max_target_positions': N}\"",
    ),
    ("no-beamable-mm", "leave it out; it changes no result"),
    (
        "no-early-stop",
        "leave it out; a sentence ends when --beam hypotheses are finished",
    ),
    ("num-batch-buckets", TRAINING),
    ("num-workers", MAPPED),
    ("required-seq-len-multiple", PADDING),
    ("retain-iter-history", AUTOREGRESSIVE),
    ("sacrebleu-char-level", SCORE),
    ("sacrebleu-lowercase", SCORE),
    ("sacrebleu-tokenizer", SCORE),
    ("upsample-primary", TRAINING),
];

const AUTOREGRESSIVE: &str =
    "leave it out; it is for models that do not decode from left to right, which there are none of";
const LANGUAGE_MODEL: &str = "leave it out; no language model can be loaded yet (a program of your own can fuse any model \
                              that implements burnseq_generate::NextToken)";
const MAPPED: &str = "leave it out; sentences are mapped into memory, not loaded by workers";
const ONE_FOLDER: &str = "leave it out; a checkpoint is one folder";
const ONE_PROCESS: &str = "divide the work among processes with --num-shards and --shard-id of `generate`";
const PADDING: &str = "leave it out; results do not depend on padding";
const PROGRESS: &str = "leave it out; progress is a bar on the terminal, which --no-progress-bar hides";
const SCORE: &str = "score the D- lines with `score`, which has all settings of sacreBLEU";
const TRAINING: &str = "leave it out; it is for training";

/// Flags whose value may be left out, and the values that they take from the next word.
pub(crate) const OPTIONAL_VALUES: &[(&str, &[&str])] = &[
    ("remove-bpe", MARKS),
    ("post-process", MARKS),
    ("print-alignment", &["hard", "soft"]),
    ("constraints", &["ordered", "unordered"]),
];
