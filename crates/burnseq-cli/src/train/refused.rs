//! Flags of fairseq-train that change nothing here, and those that are refused.

use crate::grammar::reasons::{
    ALIGNED, BMUF, COMBINED, COMPLETE, DICTIONARY, KEEP_LAYERS, OF_GENERATE, ONE_PAIR, OPTIMISER,
    OTHER_MODEL, PLATEAU, QUANT_NOISE, QUANTISED, SIMPLE_DECODER, STEP, SYMBOLS, XFORMERS,
};
use crate::grammar::{
    BOOLEANS, COMMON, COMMON_HARMLESS, Grammar, Harmless, MACHINES, MACHINES_HARMLESS, MARKS, Refused,
    number, off, one, switch, value, words,
};

/// Flags that change nothing.
const HARMLESS: &[Harmless] = &[
    number("base-layers", off, "no layer is a mixture of experts"),
    value("base-shuffle", "no layer is a mixture of experts"),
    value("base-sublayers", "no layer is a mixture of experts"),
    value("bpe", "the data folder says how its text was segmented"),
    number("checkpoint-shard-count", one, "a checkpoint is one folder"),
    switch("debug-param-names", "errors name parameters"),
    switch("ema-fp32", "the average is always kept in float32"),
    words(
        "ema-seed-model",
        &[""],
        "the average begins with the first weights",
    ),
    words("checkpoint-suffix", &[""], "a checkpoint is one folder"),
    words("eos", &["2"], DICTIONARY),
    words(
        "eval-bleu-detok-args",
        &["{}"],
        "the detokenizer takes its language from the data",
    ),
    switch("export", "weights are not traced"),
    value("fixed-validation-seed", "validation draws nothing at random"),
    switch("fp16-adam-stats", "the moments of Adam are float32"),
    value("gen-subset", OF_GENERATE),
    switch(
        "future-target",
        "a language model predicts the token that follows",
    ),
    switch(
        "ignore-unused-valid-subsets",
        "other parts of the dataset may be there",
    ),
    switch(
        "load-checkpoint-on-all-dp-ranks",
        "one process reads the checkpoint",
    ),
    value("min-params-to-wrap", "parameters are not divided among devices"),
    value("num-batch-buckets", "padding changes no result"),
    value("num-shards", OF_GENERATE),
    words(
        "optimizer-overrides",
        &["{}"],
        "flags of the command hold for a resumed run, too",
    ),
    words("pad", &["1"], DICTIONARY),
    number("quant-noise-pq", off, QUANTISED),
    value("quant-noise-pq-block-size", QUANTISED),
    number("quant-noise-scalar", off, QUANTISED),
    switch("save-async", COMPLETE),
    value("scoring", "--eval-bleu computes BLEU"),
    value("shard-id", OF_GENERATE),
    value("tokenizer", "the data folder says how its text was prepared"),
    words("unk", &["3"], DICTIONARY),
    switch(
        "use-old-adam",
        "there is one Adam, which has the arithmetic of that one",
    ),
    switch("write-checkpoints-asynchronously", COMPLETE),
];

/// Flags that are refused, and what to do instead.
const REFUSED: &[Refused] = &[
    ("base-layers", "leave it out; no layer is a mixture of experts"),
    ("char-inputs", "leave it out; inputs are tokens of the dictionary"),
    (
        "checkpoint-shard-count",
        "leave it out; a checkpoint is one folder",
    ),
    ("checkpoint-suffix", "leave it out; name another --save-dir"),
    ("combine-val", COMBINED),
    ("combine-valid-subsets", COMBINED),
    ("cross-self-attention", SIMPLE_DECODER),
    ("decoder-layers-to-keep", KEEP_LAYERS),
    ("decoder-xformers-att-config", XFORMERS),
    (
        "ema-seed-model",
        "leave it out; the average begins with the first weights of the run",
    ),
    ("encoder-layers-to-keep", KEEP_LAYERS),
    ("encoder-xformers-att-config", XFORMERS),
    ("eos", SYMBOLS),
    (
        "eval-bleu-detok-args",
        "leave it out; the detokenizer takes its language from the data",
    ),
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
    ("no-cross-attention", SIMPLE_DECODER),
    (
        "offload-activations",
        "use --checkpoint-activations, which computes activations once more instead of keeping them",
    ),
    (
        "optimizer-overrides",
        "give the options themselves; those of the command line hold for a resumed run, too",
    ),
    ("pad", SYMBOLS),
    (
        "output-dictionary-size",
        "leave it out, or cut the dictionary with --nwordssrc of `preprocess`; the softmax is over all of it",
    ),
    (
        "pad-to-fixed-bsz",
        "leave it out; padding changes no result (--required-batch-size-multiple rounds the number of blocks)",
    ),
    (
        "pad-to-fixed-length",
        "leave it out; padding changes no result (--required-seq-len-multiple rounds the width of batches)",
    ),
    (
        "past-target",
        "leave it out; the models read from left to right, so that they have read the token before: they predict the next one",
    ),
    ("quant-noise-pq", QUANT_NOISE),
    ("quant-noise-scalar", QUANT_NOISE),
    (
        "self-target",
        "leave it out; the models have read the token itself: they predict the next one",
    ),
    ("unk", SYMBOLS),
    (
        "update-epoch-batch-itr",
        "leave it out; batches are made once, and their order is drawn anew in every epoch",
    ),
    (
        "update-ordered-indices-seed",
        "leave it out; batches are made once, and their order is drawn anew in every epoch",
    ),
    (
        "use-bmuf",
        "leave it out; every update sums the gradients of all devices",
    ),
    (
        "wandb-project",
        "write TensorBoard's files with --tensorboard-logdir DIR, which `wandb sync` uploads; or send the lines of \
         --log-format json with a program of your own",
    ),
];

/// Flags of earlier versions of fairseq, and of its other models, losses, optimisers and schedules.
const OLD: &[Refused] = &[
    ("adadelta-eps", OPTIMISER),
    ("adadelta-rho", OPTIMISER),
    ("adafactor-eps", OPTIMISER),
    ("adamax-betas", OPTIMISER),
    ("adamax-eps", OPTIMISER),
    ("alignment-heads", ALIGNED),
    ("alignment-lambda", ALIGNED),
    ("alignment-layer", ALIGNED),
    ("anneal-eps", OPTIMISER),
    ("average-sync", BMUF),
    ("beta1", OPTIMISER),
    ("block-lr", BMUF),
    ("block-momentum", BMUF),
    ("clip-threshold", OPTIMISER),
    ("ctc-weight", "leave it out; there is no CTC loss"),
    ("decay-rate", OPTIMISER),
    (
        "distributed-no-c10d",
        "leave it out; one process does all the work",
    ),
    ("full-context-alignment", ALIGNED),
    ("global-sync-iter", BMUF),
    ("keep-inference-langtok", ONE_PAIR),
    ("lamb-betas", OPTIMISER),
    ("lamb-eps", OPTIMISER),
    ("lang-pairs", ONE_PAIR),
    ("langs", ONE_PAIR),
    (
        "lazy-load",
        "leave it out; sentences are read when they are needed",
    ),
    ("lr-deacy-period", STEP),
    ("lr-decay", STEP),
    (
        "max-lr",
        "give the largest rate with --lr, and for cosine the smallest one with --min-lr",
    ),
    (
        "max-positions",
        "use --max-source-positions and --max-target-positions",
    ),
    ("no-bias-correction", OPTIMISER),
    ("noise", OTHER_MODEL),
    ("num-gpus", "use --distributed-world-size"),
    ("prepend-bos", ONE_PAIR),
    ("raw-text", "use --dataset-impl raw"),
    (
        "rdrop-alpha",
        "leave it out; the losses are label_smoothed_cross_entropy and cross_entropy",
    ),
    ("relative-step", OPTIMISER),
    ("scale-parameter", OPTIMISER),
    ("shrink-min", STEP),
    ("use-nbm", BMUF),
    ("warmup-init", OPTIMISER),
    ("warmup-iterations", BMUF),
];

/// The command line of `train`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: [&[], &[COMMON_HARMLESS, MACHINES_HARMLESS, HARMLESS]],
    refused: &[COMMON, MACHINES, REFUSED, OLD],
    optional_values: &[
        ("left-pad-source", BOOLEANS),
        ("left-pad-target", BOOLEANS),
        ("eval-bleu-remove-bpe", MARKS),
    ],
};
