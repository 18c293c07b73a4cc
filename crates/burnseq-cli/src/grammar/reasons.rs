//! Why flags of fairseq change nothing here, and what to do instead of those that are refused.

pub(crate) const ALIGNED: &str = "leave it out; no loss learns from alignments";
pub(crate) const AUTOREGRESSIVE: &str =
    "it is for models that do not decode from left to right, which there are none of";
pub(crate) const BMUF: &str = "leave it out; it goes with --use-bmuf, which there is not";
pub(crate) const COMBINED: &str =
    "leave it out; --valid-subset valid,valid1 validates on each, the first one chooses the best checkpoint";
pub(crate) const COMPLETE: &str = "a checkpoint is complete on the disk before training goes on";
pub(crate) const DATASET: &str = "it is about a dataset";
pub(crate) const DEVICE: &str = "name the device: --device cuda:N";
pub(crate) const DICTIONARY: &str = "the dictionary says which ids its special symbols have";
pub(crate) const FLOAT32: &str = "use --bf16 or --fp16; parameters and optimiser stay in float32";
pub(crate) const HOSTS: &str =
    "leave it out, and run one process on one host: --distributed-world-size says on how many of its GPUs";
pub(crate) const KEEP_LAYERS: &str = "train with fewer layers: --encoder-layers N, --decoder-layers N";
pub(crate) const MAPPED: &str = "sentences are mapped into memory, not loaded by workers";
pub(crate) const NO_AMP: &str = "it goes with --amp, which there is not";
pub(crate) const NO_SCALE: &str = "the loss is scaled in training only";
pub(crate) const OF_GENERATE: &str = "it is an option of `generate`";
pub(crate) const OF_TRAIN: &str = "it is an option of `train`";
pub(crate) const OF_VALIDATE: &str = "it is an option of `burnseq validate`";
pub(crate) const ONE_FOLDER: &str = "leave it out; a checkpoint is one folder";
pub(crate) const ONE_PAIR: &str = "leave it out; a model translates one pair of languages";
pub(crate) const ONE_PROCESS: &str = "one process does all the work";
pub(crate) const ON_DATASET: &str = "it goes with a dataset; use `generate`";
pub(crate) const OPTIMISER: &str = "leave it out; the optimisers are adam, nag and sgd";
pub(crate) const OTHER_MODEL: &str = "leave it out; it is of a model that there is not";
pub(crate) const PADDING: &str = "results do not depend on padding";
pub(crate) const PIPELINE: &str = "it goes with --pipeline-model-parallel, which there is not";
pub(crate) const PLASMA: &str = "data is mapped into memory, not kept in a store";
pub(crate) const PLATEAU: &str =
    "use --lr-scheduler inverse_sqrt, fixed, polynomial_decay, cosine or tri_stage";
pub(crate) const PROGRESS: &str = "progress is a bar on the terminal, which --no-progress-bar hides";
pub(crate) const QUANTISED: &str = "weights are not quantised";
pub(crate) const QUANT_NOISE: &str = "leave it out; weights are not quantised";
pub(crate) const SAMPLED: &str =
    "draw segmentations first: `burnseq text subword encode --unigram-alpha ALPHA`";
pub(crate) const SCORE: &str = "score the D- lines with `burnseq score`, which has all settings of sacreBLEU";
pub(crate) const SECOND: &str = "it is for models with a second decoder, which there are none of";
pub(crate) const SHARDS: &str =
    "divide the work among processes with --num-shards and --shard-id of `generate`";
pub(crate) const SIMPLE_DECODER: &str =
    "leave it out; decoder blocks attend to themselves and to the encoder";
pub(crate) const SLOWMO: &str = "it goes with --ddp-backend slow_mo, which there is not";
pub(crate) const STEP: &str = PLATEAU;
pub(crate) const SYMBOLS: &str = "leave it out; the dictionary says which ids its special symbols have";
pub(crate) const TEXT: &str =
    "it is an option of `train`, `generate`, `burnseq interactive` and `burnseq validate`";
pub(crate) const TRACKER: &str =
    "no tracker is written to; `train --log-format json` writes one object a line, which any tracker reads";
pub(crate) const XFORMERS: &str = "leave it out; there is one implementation of attention for each device";
