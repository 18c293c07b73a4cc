//! One update: forward and backward of each batch, gradients summed, divided, clipped, applied.

use std::time::Instant;

use burnseq_data::Batch;
use burnseq_model::EncoderDecoder;

use super::Trainer;
use super::replicas::{Pass, share_out};
use crate::error::{Error, Result, numbers};
use crate::gradients::Accumulated;
use crate::log::UpdateStats;
use crate::loss_scaler::LossScaler;

impl<M: EncoderDecoder> Trainer<M> {
    /// Learning rate of the next update.
    pub(super) fn lr(&self) -> f64 {
        let update = self.state.num_updates - self.state.schedule_start;
        self.scheduler.lr_at(update, self.epochs.epoch() as usize)
    }

    /// Learns from `batches`, each in one or more parts, whose gradients are summed; gives the reason when the update is
    /// skipped because the loss or a gradient is not finite, in which case model, optimiser and number of updates stay as
    /// they are.
    ///
    /// # Errors
    /// When no more updates may be skipped, or a sentence does not fit in memory.
    pub(super) fn update(&mut self, batches: Vec<Vec<Batch>>, started: Instant) -> Result<Option<String>> {
        let sentences: Vec<usize> = batches
            .iter()
            .flatten()
            .flat_map(|batch| batch.ids.clone())
            .collect();
        let loss_scale = self.loss_scaler.as_ref().map_or(1.0, LossScaler::loss_scale);
        let (mut gradients, mut stats) = self.gradients(batches, loss_scale)?;
        stats.lr = self.lr();
        stats.sample_size = if self.config.optimization.sentence_avg {
            stats.nsentences
        } else {
            stats.ntokens
        };
        gradients.scale(1.0 / (stats.sample_size as f64 * loss_scale));
        let norm = match gradients.clip(self.model(), self.config.optimization.clip_norm) {
            _ if !stats.loss.is_finite() => {
                let what = format!("the loss is {}", stats.loss);
                return self.skip(what, stats.lr, sentences, started).map(Some);
            }
            Err(error) => {
                return self
                    .skip(error.to_string(), stats.lr, sentences, started)
                    .map(Some);
            }
            Ok(norm) => norm,
        };
        stats.gnorm = f64::from(norm.norm);
        stats.clipped = norm.clipped;
        self.state.skipped_in_a_row = 0;
        if let Some(scaler) = &mut self.loss_scaler {
            scaler.applied();
        }
        if let Some(replicas) = &mut self.replicas {
            replicas.step(gradients.factor(), stats.lr);
        }
        let model = self
            .model
            .take()
            .expect("the model is only away during an update");
        self.model = Some(self.optimizer.step(model, gradients, stats.lr));
        self.state.num_updates += 1;
        if let Some(ema) = &mut self.ema {
            let model = self.model.as_ref().expect("it was put back above");
            ema.step(model, self.state.num_updates);
        }
        // What the logs show is the rate of the next update, as in fairseq.
        stats.lr = self.lr();
        stats.seconds = started.elapsed().as_secs_f64();
        self.state.train_wall += stats.seconds;
        self.state.interval.add(&stats);
        self.state.epoch.add(&stats);
        Ok(None)
    }

    /// Gradients of an update, summed over its batches and all replicas, and what the batches add up to.
    fn gradients(&mut self, batches: Vec<Vec<Batch>>, loss_scale: f64) -> Result<(Accumulated, UpdateStats)> {
        let pass = Pass {
            seed: self.config.seed,
            num_updates: self.state.num_updates,
            loss_scale,
        };
        let model = self
            .model
            .as_ref()
            .expect("the model is only away during an update");
        let mut shares = share_out(batches, self.config.distributed_world_size);
        match &mut self.replicas {
            Some(replicas) => replicas.gradients(&mut self.learner, model, shares, pass),
            None => self.learner.gradients(model, shares.remove(0), pass),
        }
    }

    /// Counts an update that is not applied because of `what`; gives a line that says so.
    ///
    /// # Errors
    /// When it is one too many in a row, unless it lowers the loss scale; when that is at its minimum.
    fn skip(&mut self, what: String, lr: f64, sentences: Vec<usize>, started: Instant) -> Result<String> {
        let seconds = started.elapsed().as_secs_f64();
        self.state.train_wall += seconds;
        self.state.interval.skip(seconds);
        self.state.epoch.skip(seconds);
        self.state.skipped_in_a_row += 1;

        let update = self.state.num_updates + 1;
        let in_a_row = self.state.skipped_in_a_row;
        let stop = |what, sentences| Error::Diverged {
            update,
            lr,
            what,
            in_a_row,
            sentences,
        };
        if let Some(scaler) = &mut self.loss_scaler {
            match scaler.overflowed() {
                Err(minimum) => return Err(stop(minimum, sentences)),
                Ok(true) => {
                    return Ok(format!(
                        "gradient overflow: update {update} is skipped, and the loss scale falls to {}",
                        scaler.loss_scale()
                    ));
                }
                Ok(false) => {}
            }
        }
        if in_a_row > self.config.optimization.max_nonfinite {
            return Err(stop(what, sentences));
        }
        let what = what.lines().next().unwrap_or_default();
        Ok(format!(
            "update {update} is skipped: {what} (training sentences {}, counted from 0)",
            numbers(&sentences)
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::Error;
    use crate::loss_scaler::LossScalingConfig;
    use crate::trainer::fixture::{Poisonable, clean, config, poisoned, trainer, trainer_with, weights};
    use crate::trainer::{Event, TrainConfig, Trainer};

    /// Three epochs on four sentences; the weights and how many updates there were.
    fn train(change: impl FnOnce(&mut TrainConfig)) -> (Vec<f32>, u64) {
        let mut config = config();
        change(&mut config);
        let mut trainer = trainer(config, clean(), |model| model).unwrap();
        trainer.run(&mut |_| ()).unwrap();
        (weights(&trainer), trainer.state().num_updates)
    }

    fn distance(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn accumulated_batches_learn_as_one_batch_of_their_sentences() {
        let (whole, updates) = train(|config| config.dataset.batch_size = Some(4));
        assert_eq!(updates, 3);
        let (halves, updates) = train(|config| {
            config.dataset.batch_size = Some(2);
            config.optimization.update_freq = vec![2];
        });
        assert_eq!(updates, 3);
        assert!(distance(&whole, &halves) < 1e-5, "{}", distance(&whole, &halves));
        let (alone, updates) = train(|config| config.dataset.batch_size = Some(2));
        assert_eq!(updates, 6);
        assert!(distance(&whole, &alone) > 1e-3);
    }

    #[test]
    fn blocks_that_are_computed_again_learn_the_same() {
        let train = |checkpoint_activations| {
            let mut config = config();
            config.optimization.checkpoint_activations = checkpoint_activations;
            config.optimization.update_freq = vec![2];
            config.dataset.batch_size = Some(1);
            let sentences = [clean(), poisoned()].concat();
            let mut trainer = trainer_with(config, sentences, 0.2, Poisonable::new).unwrap();
            trainer.run(&mut |_| ()).unwrap();
            (weights(&trainer), trainer.state().epoch.skipped)
        };
        let (whole, recomputed) = (train(false), train(true));
        assert!(distance(&whole.0, &recomputed.0) < 1e-5);
        assert!(whole.1 > 0 && whole.1 == recomputed.1);
    }

    #[test]
    fn a_tight_clip_changes_the_gradient_only_by_its_length() {
        // Adam is nearly blind to the length of the gradient, so that almost the same is learned.
        let (free, _) = train(|_| ());
        let (clipped, _) = train(|config| config.optimization.clip_norm = 0.01);
        let far = distance(&free, &clipped);
        assert!(far > 0.0 && far < 5e-3, "{far}");
    }

    /// Batches of two sentences from short to long, so that a poisoned one comes last.
    fn in_order(config: &mut TrainConfig) {
        config.dataset.batch_size = Some(2);
        config.dataset.curriculum = u32::MAX;
    }

    /// Runs to the end; what it noted.
    fn run(trainer: &mut Trainer<Poisonable>) -> crate::Result<Vec<String>> {
        let mut notes = Vec::new();
        trainer.run(&mut |event| {
            if let Event::Note(note) = event {
                notes.push(note.to_owned());
            }
        })?;
        Ok(notes)
    }

    #[test]
    fn an_update_that_is_not_finite_is_skipped_as_if_its_batch_was_not_there() {
        let train = |sentences| {
            let mut config = config();
            in_order(&mut config);
            let mut trainer = trainer(config, sentences, Poisonable::new).unwrap();
            let notes = run(&mut trainer).unwrap();
            (weights(&trainer), trainer.state().clone(), notes)
        };
        let (weights_without, without, notes) = train(clean());
        assert!(notes.is_empty());
        let (weights_with, with, notes) = train([clean(), poisoned()].concat());
        assert!(weights_with == weights_without, "the weights differ");
        assert_eq!(
            notes[0],
            "update 3 is skipped: the loss is NaN (training sentences 5, 4, counted from 0)"
        );
        assert_eq!((notes.len(), with.num_updates, without.num_updates), (3, 6, 6));
        assert_eq!((with.epoch.skipped, with.epoch.updates), (1, 2));
        assert_eq!(with.epoch.loss, without.epoch.loss);
        assert_eq!(with.skipped_in_a_row, 1, "the last batch of the run was skipped");
    }

    #[test]
    fn more_in_a_row_than_allowed_end_the_run() {
        for max_nonfinite in [0, 2] {
            let mut config = config();
            in_order(&mut config);
            config.optimization.max_nonfinite = max_nonfinite;
            let mut trainer = trainer(config, poisoned(), Poisonable::new).unwrap();
            let error = run(&mut trainer).unwrap_err();
            let Error::Diverged {
                update,
                in_a_row,
                sentences,
                ..
            } = &error
            else {
                panic!("{error}");
            };
            assert_eq!(
                (*update, *in_a_row, &sentences[..]),
                (1, max_nonfinite + 1, &[1, 0][..])
            );
        }
    }

    #[test]
    fn a_loss_scale_changes_no_bit() {
        let (plain, _) = train(|_| ());
        let (scaled, _) = train(|config| config.loss_scaling = Some(LossScalingConfig::default()));
        assert!(
            plain == scaled,
            "the weights differ by {}",
            distance(&plain, &scaled)
        );
    }

    /// A scale at which the sum of squares overflows, as the gradients of half precision would at a smaller one.
    fn overflowing(min_loss_scale: f64) -> LossScalingConfig {
        LossScalingConfig {
            fp16_init_scale: 2f64.powi(70),
            fp16_scale_window: Some(4),
            min_loss_scale,
            ..LossScalingConfig::default()
        }
    }

    #[test]
    fn overflows_lower_the_scale_until_updates_are_applied() {
        let mut config = config();
        config.loss_scaling = Some(overflowing(1e-4));
        config.stop.max_epoch = None;
        config.stop.max_update = Some(3);
        config.optimization.max_nonfinite = 0; // a scale that falls is no reason to stop
        let mut trainer = trainer(config, clean(), Poisonable::new).unwrap();
        let notes = run(&mut trainer).unwrap();
        let scale = trainer.loss_scaler.as_ref().unwrap().loss_scale();
        assert_eq!(scale, 2f64.powi(70 - notes.len() as i32));
        assert!(notes.len() > 3, "{notes:?}");
        assert_eq!(
            notes[0],
            format!(
                "gradient overflow: update 1 is skipped, and the loss scale falls to {}",
                2f64.powi(69)
            )
        );
        assert_eq!(trainer.state().num_updates, 3);
    }

    #[test]
    fn the_smallest_scale_ends_the_run() {
        let mut config = config();
        config.loss_scaling = Some(overflowing(2f64.powi(68)));
        let mut trainer = trainer(config, clean(), Poisonable::new).unwrap();
        let error = run(&mut trainer).unwrap_err().to_string();
        assert!(error.contains("minimum loss scale reached"), "{error}");
        assert_eq!(trainer.state().num_updates, 0);
    }

    #[test]
    fn a_resumed_run_skips_the_same_updates_at_the_same_scales() {
        for loss_scaling in [None, Some(overflowing(1e-4))] {
            let train = |folder: &std::path::Path, max_update| {
                let mut config = config();
                config.dataset.batch_size = Some(2);
                config.loss_scaling = loss_scaling.clone();
                config.stop.max_epoch = None;
                config.stop.max_update = Some(max_update);
                config.checkpoint.no_save = false;
                config.checkpoint.restore_file = "checkpoint_last".to_owned();
                config.checkpoint.save_dir = folder.to_owned();
                let mut trainer = trainer(config, [clean(), poisoned()].concat(), Poisonable::new).unwrap();
                run(&mut trainer).unwrap();
                let mut state = trainer.state().clone();
                (state.wall, state.train_wall) = (0.0, 0.0);
                (state.interval.seconds, state.epoch.seconds) = (0.0, 0.0);
                (weights(&trainer), state)
            };
            let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
            let expected = train(whole.path(), 9);
            assert_eq!(expected.1.loss_scaler.is_some(), loss_scaling.is_some());
            assert!(expected.1.interval.skipped > 2, "{:?}", expected.1);
            for update in 1..9 {
                train(parts.path(), update);
            }
            let found = train(parts.path(), 9);
            assert!(found == expected, "{:?} {:?}", found.1, expected.1);
        }
    }
}
