//! One update: forward and backward of each batch, gradients summed, divided, clipped, applied.
//!
//! It has three steps: its gradients are [computed](Trainer::compute) and [applied](Trainer::apply), and the update is
//! [settled](Trainer::settle): counted with its loss and norm, or as one that was skipped because these are not finite.
//! On the processor they follow each other. A GPU is given the gradients of the next update before its host waits for the
//! numbers of the last one, so that it never runs out of work; clipping and skipping then happen on the device.

use std::time::Instant;

use burn::module::Module;
use burnseq_data::{Batch, Dataset};

use super::Trainer;
use super::backprop::{Gradients, Pass};
use super::replicas::share_out;
use crate::criterions::LOSS;
use crate::error::{Error, Result, numbers};
use crate::gradients::{ClippedOnDevice, GradNorm};
use crate::log::Tally;
use crate::loss_scaler::LossScaler;
use crate::out_of_memory::OutOfMemory;

/// An update whose gradients are computed, or will be once the device comes to it.
pub(super) struct Computed<B> {
    gradients: Gradients,
    pass: Pass,
    batches: Vec<Vec<B>>,
}

/// An update that is applied, or skipped, or will be one of both once the device comes to it.
pub(super) struct Applied {
    tally: Tally,
    norm: Norm,
    /// Learning rate it was applied with.
    lr: f64,
    /// Training sentences, for messages.
    sentences: Vec<usize>,
}

/// Norm of the gradients of an update.
enum Norm {
    /// The host knows it, or why the update was not applied.
    Known(Result<GradNorm, String>),
    OnDevice(Box<ClippedOnDevice>),
}

/// Why an update is skipped whose loss is not finite.
fn non_finite_loss(loss: f64) -> String {
    format!("the loss is {loss}")
}

impl<M: Module + 'static, D: Dataset> Trainer<M, D> {
    /// Learning rate of the next update.
    pub(super) fn lr(&self) -> f64 {
        let update = self.state.num_updates - self.state.schedule_start;
        self.scheduler.lr_at(update, self.epochs.epoch() as usize)
    }

    /// What the gradients of an update depend on beside model and batches, when `ahead` updates before it are yet to be
    /// counted.
    fn pass(&self, ahead: u64) -> Pass {
        Pass {
            seed: self.config.seed,
            num_updates: self.state.num_updates + ahead,
            loss_scale: self.loss_scaler.as_ref().map_or(1.0, LossScaler::loss_scale),
        }
    }

    /// Gradients of `batches`, each of which comes in one or more parts, summed over all replicas. They may be computed
    /// while an update before them is `ahead`, applied but not settled; it is taken to be one that is not skipped.
    ///
    /// # Errors
    /// When a sentence does not fit in memory.
    pub(super) fn compute(
        &mut self,
        batches: Vec<Vec<D::Batch>>,
        ahead: Option<&Applied>,
    ) -> Result<Computed<D::Batch>> {
        let pass = self.pass(ahead.map_or(0, |_| 1));
        let model = self
            .model
            .as_ref()
            .expect("the model is only away during an update");
        let mut shares = share_out(&batches, self.config.distributed_world_size);
        let gradients = match &mut self.replicas {
            Some(replicas) => replicas.gradients(&mut self.learner, model, shares, pass),
            None => self.learner.gradients(model, shares.remove(0), pass),
        }?;
        Ok(Computed {
            gradients,
            pass,
            batches,
        })
    }

    /// The gradients again, unless they are what they would be now that the update before them is settled.
    ///
    /// # Errors
    /// As those of [`Self::compute`].
    pub(super) fn compute_again_if_needed(
        &mut self,
        computed: Computed<D::Batch>,
    ) -> Result<Computed<D::Batch>> {
        if computed.pass == self.pass(0) {
            return Ok(computed);
        }
        self.compute(computed.batches, None)
    }

    /// Divides, clips and applies gradients, which nothing is ahead of.
    ///
    /// # Errors
    /// When memory runs out.
    pub(super) fn apply(&mut self, computed: Computed<D::Batch>) -> Result<Applied> {
        let Gradients {
            sum: mut gradients,
            tally,
            loss,
        } = computed.gradients;
        let lr = self.lr();
        let sample_size = tally.known().sample_size;
        gradients.scale(1.0 / (sample_size as f64 * computed.pass.loss_scale));
        let clip_norm = self.config.optimization.clip_norm;
        let norm = match loss.filter(|_| self.is_ahead()) {
            Some(loss) => {
                let clipped = gradients.clip_on_device(self.model(), clip_norm, loss);
                let clipped = clipped.map_err(|OutOfMemory| Error::UpdateOutOfMemory)?;
                Norm::OnDevice(Box::new(clipped))
            }
            None => {
                let loss = tally.loss();
                Norm::Known(if loss.is_finite() {
                    let clipped = gradients.clip(self.model(), clip_norm);
                    clipped.map_err(|error| error.to_string())
                } else {
                    Err(non_finite_loss(loss))
                })
            }
        };
        if !matches!(norm, Norm::Known(Err(_))) {
            if let Some(replicas) = &mut self.replicas {
                replicas.step(gradients.factor(), lr);
            }
            let model = self
                .model
                .take()
                .expect("the model is only away during an update");
            self.model = Some(self.optimizer.step(model, gradients, lr));
        }
        let batches = computed.batches.iter().flatten();
        Ok(Applied {
            tally,
            norm,
            lr,
            sentences: batches.flat_map(|batch| batch.ids().iter().copied()).collect(),
        })
    }

    /// Whether the gradients of an update are computed before the one before it is settled.
    ///
    /// Replicas are told the factor of their gradients by the host, which therefore waits for it.
    pub(super) fn is_ahead(&self) -> bool {
        self.runs_ahead && self.replicas.is_none()
    }

    /// Counts an update, begun `started` ago; gives the reason when it was skipped because its loss or a gradient is not
    /// finite, in which case model, optimiser and number of updates are as they were before it.
    ///
    /// # Errors
    /// When no more updates may be skipped.
    pub(super) fn settle(&mut self, applied: Applied, started: Instant) -> Result<Option<String>> {
        let mut stats = applied.tally.read();
        let norm = match applied.norm {
            Norm::Known(norm) => norm,
            Norm::OnDevice(clipped) => clipped.norm(self.model()).map_err(|error| {
                self.optimizer.uncount_step();
                let loss = stats.sums.get(LOSS);
                match loss.is_finite() {
                    true => error.to_string(),
                    false => non_finite_loss(loss),
                }
            }),
        };
        let norm = match norm {
            Ok(norm) => norm,
            Err(what) => return self.skip(what, applied.lr, applied.sentences, started).map(Some),
        };
        self.state.skipped_in_a_row = 0;
        if let Some(scaler) = &mut self.loss_scaler {
            scaler.applied();
        }
        self.state.num_updates += 1;
        if let Some(ema) = &mut self.ema {
            let model = self.model.as_ref().expect("it was put back after the step");
            ema.step(model, self.state.num_updates);
        }
        stats.gnorm = f64::from(norm.norm);
        stats.clipped = norm.clipped;
        // What the logs show is the rate of the next update, as in fairseq.
        stats.lr = self.lr();
        stats.seconds = started.elapsed().as_secs_f64();
        self.state.train_wall += stats.seconds;
        self.state.interval.add(&stats);
        self.state.epoch.add(&stats);
        Ok(None)
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
    use crate::trainer::fixture::{
        LR, Poisonable, assert_moved, clean, config, distance, poisoned, run, trainer, trainer_with, weights,
    };
    use crate::trainer::{Event, TrainConfig};

    /// Three epochs on four sentences; the weights and how many updates there were.
    fn train(change: impl FnOnce(&mut TrainConfig)) -> (Vec<f32>, u64) {
        let mut config = config();
        change(&mut config);
        let mut trainer = trainer(config, clean(), |model| model).unwrap();
        let before = weights(&trainer);
        trainer.run(&mut |_| ()).unwrap();
        let after = weights(&trainer);
        // Farther than the first of at least three updates.
        assert_moved(&before, &after, 1.5 * LR);
        (after, trainer.state().num_updates)
    }

    #[test]
    fn the_loss_of_the_sentences_that_are_learned_falls() {
        let last_loss = |max_epoch| {
            let mut config = config();
            config.stop.max_epoch = Some(max_epoch);
            let mut trainer = trainer(config, clean(), |model| model).unwrap();
            trainer.run(&mut |_| ()).unwrap();
            trainer.state().epoch.sums.get("loss")
        };
        // All sentences are one batch: the first loss is that of the initial weights.
        let (first, last) = (last_loss(1), last_loss(30));
        assert!(last < 0.7 * first, "{first} fell to {last} only");
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
            let before = weights(&trainer);
            trainer.run(&mut |_| ()).unwrap();
            let after = weights(&trainer);
            assert_moved(&before, &after, 0.9 * LR);
            (after, trainer.state().epoch.skipped)
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

    #[test]
    fn an_update_that_is_not_finite_is_skipped_as_if_its_batch_was_not_there() {
        let train = |sentences| {
            let mut config = config();
            in_order(&mut config);
            let mut trainer = trainer(config, sentences, Poisonable::new).unwrap();
            let before = weights(&trainer);
            let notes = run(&mut trainer).unwrap();
            let after = weights(&trainer);
            assert_moved(&before, &after, 1.5 * LR);
            (after, trainer.state().clone(), notes)
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
        assert_eq!(with.epoch.sums, without.epoch.sums);
        assert_eq!(with.skipped_in_a_row, 1, "the last batch of the run was skipped");
    }

    #[test]
    fn more_in_a_row_than_allowed_end_the_run() {
        for (max_nonfinite, runs_ahead) in [(0, false), (2, false), (0, true), (2, true)] {
            let mut config = config();
            in_order(&mut config);
            config.optimization.max_nonfinite = max_nonfinite;
            let mut trainer = trainer(config, poisoned(), Poisonable::new).unwrap();
            trainer.runs_ahead = runs_ahead;
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
        let before = weights(&trainer);
        let notes = run(&mut trainer).unwrap();
        assert_moved(&before, &weights(&trainer), 1.5 * LR);
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
        let scalings = [None, Some(overflowing(1e-4))];
        for (loss_scaling, runs_ahead) in scalings
            .iter()
            .flat_map(|scaling| [(scaling, false), (scaling, true)])
        {
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
                trainer.runs_ahead = runs_ahead;
                let before = weights(&trainer);
                let mut updates = 0;
                let count = &mut |event: Event<'_>| updates += u64::from(matches!(event, Event::Update(_)));
                trainer.run(count).unwrap();
                let mut state = trainer.state().clone();
                (state.wall, state.train_wall) = (0.0, 0.0);
                (state.interval.seconds, state.epoch.seconds) = (0.0, 0.0);
                ((weights(&trainer), state), before, updates)
            };
            let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
            let (expected, initial, updates) = train(whole.path(), 9);
            assert_eq!(updates, 9);
            assert_moved(&initial, &expected.0, 2.0 * LR);
            assert_eq!(expected.1.loss_scaler.is_some(), loss_scaling.is_some());
            assert!(expected.1.interval.skipped > 2, "{:?}", expected.1);
            let (mut found, ..) = train(parts.path(), 1);
            for update in 2..=9 {
                // One update from where the last run ended, not all of them anew.
                let (resumed, before, updates) = train(parts.path(), update);
                assert!(before == found.0, "update {update} begins with other weights");
                assert_eq!(updates, 1, "update {update}");
                found = resumed;
            }
            assert!(found == expected, "{:?} {:?}", found.1, expected.1);
        }
    }
}
