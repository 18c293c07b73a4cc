//! Everything that decides how a run goes: what a checkpoint records beside the model's config.

use std::path::PathBuf;

use burn::tensor::Device;
use burnseq_data::BatchLimits;
use serde::{Deserialize, Serialize};

use crate::criterions::CriterionConfig;
use crate::ema::EmaConfig;
use crate::loss_scaler::LossScalingConfig;
use crate::losses::LabelSmoothedCrossEntropyConfig;
use crate::lr_scheduler::{InverseSqrtConfig, LrSchedulerConfig};
use crate::optim::{AdamConfig, OptimizerConfig};
use crate::stop::StopRule;

/// Configuration of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of the initial weights, the order of the data and the dropout masks.
    pub seed: u32,
    /// Loss.
    pub criterion: CriterionConfig,
    /// Optimiser.
    pub optimizer: OptimizerConfig,
    /// Learning rate of each update.
    pub lr_scheduler: LrSchedulerConfig,
    /// From gradients to updates.
    pub optimization: OptimizationConfig,
    /// When the run ends.
    pub stop: StopRule,
    /// Batches.
    pub dataset: DatasetConfig,
    /// When to validate.
    pub validation: ValidationConfig,
    /// What is saved when.
    pub checkpoint: CheckpointConfig,
    /// Moving average of the weights; `None`: there is none.
    pub ema: Option<EmaConfig>,
    /// Dynamic loss scaling, which half precision (float16) needs; `None`: the loss is not scaled.
    pub loss_scaling: Option<LossScalingConfig>,
    /// Devices that share the batches of an update, each with a replica of the model; `update_freq` is for each of them.
    pub distributed_world_size: usize,
    /// Updates between two log lines; 0: only one line per epoch.
    pub log_interval: u64,
}

impl Default for TrainConfig {
    /// The recipe of fairseq's IWSLT'14 example; fairseq's own defaults (learning rate 0.25) learn nothing.
    fn default() -> Self {
        Self {
            seed: 1,
            criterion: CriterionConfig::LabelSmoothedCrossEntropy(LabelSmoothedCrossEntropyConfig {
                label_smoothing: 0.1,
                ..LabelSmoothedCrossEntropyConfig::default()
            }),
            optimizer: OptimizerConfig::Adam(AdamConfig {
                betas: (0.9, 0.98),
                weight_decay: 1e-4,
                ..AdamConfig::default()
            }),
            lr_scheduler: LrSchedulerConfig::InverseSqrt(InverseSqrtConfig::default()),
            optimization: OptimizationConfig::default(),
            stop: StopRule::default(),
            dataset: DatasetConfig::default(),
            validation: ValidationConfig::default(),
            checkpoint: CheckpointConfig::default(),
            ema: None,
            loss_scaling: None,
            distributed_world_size: 1,
            log_interval: 100,
        }
    }
}

/// From gradients to updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizationConfig {
    /// Batches whose gradients are summed for one update, per epoch; the last holds for all
    /// later epochs.
    pub update_freq: Vec<usize>,
    /// Learning rate; one number, or with the fixed schedule one per epoch.
    pub lr: Vec<f64>,
    /// Largest global gradient norm; 0: no clipping.
    pub clip_norm: f64,
    /// Divide the gradient by sentences instead of target tokens.
    pub sentence_avg: bool,
    /// Leave out the last update of an epoch when it has fewer than `update_freq` batches.
    pub skip_remainder_batch: bool,
    /// Updates in a row that may be skipped because their loss or gradient is not finite; the next one ends the run,
    /// unless it lowers the loss scale.
    pub max_nonfinite: u64,
    /// Keep only the inputs of the model's blocks and compute what happens inside once more for its gradients: less
    /// memory for a third more work.
    pub checkpoint_activations: bool,
}

/// One broken batch is no reason to end a run; ten in a row are more than bad luck.
const MAX_NONFINITE: u64 = 10;

impl Default for OptimizationConfig {
    fn default() -> Self {
        Self {
            update_freq: vec![1],
            lr: vec![5e-4],
            clip_norm: 0.0,
            sentence_avg: false,
            skip_remainder_batch: false,
            max_nonfinite: MAX_NONFINITE,
            checkpoint_activations: false,
        }
    }
}

impl OptimizationConfig {
    /// Batches per update in `epoch`, counted from 1.
    pub fn update_freq_in(&self, epoch: u32) -> usize {
        let index = (epoch.max(1) as usize - 1).min(self.update_freq.len() - 1);
        self.update_freq[index]
    }
}

/// Batches of training and validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatasetConfig {
    /// Most tokens in a batch: sentences times the longest sentence of either side.
    pub max_tokens: Option<usize>,
    /// Most sentences in a batch.
    pub batch_size: Option<usize>,
    /// The same for validation; `None`: as in training.
    pub max_tokens_valid: Option<usize>,
    /// The same for validation; `None`: as in training.
    pub batch_size_valid: Option<usize>,
    /// Batches of this many sentences or more are cut to a multiple of it.
    pub required_batch_size_multiple: usize,
    /// Widths of batches are rounded up to a multiple of this; `None`: see [`Self::seq_len_multiple`].
    pub required_seq_len_multiple: Option<usize>,
    /// Leave out validation sentences that are too long, instead of refusing to start.
    /// Training always leaves them out, with a note.
    pub skip_invalid_size_inputs_valid_test: bool,
    /// Epochs at the beginning whose batches are not shuffled: they go from short to long sentences.
    pub curriculum: u32,
    /// 0: batches are made when they are needed; otherwise a background thread makes them ahead.
    pub num_workers: usize,
    /// Batches that are made ahead.
    pub data_buffer_size: usize,
}

impl Default for DatasetConfig {
    fn default() -> Self {
        Self {
            max_tokens: Some(4096),
            batch_size: None,
            max_tokens_valid: None,
            batch_size_valid: None,
            required_batch_size_multiple: 8,
            required_seq_len_multiple: None,
            skip_invalid_size_inputs_valid_test: false,
            curriculum: 0,
            num_workers: 1,
            data_buffer_size: 10,
        }
    }
}

/// Widths on a GPU: its kernels are compiled for each shape, and are fastest on multiples of eight.
const GPU_SEQ_LEN_MULTIPLE: usize = 8;

impl DatasetConfig {
    /// Multiple to which the widths of batches are rounded up on `device`: unless one is given, 8 on a GPU, and 1 on the
    /// processor, which gains nothing from padding.
    pub fn seq_len_multiple(&self, device: &Device) -> usize {
        let default = if *device == Device::flex() {
            1
        } else {
            GPU_SEQ_LEN_MULTIPLE
        };
        self.required_seq_len_multiple.unwrap_or(default)
    }

    /// Size limits of training batches.
    pub fn limits(&self) -> BatchLimits {
        BatchLimits {
            max_tokens: self.max_tokens,
            max_sentences: self.batch_size,
            required_batch_size_multiple: self.required_batch_size_multiple,
        }
    }

    /// Size limits of validation batches.
    pub fn limits_valid(&self) -> BatchLimits {
        BatchLimits {
            max_tokens: self.max_tokens_valid.or(self.max_tokens),
            max_sentences: self.batch_size_valid.or(self.batch_size),
            ..self.limits()
        }
    }
}

/// When to validate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationConfig {
    /// Epochs between validations.
    pub validate_interval: u32,
    /// Updates between validations inside an epoch; 0: none.
    pub validate_interval_updates: u64,
    /// No validation before this update.
    pub validate_after_updates: u64,
    /// Batches of each set that are validated on; `None`: all.
    pub max_valid_steps: Option<usize>,
    /// Never validate.
    pub disable_validation: bool,
    /// What chooses the best checkpoint and is watched by `patience`: `loss`, `nll_loss`, `ppl`,
    /// or a metric of the task, such as `bleu`.
    pub best_checkpoint_metric: String,
    /// Whether larger is better.
    pub maximize_best_checkpoint_metric: bool,
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self {
            validate_interval: 1,
            validate_interval_updates: 0,
            validate_after_updates: 0,
            max_valid_steps: None,
            disable_validation: false,
            best_checkpoint_metric: "loss".to_owned(),
            maximize_best_checkpoint_metric: false,
        }
    }
}

/// What is saved when, and where a run starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Folder of the checkpoints.
    pub save_dir: PathBuf,
    /// Checkpoint to start from, by path, or by name inside `save_dir`; nothing for a fresh start. The default is
    /// taken up when it is there; any other must be there.
    pub restore_file: String,
    /// Where to start when `restore_file` is not there.
    pub start_from: Option<StartFrom>,
    /// With [`StartFrom::Weights`], the data may have dictionaries that lack tokens or have them in another order: tokens keep
    /// their embeddings, new ones begin with the mean of all. Dictionaries that only have more tokens need no permission.
    pub extend_dictionary: bool,
    /// Start with a fresh optimiser.
    pub reset_optimizer: bool,
    /// Start the schedule at its beginning.
    pub reset_lr_scheduler: bool,
    /// Start at the first epoch.
    pub reset_dataloader: bool,
    /// Forget averages, best value and patience.
    pub reset_meters: bool,
    /// Epochs between checkpoints.
    pub save_interval: u32,
    /// Updates between checkpoints inside an epoch, each with a validation; 0: none.
    pub save_interval_updates: u64,
    /// How many of the latest `checkpoint_E_U` to keep; `None`: all.
    pub keep_interval_updates: Option<usize>,
    /// Every `checkpoint_E_U` whose `U` is a multiple of this is kept beside those.
    pub keep_interval_updates_pattern: Option<u64>,
    /// How many of the latest `checkpointN` to keep; `None`: all.
    pub keep_last_epochs: Option<usize>,
    /// How many of the best checkpoints to keep beside `checkpoint_best`; `None`: none.
    pub keep_best_checkpoints: Option<usize>,
    /// No `checkpointN`.
    pub no_epoch_checkpoints: bool,
    /// No `checkpoint_last`.
    pub no_last_checkpoints: bool,
    /// Checkpoints without the state of the optimiser; they cannot be resumed exactly.
    pub no_save_optimizer_state: bool,
    /// No checkpoint at all.
    pub no_save: bool,
}

/// A checkpoint of another run that a run starts from; later it resumes from its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum StartFrom {
    /// From its weights alone: `--finetune-from-model`.
    Weights {
        /// The checkpoint.
        path: PathBuf,
    },
    /// As if it were this run's own: `--continue-once`.
    Run {
        /// The checkpoint.
        path: PathBuf,
    },
}

/// The checkpoint that a run resumes from unless it is told otherwise.
pub const DEFAULT_RESTORE_FILE: &str = "checkpoint_last";

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            save_dir: PathBuf::from("checkpoints"),
            restore_file: DEFAULT_RESTORE_FILE.to_owned(),
            start_from: None,
            extend_dictionary: false,
            reset_optimizer: false,
            reset_lr_scheduler: false,
            reset_dataloader: false,
            reset_meters: false,
            save_interval: 1,
            save_interval_updates: 0,
            keep_interval_updates: None,
            keep_interval_updates_pattern: None,
            keep_last_epochs: None,
            keep_best_checkpoints: None,
            no_epoch_checkpoints: false,
            no_last_checkpoints: false,
            no_save_optimizer_state: false,
            no_save: false,
        }
    }
}

impl TrainConfig {
    /// Batches per update in `epoch`, counted from 1, over all replicas.
    pub fn batches_per_update(&self, epoch: u32) -> usize {
        self.optimization.update_freq_in(epoch) * self.distributed_world_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_json() {
        let config = TrainConfig::default();
        config.validate(&[]).unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&json).unwrap(), config);
        assert_eq!(serde_json::from_str::<TrainConfig>("{}").unwrap(), config);
        assert!(serde_json::from_str::<TrainConfig>(r#"{"max_epoch": 3}"#).is_err());
    }

    #[test]
    fn the_last_update_freq_holds_for_later_epochs() {
        let config = OptimizationConfig {
            update_freq: vec![4, 2],
            ..Default::default()
        };
        assert_eq!(
            [1, 2, 3, 99].map(|epoch| config.update_freq_in(epoch)),
            [4, 2, 2, 2]
        );
    }
}
