//! From `--path` to the models that decode together, and the dataset beside them.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use burnseq::decode::{TextModel, TranslationModel, overlaid};
use burnseq_data::DatasetDir;
use burnseq_model::{DropoutModule, Model, ModelConfig};
use burnseq_train::Checkpoint;

use super::args::{DEFAULT_PATHS, DecodingArgs};
use super::{coded, format};
use crate::exit::usage;
use crate::task::LanguageArgs;

/// Folder of the dataset when none is named.
const DEFAULT_DATA: &str = "data-bin";

/// Where the dataset is, and in which languages.
#[derive(Debug)]
pub(crate) struct DataArgs<'a> {
    /// Its folder, where it is named.
    pub path: Option<&'a Path>,
    /// Its languages, where they are named.
    pub languages: &'a LanguageArgs,
    /// The dataset is needed, even where nobody names its folder.
    pub needed: bool,
}

/// Loads the models, and opens the dataset if it is needed or named.
///
/// # Errors
/// Models, data and settings that cannot be read or do not fit together.
pub(crate) fn load(
    args: &DecodingArgs,
    data: &DataArgs<'_>,
) -> Result<(TranslationModel, Option<DatasetDir>)> {
    let compute = args.compute.open()?;
    let overrides = args.overrides.clone().unwrap_or_default();
    let paths = paths(args);
    note_last(args);
    if paths.is_empty() {
        return Err(usage(anyhow!(
            "--path names no checkpoint\nhint: name one, or several of an ensemble, separated by colons"
        )));
    }
    let weights = paths.iter().any(|path| is_weights(path));
    if args.arch.is_none()
        && let Some((path, folder)) = paths.iter().find_map(|path| Some((path, checkpoint_of(path)?)))
    {
        return Err(usage(anyhow!(
            "{} is a file of a checkpoint, which is a folder\nhint: give the folder: {}",
            path.display(),
            folder.display()
        )));
    }
    let config = match &args.arch {
        Some(arch) if weights => {
            let preset = ModelConfig::from_arch(arch).map_err(usage)?;
            Some(overlaid(&preset, &overrides).map_err(coded)?)
        }
        Some(_) => {
            return Err(usage(anyhow!(
                "--arch goes with a weights file (--path FILE.safetensors); a checkpoint knows its own architecture"
            )));
        }
        None => None,
    };
    let mut opened = if weights {
        Some(open_data(data, None)?)
    } else {
        None
    };
    let mut models: Option<TranslationModel> = None;
    for path in &paths {
        let model = if is_weights(path) {
            let config = config.as_ref().ok_or_else(|| {
                usage(anyhow!(
                    "{} holds bare weights, which do not say what model they are\nhint: give --arch, and \
                     --model-overrides for what differs from the preset",
                    path.display()
                ))
            })?;
            let data = opened.as_ref().expect("opened when there are weights");
            TranslationModel::from_weights(path, config, data, &compute)
        } else {
            TranslationModel::load_with(path, &overrides, &compute)
        };
        let model = model.map_err(coded)?;
        match &mut models {
            Some(models) => models.join(model, path).map_err(coded)?,
            None => models = Some(model),
        }
    }
    let mut model = models.expect("there is at least one path");
    let modules: Vec<_> = model.models.iter().map(Model::dropout_modules).collect();
    check_dropout_modules(args, &modules)?;
    if opened.is_none() && (data.needed || data.path.is_some()) {
        opened = Some(open_data(data, Some(&model))?);
    }
    if opened.is_none() {
        check_direction(data.languages, &paths[0], &model)?;
    }
    let notes = opened.as_ref().and_then(|data| model.direction_note(data));
    notes
        .into_iter()
        .chain(args.marks.note(&model.tgt_dict))
        .chain(args.without_effect())
        .for_each(|note| format::note(&note));
    args.text.apply(&mut model)?;
    if let Some(path) = &args.lm_path {
        let lm = TextModel::load(path, &compute).map_err(coded)?;
        model.fuse(lm).map_err(coded)?;
    }
    Ok((model, opened))
}

/// Refuses places of dropout that none of the models has, which would drop nothing.
pub(crate) fn check_dropout_modules(args: &DecodingArgs, modules: &[&[DropoutModule]]) -> Result<()> {
    let places = || modules.iter().flat_map(|modules| modules.iter());
    let given = args.options()?.retain_dropout_modules.unwrap_or_default();
    match given
        .iter()
        .find(|name| !places().any(|place| place.name() == **name))
    {
        None => Ok(()),
        Some(name) => {
            let mut choices: Vec<&str> = places().map(|place| place.name()).collect();
            choices.dedup();
            Err(usage(anyhow!(
                "--retain-dropout-modules: the model has no `{name}`; choose from: {}",
                choices.join(", ")
            )))
        }
    }
}

/// The checkpoints or weights files: what `--path` names, else the best checkpoint, else the last one.
pub(crate) fn paths(args: &DecodingArgs) -> Vec<PathBuf> {
    if let Some(path) = &args.path {
        // A colon may be part of a name.
        return if Path::new(path).exists() {
            vec![PathBuf::from(path)]
        } else {
            path.split(':')
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .collect()
        };
    }
    let [best, last] = DEFAULT_PATHS.map(PathBuf::from);
    if takes_last(args) {
        return vec![last];
    }
    vec![best]
}

/// Whether the last checkpoint stands for the best one, which is not there.
fn takes_last(args: &DecodingArgs) -> bool {
    let [best, last] = DEFAULT_PATHS.map(Path::new);
    args.path.is_none() && !best.exists() && last.exists()
}

/// A note where the last checkpoint stands for the best one.
pub(crate) fn note_last(args: &DecodingArgs) {
    if takes_last(args) {
        let [best, last] = DEFAULT_PATHS;
        format::note(&format!("{best} is not there, so {last} is used"));
    }
}

fn is_weights(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "safetensors")
}

/// The checkpoint whose weights file `path` is.
fn checkpoint_of(path: &Path) -> Option<&Path> {
    let folder = path.parent().filter(|_| is_weights(path) && path.is_file())?;
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    Checkpoint::open(folder).is_ok().then_some(folder)
}

/// Without a dataset, languages choose nothing: a checkpoint has a direction, in which `path` translates.
///
/// # Errors
/// Other languages than those of the model.
fn check_direction(languages: &LanguageArgs, path: &Path, model: &TranslationModel) -> Result<()> {
    let task = &model.task;
    for (flag, given, known) in [
        ("--source-lang", &languages.source_lang, &task.source_lang),
        ("--target-lang", &languages.target_lang, &task.target_lang),
    ] {
        if let Some(given) = given
            .as_ref()
            .filter(|given| *given != known && !known.is_empty())
        {
            return Err(usage(anyhow!(
                "{flag} is {given}, but {} translates from {} to {}\nhint: leave out the languages, or give a checkpoint of \
                 the direction you want",
                path.display(),
                task.source_lang,
                task.target_lang
            )));
        }
    }
    Ok(())
}

/// Opens the dataset; languages that are not given are those of the model.
fn open_data(data: &DataArgs<'_>, model: Option<&TranslationModel>) -> Result<DatasetDir> {
    let path = data.path.unwrap_or(Path::new(DEFAULT_DATA));
    let (languages, task) = (data.languages, model.map(|model| &model.task));
    let (given_src, given_tgt) = (languages.source_lang.as_deref(), languages.target_lang.as_deref());
    let mut src = given_src.or(task.map(|task| task.source_lang.as_str()));
    let mut tgt = given_tgt.or(task.map(|task| task.target_lang.as_str()));
    if src == tgt
        && let Some(task) = task
    {
        // One of them is given, and is the other one of the model.
        match (given_src, given_tgt) {
            (Some(_), None) => tgt = Some(&task.source_lang),
            (None, Some(_)) => src = Some(&task.target_lang),
            _ => {}
        }
    }
    let data = DatasetDir::open(path, src, tgt).map_err(coded)?;
    if let Some(model) = model {
        model.check_dictionaries(&data).map_err(coded)?;
    }
    Ok(data)
}
