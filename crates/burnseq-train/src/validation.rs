//! Loss, perplexity and further metrics of the model on sentences it does not learn from.

use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burnseq_data::{BatchSettings, Dataset, prefetch};
use burnseq_model::Dropout;

use crate::criterions::{Criterion, PassContext};
use crate::error::{Error, Result};
use crate::log::{Meters, Tally, UpdateStats, ValidRecord};
use crate::out_of_memory::{DeviceMemory, OutOfMemory, Part};
use crate::trainer::{DatasetConfig, Event, Observer};

/// Batches that are made ahead of the device.
const AHEAD: usize = 4;

/// Validation sets are not drawn anew: their batches are those of the data as it is stored.
const AS_STORED: u32 = 0;

/// A named set of examples to validate on, cut into batches.
#[derive(Debug)]
pub struct ValidSet<D> {
    /// Name, such as `valid`.
    pub name: String,
    /// The examples.
    pub dataset: Arc<D>,
    /// Numbers of the examples of each batch.
    pub batches: Vec<Vec<usize>>,
}

impl<D: Dataset> ValidSet<D> {
    /// Cuts a set into batches, of which the first `max_steps` are kept.
    ///
    /// # Errors
    /// A sentence that is longer than `max_positions` or does not fit a batch, unless such are left out.
    pub fn new(
        name: String,
        dataset: Arc<D>,
        config: &DatasetConfig,
        max_steps: Option<usize>,
        max_positions: (usize, usize),
    ) -> Result<Self> {
        let settings = BatchSettings {
            limits: config.limits_valid(),
            max_positions,
            skip_too_long: config.skip_invalid_size_inputs_valid_test,
            seed: None,
        };
        let mut plan = dataset
            .plan(&settings)
            .map_err(burnseq_data::Error::of_validation)?;
        plan.batches.truncate(max_steps.unwrap_or(usize::MAX));
        Ok(Self {
            name,
            dataset,
            batches: plan.batches,
        })
    }
}

/// A translation of a validation sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Number of the sentence in its set.
    pub id: usize,
    /// What the model says.
    pub hypothesis: String,
    /// What the data says.
    pub reference: String,
}

/// What a [`Validator`] finds out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValidationMetrics {
    /// Names and values, such as `bleu`.
    pub values: Vec<(String, f64)>,
    /// Translations to show.
    pub samples: Vec<Sample>,
    /// What else there is to say to the user.
    pub notes: Vec<String>,
}

/// Error of a [`Validator`].
pub type ValidatorError = Box<dyn std::error::Error + Send + Sync>;

/// Metrics beside those of the criterion that a task computes, such as BLEU by beam search.
pub trait Validator<M, D> {
    /// Names of the metrics.
    fn metrics(&self) -> Vec<&'static str>;

    /// Computes them on a validation set; `model` is off the autodiff device.
    ///
    /// # Errors
    /// Whatever goes wrong; the run ends with it.
    fn evaluate(&mut self, model: &M, set: &ValidSet<D>) -> Result<ValidationMetrics, ValidatorError>;
}

/// No metric beside those of the criterion.
#[derive(Debug, Clone, Copy, Default)]
pub struct LossOnly;

impl<M, D> Validator<M, D> for LossOnly {
    fn metrics(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn evaluate(&mut self, _model: &M, _set: &ValidSet<D>) -> Result<ValidationMetrics, ValidatorError> {
        Ok(ValidationMetrics::default())
    }
}

/// What a model is trained for, and judged by.
pub struct Objective<M, D: Dataset> {
    /// What is minimised.
    pub criterion: Arc<dyn Criterion<M, D::Batch>>,
    /// What is measured beside it.
    pub validator: Box<dyn Validator<M, D>>,
}

impl<M: Module, D: Dataset> Objective<M, D> {
    /// Computes all metrics on a validation set, and tells what there is to tell but the record itself. `model` is off the
    /// autodiff device, on that of `memory`; `epoch` and `num_updates` say how far its training has come.
    ///
    /// # Errors
    /// When a sentence holds a token that is not in the dictionary, or does not fit in memory; those of the validator.
    pub fn validate(
        &mut self,
        model: &M,
        set: &ValidSet<D>,
        memory: &mut DeviceMemory,
        (epoch, num_updates): (u32, u64),
        observe: Observer<'_>,
    ) -> Result<ValidRecord> {
        observe(Event::Validating { subset: &set.name });
        let meters = validation_sums(model, &*self.criterion, set, memory)?;
        for note in memory.take_notes() {
            observe(Event::Note(&note));
        }
        let found = self.validator.evaluate(model, set).map_err(Error::Validator)?;
        for note in &found.notes {
            observe(Event::Note(note));
        }
        for sample in &found.samples {
            observe(Event::Sample(sample));
        }
        Ok(ValidRecord {
            epoch,
            subset: set.name.clone(),
            num_updates,
            measures: self.criterion.measures(&meters),
            meters,
            metrics: found.values,
            best: None,
        })
    }
}

/// Sums of the criterion over all examples of a set; every one counts, the last batch too.
///
/// `model` is off the autodiff device, on that of `memory`. A batch that does not fit in memory is computed in parts, and
/// noted in `memory`.
///
/// # Errors
/// When a sentence holds a token that is not in the dictionary, or does not fit in memory.
pub fn validation_sums<M: Module, D: Dataset>(
    model: &M,
    criterion: &dyn Criterion<M, D::Batch>,
    set: &ValidSet<D>,
    memory: &mut DeviceMemory,
) -> Result<Meters> {
    let device = memory.device().clone();
    let dropout = Dropout::off();
    let pass = PassContext {
        dropout: &dropout,
        device: &device,
    };
    let at_once = |parts: &[Part<D::Batch>]| -> Result<Tally, OutOfMemory> {
        let mut tally = Tally::default();
        for Part { batch, .. } in parts {
            let output = criterion.forward(model, batch, pass);
            tally.add_batch(batch, output.sample_size);
            tally.add_sums(vec![(output.loss, output.sums)])?;
        }
        Ok(tally)
    };
    let dataset = Arc::clone(&set.dataset);
    let collate = move |indices: &[usize]| dataset.collate(indices, AS_STORED);
    let mut batches = prefetch(collate, set.batches.clone(), AHEAD);
    let started = Instant::now();
    let mut tallies = Vec::with_capacity(set.batches.len());
    while let Some(batch) = batches.next().transpose()? {
        let mut tally = Tally::default();
        memory.compute(model, vec![Part::whole(0, batch)], at_once, |part| {
            tally.add_share(part);
        })?;
        tallies.push(tally);
    }
    // Read last, so that a device is waited for once.
    let tallies: Vec<UpdateStats> = tallies.into_iter().map(Tally::read).collect();
    let seconds = started.elapsed().as_secs_f64() / tallies.len().max(1) as f64;
    let mut meters = Meters::default();
    for stats in tallies {
        meters.add(&UpdateStats { seconds, ..stats });
    }
    Ok(meters)
}
