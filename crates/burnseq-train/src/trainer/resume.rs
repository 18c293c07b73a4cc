//! Taking up a checkpoint: the run goes on with the same bits as if it had never stopped, or, where its data, batches or
//! dictionaries have changed, with as much of it as still holds, and says so.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::TensorData;
use burnseq_data::{Dataset, EpochIterator, EpochState, Resumed};
use burnseq_model::load_state_dict;
use burnseq_text::Dictionary;
use burnseq_text::FileError;

use super::Trainer;
use super::config::{CheckpointConfig, StartFrom};
use super::saving::TrainingRecord;
use super::start::find_start;
use crate::checkpoint::extend::{Change, extend};
use crate::checkpoint::{self, Checkpoint, ImportScope, Temporary, compare, names};
use crate::ema::Ema;
use crate::error::{Error, Result};
use crate::log::Meters;

impl<M: Module + 'static, D: Dataset> Trainer<M, D> {
    /// Takes up the checkpoint that the configuration names, if it is there.
    pub(super) fn resume(&mut self) -> Result<()> {
        let config = &self.config.checkpoint;
        if !config.no_save {
            // A folder that cannot be written should not be noticed after hours of training.
            let unwritable = FileError::write(&config.save_dir);
            tempfile::tempfile_in(&config.save_dir).map_err(unwritable)?;
            checkpoint::recover(&config.save_dir)?;
        }
        let start = find_start(config)?;
        self.notes.extend(start.notes);
        let Some(path) = start.path else {
            let config = &self.config.checkpoint;
            for (given, flag) in [
                (config.reset_optimizer, "'reset_optimizer'"),
                (config.reset_lr_scheduler, "'reset_lr_scheduler'"),
                (config.reset_dataloader, "'reset_dataloader'"),
                (config.reset_meters, "'reset_meters'"),
            ] {
                if given {
                    self.notes.push(format!(
                        "{flag} changes nothing: there is no checkpoint to start from"
                    ));
                }
            }
            return Ok(());
        };
        // Removed again when the weights are loaded.
        let imported = if path.is_file() && !path.ends_with(checkpoint::META_FILE) {
            Some(self.import(&path, start.weights_only)?)
        } else {
            None
        };
        let checkpoint = match &imported {
            Some(folder) => Checkpoint::open(&folder.path().join(names::LAST))?,
            None => Checkpoint::open(&path)?,
        };
        let taken_up = TakenUp {
            checkpoint,
            path,
            weights_only: start.weights_only,
        };
        self.check_same_model(&taken_up)?;
        self.load_weights(&taken_up)?;
        let train_state = &taken_up.checkpoint.meta().train_state;
        if taken_up.weights_only {
            return Ok(());
        }
        // A model from elsewhere has no state: its weights are all there is to take up.
        if train_state.is_null() {
            if imported.is_none() {
                self.notes.push(format!(
                    "{} holds no state of a run; its weights are taken over, and this run begins with update 1 of \
                     epoch 1",
                    taken_up.path.display()
                ));
            }
            return Ok(());
        }
        self.load_state(&taken_up.checkpoint, &taken_up.path)
    }

    /// Converts a checkpoint that another program wrote, into a temporary folder.
    fn import(&mut self, file: &Path, weights_only: bool) -> Result<Temporary> {
        let config = &self.config.checkpoint;
        let importer = self.context.importer.clone().ok_or_else(|| Error::NoCheckpoint {
            path: file.to_owned(),
            hint: String::new(),
        })?;
        let failed = FileError::write(&config.save_dir);
        // Beside the checkpoints, where there is room for them.
        let folder = if config.no_save {
            tempfile::tempdir().map_err(failed)?.into()
        } else {
            checkpoint::temporary_in(&config.save_dir)?
        };
        // As in fairseq, a fresh optimiser alone leaves the run in its epoch.
        let scope = match (config.reset_optimizer, config.reset_dataloader) {
            _ if weights_only => ImportScope::Weights,
            (true, true) => ImportScope::Weights,
            (true, false) => ImportScope::Position,
            (false, _) => ImportScope::Training,
        };
        let notes = importer
            .import(file, scope, &folder.path().join(names::LAST))
            .map_err(Error::Import)?;
        let what = match scope {
            ImportScope::Weights => "its weights are",
            ImportScope::Position => "its weights and its position in the data are",
            ImportScope::Training if config.reset_dataloader => {
                "its weights and the state of its optimiser are"
            }
            ImportScope::Training => {
                "its weights, the state of its optimiser and its position in the data are"
            }
        };
        self.notes.push(format!(
            "{} was written by another program; {what} taken over",
            file.display()
        ));
        self.notes.extend(notes);
        Ok(folder)
    }

    /// Refuses a checkpoint of another architecture, of other languages where a run goes on, or, unless they are to be
    /// extended, of other dictionaries.
    fn check_same_model(&self, taken_up: &TakenUp) -> Result<()> {
        let meta = taken_up.checkpoint.meta();
        let different = compare::differences(&meta.model_config, &self.context.model);
        if !different.is_empty() {
            let hint = if taken_up.weights_only {
                "leave out 'arch' and the options of the model: the architecture is then that of the checkpoint"
                    .to_owned()
            } else {
                format!(
                    "give the settings it was trained with, or {} to start anew",
                    self.without(&taken_up.path)
                )
            };
            return Err(taken_up.refuse(format!(
                "it holds another model: {}\nhint: {hint}",
                different.join(", ")
            )));
        }
        if taken_up.weights_only {
            return self.check_dictionaries_fit(taken_up);
        }
        self.check_same_task(taken_up)?;
        let (there, vocab) = (meta.dictionaries.vocab(), self.context.dictionaries.vocab());
        if there != vocab {
            return Err(taken_up.other_dictionaries(format!(
                "it was trained with dictionaries of {} and {} types, the data has {} and {}",
                there.src, there.tgt, vocab.src, vocab.tgt
            )));
        }
        for (name, content) in self.dictionary_files() {
            if taken_up.checkpoint.file(name)? != content {
                return Err(
                    taken_up.other_dictionaries(format!("its dictionary {name} is not that of the data"))
                );
            }
        }
        Ok(())
    }

    /// Refuses weights for other dictionaries than those of the data, unless these only have more tokens or the weights are
    /// to be extended.
    fn check_dictionaries_fit(&self, taken_up: &TakenUp) -> Result<()> {
        for side in &self.context.dictionaries.sides {
            let (old, new) = self.old_and_new(&taken_up.checkpoint, &side.file)?;
            let change = Change::between(&old, &new);
            if let Change::Other(difference) = &change
                && !self.config.checkpoint.extend_dictionary
            {
                return Err(taken_up.other_dictionaries(format!(
                    "the dictionary {} of the data is not that of the checkpoint: {difference}",
                    side.file
                )));
            }
            if let (Some(field), true) = (self.context.model.cut_into_bands_by(), change != Change::None) {
                return Err(taken_up.refuse(format!(
                    "its '{field}' cuts its dictionary of {} types into bands by frequency, which take no other dictionary\nhint: \
                     make data with its dictionary: `preprocess --like {} --only-source --trainpref TEXT --destdir FOLDER`",
                    old.len(),
                    taken_up.path.display()
                )));
            }
        }
        Ok(())
    }

    /// A dictionary of a checkpoint, and that of the data in its place.
    fn old_and_new(&self, checkpoint: &Checkpoint, file: &str) -> Result<(Dictionary, Dictionary)> {
        let parse = |bytes: &[u8]| Dictionary::parse(bytes, file).map_err(burnseq_data::Error::from);
        let old = parse(&checkpoint.file(file)?)?;
        let here = self.dictionary_files().find(|(name, _)| *name == file);
        match here {
            Some((_, here)) => Ok((old, parse(here)?)),
            None => Ok((old.clone(), old)),
        }
    }

    /// Refuses to go on with a run of another task, or on other languages. A name that is empty is not known.
    fn check_same_task(&self, taken_up: &TakenUp) -> Result<()> {
        let (there, here) = (&taken_up.checkpoint.meta().task, &self.context.task);
        if there.name != here.name {
            return Err(taken_up.refuse(format!(
                "it was trained for the task {}, this run is for {}\nhint: {} to start anew",
                there.name,
                here.name,
                self.without(&taken_up.path)
            )));
        }
        let of_both = |side| [there.text(side), here.text(side)];
        let [source, target] = ["source_lang", "target_lang"].map(of_both);
        let differ = |[there, here]: [&str; 2]| !there.is_empty() && !here.is_empty() && there != here;
        if !differ(source) && !differ(target) {
            return Ok(());
        }
        Err(taken_up.refuse(format!(
            "it translates from {} to {}, this run from {} to {}\n\
             hint: {} to start anew, and with 'finetune_from_model' {} from its weights",
            source[0],
            target[0],
            source[1],
            target[1],
            self.without(&taken_up.path),
            taken_up.path.display()
        )))
    }

    /// How a run is started that does not go on with the checkpoint at `path`.
    fn without(&self, path: &Path) -> &'static str {
        let config = &self.config.checkpoint;
        match &config.start_from {
            _ if path.starts_with(&config.save_dir) => "give another 'save_dir'",
            Some(StartFrom::Run { path: run }) if run == path => "leave out 'continue_once'",
            _ => "leave out 'restore_file'",
        }
    }

    /// The dictionaries of the data, under their names in a checkpoint.
    fn dictionary_files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.context.files.iter();
        let files = files.map(|(name, content)| (name.as_str(), content.as_slice()));
        files.filter(|(name, _)| name.starts_with("dict."))
    }

    /// Gives the weights a row for each token of the data.
    fn extend_dictionaries(
        &self,
        checkpoint: &Checkpoint,
        tensors: &mut HashMap<String, TensorData>,
    ) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        let sides = self.context.dictionaries.sides.as_slice();
        let tables = self.context.model.dictionary_tables();
        // A model of one dictionary reads and writes it.
        let tables = match sides {
            [_] => vec![tables.concat()],
            _ => tables.map(<[_]>::to_vec).to_vec(),
        };
        for (side, tables) in sides.iter().zip(&tables) {
            let file = side.file.as_str();
            let (old, new) = self.old_and_new(checkpoint, file)?;
            let change = Change::between(&old, &new);
            if change == Change::None {
                continue;
            }
            let extended = extend(tensors, tables, &old, &new);
            let lost = match change {
                Change::Other(_) => format!(", {} of the checkpoint are not in the data", extended.lost),
                Change::None | Change::Grown => String::new(),
            };
            notes.push(format!(
                "{file}: {} tokens keep their embeddings, {} new ones begin with the mean{lost}",
                extended.kept, extended.new
            ));
        }
        Ok(notes)
    }

    /// Takes over the weights and their moving average; a new run starts from the average.
    fn load_weights(&mut self, taken_up: &TakenUp) -> Result<()> {
        let checkpoint = &taken_up.checkpoint;
        let mut average = checkpoint.model_tensors()?;
        if taken_up.weights_only {
            let notes = self.extend_dictionaries(checkpoint, &mut average)?;
            self.notes.extend(notes);
        }
        let raw = match checkpoint.raw_model_tensors()? {
            Some(raw) if !taken_up.weights_only => raw,
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
                     hint: 'reset_optimizer' starts with a fresh one"
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
        if config.reset_dataloader {
            self.notes.extend(replaced_epochs(&config, &saved.data));
        } else {
            let resumed = self.epochs.restore(&saved.data)?;
            let other_order = record.config.seed != self.config.seed;
            self.notes
                .extend(position_note(resumed, &self.epochs, other_order));
            self.state.data = self.epochs.state();
            self.state.epoch = saved.epoch;
        }
        if config.reset_meters {
            self.state.epoch = Meters::default();
        } else {
            self.state.interval = saved.interval;
            self.state.train_wall = saved.train_wall;
            self.state.wall = saved.wall;
        }
        // As in fairseq, a fresh optimiser forgets the best value, too. That of another metric says nothing.
        let validation = &self.config.validation;
        let same_metric = saved.best_metric == self.state.best_metric
            && record.config.validation.maximize_best_checkpoint_metric
                == validation.maximize_best_checkpoint_metric;
        if same_metric && !config.reset_meters && !config.reset_optimizer {
            self.state.patience = saved.patience;
            self.state.val_loss = saved.val_loss;
        }
        Ok(())
    }
}

/// A checkpoint that a run starts from.
struct TakenUp {
    checkpoint: Checkpoint,
    /// What the user named; an imported checkpoint lies elsewhere.
    path: PathBuf,
    weights_only: bool,
}

impl TakenUp {
    fn refuse(&self, problem: String) -> Error {
        let path = self.path.clone();
        if self.weights_only {
            Error::Start { path, problem }
        } else {
            Error::Restore { path, problem }
        }
    }

    fn other_dictionaries(&self, problem: String) -> Error {
        Error::OtherDictionaries {
            path: self.path.clone(),
            weights_only: self.weights_only,
            problem,
        }
    }
}

/// What the user should know of the position at which a run goes on.
fn position_note(resumed: Resumed, epochs: &EpochIterator, other_order: bool) -> Option<String> {
    const OTHER: &str = "the batches are not those of the checkpoint, as limits, seed or data differ";
    let epoch = epochs.epoch();
    match resumed {
        Resumed::Exactly if other_order && epochs.offset() > 0 && !epochs.is_end_of_epoch() => Some(format!(
            "with another seed, epoch {epoch} goes on in another order behind its first {} batches: some of its \
             sentences come twice and others not at all",
            epochs.offset()
        )),
        Resumed::Exactly if other_order && epochs.offset() > 0 => Some(format!(
            "with another seed, epoch {} has another order",
            epoch + 1
        )),
        Resumed::Exactly => None,
        Resumed::AtNextEpoch => Some(format!("{OTHER}; epoch {} begins with them", epoch + 1)),
        Resumed::AtSameShare { now: (0, _), .. } => Some(format!("{OTHER}; epoch {epoch} begins with them")),
        Resumed::AtSameShare { saved, now } => Some(format!(
            "{OTHER}; {} of {} batches of epoch {epoch} were taken, so it goes on at the same share, behind batch {} of \
             {}: some of its sentences come twice and others not at all",
            saved.0, saved.1, now.0, now.1
        )),
    }
}

/// A warning where a run that counts its epochs from 1 again is going to replace the checkpoints of earlier epochs.
fn replaced_epochs(config: &CheckpointConfig, saved: &EpochState) -> Option<String> {
    let replaces = |epoch: u32| config.save_dir.join(names::epoch(epoch as usize)).exists();
    let first = (1..=saved.epoch).find(|&epoch| replaces(epoch))?;
    (!config.no_save && !config.no_epoch_checkpoints).then(|| {
        format!(
            "epochs are counted from 1 again, so that {} and those after it in {} will be replaced\n\
             hint: another 'save_dir', with this checkpoint as 'restore_file', keeps them",
            names::epoch(first as usize),
            config.save_dir.display()
        )
    })
}

/// The `--max-tokens` of the run that a configuration goes on with; `None` where a run begins, or had none.
///
/// # Errors
/// A checkpoint that cannot be read; a save folder that another run writes to.
pub fn saved_max_tokens(config: &CheckpointConfig) -> Result<Option<usize>> {
    if !config.no_save && config.save_dir.is_dir() {
        let _lock = checkpoint::lock_for_run(&config.save_dir)?;
        checkpoint::recover(&config.save_dir)?;
    }
    let start = find_start(config)?;
    let path = match start.path {
        // Other programs' limits are not ours.
        Some(path) if !start.weights_only && !path.is_file() => path,
        _ => return Ok(None),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::TrainConfig;
    use crate::trainer::fixture::{clean, trainer};

    /// Three epochs whose checkpoints go to `save_dir`.
    fn saving_to(save_dir: &Path) -> TrainConfig {
        let mut config = crate::trainer::fixture::config();
        config.checkpoint = CheckpointConfig {
            save_dir: save_dir.to_owned(),
            ..CheckpointConfig::default()
        };
        config
    }

    /// Trains, and changes the `checkpoint.json` of what was saved last.
    fn trained(dir: &Path, change: impl FnOnce(&mut serde_json::Value)) {
        let mut trainer = trainer(saving_to(dir), clean(), |model| model).unwrap();
        trainer.run(&mut |_| ()).unwrap();
        let path = dir.join("checkpoint_last").join(checkpoint::META_FILE);
        let mut meta = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut meta);
        std::fs::write(&path, meta.to_string()).unwrap();
    }

    #[test]
    fn weights_without_the_state_of_a_run_are_taken_over_with_a_note() {
        let dir = tempfile::tempdir().unwrap();
        trained(dir.path(), |meta| meta["train_state"] = serde_json::Value::Null);
        let begun = trainer(saving_to(dir.path()), clean(), |model| model).unwrap();
        assert_eq!(begun.state().num_updates, 0);
        let notes = begun.notes.join("\n");
        assert!(
            notes.contains("checkpoint_last holds no state of a run")
                && notes.contains("begins with update 1"),
            "{notes}"
        );
    }

    #[test]
    fn a_run_on_other_languages_is_not_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        trained(dir.path(), |meta| {
            meta["task"] =
                serde_json::json!({ "type": "translation", "source_lang": "b", "target_lang": "a" });
        });
        let resumed = |save_dir: &Path| {
            let mut config = saving_to(save_dir);
            let last = dir.path().join("checkpoint_last");
            config.checkpoint.restore_file = last.to_str().unwrap().to_owned();
            trainer(config, clean(), |model| model)
        };
        let other = dir.path().join("other");
        for (save_dir, hint) in [
            (dir.path(), "another 'save_dir'"),
            (&*other, "leave out 'restore_file'"),
        ] {
            let said = resumed(save_dir).err().unwrap().to_string();
            assert!(
                said.contains("it translates from b to a, this run from a to b"),
                "{said}"
            );
            assert!(
                said.contains(hint) && said.contains("'finetune_from_model'"),
                "{said}"
            );
        }
        // Without names, nothing is known to differ.
        let path = dir.path().join("checkpoint_last").join(checkpoint::META_FILE);
        let mut meta: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        meta["task"] = serde_json::json!({ "type": "translation", "source_lang": "", "target_lang": "" });
        std::fs::write(&path, meta.to_string()).unwrap();
        assert_eq!(resumed(&other).unwrap().state().num_updates, 3);
    }

    #[test]
    fn two_runs_do_not_write_to_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let config = saving_to(dir.path());
        let first = trainer(config.clone(), clean(), |model| model).unwrap();
        if first._save_dir_lock.is_none() {
            return; // folders cannot be locked here
        }
        let second = trainer(config.clone(), clean(), |model| model);
        assert_eq!(
            second.err().unwrap().to_string(),
            format!("another run writes to {}", dir.path().display())
        );
        let mut reading = config.clone();
        reading.checkpoint.no_save = true;
        trainer(reading, clean(), |model| model).unwrap();
        drop(first);
        trainer(config, clean(), |model| model).unwrap();
    }

    #[test]
    fn a_run_that_goes_on_tells_the_size_of_its_batches() {
        let dir = tempfile::tempdir().unwrap();
        let config = |save_dir: &Path| {
            let mut config = saving_to(save_dir);
            config.dataset.max_tokens = Some(24);
            config
        };
        let own = config(dir.path());
        assert_eq!(saved_max_tokens(&own.checkpoint).unwrap(), None);
        let mut trainer = trainer(own.clone(), clean(), |model| model).unwrap();
        trainer.run(&mut |_| ()).unwrap();
        drop(trainer);
        assert_eq!(saved_max_tokens(&own.checkpoint).unwrap(), Some(24));

        let path = dir.path().join("checkpoint_last");
        let mut other = config(&dir.path().join("other")).checkpoint;
        other.start_from = Some(StartFrom::Weights { path: path.clone() });
        assert_eq!(saved_max_tokens(&other).unwrap(), None, "a run of its own");
        other.start_from = Some(StartFrom::Run { path });
        assert_eq!(saved_max_tokens(&other).unwrap(), Some(24));
    }
}
