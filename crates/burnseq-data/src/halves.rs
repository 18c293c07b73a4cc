//! A batch that is cut in two by sentences, for a device whose memory does not hold it as a whole.

use crate::pair::{Batch, PairOptions};

impl Batch {
    /// The first and the second half of the sentences, each as narrow as its longest sentence allows, padded as
    /// `options` say; `None` for fewer than two sentences.
    ///
    /// The halves hold the same tokens as the whole, so that sums over tokens come out the same.
    pub fn halves(&self, options: &PairOptions) -> Option<[Self; 2]> {
        let middle = self.batch.div_ceil(2);
        let part = |rows| self.rows(rows, options);
        (self.batch > 1).then(|| [part(0..middle), part(middle..self.batch)])
    }

    /// Some of the rows, without the padding that none of them needs.
    fn rows(&self, rows: std::ops::Range<usize>, options: &PairOptions) -> Self {
        let src_lengths = self.src_lengths[rows.clone()].to_vec();
        let has_target = !self.tgt_lengths.is_empty();
        let tgt_lengths = if has_target {
            self.tgt_lengths[rows.clone()].to_vec()
        } else {
            Vec::new()
        };
        let width = |lengths: &[usize]| options.width(lengths.iter().copied().max().unwrap_or(0));
        let (src_len, tgt_len) = (width(&src_lengths), width(&tgt_lengths));
        let narrow = |tokens: &[i64], old: usize, new: usize, left_pad: bool| -> Vec<i64> {
            let start = if left_pad { old - new } else { 0 };
            let rows = rows.clone().map(|row| &tokens[row * old..][..old]);
            rows.flat_map(|row| row[start..start + new].iter().copied())
                .collect()
        };
        let target_side = |tokens: &[i64]| {
            if has_target {
                narrow(tokens, self.tgt_len, tgt_len, options.left_pad_target)
            } else {
                Vec::new()
            }
        };
        let lengths = if has_target { &tgt_lengths } else { &src_lengths };
        Self {
            ids: self.ids[rows.clone()].to_vec(),
            src_tokens: narrow(&self.src_tokens, self.src_len, src_len, options.left_pad_source),
            prev_output_tokens: target_side(&self.prev_output_tokens),
            target: target_side(&self.target),
            batch: rows.len(),
            nsentences: rows.len(),
            ntokens: lengths.iter().sum(),
            src_len,
            tgt_len,
            src_lengths,
            tgt_lengths,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Batch, LanguagePairDataset, PairOptions, Sentences};

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
                    let pairs = pairs(target, options.clone());
                    let whole = pairs.collate(&[0, 1, 2, 3, 4]).unwrap();
                    let halves = whole.halves(&options).unwrap();
                    // From long to short sources: 1 | 3 4 | 2 | 0.
                    let expected = [[1, 3, 4].as_slice(), &[2, 0]].map(|ids| pairs.collate(ids).unwrap());
                    assert_eq!(halves, expected);
                }
            }
        }
    }

    #[test]
    fn one_sentence_cannot_be_halved() {
        let options = PairOptions::default();
        let whole = pairs(true, options.clone()).collate(&[3]).unwrap();
        assert_eq!(whole.halves(&options), None);
        assert_eq!(Batch::default().halves(&options), None);
    }
}
