//! The batches of an epoch in the order in which training takes them, made ahead in the
//! background or on the spot.

use std::sync::Arc;

use burnseq_data::{Batch, EpochIterator, LanguagePairDataset, Prefetch, prefetch};

use super::config::DatasetConfig;
use crate::error::Result;

/// Source of the batches that are left in an epoch.
pub(super) enum EpochBatches {
    /// Made by a background thread.
    Ahead(Prefetch),
    /// Made when asked for.
    OnDemand {
        dataset: Arc<LanguagePairDataset>,
        batches: std::vec::IntoIter<Vec<usize>>,
    },
}

impl EpochBatches {
    /// The batches that `epochs` has not taken yet.
    pub(super) fn new(
        dataset: &Arc<LanguagePairDataset>,
        epochs: &EpochIterator,
        config: &DatasetConfig,
    ) -> Self {
        let batches: Vec<Vec<usize>> = epochs.remaining().map(<[usize]>::to_vec).collect();
        let dataset = Arc::clone(dataset);
        if config.num_workers == 0 {
            Self::OnDemand {
                dataset,
                batches: batches.into_iter(),
            }
        } else {
            Self::Ahead(prefetch(dataset, batches, config.data_buffer_size))
        }
    }

    /// Up to `count` batches; fewer at the end of the epoch.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<Batch>> {
        (0..count).map_while(|_| self.next()).collect()
    }

    fn next(&mut self) -> Option<Result<Batch>> {
        match self {
            Self::Ahead(batches) => batches.next().map(|batch| batch.map_err(Into::into)),
            Self::OnDemand { dataset, batches } => batches
                .next()
                .map(|indices| dataset.collate(&indices).map_err(Into::into)),
        }
    }
}
