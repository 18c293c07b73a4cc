//! Which examples share a batch, and how much of the batches is padding.

use std::collections::HashSet;

use crate::batching::{BatchLimits, batch_by_size, filter_by_size};
use crate::error::{Error, Result};

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

/// Tokens that a model reads and writes of an example.
type Sizes = [usize; 2];

/// The batches of the examples `order`, which are in order of length.
///
/// # Errors
/// See [`Dataset::plan`](super::Dataset::plan).
pub(super) fn of(
    sizes: impl Fn(usize) -> Sizes,
    order: &[usize],
    settings: &BatchSettings,
) -> Result<BatchPlan> {
    settings.limits.validate()?;
    let src_len = |index: usize| sizes(index)[0];
    let tgt_len = |index: usize| sizes(index)[1];
    let (mut max_src, mut max_tgt) = settings.max_positions;
    if settings.skip_too_long {
        let max_tokens = settings.limits.max_tokens.unwrap_or(usize::MAX);
        (max_src, max_tgt) = (max_src.min(max_tokens), max_tgt.min(max_tokens));
    }
    let (kept, dropped) = filter_by_size(order, src_len, tgt_len, (max_src, max_tgt));
    let one_sided = settings.max_positions.0 == usize::MAX;
    let limit = || match one_sided {
        true => format!("{max_tgt} tokens"),
        false => format!("{max_src} source or {max_tgt} target tokens"),
    };
    let longer = || options_for(dropped.iter().map(|&index| sizes(index)), settings);
    if let Some(&sentence) = dropped.iter().min()
        && !settings.skip_too_long
    {
        return Err(Error::TooLong {
            count: dropped.len(),
            limit: limit(),
            longer: longer(),
            sentence,
            lengths: match (one_sided, sizes(sentence)) {
                (true, [_, len]) => format!("{len} tokens"),
                (false, [src_len, tgt_len]) => format!("{src_len} source and {tgt_len} target tokens"),
            },
        });
    }
    if kept.is_empty() && !dropped.is_empty() {
        let reason = format!(
            "all are longer than {}\nhint: take them with {}",
            limit(),
            longer()
        );
        return Err(Error::NothingLeft {
            total: order.len(),
            reason,
        });
    }
    let longer_len = |index: usize| src_len(index).max(tgt_len(index));
    let batches = batch_by_size(&kept, longer_len, &settings.limits)?;
    Ok(BatchPlan { batches, dropped })
}

/// The options with which none of the examples of these sizes would be too long.
fn options_for(sizes: impl Iterator<Item = Sizes>, settings: &BatchSettings) -> String {
    let [src, tgt] = sizes.fold([0, 0], |[a, b], [c, d]| [a.max(c), b.max(d)]);
    let (max_src, max_tgt) = settings.max_positions;
    let max_tokens = settings.limits.max_tokens.unwrap_or(usize::MAX);
    let options = [
        ("'max_source_positions'", src, max_src),
        ("'max_target_positions'", tgt, max_tgt),
        ("'max_tokens'", src.max(tgt), max_tokens),
    ];
    let short = options.iter().filter(|(_, longest, limit)| longest > limit);
    let words: Vec<String> = short
        .map(|(option, longest, _)| format!("{option} {longest}"))
        .collect();
    words.join(" ")
}

/// See [`Dataset::stats`](super::Dataset::stats).
pub(super) fn stats(
    sizes: impl Fn(usize) -> Sizes,
    shape: impl Fn(&[usize]) -> [usize; 3],
    batches: &[Vec<usize>],
) -> PlanStats {
    let mut stats = PlanStats {
        batches: batches.len(),
        ..PlanStats::default()
    };
    let mut shapes = HashSet::new();
    for batch in batches {
        let [rows, src_len, tgt_len] = shape(batch);
        stats.sentences += rows;
        stats.src_places += rows * src_len;
        stats.tgt_places += rows * tgt_len;
        shapes.insert([rows, src_len, tgt_len]);
        for &index in batch {
            let [src_len, tgt_len] = sizes(index);
            stats.src_tokens += src_len;
            stats.tgt_tokens += tgt_len;
        }
    }
    stats.shapes = shapes.len();
    stats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::pair::tests::dataset;
    use crate::dataset::{Dataset, PairOptions};

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
            error.contains("take them with 'max_source_positions' 3, or skip"),
            "{error}"
        );
        let error = pairs.plan(&settings(2, (9, 9), false)).unwrap_err().to_string();
        assert!(error.contains("sentence 0 has 3 tokens"), "{error}");
        assert_eq!(pairs.plan(&settings(2, (9, 9), true)).unwrap().dropped, [0, 1]);
        let nothing = pairs.plan(&settings(100, (1, 1), true));
        assert!(matches!(&nothing, Err(Error::NothingLeft { total: 3, .. })));
        let nothing = nothing.unwrap_err().to_string();
        assert!(
            nothing.ends_with("hint: take them with 'max_source_positions' 3 'max_target_positions' 3"),
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
