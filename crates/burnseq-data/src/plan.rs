//! Which sentences share a batch, and how much of the batches is padding.

use std::collections::HashSet;
use std::ops::Range;

use crate::batching::{BatchLimits, batch_by_size, filter_by_size, ordered_indices};
use crate::error::{Error, Result};
use crate::pair::LanguagePairDataset;

/// How a dataset is cut into batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSettings {
    /// Size of a batch.
    pub limits: BatchLimits,
    /// Longest source and target sentence that the model takes, `</s>` included.
    pub max_positions: (usize, usize),
    /// Leave longer sentences out instead of failing; training does.
    pub skip_too_long: bool,
    /// Seed for the order among sentences of equal lengths; `None` keeps the order of the file.
    pub seed: Option<u32>,
}

/// The batches of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlan {
    /// Sentence numbers of each batch.
    pub batches: Vec<Vec<usize>>,
    /// Sentences that were left out for their length, in order of length.
    pub dropped: Vec<usize>,
}

/// Sizes of a plan, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanStats {
    /// Batches.
    pub batches: usize,
    /// Sentences in all batches.
    pub sentences: usize,
    /// Source tokens without padding.
    pub src_tokens: usize,
    /// Target tokens without padding.
    pub tgt_tokens: usize,
    /// Source places, padding included.
    pub src_places: usize,
    /// Target places, padding included.
    pub tgt_places: usize,
    /// Different shapes: rows, source width and target width.
    pub shapes: usize,
}

impl PlanStats {
    /// Share of the places that hold padding, in `[0, 1)`.
    pub fn padding_share(&self) -> f64 {
        let places = self.src_places + self.tgt_places;
        let tokens = self.src_tokens + self.tgt_tokens;
        if places == 0 {
            0.0
        } else {
            (places - tokens) as f64 / places as f64
        }
    }
}

impl LanguagePairDataset {
    /// Orders the pairs by length, leaves out or refuses those that are too long, and cuts the
    /// rest into batches.
    ///
    /// # Errors
    /// When the limits are wrong; when a sentence is too long and must not be skipped; when
    /// every sentence is too long.
    pub fn plan(&self, settings: &BatchSettings) -> Result<BatchPlan> {
        self.plan_shard(0..self.len(), settings)
    }

    /// As [`LanguagePairDataset::plan`], of some pairs only.
    ///
    /// # Errors
    /// As [`LanguagePairDataset::plan`].
    pub fn plan_shard(&self, shard: Range<usize>, settings: &BatchSettings) -> Result<BatchPlan> {
        settings.limits.validate()?;
        let mut order = ordered_indices(
            shard.len(),
            |index| self.src_len(shard.start + index),
            |index| self.tgt_len(shard.start + index),
            settings.seed,
        );
        order.iter_mut().for_each(|index| *index += shard.start);
        let (mut max_src, mut max_tgt) = settings.max_positions;
        if settings.skip_too_long {
            let max_tokens = settings.limits.max_tokens.unwrap_or(usize::MAX);
            (max_src, max_tgt) = (max_src.min(max_tokens), max_tgt.min(max_tokens));
        }
        let (kept, dropped) = filter_by_size(
            &order,
            |index| self.src_len(index),
            |index| self.tgt_len(index),
            (max_src, max_tgt),
        );
        let limit = || format!("{max_src} source or {max_tgt} target tokens");
        let longer = || self.options_for(&dropped, settings);
        if let Some(&sentence) = dropped.iter().min()
            && !settings.skip_too_long
        {
            return Err(Error::TooLong {
                count: dropped.len(),
                limit: limit(),
                longer: longer(),
                sentence,
                src_len: self.src_len(sentence),
                tgt_len: self.tgt_len(sentence),
            });
        }
        if kept.is_empty() && !dropped.is_empty() {
            let reason = format!(
                "all are longer than {}\nhint: take them with {}",
                limit(),
                longer()
            );
            return Err(Error::NothingLeft {
                total: shard.len(),
                reason,
            });
        }
        let batches = batch_by_size(&kept, |index| self.longer_len(index), &settings.limits)?;
        Ok(BatchPlan { batches, dropped })
    }

    /// The options with which no sentence of `dropped` would be too long.
    fn options_for(&self, dropped: &[usize], settings: &BatchSettings) -> String {
        let longest =
            |len: &dyn Fn(usize) -> usize| dropped.iter().map(|&index| len(index)).max().unwrap_or(0);
        let (src, tgt) = (
            longest(&|index| self.src_len(index)),
            longest(&|index| self.tgt_len(index)),
        );
        let (max_src, max_tgt) = settings.max_positions;
        let max_tokens = settings.limits.max_tokens.unwrap_or(usize::MAX);
        let options = [
            ("--max-source-positions", src, max_src),
            ("--max-target-positions", tgt, max_tgt),
            ("--max-tokens", src.max(tgt), max_tokens),
        ];
        let short = options.iter().filter(|(_, longest, limit)| longest > limit);
        let words: Vec<String> = short
            .map(|(option, longest, _)| format!("{option} {longest}"))
            .collect();
        words.join(" ")
    }

    /// Rows, source width and target width of the batch that the pairs `indices` make.
    pub fn shape(&self, indices: &[usize]) -> [usize; 3] {
        let width = |len: &dyn Fn(usize) -> usize| {
            self.options()
                .width(indices.iter().map(|&index| len(index)).max().unwrap_or(0))
        };
        let (src_len, tgt_len) = (
            width(&|index| self.src_len(index)),
            width(&|index| self.tgt_len(index)),
        );
        [indices.len(), src_len, tgt_len]
    }

    /// Tokens and padding of some batches.
    pub fn stats(&self, batches: &[Vec<usize>]) -> PlanStats {
        let mut stats = PlanStats {
            batches: batches.len(),
            ..PlanStats::default()
        };
        let mut shapes = HashSet::new();
        for batch in batches {
            let [rows, src_len, tgt_len] = self.shape(batch);
            stats.sentences += rows;
            stats.src_places += rows * src_len;
            stats.tgt_places += rows * tgt_len;
            shapes.insert([rows, src_len, tgt_len]);
            for &index in batch {
                stats.src_tokens += self.src_len(index);
                stats.tgt_tokens += self.tgt_len(index);
            }
        }
        stats.shapes = shapes.len();
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::PairOptions;
    use crate::pair::tests::dataset;

    fn settings(max_tokens: usize, max_positions: (usize, usize), skip: bool) -> BatchSettings {
        BatchSettings {
            limits: BatchLimits {
                max_tokens: Some(max_tokens),
                ..BatchLimits::default()
            },
            max_positions,
            skip_too_long: skip,
            seed: None,
        }
    }

    #[test]
    fn long_sentences_are_skipped_or_refused_by_name() {
        let pairs = dataset(PairOptions::default());
        let plan = pairs.plan(&settings(100, (2, 3), true)).unwrap();
        assert_eq!((plan.batches, plan.dropped), (vec![vec![2, 0]], vec![1]));
        let error = pairs.plan(&settings(100, (2, 3), false)).unwrap_err().to_string();
        assert!(error.contains("sentence 1 with 3 source and 1 target"), "{error}");
        assert!(
            error.contains("take them with --max-source-positions 3, or skip"),
            "{error}"
        );
        let error = pairs.plan(&settings(2, (9, 9), false)).unwrap_err().to_string();
        assert!(error.contains("sentence 0 has 3 tokens"), "{error}");
        assert_eq!(pairs.plan(&settings(2, (9, 9), true)).unwrap().dropped, [0, 1]);
        let nothing = pairs.plan(&settings(100, (1, 1), true));
        assert!(matches!(&nothing, Err(Error::NothingLeft { total: 3, .. })));
        let nothing = nothing.unwrap_err().to_string();
        assert!(
            nothing.ends_with("hint: take them with --max-source-positions 3 --max-target-positions 3"),
            "{nothing}"
        );
    }

    #[test]
    fn a_truncated_source_is_not_too_long() {
        let options = PairOptions {
            truncate_source: Some(2),
            ..PairOptions::default()
        };
        let plan = dataset(options).plan(&settings(100, (2, 9), false)).unwrap();
        assert!(plan.dropped.is_empty());
    }

    #[test]
    fn padding_is_counted_on_both_sides() {
        let pairs = dataset(PairOptions::default());
        let stats = pairs.stats(&[vec![0, 1], vec![2]]);
        assert_eq!((stats.src_tokens, stats.src_places), (7, 8));
        assert_eq!((stats.tgt_tokens, stats.tgt_places), (6, 8));
        assert!((stats.padding_share() - 3.0 / 16.0).abs() < 1e-12);
    }

    #[test]
    fn batches_share_shapes_where_their_widths_are_rounded_up() {
        let shapes = |multiple| {
            let options = PairOptions {
                required_seq_len_multiple: multiple,
                ..PairOptions::default()
            };
            dataset(options).stats(&[vec![0], vec![1], vec![2]]).shapes
        };
        assert_eq!((shapes(1), shapes(2), shapes(4)), (3, 3, 1));
    }
}
