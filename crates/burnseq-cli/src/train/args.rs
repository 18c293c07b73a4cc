//! The flags of `train`. Every one is optional: what is not given comes from the preset of
//! `--arch` or from the defaults that the help states.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use super::values::{Betas, Limit, List};

/// Train a translation model on the dataset that `preprocess` wrote.
///
/// Flags have fairseq's names and meanings. What is not given is as in fairseq, with these
/// exceptions, which make the bare command a working recipe (that of fairseq's IWSLT'14 example):
/// the loss is label_smoothed_cross_entropy with smoothing 0.1 (fairseq: cross_entropy), the
/// optimiser adam with betas (0.9, 0.98) and weight decay 1e-4 (fairseq: none chosen; betas (0.9,
/// 0.999), no decay), the learning rate 5e-4 with inverse_sqrt and 4000 updates of warm-up
/// (fairseq: 0.25, fixed), batches have at most 4096 tokens (fairseq: no default), and a run
/// without any stop option stops after 10 validations without improvement (fairseq: never).
#[derive(Debug, Parser)]
#[command(name = "train", version, max_term_width = 110, args_override_self = true)]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct TrainArgs {
    /// Folder of the dataset
    #[arg(default_value = "data-bin")]
    pub data: PathBuf,

    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub optim: OptimArgs,
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    #[command(flatten)]
    pub stop: StopArgs,
    #[command(flatten)]
    pub dataset: DatasetArgs,
    #[command(flatten)]
    pub validation: ValidationArgs,
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub benchmark: BenchmarkArgs,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Progress bar on stderr.
    Tqdm,
    /// One line per interval, on stderr.
    Simple,
    /// One JSON object per interval, on stdout.
    Json,
    /// Nothing but the beginning, the end and errors.
    None,
}

/// The run as a whole.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// What is learned; only `translation` is there yet
    #[arg(long, value_name = "NAME", value_parser = ["translation"])]
    pub task: Option<String>,
    /// Source language [default: as in the dataset]
    #[arg(short = 's', long, visible_alias = "src", value_name = "LANG")]
    pub source_lang: Option<String>,
    /// Target language [default: as in the dataset]
    #[arg(short = 't', long, visible_alias = "tgt", value_name = "LANG")]
    pub target_lang: Option<String>,
    /// Where to compute: auto, cpu, cuda, cuda:N [default: auto, a GPU when there is one]
    #[arg(long, value_name = "NAME", conflicts_with = "cpu")]
    pub device: Option<String>,
    /// Short for `--device cpu`
    #[arg(long)]
    pub cpu: bool,
    /// Refused for now: training computes in float32
    #[arg(long, alias = "memory-efficient-fp16", alias = "amp")]
    pub fp16: bool,
    /// Refused for now: training computes in float32
    #[arg(long, alias = "memory-efficient-bf16")]
    pub bf16: bool,
    /// Seed of weights, order of the data and dropout [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// How progress is shown [default: tqdm on a terminal, else simple]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Updates between two log lines; 0: one line per epoch [default: 100]
    #[arg(long, value_name = "N")]
    pub log_interval: Option<u64>,
    /// File to which log lines are appended as well
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Lines instead of a progress bar
    #[arg(long)]
    pub no_progress_bar: bool,
}

/// Architecture; every flag overrides the preset.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model (overrides the preset of --arch)")]
pub struct ModelArgs {
    /// Preset: transformer, transformer_iwslt (= transformer_iwslt_de_en), transformer_tiny,
    /// transformer_wmt_en_de, transformer_vaswani_wmt_en_de_big, transformer_vaswani_wmt_en_fr_big,
    /// transformer_wmt_en_de_big, transformer_wmt_en_de_big_t2t [default: transformer_iwslt]
    #[arg(short = 'a', long, value_name = "NAME")]
    pub arch: Option<String>,
    /// Width of the encoder
    #[arg(long, value_name = "N")]
    pub encoder_embed_dim: Option<usize>,
    /// Inner width of the encoder's feed-forward blocks
    #[arg(long, value_name = "N")]
    pub encoder_ffn_embed_dim: Option<usize>,
    /// Encoder blocks
    #[arg(long, value_name = "N")]
    pub encoder_layers: Option<usize>,
    /// Attention heads of the encoder
    #[arg(long, value_name = "N")]
    pub encoder_attention_heads: Option<usize>,
    /// Pre-norm instead of post-norm in the encoder
    #[arg(long)]
    pub encoder_normalize_before: bool,
    /// Learned instead of sinusoidal positions in the encoder
    #[arg(long)]
    pub encoder_learned_pos: bool,
    /// Width of the decoder [default with --arch transformer: as the encoder]
    #[arg(long, value_name = "N")]
    pub decoder_embed_dim: Option<usize>,
    /// Inner width of the decoder's feed-forward blocks [default with --arch transformer: as the encoder]
    #[arg(long, value_name = "N")]
    pub decoder_ffn_embed_dim: Option<usize>,
    /// Decoder blocks
    #[arg(long, value_name = "N")]
    pub decoder_layers: Option<usize>,
    /// Attention heads of the decoder
    #[arg(long, value_name = "N")]
    pub decoder_attention_heads: Option<usize>,
    /// Pre-norm instead of post-norm in the decoder
    #[arg(long)]
    pub decoder_normalize_before: bool,
    /// Learned instead of sinusoidal positions in the decoder
    #[arg(long)]
    pub decoder_learned_pos: bool,
    /// Use the decoder's embeddings as output projection
    #[arg(long)]
    pub share_decoder_input_output_embed: bool,
    /// One table for source, target and output; needs a joined dictionary
    #[arg(long)]
    pub share_all_embeddings: bool,
    /// Drop probability after embeddings and sub-layers
    #[arg(long, value_name = "P")]
    pub dropout: Option<f64>,
    /// Drop probability of attention probabilities
    #[arg(long, value_name = "P")]
    pub attention_dropout: Option<f64>,
    /// Drop probability inside the feed-forward blocks
    #[arg(long, visible_alias = "relu-dropout", value_name = "P")]
    pub activation_dropout: Option<f64>,
    /// Non-linearity of the feed-forward blocks: relu, gelu
    #[arg(long, value_name = "NAME", value_parser = ["relu", "gelu"])]
    pub activation_fn: Option<String>,
    /// Longest source in tokens
    #[arg(long, value_name = "N")]
    pub max_source_positions: Option<usize>,
    /// Longest target in tokens
    #[arg(long, value_name = "N")]
    pub max_target_positions: Option<usize>,
    /// No positions at all
    #[arg(long)]
    pub no_token_positional_embeddings: bool,
    /// Do not scale embeddings by the square root of their width
    #[arg(long)]
    pub no_scale_embedding: bool,
    /// Normalise the sum of embedding and position
    #[arg(long)]
    pub layernorm_embedding: bool,
}

/// Loss, optimiser, gradient.
#[derive(Debug, Args)]
#[command(next_help_heading = "Loss and optimiser")]
pub struct OptimArgs {
    /// Loss: label_smoothed_cross_entropy, cross_entropy [default: label_smoothed_cross_entropy]
    #[arg(long, value_name = "NAME", value_parser = ["label_smoothed_cross_entropy", "cross_entropy"])]
    pub criterion: Option<String>,
    /// Probability taken from the reference token [default: 0.1; fairseq: 0]
    #[arg(long, value_name = "EPSILON")]
    pub label_smoothing: Option<f64>,
    /// Optimiser [default: adam]
    #[arg(long, value_name = "NAME", value_parser = ["adam"])]
    pub optimizer: Option<String>,
    /// Decay rates of Adam's moments: '(0.9, 0.98)' or 0.9,0.98 [default: 0.9,0.98; fairseq: 0.9,0.999]
    #[arg(long, value_name = "B1,B2")]
    pub adam_betas: Option<Betas>,
    /// Adam's epsilon [default: 1e-8]
    #[arg(long, value_name = "EPS")]
    pub adam_eps: Option<f64>,
    /// Weight decay, decoupled, on all parameters [default: 1e-4; fairseq: 0]
    #[arg(long, visible_alias = "wd", value_name = "RATE")]
    pub weight_decay: Option<f64>,
    /// Largest global gradient norm; 0: no clipping [default: 0]
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
    /// Batches per update, one number or one per epoch [default: 1]
    #[arg(long, value_name = "N,N,...")]
    pub update_freq: Option<List<usize>>,
    /// Divide the gradient by sentences instead of target tokens
    #[arg(long)]
    pub sentence_avg: bool,
}

/// Learning rate.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning rate")]
pub struct ScheduleArgs {
    /// Schedule: inverse_sqrt, fixed, polynomial_decay, cosine, tri_stage [default: inverse_sqrt; fairseq: fixed]
    #[arg(long, value_name = "NAME",
          value_parser = ["inverse_sqrt", "fixed", "polynomial_decay", "cosine", "tri_stage"])]
    pub lr_scheduler: Option<String>,
    /// Learning rate; with `fixed` one per epoch [default: 5e-4; fairseq: 0.25]
    #[arg(long, visible_alias = "learning-rate", value_name = "LR,LR,...")]
    pub lr: Option<List<f64>>,
    /// Updates of linear warm-up [default: 4000 for inverse_sqrt, else 0]
    #[arg(long, value_name = "N")]
    pub warmup_updates: Option<u64>,
    /// Learning rate at the beginning of the warm-up; negative: the schedule's own [default: -1]
    #[arg(long, value_name = "LR", allow_negative_numbers = true)]
    pub warmup_init_lr: Option<f64>,
    /// fixed: epoch from which the rate shrinks
    #[arg(long, visible_alias = "fa", value_name = "EPOCH")]
    pub force_anneal: Option<usize>,
    /// fixed, cosine: factor of the shrinking [default: 0.1]
    #[arg(long, visible_alias = "shrink", value_name = "FACTOR")]
    pub lr_shrink: Option<f64>,
    /// polynomial_decay: rate at the end [default: 0]
    #[arg(long, value_name = "LR")]
    pub end_learning_rate: Option<f64>,
    /// polynomial_decay: exponent [default: 1]
    #[arg(long, value_name = "P")]
    pub power: Option<f64>,
    /// polynomial_decay: update at which the end is reached [default: --max-update]
    #[arg(long, value_name = "N")]
    pub total_num_update: Option<u64>,
    /// cosine: smallest rate [default: 0]
    #[arg(long, value_name = "LR")]
    pub min_lr: Option<f64>,
    /// cosine: updates of the first period [default: --max-update less the warm-up]
    #[arg(long, value_name = "N")]
    pub lr_period_updates: Option<u64>,
    /// cosine: factor by which each period is longer than the one before [default: 1]
    #[arg(long, value_name = "FACTOR")]
    pub t_mult: Option<f64>,
    /// tri_stage: updates of warm-up
    #[arg(long, value_name = "N")]
    pub warmup_steps: Option<u64>,
    /// tri_stage: updates at the full rate
    #[arg(long, value_name = "N")]
    pub hold_steps: Option<u64>,
    /// tri_stage: updates of decay
    #[arg(long, value_name = "N")]
    pub decay_steps: Option<u64>,
    /// tri_stage: rate at the beginning, as a share of the full one [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub init_lr_scale: Option<f64>,
    /// tri_stage: rate at the end, as a share of the full one [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub final_lr_scale: Option<f64>,
}

/// When the run ends; without any of these by patience.
#[derive(Debug, Args)]
#[command(next_help_heading = "End of the run (without any of these: --patience 10)")]
pub struct StopArgs {
    /// Last epoch; 0: no limit
    #[arg(long, visible_alias = "me", value_name = "N", allow_negative_numbers = true)]
    pub max_epoch: Option<Limit>,
    /// Last update; 0: no limit
    #[arg(long, visible_alias = "mu", value_name = "N", allow_negative_numbers = true)]
    pub max_update: Option<Limit>,
    /// Validations in a row without improvement; -1: no limit
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub patience: Option<Limit>,
    /// Hours of training, resumed ones included; 0: no limit
    #[arg(long, value_name = "HOURS")]
    pub stop_time_hours: Option<f64>,
    /// Stop when the learning rate has fallen to this; -1: never
    #[arg(long, value_name = "LR", allow_negative_numbers = true)]
    pub stop_min_lr: Option<f64>,
}

/// Batches.
#[derive(Debug, Args)]
#[command(next_help_heading = "Batches")]
pub struct DatasetArgs {
    /// Most tokens in a batch, padding included: sentences times the longest one of either side
    /// [default: 4096 unless --batch-size is given]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
    /// Most sentences in a batch
    #[arg(long, visible_alias = "max-sentences", value_name = "N")]
    pub batch_size: Option<usize>,
    /// The same for validation [default: --max-tokens]
    #[arg(long, value_name = "N")]
    pub max_tokens_valid: Option<usize>,
    /// The same for validation [default: --batch-size]
    #[arg(long, visible_alias = "max-sentences-valid", value_name = "N")]
    pub batch_size_valid: Option<usize>,
    /// Batches of N sentences or more are cut to a multiple of N [default: 8]
    #[arg(long, value_name = "N")]
    pub required_batch_size_multiple: Option<usize>,
    /// Widths of batches are rounded up to a multiple of N [default: 1]
    #[arg(long, value_name = "N")]
    pub required_seq_len_multiple: Option<usize>,
    /// Leave out validation sentences that are too long, instead of refusing to start
    #[arg(long)]
    pub skip_invalid_size_inputs_valid_test: bool,
    /// 0: make batches when they are needed; otherwise in the background [default: 1]
    #[arg(long, value_name = "N")]
    pub num_workers: Option<usize>,
    /// Batches made ahead in the background [default: 10]
    #[arg(long, value_name = "N")]
    pub data_buffer_size: Option<usize>,
    /// Part of the dataset to train on [default: train]
    #[arg(long, value_name = "SPLIT")]
    pub train_subset: Option<String>,
    /// Parts of the dataset to validate on; the first one chooses the best checkpoint [default: valid]
    #[arg(long, value_name = "SPLIT,...", value_delimiter = ',')]
    pub valid_subset: Option<Vec<String>>,
    /// Pad the source on the right (fairseq's spelling: a switch that turns left padding off)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "False")]
    pub left_pad_source: Option<String>,
}

/// Validation.
#[derive(Debug, Args)]
#[command(next_help_heading = "Validation")]
pub struct ValidationArgs {
    /// Epochs between validations [default: 1]
    #[arg(long, value_name = "N")]
    pub validate_interval: Option<u32>,
    /// Updates between validations inside an epoch; 0: none [default: 0]
    #[arg(long, value_name = "N")]
    pub validate_interval_updates: Option<u64>,
    /// No validation before this update [default: 0]
    #[arg(long, value_name = "N")]
    pub validate_after_updates: Option<u64>,
    /// Never validate
    #[arg(long)]
    pub disable_validation: bool,
    /// What chooses the best checkpoint: loss, nll_loss, ppl, bleu [default: loss]
    #[arg(long, value_name = "NAME")]
    pub best_checkpoint_metric: Option<String>,
    /// Larger is better (implied by `--best-checkpoint-metric bleu`)
    #[arg(long)]
    pub maximize_best_checkpoint_metric: bool,
    /// Translate the validation set by beam search and report BLEU
    #[arg(long)]
    pub eval_bleu: bool,
    /// Options of that search, as JSON: '{"beam": 5, "max_len_a": 1.2, "max_len_b": 10, "lenpen": 1}'
    #[arg(long, value_name = "JSON")]
    pub eval_bleu_args: Option<String>,
    /// Detokenizer before BLEU: space (none) [default: space]
    #[arg(long, value_name = "NAME")]
    pub eval_bleu_detok: Option<String>,
    /// Compute BLEU on white-space tokens instead of sacreBLEU's 13a
    #[arg(long)]
    pub eval_tokenized_bleu: bool,
    /// Undo subwords before BLEU; the value is a marker or sentencepiece (without a value: '@@ ')
    #[arg(long, value_name = "MARKER", num_args = 0..=1, default_missing_value = "@@ ")]
    pub eval_bleu_remove_bpe: Option<String>,
    /// Show a translation and its reference at each validation
    #[arg(long)]
    pub eval_bleu_print_samples: bool,
}

/// Checkpoints.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checkpoints")]
pub struct CheckpointArgs {
    /// Folder of the checkpoints [default: checkpoints]
    #[arg(long, value_name = "DIR")]
    pub save_dir: Option<PathBuf>,
    /// Checkpoint to start from, a path or a name inside --save-dir [default: checkpoint_last, when
    /// it is there]
    #[arg(long, value_name = "PATH")]
    pub restore_file: Option<String>,
    /// Start with a fresh optimiser
    #[arg(long)]
    pub reset_optimizer: bool,
    /// Start the learning rate at the beginning of its schedule
    #[arg(long)]
    pub reset_lr_scheduler: bool,
    /// Start at the first epoch
    #[arg(long)]
    pub reset_dataloader: bool,
    /// Forget averages, the best value and the count of --patience
    #[arg(long)]
    pub reset_meters: bool,
    /// Epochs between checkpoints [default: 1]
    #[arg(long, value_name = "N")]
    pub save_interval: Option<u32>,
    /// Updates between checkpoints inside an epoch, each with a validation; 0: none [default: 0]
    #[arg(long, value_name = "N")]
    pub save_interval_updates: Option<u64>,
    /// How many of the latest checkpoint_E_U to keep; -1: all [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_interval_updates: Option<Limit>,
    /// How many of the latest checkpointN to keep; -1: all [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_last_epochs: Option<Limit>,
    /// How many of the best checkpoints to keep beside checkpoint_best; -1: none [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_best_checkpoints: Option<Limit>,
    /// No checkpointN
    #[arg(long)]
    pub no_epoch_checkpoints: bool,
    /// No checkpoint_last
    #[arg(long)]
    pub no_last_checkpoints: bool,
    /// Smaller checkpoints, which cannot be resumed exactly
    #[arg(long)]
    pub no_save_optimizer_state: bool,
    /// No checkpoint at all
    #[arg(long)]
    pub no_save: bool,
}

/// Measuring speed instead of training.
#[derive(Debug, Args)]
#[command(next_help_heading = "Measuring speed")]
pub struct BenchmarkArgs {
    /// Time N updates on random tokens and print one JSON line, instead of training
    #[arg(long, value_name = "N", requires = "lengths")]
    pub benchmark: Option<usize>,
    /// Updates before the clock starts [default: 5]
    #[arg(long, value_name = "N", requires = "benchmark")]
    pub benchmark_warmup: Option<usize>,
    /// Source and target .idx (or .idx.gz) whose sentence lengths make the batches
    #[arg(long, value_names = ["SRC.idx", "TGT.idx"], num_args = 2, requires = "benchmark")]
    pub lengths: Option<Vec<PathBuf>>,
    /// Size of the source dictionary [default: 8848]
    #[arg(long, value_name = "N", requires = "benchmark")]
    pub src_vocab: Option<usize>,
    /// Size of the target dictionary [default: 6632]
    #[arg(long, value_name = "N", requires = "benchmark")]
    pub tgt_vocab: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        TrainArgs::command().debug_assert();
    }
}
