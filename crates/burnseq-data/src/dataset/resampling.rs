//! Training sentences whose words are split into other subwords in every epoch (BPE-dropout, Provilkov et al. 2020;
//! subword regularisation, Kudo 2018).

use std::sync::Arc;

use burnseq_text::{Dictionary, SampleRng, SubwordSampler};

use super::{Dataset, LanguagePairDataset, PairBatch};
use crate::batching::{BatchLimits, batch_by_size, ordered_indices};
use crate::error::Result;
use crate::sentences::Sentences;

/// Draws segmentations of one side of a dataset.
#[derive(Debug, Clone)]
pub struct SideSampler {
    /// What draws them.
    pub sampler: SubwordSampler,
    /// The dictionary that the side is stored with.
    pub dictionary: Arc<Dictionary>,
    /// Longest sentence that the model takes, `</s>` included; one that would become longer stays as it is stored.
    pub max_len: usize,
}

impl SideSampler {
    /// Another segmentation of a sentence, of at most `max_tokens` as well.
    fn draw(&self, stored: Vec<u32>, max_tokens: usize, rng: &mut SampleRng) -> Vec<u32> {
        let drawn = self.sampler.resample(&stored, &self.dictionary, rng);
        if drawn.len() > self.max_len.min(max_tokens) {
            stored
        } else {
            drawn
        }
    }
}

/// Draws segmentations of sentence pairs. What is drawn depends on the seed, the epoch and the number of the pair
/// alone, so that a resumed run sees the same.
#[derive(Debug, Clone)]
pub struct Resampling {
    /// Seed of the run.
    pub seed: u64,
    /// Limits of the batches, which are cut by the stored lengths; drawn ones are longer.
    pub limits: BatchLimits,
    /// Source side.
    pub src: SideSampler,
    /// Target side.
    pub tgt: SideSampler,
}

impl Resampling {
    /// The pairs `indices` with the segmentations of `epoch`, as one batch.
    pub(super) fn collate(
        &self,
        pairs: &LanguagePairDataset,
        indices: &[usize],
        epoch: u32,
    ) -> Result<PairBatch> {
        let drawn = self.draw(pairs, indices, epoch)?;
        let whole: Vec<usize> = (0..drawn.len()).collect();
        part(&drawn, indices, &whole)
    }

    /// The same: one batch, or several where it would be larger than [`limits`](Self::limits) allow.
    pub(super) fn collate_parts(
        &self,
        pairs: &LanguagePairDataset,
        indices: &[usize],
        epoch: u32,
    ) -> Result<Vec<PairBatch>> {
        let drawn = self.draw(pairs, indices, epoch)?;
        let parts = self.parts(&drawn)?;
        parts.iter().map(|rows| part(&drawn, indices, rows)).collect()
    }

    /// Whether one of the first `count` pairs has another segmentation in the first epoch: none has where the
    /// dictionaries lack the pieces that are drawn.
    ///
    /// # Errors
    /// When a token is not in the dictionary.
    pub fn changes(&self, pairs: &LanguagePairDataset, count: usize) -> Result<bool> {
        let indices: Vec<usize> = (0..pairs.len().min(count)).collect();
        let drawn = self.draw(pairs, &indices, 1)?;
        let differs = |(at, &index): (usize, &usize)| {
            let side = |tgt: Option<&Sentences>, index| tgt.map(|tgt| tgt.sentence(index));
            drawn.source(at) != pairs.source(index) || side(drawn.tgt(), at) != side(pairs.tgt(), index)
        };
        Ok(indices.iter().enumerate().any(differs))
    }

    /// The pairs `indices` in the segmentations of `epoch`.
    fn draw(
        &self,
        pairs: &LanguagePairDataset,
        indices: &[usize],
        epoch: u32,
    ) -> Result<LanguagePairDataset> {
        let max_tokens = self.max_tokens();
        let (mut src, mut tgt) = (Vec::new(), Vec::new());
        for &index in indices {
            let mut rng = SampleRng::for_sentence(self.seed, epoch.into(), index as u64);
            src.push(self.src.draw(pairs.source(index), max_tokens, &mut rng));
            if let Some(target) = pairs.tgt() {
                tgt.push(self.tgt.draw(target.sentence(index), max_tokens, &mut rng));
            }
        }
        let tgt = pairs.tgt().map(|_| Sentences::Memory(tgt));
        pairs.with_sentences(Sentences::Memory(src), tgt)
    }

    /// All pairs in one part; where they do not fit, in parts of similar lengths that do.
    fn parts(&self, drawn: &LanguagePairDataset) -> Result<Vec<Vec<usize>>> {
        let cost = |index| drawn.longer_len(index);
        let whole: Vec<usize> = (0..drawn.len()).collect();
        let longest = whole.iter().copied().map(cost).max().unwrap_or(0);
        if whole.len() * longest <= self.max_tokens() {
            return Ok(vec![whole]);
        }
        let order = ordered_indices(
            drawn.len(),
            |index| drawn.src_len(index),
            |index| drawn.tgt_len(index),
            None,
        );
        batch_by_size(&order, cost, &self.limits)
    }

    fn max_tokens(&self) -> usize {
        self.limits.max_tokens.unwrap_or(usize::MAX)
    }
}

/// The batch of the pairs `rows` of `drawn`, under the numbers that they have in their dataset.
fn part(drawn: &LanguagePairDataset, indices: &[usize], rows: &[usize]) -> Result<PairBatch> {
    let mut batch = drawn.collate_stored(rows)?;
    for id in &mut batch.ids {
        *id = indices[*id];
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::PairOptions;
    use burnseq_text::subword_nmt::{Codes, SubwordNmt};
    use burnseq_text::{Counts, SubwordModel, SubwordSampling};

    const TEXT: [&str; 3] = ["Hund", "Hund Hund ein", "ein"];

    fn side(p: f64, max_len: usize) -> SideSampler {
        let codes = Codes::parse(
            "#version: 0.2\nH u\nn d</w>\nHu nd</w>\ne i\nei n</w>\n".as_bytes(),
            "codes",
        )
        .unwrap();
        let model = SubwordModel::SubwordNmt(SubwordNmt::new(&codes));
        let mut counts = Counts::new();
        counts.add_line("Hund Hu@@ nd H@@ u@@ n@@ d e@@ i@@ n ein");
        SideSampler {
            sampler: SubwordSampler::new(&model, SubwordSampling::BpeDropout { p }).unwrap(),
            dictionary: Arc::new(Dictionary::from_counts(&counts, 0, None, 1)),
            max_len,
        }
    }

    /// Sentences of at most `max_len` tokens in batches of at most `max_tokens`.
    fn resampling(p: f64, max_len: usize, max_tokens: usize) -> Resampling {
        Resampling {
            seed: 3,
            limits: BatchLimits {
                max_tokens: Some(max_tokens),
                required_batch_size_multiple: 1,
                ..BatchLimits::default()
            },
            src: side(p, max_len),
            tgt: side(p, max_len),
        }
    }

    fn pairs() -> LanguagePairDataset {
        let dictionary = side(0.0, 9).dictionary;
        let sentences = || Sentences::Memory(TEXT.map(|line| dictionary.encode_line(line, true)).to_vec());
        let types = dictionary.len();
        LanguagePairDataset::new(
            sentences(),
            Some(sentences()),
            types,
            types,
            PairOptions::default(),
        )
        .unwrap()
    }

    /// What is drawn, which fits into one batch.
    fn one(resampling: &Resampling, pairs: &LanguagePairDataset, indices: &[usize], epoch: u32) -> PairBatch {
        let [batch] =
            <[PairBatch; 1]>::try_from(resampling.collate_parts(pairs, indices, epoch).unwrap()).unwrap();
        batch
    }

    #[test]
    fn without_dropout_batches_are_as_stored() {
        let pairs = pairs();
        for indices in [&[0, 1, 2][..], &[2, 0], &[]] {
            let drawn = resampling(0.0, 99, 99).collate_parts(&pairs, indices, 1).unwrap();
            assert_eq!(drawn, [pairs.collate(indices, 0).unwrap()]);
        }
    }

    #[test]
    fn pairs_are_segmented_by_epoch_and_number_whatever_the_batch() {
        let (pairs, resampling) = (pairs(), resampling(0.6, 99, 99));
        let row = |indices: &[usize], epoch| {
            let batch = one(&resampling, &pairs, indices, epoch);
            let row = batch.ids.iter().position(|&id| id == 1).unwrap();
            let target = &batch.target[row * batch.tgt_len..][..batch.tgt_lengths[row]];
            let source = &batch.src_tokens
                [(row + 1) * batch.src_len - batch.src_lengths[row]..(row + 1) * batch.src_len];
            (source.to_vec(), target.to_vec())
        };
        assert_eq!(row(&[1], 4), row(&[0, 1, 2], 4));
        let epochs: Vec<_> = (1..20).map(|epoch| row(&[1], epoch)).collect();
        assert!(epochs.iter().any(|drawn| *drawn != epochs[0]), "epochs differ");
        assert!(
            epochs.iter().any(|(source, target)| source != target),
            "sides differ"
        );
        for (source, _) in &epochs {
            let ids: Vec<u32> = source.iter().map(|&id| id as u32).collect();
            let text = resampling.src.dictionary.decode(&ids).replace("@@ ", "");
            assert_eq!(text, TEXT[1]);
        }
    }

    #[test]
    fn a_sentence_that_would_become_too_long_stays() {
        let pairs = pairs();
        for limits in [(4, 99), (99, 4)] {
            for epoch in 1..20 {
                let batch = one(&resampling(1.0, limits.0, limits.1), &pairs, &[1], epoch);
                assert_eq!(batch, pairs.collate(&[1], 0).unwrap());
            }
        }
        assert!(one(&resampling(1.0, 12, 12), &pairs, &[1], 1).src_len > 4);
    }

    #[test]
    fn a_batch_that_becomes_too_large_comes_in_parts_that_are_not() {
        let pairs = pairs();
        let all = [2, 0, 1, 2, 0, 1];
        assert!(
            all.len() * pairs.collate(&all, 0).unwrap().src_len <= 24,
            "stored, it fits"
        );
        let mut most = 0;
        for epoch in 1..20 {
            let parts = resampling(0.7, 99, 24)
                .collate_parts(&pairs, &all, epoch)
                .unwrap();
            most = most.max(parts.len());
            let mut ids: Vec<usize> = Vec::new();
            for part in &parts {
                assert!(part.batch * part.src_len.max(part.tgt_len) <= 24);
                ids.extend(&part.ids);
            }
            ids.sort_unstable();
            assert_eq!(ids, [0, 0, 1, 1, 2, 2]);
            let tokens = |parts: &[PairBatch]| parts.iter().map(|part| part.ntokens).sum::<usize>();
            let whole = one(&resampling(0.7, 99, 1000), &pairs, &all, epoch);
            assert_eq!(tokens(&parts), whole.ntokens, "the same is drawn");
        }
        assert!(most > 1);
    }
}
