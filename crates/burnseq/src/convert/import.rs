//! From fairseq's checkpoints, and bare weights, to ours.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, TensorData};
use burnseq_data::EpochState;
use burnseq_interchange::fairseq::{FairseqCheckpoint, Layout, Progress};
use burnseq_interchange::torch_file::Tensor;
use burnseq_model::families::{Extra, ExtraValue, InFairseq};
use burnseq_model::{
    LanguageModel, Model, ModelConfig, OfConfig, load_state_dict, named_parameters, state_dict,
};
use burnseq_train::checkpoint::{self, CheckpointContents};
use burnseq_train::{OptimizerState, TrainConfig, TrainState, TrainingRecord};

use super::dictionaries::DataSide;
use super::observer::{Observer, Stage, meter};
use super::{Conversion, Dictionaries, options, task, training};
use crate::decode::read_safetensors;
use crate::error::{Error, Result};
use crate::tasks::TaskConfig;
use crate::tasks::language_modeling::LanguageModelingConfig;

/// How a checkpoint is taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Name of the task that the checkpoint must be of; `None`: any one.
    pub task: Option<&'static str>,
    /// Source language; `None`: as the checkpoint or the data tell.
    pub source_lang: Option<String>,
    /// Target language; `None`: as the checkpoint or the data tell.
    pub target_lang: Option<String>,
    /// Take over the state of Adam and the position in the data, so that training continues.
    pub with_optimizer: bool,
    /// Take over the position in the data, for a run that goes on with a fresh optimiser; part of `with_optimizer`.
    pub with_position: bool,
    /// Options of fairseq that are taken as if they were not there.
    pub ignore: Vec<String>,
}

/// Converts a checkpoint of fairseq 0.6 to 0.12; `output` is the folder of the new checkpoint, which is replaced if it
/// is one.
///
/// # Errors
/// A file that is damaged, or asks for unknown classes; options that are not supported; dictionaries that do not fit
/// the embeddings; an optimiser that training cannot continue with; a folder that cannot be written.
pub fn from_fairseq(
    input: &Path,
    dictionaries: &Dictionaries,
    import: &ImportOptions,
    output: &Path,
) -> Result<Conversion> {
    from_fairseq_observed(input, dictionaries, import, output, &nobody())
}

/// As [`from_fairseq`], told to `observer`.
///
/// # Errors
/// As [`from_fairseq`].
pub fn from_fairseq_observed(
    input: &Path,
    dictionaries: &Dictionaries,
    import: &ImportOptions,
    output: &Path,
    observer: &Arc<dyn Observer>,
) -> Result<Conversion> {
    let file = FairseqCheckpoint::open(input)?.metered(meter(observer));
    let wrong = |problem: String| Error::Convert {
        path: input.to_owned(),
        problem,
    };
    let config =
        options::model_config(file.options(), &import.ignore, import.with_optimizer).map_err(wrong)?;
    let mut task = task::task_config(file.options()).map_err(wrong)?;
    if let Some(wanted) = import.task.filter(|wanted| *wanted != task.name()) {
        return Err(wrong(format!(
            "it was made for the task `{}`, and not for `{wanted}`\nhint: give a checkpoint of that task, or 'task' {}",
            task.name(),
            task.name()
        )));
    }
    task.set_languages([&import.source_lang, &import.target_lang]);
    let data = dictionaries.open(&task)?;
    let described = described(&config).map_err(wrong)?;
    check_versions(&file, &described.extras).map_err(wrong)?;
    let is_second = |name: &str| described.extras.iter().any(|extra| extra.name == name);
    check_dictionaries(&data, input, |name| match is_second(name) {
        true => Ok(None),
        false => Ok(file.shape(name)?),
    })?;
    config.validate(&data.vocab())?;
    let source = Source {
        file: &file,
        config: &config,
        task: &task,
        data: &data,
        described: &described,
    };
    match task {
        TaskConfig::Translation(_) => source.take_over::<Model>(import, output, observer),
        TaskConfig::LanguageModeling(_) => source.take_over::<LanguageModel>(import, output, observer),
    }
}

/// A checkpoint of fairseq, and what its options and its data say of the model.
struct Source<'a> {
    file: &'a FairseqCheckpoint,
    config: &'a ModelConfig,
    task: &'a TaskConfig,
    data: &'a DataSide,
    described: &'a InFairseq,
}

impl Source<'_> {
    /// Writes the checkpoint of a model that plays the role `M`.
    fn take_over<M: OfConfig>(
        &self,
        import: &ImportOptions,
        output: &Path,
        observer: &Arc<dyn Observer>,
    ) -> Result<Conversion> {
        let (file, data, described) = (self.file, self.data, self.described);
        let input = file.path();
        let wrong = |problem: String| Error::Convert {
            path: input.to_owned(),
            problem,
        };
        let train_config = if import.with_optimizer {
            Some(training::train_config(file.options()).map_err(wrong)?)
        } else if import.with_position {
            Some(training::batches_config(file.options()).map_err(wrong)?)
        } else {
            None
        };
        let fresh = M::init(self.config, &data.vocab(), 0, &Device::flex())?;
        let layout = layout(&fresh, described);
        let mut notes = Vec::new();
        let elements: usize = file
            .tensors()?
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        // Adam has two moments of each weight.
        let tables = if import.with_optimizer { 3 } else { 1 };
        observer.stage(Stage::Reading, 4 * tables * elements as u64);
        let weights = file.weights(&layout)?;
        let adam = match import.with_optimizer {
            true => Some(file.adam(&layout, &unknown_to_optimizers(described))?),
            false => None,
        };
        observer.stage(Stage::Converting, 0);
        let weights = untied(weights, &described.extras, input)?;
        let model = loaded(fresh, &weights, input)?;
        let mut contents = Contents::of(self.config, data, &model);
        if let Some(adam) = adam {
            let adam = adam.ok_or_else(|| {
                wrong(
                    "was saved without the state of its optimiser\nhint: convert without 'with_optimizer'"
                        .to_owned(),
                )
            })?;
            contents.optimizer = Some(OptimizerState {
                step: adam.step,
                tensors: in_module_order(&model, adam.moments, &described.frozen, input)?,
            });
        }
        if let Some(train_config) = train_config {
            let progress = file.progress()?;
            let position = self.position(&train_config, &progress, &mut notes)?;
            contents.record = Some(record(train_config, self.task, &progress, position));
        }
        if file.has_ema() {
            notes.push(
                "the moving average of the weights ('store_ema') is left out; fairseq does not decode with it"
                    .to_owned(),
            );
        }
        Ok(Conversion {
            leaves_adam: !import.with_optimizer && file.has_adam(),
            ..contents.save(output, notes, observer)?
        })
    }

    /// Where the run stands in the batches of its training data, which fairseq and we cut and shuffle alike.
    fn position(
        &self,
        config: &TrainConfig,
        progress: &Progress,
        notes: &mut Vec<String>,
    ) -> Result<EpochState> {
        let Some(mut epochs) = self.data.epochs(config, self.config.max_positions())? else {
            notes.push(format!(
                "there is no training data with the dictionaries, so the position in it is not known; training goes on at \
                 the beginning of epoch {}",
                progress.epoch
            ));
            return Ok(EpochState {
                epoch: progress.epoch,
                offset: 0,
                batches: 0,
                fingerprint: 0,
                len: 0,
            });
        };
        (1..progress.epoch).for_each(|_| epochs.advance_epoch());
        let workers = training::workers(self.file.options()).map_err(Error::Config)?;
        // Every worker takes every `workers`-th batch.
        let taken = progress.iterations_in_epoch.saturating_mul(workers);
        if taken >= epochs.len() + workers {
            notes.push(format!(
                "fairseq had taken {taken} batches of epoch {}, which has {} here: the data or its limits differ; training \
                 goes on with the next epoch",
                progress.epoch,
                epochs.len()
            ));
        }
        epochs.skip(taken.min(epochs.len()));
        Ok(epochs.state())
    }
}

/// The model of a checkpoint of fairseq.
///
/// # Errors
/// A file that is damaged, or asks for unknown classes; options that are not supported.
pub fn fairseq_model_config(input: &Path) -> Result<ModelConfig> {
    let file = FairseqCheckpoint::open(input)?;
    options::model_config(file.options(), &[], false).map_err(|problem| Error::Convert {
        path: input.to_owned(),
        problem,
    })
}

/// Converts a safetensors file under fairseq's names, which does not say what model it is.
///
/// # Errors
/// A file that is damaged or does not fit the configuration or the dictionaries; a folder that cannot be written.
pub fn from_weights(
    input: &Path,
    config: &ModelConfig,
    dictionaries: &Dictionaries,
    import: &ImportOptions,
    output: &Path,
) -> Result<Conversion> {
    from_weights_observed(input, config, dictionaries, import, output, &nobody())
}

/// As [`from_weights`], told to `observer`.
///
/// # Errors
/// As [`from_weights`].
pub fn from_weights_observed(
    input: &Path,
    config: &ModelConfig,
    dictionaries: &Dictionaries,
    import: &ImportOptions,
    output: &Path,
    observer: &Arc<dyn Observer>,
) -> Result<Conversion> {
    let is_lm = LanguageModel::check(config).is_ok();
    let mut task = if is_lm {
        TaskConfig::LanguageModeling(LanguageModelingConfig::default())
    } else {
        TaskConfig::default()
    };
    task.set_languages([&import.source_lang, &import.target_lang]);
    let data = dictionaries.open(&task)?;
    observer.stage(Stage::Reading, input.metadata().map_or(0, |file| file.len()));
    let weights = read_safetensors(input, &meter(observer))?;
    observer.stage(Stage::Converting, 0);
    check_dictionaries(&data, input, |name| {
        Ok(weights.get(name).map(|table| table.shape().to_vec()))
    })?;
    config.validate(&data.vocab())?;
    let contents = if is_lm {
        Contents::of(
            config,
            &data,
            &of_weights::<LanguageModel>(config, &data, &weights, input)?,
        )
    } else {
        Contents::of(
            config,
            &data,
            &of_weights::<Model>(config, &data, &weights, input)?,
        )
    };
    contents.save(output, Vec::new(), observer)
}

/// The model of bare weights that plays the role `M`.
fn of_weights<M: OfConfig>(
    config: &ModelConfig,
    data: &DataSide,
    weights: &HashMap<String, TensorData>,
    path: &Path,
) -> Result<M> {
    loaded(M::init(config, &data.vocab(), 0, &Device::flex())?, weights, path)
}

/// An observer of conversions that nobody follows.
pub(super) fn nobody() -> Arc<dyn Observer> {
    Arc::new(())
}

/// What a checkpoint will hold.
struct Contents<'a> {
    config: &'a ModelConfig,
    data: &'a DataSide,
    weights: Vec<(String, TensorData)>,
    record: Option<TrainingRecord>,
    optimizer: Option<OptimizerState>,
}

impl<'a> Contents<'a> {
    fn of<M: Module>(config: &'a ModelConfig, data: &'a DataSide, model: &M) -> Self {
        Self {
            config,
            data,
            weights: state_dict(model),
            record: None,
            optimizer: None,
        }
    }

    fn save(self, output: &Path, notes: Vec<String>, observer: &Arc<dyn Observer>) -> Result<Conversion> {
        let name = output.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Error::Config(format!(
                "{} is not the name of a folder to write",
                output.display()
            ))
        })?;
        let train_state = self.record.as_ref().map_or(serde_json::Value::Null, |record| {
            serde_json::to_value(record).expect("plain data is JSON")
        });
        let contents = CheckpointContents {
            model_config: self.config,
            dictionaries: &self.data.dictionaries,
            task: &self.data.task,
            train_state,
            model: &self.weights,
            raw_model: None,
            optimizer: self.optimizer.as_ref(),
            files: &self.data.files,
        };
        let moments = self.optimizer.iter().flat_map(|state| &state.tensors);
        let tensors = self.weights.iter().chain(moments);
        observer.stage(
            Stage::Writing,
            tensors.map(|(_, data)| data.as_bytes().len() as u64).sum(),
        );
        checkpoint::save_metered(folder_of(output), &[name], &contents, &meter(observer))?;
        Ok(Conversion {
            output: output.to_owned(),
            parameters: self.weights.iter().map(|(_, data)| data.num_elements()).sum(),
            num_updates: self
                .optimizer
                .and(self.record)
                .map(|record| record.state.num_updates),
            leaves_adam: false,
            notes,
        })
    }
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The model in fairseq.
///
/// # Errors
/// A model of a family that fairseq does not have.
pub(super) fn described(config: &ModelConfig) -> Result<InFairseq, String> {
    config.in_fairseq().ok_or_else(|| {
        format!(
            "{} cannot be converted: fairseq has no such model",
            config.phrase()
        )
    })
}

/// Refuses files of versions whose weights mean something else.
fn check_versions(file: &FairseqCheckpoint, extras: &[Extra]) -> Result<(), String> {
    for Extra { name, value, .. } in extras {
        let ExtraValue::Version { least, .. } = value else {
            continue;
        };
        // Any one will do.
        if *least == 0.0 {
            continue;
        }
        // What fairseq takes a file for that does not say.
        const FIRST: f32 = 1.0;
        let found = file
            .constant(name)
            .map_err(|error| error.to_string())?
            .unwrap_or(FIRST);
        if found < *least {
            return Err(format!(
                "its `{name}` is {found}, and weights mean something else before {least}\nhint: there is no equivalent; \
                 train the model anew"
            ));
        }
    }
    Ok(())
}

/// What the state dict of a model holds.
fn layout<M: Module>(model: &M, described: &InFairseq) -> Layout {
    let parameters = named_parameters(model).into_iter();
    let mut layout = Layout {
        parameters: parameters.map(|(name, ..)| name).collect(),
        ..Layout::default()
    };
    for Extra { name, value, .. } in &described.extras {
        match value {
            ExtraValue::SameAs(_) => layout.parameters.insert(name.clone()),
            ExtraValue::Zeros(_) => layout.unused.insert(name.clone()),
            ExtraValue::Version { .. } => false,
        };
    }
    layout
}

/// Entries of a state dict that fairseq's optimisers do not know, under the names of old files as well.
fn unknown_to_optimizers(described: &InFairseq) -> Vec<&str> {
    const OLD_NAMES: [(&str, &str); 1] = [("decoder.output_projection.weight", "decoder.embed_out")];
    let mut unknown = described.frozen.clone();
    for Extra { name, value, .. } in &described.extras {
        if matches!(value, ExtraValue::SameAs(_)) {
            unknown.push(name.as_str());
            unknown.extend(
                OLD_NAMES
                    .iter()
                    .filter(|(new, _)| *new == name)
                    .map(|(_, old)| *old),
            );
        }
    }
    unknown
}

/// Weights by name without second names, which must have the values of the first.
fn untied(
    weights: Vec<(String, Tensor)>,
    extras: &[Extra],
    path: &Path,
) -> Result<HashMap<String, TensorData>> {
    let mut weights: HashMap<String, Tensor> = weights.into_iter().collect();
    for Extra { name, value, .. } in extras {
        let ExtraValue::SameAs(of) = value else { continue };
        let Some(second) = weights.remove(name) else {
            continue; // old files do not repeat it
        };
        if weights.get(of) != Some(&second) {
            return Err(Error::Convert {
                path: path.to_owned(),
                problem: format!(
                    "`{name}` differs from `{of}`, though the options say that they are one table"
                ),
            });
        }
    }
    let data = |(name, tensor): (String, Tensor)| (name, TensorData::new(tensor.values, tensor.shape));
    Ok(weights.into_iter().map(data).collect())
}

/// Compares the sizes of the dictionaries with the embeddings, whose shapes `shape` gives by name.
fn check_dictionaries(
    data: &DataSide,
    path: &Path,
    shape: impl Fn(&str) -> Result<Option<Vec<usize>>>,
) -> Result<()> {
    for ((side, dictionary), info) in data.paths.iter().zip(&data.dictionaries.sides) {
        let types = info.types;
        let shape = shape(&format!("{side}.embed_tokens.weight"))?;
        let Some(rows) = shape.and_then(|shape| shape.first().copied()) else {
            continue; // shared, or missing, which is told later
        };
        if rows != types {
            return Err(Error::Dictionary {
                path: dictionary.clone(),
                problem: format!(
                    "has {types} types, specials and padding types included, but the {side} of {} has embeddings of \
                     {rows}\nhint: give the dictionaries of the data that the model was trained on",
                    path.display()
                ),
            });
        }
    }
    Ok(())
}

/// A model with these weights.
fn loaded<M: Module>(fresh: M, weights: &HashMap<String, TensorData>, path: &Path) -> Result<M> {
    load_state_dict(fresh, weights).map_err(|problem| Error::Weights {
        path: path.to_owned(),
        problem: problem.to_string(),
    })
}

/// Moments under the names of [`OptimizerState`], in the order of the model; those of `frozen` parameters are zeros.
fn in_module_order<M: Module>(
    model: &M,
    moments: Vec<(String, [Tensor; 2])>,
    frozen: &[&str],
    path: &Path,
) -> Result<Vec<(String, TensorData)>> {
    let mut moments: HashMap<String, [Tensor; 2]> = moments.into_iter().collect();
    let mut ordered = Vec::new();
    for (name, _, shape) in named_parameters(model) {
        let zeros = || Tensor {
            values: vec![0.0; shape.iter().product()],
            shape: shape.clone(),
        };
        let both = match moments.remove(&name) {
            Some(both) => both,
            None if frozen.contains(&name.as_str()) => [zeros(), zeros()],
            None => {
                return Err(Error::Convert {
                    path: path.to_owned(),
                    problem: format!("the state of the optimiser lacks `{name}`"),
                });
            }
        };
        for (state, tensor) in ["exp_avg", "exp_avg_sq"].iter().zip(both) {
            ordered.push((
                format!("{name}.{state}"),
                TensorData::new(tensor.values, tensor.shape),
            ));
        }
    }
    Ok(ordered)
}

/// What a checkpoint holds about its training; that of a language model says how its text was cut.
fn record(config: TrainConfig, task: &TaskConfig, progress: &Progress, data: EpochState) -> TrainingRecord {
    let state = TrainState {
        num_updates: progress.num_updates,
        schedule_start: 0,
        data,
        skipped_in_a_row: 0,
        loss_scaler: None,
        interval: Default::default(),
        epoch: Default::default(),
        best_metric: config.validation.best_checkpoint_metric.clone(),
        patience: burnseq_train::PatienceState {
            best: progress.best,
            without_improvement: 0, // fairseq does not save it
        },
        val_loss: progress.val_loss,
        train_wall: progress.seconds,
        wall: progress.seconds,
    };
    let task = match task {
        TaskConfig::Translation(_) => serde_json::Value::Null,
        TaskConfig::LanguageModeling(_) => serde_json::to_value(task).expect("plain data is JSON"),
    };
    TrainingRecord { config, task, state }
}
