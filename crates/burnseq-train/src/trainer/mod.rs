//! The training loop: batches in, updates out, with validation, checkpoints, logs and an end.

#[cfg(test)]
mod ahead_tests;
mod all_reduce;
mod backprop;
mod batches;
mod config;
mod event;
#[cfg(test)]
mod fixture;
mod idle_settings;
mod max_tokens;
#[cfg(test)]
mod memory_tests;
mod refused_settings;
mod replicas;
mod resume;
mod run;
mod saving;
mod start;
mod state;
mod update;

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use burnseq_data::{BatchSettings, Dataset, EpochIterator, EpochOptions};
use burnseq_model::{Feature, ModelConfig};

pub use config::{
    CheckpointConfig, DatasetConfig, OptimizationConfig, StartFrom, TrainConfig, ValidationConfig,
};
pub use event::{Event, RunSummary};
pub use max_tokens::{FoundMaxTokens, find_max_tokens, longest_sentences};
pub use resume::saved_max_tokens;
pub use run::Observer;
pub use saving::TrainingRecord;
pub use start::{Start, find_start};
pub use state::TrainState;

use backprop::{Backprop, Learner};
use replicas::Replicas;

use crate::checkpoint::{Dictionaries, Importer, TaskInfo, lock_for_run};
use crate::ema::Ema;
use crate::error::{Error, Result};
use crate::loss_scaler::LossScaler;
use crate::lr_scheduler::LrScheduler;
use crate::memory_usage::TuningMemory;
use crate::optim::Optimizer;
use crate::out_of_memory::DeviceMemory;
use crate::stop::Interrupt;
use crate::validation::{Objective, ValidSet};

/// What a run learns from and is judged by.
#[derive(Debug)]
pub struct TrainData<D> {
    /// Examples to learn from.
    pub train: Arc<D>,
    /// Examples to validate on, by name; the first set chooses the best checkpoint.
    pub valid: Vec<(String, Arc<D>)>,
}

/// What a checkpoint carries beside weights and progress, so that it can translate on its own.
#[derive(Debug, Clone)]
pub struct TrainContext {
    /// Configuration of the model.
    pub model: ModelConfig,
    /// What it reads and writes.
    pub dictionaries: Dictionaries,
    /// What it is trained for.
    pub task: TaskInfo,
    /// The task's own configuration; to the trainer it is only something to keep.
    pub task_config: serde_json::Value,
    /// Dictionaries, text settings and subword models: file names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// What opens checkpoints of other programs, to start from.
    pub importer: Option<Arc<dyn Importer>>,
}

/// A run: a model, what it learns from, and how far it has come.
pub struct Trainer<M, D: Dataset> {
    config: TrainConfig,
    context: TrainContext,
    /// Only away while an update replaces it.
    model: Option<M>,
    /// Moving average of the weights.
    ema: Option<Ema<M>>,
    learner: Learner<M, D::Batch>,
    optimizer: Optimizer,
    scheduler: LrScheduler,
    loss_scaler: Option<LossScaler>,
    /// Whether the gradients of an update are computed before the numbers of the one before it are there.
    runs_ahead: bool,
    /// Devices of the replicas beside the one of `learner`.
    devices: Vec<Device>,
    /// The replicas on them, while the run goes on.
    replicas: Option<Replicas<D::Batch>>,
    tuning: TuningMemory,
    data: Arc<D>,
    dropped: usize,
    objective: Objective<M, D>,
    /// The sets to validate on, each with what is known of the device's memory when it is validated on.
    valid: Vec<(ValidSet<D>, DeviceMemory)>,
    /// Keeps other runs out of the save folder; `None` where it cannot be locked, and where nothing is saved.
    _save_dir_lock: Option<File>,
    epochs: EpochIterator,
    state: TrainState,
    /// What is to be told at the start of the run.
    notes: Vec<String>,
    /// Begin of this process's part of the run, and `state.wall` then.
    started: (Instant, f64),
    interrupt: Interrupt,
}

impl<M: Module + 'static, D: Dataset> Trainer<M, D> {
    /// Prepares a run: checks the configuration, cuts the data into batches, and takes up the
    /// checkpoint that the configuration names, if it is there.
    ///
    /// `device` is a plain device; the model is put on its autodiff side.
    ///
    /// # Errors
    /// A configuration that makes no sense; sentences that cannot be batched; a checkpoint that
    /// is broken or belongs to another model, dictionary, dataset or pair of languages; a save folder that another run
    /// writes to.
    pub fn new(
        config: TrainConfig,
        context: TrainContext,
        model: M,
        data: TrainData<D>,
        objective: Objective<M, D>,
        device: &Device,
        interrupt: Interrupt,
    ) -> Result<Self> {
        config.validate(&objective.validator.metrics())?;
        context.model.validate(&context.dictionaries.vocab())?;
        if config.optimization.checkpoint_activations {
            context.model.require(Feature::RecomputedActivations)?;
        }
        let max_positions = context.model.max_positions();
        let (epochs, dropped) = training_epochs(&*data.train, &config, max_positions)?;
        let valid = if config.validation.disable_validation {
            Vec::new()
        } else {
            let cut = |(name, dataset): (String, Arc<D>)| {
                let memory = DeviceMemory::new(device.clone(), &name);
                let steps = config.validation.max_valid_steps;
                let set = ValidSet::new(name, dataset, &config.dataset, steps, max_positions)?;
                Ok((set, memory))
            };
            data.valid.into_iter().map(cut).collect::<Result<_>>()?
        };
        let model = model.train();
        let state = TrainState {
            num_updates: 0,
            schedule_start: 0,
            data: epochs.state(),
            skipped_in_a_row: 0,
            loss_scaler: None,
            interval: Default::default(),
            epoch: Default::default(),
            best_metric: config.validation.best_checkpoint_metric.clone(),
            patience: Default::default(),
            val_loss: None,
            train_wall: 0.0,
            wall: 0.0,
        };
        let shortest = (1..)
            .zip(data.train.shards())
            .map(|(epoch, _)| epochs.len_in(epoch).div_ceil(config.distributed_world_size));
        if config.optimization.skip_remainder_batch
            && let Some(most) = config.optimization.update_freq.iter().max()
            && let Some(shortest) = shortest.min().filter(|shortest| most > shortest)
        {
            return Err(Error::Config(format!(
                "an epoch has {shortest} batches: with 'skip_remainder_batch' it has no update of {most} ('update_freq')"
            )));
        }
        // Before anything is written.
        let save_dir_lock = if config.checkpoint.no_save {
            None
        } else {
            lock_for_run(&config.checkpoint.save_dir)?
        };
        let mut trainer = Self {
            ema: config.ema.clone().map(|ema| Ema::new(ema, model.valid())),
            learner: Learner {
                backprop: Backprop::new(&config, Arc::clone(&objective.criterion), device),
                memory: DeviceMemory::new(device.clone(), "training"),
            },
            optimizer: config.optimizer.init(&model)?,
            scheduler: config
                .lr_scheduler
                .init(&config.optimization.lr, config.stop.max_update)?,
            loss_scaler: config
                .loss_scaling
                .clone()
                .map(|scaling| LossScaler::new(scaling, config.batches_per_update(1))),
            // The processor would only keep more memory.
            runs_ahead: *device != Device::flex(),
            devices: Vec::new(),
            replicas: None,
            tuning: TuningMemory::default(),
            data: data.train,
            dropped,
            model: Some(model),
            started: (Instant::now(), 0.0),
            config,
            context,
            objective,
            valid,
            _save_dir_lock: save_dir_lock,
            epochs,
            state,
            notes: Vec::new(),
            interrupt,
        };
        trainer.resume()?;
        trainer.notes.extend(trainer.config.idle_settings());
        trainer.notes.extend(trainer.long_warmup());
        trainer.started = (Instant::now(), trainer.state.wall);
        Ok(trainer)
    }

    /// The devices of the replicas beside the first one, which share the batches of every update with it: one less than
    /// [`TrainConfig::distributed_world_size`]. On the processor, they may be that device again.
    pub fn with_replicas(mut self, devices: Vec<Device>) -> Self {
        self.devices = devices;
        self
    }

    /// Learns from these batches of sentence numbers, in this order in every epoch, instead of those cut from the data.
    ///
    /// # Errors
    /// No batches.
    ///
    /// # Panics
    /// When the run has begun.
    pub fn with_batches(mut self, batches: Vec<Vec<usize>>) -> Result<Self> {
        assert_eq!(
            self.state.num_updates, 0,
            "the position of a run is one in its own batches"
        );
        if batches.is_empty() {
            return Err(Error::Config("there is no batch to learn from".to_owned()));
        }
        let options = EpochOptions {
            shuffle: false,
            ..EpochOptions::default()
        };
        self.epochs = EpochIterator::new(batches, options)?;
        self.state.data = self.epochs.state();
        Ok(self)
    }

    /// The model as it is now, on the autodiff device.
    pub fn model(&self) -> &M {
        self.model
            .as_ref()
            .expect("the model is only away during an update")
    }

    /// The weights to translate with: their moving average where there is one. Off the autodiff device.
    pub fn valid_model(&self) -> M {
        match &self.ema {
            Some(ema) => ema.model().clone(),
            None => self.model().valid(),
        }
    }

    /// How far the run has come.
    pub fn state(&self) -> &TrainState {
        &self.state
    }

    /// The batches of the epoch and where the run stands in them.
    pub fn epochs(&self) -> &EpochIterator {
        &self.epochs
    }

    /// The configuration.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// What is known before the first update.
    pub fn summary(&self) -> RunSummary {
        let stats = self.data.stats(self.epochs.epoch_batches());
        let epoch = self.epochs.epoch();
        let updates = self.updates_in(epoch);
        let per_update = |count: usize| count as f64 / updates as f64;
        RunSummary {
            params: self.model().num_params(),
            sentences: stats.sentences,
            dropped: self.dropped,
            batches: stats.batches,
            updates_per_epoch: updates,
            update_freq: self.config.optimization.update_freq_in(epoch),
            replicas: self.config.distributed_world_size,
            src_tokens_per_update: per_update(stats.src_tokens),
            tgt_tokens_per_update: per_update(stats.tgt_tokens),
            sentences_per_update: per_update(stats.sentences),
            padding_share: stats.padding_share(),
            batch_shapes: stats.shapes,
            stop: self.config.stop.clone(),
            last_update: self.last_update(),
            num_updates: self.state.num_updates,
            epoch,
        }
    }

    /// Updates in an epoch.
    fn updates_in(&self, epoch: u32) -> usize {
        // Of each replica; some may have one less than others.
        let batches = self
            .epochs
            .len_in(epoch)
            .div_ceil(self.config.distributed_world_size);
        let freq = self.config.optimization.update_freq_in(epoch);
        if self.config.optimization.skip_remainder_batch {
            batches / freq
        } else {
            batches.div_ceil(freq)
        }
    }

    /// The last update, when epochs or updates are limited.
    fn last_update(&self) -> Option<u64> {
        self.config
            .stop
            .last_update(|epoch| self.updates_in(epoch) as u64)
    }

    /// A warning where the run ends before the warm-up of its learning rate does: it learns little or nothing then.
    fn long_warmup(&self) -> Option<String> {
        let (warmup, option) = self.config.lr_scheduler.warmup();
        let updates = self.last_update()?.checked_sub(self.state.schedule_start)?;
        (updates > self.state.num_updates && warmup > updates).then(|| {
            let rate = self.scheduler.lr_at(updates, self.config.stop.max_epoch.unwrap_or(1) as usize);
            format!(
                "the learning rate is in its warm-up for {warmup} updates, but the run has only {updates}, at whose end \
                 it is {rate:.2e}: it will hardly learn\n\
                 hint: {option} {} (a tenth of the run)",
                (updates / 10).max(1)
            )
        })
    }

    /// Seconds since the start of training, earlier runs included.
    fn wall(&self) -> f64 {
        self.started.1 + self.started.0.elapsed().as_secs_f64()
    }
}

/// The batches that a run with this configuration goes through, before the first of them, and how many sentences are
/// left out for their length.
///
/// # Errors
/// Data that cannot be cut into batches, or nothing to learn from.
pub fn training_epochs<D: Dataset>(
    data: &D,
    config: &TrainConfig,
    max_positions: (usize, usize),
) -> Result<(EpochIterator, usize)> {
    let mut shards = Vec::new();
    let mut dropped = 0;
    for (epoch, shard) in (1..).zip(data.shards()) {
        let plan = data.plan_shard(
            shard,
            &BatchSettings {
                limits: config.dataset.limits(),
                max_positions,
                skip_too_long: true,
                // As in fairseq, which orders at the start of the first epoch on these sentences.
                seed: Some(config.seed.wrapping_add(epoch)),
            },
        )?;
        if plan.batches.is_empty() {
            return Err(Error::Config("there is no training sentence".to_owned()));
        }
        shards.push(plan.batches);
        dropped += plan.dropped.len();
    }
    let options = EpochOptions {
        seed: config.seed,
        curriculum: config.dataset.curriculum,
        ..EpochOptions::default()
    };
    Ok((EpochIterator::round_robin(shards, options)?, dropped))
}
