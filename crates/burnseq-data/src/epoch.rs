//! Going through fixed batches epoch after epoch, in an order that the seed and the epoch number
//! alone decide, so that a run can resume at the exact batch.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::mt19937::Mt19937;

/// How epochs are ordered and shared among workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochOptions {
    /// The order of epoch `e` is that of numpy's generator for `seed + e`.
    pub seed: u32,
    /// Whether batches are shuffled; validation and generation keep them in place.
    pub shuffle: bool,
    /// Epochs before the first that is shuffled: their batches go from short to long sentences.
    pub curriculum: u32,
    /// Number of workers that share an epoch.
    pub num_shards: usize,
    /// 0-based number of this worker; it takes every `num_shards`-th batch.
    pub shard_id: usize,
}

impl Default for EpochOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            shuffle: true,
            curriculum: 0,
            num_shards: 1,
            shard_id: 0,
        }
    }
}

/// A position in the data, saved with every checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochState {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Batches of this epoch that this worker has taken.
    pub offset: usize,
    /// Number of batches over all workers and epochs.
    pub batches: usize,
    /// Hash of which sentences are in which batch.
    pub fingerprint: u64,
    /// Batches of this worker in this epoch. 0 in states of older versions, which had `batches` in all epochs but for
    /// data in several folders.
    #[serde(default)]
    pub len: usize,
}

impl EpochState {
    /// Batches of this worker in this epoch, also where an older version saved the state.
    fn epoch_len(&self) -> usize {
        if self.len > 0 { self.len } else { self.batches }
    }
}

/// How a saved position was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// The batches are those of the saved position, and those that follow are the ones that would have followed.
    Exactly,
    /// The batches are other ones. The saved epoch was over, so nothing of it is lost: the next one begins with them.
    AtNextEpoch,
    /// The batches are other ones, and the saved epoch was not over: it goes on after the same share of its batches.
    AtSameShare {
        /// Batches that had been taken, and that the epoch had.
        saved: (usize, usize),
        /// Batches that count as taken, and that the epoch has.
        now: (usize, usize),
    },
}

/// Fixed batches of sentence numbers, in a new order each epoch.
///
/// ```
/// use burnseq_data::{EpochIterator, EpochOptions};
///
/// let batches = vec![vec![0, 1], vec![2, 3], vec![4]];
/// let mut epochs = EpochIterator::new(batches, EpochOptions::default())?;
/// let first = epochs.next_batch().map(<[usize]>::to_vec);
/// let state = epochs.state();
/// let second = epochs.next_batch().map(<[usize]>::to_vec);
/// epochs.restore(&state)?;
/// assert_eq!(epochs.next_batch().map(<[usize]>::to_vec), second);
/// assert_ne!(first, second);
/// # Ok::<(), burnseq_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EpochIterator {
    batches: Vec<Vec<usize>>,
    /// Batches that an epoch goes through: the first epoch the first range, and so on in turn.
    shards: Vec<Range<usize>>,
    options: EpochOptions,
    fingerprint: u64,
    epoch: u32,
    /// Numbers into `batches`, shuffled for `epoch`.
    order: Vec<usize>,
    offset: usize,
}

impl EpochIterator {
    /// Stands before the first batch of epoch 1.
    ///
    /// # Errors
    /// When `shard_id` is not below `num_shards`.
    pub fn new(batches: Vec<Vec<usize>>, options: EpochOptions) -> Result<Self> {
        Self::round_robin(vec![batches], options)
    }

    /// As [`EpochIterator::new`], but each epoch goes through the batches of one shard, in turn.
    ///
    /// # Errors
    /// When `shard_id` is not below `num_shards`.
    ///
    /// # Panics
    /// When there is no shard.
    pub fn round_robin(shards: Vec<Vec<Vec<usize>>>, options: EpochOptions) -> Result<Self> {
        assert!(!shards.is_empty(), "an epoch needs a shard to go through");
        if options.shard_id >= options.num_shards {
            return Err(Error::Config(format!(
                "'shard_id' must be below 'num_shards', got {} of {}",
                options.shard_id, options.num_shards
            )));
        }
        let mut batches = Vec::new();
        let mut ranges = Vec::new();
        for mut shard in shards {
            let start = batches.len();
            batches.append(&mut shard);
            ranges.push(start..batches.len());
        }
        let fingerprint = fingerprint(&batches, &ranges);
        let mut iterator = Self {
            batches,
            shards: ranges,
            options,
            fingerprint,
            epoch: 1,
            order: Vec::new(),
            offset: 0,
        };
        iterator.order = iterator.epoch_order(1);
        Ok(iterator)
    }

    /// The batches that an epoch goes through, counted from 1.
    fn shard_of(&self, epoch: u32) -> Range<usize> {
        // Epochs before the first do not exist; 0 is refused where positions are restored.
        self.shards[epoch.saturating_sub(1) as usize % self.shards.len()].clone()
    }

    /// The order of the batches of an epoch, as numbers into [`EpochIterator::batches`].
    pub fn epoch_order(&self, epoch: u32) -> Vec<usize> {
        let mut order: Vec<usize> = self.shard_of(epoch).collect();
        if self.options.shuffle && epoch > self.options.curriculum {
            Mt19937::new(self.options.seed.wrapping_add(epoch)).shuffle(&mut order);
        }
        order
    }

    /// The batches of all epochs as they were built.
    pub fn batches(&self) -> &[Vec<usize>] {
        &self.batches
    }

    /// The batches of the current epoch as they were built.
    pub fn epoch_batches(&self) -> &[Vec<usize>] {
        &self.batches[self.shard_of(self.epoch)]
    }

    /// The current epoch, counted from 1.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Batches of the current epoch that this worker has taken.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Batches of this worker in the current epoch; the same for all workers.
    pub fn len(&self) -> usize {
        self.len_in(self.epoch)
    }

    /// Batches of this worker in an epoch, counted from 1.
    pub fn len_in(&self, epoch: u32) -> usize {
        self.shard_of(epoch).len().div_ceil(self.options.num_shards)
    }

    /// Whether there is no batch at all.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether the current epoch is used up.
    pub fn is_end_of_epoch(&self) -> bool {
        self.offset >= self.len()
    }

    /// The next batch of this epoch, `None` at its end.
    ///
    /// A worker whose share is one batch shorter than the others' gets an empty batch last, so
    /// that all workers take the same number of steps.
    pub fn next_batch(&mut self) -> Option<&[usize]> {
        let number = self.slot(self.offset)?;
        self.offset += 1;
        Some(number.map_or(&[][..], |number| &self.batches[number]))
    }

    /// The batches of this epoch that are still to come, in order, without taking them.
    pub fn remaining(&self) -> impl Iterator<Item = &[usize]> {
        (self.offset..self.len()).filter_map(|offset| {
            let number = self.slot(offset)?;
            Some(number.map_or(&[][..], |number| self.batches[number].as_slice()))
        })
    }

    /// The `offset`-th batch of this worker: `None` past the end, `Some(None)` for a filler.
    fn slot(&self, offset: usize) -> Option<Option<usize>> {
        (offset < self.len()).then(|| {
            let position = offset * self.options.num_shards + self.options.shard_id;
            self.order.get(position).copied()
        })
    }

    /// Goes to the beginning of the next epoch.
    pub fn advance_epoch(&mut self) {
        self.epoch += 1;
        self.order = self.epoch_order(self.epoch);
        self.offset = 0;
    }

    /// Marks batches as taken without looking at them, for consumers that prefetch.
    pub fn skip(&mut self, batches: usize) {
        self.offset = (self.offset + batches).min(self.len());
    }

    /// Where the iterator stands.
    pub fn state(&self) -> EpochState {
        EpochState {
            epoch: self.epoch,
            offset: self.offset,
            batches: self.batches.len(),
            fingerprint: self.fingerprint,
            len: self.len(),
        }
    }

    /// Goes to a saved position. Where the batches are not those of that position (other limits, other data, another
    /// seed), goes to the next epoch when the saved one was over, else to the same share of it.
    ///
    /// # Errors
    /// A position that no run can have saved: epoch 0, or one behind the end of its epoch.
    pub fn restore(&mut self, state: &EpochState) -> Result<Resumed> {
        let same = state.batches == self.batches.len() && state.fingerprint == self.fingerprint;
        let saved_len = if same {
            self.len_in(state.epoch)
        } else {
            state.epoch_len()
        };
        if state.epoch == 0 || state.offset > saved_len {
            return Err(Error::Resume(format!(
                "epoch {}, batch {} of {saved_len} does not exist",
                state.epoch, state.offset
            )));
        }
        self.epoch = state.epoch;
        self.order = self.epoch_order(state.epoch);
        let len = self.len();
        if same {
            self.offset = state.offset;
            return Ok(Resumed::Exactly);
        }
        if state.offset == saved_len && state.offset > 0 {
            self.offset = len;
            return Ok(Resumed::AtNextEpoch);
        }
        // Rounded down, so that an epoch that was not over is not over now. 128 bits: no product is too large.
        let share = state.offset as u128 * len as u128 / saved_len.max(1) as u128;
        self.offset = usize::try_from(share).expect("a share of the epoch is at most its length");
        Ok(Resumed::AtSameShare {
            saved: (state.offset, saved_len),
            now: (self.offset, len),
        })
    }
}

/// FNV-1a over the sentence numbers and the ends of the batches, and of the shards but the last.
fn fingerprint(batches: &[Vec<usize>], shards: &[Range<usize>]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |number: u64| {
        for byte in number.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for batch in batches {
        batch.iter().for_each(|&index| add(index as u64));
        add(u64::MAX);
    }
    shards[1..].iter().for_each(|shard| add(shard.start as u64));
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(n: usize) -> Vec<Vec<usize>> {
        (0..n).map(|index| vec![2 * index, 2 * index + 1]).collect()
    }

    fn drain(epochs: &mut EpochIterator) -> Vec<Vec<usize>> {
        std::iter::from_fn(|| epochs.next_batch().map(<[usize]>::to_vec)).collect()
    }

    #[test]
    fn every_sentence_comes_once_per_epoch_in_a_new_order() {
        let mut epochs = EpochIterator::new(batches(20), EpochOptions::default()).unwrap();
        let first = drain(&mut epochs);
        assert!(epochs.is_end_of_epoch());
        epochs.advance_epoch();
        let second = drain(&mut epochs);
        assert_ne!(first, second);
        for epoch in [first, second] {
            let mut sentences = epoch.concat();
            sentences.sort_unstable();
            assert_eq!(sentences, (0..40).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_epochs_of_a_curriculum_are_in_order_and_those_after_it_as_without_one() {
        let options = |curriculum| EpochOptions {
            curriculum,
            ..EpochOptions::default()
        };
        let order = |curriculum, epoch| {
            let epochs = EpochIterator::new(batches(20), options(curriculum)).unwrap();
            epochs.epoch_order(epoch)
        };
        let sorted: Vec<usize> = (0..20).collect();
        assert_eq!((order(2, 1), order(2, 2)), (sorted.clone(), sorted.clone()));
        assert_eq!(order(2, 3), order(0, 3));
        assert_ne!(order(0, 3), sorted);
    }

    #[test]
    fn shards_take_turns_and_a_short_one_ends_with_an_empty_batch() {
        let shard = |shard_id| {
            let options = EpochOptions {
                num_shards: 3,
                shard_id,
                ..EpochOptions::default()
            };
            drain(&mut EpochIterator::new(batches(7), options).unwrap())
        };
        let whole = drain(&mut EpochIterator::new(batches(7), EpochOptions::default()).unwrap());
        let shards = [shard(0), shard(1), shard(2)];
        assert!(shards.iter().all(|shard| shard.len() == 3));
        for (position, batch) in whole.iter().enumerate() {
            assert_eq!(&shards[position % 3][position / 3], batch);
        }
        assert!(shards[1][2].is_empty() && shards[2][2].is_empty());
    }

    #[test]
    fn resuming_anywhere_continues_the_same_sequence() {
        let mut whole = EpochIterator::new(batches(9), EpochOptions::default()).unwrap();
        let mut sequence = Vec::new();
        let mut states = Vec::new();
        for _ in 0..3 {
            loop {
                states.push((sequence.len(), whole.state()));
                match whole.next_batch() {
                    Some(batch) => sequence.push(batch.to_vec()),
                    None => break,
                }
            }
            whole.advance_epoch();
        }
        for (taken, state) in states {
            let json = serde_json::to_string(&state).unwrap();
            let state = serde_json::from_str(&json).unwrap();
            let mut resumed = EpochIterator::new(batches(9), EpochOptions::default()).unwrap();
            resumed.restore(&state).unwrap();
            let mut rest = drain(&mut resumed);
            while resumed.epoch() < 3 {
                resumed.advance_epoch();
                rest.extend(drain(&mut resumed));
            }
            assert_eq!(rest, sequence[taken..]);
        }
    }

    #[test]
    fn shards_are_gone_through_in_turn_and_resumed() {
        let all = batches(7);
        let parts = || vec![all[..4].to_vec(), all[4..5].to_vec(), all[5..].to_vec()];
        let make = || EpochIterator::round_robin(parts(), EpochOptions::default()).unwrap();
        let mut epochs = make();
        for epoch in 1..=7_u32 {
            let expected = &parts()[(epoch as usize - 1) % 3];
            assert_eq!(
                (epochs.len(), epochs.epoch_batches()),
                (expected.len(), &expected[..])
            );
            let mut resumed = make();
            resumed.restore(&epochs.state()).unwrap();
            let mut drained = drain(&mut epochs);
            assert_eq!(drain(&mut resumed), drained);
            drained.sort();
            assert_eq!(drained, *expected);
            epochs.advance_epoch();
            assert_eq!(epochs.len(), epochs.len_in(epoch + 1));
        }
        // In epoch 8, of shard 2 with one batch, of which none is taken: as large a share of all seven batches.
        let mut whole = EpochIterator::new(all.clone(), EpochOptions::default()).unwrap();
        let resumed = whole.restore(&epochs.state()).unwrap();
        assert_eq!(
            resumed,
            Resumed::AtSameShare {
                saved: (0, 1),
                now: (0, 7)
            }
        );
    }

    /// An epoch of `n` batches, of which some are taken.
    fn position(n: usize, epoch: u32, taken: usize) -> EpochState {
        let mut epochs = EpochIterator::new(batches(n), EpochOptions::default()).unwrap();
        (1..epoch).for_each(|_| epochs.advance_epoch());
        epochs.skip(taken);
        epochs.state()
    }

    #[test]
    fn other_batches_go_on_with_the_next_epoch_or_at_the_same_share() {
        let resume = |n: usize, state: &EpochState| {
            let mut epochs = EpochIterator::new(batches(n), EpochOptions::default()).unwrap();
            let resumed = epochs.restore(state).unwrap();
            (resumed, epochs.epoch(), epochs.offset(), epochs.is_end_of_epoch())
        };
        let share = |saved, now| Resumed::AtSameShare { saved, now };
        assert_eq!(
            resume(12, &position(9, 2, 9)),
            (Resumed::AtNextEpoch, 2, 12, true)
        );
        assert_eq!(resume(4, &position(9, 2, 9)), (Resumed::AtNextEpoch, 2, 4, true));
        assert_eq!(
            resume(12, &position(9, 3, 6)),
            (share((6, 9), (8, 12)), 3, 8, false)
        );
        assert_eq!(
            resume(2, &position(9, 3, 8)),
            (share((8, 9), (1, 2)), 3, 1, false)
        );
        assert_eq!(
            resume(12, &position(9, 1, 0)),
            (share((0, 9), (0, 12)), 1, 0, false)
        );
        assert_eq!(resume(9, &position(9, 3, 6)), (Resumed::Exactly, 3, 6, false));
        // As many batches, of other sentences.
        let mut moved = batches(9);
        moved[3].swap(0, 1);
        let mut epochs = EpochIterator::new(moved, EpochOptions::default()).unwrap();
        let resumed = epochs.restore(&position(9, 1, 5)).unwrap();
        assert_eq!(resumed, share((5, 9), (5, 9)));
        // An older version did not save the length of the epoch.
        let old = EpochState {
            len: 0,
            ..position(9, 3, 6)
        };
        assert_eq!(resume(12, &old), (share((6, 9), (8, 12)), 3, 8, false));
    }

    #[test]
    fn positions_that_no_run_can_have_saved_are_refused() {
        let mut epochs = EpochIterator::new(batches(9), EpochOptions::default()).unwrap();
        for (state, problem) in [
            (
                EpochState {
                    epoch: 0,
                    ..position(9, 1, 3)
                },
                "epoch 0, batch 3 of 9",
            ),
            (
                EpochState {
                    offset: 10,
                    ..position(9, 1, 3)
                },
                "epoch 1, batch 10 of 9",
            ),
            (
                EpochState {
                    offset: 13,
                    ..position(12, 2, 3)
                },
                "epoch 2, batch 13 of 12",
            ),
        ] {
            let error = epochs.restore(&state).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_shard_outside_the_count_is_wrong_usage() {
        let options = EpochOptions {
            num_shards: 2,
            shard_id: 2,
            ..EpochOptions::default()
        };
        assert!(EpochIterator::new(batches(1), options).unwrap_err().is_usage());
    }
}
