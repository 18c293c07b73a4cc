//! From our checkpoints to fairseq's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use burnseq_data::EpochState;
use burnseq_interchange::fairseq::{self, Entry, Moments, Progress, Slice};
use burnseq_model::families::fairseq::is_off;
use burnseq_model::families::{Extra, ExtraValue, InFairseq};
use burnseq_model::{LanguageModel, Model, OfConfig, named_parameters, state_dict};
use burnseq_train::{
    Checkpoint, CheckpointMeta, OptimizerConfig, OptimizerState, TrainConfig, TrainState, TrainingRecord,
};
use serde_json::{Map, Value, json};

use super::import::{described, nobody};
use super::observer::{Observer, Stage, meter};
use super::{Conversion, task, training};
use crate::error::{Error, Result};
use crate::tasks::TaskConfig;
use crate::tasks::language_modeling::{self, LanguageModelingConfig};
use crate::tasks::translation::LanguagePair;

/// A parameter in memory.
type Parameter = (String, Vec<usize>, Vec<f32>);

/// Converts a checkpoint to a `.pt` file for fairseq 0.12, with the state of Adam where the checkpoint has it.
///
/// Dictionaries stay outside: fairseq reads them from the folder of its data. Loading, decoding and continued training
/// were tried with fairseq at commit 3d262bb2, loading with release 0.12.2; that release has more parameters than others
/// (copies of the encoder's, for a fast path) and needs `--reset-optimizer` to continue.
///
/// # Errors
/// A checkpoint that is damaged; a file that cannot be written.
pub fn to_fairseq(input: &Path, output: &Path) -> Result<Conversion> {
    to_fairseq_observed(input, output, &nobody())
}

/// As [`to_fairseq`], told to `observer`.
///
/// # Errors
/// As [`to_fairseq`].
pub fn to_fairseq_observed(input: &Path, output: &Path, observer: &Arc<dyn Observer>) -> Result<Conversion> {
    let checkpoint = Checkpoint::open(input)?.metered(meter(observer));
    let meta = checkpoint.meta();
    let record: Option<TrainingRecord> = match &meta.train_state {
        Value::Null => None,
        state => Some(
            serde_json::from_value(state.clone()).map_err(|error| Error::Convert {
                path: checkpoint.path().to_owned(),
                problem: format!("its training state cannot be read: {error}"),
            })?,
        ),
    };
    let described = described(&meta.model_config).map_err(|problem| Error::Convert {
        path: checkpoint.path().to_owned(),
        problem,
    })?;
    let task = task_of(meta, record.as_ref())?;
    let config = record
        .as_ref()
        .map_or_else(TrainConfig::default, |record| record.config.clone());
    // Only Adam's state has a counterpart, and it belongs to the weights themselves, not to their moving average.
    let adam = match &config.optimizer {
        OptimizerConfig::Adam(adam) if config.ema.is_none() => Some(adam),
        _ => None,
    };
    let stored = |name: &str| {
        checkpoint
            .path()
            .join(name)
            .metadata()
            .map_or(0, |file| file.len())
    };
    let moments_file = adam.map_or(0, |_| stored("optimizer.safetensors"));
    observer.stage(Stage::Reading, stored("model.safetensors") + moments_file);
    let mut parameters = match task {
        SavedTask::Translation(_) => parameters::<Model>(&checkpoint)?,
        SavedTask::LanguageModeling(_) => parameters::<LanguageModel>(&checkpoint)?,
    };
    let optimizer = match adam {
        Some(_) => checkpoint.optimizer_state()?,
        None => None,
    };
    observer.stage(Stage::Converting, 0);
    parameters.sort_by_key(|(name, ..)| described.last.contains(&name.as_str()));
    let moments = match &optimizer {
        Some(state) => Some(moments(state, &parameters, checkpoint.path())?),
        None => None,
    };

    let state = record.as_ref().map(|record| &record.state);
    let step = optimizer.as_ref().map_or(0, |optimizer| optimizer.step);
    let adaptive = has_adaptive_softmax(&described);
    let extras = Extras::new(&described.extras);
    let model = extras.among(&parameters);
    let adam = adam.zip(moments.as_ref()).map(|(adam, moments)| Moments {
        step,
        lr: lr(&config, state),
        betas: adam.betas,
        eps: adam.eps,
        weight_decay: adam.weight_decay,
        moments: numbered(&model, &described, &parameters, moments),
    });
    let contents = fairseq::Contents {
        cfg: cfg(&described, &config, &task, adaptive),
        model_is_namespace: described.in_namespace,
        model,
        progress: progress(&config, state, step, adaptive),
        adam,
    };
    let tables = if moments.is_some() { 3 } else { 1 };
    let elements: usize = parameters.iter().map(|(.., values)| values.len()).sum();
    observer.stage(Stage::Writing, 4 * tables * elements as u64);
    fairseq::save_metered(output, &contents, &meter(observer))?;
    Ok(Conversion {
        output: output.to_owned(),
        parameters: elements,
        num_updates: moments.as_ref().map(|_| contents.progress.num_updates),
        leaves_adam: false,
        notes: described.note.map(str::to_owned).into_iter().collect(),
    })
}

/// What a checkpoint was trained for.
enum SavedTask {
    Translation(LanguagePair),
    LanguageModeling(LanguageModelingConfig),
}

/// The task of a checkpoint; of a language model with how its text was cut, where that is known.
fn task_of(meta: &CheckpointMeta, record: Option<&TrainingRecord>) -> Result<SavedTask> {
    if meta.task.name != language_modeling::NAME {
        return Ok(SavedTask::Translation(LanguagePair::of(&meta.task)?));
    }
    let config = record.and_then(|record| TaskConfig::from_value(record.task.clone()).ok());
    let config = match config {
        Some(TaskConfig::LanguageModeling(config)) => config,
        _ => LanguageModelingConfig {
            add_bos_token: language_modeling::begins_with_bos(meta),
            tokens_per_sample: meta.model_config.max_positions().1,
            ..LanguageModelingConfig::default()
        },
    };
    Ok(SavedTask::LanguageModeling(config))
}

/// The parameters of a model that plays the role `M`, in its order.
fn parameters<M: OfConfig>(checkpoint: &Checkpoint) -> Result<Vec<Parameter>> {
    let model = checkpoint.model::<M>(&Device::flex())?;
    let mut weights: HashMap<String, TensorData> = state_dict(&model).into_iter().collect();
    let named = named_parameters(&model).into_iter().map(|(name, _, shape)| {
        let values = floats(weights.remove(&name).expect("the names are of the same model"));
        (name, shape, values)
    });
    Ok(named.collect())
}

/// Whether the model has an adaptive softmax, whose loss is a criterion of its own in fairseq.
fn has_adaptive_softmax(described: &InFairseq) -> bool {
    let cutoffs = described.options.get("adaptive_softmax_cutoff");
    !described.in_namespace && cutoffs.is_some_and(|cutoffs| !is_off(cutoffs))
}

/// What a state dict holds beside parameters, with values.
struct Extras<'a>(Vec<(&'a Extra, Vec<usize>, Vec<f32>)>);

impl<'a> Extras<'a> {
    fn new(extras: &'a [Extra]) -> Self {
        let value = |extra: &'a Extra| match &extra.value {
            ExtraValue::SameAs(_) => (extra, Vec::new(), Vec::new()),
            ExtraValue::Zeros(shape) => (extra, shape.clone(), vec![0.0; shape.iter().product()]),
            ExtraValue::Version { written, .. } => (extra, vec![1], vec![*written]),
        };
        Self(extras.iter().map(value).collect())
    }

    /// The state dict: parameters, and these at their places among them.
    fn among<'b>(&'b self, parameters: &'b [Parameter]) -> Vec<Entry<'b>> {
        let mut model = Vec::new();
        let mut left: Vec<_> = self.0.iter().collect();
        let mut sides = Vec::new();
        let mut add = |model: &mut Vec<Entry<'b>>, here: &dyn Fn(&Extra) -> bool| {
            left.retain(|(extra, shape, values)| {
                let is_here = here(extra);
                if is_here {
                    model.push(match &extra.value {
                        ExtraValue::SameAs(of) => Entry::SameAs(&extra.name, of),
                        _ => Entry::Tensor(&extra.name, (shape, values)),
                    });
                }
                !is_here
            });
        };
        for (name, shape, values) in parameters {
            let side = name.split('.').next().unwrap_or_default();
            if !sides.contains(&side) {
                sides.push(side);
                // A constant of the side itself, and the table of a decoder that has none of its own.
                let first = ["version", "embed_tokens.weight"].map(|last| format!("{side}.{last}"));
                add(&mut model, &|extra| first.contains(&extra.name));
            }
            add(&mut model, &|extra| extra.before.as_ref() == Some(name));
            model.push(Entry::Tensor(name, (shape, values)));
        }
        add(&mut model, &|_| true);
        model
    }
}

/// Moments of the entries of a state dict that fairseq numbers as parameters; none of those that it never trains.
fn numbered<'a>(
    model: &[Entry<'_>],
    described: &InFairseq,
    parameters: &'a [Parameter],
    moments: &'a [[Vec<f32>; 2]],
) -> Vec<Option<[Slice<'a>; 2]>> {
    let extra = |name: &str| described.extras.iter().find(|extra| extra.name == name);
    let mut numbered = Vec::new();
    for entry in model {
        let Entry::Tensor(name, _) = entry else { continue };
        match extra(name).map(|extra| &extra.value) {
            Some(ExtraValue::Zeros(_)) => numbered.push(None),
            Some(_) => {}
            None if described.frozen.contains(name) => {}
            None => {
                let found = parameters
                    .iter()
                    .zip(moments)
                    .find(|((known, ..), _)| known == name);
                let ((_, shape, _), both) = found.expect("every parameter has moments");
                numbered.push(Some(both.each_ref().map(|moment| (&shape[..], &moment[..]))));
            }
        }
    }
    numbered
}

fn floats(data: TensorData) -> Vec<f32> {
    data.try_into_vec::<f32>().expect("checkpoints are read as f32")
}

/// First and second moments of every parameter, in order.
fn moments(state: &OptimizerState, parameters: &[Parameter], path: &Path) -> Result<Vec<[Vec<f32>; 2]>> {
    let tensors: HashMap<&str, &TensorData> = state
        .tensors
        .iter()
        .map(|(name, data)| (name.as_str(), data))
        .collect();
    let moment = |name: &str, shape: &[usize], which: &str| {
        let name = format!("{name}.{which}");
        match tensors.get(name.as_str()) {
            Some(data) if data.shape().to_vec() == shape => Ok(floats((*data).clone())),
            _ => Err(Error::Convert {
                path: path.to_owned(),
                problem: format!("the state of the optimiser has no `{name}` of shape {shape:?}"),
            }),
        }
    };
    parameters
        .iter()
        .map(|(name, shape, _)| {
            Ok([
                moment(name, shape, "exp_avg")?,
                moment(name, shape, "exp_avg_sq")?,
            ])
        })
        .collect()
}

/// Learning rate of the update that comes next, which fairseq notes after an update.
fn lr(config: &TrainConfig, state: Option<&TrainState>) -> f64 {
    let schedule = config
        .lr_scheduler
        .init(&config.optimization.lr, config.stop.max_update);
    match (schedule, state) {
        (Ok(schedule), Some(state)) => schedule.lr_at(
            state.num_updates.saturating_sub(state.schedule_start),
            state.data.epoch as usize,
        ),
        _ => config.optimization.lr.last().copied().unwrap_or(0.0),
    }
}

fn progress(config: &TrainConfig, state: Option<&TrainState>, step: u64, adaptive: bool) -> Progress {
    let mut progress = Progress {
        epoch: 1,
        iterations_in_epoch: 0,
        num_updates: step,
        val_loss: None,
        best: None,
        seconds: 0.0,
        criterion: Some(training::criterion_class(&config.criterion, adaptive).to_owned()),
        optimizer: Some("FairseqAdam".to_owned()),
    };
    if let Some(state) = state {
        (progress.epoch, progress.iterations_in_epoch) = position(&state.data);
        progress.num_updates = state.num_updates;
        progress.val_loss = state.val_loss;
        progress.best = state.patience.best;
        progress.seconds = state.wall;
    }
    progress
}

/// Epoch and batches taken; the end of an epoch is the beginning of the next one for fairseq.
fn position(data: &EpochState) -> (u32, usize) {
    if data.batches > 0 && data.offset >= data.batches {
        (data.epoch + 1, 0)
    } else {
        (data.epoch, data.offset)
    }
}

/// fairseq's configuration: the sections that describe model, task and training.
fn cfg(described: &InFairseq, train: &TrainConfig, task: &SavedTask, adaptive: bool) -> Value {
    let sections = training::sections(train, adaptive);
    let mut section = described.options.clone();
    section.insert("_name".to_owned(), described.model.into());
    section.insert("arch".to_owned(), described.model.into());
    let task = match task {
        SavedTask::Translation(languages) => task::translation_section(languages, train, &section),
        SavedTask::LanguageModeling(config) => {
            task::language_modeling_section(config, train, &section["max_target_positions"])
        }
    };
    if described.in_namespace {
        // Of the options of the whole run those that models look at.
        let criterion = sections.iter().find(|(name, _)| *name == "criterion");
        let criterion = criterion.map_or(Value::Null, |(_, section)| section["_name"].clone());
        section.insert("criterion".to_owned(), criterion);
        section.insert("task".to_owned(), task["_name"].clone());
    }
    // What the model of a task has in common with it.
    for name in ["tokens_per_sample", "add_bos_token"] {
        if let (Some(value), true) = (task.get(name), section.contains_key(name)) {
            section.insert(name.to_owned(), value.clone());
        }
    }
    let mut cfg = Map::new();
    cfg.insert("_name".to_owned(), Value::Null);
    for (name, section) in sections {
        cfg.insert(name.to_owned(), section);
    }
    for (name, section) in [
        ("model", section.into()),
        ("task", task),
        (
            "scoring",
            json!({ "_name": "bleu", "pad": 1, "eos": 2, "unk": 3 }),
        ),
        ("bpe", Value::Null),
        ("tokenizer", Value::Null),
        ("simul_type", Value::Null),
    ] {
        cfg.insert(name.to_owned(), section);
    }
    Value::Object(cfg)
}
