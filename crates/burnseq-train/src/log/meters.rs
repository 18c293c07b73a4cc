//! Sums over updates, from which the averages of a log line are made. They are saved with every
//! checkpoint, so that the averages of a resumed run continue.

use std::f64::consts::LN_2;

use burn::tensor::Tensor;
use burnseq_data::Batch;
use serde::{Deserialize, Serialize};

use crate::criterions::Correct;
use crate::out_of_memory::OutOfMemory;
use crate::readback::Readback;

/// What one update reports.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UpdateStats {
    /// Training loss in nats, summed over what `sample_size` counts.
    pub loss: f64,
    /// Negative log-likelihood in nats, summed over the target tokens.
    pub nll_loss: f64,
    /// Target tokens, padding excluded.
    pub ntokens: usize,
    /// Source tokens, padding excluded.
    pub src_ntokens: usize,
    /// Places of both sides, padding included.
    pub places: usize,
    /// Sentences.
    pub nsentences: usize,
    /// Denominator of the gradient: target tokens, or sentences with `--sentence-avg`.
    pub sample_size: usize,
    /// Global gradient norm before clipping.
    pub gnorm: f64,
    /// Whether the gradient was clipped.
    pub clipped: bool,
    /// Target tokens that the model ranks first, of `counted` ones.
    pub n_correct: usize,
    /// Target tokens for which that was found out; 0 without `--report-accuracy`.
    pub counted: usize,
    /// Learning rate of the next update.
    pub lr: f64,
    /// Seconds the update took, waiting for its batches included.
    pub seconds: f64,
}

/// What batches add up to; their losses may still be on the way from the device.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Without losses and counts of [`Correct`].
    stats: UpdateStats,
    /// `loss` and `nll_loss` of one batch after the other.
    losses: Vec<Readback>,
    /// What [`Correct`] counts of one batch after the other.
    correct: Vec<Readback>,
}

impl Tally {
    /// Takes in the size of a batch.
    pub(crate) fn add_batch(&mut self, batch: &Batch) {
        self.stats.ntokens += batch.ntokens;
        self.stats.src_ntokens += batch.src_ntokens();
        self.stats.places += batch.places();
        self.stats.nsentences += batch.nsentences;
    }

    /// Takes in `loss` and `nll_loss` of batches, each `[1]`, which are read from their device together.
    ///
    /// # Errors
    /// When a batch did not fit in memory.
    pub(crate) fn add_losses(&mut self, losses: Vec<[Tensor<1>; 2]>) -> Result<(), OutOfMemory> {
        if !losses.is_empty() {
            let losses = Tensor::cat(losses.into_iter().flatten().collect(), 0);
            self.losses.push(Readback::start(losses)?);
        }
        Ok(())
    }

    /// Takes in how many target tokens of batches are ranked first.
    ///
    /// # Errors
    /// When a batch did not fit in memory.
    pub(crate) fn add_correct(&mut self, correct: Vec<Correct>) -> Result<(), OutOfMemory> {
        if !correct.is_empty() {
            let counts = correct
                .into_iter()
                .flat_map(|correct| [correct.n_correct, correct.total]);
            self.correct
                .push(Readback::start(Tensor::cat(counts.collect(), 0))?);
        }
        Ok(())
    }

    /// Takes in what other batches of the same update add up to.
    pub(crate) fn add_share(&mut self, share: Self) {
        self.stats.ntokens += share.stats.ntokens;
        self.stats.src_ntokens += share.stats.src_ntokens;
        self.stats.places += share.stats.places;
        self.stats.nsentences += share.stats.nsentences;
        self.losses.extend(share.losses);
        self.correct.extend(share.correct);
    }

    /// What is known without reading from the device.
    pub(crate) fn known(&self) -> &UpdateStats {
        &self.stats
    }

    /// The loss; waits for the device.
    pub(crate) fn loss(&self) -> f64 {
        let losses = self
            .losses
            .iter()
            .flat_map(|losses| losses.numbers().as_chunks().0);
        losses.map(|[loss, _nll_loss]| loss).sum()
    }

    /// The sums; waits for the device.
    pub(crate) fn read(self) -> UpdateStats {
        let mut stats = self.stats;
        for [loss, nll_loss] in self
            .losses
            .iter()
            .flat_map(|losses| losses.numbers().as_chunks().0)
        {
            stats.loss += loss;
            stats.nll_loss += nll_loss;
        }
        for [n_correct, total] in self
            .correct
            .iter()
            .flat_map(|counts| counts.numbers().as_chunks().0)
        {
            stats.n_correct += *n_correct as usize;
            stats.counted += *total as usize;
        }
        stats
    }
}

/// Sums over the updates of an interval or an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meters {
    /// Summed loss, nats.
    pub loss: f64,
    /// Summed negative log-likelihood, nats.
    pub nll_loss: f64,
    /// Target tokens.
    pub ntokens: usize,
    /// Source tokens.
    #[serde(default)]
    pub src_ntokens: usize,
    /// Places of both sides, padding included.
    #[serde(default)]
    pub places: usize,
    /// Sentences.
    pub nsentences: usize,
    /// Summed denominators of the loss.
    pub sample_size: usize,
    /// Updates.
    pub updates: usize,
    /// Summed gradient norms.
    pub gnorm: f64,
    /// Updates whose gradient was clipped.
    pub clipped: usize,
    /// Updates that were skipped because their loss or gradient was not finite; no other sum has them.
    #[serde(default)]
    pub skipped: usize,
    /// Target tokens that the model ranks first, of `counted` ones.
    #[serde(default)]
    pub n_correct: usize,
    /// Target tokens for which that was found out.
    #[serde(default)]
    pub counted: usize,
    /// Learning rate after the last update.
    pub lr: f64,
    /// Seconds spent in updates, skipped ones included.
    pub seconds: f64,
}

impl Meters {
    /// Takes in one update.
    pub fn add(&mut self, update: &UpdateStats) {
        self.loss += update.loss;
        self.nll_loss += update.nll_loss;
        self.ntokens += update.ntokens;
        self.src_ntokens += update.src_ntokens;
        self.places += update.places;
        self.nsentences += update.nsentences;
        self.sample_size += update.sample_size;
        self.updates += 1;
        self.gnorm += update.gnorm;
        self.clipped += usize::from(update.clipped);
        self.n_correct += update.n_correct;
        self.counted += update.counted;
        self.lr = update.lr;
        self.seconds += update.seconds;
    }

    /// Takes in an update that was skipped after `seconds`.
    pub fn skip(&mut self, seconds: f64) {
        self.skipped += 1;
        self.seconds += seconds;
    }

    /// Whether no update was taken in.
    pub fn is_empty(&self) -> bool {
        self.updates == 0
    }

    /// Loss in bits per target token (per sentence with `--sentence-avg`).
    pub fn loss_bits(&self) -> f64 {
        ratio(self.loss, self.sample_size as f64) / LN_2
    }

    /// Negative log-likelihood in bits per target token.
    pub fn nll_bits(&self) -> f64 {
        ratio(self.nll_loss, self.ntokens as f64) / LN_2
    }

    /// Target tokens that the model ranks first, in percent, where they were counted.
    pub fn accuracy(&self) -> Option<f64> {
        (self.counted > 0).then(|| 100.0 * ratio(self.n_correct as f64, self.counted as f64))
    }

    /// Target tokens per second.
    pub fn wps(&self) -> f64 {
        ratio(self.ntokens as f64, self.seconds)
    }

    /// Updates per second.
    pub fn ups(&self) -> f64 {
        ratio(self.updates as f64, self.seconds)
    }

    /// Target tokens per update.
    pub fn wpb(&self) -> f64 {
        ratio(self.ntokens as f64, self.updates as f64)
    }

    /// Sentences per update.
    pub fn bsz(&self) -> f64 {
        ratio(self.nsentences as f64, self.updates as f64)
    }

    /// Mean gradient norm.
    pub fn mean_gnorm(&self) -> f64 {
        ratio(self.gnorm, self.updates as f64)
    }

    /// Padding in percent of all places of the batches.
    pub fn padding_percent(&self) -> f64 {
        let padding = self.places.saturating_sub(self.ntokens + self.src_ntokens);
        100.0 * ratio(padding as f64, self.places as f64)
    }

    /// Clipped updates in percent.
    pub fn clip_percent(&self) -> f64 {
        100.0 * ratio(self.clipped as f64, self.updates as f64)
    }
}

/// `sum / count`, 0 when there is nothing to divide by.
fn ratio(sum: f64, count: f64) -> f64 {
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(loss: f64, tokens: usize, gnorm: f64) -> UpdateStats {
        UpdateStats {
            loss,
            nll_loss: loss / 2.0,
            ntokens: tokens,
            src_ntokens: tokens,
            places: 5 * tokens / 2,
            nsentences: 3,
            sample_size: tokens,
            gnorm,
            clipped: gnorm > 1.0,
            n_correct: tokens / 4,
            counted: tokens,
            lr: 1e-3,
            seconds: 0.5,
        }
    }

    #[test]
    fn averages_are_weighted_as_in_fairseq() {
        let mut meters = Meters::default();
        meters.add(&update(8.0 * LN_2, 4, 0.5));
        meters.add(&update(4.0 * LN_2, 8, 2.0));
        // 12 bits over 12 tokens.
        assert!((meters.loss_bits() - 1.0).abs() < 1e-12);
        assert!((meters.nll_bits() - 0.5).abs() < 1e-12);
        assert_eq!(
            (meters.wps(), meters.ups(), meters.wpb(), meters.bsz()),
            (12.0, 2.0, 6.0, 3.0)
        );
        assert_eq!((meters.mean_gnorm(), meters.clip_percent()), (1.25, 50.0));
        assert_eq!(meters.accuracy(), Some(25.0));
        // 24 tokens of both sides on 30 places.
        assert_eq!(meters.padding_percent(), 20.0);
    }

    #[test]
    fn a_skipped_update_only_costs_time() {
        let mut meters = Meters::default();
        meters.add(&update(8.0 * LN_2, 4, 0.5));
        let loss = meters.loss_bits();
        meters.skip(1.5);
        assert_eq!((meters.skipped, meters.updates), (1, 1));
        assert_eq!((meters.loss_bits(), meters.wps(), meters.wpb()), (loss, 2.0, 4.0));
    }

    #[test]
    fn an_empty_interval_gives_zeros_not_nan() {
        let empty = Meters::default();
        assert!(empty.is_empty());
        assert_eq!(
            (empty.loss_bits(), empty.wps(), empty.clip_percent()),
            (0.0, 0.0, 0.0)
        );
        assert_eq!(empty.accuracy(), None);
    }

    #[test]
    fn saved_meters_come_back_bit_for_bit() {
        let mut meters = Meters::default();
        meters.add(&update(0.1 + 0.2, 7, 1.0 / 3.0));
        let json = serde_json::to_string(&meters).unwrap();
        assert_eq!(serde_json::from_str::<Meters>(&json).unwrap(), meters);
    }
}
