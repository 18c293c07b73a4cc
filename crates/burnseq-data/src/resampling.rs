//! Training sentences whose words are split into other subwords in every epoch (BPE-dropout, Provilkov et al. 2020;
//! subword regularisation, Kudo 2018).

use std::sync::Arc;

use burnseq_text::{Dictionary, SampleRng, SubwordSampler};

use crate::error::Result;
use crate::pair::{Batch, LanguagePairDataset};
use crate::sentences::Sentences;

/// Draws segmentations of one side of a dataset.
#[derive(Debug, Clone)]
pub struct SideSampler {
    /// What draws them.
    pub sampler: SubwordSampler,
    /// The dictionary that the side is stored with.
    pub dictionary: Arc<Dictionary>,
    /// Longest sentence, `</s>` included; one that would become longer stays as it is stored.
    pub max_len: usize,
}

impl SideSampler {
    fn draw(&self, stored: Vec<u32>, rng: &mut SampleRng) -> Vec<u32> {
        let drawn = self.sampler.resample(&stored, &self.dictionary, rng);
        if drawn.len() > self.max_len { stored } else { drawn }
    }
}

/// Draws segmentations of sentence pairs. What is drawn depends on the seed, the epoch and the number of the pair
/// alone, so that a resumed run sees the same.
#[derive(Debug, Clone)]
pub struct Resampling {
    /// Seed of the run.
    pub seed: u64,
    /// Source side.
    pub src: SideSampler,
    /// Target side.
    pub tgt: SideSampler,
}

impl Resampling {
    /// [`LanguagePairDataset::collate`] with the segmentations of `epoch`.
    ///
    /// Batches are cut by the stored lengths, so that one may become somewhat larger than `--max-tokens`.
    ///
    /// # Errors
    /// When a token is not in the dictionary.
    ///
    /// # Panics
    /// When an index is not below [`LanguagePairDataset::len`].
    pub fn collate(&self, pairs: &LanguagePairDataset, indices: &[usize], epoch: u32) -> Result<Batch> {
        let (mut src, mut tgt) = (Vec::new(), Vec::new());
        for &index in indices {
            let mut rng = SampleRng::for_sentence(self.seed, epoch.into(), index as u64);
            src.push(self.src.draw(pairs.source(index), &mut rng));
            if let Some(target) = pairs.tgt() {
                tgt.push(self.tgt.draw(target.sentence(index), &mut rng));
            }
        }
        let tgt = pairs.tgt().map(|_| Sentences::Memory(tgt));
        let mut batch = pairs.with_sentences(Sentences::Memory(src), tgt)?.collate_all()?;
        for id in &mut batch.ids {
            *id = indices[*id];
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::PairOptions;
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

    fn resampling(p: f64, max_len: usize) -> Resampling {
        Resampling {
            seed: 3,
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

    #[test]
    fn without_dropout_batches_are_as_stored() {
        let pairs = pairs();
        for indices in [&[0, 1, 2][..], &[2, 0], &[]] {
            let drawn = resampling(0.0, 99).collate(&pairs, indices, 1).unwrap();
            assert_eq!(drawn, pairs.collate(indices).unwrap());
        }
    }

    #[test]
    fn pairs_are_segmented_by_epoch_and_number_whatever_the_batch() {
        let (pairs, resampling) = (pairs(), resampling(0.6, 99));
        let row = |indices: &[usize], epoch| {
            let batch = resampling.collate(&pairs, indices, epoch).unwrap();
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
        for epoch in 1..20 {
            let batch = resampling(1.0, 4).collate(&pairs, &[1], epoch).unwrap();
            assert_eq!(batch, pairs.collate(&[1]).unwrap());
        }
        assert!(resampling(1.0, 12).collate(&pairs, &[1], 1).unwrap().src_len > 4);
    }
}
