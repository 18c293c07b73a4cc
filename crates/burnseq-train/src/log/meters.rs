//! Sums over updates, from which the averages of a log line are made. They are saved with every
//! checkpoint, so that the averages of a resumed run continue.

use burn::tensor::Tensor;
use burnseq_data::Batch;
use serde::{Deserialize, Serialize};

use super::NamedSums;
use crate::criterions::{BatchSums, LOSS};
use crate::out_of_memory::OutOfMemory;
use crate::readback::Readback;

/// What one update reports.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UpdateStats {
    /// Sums of the criterion, `loss` among them.
    pub sums: NamedSums,
    /// Target tokens, padding excluded.
    pub ntokens: usize,
    /// Source tokens, padding excluded.
    pub src_ntokens: usize,
    /// Places of both sides, padding included.
    pub places: usize,
    /// Sentences.
    pub nsentences: usize,
    /// Denominator of the gradient, as the criterion says.
    pub sample_size: usize,
    /// Global gradient norm before clipping.
    pub gnorm: f64,
    /// Whether the gradient was clipped.
    pub clipped: bool,
    /// Learning rate of the next update.
    pub lr: f64,
    /// Seconds the update took, waiting for its batches included.
    pub seconds: f64,
}

/// What batches add up to; their sums may still be on the way from the device.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Without the sums of the criterion.
    stats: UpdateStats,
    /// Sums of some batches, one after the other.
    sums: Vec<Reading>,
}

/// Numbers that are read from a device together, and their names.
#[derive(Debug)]
struct Reading {
    names: Vec<&'static str>,
    numbers: Readback,
}

impl Reading {
    fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.names
            .iter()
            .copied()
            .zip(self.numbers.numbers().iter().copied())
    }
}

impl Tally {
    /// Takes in the size of a batch; its gradient is divided by `sample_size`.
    pub(crate) fn add_batch(&mut self, batch: &impl Batch, sample_size: usize) {
        self.stats.ntokens += batch.ntokens();
        self.stats.src_ntokens += batch.src_ntokens();
        self.stats.places += batch.places();
        self.stats.nsentences += batch.nsentences();
        self.stats.sample_size += sample_size;
    }

    /// Takes in the losses `[1]` and further sums of batches, which are read from their device together.
    ///
    /// # Errors
    /// When a batch did not fit in memory.
    pub(crate) fn add_sums(&mut self, sums: Vec<(Tensor<1>, BatchSums)>) -> Result<(), OutOfMemory> {
        let (mut values, mut counts) = (Vec::new(), Vec::new());
        for (loss, sums) in sums {
            values.push((LOSS, loss));
            values.extend(sums.values);
            counts.extend(sums.counts);
        }
        if !values.is_empty() {
            let (names, values) = values.into_iter().unzip();
            self.sums.push(Reading {
                names,
                numbers: Readback::start(Tensor::cat(values, 0))?,
            });
        }
        if !counts.is_empty() {
            let (names, counts) = counts.into_iter().unzip();
            self.sums.push(Reading {
                names,
                numbers: Readback::start(Tensor::cat(counts, 0))?,
            });
        }
        Ok(())
    }

    /// Takes in what other batches of the same update add up to.
    pub(crate) fn add_share(&mut self, share: Self) {
        self.stats.ntokens += share.stats.ntokens;
        self.stats.src_ntokens += share.stats.src_ntokens;
        self.stats.places += share.stats.places;
        self.stats.nsentences += share.stats.nsentences;
        self.stats.sample_size += share.stats.sample_size;
        self.sums.extend(share.sums);
    }

    /// What is known without reading from the device.
    pub(crate) fn known(&self) -> &UpdateStats {
        &self.stats
    }

    /// The loss; waits for the device.
    pub(crate) fn loss(&self) -> f64 {
        let sums = self.sums.iter().flat_map(Reading::iter);
        sums.filter(|(name, _)| *name == LOSS).map(|(_, loss)| loss).sum()
    }

    /// The sums; waits for the device.
    pub(crate) fn read(self) -> UpdateStats {
        let mut stats = self.stats;
        for (name, value) in self.sums.iter().flat_map(Reading::iter) {
            stats.sums.add(name, value);
        }
        stats
    }
}

/// Sums over the updates of an interval or an epoch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Meters {
    /// Sums of the criterion, `loss` among them.
    #[serde(flatten)]
    pub sums: NamedSums,
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
    /// Learning rate after the last update.
    pub lr: f64,
    /// Seconds spent in updates, skipped ones included.
    pub seconds: f64,
}

impl Meters {
    /// Takes in one update.
    pub fn add(&mut self, update: &UpdateStats) {
        self.sums.add_all(&update.sums);
        self.ntokens += update.ntokens;
        self.src_ntokens += update.src_ntokens;
        self.places += update.places;
        self.nsentences += update.nsentences;
        self.sample_size += update.sample_size;
        self.updates += 1;
        self.gnorm += update.gnorm;
        self.clipped += usize::from(update.clipped);
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

    /// The sum of that name, divided by the denominators of the gradient.
    pub fn per_sample(&self, sum: &str) -> f64 {
        ratio(self.sums.get(sum), self.sample_size as f64)
    }

    /// The sum of that name per target token.
    pub fn per_token(&self, sum: &str) -> f64 {
        ratio(self.sums.get(sum), self.ntokens as f64)
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
            sums: [(LOSS, loss), ("nll_loss", loss / 2.0)].into(),
            ntokens: tokens,
            src_ntokens: tokens,
            places: 5 * tokens / 2,
            nsentences: 3,
            sample_size: tokens,
            gnorm,
            clipped: gnorm > 1.0,
            lr: 1e-3,
            seconds: 0.5,
        }
    }

    #[test]
    fn averages_are_weighted_as_in_fairseq() {
        let mut meters = Meters::default();
        meters.add(&update(8.0, 4, 0.5));
        meters.add(&update(4.0, 8, 2.0));
        // 12 nats over 12 tokens.
        assert_eq!(
            (meters.per_sample(LOSS), meters.per_token("nll_loss")),
            (1.0, 0.5)
        );
        assert_eq!(
            (meters.wps(), meters.ups(), meters.wpb(), meters.bsz()),
            (12.0, 2.0, 6.0, 3.0)
        );
        assert_eq!((meters.mean_gnorm(), meters.clip_percent()), (1.25, 50.0));
        // 24 tokens of both sides on 30 places.
        assert_eq!(meters.padding_percent(), 20.0);
    }

    #[test]
    fn a_skipped_update_only_costs_time() {
        let mut meters = Meters::default();
        meters.add(&update(8.0, 4, 0.5));
        let loss = meters.per_sample(LOSS);
        meters.skip(1.5);
        assert_eq!((meters.skipped, meters.updates), (1, 1));
        assert_eq!(
            (meters.per_sample(LOSS), meters.wps(), meters.wpb()),
            (loss, 2.0, 4.0)
        );
    }

    #[test]
    fn an_empty_interval_gives_zeros_not_nan() {
        let empty = Meters::default();
        assert!(empty.is_empty());
        assert_eq!(
            (empty.per_sample(LOSS), empty.wps(), empty.clip_percent()),
            (0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn saved_meters_come_back_bit_for_bit() {
        let mut meters = Meters::default();
        meters.add(&update(0.1 + 0.2, 7, 1.0 / 3.0));
        let json = serde_json::to_string(&meters).unwrap();
        assert_eq!(serde_json::from_str::<Meters>(&json).unwrap(), meters);
    }

    #[test]
    fn sums_are_saved_under_their_own_names_beside_the_counts() {
        let mut meters = Meters::default();
        meters.add(&update(3.0, 4, 0.5));
        meters.sums.add("masked", 2.0);
        let json = serde_json::to_value(&meters).unwrap();
        assert_eq!(
            (&json["loss"], &json["nll_loss"], &json["masked"]),
            (&3.0.into(), &1.5.into(), &2.0.into())
        );
        // As format 1 saved them.
        let old = r#"{"loss": 3.0, "nll_loss": 1.5, "ntokens": 4, "nsentences": 3, "sample_size": 4, "updates": 1,
            "gnorm": 0.5, "clipped": 0, "n_correct": 1, "counted": 4, "lr": 0.001, "seconds": 0.5}"#;
        let old: Meters = serde_json::from_str(old).unwrap();
        assert_eq!(
            (old.sums.get("n_correct"), old.sums.get("loss"), old.places),
            (1.0, 3.0, 0)
        );
    }
}
