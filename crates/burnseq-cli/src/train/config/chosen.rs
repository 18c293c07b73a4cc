//! Task, model and checkpoint of a run whose flags do not name all of them.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use burnseq::convert::fairseq_model_config;
use burnseq::tasks::{TaskConfig, language_modeling};
use burnseq_data::TextDir;
use burnseq_model::{LanguageModel, ModelConfig, OfConfig};
use burnseq_train::{Checkpoint, CheckpointConfig, find_start};

use crate::exit::coded;
use crate::train::args::TrainArgs;
use crate::train::config_file::ConfigFile;
use crate::train::flags::{DEFAULT_ARCH, DEFAULT_LM_ARCH};

/// The task that the flags or the file name.
///
/// # Errors
/// Another one in the file than on the command line.
pub(super) fn asked_task(args: &TrainArgs, file: &ConfigFile) -> Result<Option<TaskConfig>> {
    match (&args.run.task.task, &file.task) {
        (Some(name), Some(task)) if name != task.name() => Err(anyhow!(
            "--task {name} does not go with the configuration, whose task is {}\nhint: leave it out, or give another \
             --recipe or --config",
            task.name()
        )),
        (_, Some(task)) => Ok(Some(task.clone())),
        (Some(name), None) => Ok(TaskConfig::of_name(name)),
        (None, None) => Ok(None),
    }
}

/// The task of a run that names none, and a note where it is not translation: that of the model; without a model, that of
/// the data, whose folder is the default one where `data` holds none.
pub(super) fn open_task(
    model: Option<&ModelConfig>,
    data: Option<Option<&Path>>,
) -> (TaskConfig, Option<String>) {
    let default = TaskConfig::default();
    let data = data.map(|data| data.unwrap_or(default.data()));
    let reason = match (model, data) {
        (Some(model), _) if LanguageModel::check(model).is_ok() => {
            format!("the model is {}", model.phrase())
        }
        (None, Some(data)) if TextDir::is_one(data) => {
            format!("{} holds text without a second side", data.display())
        }
        _ => return (default, None),
    };
    let note = format!("{reason}, so the task is {} (--task)", language_modeling::NAME);
    (TaskConfig::LanguageModeling(Default::default()), Some(note))
}

/// The preset of a run of this task that names none.
pub(super) fn default_arch(task: Option<&TaskConfig>) -> &'static str {
    match task {
        Some(TaskConfig::LanguageModeling(_)) => DEFAULT_LM_ARCH,
        Some(TaskConfig::Translation(_)) | None => DEFAULT_ARCH,
    }
}

/// The checkpoint that a run starts from, and the model in it; `None` where it begins without one, and where the one that
/// is named is not there, which the trainer tells.
///
/// # Errors
/// A checkpoint that cannot be read, or holds a model that is not supported.
pub(super) fn model_of_start(config: &CheckpointConfig) -> Result<Option<(PathBuf, ModelConfig)>> {
    let start = find_start(config).unwrap_or_default();
    let Some(path) = start.path.filter(|path| path.exists()) else {
        return Ok(None);
    };
    let model = if path.is_file() {
        fairseq_model_config(&path).map_err(coded)?
    } else {
        Checkpoint::open(&path)
            .map_err(coded)?
            .meta()
            .model_config
            .clone()
    };
    Ok(Some((path, model)))
}
