//! Batches made on a background thread, a few ahead of their consumer.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::error::Result;

/// Iterator over what is made of batches; see [`prefetch`].
#[derive(Debug)]
pub struct Prefetch<T> {
    /// `None` once dropped, which tells the thread to end.
    batches: Option<Receiver<Result<T>>>,
    thread: Option<JoinHandle<()>>,
}

/// Calls `collate` for each of `batches` in order on a background thread, at most `ahead` before they are asked for.
///
/// After an error the iterator ends.
pub fn prefetch<T: Send + 'static>(
    collate: impl Fn(&[usize]) -> Result<T> + Send + 'static,
    batches: Vec<Vec<usize>>,
    ahead: usize,
) -> Prefetch<T> {
    let (sender, receiver) = sync_channel(ahead.max(1));
    let thread = std::thread::spawn(move || {
        for indices in &batches {
            let batch = collate(indices);
            let failed = batch.is_err();
            if sender.send(batch).is_err() || failed {
                break;
            }
        }
    });
    Prefetch {
        batches: Some(receiver),
        thread: Some(thread),
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let batch = self.batches.as_ref()?.recv().ok();
        if batch.is_none()
            && let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
        batch
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was raised by `next`, or nobody asked for that batch.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dataset::{Dataset, LanguagePairDataset, PairBatch, PairOptions};
    use crate::sentences::Sentences;

    fn pairs(vocab: usize) -> Arc<LanguagePairDataset> {
        let src = Sentences::Memory((0..50).map(|id| vec![id, 2]).collect());
        let options = PairOptions::default();
        Arc::new(LanguagePairDataset::new(src, None, vocab, 4, options).unwrap())
    }

    fn collate(pairs: &Arc<LanguagePairDataset>) -> impl Fn(&[usize]) -> Result<PairBatch> + use<> {
        let pairs = Arc::clone(pairs);
        move |indices| pairs.collate(indices, 0)
    }

    fn batches() -> Vec<Vec<usize>> {
        (0..50).map(|id| vec![id]).collect()
    }

    #[test]
    fn batches_come_in_order_and_equal_those_made_in_place() {
        let dataset = pairs(50);
        let ahead: Vec<_> = prefetch(collate(&dataset), batches(), 3)
            .map(Result::unwrap)
            .collect();
        let here: Vec<_> = batches().iter().map(|b| dataset.collate(b, 0).unwrap()).collect();
        assert_eq!(ahead, here);
    }

    #[test]
    fn stopping_early_ends_the_thread() {
        let mut ahead = prefetch(collate(&pairs(50)), batches(), 2);
        assert!(ahead.next().is_some());
        drop(ahead);
    }

    #[test]
    fn the_first_error_ends_the_iterator() {
        let results: Vec<_> = prefetch(collate(&pairs(10)), batches(), 2).collect();
        assert_eq!(results.len(), 11);
        assert!(results[10].is_err());
    }
}
