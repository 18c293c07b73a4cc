//! Checkpoints.

use std::path::PathBuf;

use anyhow::{Result, bail};
use burnseq_train::{CheckpointConfig, StartFrom};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::set;
use crate::train::values::Limit;

/// Checkpoints.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checkpoints")]
pub struct CheckpointArgs {
    /// Folder of the checkpoints [default: checkpoints]
    #[arg(long, value_name = "DIR")]
    pub save_dir: Option<PathBuf>,
    /// Checkpoint to start from, a path or a name inside --save-dir [default: checkpoint_last, when
    /// it is there]
    #[arg(long, value_name = "PATH", value_parser = NonEmptyStringValueParser::new())]
    pub restore_file: Option<String>,
    /// Start with the weights of another run, ours or fairseq's, unless --save-dir holds a run to go on with:
    /// everything else, such as optimiser and epoch, starts anew. Without --arch, the architecture is that of the
    /// checkpoint; `preprocess --like` makes data for it
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with_all = ["continue_once", "reset_optimizer", "reset_lr_scheduler", "reset_dataloader", "reset_meters"]
    )]
    pub finetune_from_model: Option<PathBuf>,
    /// With --finetune-from-model, the data may have dictionaries that lack tokens or have them in another order: tokens
    /// that both have keep their embeddings, new ones begin with the mean of all. Dictionaries with more tokens need no
    /// flag, as those of `preprocess --like CHECKPOINT --extra-symbols`
    #[arg(long, requires = "finetune_from_model")]
    pub extend_dictionary: bool,
    /// Go on with this checkpoint of another run, unless --save-dir holds a run to go on with
    #[arg(long, value_name = "PATH")]
    pub continue_once: Option<PathBuf>,
    /// Start with a fresh optimiser
    #[arg(long)]
    pub reset_optimizer: bool,
    /// Start the learning rate at the beginning of its schedule (in fairseq it goes on, as its schedules follow the
    /// number of updates)
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
    pub save_interval_updates: Option<Limit>,
    /// How many of the latest checkpoint_E_U to keep; 0 or -1: all [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_interval_updates: Option<Limit>,
    /// Keep every checkpoint_E_U whose U is a multiple of N beside those of --keep-interval-updates; 0 or -1: none
    /// [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_interval_updates_pattern: Option<Limit>,
    /// How many of the latest checkpointN to keep; 0 or -1: all [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_last_epochs: Option<Limit>,
    /// How many of the best checkpoints to keep beside checkpoint_best; 0 or -1: none [default: -1]
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

impl CheckpointArgs {
    /// As in fairseq, the default of --restore-file goes with --finetune-from-model, and no other does.
    ///
    /// # Errors
    /// Two checkpoints to start from.
    pub(crate) fn check(&self) -> Result<()> {
        let names_another = self.restore_file.as_deref().is_some_and(|file| {
            let name = file.trim_end_matches('/');
            name.strip_suffix(".pt").unwrap_or(name) != CheckpointConfig::default().restore_file
        });
        if self.finetune_from_model.is_some() && names_another {
            bail!(
                "--finetune-from-model cannot be used with --restore-file: one begins a run, the other goes on with one\n\
                 hint: leave one of them out"
            );
        }
        Ok(())
    }

    /// Lays the flags over the configuration.
    pub(crate) fn overlay(&self, config: &mut CheckpointConfig) {
        set(&mut config.save_dir, self.save_dir.clone());
        set(&mut config.restore_file, self.restore_file.clone());
        if let Some(path) = &self.finetune_from_model {
            config.start_from = Some(StartFrom::Weights { path: path.clone() });
        }
        if let Some(path) = &self.continue_once {
            config.start_from = Some(StartFrom::Run { path: path.clone() });
        }
        config.extend_dictionary |= self.extend_dictionary;
        config.reset_optimizer |= self.reset_optimizer;
        config.reset_lr_scheduler |= self.reset_lr_scheduler;
        config.reset_dataloader |= self.reset_dataloader;
        config.reset_meters |= self.reset_meters;
        set(&mut config.save_interval, self.save_interval);
        if let Some(updates) = self.save_interval_updates {
            config.save_interval_updates = updates.above_zero().unwrap_or(0);
        }
        for (field, flag) in [
            (&mut config.keep_interval_updates, self.keep_interval_updates),
            (&mut config.keep_last_epochs, self.keep_last_epochs),
            (&mut config.keep_best_checkpoints, self.keep_best_checkpoints),
        ] {
            if let Some(limit) = flag {
                *field = limit.count();
            }
        }
        if let Some(pattern) = self.keep_interval_updates_pattern {
            config.keep_interval_updates_pattern = pattern.above_zero();
        }
        config.no_epoch_checkpoints |= self.no_epoch_checkpoints;
        config.no_last_checkpoints |= self.no_last_checkpoints;
        config.no_save_optimizer_state |= self.no_save_optimizer_state;
        config.no_save |= self.no_save;
    }
}
