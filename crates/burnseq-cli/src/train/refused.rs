//! Flags of fairseq-train that are refused.

use crate::refused::{COMMON, Grammar, MARKS, Refused};

/// Flags that are refused, and what to do instead.
const REFUSED: &[Refused] = &[
    ("adaptive-softmax-cutoff", SOFTMAX),
    ("adaptive-softmax-dropout", SOFTMAX),
    ("adaptive-softmax-factor", SOFTMAX),
    (
        "bpe",
        "leave it out; `preprocess --bpe` segments the text, and the data folder remembers how",
    ),
    ("bucket-cap-mb", ONE_PROCESS),
    ("cpu-offload", ONE_PROCESS),
    ("ddp-backend", ONE_PROCESS),
    ("decoder-layers-to-keep", KEEP_LAYERS),
    ("distributed-backend", ONE_PROCESS),
    ("distributed-init-method", ONE_HOST),
    ("distributed-no-spawn", ONE_PROCESS),
    ("distributed-port", ONE_HOST),
    ("distributed-rank", ONE_HOST),
    ("ema-fp32", "leave it out; the average is always kept in float32"),
    ("encoder-layers-to-keep", KEEP_LAYERS),
    (
        "eval-bleu-detok-args",
        "leave it out; the detokenizer takes its language from the data",
    ),
    ("find-unused-parameters", ONE_PROCESS),
    (
        "fix-batches-to-gpus",
        "leave it out; every epoch shuffles its batches over all devices",
    ),
    (
        "fixed-validation-seed",
        "leave it out; validation draws nothing at random",
    ),
    ("fp16-adam-stats", "leave it out; the moments of Adam are float32"),
    (
        "grouped-shuffling",
        "leave it out; batches are shuffled one by one",
    ),
    ("load-alignments", "leave it out; no loss learns from alignments"),
    ("lr-patience", PLATEAU),
    ("lr-threshold", PLATEAU),
    (
        "merge-src-tgt-embed",
        "preprocess with --joined-dictionary and train with --share-all-embeddings",
    ),
    (
        "num-batch-buckets",
        "leave it out; --required-seq-len-multiple 8 limits how many shapes batches have",
    ),
    (
        "optimizer-overrides",
        "give the options themselves; those of the command line hold for a resumed run, too",
    ),
    ("quant-noise-pq", QUANT_NOISE),
    ("quant-noise-pq-block-size", QUANT_NOISE),
    ("quant-noise-scalar", QUANT_NOISE),
    ("save-async", ASYNC),
    (
        "scoring",
        "use --eval-bleu, and `generate` or `score` for other metrics",
    ),
    (
        "tokenizer",
        "leave it out; `preprocess` prepares the text, and the data folder remembers how",
    ),
    (
        "use-old-adam",
        "leave it out; there is one Adam, which has the arithmetic of that one",
    ),
    ("write-checkpoints-asynchronously", ASYNC),
    ("zero-sharding", ONE_PROCESS),
];

const ASYNC: &str = "leave it out; a checkpoint is complete on the disk before training goes on";
const KEEP_LAYERS: &str = "train with fewer layers: --encoder-layers N, --decoder-layers N";
const ONE_HOST: &str = "leave it out; one process trains on all devices of one host (--distributed-world-size), since Burn cannot sum \
                        gradients across hosts yet";
const ONE_PROCESS: &str = "leave it out; one process trains on all devices of --distributed-world-size, each with a copy of the model";
const PLATEAU: &str = "use --lr-scheduler inverse_sqrt, fixed, polynomial_decay, cosine or tri_stage";
const QUANT_NOISE: &str = "leave it out; weights are not quantised";
const SOFTMAX: &str = "leave it out; the softmax is over the whole dictionary, which subwords keep small";

/// Truth values as Python spells them.
const BOOLEANS: &[&str] = &["True", "False", "true", "false", "0", "1"];

/// The command line of `train`.
pub const GRAMMAR: Grammar = Grammar {
    refused: &[COMMON, REFUSED],
    optional_values: &[
        ("left-pad-source", BOOLEANS),
        ("left-pad-target", BOOLEANS),
        ("eval-bleu-remove-bpe", MARKS),
    ],
};
