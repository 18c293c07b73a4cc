//! Taking up a checkpoint: the run goes on with the same bits as if it had never stopped.

use std::path::{Path, PathBuf};

use burnseq_model::{EncoderDecoder, load_state_dict};

use super::Trainer;
use super::config::{CheckpointConfig, DEFAULT_RESTORE_FILE, StartFrom};
use super::saving::TrainingRecord;
use crate::checkpoint::{self, Checkpoint, compare};
use crate::ema::Ema;
use crate::error::{Error, Result};
use crate::log::Meters;
use crate::stop::PatienceState;

impl<M: EncoderDecoder> Trainer<M> {
    /// Takes up the checkpoint that the configuration names, if it is there.
    pub(super) fn resume(&mut self) -> Result<()> {
        let config = &self.config.checkpoint;
        if !config.no_save {
            // A folder that cannot be written should not be noticed after hours of training.
            let unwritable = |source| Error::Write {
                path: config.save_dir.clone(),
                source,
            };
            std::fs::create_dir_all(&config.save_dir).map_err(unwritable)?;
            tempfile::tempfile_in(&config.save_dir).map_err(unwritable)?;
            checkpoint::recover(&config.save_dir)?;
        }
        let start_from = config.start_from.clone();
        let (path, weights_only) = match (restore_path(config)?, start_from) {
            (Some(path), _) | (None, Some(StartFrom::Run { path })) => (path, false),
            (None, Some(StartFrom::Weights { path })) => (path, true),
            (None, None) => return Ok(()),
        };
        let checkpoint = Checkpoint::open(&path)?;
        self.check_same_model(&checkpoint, &path)?;
        self.load_weights(&checkpoint, weights_only)?;
        let train_state = &checkpoint.meta().train_state;
        // A model from elsewhere has no state: its weights are all there is to take up.
        if weights_only || train_state.is_null() {
            return Ok(());
        }
        self.load_state(&checkpoint, &path)
    }

    /// Refuses a checkpoint of another architecture or other dictionaries.
    fn check_same_model(&self, checkpoint: &Checkpoint, path: &Path) -> Result<()> {
        let meta = checkpoint.meta();
        let refuse = |problem: String| {
            Err(Error::Restore {
                path: path.to_owned(),
                problem: format!(
                    "{problem}\nhint: give the settings it was trained with, or another --save-dir to \
                     start anew"
                ),
            })
        };
        let different = compare::differences(&meta.model_config, &self.context.model);
        if !different.is_empty() {
            return refuse(format!("it holds another model: {}", different.join(", ")));
        }
        let vocab = self.model().vocab();
        if meta.vocab != vocab {
            return refuse(format!(
                "it was trained with dictionaries of {} and {} types, the data has {} and {}",
                meta.vocab.src, meta.vocab.tgt, vocab.src, vocab.tgt
            ));
        }
        for (name, content) in &self.context.files {
            let is_dictionary = name.starts_with("dict.");
            if is_dictionary && checkpoint.file(name)? != *content {
                return refuse(format!("its dictionary {name} is not that of the data"));
            }
        }
        Ok(())
    }

    /// Takes over the weights and their moving average; a new run starts from the average.
    fn load_weights(&mut self, checkpoint: &Checkpoint, new_run: bool) -> Result<()> {
        let average = checkpoint.model_tensors()?;
        let raw = match checkpoint.raw_model_tensors()? {
            Some(raw) if !new_run => raw,
            _ => average.clone(),
        };
        let model = self
            .model
            .take()
            .expect("the model is only away during an update");
        let model = self.model.insert(load_state_dict(model, &raw)?);
        if let Some(config) = &self.config.ema {
            let average = load_state_dict(model.valid(), &average)?;
            self.ema = Some(Ema::new(config.clone(), average));
        }
        Ok(())
    }

    fn load_state(&mut self, checkpoint: &Checkpoint, path: &Path) -> Result<()> {
        let train_state = checkpoint.meta().train_state.clone();
        let config = self.config.checkpoint.clone();
        let refuse = |problem: String| Error::Restore {
            path: path.to_owned(),
            problem,
        };
        let record = training_record(train_state, path)?;
        let saved = record.state;
        if !config.reset_optimizer {
            let state = checkpoint.optimizer_state()?.ok_or_else(|| {
                refuse(
                    "it was saved without the state of the optimiser\n\
                     hint: --reset-optimizer starts with a fresh one"
                        .to_owned(),
                )
            })?;
            let model = self
                .model
                .as_ref()
                .expect("the model is only away during an update");
            self.optimizer.load_state_dict(model, state)?;
            if let (Some(scaler), Some(state)) = (&mut self.loss_scaler, saved.loss_scaler) {
                scaler.load_state(state);
            }
            self.state.skipped_in_a_row = saved.skipped_in_a_row;
            self.state.num_updates = saved.num_updates;
            self.state.schedule_start = saved.schedule_start;
            if config.reset_lr_scheduler {
                self.state.schedule_start = saved.num_updates;
            }
        }
        if !config.reset_dataloader {
            self.epochs.restore(&saved.data)?;
            self.state.data = saved.data;
            self.state.epoch = saved.epoch;
        }
        if !config.reset_meters {
            self.state.interval = saved.interval;
            self.state.train_wall = saved.train_wall;
            self.state.wall = saved.wall;
            // The best value of another metric says nothing.
            if saved.best_metric == self.state.best_metric {
                self.state.patience = saved.patience;
                self.state.val_loss = saved.val_loss;
            }
        } else {
            self.state.epoch = Meters::default();
            self.state.patience = PatienceState::default();
        }
        Ok(())
    }
}

/// The `--max-tokens` of the run that a configuration goes on with; `None` where a run begins, or had none.
///
/// # Errors
/// A checkpoint that cannot be read.
pub fn saved_max_tokens(config: &CheckpointConfig) -> Result<Option<usize>> {
    if !config.no_save && config.save_dir.is_dir() {
        checkpoint::recover(&config.save_dir)?;
    }
    let path = match (restore_path(config)?, &config.start_from) {
        (Some(path), _) => path,
        (None, Some(StartFrom::Run { path })) => path.clone(),
        (None, _) => return Ok(None),
    };
    let train_state = Checkpoint::open(&path)?.meta().train_state.clone();
    if train_state.is_null() {
        return Ok(None);
    }
    Ok(training_record(train_state, &path)?.config.dataset.max_tokens)
}

/// What the checkpoint at `path` says of its training.
fn training_record(train_state: serde_json::Value, path: &Path) -> Result<TrainingRecord> {
    serde_json::from_value(train_state).map_err(|error| Error::Restore {
        path: path.to_owned(),
        problem: format!("its training state cannot be read: {error}"),
    })
}

/// The checkpoint to resume from; `None` when there is nothing to resume.
///
/// # Errors
/// When a checkpoint was asked for by name and is not there, and nothing was named to start from instead.
fn restore_path(config: &CheckpointConfig) -> Result<Option<PathBuf>> {
    let name = config.restore_file.trim_end_matches('/');
    // fairseq's checkpoints are files called `NAME.pt`; ours are folders.
    let name = name.strip_suffix(".pt").unwrap_or(name);
    let inside = config.save_dir.join(name);
    if name.is_empty() || (name == DEFAULT_RESTORE_FILE && !inside.exists()) {
        return Ok(None);
    }
    let path = PathBuf::from(name);
    if config.start_from.is_some() && !inside.exists() && !path.exists() {
        return Ok(None);
    }
    if inside.exists() || path.exists() {
        return Ok(Some(if inside.exists() { inside } else { path }));
    }
    Err(Error::Restore {
        path: PathBuf::from(&config.restore_file),
        problem: format!(
            "there is no such checkpoint, neither there nor in {}",
            config.save_dir.display()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::fixture::{clean, trainer};

    fn config(save_dir: &Path, restore_file: &str) -> CheckpointConfig {
        CheckpointConfig {
            save_dir: save_dir.to_owned(),
            restore_file: restore_file.to_owned(),
            ..CheckpointConfig::default()
        }
    }

    #[test]
    fn a_run_that_goes_on_tells_the_size_of_its_batches() {
        let dir = tempfile::tempdir().unwrap();
        let config = |save_dir: &Path| {
            let mut config = crate::trainer::fixture::config();
            config.dataset.max_tokens = Some(24);
            config.checkpoint = CheckpointConfig {
                save_dir: save_dir.to_owned(),
                ..CheckpointConfig::default()
            };
            config
        };
        let own = config(dir.path());
        assert_eq!(saved_max_tokens(&own.checkpoint).unwrap(), None);
        let mut trainer = trainer(own.clone(), clean(), |model| model).unwrap();
        trainer.run(&mut |_| ()).unwrap();
        assert_eq!(saved_max_tokens(&own.checkpoint).unwrap(), Some(24));

        let path = dir.path().join("checkpoint_last");
        let mut other = config(&dir.path().join("other")).checkpoint;
        other.start_from = Some(StartFrom::Weights { path: path.clone() });
        assert_eq!(saved_max_tokens(&other).unwrap(), None, "a run of its own");
        other.start_from = Some(StartFrom::Run { path });
        assert_eq!(saved_max_tokens(&other).unwrap(), Some(24));
    }

    #[test]
    fn the_last_checkpoint_is_optional_and_a_named_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let found = |name: &str| restore_path(&config(dir.path(), name));
        assert_eq!(found("checkpoint_last").unwrap(), None);
        assert!(
            found("checkpoint3")
                .unwrap_err()
                .to_string()
                .contains("no such checkpoint")
        );
        std::fs::create_dir(dir.path().join("checkpoint_last")).unwrap();
        std::fs::create_dir(dir.path().join("checkpoint3")).unwrap();
        assert_eq!(
            found("checkpoint_last").unwrap(),
            Some(dir.path().join("checkpoint_last"))
        );
        assert_eq!(
            found("checkpoint_last.pt").unwrap(),
            Some(dir.path().join("checkpoint_last"))
        );
        assert_eq!(
            found("checkpoint3").unwrap(),
            Some(dir.path().join("checkpoint3"))
        );
        let path = dir.path().join("checkpoint3");
        let elsewhere = config(Path::new("nowhere"), path.to_str().unwrap());
        assert_eq!(restore_path(&elsewhere).unwrap(), Some(path.clone()));

        let mut other = config(dir.path(), "checkpoint7");
        other.start_from = Some(StartFrom::Weights { path });
        assert_eq!(
            restore_path(&other).unwrap(),
            None,
            "it starts from the other run"
        );
        other.restore_file = "checkpoint3".to_owned();
        assert!(restore_path(&other).unwrap().is_some(), "its own run comes first");
    }
}
