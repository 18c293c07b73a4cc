//! Taking up a checkpoint: the run goes on with the same bits as if it had never stopped.

use std::path::{Path, PathBuf};

use burnseq_model::{EncoderDecoder, ModelConfig, load_state_dict};
use serde_json::Value;

use super::Trainer;
use super::config::{CheckpointConfig, DEFAULT_RESTORE_FILE};
use super::saving::TrainingRecord;
use crate::checkpoint::{self, Checkpoint};
use crate::error::{Error, Result};
use crate::log::Meters;
use crate::stop::PatienceState;

/// Fields of a model that may change between runs: they shape no weight.
const FREE_FIELDS: [&str; 3] = ["dropout", "attention_dropout", "activation_dropout"];

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
        let Some(path) = restore_path(config)? else {
            return Ok(());
        };
        let checkpoint = Checkpoint::open(&path)?;
        self.check_same_model(&checkpoint, &path)?;
        self.load(&checkpoint, &path)
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
        let different = differences(&meta.model_config, &self.context.model);
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

    fn load(&mut self, checkpoint: &Checkpoint, path: &Path) -> Result<()> {
        let model = self
            .model
            .take()
            .expect("the model is only away during an update");
        self.model = Some(load_state_dict(model, &checkpoint.model_tensors()?)?);
        let train_state = checkpoint.meta().train_state.clone();
        let config = self.config.checkpoint.clone();
        let refuse = |problem: String| Error::Restore {
            path: path.to_owned(),
            problem,
        };
        if train_state.is_null() {
            // A model from elsewhere: its weights are all there is to take up.
            return Ok(());
        }
        let record: TrainingRecord = serde_json::from_value(train_state)
            .map_err(|error| refuse(format!("its training state cannot be read: {error}")))?;
        let saved = record.state;
        if !config.reset_optimizer {
            let state = checkpoint.optimizer_state()?.ok_or_else(|| {
                refuse(
                    "it was saved without the state of the optimiser\n\
                     hint: --reset-optimizer starts with a fresh one"
                        .to_owned(),
                )
            })?;
            let model = self.model.as_ref().expect("it was put back above");
            self.optimizer.load_state_dict(model, state)?;
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

/// The checkpoint to start from; `None` when there is nothing to resume.
///
/// # Errors
/// When a checkpoint was asked for by name and is not there.
fn restore_path(config: &CheckpointConfig) -> Result<Option<PathBuf>> {
    let name = config.restore_file.trim_end_matches('/');
    // fairseq's checkpoints are files called `NAME.pt`; ours are folders.
    let name = name.strip_suffix(".pt").unwrap_or(name);
    let inside = config.save_dir.join(name);
    if name.is_empty() || (name == DEFAULT_RESTORE_FILE && !inside.exists()) {
        return Ok(None);
    }
    let path = PathBuf::from(name);
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

/// Fields that differ, as `encoder_layers 6 there, 3 here`.
fn differences(there: &ModelConfig, here: &ModelConfig) -> Vec<String> {
    let object = |config: &ModelConfig| match serde_json::to_value(config) {
        Ok(Value::Object(fields)) => fields,
        _ => unreachable!("a model's configuration is a JSON object"),
    };
    let (there, here) = (object(there), object(here));
    here.iter()
        .filter(|(name, _)| !FREE_FIELDS.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let saved = there.get(name).unwrap_or(&Value::Null);
            (saved != value).then(|| format!("{name} {saved} there, {value} here"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(save_dir: &Path, restore_file: &str) -> CheckpointConfig {
        CheckpointConfig {
            save_dir: save_dir.to_owned(),
            restore_file: restore_file.to_owned(),
            ..CheckpointConfig::default()
        }
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
        assert_eq!(restore_path(&elsewhere).unwrap(), Some(path));
    }

    #[test]
    fn differing_fields_are_listed_but_dropout_is_free() {
        let here = ModelConfig::from_arch("transformer_tiny").unwrap();
        let ModelConfig::Transformer(mut changed) = here.clone();
        changed.dropout = 0.5;
        assert!(differences(&ModelConfig::Transformer(changed.clone()), &here).is_empty());
        changed.encoder_layers = 5;
        assert_eq!(
            differences(&ModelConfig::Transformer(changed), &here),
            ["encoder_layers 5 there, 2 here"]
        );
    }
}
