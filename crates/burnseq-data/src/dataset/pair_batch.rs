//! A batch of sentence pairs.

use super::Batch;

/// Padded token ids of some pairs, row after row.
///
/// # Shapes
/// - `src_tokens`: `[batch, src_len]`
/// - `prev_output_tokens`, `target`: `[batch, tgt_len]`; empty without a target side
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PairBatch {
    /// Number of the sentence in each row; rows are sorted by source length, longest first.
    pub ids: Vec<usize>,
    /// Source tokens.
    pub src_tokens: Vec<i64>,
    /// Source tokens of each row without padding.
    pub src_lengths: Vec<usize>,
    /// Decoder input: the target with its `</s>` moved to the front.
    pub prev_output_tokens: Vec<i64>,
    /// What the decoder is to predict.
    pub target: Vec<i64>,
    /// Target tokens of each row without padding; empty without a target side.
    pub tgt_lengths: Vec<usize>,
    /// Rows.
    pub batch: usize,
    /// Width of the source.
    pub src_len: usize,
    /// Width of the target, 0 without a target side.
    pub tgt_len: usize,
    /// Target tokens without padding, `</s>` included; source tokens without a target side.
    pub ntokens: usize,
    /// Where the rows are padded.
    pub padding: Padding,
}

/// Where rows are padded, and to which widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Padding goes before the source sentence instead of after it.
    pub left_pad_source: bool,
    /// Padding goes before the target sentence instead of after it.
    pub left_pad_target: bool,
    /// Widths are rounded up to a multiple of this; 1 leaves them alone.
    pub required_seq_len_multiple: usize,
}

impl Default for Padding {
    fn default() -> Self {
        Self {
            left_pad_source: true,
            left_pad_target: false,
            required_seq_len_multiple: 1,
        }
    }
}

impl Padding {
    /// Width of a batch of rows of these lengths.
    pub(super) fn width(&self, lengths: &[usize]) -> usize {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        longest.next_multiple_of(self.required_seq_len_multiple)
    }
}

impl PairBatch {
    /// Whether there is no row, as in the filler of a worker whose share is shorter.
    pub fn is_empty(&self) -> bool {
        self.batch == 0
    }

    /// Some of the rows, without the padding that none of them needs.
    fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        let padding = self.padding;
        let src_lengths = self.src_lengths[rows.clone()].to_vec();
        let has_target = !self.tgt_lengths.is_empty();
        let tgt_lengths = if has_target {
            self.tgt_lengths[rows.clone()].to_vec()
        } else {
            Vec::new()
        };
        let (src_len, tgt_len) = (padding.width(&src_lengths), padding.width(&tgt_lengths));
        let narrow = |tokens: &[i64], old: usize, new: usize, left_pad: bool| -> Vec<i64> {
            let start = if left_pad { old - new } else { 0 };
            let rows = rows.clone().map(|row| &tokens[row * old..][..old]);
            rows.flat_map(|row| row[start..start + new].iter().copied())
                .collect()
        };
        let target_side = |tokens: &[i64]| {
            if has_target {
                narrow(tokens, self.tgt_len, tgt_len, padding.left_pad_target)
            } else {
                Vec::new()
            }
        };
        let lengths = if has_target { &tgt_lengths } else { &src_lengths };
        Self {
            ids: self.ids[rows.clone()].to_vec(),
            src_tokens: narrow(&self.src_tokens, self.src_len, src_len, padding.left_pad_source),
            prev_output_tokens: target_side(&self.prev_output_tokens),
            target: target_side(&self.target),
            batch: rows.len(),
            ntokens: lengths.iter().sum(),
            src_len,
            tgt_len,
            padding,
            src_lengths,
            tgt_lengths,
        }
    }
}

impl Batch for PairBatch {
    fn ids(&self) -> &[usize] {
        &self.ids
    }

    fn ntokens(&self) -> usize {
        self.ntokens
    }

    fn src_ntokens(&self) -> usize {
        self.src_lengths.iter().sum()
    }

    fn places(&self) -> usize {
        self.batch * (self.src_len + self.tgt_len)
    }

    fn widths(&self) -> String {
        format!("{} source x {} target tokens", self.src_len, self.tgt_len)
    }

    fn row_sizes(&self, row: usize) -> String {
        let tgt_len = self.tgt_lengths.get(row).copied().unwrap_or(0);
        format!("{} source and {tgt_len} target tokens", self.src_lengths[row])
    }

    fn halves(&self) -> Option<[Self; 2]> {
        let middle = self.batch.div_ceil(2);
        (self.batch > 1).then(|| [self.rows(0..middle), self.rows(middle..self.batch)])
    }
}

#[cfg(test)]
mod tests {
    use crate::{Batch, Dataset, LanguagePairDataset, PairBatch, PairOptions, Sentences};

    /// Pairs whose long sides are in different sentences.
    fn pairs(target: bool, options: PairOptions) -> LanguagePairDataset {
        let sentence = |length: usize| [vec![5; length - 1], vec![2]].concat();
        let side = |lengths: &[usize]| Sentences::Memory(lengths.iter().map(|&n| sentence(n)).collect());
        let tgt = target.then(|| side(&[9, 1, 2, 4, 3]));
        LanguagePairDataset::new(side(&[1, 7, 2, 3, 3]), tgt, 9, 9, options).unwrap()
    }

    #[test]
    fn halves_are_batches_of_half_of_the_sentences() {
        for (left_pad_source, left_pad_target) in [(true, false), (false, true)] {
            for required_seq_len_multiple in [1, 4] {
                for target in [true, false] {
                    let options = PairOptions {
                        left_pad_source,
                        left_pad_target,
                        required_seq_len_multiple,
                        ..PairOptions::default()
                    };
                    let pairs = pairs(target, options);
                    let whole = pairs.collate(&[0, 1, 2, 3, 4], 0).unwrap();
                    let halves = whole.halves().unwrap();
                    // From long to short sources: 1 | 3 4 | 2 | 0.
                    let expected = [[1, 3, 4].as_slice(), &[2, 0]].map(|ids| pairs.collate(ids, 0).unwrap());
                    assert_eq!(halves, expected);
                }
            }
        }
    }

    #[test]
    fn one_sentence_cannot_be_halved() {
        let options = PairOptions::default();
        let whole = pairs(true, options).collate(&[3], 0).unwrap();
        assert_eq!(whole.halves(), None);
        assert_eq!(PairBatch::default().halves(), None);
    }
}
