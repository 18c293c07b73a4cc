//! The batches of an epoch in the order in which training takes them, made ahead in the
//! background or on the spot.

use std::sync::Arc;

use burnseq_data::{Dataset, EpochIterator, Prefetch, prefetch};

use super::config::DatasetConfig;
use crate::error::Result;

/// Makes a batch of the examples of these numbers; several where it is too large in this epoch.
type Collate<B> = Box<dyn Fn(&[usize]) -> burnseq_data::Result<Vec<B>> + Send>;

/// Source of the batches that are left in an epoch.
pub(super) enum EpochBatches<B> {
    /// Made by a background thread.
    Ahead(Prefetch<Vec<B>>),
    /// Made when asked for.
    OnDemand {
        collate: Collate<B>,
        batches: std::vec::IntoIter<Vec<usize>>,
    },
}

impl<B: Send + 'static> EpochBatches<B> {
    /// The batches that `epochs` has not taken yet.
    pub(super) fn new<D: Dataset<Batch = B>>(
        dataset: &Arc<D>,
        epochs: &EpochIterator,
        config: &DatasetConfig,
    ) -> Self {
        let batches: Vec<Vec<usize>> = epochs.remaining().map(<[usize]>::to_vec).collect();
        let (dataset, epoch) = (Arc::clone(dataset), epochs.epoch());
        let collate: Collate<B> = Box::new(move |indices| dataset.collate_parts(indices, epoch));
        if config.num_workers == 0 {
            Self::OnDemand {
                collate,
                batches: batches.into_iter(),
            }
        } else {
            Self::Ahead(prefetch(collate, batches, config.data_buffer_size))
        }
    }

    /// Up to `count` batches, fewer at the end of the epoch; each may come in parts.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<Vec<B>>> {
        let taken = (0..count).map_while(|_| self.next());
        Ok(taken.collect::<burnseq_data::Result<_>>()?)
    }

    fn next(&mut self) -> Option<burnseq_data::Result<Vec<B>>> {
        match self {
            Self::Ahead(batches) => batches.next(),
            Self::OnDemand { collate, batches } => batches.next().map(|indices| collate(&indices)),
        }
    }
}
