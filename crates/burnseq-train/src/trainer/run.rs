//! The loop over epochs and updates, and the decisions after each update: log, validate, save,
//! stop. The order of these is fairseq's.

use std::time::Instant;

use burn::module::Module;
use burnseq_data::Dataset;

use super::Trainer;
use super::batches::EpochBatches;
use super::event::Event;
use super::replicas::Replicas;
use super::update::Applied;
use crate::error::{Error, Result};
use crate::log::{Meters, TrainRecord};
use crate::loss_scaler::LossScaler;
use crate::memory_usage::peak_device_memory;
use crate::stop::StopReason;

/// Takes what a run tells.
pub type Observer<'a> = &'a mut dyn FnMut(Event<'_>);

impl<M: Module + 'static, D: Dataset> Trainer<M, D> {
    /// Trains until a stop rule applies or an interrupt is requested; gives the reason.
    ///
    /// # Errors
    /// Losses or gradients that are not finite, more of them in a row than the configuration allows, or at the smallest
    /// loss scale; a validation that fails; a checkpoint that cannot
    /// be written, in which case the earlier ones are untouched.
    pub fn run(&mut self, observe: Observer<'_>) -> Result<StopReason> {
        self.start_replicas()?;
        observe(Event::Start(&self.summary()));
        for note in std::mem::take(&mut self.notes) {
            observe(Event::Note(&note));
        }
        let reason = loop {
            if let Some(reason) = self.stop_before_epoch() {
                break reason;
            }
            if self.epochs.is_end_of_epoch() {
                self.epochs.advance_epoch();
                self.state.epoch = Meters::default();
            }
            if let Some(reason) = self.train_epoch(observe)? {
                break reason;
            }
        };
        observe(Event::Stop(reason));
        self.replicas = None;
        Ok(reason)
    }

    /// Starts the replicas beside this one, with the weights and the state of the optimiser as they are now.
    fn start_replicas(&mut self) -> Result<()> {
        let (world_size, devices) = (self.config.distributed_world_size, 1 + self.devices.len());
        if world_size != devices {
            return Err(Error::Config(format!(
                "'distributed_world_size' {world_size} needs as many devices, got {devices}"
            )));
        }
        if world_size > 1 {
            let (optimizer, config) = (&self.optimizer, &self.config.optimizer);
            let replicas = Replicas::start(&self.learner, self.model(), optimizer, config, &self.devices)?;
            self.replicas = Some(replicas);
        }
        Ok(())
    }

    /// Stop rules that hold at the beginning of an epoch, or when a finished run is resumed.
    fn stop_before_epoch(&self) -> Option<StopReason> {
        let stop = &self.config.stop;
        if let Some(reason) = self.stop_after_update() {
            return Some(reason);
        }
        let next_epoch = self.epochs.epoch() + u32::from(self.epochs.is_end_of_epoch());
        if let Some(epochs) = stop.max_epoch
            && next_epoch > epochs
        {
            return Some(StopReason::MaxEpoch(epochs));
        }
        if let Some(min_lr) = stop.stop_min_lr
            && let Some(lr) = self.decayed_lr()
            && lr <= min_lr
        {
            return Some(StopReason::MinLr(lr));
        }
        self.stop_by_patience()
    }

    /// Learning rate of the next update, which `fixed` changes only when an epoch has begun; `None` in the middle of an
    /// epoch, and in the warm-up.
    ///
    /// fairseq compares this rate with --stop-min-lr, and that of a warm-up, too: unless --warmup-init-lr is above
    /// --stop-min-lr, its run ends before the first update.
    fn decayed_lr(&self) -> Option<f64> {
        let begins = self.epochs.is_end_of_epoch() || self.epochs.offset() == 0;
        let update = self.state.num_updates - self.state.schedule_start;
        let decays = update >= self.scheduler.warmup_updates();
        (begins && decays).then(|| self.lr())
    }

    /// Stop rules that hold after any update.
    fn stop_after_update(&self) -> Option<StopReason> {
        let stop = &self.config.stop;
        if let Some(updates) = stop.max_update
            && self.state.num_updates >= updates
        {
            return Some(StopReason::MaxUpdate(updates));
        }
        let hours = stop.stop_time_hours?;
        (self.wall() > hours * 3600.0).then_some(StopReason::TimeHours(hours))
    }

    fn stop_by_patience(&self) -> Option<StopReason> {
        let patience = self.config.stop.patience?;
        (self.state.patience.without_improvement >= patience).then_some(StopReason::Patience(patience))
    }

    /// Trains on what is left of the epoch; gives a reason when the run ends in it.
    fn train_epoch(&mut self, observe: Observer<'_>) -> Result<Option<StopReason>> {
        let per_update = self.per_update();
        let mut source = EpochBatches::new(&self.data, &self.epochs, &self.config.dataset);
        let mut started = Instant::now();
        let mut ahead: Option<Applied> = None;
        loop {
            let offset = self.epochs.offset();
            let position = match ahead {
                Some(_) => self.position_after(offset),
                None => offset,
            };
            let begins = ahead.is_none() || self.is_ahead();
            let next = (begins && position < self.epochs.len()).then(|| {
                let batches = source.take(per_update)?;
                self.compute(batches, ahead.as_ref())
            });
            for note in self.learner.memory.take_notes() {
                observe(Event::Note(&note));
            }
            // Whatever became of the next update, what is done is counted and, when it is time, saved.
            if let Some(applied) = ahead.take() {
                let reason = self.finish_update(applied, started, observe)?;
                self.tuning.give_back(&self.learner.backprop.device);
                started = Instant::now();
                if let Some(reason) = reason {
                    return Ok(Some(reason));
                }
            }
            if let Some(next) = next.transpose()? {
                let computed = self.compute_again_if_needed(next)?;
                ahead = Some(self.apply(computed)?);
            } else if self.epochs.is_end_of_epoch() {
                return Ok(None);
            }
        }
    }

    /// Batches of an update.
    fn per_update(&self) -> usize {
        self.config.batches_per_update(self.epochs.epoch())
    }

    /// Batches of the epoch that are taken after an update that begins when `offset` of them are.
    fn position_after(&self, offset: usize) -> usize {
        let (len, world_size) = (self.epochs.len(), self.config.distributed_world_size);
        let after = (offset + self.per_update()).min(len);
        let updates_left = (len - after).div_ceil(world_size);
        let update_freq = self.per_update() / world_size;
        if self.config.optimization.skip_remainder_batch && updates_left < update_freq {
            len
        } else {
            after
        }
    }

    /// After the gradients of an update, begun `started` ago, are applied or left out: counts it, and then whatever it is
    /// time for; gives a reason when the run ends.
    fn finish_update(
        &mut self,
        applied: Applied,
        started: Instant,
        observe: Observer<'_>,
    ) -> Result<Option<StopReason>> {
        let skipped = self.settle(applied, started)?;
        let offset = self.epochs.offset();
        self.epochs.skip(self.position_after(offset) - offset);
        match &skipped {
            None => self.log_update(observe),
            Some(reason) => observe(Event::Note(reason)),
        }
        let end_of_epoch = self.epochs.is_end_of_epoch();
        if end_of_epoch {
            observe(Event::Epoch(&TrainRecord {
                device_memory: peak_device_memory(&self.learner.backprop.device),
                ..self.record(&self.state.epoch)
            }));
        }
        self.validate_and_save(end_of_epoch, skipped.is_none(), observe)
    }

    /// After an update that was applied: its progress, and a log line when it is time.
    fn log_update(&mut self, observe: Observer<'_>) {
        observe(Event::Update(&self.record(&self.state.epoch)));
        let interval = self.config.log_interval;
        if interval > 0 && self.state.num_updates.is_multiple_of(interval) {
            observe(Event::Interval(&self.record(&self.state.interval)));
            self.state.interval = Meters::default();
        }
    }

    /// After an update: validates and saves when it is time; gives a reason when the run is over.
    ///
    /// An update that was not `applied` leaves the number of updates as it was, so that no interval ends with it.
    fn validate_and_save(
        &mut self,
        end_of_epoch: bool,
        applied: bool,
        observe: Observer<'_>,
    ) -> Result<Option<StopReason>> {
        let update = self.state.num_updates;
        let every = |interval: u64| applied && interval > 0 && update.is_multiple_of(interval);
        let checkpoint = &self.config.checkpoint;
        let validation = &self.config.validation;
        let epoch = self.epochs.epoch();
        let mut reason = self.stop_after_update();
        let mut save = reason.is_some()
            || (end_of_epoch && epoch.is_multiple_of(checkpoint.save_interval))
            || (every(checkpoint.save_interval_updates) && update >= validation.validate_after_updates);
        let last_epoch = end_of_epoch && self.config.stop.max_epoch.is_some_and(|last| epoch >= last);
        let validate = !validation.disable_validation
            && update >= validation.validate_after_updates
            && (reason.is_some()
                || last_epoch
                || (!end_of_epoch && save)
                || (end_of_epoch && epoch.is_multiple_of(validation.validate_interval))
                || every(validation.validate_interval_updates));
        self.state.val_loss = if validate {
            Some(self.validate(observe)?)
        } else {
            None
        };
        // The end of the last epoch is saved whatever the interval.
        save |= last_epoch;
        if reason.is_none() {
            reason = self.stop_by_patience();
        }
        if reason.is_none() && self.interrupt.is_requested() {
            reason = Some(StopReason::Interrupted);
        }
        if save || reason.is_some() {
            self.save(
                end_of_epoch,
                reason == Some(StopReason::Interrupted) && !save,
                observe,
            )?;
        }
        Ok(reason)
    }

    /// Validates on every set; gives the value of the metric that chooses the best checkpoint.
    fn validate(&mut self, observe: Observer<'_>) -> Result<f64> {
        let model = self.valid_model();
        let mut watched = f64::NAN;
        let metric = self.config.validation.best_checkpoint_metric.clone();
        for number in 0..self.valid.len() {
            let position = (self.epochs.epoch(), self.state.num_updates);
            let (set, memory) = &mut self.valid[number];
            let mut record = self.objective.validate(&model, set, memory, position, observe)?;
            if number == 0 {
                watched = record
                    .value(&metric)
                    .ok_or_else(|| Error::Config(format!("the validation did not yield {metric}")))?;
                let maximize = self.config.validation.maximize_best_checkpoint_metric;
                self.state.patience.add(watched, maximize);
                record.best = self.state.patience.best.map(|best| (metric.clone(), best));
            }
            observe(Event::Valid(&record));
        }
        Ok(watched)
    }

    /// A log record with the averages of `meters`.
    fn record(&self, meters: &Meters) -> TrainRecord {
        let epoch = self.epochs.epoch();
        let per_update = self.config.batches_per_update(epoch);
        let updates_per_epoch = self.updates_in(epoch);
        let epoch_updates = self.epochs.offset().div_ceil(per_update).min(updates_per_epoch);
        // Without a last update, the time to the end of the epoch is what can be known.
        let left = match self.last_update() {
            Some(last) => last.saturating_sub(self.state.num_updates),
            None => (updates_per_epoch - epoch_updates) as u64,
        };
        let ups = self.state.epoch.ups();
        TrainRecord {
            epoch,
            epoch_updates,
            updates_per_epoch,
            num_updates: self.state.num_updates,
            measures: self.objective.criterion.measures(meters),
            meters: meters.clone(),
            loss_scale: self.loss_scaler.as_ref().map(LossScaler::loss_scale),
            device_memory: None,
            train_wall: self.state.train_wall,
            wall: self.wall(),
            eta: (ups > 0.0).then(|| left as f64 / ups),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StopRule;
    use crate::lr_scheduler::{FixedConfig, InverseSqrtConfig, LrSchedulerConfig, TriStageConfig};
    use crate::trainer::fixture::{clean, config, trainer};

    /// Updates of a run with one update an epoch, which ends at a learning rate of `min_lr` or after 9 epochs, and why it
    /// ended.
    fn updates_until(min_lr: f64, schedule: LrSchedulerConfig, lr: &[f64]) -> (u64, StopReason) {
        let mut config = config();
        config.lr_scheduler = schedule;
        config.optimization.lr = lr.to_vec();
        config.stop = StopRule {
            max_epoch: Some(9),
            stop_min_lr: Some(min_lr),
            ..StopRule::endless()
        };
        let mut trainer = trainer(config, clean(), |model| model).unwrap();
        let reason = trainer.run(&mut |_| ()).unwrap();
        (trainer.state().num_updates, reason)
    }

    #[test]
    fn a_warm_up_does_not_end_a_run_and_the_decay_behind_it_does() {
        let inverse_sqrt = |warmup_init_lr| {
            LrSchedulerConfig::InverseSqrt(InverseSqrtConfig {
                warmup_updates: 4,
                warmup_init_lr,
            })
        };
        // Shares of the peak: 0, 0.25, 0.5, 0.75, 1 and then sqrt(4 / n): 0.89, 0.82, 0.76 of update 8.
        for init in [None, Some(0.0), Some(1e-3)] {
            let (updates, reason) = updates_until(0.008, inverse_sqrt(init), &[0.01]);
            let expected = 0.01 * (4f64 / 7.0).sqrt();
            assert!(
                matches!(reason, StopReason::MinLr(lr) if (lr - expected).abs() < 1e-12),
                "{reason:?}"
            );
            assert_eq!(updates, 7, "{init:?}");
        }
        // The old recipe: --min-lr 1e-9, with or without --warmup-init-lr 1e-7.
        let never = (9, StopReason::MaxEpoch(9));
        assert_eq!(updates_until(1e-9, inverse_sqrt(None), &[1e-3]), never);
        assert_eq!(updates_until(1e-9, inverse_sqrt(Some(1e-7)), &[1e-3]), never);
        let tri_stage = LrSchedulerConfig::TriStage(TriStageConfig {
            warmup_steps: 3,
            hold_steps: 2,
            decay_steps: 1,
            init_lr_scale: 0.0,
            ..TriStageConfig::default()
        });
        assert_eq!(updates_until(0.005, tri_stage, &[0.01]).0, 6);
    }

    #[test]
    fn a_fixed_rate_ends_the_run_after_the_epoch_that_has_it_as_in_fairseq() {
        let fixed = || LrSchedulerConfig::Fixed(FixedConfig::default());
        let reached = StopReason::MinLr(1e-3);
        assert_eq!(updates_until(1e-3, fixed(), &[1e-2, 1e-3]), (2, reached));
        assert_eq!(updates_until(1e-3, fixed(), &[1e-3]), (0, reached));
        let never = (9, StopReason::MaxEpoch(9));
        assert_eq!(updates_until(1e-4, fixed(), &[1e-3]), never);
    }
}
