//! One update: forward and backward of each batch, gradients summed, divided, clipped, applied.

use std::time::Instant;

use burn::optim::GradientsParams;
use burnseq_data::Batch;
use burnseq_model::{Dropout, EncoderDecoder};

use super::Trainer;
use super::state::dropout_seed;
use crate::error::{Error, Result};
use crate::gradients::Accumulated;
use crate::log::UpdateStats;
use crate::validation::BatchTensors;

impl<M: EncoderDecoder> Trainer<M> {
    /// Learning rate of the next update.
    pub(super) fn lr(&self) -> f64 {
        let update = self.state.num_updates - self.state.schedule_start;
        self.scheduler.lr_at(update, self.epochs.epoch() as usize)
    }

    /// Learns from `batches`, whose gradients are summed.
    ///
    /// # Errors
    /// When the loss or a gradient is not finite; the model is left as it was.
    pub(super) fn update(&mut self, batches: &[Batch], started: Instant) -> Result<UpdateStats> {
        let mut stats = UpdateStats {
            lr: self.lr(),
            ..UpdateStats::default()
        };
        let mut gradients = Accumulated::new();
        for (number, batch) in batches.iter().enumerate() {
            let seed = dropout_seed(self.config.seed, self.state.num_updates, number);
            let tensors = BatchTensors::new(batch, &self.device);
            let model = self.model();
            let logits = model.forward(
                tensors.src_tokens,
                tensors.prev_output_tokens,
                &Dropout::seeded(seed),
            );
            let output = self.criterion.forward(logits, tensors.target, self.pad);
            let loss = output.loss.clone().detach();
            gradients.add(model, GradientsParams::from_grads(output.loss.backward(), model));
            // Read last: a GPU would wait for every value that is read earlier.
            stats.loss += f64::from(loss.into_scalar::<f32>());
            stats.nll_loss += f64::from(output.nll_loss.into_scalar::<f32>());
            stats.ntokens += batch.ntokens;
            stats.nsentences += batch.nsentences;
        }
        stats.sample_size = if self.config.optimization.sentence_avg {
            stats.nsentences
        } else {
            stats.ntokens
        };
        gradients.scale(1.0 / stats.sample_size as f64);
        let norm = gradients
            .clip(self.model(), self.config.optimization.clip_norm)
            .map_err(|cause| self.not_finite(Some(cause), &stats, batches))?;
        stats.gnorm = f64::from(norm.norm);
        stats.clipped = norm.clipped;
        if !stats.loss.is_finite() {
            return Err(self.not_finite(None, &stats, batches));
        }
        let model = self
            .model
            .take()
            .expect("the model is only away during an update");
        self.model = Some(self.optimizer.step(model, gradients, stats.lr));
        self.state.num_updates += 1;
        // What the logs show is the rate of the next update, as in fairseq.
        stats.lr = self.lr();
        stats.seconds = started.elapsed().as_secs_f64();
        self.state.train_wall += stats.seconds;
        self.state.interval.add(&stats);
        self.state.epoch.add(&stats);
        Ok(stats)
    }

    fn not_finite(&self, cause: Option<Error>, stats: &UpdateStats, batches: &[Batch]) -> Error {
        let what = match cause {
            Some(error) => error.to_string(),
            None => format!("the loss is {}", stats.loss),
        };
        let sentences = batches
            .iter()
            .flat_map(|batch| batch.ids.iter().copied())
            .collect();
        Error::Diverged {
            update: self.state.num_updates + 1,
            lr: stats.lr,
            what,
            sentences,
        }
    }
}
