//! Sentence pairs, padded to batches as fairseq pads them.

use std::ops::Range;
use std::sync::Arc;

use super::{Dataset, Padding, PairBatch, Resampling};
use crate::error::{Error, Result};
use crate::sentences::Sentences;

/// How pairs become batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairOptions {
    /// Padding goes before the source sentence instead of after it.
    pub left_pad_source: bool,
    /// Padding goes before the target sentence instead of after it.
    pub left_pad_target: bool,
    /// Id of the padding.
    pub pad: u32,
    /// Id that the decoder starts from.
    pub decoder_start: u32,
    /// Widths are rounded up to a multiple of this; 1 leaves them alone.
    pub required_seq_len_multiple: usize,
    /// Longer sources lose what is between their beginning and their `</s>`.
    pub truncate_source: Option<usize>,
}

impl Default for PairOptions {
    fn default() -> Self {
        Self {
            left_pad_source: true,
            left_pad_target: false,
            pad: 1,
            decoder_start: 2,
            required_seq_len_multiple: 1,
            truncate_source: None,
        }
    }
}

impl PairOptions {
    /// Where batches are padded.
    fn padding(&self) -> Padding {
        Padding {
            left_pad_source: self.left_pad_source,
            left_pad_target: self.left_pad_target,
            required_seq_len_multiple: self.required_seq_len_multiple,
        }
    }
}

/// Sentences of a source language, and of a target language unless there is nothing to compare
/// with.
#[derive(Debug)]
pub struct LanguagePairDataset {
    src: Sentences,
    tgt: Option<Sentences>,
    src_vocab: usize,
    tgt_vocab: usize,
    options: PairOptions,
    shards: Vec<Range<usize>>,
    resampling: Option<Arc<Resampling>>,
}

/// One pair of token ids, each ending with `</s>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Number of the sentence.
    pub id: usize,
    /// Source tokens.
    pub source: Vec<u32>,
    /// Target tokens.
    pub target: Option<Vec<u32>>,
}

impl LanguagePairDataset {
    /// Puts two sides together; `src_vocab` and `tgt_vocab` are the sizes of the dictionaries.
    ///
    /// # Errors
    /// When the sides have different numbers of sentences, or an option is out of range.
    pub fn new(
        src: Sentences,
        tgt: Option<Sentences>,
        src_vocab: usize,
        tgt_vocab: usize,
        options: PairOptions,
    ) -> Result<Self> {
        if options.required_seq_len_multiple == 0 {
            return Err(Error::Config(
                "'required_seq_len_multiple' must be at least 1".to_owned(),
            ));
        }
        if options.truncate_source == Some(0) {
            return Err(Error::Config(
                "'truncate_source' must leave at least 1 token".to_owned(),
            ));
        }
        if let Some(tgt) = &tgt
            && tgt.len() != src.len()
        {
            return Err(Error::Misaligned {
                src: src.name("source").into(),
                src_len: src.len(),
                tgt: tgt.name("target").into(),
                tgt_len: tgt.len(),
            });
        }
        let whole = 0..src.len();
        Ok(Self {
            src,
            tgt,
            src_vocab,
            tgt_vocab,
            options,
            shards: vec![whole],
            resampling: None,
        })
    }

    /// The same pairs, of which training takes one range each epoch, in turn.
    ///
    /// # Panics
    /// When the ranges do not follow one another from the first pair to the last.
    pub fn with_shards(mut self, shards: Vec<Range<usize>>) -> Self {
        let mut end = 0;
        for shard in &shards {
            assert!(shard.start == end && shard.end >= end, "shards {shards:?}");
            end = shard.end;
        }
        assert_eq!(end, self.src.len(), "shards {shards:?}");
        self.shards = shards;
        self
    }

    /// The same pairs, with other subwords in every epoch.
    pub fn with_resampling(mut self, resampling: Resampling) -> Self {
        self.resampling = Some(Arc::new(resampling));
        self
    }

    /// What draws other subwords in every epoch, where there are some.
    pub fn resampling(&self) -> Option<&Resampling> {
        self.resampling.as_deref()
    }

    /// Other sentences with the options and dictionaries of this dataset.
    pub(crate) fn with_sentences(&self, src: Sentences, tgt: Option<Sentences>) -> Result<Self> {
        Self::new(src, tgt, self.src_vocab, self.tgt_vocab, self.options.clone())
    }

    /// The source side.
    pub fn src(&self) -> &Sentences {
        &self.src
    }

    /// The target side.
    pub fn tgt(&self) -> Option<&Sentences> {
        self.tgt.as_ref()
    }

    /// How pairs become batches.
    pub fn options(&self) -> &PairOptions {
        &self.options
    }

    /// Source tokens of pair `index` after truncation, `</s>` included.
    pub fn src_len(&self, index: usize) -> usize {
        let limit = self.options.truncate_source.unwrap_or(usize::MAX);
        self.src.size(index).min(limit)
    }

    /// Target tokens of pair `index`, `</s>` included; 0 without a target side.
    pub fn tgt_len(&self, index: usize) -> usize {
        self.tgt.as_ref().map_or(0, |tgt| tgt.size(index))
    }

    /// Tokens of the longer side of pair `index`, which the size of a batch is counted by.
    pub(crate) fn longer_len(&self, index: usize) -> usize {
        self.src_len(index).max(self.tgt_len(index))
    }

    /// Source tokens of pair `index` after truncation.
    pub fn source(&self, index: usize) -> Vec<u32> {
        let mut source = self.src.sentence(index);
        let keep = self.src_len(index);
        if keep < source.len() {
            source[keep - 1] = source[source.len() - 1];
            source.truncate(keep);
        }
        source
    }

    /// Pair `index`.
    pub fn example(&self, index: usize) -> Example {
        Example {
            id: index,
            source: self.source(index),
            target: self.tgt.as_ref().map(|tgt| tgt.sentence(index)),
        }
    }

    /// Pads the pairs `indices` to one batch, as they are stored.
    pub(super) fn collate_stored(&self, indices: &[usize]) -> Result<PairBatch> {
        let mut ids = indices.to_vec();
        ids.sort_by_key(|&index| std::cmp::Reverse(self.src_len(index)));
        let src_lengths: Vec<usize> = ids.iter().map(|&index| self.src_len(index)).collect();
        let left = self.options.left_pad_source;
        let (src_tokens, src_len) =
            self.pad_rows(&self.src, &ids, &src_lengths, left, self.src_vocab, "source")?;
        let mut batch = PairBatch {
            padding: self.options.padding(),
            batch: ids.len(),
            ntokens: src_lengths.iter().sum(),
            src_tokens,
            src_lengths,
            src_len,
            ids,
            ..PairBatch::default()
        };
        if let Some(tgt) = &self.tgt {
            let left = self.options.left_pad_target;
            batch.tgt_lengths = batch.ids.iter().map(|&index| tgt.size(index)).collect();
            let (target, tgt_len) = self.pad_rows(
                tgt,
                &batch.ids,
                &batch.tgt_lengths,
                left,
                self.tgt_vocab,
                "target",
            )?;
            batch.prev_output_tokens = self.shift_right(&target, &batch.tgt_lengths, tgt_len);
            batch.target = target;
            batch.tgt_len = tgt_len;
            batch.ntokens = batch.tgt_lengths.iter().sum();
        }
        Ok(batch)
    }

    /// Sentences as rows of equal width, of which `sizes` tokens each are kept, and that width.
    fn pad_rows(
        &self,
        side: &Sentences,
        ids: &[usize],
        sizes: &[usize],
        left_pad: bool,
        vocab: usize,
        name: &str,
    ) -> Result<(Vec<i64>, usize)> {
        let width = self.options.padding().width(sizes);
        let mut rows = vec![i64::from(self.options.pad); ids.len() * width];
        for ((row, &index), &size) in rows.chunks_exact_mut(width.max(1)).zip(ids).zip(sizes) {
            let start = if left_pad { width - size } else { 0 };
            side.copy_to(index, &mut row[start..start + size], vocab, name)?;
        }
        Ok((rows, width))
    }

    /// Rows of the target behind what the decoder starts from, without their last token.
    fn shift_right(&self, target: &[i64], lengths: &[usize], width: usize) -> Vec<i64> {
        let mut shifted = vec![i64::from(self.options.pad); target.len()];
        let rows = shifted
            .chunks_exact_mut(width.max(1))
            .zip(target.chunks_exact(width.max(1)));
        for ((shifted, row), &length) in rows.zip(lengths) {
            let start = if self.options.left_pad_target {
                width - length
            } else {
                0
            };
            let end = start + length;
            if length > 0 {
                shifted[start] = i64::from(self.options.decoder_start);
                shifted[start + 1..end].copy_from_slice(&row[start..end - 1]);
            }
        }
        shifted
    }
}

impl Dataset for LanguagePairDataset {
    type Batch = PairBatch;

    fn len(&self) -> usize {
        self.src.len()
    }

    fn shards(&self) -> Vec<Range<usize>> {
        self.shards.clone()
    }

    fn sizes(&self, index: usize) -> [usize; 2] {
        [self.src_len(index), self.tgt_len(index)]
    }

    fn seq_len_multiple(&self) -> usize {
        self.options.required_seq_len_multiple
    }

    fn collate(&self, indices: &[usize], epoch: u32) -> Result<PairBatch> {
        match &self.resampling {
            Some(resampling) if epoch > 0 => resampling.collate(self, indices, epoch),
            _ => self.collate_stored(indices),
        }
    }

    fn collate_parts(&self, indices: &[usize], epoch: u32) -> Result<Vec<PairBatch>> {
        match &self.resampling {
            Some(resampling) if epoch > 0 => resampling.collate_parts(self, indices, epoch),
            _ => Ok(vec![self.collate_stored(indices)?]),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dataset::Batch;

    /// Three pairs: sources of 2, 3 and 2 tokens, targets of 3, 1 and 2.
    pub(crate) fn dataset(options: PairOptions) -> LanguagePairDataset {
        let src = vec![vec![4, 2], vec![5, 6, 2], vec![7, 2]];
        let tgt = vec![vec![8, 9, 2], vec![2], vec![4, 2]];
        let (src, tgt) = (Sentences::Memory(src), Sentences::Memory(tgt));
        LanguagePairDataset::new(src, Some(tgt), 10, 10, options).unwrap()
    }

    #[test]
    fn rows_are_sorted_padded_and_shifted_as_in_fairseq() {
        let batch = dataset(PairOptions::default()).collate(&[0, 1, 2], 0).unwrap();
        assert_eq!(batch.ids, [1, 0, 2]);
        assert_eq!(batch.src_tokens, [5, 6, 2, 1, 4, 2, 1, 7, 2]);
        assert_eq!(batch.target, [2, 1, 1, 8, 9, 2, 4, 2, 1]);
        assert_eq!(batch.prev_output_tokens, [2, 1, 1, 2, 8, 9, 2, 4, 1]);
        assert_eq!((batch.batch, batch.src_len, batch.tgt_len), (3, 3, 3));
        assert_eq!((batch.ntokens, batch.src_ntokens()), (6, 7));
    }

    #[test]
    fn padding_can_change_sides_and_widths_be_rounded_up() {
        let options = PairOptions {
            left_pad_source: false,
            left_pad_target: true,
            required_seq_len_multiple: 4,
            ..PairOptions::default()
        };
        let batch = dataset(options).collate(&[2, 0], 0).unwrap();
        assert_eq!(batch.src_tokens, [7, 2, 1, 1, 4, 2, 1, 1]);
        assert_eq!(batch.target, [1, 1, 4, 2, 1, 8, 9, 2]);
        assert_eq!(batch.prev_output_tokens, [1, 1, 2, 4, 1, 2, 8, 9]);
    }

    #[test]
    fn a_truncated_source_keeps_its_beginning_and_its_end() {
        let options = PairOptions {
            truncate_source: Some(2),
            ..PairOptions::default()
        };
        let dataset = dataset(options);
        let batch = dataset.collate(&[0, 1, 2], 0).unwrap();
        assert_eq!(batch.ids, [0, 1, 2]);
        assert_eq!(batch.src_tokens, [4, 2, 5, 2, 7, 2]);
        assert_eq!(batch.src_lengths, [2, 2, 2]);
        assert_eq!((dataset.source(1), dataset.source(2)), (vec![5, 2], vec![7, 2]));
    }

    #[test]
    fn a_side_without_target_and_an_empty_batch_have_no_target_places() {
        let src = Sentences::Memory(vec![vec![4, 2]]);
        let options = PairOptions::default();
        let mono = LanguagePairDataset::new(src, None, 10, 10, options).unwrap();
        let batch = mono.collate(&[0], 0).unwrap();
        assert_eq!((batch.ntokens, batch.tgt_len, batch.target.len()), (2, 0, 0));
        assert!(
            dataset(PairOptions::default())
                .collate(&[], 0)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_token_outside_the_dictionary_is_named() {
        let src = Sentences::Memory(vec![vec![2], vec![11, 2]]);
        let pairs = LanguagePairDataset::new(src, None, 10, 10, PairOptions::default()).unwrap();
        let error = pairs.collate(&[0, 1], 0).unwrap_err().to_string();
        assert!(
            error.starts_with("sentence 1 of source holds token id 11"),
            "{error}"
        );
    }

    #[test]
    fn sides_of_different_length_are_refused() {
        let sides = (Sentences::Memory(vec![vec![2]]), Some(Sentences::Memory(vec![])));
        let error = LanguagePairDataset::new(sides.0, sides.1, 4, 4, PairOptions::default());
        assert!(matches!(error, Err(Error::Misaligned { .. })));
    }
}
