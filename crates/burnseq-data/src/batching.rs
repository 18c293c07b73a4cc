//! From sentences to batches: the order by length, the filter, the cut by padded tokens.
//!
//! Equal to fairseq's cut, batch for batch, with one exception: no sentence is ever dropped at
//! the end (facebookresearch/fairseq#5036).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::mt19937::Mt19937;

/// How large a batch may get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchLimits {
    /// Most tokens of the longer side, padding included; `None`: no limit.
    pub max_tokens: Option<usize>,
    /// Most sentences; `None`: no limit.
    pub max_sentences: Option<usize>,
    /// Batches of this many sentences or more are cut to a multiple of it.
    pub required_batch_size_multiple: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            max_tokens: None,
            max_sentences: None,
            required_batch_size_multiple: 8,
        }
    }
}

impl BatchLimits {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When there is no limit at all, or one of them is zero.
    pub fn validate(&self) -> Result<()> {
        let problem = if self.max_tokens.is_none() && self.max_sentences.is_none() {
            "batches need a limit\nhint: give 'max_tokens' or 'batch_size'"
        } else if self.max_tokens == Some(0) {
            "'max_tokens' must be at least 1"
        } else if self.max_sentences == Some(0) {
            "'batch_size' must be at least 1"
        } else if self.required_batch_size_multiple == 0 {
            "'required_batch_size_multiple' must be at least 1"
        } else {
            return Ok(());
        };
        Err(Error::Config(problem.to_owned()))
    }
}

/// Numbers `0..n` by source length; equal ones by target length; equal ones in random order
/// (numpy's permutation for `seed`), or in their own order without a seed.
pub fn ordered_indices(
    n: usize,
    src_len: impl Fn(usize) -> usize,
    tgt_len: impl Fn(usize) -> usize,
    seed: Option<u32>,
) -> Vec<usize> {
    let mut order = match seed {
        Some(seed) => Mt19937::new(seed).permutation(n),
        None => (0..n).collect(),
    };
    // One stable sort by both equals fairseq's stable sort by target, then by source.
    order.sort_by_cached_key(|&index| (src_len(index), tgt_len(index)));
    order
}

/// Splits `order` into the sentences that fit `max_positions` (source, target) and the others.
///
/// The order within both parts is kept.
pub fn filter_by_size(
    order: &[usize],
    src_len: impl Fn(usize) -> usize,
    tgt_len: impl Fn(usize) -> usize,
    max_positions: (usize, usize),
) -> (Vec<usize>, Vec<usize>) {
    order
        .iter()
        .partition(|&&index| src_len(index) <= max_positions.0 && tgt_len(index) <= max_positions.1)
}

/// Cuts `order` into batches.
///
/// `cost` is a sentence's length (for pairs: of its longer side); a batch costs its sentences
/// times its largest length, which is what it takes up when padded. Between the batch and the
/// sentence at hand lies a tail: sentences that would leave the batch with a size that is
/// neither below `required_batch_size_multiple` nor a multiple of it. The tail joins the batch
/// when the size is right again, or starts the next batch when a limit is passed.
///
/// # Errors
/// When the limits are wrong, or a single sentence is over `max_tokens`.
pub fn batch_by_size(
    order: &[usize],
    cost: impl Fn(usize) -> usize,
    limits: &BatchLimits,
) -> Result<Vec<Vec<usize>>> {
    limits.validate()?;
    let max_tokens = limits.max_tokens.unwrap_or(usize::MAX);
    let max_sentences = limits.max_sentences.unwrap_or(usize::MAX);
    let multiple = limits.required_batch_size_multiple;
    let over = |sentences: usize, longest: usize| sentences.saturating_mul(longest) > max_tokens;

    let mut batches = Vec::new();
    // The batch is `order[start..end]`, the tail `order[end..position]`.
    let (mut start, mut end) = (0, 0);
    let (mut batch_longest, mut tail_longest) = (0, 0);
    for (position, &index) in order.iter().enumerate() {
        let tokens = cost(index);
        if tokens > max_tokens {
            return Err(Error::OverMaxTokens {
                option: "'max_tokens'",
                sentence: index,
                tokens,
                max_tokens,
            });
        }
        let next = position + 1;
        tail_longest = tail_longest.max(tokens);
        let longest = batch_longest.max(tail_longest);
        let sentences = next - start;
        if sentences > max_sentences || over(sentences, longest) {
            // The tail is a batch of its own when it cannot take in this sentence either.
            if over(next - end, tail_longest) {
                batches.push(order[start..end].to_vec());
                start = end;
                end = position;
                tail_longest = tokens;
            }
            batches.push(order[start..end].to_vec());
            start = end;
            end = next;
            batch_longest = tail_longest;
            tail_longest = 0;
        } else if sentences < multiple || sentences.is_multiple_of(multiple) {
            end = next;
            batch_longest = longest;
            tail_longest = 0;
        }
    }
    batches.push(order[start..end].to_vec());
    // fairseq's later versions lose what is left here; it is a batch like any other.
    batches.push(order[end..].to_vec());
    batches.retain(|batch| !batch.is_empty());
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max_tokens: usize, max_sentences: usize, multiple: usize) -> BatchLimits {
        let some = |n: usize| (n > 0).then_some(n);
        BatchLimits {
            max_tokens: some(max_tokens),
            max_sentences: some(max_sentences),
            required_batch_size_multiple: multiple,
        }
    }

    #[test]
    fn sentences_are_ordered_by_source_then_target_length() {
        let lengths = [(3, 1), (2, 9), (3, 0), (1, 5), (2, 9)];
        let order = ordered_indices(5, |i| lengths[i].0, |i| lengths[i].1, None);
        assert_eq!(order, [3, 1, 4, 2, 0]);
    }

    #[test]
    fn ties_are_broken_by_the_seed() {
        let order = |seed| ordered_indices(100, |_| 1, |_| 1, seed);
        assert_eq!(order(Some(2)), order(Some(2)));
        assert_ne!(order(Some(2)), order(Some(3)));
        assert_eq!(order(None), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_is_cut_at_a_multiple_and_the_tail_starts_the_next() {
        // Eleven sentences of length 1, at most 10 tokens: 8 (the largest multiple of 8), then 3.
        let order: Vec<usize> = (0..11).collect();
        let batches = batch_by_size(&order, |_| 1, &limits(10, 0, 8)).unwrap();
        assert_eq!(batches, [(0..8).collect::<Vec<_>>(), (8..11).collect()]);
    }

    #[test]
    fn every_sentence_is_in_one_batch_and_no_batch_is_over_the_limits() {
        let mut rng = Mt19937::new(11);
        for round in 0..200 {
            let n = rng.interval(300) as usize;
            let lengths: Vec<usize> = (0..n).map(|_| 1 + rng.interval(60) as usize).collect();
            let max_tokens = 61 + rng.interval(400) as usize;
            let max_sentences = if round % 3 == 0 {
                1 + rng.interval(30) as usize
            } else {
                0
            };
            let multiple = [1, 4, 8][round % 3];
            let order = if round % 2 == 0 {
                ordered_indices(n, |i| lengths[i], |_| 0, Some(round as u32))
            } else {
                rng.permutation(n)
            };
            let limits = limits(max_tokens, max_sentences, multiple);
            let batches = batch_by_size(&order, |i| lengths[i], &limits).unwrap();
            assert_eq!(batches.concat(), order);
            for batch in &batches {
                let longest = batch.iter().map(|&i| lengths[i]).max().unwrap();
                assert!(batch.len() * longest <= max_tokens);
                assert!(max_sentences == 0 || batch.len() <= max_sentences);
            }
        }
    }

    #[test]
    fn a_sentence_over_max_tokens_is_named() {
        let error = batch_by_size(&[4, 7], |i| i * 10, &limits(50, 0, 1)).unwrap_err();
        assert!(error.to_string().contains("sentence 7 has 70 tokens"), "{error}");
    }

    #[test]
    fn limits_are_required_and_positive() {
        assert!(
            batch_by_size(&[0], |_| 1, &limits(0, 0, 8))
                .unwrap_err()
                .is_usage()
        );
        assert!(
            batch_by_size(&[0], |_| 1, &limits(5, 0, 0))
                .unwrap_err()
                .is_usage()
        );
        let zero = BatchLimits {
            max_tokens: Some(0),
            ..limits(0, 1, 1)
        };
        assert!(zero.validate().unwrap_err().is_usage());
    }

    #[test]
    fn filtering_keeps_the_order_and_lists_what_went() {
        let lengths = [(5, 5), (9, 1), (2, 2), (1, 9)];
        let (kept, dropped) = filter_by_size(&[3, 2, 1, 0], |i| lengths[i].0, |i| lengths[i].1, (8, 8));
        assert_eq!((kept, dropped), (vec![2, 0], vec![3, 1]));
    }
}
