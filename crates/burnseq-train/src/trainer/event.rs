//! What a run tells its caller while it goes on. The library itself prints nothing.

use std::path::Path;

use crate::log::{TrainRecord, ValidRecord};
use crate::stop::{StopReason, StopRule};
use crate::validation::Sample;

/// Something worth telling.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins or goes on.
    Start(&'a RunSummary),
    /// A remark, such as how many sentences were left out.
    Note(&'a str),
    /// An update is done; for progress bars. The record covers the epoch so far.
    Update(&'a TrainRecord),
    /// An interval of [`crate::TrainConfig::log_interval`] updates is done.
    Interval(&'a TrainRecord),
    /// An epoch is done.
    Epoch(&'a TrainRecord),
    /// A validation begins.
    Validating {
        /// Name of the validation set.
        subset: &'a str,
    },
    /// A validation is done.
    Valid(&'a ValidRecord),
    /// A translation of a validation sentence.
    Sample(&'a Sample),
    /// Checkpoints were written, all with the same content.
    Saved {
        /// Folder of the checkpoints.
        dir: &'a Path,
        /// Their names.
        names: &'a [String],
        /// Seconds it took.
        seconds: f64,
    },
    /// The run is over.
    Stop(StopReason),
}

/// What is known when a run begins.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Parameters of the model; tied ones once.
    pub params: usize,
    /// Training sentences, those left out excluded.
    pub sentences: usize,
    /// Training sentences that were left out because they are too long.
    pub dropped: usize,
    /// Batches per epoch.
    pub batches: usize,
    /// Updates in the epoch at hand.
    pub updates_per_epoch: usize,
    /// Batches per update and replica in the epoch at hand.
    pub update_freq: usize,
    /// Replicas of the model.
    pub replicas: usize,
    /// Mean source tokens per update, padding excluded.
    pub src_tokens_per_update: f64,
    /// Mean target tokens per update, padding excluded.
    pub tgt_tokens_per_update: f64,
    /// Mean sentences per update.
    pub sentences_per_update: f64,
    /// Share of padding in the batches, both sides, in `[0, 1)`.
    pub padding_share: f64,
    /// Different shapes of the batches of the epoch at hand.
    pub batch_shapes: usize,
    /// When the run ends.
    pub stop: StopRule,
    /// The last update, when epochs or updates are limited.
    pub last_update: Option<u64>,
    /// Updates done by earlier runs.
    pub num_updates: u64,
    /// The epoch at hand, counted from 1.
    pub epoch: u32,
}
