//! Sentences of a dataset, batch by batch.

use std::time::{Duration, Instant};

use burnseq_search::Hypothesis;

use crate::error::{Error, Result};

/// The translations of one sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Number of the sentence in its dataset.
    pub id: usize,
    /// Best first, at least one.
    pub hypotheses: Vec<Hypothesis>,
    /// Its share of the time that its batch took.
    pub time: Duration,
}

/// Takes batches of sentences, given by their numbers, through `decode`, and hands over each, longest source first as
/// fairseq prints them; gives the time that `decode` took.
///
/// # Errors
/// Those of `decode` and of `each`.
pub fn decode_batches<E: From<Error>>(
    batches: &[Vec<usize>],
    src_len: impl Fn(usize) -> usize,
    mut decode: impl FnMut(&[usize]) -> Result<Vec<Vec<Hypothesis>>>,
    mut each: impl FnMut(Vec<Decoded>) -> Result<(), E>,
) -> Result<Duration, E> {
    let mut total = Duration::ZERO;
    for batch in batches {
        let mut ids = batch.clone();
        ids.sort_by_key(|&id| std::cmp::Reverse(src_len(id)));
        let started = Instant::now();
        let found = decode(&ids)?;
        let time = started.elapsed();
        total += time;
        let share = time / u32::try_from(ids.len().max(1)).unwrap_or(u32::MAX);
        let decoded = ids.into_iter().zip(found).map(|(id, hypotheses)| Decoded {
            id,
            hypotheses,
            time: share,
        });
        each(decoded.collect())?;
    }
    Ok(total)
}
