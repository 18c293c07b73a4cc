//! Flags of fairseq-train that are refused.

use super::values::MARKS;
use crate::refused::{COMMON, Grammar, Refused};

/// Flags that are refused, and what to do instead.
const REFUSED: &[Refused] = &[
    ("adaptive-softmax-cutoff", SOFTMAX),
    ("adaptive-softmax-dropout", SOFTMAX),
    ("adaptive-softmax-factor", SOFTMAX),
    (
        "bpe",
        "leave it out; `preprocess --bpe` segments the text, and the data folder remembers how",
    ),
    ("bucket-cap-mb", ONE_DEVICE),
    (
        "checkpoint-activations",
        "leave it out, and lower --max-tokens and raise --update-freq to save memory",
    ),
    ("cpu-offload", ONE_DEVICE),
    ("ddp-backend", ONE_DEVICE),
    ("decoder-layers-to-keep", KEEP_LAYERS),
    ("distributed-backend", ONE_DEVICE),
    ("distributed-init-method", ONE_DEVICE),
    ("distributed-no-spawn", ONE_DEVICE),
    ("distributed-port", ONE_DEVICE),
    ("distributed-rank", ONE_DEVICE),
    ("distributed-world-size", ONE_DEVICE),
    ("ema-fp32", "leave it out; the average is always kept in float32"),
    ("encoder-layers-to-keep", KEEP_LAYERS),
    (
        "eval-bleu-detok-args",
        "leave it out; the detokenizer takes its language from the data",
    ),
    ("find-unused-parameters", ONE_DEVICE),
    ("fix-batches-to-gpus", ONE_DEVICE),
    (
        "fixed-validation-seed",
        "leave it out; validation draws nothing at random",
    ),
    ("fp16-adam-stats", "leave it out; the moments of Adam are float32"),
    ("grouped-shuffling", ONE_DEVICE),
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
    ("zero-sharding", ONE_DEVICE),
];

const ASYNC: &str = "leave it out; a checkpoint is complete on the disk before training goes on";
const KEEP_LAYERS: &str = "train with fewer layers: --encoder-layers N, --decoder-layers N";
const ONE_DEVICE: &str =
    "leave it out; training uses one device, and --update-freq N makes batches N times as large";
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
