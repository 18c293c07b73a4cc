//! Other segmentations of the same text while training: subword regularisation.

use serde::{Deserialize, Serialize};

use crate::dictionary::{Dictionary, SPECIAL_SYMBOLS};
use crate::error::{Error, Result};
use crate::random::SampleRng;
use crate::sentencepiece::{PieceSampler, byte_of};
use crate::subword::SubwordModel;
use crate::subword_nmt::{SEPARATOR, SubwordNmt};

/// How segmentations differ from the one that the subword model gives by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SubwordSampling {
    /// Merges are left out (Provilkov et al. 2020), as subword-nmt or SentencePiece does it,
    /// depending on whose model it is.
    BpeDropout {
        /// Probability to leave a merge out, in `[0, 1]`; 0.1 is usual.
        p: f64,
    },
    /// Drawn from all segmentations by a unigram model (Kudo 2018).
    Unigram {
        /// Exponent of the probabilities: 0 draws evenly, large values the best segmentation;
        /// 0.1 to 0.5 are usual.
        alpha: f64,
    },
}

impl SubwordSampling {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::InvalidOption`].
    pub fn validate(&self) -> Result<()> {
        let (name, expected, value, valid) = match *self {
            Self::BpeDropout { p } => ("the BPE-dropout", "from 0 to 1", p, (0.0..=1.0).contains(&p)),
            Self::Unigram { alpha } => (
                "alpha of unigram sampling",
                "a number that is not negative",
                alpha,
                alpha >= 0.0 && alpha.is_finite(),
            ),
        };
        if valid {
            return Ok(());
        }
        Err(Error::option(name, expected, value))
    }
}

/// Draws segmentations. Threads may share one; each sentence brings its own random numbers.
///
/// ```
/// use burnseq_text::subword_nmt::{Codes, SubwordNmt};
/// use burnseq_text::{SampleRng, SubwordModel, SubwordSampler, SubwordSampling};
/// let codes = Codes::parse("#version: 0.2\nH u\nHu n\nHun d</w>\n".as_bytes(), "codes")?;
/// let model = SubwordModel::SubwordNmt(SubwordNmt::new(&codes));
/// let sampler = SubwordSampler::new(&model, SubwordSampling::BpeDropout { p: 0.5 })?;
/// let (seed, epoch) = (1, 1);
/// let drawn: Vec<String> = (0..3)
///     .map(|sentence| sampler.encode_line("Hund", &mut SampleRng::for_sentence(seed, epoch, sentence)))
///     .collect::<Result<_, _>>()?;
/// for pieces in &drawn {
///     assert_eq!(model.decode(pieces), "Hund");
/// }
/// # Ok::<(), burnseq_text::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SubwordSampler {
    model: Model,
    /// Tokens that stay as they are.
    extra_symbols: Vec<String>,
}

#[derive(Debug, Clone)]
enum Model {
    SubwordNmt { model: SubwordNmt, p: f64 },
    SentencePiece(PieceSampler),
}

impl SubwordSampler {
    /// # Errors
    /// [`Error::InvalidOption`] for values out of range, [`Error::SamplingModel`] when there is no
    /// subword model or its kind has no such sampling.
    pub fn new(model: &SubwordModel, sampling: SubwordSampling) -> Result<Self> {
        sampling.validate()?;
        let model = match (model, sampling) {
            (SubwordModel::SentencePiece(model), _) => {
                Model::SentencePiece(PieceSampler::new(model, sampling)?)
            }
            (SubwordModel::SubwordNmt(model), SubwordSampling::BpeDropout { p }) => Model::SubwordNmt {
                model: model.clone(),
                p,
            },
            (SubwordModel::SubwordNmt(_), SubwordSampling::Unigram { .. }) => {
                return Err(Error::SamplingModel(
                    "sampling by probability needs a SentencePiece unigram model, but the codes are BPE merges\n\
                     hint: use BPE-dropout"
                        .to_owned(),
                ));
            }
            (SubwordModel::HuggingFace(_), _) => {
                return Err(Error::SamplingModel(
                    "segmentations cannot be sampled with a tokenizer of Hugging Face\n\
                     hint: use a SentencePiece model or subword-nmt codes"
                        .to_owned(),
                ));
            }
            (SubwordModel::None, _) => {
                return Err(Error::SamplingModel(
                    "there is no subword model whose segmentations could be sampled".to_owned(),
                ));
            }
        };
        Ok(Self {
            model,
            extra_symbols: Vec::new(),
        })
    }

    /// Leaves these symbols whole in sentences of ids, as text settings with `extra_symbols` do in text.
    #[must_use]
    pub fn with_extra_symbols(self, extra_symbols: Vec<String>) -> Self {
        Self {
            extra_symbols,
            ..self
        }
    }

    /// A segmentation of a line, pieces separated by blanks.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`].
    pub fn encode_line(&self, line: &str, rng: &mut SampleRng) -> Result<String> {
        match &self.model {
            Model::SubwordNmt { model, p } => Ok(model.encode_line_with_dropout(line, *p, rng)),
            Model::SentencePiece(sampler) => Ok(sampler.segment(&sampler.model().normalize(line)?, rng)),
        }
    }

    /// Another segmentation of a sentence of ids, as `data-bin` holds them.
    ///
    /// Special and extra symbols stay where they are, and no piece reaches across an unknown token. Where a
    /// new segmentation has a piece that the dictionary lacks, the old one is kept, from one place
    /// where both have a border to the next.
    pub fn resample(&self, ids: &[u32], dictionary: &Dictionary, rng: &mut SampleRng) -> Vec<u32> {
        let is_special = |id: &u32| {
            let symbol = dictionary.symbol(*id);
            (*id as usize) < SPECIAL_SYMBOLS.len() || self.extra_symbols.iter().any(|extra| extra == symbol)
        };
        let mut resampled = Vec::with_capacity(ids.len() * 2);
        for run in ids.chunk_by(|left, right| is_special(left) == is_special(right)) {
            if is_special(&run[0]) {
                resampled.extend_from_slice(run);
                continue;
            }
            let tokens: Vec<&str> = run.iter().map(|&id| dictionary.symbol(id)).collect();
            let drawn = self.redraw(&tokens, rng);
            let drawn: Vec<&str> = drawn.split(' ').filter(|piece| !piece.is_empty()).collect();
            let spans = common_spans(&self.widths(&tokens), &self.widths(&drawn));
            let Some(spans) = spans else {
                resampled.extend_from_slice(run);
                continue;
            };
            for (old, new) in spans {
                let new: Option<Vec<u32>> = drawn[new]
                    .iter()
                    .map(|piece| dictionary.index_of(piece).filter(|id| !is_special(id)))
                    .collect();
                resampled.extend(new.unwrap_or_else(|| run[old].to_vec()));
            }
        }
        resampled
    }

    /// Pieces of the text that `tokens` are pieces of.
    fn redraw(&self, tokens: &[&str], rng: &mut SampleRng) -> String {
        let line = tokens.join(" ");
        match &self.model {
            Model::SentencePiece(sampler) => sampler.segment(&sampler.model().join(&line), rng),
            Model::SubwordNmt { model, p } => {
                let mut drawn = model.encode_line_with_dropout(&model.decode(&line), *p, rng);
                // The word goes on in an unknown token behind these.
                if line.ends_with(SEPARATOR) {
                    drawn.push_str(SEPARATOR);
                }
                drawn
            }
        }
    }

    /// How many bytes of the text each piece stands for.
    fn widths(&self, pieces: &[&str]) -> Vec<usize> {
        let width = |piece: &&str| match &self.model {
            Model::SubwordNmt { .. } => piece.strip_suffix(SEPARATOR).unwrap_or(piece).len(),
            Model::SentencePiece(sampler) if sampler.model().falls_back_to_bytes() => {
                byte_of(piece).map_or(piece.len(), |_| 1)
            }
            Model::SentencePiece(_) => piece.len(),
        };
        pieces.iter().map(width).collect()
    }
}

/// Ranges of the pieces of two segmentations between the borders that they share, or `None` when
/// they are not of the same length.
fn common_spans(
    old: &[usize],
    new: &[usize],
) -> Option<Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>> {
    let mut spans = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    while old_at < old.len() || new_at < new.len() {
        let (old_begin, new_begin) = (old_at, new_at);
        let (mut old_end, mut new_end) = (*old.get(old_at)?, *new.get(new_at)?);
        (old_at, new_at) = (old_at + 1, new_at + 1);
        while old_end != new_end {
            if old_end < new_end {
                old_end += old.get(old_at)?;
                old_at += 1;
            } else {
                new_end += new.get(new_at)?;
                new_at += 1;
            }
        }
        spans.push((old_begin..old_at, new_begin..new_at));
    }
    Some(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dictionary::Counts;
    use crate::sentencepiece::{SentencePiece, SentencePieceOptions, learn};
    use crate::subword_nmt::Codes;

    const CODES: &str = "#version: 0.2\nH u\nn d</w>\nHu nd</w>\n";

    fn bpe() -> SubwordModel {
        let codes = Codes::parse(CODES.as_bytes(), "codes").unwrap();
        SubwordModel::SubwordNmt(SubwordNmt::new(&codes))
    }

    fn dictionary(text: &str) -> Dictionary {
        let mut counts = Counts::new();
        counts.add_line(text);
        Dictionary::from_counts(&counts, 0, None, 1)
    }

    fn sentence(n: u64) -> SampleRng {
        SampleRng::for_sentence(7, 0, n)
    }

    #[test]
    fn spans_end_where_both_segmentations_have_a_border() {
        assert_eq!(
            common_spans(&[1, 2, 1], &[3, 1]),
            Some(vec![(0..2, 0..1), (2..3, 1..2)])
        );
        assert_eq!(common_spans(&[], &[]), Some(vec![]));
        assert_eq!(common_spans(&[2, 2], &[1, 2]), None);
        assert_eq!(common_spans(&[2], &[2, 1]), None);
    }

    #[test]
    fn resampled_ids_stand_for_the_same_text() {
        let dictionary = dictionary("Hund Hu@@ nd H@@ u@@ n@@ d ein");
        let sampler = SubwordSampler::new(&bpe(), SubwordSampling::BpeDropout { p: 0.5 }).unwrap();
        let ids = dictionary.encode_line("ein Hund Hund", true);
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..200 {
            let drawn = sampler.resample(&ids, &dictionary, &mut sentence(n));
            assert_eq!(drawn.last(), Some(&dictionary.eos()));
            assert!(!drawn.contains(&dictionary.unk()));
            let tokens = dictionary.decode(&drawn);
            assert_eq!(bpe().decode(&tokens), "ein Hund Hund");
            seen.insert(tokens);
        }
        assert!(seen.len() > 4, "{seen:?}");
        let none = SubwordSampler::new(&bpe(), SubwordSampling::BpeDropout { p: 0.0 }).unwrap();
        assert_eq!(none.resample(&ids, &dictionary, &mut sentence(0)), ids);
    }

    #[test]
    fn pieces_that_the_dictionary_lacks_never_come_up() {
        // `u@@` and `n@@` are missing: `Hu@@` stays, and so does `nd`.
        let dictionary = dictionary("Hu@@ nd H@@ d x");
        let sampler = SubwordSampler::new(&bpe(), SubwordSampling::BpeDropout { p: 0.9 }).unwrap();
        let ids = dictionary.encode_line("Hu@@ nd x", true);
        for n in 0..50 {
            assert_eq!(sampler.resample(&ids, &dictionary, &mut sentence(n)), ids);
        }
    }

    #[test]
    fn unknown_tokens_stay_and_words_go_on_through_them() {
        let dictionary = dictionary("Hu@@ nd H@@ u@@ n@@ d");
        let sampler = SubwordSampler::new(&bpe(), SubwordSampling::BpeDropout { p: 1.0 }).unwrap();
        let ids = dictionary.encode_line("Hu@@ ß nd", true);
        let drawn = dictionary.decode(&sampler.resample(&ids, &dictionary, &mut sentence(0)));
        assert_eq!(drawn, "H@@ u@@ <unk> n@@ d");
    }

    #[test]
    fn sentencepiece_ids_are_resampled_alike() {
        let options = SentencePieceOptions {
            vocab_size: 40,
            ..SentencePieceOptions::default()
        };
        let text = ["ein Hund bellt", "ein Mann lacht", "der Hund lacht"];
        let learned = learn(text, &options).unwrap();
        let model = SentencePiece::from_bytes(&learned.model, "spm").unwrap();
        let pieces: Vec<&str> = model.pieces().skip(3).collect();
        let dictionary = dictionary(&pieces.join(" "));
        let model = SubwordModel::SentencePiece(model);
        let sampler = SubwordSampler::new(&model, SubwordSampling::BpeDropout { p: 0.3 }).unwrap();
        let ids = dictionary.encode_line(&model.encode_line("der Mann bellt").unwrap(), true);
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..50 {
            let drawn = dictionary.decode(&sampler.resample(&ids, &dictionary, &mut sentence(n)));
            assert_eq!(model.decode(&drawn), "der Mann bellt");
            seen.insert(drawn);
        }
        assert!(seen.len() > 5, "{seen:?}");
    }

    #[test]
    fn wrong_values_and_kinds_are_refused_by_name() {
        let error =
            |model: &SubwordModel, sampling| SubwordSampler::new(model, sampling).unwrap_err().to_string();
        for p in [-0.1, 1.1, f64::NAN] {
            let message = error(&bpe(), SubwordSampling::BpeDropout { p });
            assert_eq!(message, format!("the BPE-dropout must be from 0 to 1, got {p}"));
        }
        assert!(error(&bpe(), SubwordSampling::Unigram { alpha: -1.0 }).contains("alpha"));
        assert!(error(&bpe(), SubwordSampling::Unigram { alpha: 0.1 }).contains("hint: use BPE-dropout"));
        let message = error(&SubwordModel::None, SubwordSampling::BpeDropout { p: 0.1 });
        assert!(message.contains("no subword model"), "{message}");
    }
}
