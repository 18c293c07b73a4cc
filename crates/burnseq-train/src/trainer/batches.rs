//! The batches of an epoch in the order in which training takes them, made ahead in the
//! background or on the spot.

use std::sync::Arc;

use burnseq_data::{Batch, EpochIterator, LanguagePairDataset, Prefetch, Resampling, prefetch};

use super::config::DatasetConfig;
use crate::error::Result;

/// Makes a batch of the sentences of these numbers; several where other subwords make it too large for one.
type Collate = Box<dyn Fn(&[usize]) -> burnseq_data::Result<Vec<Batch>> + Send>;

/// Source of the batches that are left in an epoch.
pub(super) enum EpochBatches {
    /// Made by a background thread.
    Ahead(Prefetch<Vec<Batch>>),
    /// Made when asked for.
    OnDemand {
        collate: Collate,
        batches: std::vec::IntoIter<Vec<usize>>,
    },
}

impl EpochBatches {
    /// The batches that `epochs` has not taken yet, in other subwords where `resampling` asks for it.
    pub(super) fn new(
        dataset: &Arc<LanguagePairDataset>,
        resampling: Option<&Arc<Resampling>>,
        epochs: &EpochIterator,
        config: &DatasetConfig,
    ) -> Self {
        let batches: Vec<Vec<usize>> = epochs.remaining().map(<[usize]>::to_vec).collect();
        let (dataset, resampling, epoch) = (Arc::clone(dataset), resampling.cloned(), epochs.epoch());
        let collate: Collate = match resampling {
            Some(resampling) => Box::new(move |indices| resampling.collate(&dataset, indices, epoch)),
            None => Box::new(move |indices| Ok(vec![dataset.collate(indices)?])),
        };
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
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<Vec<Batch>>> {
        let taken = (0..count).map_while(|_| self.next());
        Ok(taken.collect::<burnseq_data::Result<_>>()?)
    }

    fn next(&mut self) -> Option<burnseq_data::Result<Vec<Batch>>> {
        match self {
            Self::Ahead(batches) => batches.next(),
            Self::OnDemand { collate, batches } => batches.next().map(|indices| collate(&indices)),
        }
    }
}
