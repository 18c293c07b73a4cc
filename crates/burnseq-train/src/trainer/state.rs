//! Where a run stands: what is saved beside weights and optimiser, so that a resumed run goes on
//! as if it had never stopped.

use burnseq_data::EpochState;
use burnseq_numerics::split_mix::SplitMix64;
use serde::{Deserialize, Serialize};

use crate::log::Meters;
use crate::loss_scaler::LossScalerState;
use crate::out_of_memory::Part;
use crate::stop::PatienceState;

/// Progress of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainState {
    /// Updates done.
    pub num_updates: u64,
    /// Update at which the learning-rate schedule began; above 0 after `--reset-lr-scheduler`.
    pub schedule_start: u64,
    /// Position in the training data.
    pub data: EpochState,
    /// Updates skipped since the last one that was applied.
    #[serde(default)]
    pub skipped_in_a_row: u64,
    /// State of the loss scaler, where there is one.
    #[serde(default)]
    pub loss_scaler: Option<LossScalerState>,
    /// Sums since the last log line.
    pub interval: Meters,
    /// Sums since the beginning of the epoch.
    pub epoch: Meters,
    /// Metric that `patience` is about.
    pub best_metric: String,
    /// Best value of that metric, and validations since then.
    pub patience: PatienceState,
    /// Value of that metric at the latest validation.
    pub val_loss: Option<f64>,
    /// Seconds spent in updates.
    pub train_wall: f64,
    /// Seconds of all runs together.
    pub wall: f64,
}

/// Seed of the dropout masks of one batch: depends on the run's seed, the update and the number
/// of the batch within the update alone, so that a resumed run draws the same masks. The pieces of a batch that does
/// not fit in memory have masks of their own.
pub(super) fn dropout_seed<B>(seed: u32, num_updates: u64, part: &Part<B>) -> u64 {
    // The whole is piece 1, so that the number alone counts.
    let micro_batch = part.number as u64 ^ (part.piece - 1).rotate_right(32);
    [u64::from(seed), num_updates, micro_batch]
        .into_iter()
        .fold(0, |hash, value| SplitMix64::new(hash ^ value).next_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burnseq_data::PairBatch;
    use std::collections::HashSet;

    #[test]
    fn every_batch_of_a_run_has_its_own_masks() {
        let mut seeds = HashSet::new();
        for seed in 1..4 {
            for update in 0..100 {
                for number in 0..3 {
                    for piece in 1..4 {
                        let part = Part {
                            piece,
                            ..Part::whole(number, PairBatch::default())
                        };
                        seeds.insert(dropout_seed(seed, update, &part));
                    }
                }
            }
        }
        assert_eq!(seeds.len(), 2700);
    }
}
