//! Loss, perplexity and further metrics of the model on sentences it does not learn from.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_data::{Batch, BatchSettings, LanguagePairDataset, prefetch};
use burnseq_model::{Dropout, EncoderDecoder};

use crate::criterions::Criterion;
use crate::error::Result;
use crate::log::{Meters, Tally, UpdateStats};
use crate::out_of_memory::{DeviceMemory, OutOfMemory, Part};
use crate::trainer::DatasetConfig;

/// Batches that are made ahead of the device.
const AHEAD: usize = 4;

/// A named set of pairs to validate on, cut into batches.
#[derive(Debug, Clone)]
pub struct ValidSet {
    /// Name, such as `valid`.
    pub name: String,
    /// The pairs.
    pub dataset: Arc<LanguagePairDataset>,
    /// Sentence numbers of each batch.
    pub batches: Vec<Vec<usize>>,
}

impl ValidSet {
    /// Cuts a set into batches, of which the first `max_steps` are kept.
    ///
    /// # Errors
    /// A sentence that is longer than `max_positions` or does not fit a batch, unless such are left out.
    pub fn new(
        name: String,
        dataset: Arc<LanguagePairDataset>,
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

/// Metrics beside the loss that a task computes, such as BLEU by beam search.
pub trait Validator<M> {
    /// Names of the metrics.
    fn metrics(&self) -> Vec<&'static str>;

    /// Computes them on a validation set; `model` is off the autodiff device.
    ///
    /// # Errors
    /// Whatever goes wrong; the run ends with it.
    fn evaluate(&mut self, model: &M, set: &ValidSet) -> Result<ValidationMetrics, ValidatorError>;
}

/// No metric beside the loss.
#[derive(Debug, Clone, Copy, Default)]
pub struct LossOnly;

impl<M> Validator<M> for LossOnly {
    fn metrics(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn evaluate(&mut self, _model: &M, _set: &ValidSet) -> Result<ValidationMetrics, ValidatorError> {
        Ok(ValidationMetrics::default())
    }
}

/// Sums of the loss over all sentences of a set; every sentence counts, the last batch too.
///
/// `model` is off the autodiff device, on that of `memory`; `sentence_avg` makes the loss one per sentence. A batch that
/// does not fit in memory is computed in parts, and noted in `memory`.
///
/// # Errors
/// When a sentence holds a token that is not in the dictionary, or does not fit in memory.
pub fn validation_loss<M: EncoderDecoder>(
    model: &M,
    criterion: &Criterion,
    pad: usize,
    set: &ValidSet,
    memory: &mut DeviceMemory,
    sentence_avg: bool,
) -> Result<Meters> {
    let device = memory.device().clone();
    let at_once = |parts: &[Part]| -> Result<Tally, OutOfMemory> {
        let mut tally = Tally::default();
        for Part { batch, .. } in parts {
            let tensors = BatchTensors::new(batch, &device);
            let logits = model.forward(tensors.src_tokens, tensors.prev_output_tokens, &Dropout::off());
            let output = criterion.forward(logits, tensors.target, pad);
            tally.add_batch(batch);
            tally.add_losses(vec![[output.loss, output.nll_loss]])?;
            tally.add_correct(output.correct.into_iter().collect())?;
        }
        Ok(tally)
    };
    let dataset = Arc::clone(&set.dataset);
    let collate = move |indices: &[usize]| dataset.collate(indices);
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
        meters.add(&UpdateStats {
            sample_size: if sentence_avg {
                stats.nsentences
            } else {
                stats.ntokens
            },
            seconds,
            ..stats
        });
    }
    Ok(meters)
}

/// The ids of a batch on a device.
pub(crate) struct BatchTensors {
    /// `[batch, src_len]`
    pub(crate) src_tokens: Tensor<2, Int>,
    /// `[batch, tgt_len]`
    pub(crate) prev_output_tokens: Tensor<2, Int>,
    /// `[batch, tgt_len]`
    pub(crate) target: Tensor<2, Int>,
}

impl BatchTensors {
    pub(crate) fn new(batch: &Batch, device: &Device) -> Self {
        let tensor = |ids: &[i64], width: usize| {
            Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [batch.batch, width]), device)
        };
        Self {
            src_tokens: tensor(&batch.src_tokens, batch.src_len),
            prev_output_tokens: tensor(&batch.prev_output_tokens, batch.tgt_len),
            target: tensor(&batch.target, batch.tgt_len),
        }
    }
}
