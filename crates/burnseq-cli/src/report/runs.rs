//! Reading runs: their checkpoints and logs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use burnseq::tasks::translation::TranslationConfig;
use burnseq_model::ModelConfig;
use burnseq_report::log::Log;
use burnseq_report::{CheckpointRow, Run, config};
use burnseq_train::{Checkpoint, CheckpointMeta, TrainingRecord};
use serde_json::json;

use crate::decoding::format::thousands;

/// Endings of files that may be logs.
const LOG_ENDINGS: [&str; 4] = ["json", "jsonl", "log", "txt"];

/// A run with what is needed to open its data and to translate.
pub(super) struct Loaded {
    /// What the report shows of it.
    pub run: Run,
    /// The checkpoint that translates.
    pub translator: Option<Checkpoint>,
    /// How it was trained, where a checkpoint says.
    pub record: Option<TrainingRecord>,
    /// Its data, where a checkpoint says.
    pub task: Option<TranslationConfig>,
    /// When it was last written to.
    pub changed: Option<SystemTime>,
}

/// Reads the run at `path`, with its log at `log` where that is given; `checkpoint` is the one that is to translate. Remarks
/// go to `notes`.
///
/// # Errors
/// Nothing there, or nothing of a run; a log that is named and cannot be read; a checkpoint that is named and is not there.
pub(super) fn read(
    path: &Path,
    log: Option<&Path>,
    checkpoint: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Loaded> {
    let name = name_of(path);
    let kind = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut run = Run {
        name: name.clone(),
        place: path.display().to_string(),
        ..Run::default()
    };
    if kind.is_file() {
        if log.is_some() {
            return Err(anyhow!(
                "{} is a log already\nhint: leave out --log-file, or give the folder of the run",
                path.display()
            ));
        }
        let log = Log::read(path)?;
        note_log(&name, &log, notes);
        run.log = Some(log);
        return Ok(Loaded {
            run,
            translator: None,
            record: None,
            task: None,
            changed: kind.modified().ok(),
        });
    }
    if path.join("checkpoint.json").is_file() {
        return Err(anyhow!(
            "{} is one checkpoint, not a run\nhint: give the folder that holds it",
            path.display()
        ));
    }
    let checkpoints = checkpoints(path, &name, notes)?;
    let translator = translator(path, &checkpoints, checkpoint)?;
    let of = |checkpoint: &Checkpoint| {
        let state = checkpoint.meta().train_state.clone();
        serde_json::from_value::<TrainingRecord>(state).ok()
    };
    let record = translator.as_ref().and_then(of);
    if let Some(checkpoint) = &translator {
        describe(&mut run, checkpoint.meta(), record.as_ref());
    }
    run.checkpoints = rows(&checkpoints);
    let found = match log {
        Some(log) => Some(Log::read(log)?),
        None => find_log(path)?,
    };
    match found {
        Some(log) => {
            note_log(&name, &log, notes);
            run.log = Some(log);
        }
        None if checkpoints.is_empty() => {
            return Err(anyhow!(
                "{} holds neither checkpoints nor a log\nhint: give the folder that `train` saves to (--save-dir), or the file \
                 of --log-file",
                path.display()
            ));
        }
        None => {
            notes.push(format!(
                "{name} has no log in its folder, so its curves have one value for each checkpoint; name the log with \
                 --log-file, and train with --log-file {}",
                path.join("train.log").display()
            ));
            let subset = record
                .as_ref()
                .and_then(task_of)
                .and_then(|task| task.valid_subset.first().cloned());
            run.log = run.log_of_checkpoints(subset.as_deref().unwrap_or("valid"));
        }
    }
    let task = record.as_ref().and_then(task_of);
    let changed = changed(path, run.log.as_ref());
    Ok(Loaded {
        run,
        translator,
        record,
        task,
        changed,
    })
}

/// The last part of the path.
fn name_of(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().or(absolute.file_name());
    name.map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The data of a run.
fn task_of(record: &TrainingRecord) -> Option<TranslationConfig> {
    serde_json::from_value(record.task.clone()).ok()
}

/// Says what is unusual about a log.
fn note_log(name: &str, log: &Log, notes: &mut Vec<String>) {
    if log.is_cut {
        notes.push(format!(
            "the last line of the log of {name} is incomplete and left out: the run is going on, or was killed"
        ));
    }
    if let Some(first) = log.damaged.first() {
        notes.push(format!(
            "{} damaged lines of the log of {name} are left out, the first of them line {first}",
            log.damaged.len()
        ));
    }
    if log.replaced > 0 {
        notes.push(format!(
            "{name} went on from an earlier checkpoint: {} records of its log were written again, and the later ones are shown",
            thousands(log.replaced)
        ));
    }
}

/// The checkpoints in a folder, by name. Those that cannot be read are noted: a run that is going on replaces them.
fn checkpoints(path: &Path, name: &str, notes: &mut Vec<String>) -> Result<BTreeMap<String, Checkpoint>> {
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut found = BTreeMap::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", path.display()))?;
        let folder = entry.file_name().to_string_lossy().into_owned();
        // Hidden folders are those that are being written.
        if folder.starts_with('.') || !entry.path().join("checkpoint.json").is_file() {
            continue;
        }
        match Checkpoint::open(&entry.path()) {
            Ok(checkpoint) => {
                found.insert(folder, checkpoint);
            }
            Err(error) => {
                let error = error.to_string();
                let first = error.lines().next().unwrap_or_default();
                notes.push(format!("{folder} of {name} is left out: {first}"));
            }
        }
    }
    Ok(found)
}

/// The checkpoint that translates.
fn translator(
    path: &Path,
    checkpoints: &BTreeMap<String, Checkpoint>,
    wanted: Option<&str>,
) -> Result<Option<Checkpoint>> {
    if let Some(wanted) = wanted {
        let names: Vec<&str> = checkpoints.keys().map(String::as_str).collect();
        let found = checkpoints.get(wanted).cloned();
        return found.map(Some).ok_or_else(|| {
            anyhow!(
                "{} has no checkpoint {wanted:?} that can be read\nhint: choose one of: {}",
                path.display(),
                names.join(", ")
            )
        });
    }
    let usual = ["checkpoint_best", "checkpoint_last"].into_iter();
    let usual = usual.filter_map(|name| checkpoints.get(name)).next();
    let latest = || {
        checkpoints
            .values()
            .max_by_key(|checkpoint| position(checkpoint).map(|at| at.0))
    };
    Ok(usual.or_else(latest).cloned())
}

/// Updates, epoch, value of the metric and seconds at which a checkpoint was saved.
fn position(checkpoint: &Checkpoint) -> Option<(u64, u32, Option<f64>, f64)> {
    let state = &checkpoint.meta().train_state["state"];
    let updates = state["num_updates"].as_u64()?;
    let epoch = state["data"]["epoch"].as_u64().unwrap_or(1) as u32;
    let wall = state["wall"].as_f64().unwrap_or(0.0);
    Some((updates, epoch, state["val_loss"].as_f64(), wall))
}

/// One row for checkpoints of the same update.
fn rows(checkpoints: &BTreeMap<String, Checkpoint>) -> Vec<CheckpointRow> {
    let mut rows: BTreeMap<u64, CheckpointRow> = BTreeMap::new();
    for (name, checkpoint) in checkpoints {
        let Some((num_updates, epoch, value, wall)) = position(checkpoint) else {
            continue;
        };
        let row = rows.entry(num_updates).or_insert_with(|| CheckpointRow {
            names: Vec::new(),
            epoch,
            num_updates,
            value,
            wall,
            bytes: checkpoint.meta().files.values().map(|file| file.bytes).sum(),
        });
        row.names.push(name.clone());
    }
    rows.into_values().collect()
}

/// What a checkpoint says of its run.
fn describe(run: &mut Run, meta: &CheckpointMeta, record: Option<&TrainingRecord>) {
    let vocab = meta.dictionaries.vocab();
    let params = meta.model_config.num_params(&vocab);
    run.task = Some(meta.task.name.clone());
    run.model = Some(format!(
        "{}, {} parameters",
        family_name(&meta.model_config),
        thousands(usize::try_from(params).unwrap_or(usize::MAX))
    ));
    let mut all = json!({"model": meta.model_config, "task": meta.task});
    if let Some(record) = record {
        all["train"] = serde_json::to_value(&record.config).expect("plain data is JSON");
        if let (Some(task), Some(more)) = (all["task"].as_object_mut(), record.task.as_object()) {
            task.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        run.metric.clone_from(&record.state.best_metric);
        run.maximize = record.config.validation.maximize_best_checkpoint_metric;
    }
    run.settings = config::settings(&all);
}

/// The name of a family, as files spell it.
fn family_name(model: &ModelConfig) -> &'static str {
    model.family().name
}

/// The log in the folder of a run; none where no file is one.
///
/// # Errors
/// Several logs.
fn find_log(path: &Path) -> Result<Option<Log>> {
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let may_be_log = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        path.is_file()
            && (ending.is_some_and(|ending| LOG_ENDINGS.contains(&ending))
                || path.file_name().is_some_and(|name| name == "log"))
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(may_be_log)
        .collect();
    files.sort();
    let mut logs: Vec<Log> = files.iter().filter_map(|file| Log::read(file).ok()).collect();
    if logs.len() > 1 {
        let names: Vec<String> = logs.iter().map(|log| log.path.display().to_string()).collect();
        return Err(anyhow!(
            "{} holds {} logs: {}\nhint: say which one with --log-file",
            path.display(),
            logs.len(),
            names.join(", ")
        ));
    }
    Ok(logs.pop())
}

/// When the folder or its log was last written to.
fn changed(path: &Path, log: Option<&Log>) -> Option<SystemTime> {
    let time = |path: &Path| fs::metadata(path).ok()?.modified().ok();
    let checkpoints = fs::read_dir(path).ok()?.filter_map(|entry| {
        let meta = entry.ok()?.path().join("checkpoint.json");
        time(&meta)
    });
    let log = log.and_then(|log| time(&log.path));
    checkpoints.chain(log).max()
}

/// Names that tell runs apart: the last part of each path, or the whole path where these are the same.
pub(super) fn tell_apart(runs: &mut [Loaded]) {
    let names: Vec<String> = runs.iter().map(|loaded| loaded.run.name.clone()).collect();
    for loaded in runs {
        let same = names.iter().filter(|name| **name == loaded.run.name).count();
        if same > 1 {
            loaded.run.name.clone_from(&loaded.run.place);
        }
    }
}

/// Refuses runs of different tasks, whose losses and metrics cannot be compared.
///
/// # Errors
/// Two different tasks.
pub(super) fn check_tasks(runs: &[Loaded]) -> Result<()> {
    let known = runs
        .iter()
        .filter_map(|loaded| Some((loaded.run.name.as_str(), loaded.run.task.as_deref()?)));
    let known: Vec<(&str, &str)> = known.collect();
    for pair in known.windows(2) {
        let [(first, task), (second, other)] = [pair[0], pair[1]];
        if task != other {
            return Err(anyhow!(
                "{first} was trained for the task `{task}` and {second} for `{other}`, which cannot be compared\nhint: write a \
                 report of each"
            ));
        }
    }
    Ok(())
}

/// A time as `2026-11-30 20:14 UTC`.
pub(super) fn date(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let (days, minutes) = (seconds / 86_400, seconds / 60 % 1440);
    let (mut year, mut day) = (1970, days);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    format!(
        "{year}-{:02}-{:02} {:02}:{:02} UTC",
        month + 1,
        day + 1,
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds: u64| date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(at(1_796_069_640), "2026-11-30 20:14 UTC");
    }

    #[test]
    fn runs_of_different_tasks_are_refused_in_one_line() {
        let loaded = |name: &str, task: Option<&str>| Loaded {
            run: Run {
                name: name.to_owned(),
                task: task.map(str::to_owned),
                ..Run::default()
            },
            translator: None,
            record: None,
            task: None,
            changed: None,
        };
        let translation = || loaded("a", Some("translation"));
        check_tasks(&[
            translation(),
            loaded("log", None),
            loaded("b", Some("translation")),
        ])
        .unwrap();
        let error = check_tasks(&[
            translation(),
            loaded("log", None),
            loaded("c", Some("language_modeling")),
        ]);
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("a was trained for the task `translation` and c for `language_modeling`"),
            "{error}"
        );
    }
}
