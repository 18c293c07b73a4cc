//! Flags of fairseq-generate and fairseq-interactive that change nothing in both binaries, and those that both refuse.

use crate::grammar::reasons::{
    AUTOREGRESSIVE, DICTIONARY, MAPPED, OF_TRAIN, OF_VALIDATE, ONE_FOLDER, PADDING, PROGRESS, SAMPLED, SCORE,
    SECOND, SHARDS, SYMBOLS,
};
use crate::grammar::{BOOLEANS, Harmless, MARKS, Refused, number, one, optional, switch, value, words};

/// Flags that change nothing.
pub(crate) const HARMLESS: &[Harmless] = &[
    words("bpe-separator", &["@@"], "it is the mark of subword-nmt"),
    number("checkpoint-shard-count", one, "a checkpoint is one folder"),
    words("checkpoint-suffix", &[""], "a checkpoint is one folder"),
    value("data-buffer-size", MAPPED),
    value("decoding-format", AUTOREGRESSIVE),
    number("distributed-world-size", one, "one process does all the work"),
    words("eos", &["2"], DICTIONARY),
    value("iter-decode-eos-penalty", AUTOREGRESSIVE),
    switch("iter-decode-force-max-iter", AUTOREGRESSIVE),
    value("iter-decode-max-iter", AUTOREGRESSIVE),
    value("iter-decode-with-beam", AUTOREGRESSIVE),
    switch("iter-decode-with-external-reranker", AUTOREGRESSIVE),
    optional("left-pad-source", PADDING),
    optional("left-pad-target", PADDING),
    switch("load-alignments", "alignments are for training"),
    switch(
        "load-checkpoint-on-all-dp-ranks",
        "one process reads the checkpoint",
    ),
    value("log-file", "the log is standard error: 2> FILE"),
    value("log-format", PROGRESS),
    value("log-interval", PROGRESS),
    switch("no-beamable-mm", "it changes no result"),
    switch(
        "no-early-stop",
        "a sentence ends when --beam hypotheses are finished",
    ),
    switch("no-seed-provided", "--seed says whether there is one"),
    value("num-batch-buckets", PADDING),
    value("num-workers", MAPPED),
    words("pad", &["1"], DICTIONARY),
    value("required-seq-len-multiple", PADDING),
    switch("retain-iter-history", AUTOREGRESSIVE),
    words("unk", &["3"], DICTIONARY),
    value("beam-mt", SECOND),
    value("lenpen-mt", SECOND),
    value("max-len-a-mt", SECOND),
    value("max-len-b-mt", SECOND),
];

/// Flags that are refused.
pub(crate) const REFUSED: &[Refused] = &[
    ("bpe-separator", "leave it out; subword-nmt's mark is `@@`"),
    ("checkpoint-shard-count", ONE_FOLDER),
    ("checkpoint-suffix", ONE_FOLDER),
    ("distributed-world-size", SHARDS),
    ("eos", SYMBOLS),
    (
        "eos-token",
        "leave it out; a translation ends with the `</s>` of the dictionary",
    ),
    (
        "max-source-positions",
        "write --model-overrides \"{'max_source_positions': N}\"",
    ),
    (
        "max-target-positions",
        "write --model-overrides \"{'max_target_positions': N}\"",
    ),
    ("pad", SYMBOLS),
    ("raw-text", "use --dataset-impl raw"),
    ("sacrebleu-char-level", SCORE),
    ("sacrebleu-lowercase", SCORE),
    ("sacrebleu-tokenizer", SCORE),
    ("sentencepiece-alpha", SAMPLED),
    ("sentencepiece-enable-sampling", SAMPLED),
    ("unk", SYMBOLS),
];

/// Flags of training that fairseq's parsers of decoding and validation take as well.
pub(crate) const OF_TRAINING: &[Harmless] = &[
    value("best-checkpoint-metric", OF_TRAIN),
    switch("combine-val", OF_TRAIN),
    switch("combine-valid-subsets", OF_TRAIN),
    value("continue-once", OF_TRAIN),
    value("curriculum", OF_TRAIN),
    switch("disable-validation", OF_TRAIN),
    value("finetune-from-model", OF_TRAIN),
    value("fixed-validation-seed", OF_TRAIN),
    value("force-anneal", OF_TRAIN),
    switch("grouped-shuffling", OF_TRAIN),
    switch("ignore-unused-valid-subsets", OF_TRAIN),
    value("keep-best-checkpoints", OF_TRAIN),
    value("keep-interval-updates", OF_TRAIN),
    value("keep-interval-updates-pattern", OF_TRAIN),
    value("keep-last-epochs", OF_TRAIN),
    value("lr-shrink", OF_TRAIN),
    switch("maximize-best-checkpoint-metric", OF_TRAIN),
    switch("no-epoch-checkpoints", OF_TRAIN),
    switch("no-last-checkpoints", OF_TRAIN),
    switch("no-save", OF_TRAIN),
    switch("no-save-optimizer-state", OF_TRAIN),
    value("optimizer-overrides", OF_TRAIN),
    value("patience", OF_TRAIN),
    switch("reset-dataloader", OF_TRAIN),
    switch("reset-lr-scheduler", OF_TRAIN),
    switch("reset-meters", OF_TRAIN),
    switch("reset-optimizer", OF_TRAIN),
    value("restore-file", OF_TRAIN),
    switch("save-async", OF_TRAIN),
    value("save-dir", OF_TRAIN),
    value("save-interval", OF_TRAIN),
    value("save-interval-updates", OF_TRAIN),
    value("train-subset", OF_TRAIN),
    switch("update-epoch-batch-itr", OF_TRAIN),
    switch("update-ordered-indices-seed", OF_TRAIN),
    value("upsample-primary", OF_TRAIN),
    value("validate-after-updates", OF_TRAIN),
    value("validate-interval", OF_TRAIN),
    value("validate-interval-updates", OF_TRAIN),
    value("warmup-updates", OF_TRAIN),
    switch("write-checkpoints-asynchronously", OF_TRAIN),
];

/// Flags of validation that fairseq's parsers of decoding take as well.
pub(crate) const OF_VALIDATION: &[Harmless] = &[
    value("batch-size-valid", OF_VALIDATE),
    switch("eval-bleu", OF_VALIDATE),
    value("eval-bleu-args", OF_VALIDATE),
    value("eval-bleu-detok", OF_VALIDATE),
    value("eval-bleu-detok-args", OF_VALIDATE),
    switch("eval-bleu-print-samples", OF_VALIDATE),
    optional("eval-bleu-remove-bpe", OF_VALIDATE),
    switch("eval-tokenized-bleu", OF_VALIDATE),
    value("max-sentences-valid", OF_VALIDATE),
    value("max-tokens-valid", OF_VALIDATE),
    value("max-valid-steps", OF_VALIDATE),
    value("nval", OF_VALIDATE),
    value("valid-subset", OF_VALIDATE),
];

/// Flags whose value may be left out, and the values that they take from the next word.
pub(crate) const OPTIONAL_VALUES: &[(&str, &[&str])] = &[
    ("remove-bpe", MARKS),
    ("post-process", MARKS),
    ("eval-bleu-remove-bpe", MARKS),
    ("left-pad-source", BOOLEANS),
    ("left-pad-target", BOOLEANS),
    ("print-alignment", &["hard", "soft"]),
    ("constraints", &["ordered", "unordered"]),
];
