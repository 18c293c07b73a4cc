//! Which checkpoints are written when, and what is in them.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::TensorData;
use burnseq_data::Dataset;
use burnseq_model::state_dict;
use serde::{Deserialize, Serialize};

use super::Trainer;
use super::config::TrainConfig;
use super::event::Event;
use super::run::Observer;
use super::state::TrainState;
use crate::checkpoint::{self, CheckpointContents, Retention, Standing, names};
use crate::error::{Error, Result};
use crate::loss_scaler::LossScaler;

/// What a checkpoint holds about its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// How it was trained.
    pub config: TrainConfig,
    /// The task's own configuration.
    #[serde(default)]
    pub task: serde_json::Value,
    /// How far it had come.
    pub state: TrainState,
}

impl<M: Module + 'static, D: Dataset> Trainer<M, D> {
    /// Writes the checkpoints that are due, and removes those that are no longer to be kept.
    ///
    /// With `only_last` nothing but `checkpoint_last` is due: the run was interrupted.
    pub(super) fn save(&mut self, end_of_epoch: bool, only_last: bool, observe: Observer<'_>) -> Result<()> {
        if self.config.checkpoint.no_save {
            return Ok(());
        }
        let names = if only_last {
            vec![names::LAST.to_owned()]
        } else {
            self.due_names(end_of_epoch)
        };
        if names.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        self.write(&names)?;
        let config = &self.config.checkpoint;
        self.retention().prune(&config.save_dir)?;
        let seconds = started.elapsed().as_secs_f64();
        observe(Event::Saved {
            dir: &config.save_dir,
            names: &names,
            seconds,
        });
        Ok(())
    }

    /// Names under which the model is to be saved now.
    fn due_names(&self, end_of_epoch: bool) -> Vec<String> {
        let config = &self.config.checkpoint;
        let (epoch, update) = (self.epochs.epoch() as usize, self.state.num_updates);
        let mut due = Vec::new();
        if end_of_epoch && !config.no_epoch_checkpoints && epoch.is_multiple_of(config.save_interval as usize)
        {
            due.push(names::epoch(epoch));
        }
        let interval = config.save_interval_updates;
        if !end_of_epoch && interval > 0 && update.is_multiple_of(interval) {
            due.push(names::updates(epoch, update));
        }
        if let Some(value) = self.state.val_loss {
            // The latest of equally good ones is the best, as in fairseq.
            if self.state.patience.best == Some(value) {
                due.push(names::BEST.to_owned());
            }
            if config.keep_best_checkpoints.is_some() && value.is_finite() {
                due.push(self.name_of_best(value));
            }
        }
        if !config.no_last_checkpoints {
            due.push(names::LAST.to_owned());
        }
        due
    }

    /// A name that no other checkpoint with the same rounded value has.
    fn name_of_best(&self, value: f64) -> String {
        let save_dir = &self.config.checkpoint.save_dir;
        let is_free = |name: &String| {
            let folder = save_dir.join(name);
            // What this run has saved before it was killed and taken up again is replaced.
            let same = |standing: Standing| standing.num_updates == self.state.num_updates;
            !folder.exists() || Standing::of(&folder).is_some_and(same)
        };
        (1..)
            .map(|number| names::best(&self.state.best_metric, value, number))
            .find(is_free)
            .expect("there are more numbers than checkpoints")
    }

    fn retention(&self) -> Retention {
        let config = &self.config.checkpoint;
        Retention {
            keep_last_epochs: config.keep_last_epochs,
            keep_interval_updates: config.keep_interval_updates,
            keep_interval_updates_pattern: config.keep_interval_updates_pattern,
            keep_best_checkpoints: config.keep_best_checkpoints,
            maximize: self.config.validation.maximize_best_checkpoint_metric,
        }
    }

    fn write(&mut self, names: &[String]) -> Result<()> {
        self.state.data = self.epochs.state();
        self.state.wall = self.wall();
        self.state.loss_scaler = self.loss_scaler.as_ref().map(LossScaler::state);
        let record = TrainingRecord {
            config: self.config.clone(),
            task: self.context.task_config.clone(),
            state: self.state.clone(),
        };
        let train_state = serde_json::to_value(&record).expect("plain data is JSON");
        let model = self.model();
        let to_continue = !self.config.checkpoint.no_save_optimizer_state;
        let weights = state_dict(&self.valid_model());
        let raw_model = (to_continue && self.ema.is_some()).then(|| state_dict(model));
        if let Some(tensor) = not_finite(weights.iter().chain(raw_model.iter().flatten())) {
            return Err(Error::DivergedWeights {
                tensor: tensor.to_owned(),
                update: self.state.num_updates,
                save_dir: self.config.checkpoint.save_dir.clone(),
            });
        }
        let optimizer = to_continue.then(|| self.optimizer.state_dict(model));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let contents = CheckpointContents {
            model_config: &self.context.model,
            task: &self.context.task,
            dictionaries: &self.context.dictionaries,
            train_state,
            model: &weights,
            raw_model: raw_model.as_deref(),
            optimizer: optimizer.as_ref(),
            files: &self.context.files,
        };
        checkpoint::save(&self.config.checkpoint.save_dir, &names, &contents)
    }
}

/// Name of the first tensor that holds NaN or infinity.
fn not_finite<'a>(mut tensors: impl Iterator<Item = &'a (String, TensorData)>) -> Option<&'a str> {
    let is_broken = |data: &TensorData| {
        let values = data.as_slice::<f32>().expect("parameters are f32");
        values.iter().any(|value| !value.is_finite())
    };
    let (name, _) = tensors.find(|(_, data)| is_broken(data))?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{AdamConfig, OptimizerConfig};
    use crate::trainer::fixture::{clean, config, trainer};

    #[test]
    fn weights_that_are_not_finite_are_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let run = |eps: f64, max_epoch: u32| {
            let mut config = config();
            // 0 / 0 for the embeddings of tokens that are in no sentence.
            config.optimizer = OptimizerConfig::Adam(AdamConfig {
                eps,
                ..AdamConfig::default()
            });
            config.stop.max_epoch = Some(max_epoch);
            config.checkpoint.no_save = false;
            config.checkpoint.restore_file = names::LAST.to_owned();
            config.checkpoint.save_dir = dir.path().to_owned();
            trainer(config, clean(), |model| model).unwrap().run(&mut |_| ())
        };
        let last = dir.path().join(names::LAST).join("model.safetensors");
        run(1e-8, 1).unwrap();
        let before = std::fs::read(&last).unwrap();
        let error = run(0.0, 2).unwrap_err();
        let said = error.to_string();
        assert!(
            matches!(&error, Error::DivergedWeights { update: 2, .. }),
            "{said}"
        );
        assert!(said.contains("weight `") && said.contains("unharmed"), "{said}");
        assert!(std::fs::read(&last).unwrap() == before);
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            2,
            "checkpoint1 and checkpoint_last"
        );
    }
}
