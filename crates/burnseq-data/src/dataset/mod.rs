//! What training learns from: examples that become batches, one file for each kind.

mod pair;
mod pair_batch;
mod plan;
mod resampling;
mod token_block;

use std::fmt::Debug;
use std::ops::Range;

pub use pair::{Example, LanguagePairDataset, PairOptions};
pub use pair_batch::{Padding, PairBatch};
pub use plan::{BatchPlan, BatchSettings, PlanStats};
pub use resampling::{Resampling, SideSampler};
pub use token_block::{
    SampleBreakMode, ShortenMethod, TokenBlockBatch, TokenBlockDataset, TokenBlockOptions,
};

use crate::batching::ordered_indices;
use crate::error::Result;

/// Examples by number, and the batches made of them.
pub trait Dataset: Debug + Send + Sync + 'static {
    /// A batch of these examples.
    type Batch: Batch;

    /// Number of examples.
    fn len(&self) -> usize;

    /// Whether there is no example.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ranges of examples that training takes in turn, one each epoch; mostly one range of all examples.
    fn shards(&self) -> Vec<Range<usize>> {
        let whole = 0..self.len();
        vec![whole]
    }

    /// Tokens that a model reads of example `index`, and tokens that it writes, 0 where there are none.
    ///
    /// Examples are ordered by the first number, then by the second; the limits of a model hold for each of them; a batch
    /// costs its examples times the largest number.
    fn sizes(&self, index: usize) -> [usize; 2];

    /// The largest [`sizes`](Self::sizes) that a model of `max_positions` takes; [`usize::MAX`] where a size has none.
    fn limits(&self, max_positions: (usize, usize)) -> (usize, usize) {
        max_positions
    }

    /// Widths of batches are rounded up to a multiple of this.
    fn seq_len_multiple(&self) -> usize {
        1
    }

    /// The examples `indices` in `epoch`, padded to one batch; no examples give an empty batch.
    ///
    /// What comes out depends on the seed of the dataset, the epoch and the numbers alone, so that a resumed run needs
    /// nothing saved. Epochs are counted from 1; epoch 0 is for examples that are not learned from: as they are stored.
    ///
    /// # Errors
    /// When a token is not in the dictionary.
    ///
    /// # Panics
    /// When an index is not below [`len`](Self::len).
    fn collate(&self, indices: &[usize], epoch: u32) -> Result<Self::Batch>;

    /// As [`collate`](Self::collate), in several batches where one would be larger in this epoch than the limits allow.
    /// They are parts of the same update, so that an epoch has the same updates whatever is drawn.
    ///
    /// # Errors
    /// As [`collate`](Self::collate).
    fn collate_parts(&self, indices: &[usize], epoch: u32) -> Result<Vec<Self::Batch>> {
        Ok(vec![self.collate(indices, epoch)?])
    }

    /// Orders the examples by length, leaves out or refuses those that are too long, and cuts the rest into batches.
    ///
    /// # Errors
    /// When the limits are wrong; when an example is too long and must not be skipped; when every example is too long.
    fn plan(&self, settings: &BatchSettings) -> Result<BatchPlan> {
        self.plan_shard(0..self.len(), settings)
    }

    /// As [`plan`](Self::plan), of some examples only.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    fn plan_shard(&self, shard: Range<usize>, settings: &BatchSettings) -> Result<BatchPlan> {
        let order = self.ordered(shard, settings.seed);
        let settings = BatchSettings {
            max_positions: self.limits(settings.max_positions),
            ..settings.clone()
        };
        plan::of(|index| self.sizes(index), &order, &settings)
    }

    /// The examples `shard` from short to long; equal ones in random order (numpy's permutation for `seed`), or in their
    /// own order without a seed.
    fn ordered(&self, shard: Range<usize>, seed: Option<u32>) -> Vec<usize> {
        let sizes = |index: usize| self.sizes(shard.start + index);
        let order = ordered_indices(
            shard.len(),
            |index| sizes(index)[0],
            |index| sizes(index)[1],
            seed,
        );
        order.into_iter().map(|index| shard.start + index).collect()
    }

    /// Rows, and the widths of what is read and written, of the batch that the examples `indices` make.
    fn shape(&self, indices: &[usize]) -> [usize; 3] {
        let longest = indices.iter().fold([0, 0], |[a, b], &index| {
            let [c, d] = self.sizes(index);
            [a.max(c), b.max(d)]
        });
        let [read, written] = longest.map(|longest| longest.next_multiple_of(self.seq_len_multiple()));
        [indices.len(), read, written]
    }

    /// Tokens and padding of some batches.
    fn stats(&self, batches: &[Vec<usize>]) -> PlanStats {
        plan::stats(|index| self.sizes(index), |batch| self.shape(batch), batches)
    }
}

/// What training asks of a batch. What is in it is between its dataset and its criterion.
pub trait Batch: Debug + Clone + Send + 'static {
    /// Number of the example in each row.
    fn ids(&self) -> &[usize];

    /// Rows.
    fn nsentences(&self) -> usize {
        self.ids().len()
    }

    /// Tokens that the model is to predict, padding excluded.
    fn ntokens(&self) -> usize;

    /// Further tokens, those of the source.
    fn src_ntokens(&self) -> usize;

    /// Places of all tokens, padding included.
    fn places(&self) -> usize;

    /// The widths, for messages: `7 source x 9 target tokens`.
    fn widths(&self) -> String;

    /// The tokens of a row, for messages: `7 source and 9 target tokens`.
    ///
    /// # Panics
    /// When there is no such row.
    fn row_sizes(&self, row: usize) -> String;

    /// The first and the second half of the rows, each as narrow as its longest row allows; `None` for fewer than two
    /// rows. The halves hold the same tokens as the whole, so that sums over tokens come out the same.
    fn halves(&self) -> Option<[Self; 2]>;
}
