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
            if let Some(correct) = output.correct {
                stats.add_correct(correct);
            }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn::tensor::Device;
    use burnseq_data::{LanguagePairDataset, PairOptions, Sentences};
    use burnseq_model::{ModelConfig, Transformer, TransformerConfig, Vocab, state_dict};

    use crate::checkpoint::TaskInfo;
    use crate::lr_scheduler::{FixedConfig, LrSchedulerConfig};
    use crate::trainer::{TrainConfig, TrainContext, TrainData, Trainer};
    use crate::validation::LossOnly;
    use crate::{Interrupt, StopRule};

    /// Three epochs on four sentences; the values of the first parameter and how many updates there were.
    fn train(change: impl FnOnce(&mut TrainConfig)) -> (Vec<f32>, u64) {
        let sentences = || Sentences::Memory(vec![vec![4, 5, 2], vec![6, 2], vec![7, 4, 2], vec![8, 2]]);
        let data = LanguagePairDataset::new(sentences(), Some(sentences()), 12, 12, PairOptions::default());
        let vocab = Vocab {
            src: 12,
            tgt: 12,
            pad: 1,
            eos: 2,
        };
        let model = TransformerConfig {
            encoder_embed_dim: 8,
            decoder_embed_dim: 8,
            encoder_ffn_embed_dim: 8,
            decoder_ffn_embed_dim: 8,
            encoder_attention_heads: 2,
            decoder_attention_heads: 2,
            encoder_layers: 1,
            decoder_layers: 1,
            dropout: 0.0,
            ..TransformerConfig::default()
        };
        let mut config = TrainConfig {
            lr_scheduler: LrSchedulerConfig::Fixed(FixedConfig::default()),
            stop: StopRule {
                max_epoch: Some(3),
                ..StopRule::endless()
            },
            ..TrainConfig::default()
        };
        config.optimization.lr = vec![0.01];
        config.validation.disable_validation = true;
        config.checkpoint.no_save = true;
        config.checkpoint.restore_file = String::new();
        change(&mut config);
        let device = Device::flex();
        let context = TrainContext {
            model: ModelConfig::Transformer(model.clone()),
            task: TaskInfo {
                source_lang: "a".to_owned(),
                target_lang: "b".to_owned(),
            },
            task_config: serde_json::Value::Null,
            files: Vec::new(),
        };
        let data = TrainData {
            train: Arc::new(data.unwrap()),
            resampling: None,
            valid: Vec::new(),
        };
        let mut trainer = Trainer::<Transformer>::new(
            config,
            context,
            model.init(&vocab, 1, &device),
            data,
            Box::new(LossOnly),
            &device,
            Interrupt::default(),
        )
        .unwrap();
        trainer.run(&mut |_| ()).unwrap();
        let (_, weights) = state_dict(trainer.model()).swap_remove(0);
        (weights.try_to_vec().unwrap(), trainer.state().num_updates)
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
    fn a_tight_clip_changes_the_gradient_only_by_its_length() {
        // Adam is nearly blind to the length of the gradient, so that almost the same is learned.
        let (free, _) = train(|_| ());
        let (clipped, _) = train(|config| config.optimization.clip_norm = 0.01);
        let far = distance(&free, &clipped);
        assert!(far > 0.0 && far < 5e-3, "{far}");
    }
}
