//! Averages of checkpoints, which often translate better than each of them.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    path::PathBuf,
};

use burn::tensor::TensorData;
use serde_json::Value;

use super::{
    Checkpoint, CheckpointContents, MODEL_FILE, OPTIMIZER_FILE, RAW_FILE, compare, folder,
    names::{self, Kind},
    refusal, save,
};
use crate::{Error, Result, TrainingRecord};

/// Which checkpoints of a save folder to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The latest `checkpointN`, of those up to an epoch.
    Epochs {
        /// How many.
        count: usize,
        /// Last epoch.
        upper_bound: Option<u64>,
    },
    /// The latest `checkpoint_E_U`, of those up to an update.
    Updates {
        /// How many.
        count: usize,
        /// Last update.
        upper_bound: Option<u64>,
    },
    /// The best of all that were validated, by the metric that the run was judged by, in its direction (fairseq
    /// takes those of the lowest value, also where the highest is best).
    Best {
        /// How many.
        count: usize,
    },
}

/// Whether a folder holds checkpoints of a run, rather than being one.
pub fn is_run(path: &Path) -> bool {
    !path.join(super::META_FILE).is_file() && kinds(path).is_ok_and(|kinds| !kinds.is_empty())
}

/// The checkpoints of a save folder, in no order.
fn kinds(save_dir: &Path) -> Result<Vec<(Kind, PathBuf)>> {
    let mut kinds = Vec::new();
    for name in folder::list(save_dir)? {
        if let Some(kind) = names::parse(&name)
            && save_dir.join(&name).join(super::META_FILE).is_file()
        {
            kinds.push((kind, save_dir.join(name)));
        }
    }
    Ok(kinds)
}

/// The latest `checkpointN`, of which at most `count`; where there is none, the latest `checkpoint_E_U`.
///
/// # Errors
/// As [`select`].
pub fn select_latest(save_dir: &Path, count: usize) -> Result<Vec<PathBuf>> {
    let kinds = kinds(save_dir)?;
    let of = |is_kind: fn(&Kind) -> bool| kinds.iter().filter(|(kind, _)| is_kind(kind)).count();
    let epochs = of(|kind| matches!(kind, Kind::Epoch(_)));
    let updates = of(|kind| matches!(kind, Kind::Updates(_)));
    let selection = if epochs > 0 || updates == 0 {
        Selection::Epochs {
            count: count.min(epochs).max(1),
            upper_bound: None,
        }
    } else {
        Selection::Updates {
            count: count.min(updates),
            upper_bound: None,
        }
    };
    select(save_dir, selection)
}

/// Chooses checkpoints of `save_dir`, the latest or the best first.
///
/// # Errors
/// A folder that cannot be read, or that holds fewer checkpoints of this kind; checkpoints that were judged by
/// different metrics.
pub fn select(save_dir: &Path, selection: Selection) -> Result<Vec<PathBuf>> {
    let kinds = kinds(save_dir)?;
    let (count, what, source, found) = match selection {
        Selection::Epochs { count, upper_bound } => {
            let number = |kind: &Kind| match kind {
                Kind::Epoch(epoch) => Some(*epoch as u64),
                _ => None,
            };
            let source = "`train` writes them unless 'no_epoch_checkpoints' is given";
            (count, "checkpointN", source, latest(kinds, number, upper_bound))
        }
        Selection::Updates { count, upper_bound } => {
            let number = |kind: &Kind| match kind {
                Kind::Updates(updates) => Some(*updates),
                _ => None,
            };
            let source = "`train` writes them with 'save_interval_updates'";
            (
                count,
                "checkpoint_E_U",
                source,
                latest(kinds, number, upper_bound),
            )
        }
        Selection::Best { count } => {
            let source =
                "`train` judges checkpointN and checkpoint_E_U where it validates before it writes them";
            (count, "validated checkpoints", source, best(kinds)?)
        }
    };
    if found.len() < count || count == 0 {
        let hint = match found.len() {
            0 => source.to_owned(),
            most => format!("ask for 1 to {most}"),
        };
        return Err(Error::Config(format!(
            "{} holds {} {what}, {count} were asked for\nhint: {hint}",
            save_dir.display(),
            found.len()
        )));
    }
    Ok(found.into_iter().take(count).collect())
}

/// Paths by falling number.
fn latest(
    kinds: Vec<(Kind, PathBuf)>,
    number: impl Fn(&Kind) -> Option<u64>,
    upper_bound: Option<u64>,
) -> Vec<PathBuf> {
    let mut found: Vec<(u64, PathBuf)> = kinds
        .into_iter()
        .filter_map(|(kind, path)| Some((number(&kind)?, path)))
        .filter(|(number, _)| upper_bound.is_none_or(|bound| *number <= bound))
        .collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found.into_iter().map(|(_, path)| path).collect()
}

/// Paths from the best to the worst; of the names of one state, one.
fn best(kinds: Vec<(Kind, PathBuf)>) -> Result<Vec<PathBuf>> {
    let mut found: Vec<(f64, u64, PathBuf)> = Vec::new();
    let mut judged_by: Option<(String, bool, PathBuf)> = None;
    for (_, path) in kinds {
        let checkpoint = Checkpoint::open(&path)?;
        let train_state = checkpoint.meta().train_state.clone();
        let Ok(TrainingRecord { config, state, .. }) = serde_json::from_value(train_state) else {
            continue;
        };
        let (Some(value), false) = (
            state.val_loss,
            found.iter().any(|(_, updates, _)| *updates == state.num_updates),
        ) else {
            continue;
        };
        let maximize = config.validation.maximize_best_checkpoint_metric;
        match &judged_by {
            None => judged_by = Some((state.best_metric, maximize, path.clone())),
            Some((metric, direction, other)) => {
                if (metric, *direction) != (&state.best_metric, maximize) {
                    return Err(refusal(
                        &path,
                        format!(
                            "was judged by {}, {} by {metric}",
                            state.best_metric,
                            other.display()
                        ),
                    ));
                }
            }
        }
        let value = if maximize { -value } else { value };
        found.push((value, state.num_updates, path));
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(found.into_iter().map(|(_, _, path)| path).collect())
}

/// Writes the mean of the weights of some checkpoints as a new one, which translates, and from which training can
/// start, but which has no state of the optimiser. Everything else is as in the one with the most updates.
///
/// # Errors
/// No checkpoint; one that is damaged, or holds a weight that is not finite; one of another model or other dictionaries;
/// an output that exists already, unless it is a checkpoint that may be replaced.
pub fn average(inputs: &[PathBuf], output: &Path, overwrite: bool) -> Result<()> {
    let written = output.with_extension(""); // fairseq's `avg.pt` is our folder `avg`
    let output = if output.extension().is_some_and(|extension| extension == "pt") {
        written.as_path()
    } else {
        output
    };
    if fs::symlink_metadata(output).is_ok() && !(overwrite && output.join(super::META_FILE).is_file()) {
        let hint = if output.join(super::META_FILE).is_file() {
            "choose another name, or replace it with 'overwrite'"
        } else {
            "choose another name, or move it away"
        };
        return Err(refusal(output, format!("is there already\nhint: {hint}")));
    }
    let checkpoints: Vec<Checkpoint> = inputs
        .iter()
        .map(|path| Checkpoint::open(path))
        .collect::<Result<_>>()?;
    let Some((first, others)) = checkpoints.split_first() else {
        return Err(Error::Config("no checkpoint was named to average".to_owned()));
    };
    others.iter().try_for_each(|other| check_alike(first, other))?;

    let mut sums: Vec<(String, Vec<usize>, Vec<f64>)> = Vec::new();
    for (name, data) in first.ordered_finite_tensors(MODEL_FILE)? {
        let values = data.as_slice::<f32>().expect("read as f32");
        let sum = values.iter().map(|&value| f64::from(value)).collect();
        sums.push((name, data.shape().to_vec(), sum));
    }
    for checkpoint in others {
        let mut tensors: HashMap<String, TensorData> = checkpoint.model_tensors()?;
        for (name, shape, sum) in &mut sums {
            let data = tensors
                .remove(name.as_str())
                .filter(|data| data.shape().to_vec() == *shape);
            let Some(data) = data else {
                return Err(refusal(
                    &checkpoint.path().join(MODEL_FILE),
                    format!(
                        "has no `{name}` of shape {shape:?}, which {} has",
                        first.path().display()
                    ),
                ));
            };
            let values = data.as_slice::<f32>().expect("read as f32");
            for (sum, &value) in sum.iter_mut().zip(values) {
                *sum += f64::from(value);
            }
        }
    }
    let count = checkpoints.len() as f64;
    let mean = |sum: Vec<f64>| {
        sum.into_iter()
            .map(|sum| (sum / count) as f32)
            .collect::<Vec<f32>>()
    };
    let model: Vec<(String, TensorData)> = sums
        .into_iter()
        .map(|(name, shape, sum)| (name, TensorData::new(mean(sum), shape)))
        .collect();
    write(&checkpoints, &model, output)
}

fn write(checkpoints: &[Checkpoint], model: &[(String, TensorData)], output: &Path) -> Result<()> {
    let updates = |checkpoint: &&Checkpoint| {
        let state = &checkpoint.meta().train_state;
        state.pointer("/state/num_updates").and_then(Value::as_u64)
    };
    let newest = checkpoints.iter().max_by_key(updates).expect("there is one");
    let meta = newest.meta();
    let mut train_state = meta.train_state.clone();
    if let Some(val_loss) = train_state.pointer_mut("/state/val_loss") {
        *val_loss = Value::Null; // it was another model that was validated
    }
    let mut files = Vec::new();
    for name in newest.file_names().filter(|name| !is_tensors(name)) {
        files.push((name.to_owned(), newest.file(name)?));
    }
    let contents = CheckpointContents {
        model_config: &meta.model_config,
        task: &meta.task,
        dictionaries: &meta.dictionaries,
        train_state,
        model,
        raw_model: None,
        optimizer: None,
        files: &files,
    };
    let name = output.file_name().and_then(|name| name.to_str());
    let Some(name) = name else {
        return Err(refusal(output, "is not a name for a checkpoint".to_owned()));
    };
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    save(folder.unwrap_or(Path::new(".")), &[name], &contents)
}

fn is_tensors(name: &str) -> bool {
    [MODEL_FILE, RAW_FILE, OPTIMIZER_FILE].contains(&name)
}

/// Refuses checkpoints of different models, dictionaries or text settings.
fn check_alike(first: &Checkpoint, other: &Checkpoint) -> Result<()> {
    let (ours, theirs) = (first.meta(), other.meta());
    let mut different = compare::differences(&ours.model_config, &theirs.model_config);
    let (our_vocab, their_vocab) = (ours.dictionaries.vocab(), theirs.dictionaries.vocab());
    if our_vocab != their_vocab {
        different.push(format!(
            "dictionaries of {} and {} types there, {} and {} here",
            our_vocab.src, our_vocab.tgt, their_vocab.src, their_vocab.tgt
        ));
    }
    if ours.task.name != theirs.task.name {
        different.push("another task".to_owned());
    } else if ours.task != theirs.task {
        different.push("other languages".to_owned());
    }
    let (ours, theirs) = (text_of(first)?, text_of(other)?);
    for name in ours
        .keys()
        .chain(theirs.keys().filter(|name| !ours.contains_key(*name)))
    {
        if ours.get(name) != theirs.get(name) {
            different.push(format!("another {name}"));
        }
    }
    if different.is_empty() {
        return Ok(());
    }
    Err(refusal(
        other.path(),
        format!(
            "cannot be averaged with {}: {}",
            first.path().display(),
            different.join(", ")
        ),
    ))
}

/// What becomes of text: dictionaries, and settings in which the files that they name stand by their content, so that the
/// names of these files do not matter.
fn text_of(checkpoint: &Checkpoint) -> Result<BTreeMap<String, Value>> {
    let files = &checkpoint.meta().files;
    let mut text = BTreeMap::new();
    let mut named = Vec::new();
    for (name, info) in files.iter().filter(|(name, _)| !is_tensors(name)) {
        let mut content = Value::from(info.sha256.clone());
        if name.starts_with("text.")
            && name.ends_with(".json")
            && let Ok(settings) = serde_json::from_slice(&checkpoint.file(name)?)
        {
            content = settings;
            replace_strings(&mut content, &mut |string| {
                let file = files.get(string)?;
                named.push(string.to_owned());
                Some(file.sha256.clone())
            });
        }
        text.insert(name.clone(), content);
    }
    text.retain(|name, _| !named.contains(name));
    Ok(text)
}

/// Replaces the strings within a value.
fn replace_strings(value: &mut Value, replacement: &mut impl FnMut(&str) -> Option<String>) {
    match value {
        Value::String(string) => {
            if let Some(new) = replacement(string) {
                *string = new;
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| replace_strings(value, replacement)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| replace_strings(value, replacement)),
        _ => {}
    }
}
