//! Sampled segmentations of a SentencePiece model, with random numbers of ours: the library's own
//! cannot be seeded.

use std::sync::Arc;

use super::model::SentencePiece;
use super::piece_line::PieceLine;
use super::proto::{ModelType, PieceType};
use super::trie::Trie;
use super::{bpe_dropout, unigram};
use crate::error::{Error, Result};
use crate::random::SampleRng;
use crate::sampling::SubwordSampling;
use rustc_hash::FxHashMap;

/// How much less likely than the rarest piece an unknown character is, as in SentencePiece.
pub(super) const UNKNOWN_PENALTY: f32 = 10.0;

/// Segments text with a SentencePiece model, differently each time.
#[derive(Debug, Clone)]
pub(crate) struct PieceSampler {
    model: SentencePiece,
    sampling: SubwordSampling,
    /// Scores of the pieces that text is made of.
    scores: FxHashMap<Box<str>, f32>,
    /// Symbols that are never split or joined.
    user_defined: Arc<Trie<()>>,
    /// Characters of the longest piece.
    longest: usize,
    /// Score of an unknown character.
    unknown: f32,
}

impl PieceSampler {
    /// # Errors
    /// [`Error::SamplingModel`] when the model is of another kind than the sampling.
    pub(crate) fn new(model: &SentencePiece, sampling: SubwordSampling) -> Result<Self> {
        let error = |reason: &str| Err(Error::SamplingModel(reason.to_owned()));
        match (sampling, model.model_type()) {
            (SubwordSampling::BpeDropout { .. }, ModelType::Bpe)
            | (SubwordSampling::Unigram { .. }, ModelType::Unigram) => {}
            (SubwordSampling::BpeDropout { .. }, ModelType::Unigram) => {
                return error("BPE-dropout needs a BPE model, but this is a unigram model");
            }
            (SubwordSampling::Unigram { .. }, ModelType::Bpe) => {
                return error("sampling by probability needs a unigram model, but this is a BPE model");
            }
            (_, ModelType::Word | ModelType::Char) => {
                return error("a model of words or characters has one segmentation only");
            }
        }
        let symbols = model
            .entries()
            .iter()
            .filter(|entry| entry.kind == PieceType::UserDefined);
        let mut sampler = Self {
            model: model.clone(),
            sampling,
            scores: FxHashMap::default(),
            user_defined: Arc::new(Trie::new(symbols.map(|entry| (&*entry.piece, ())))),
            longest: 0,
            unknown: f32::INFINITY,
        };
        for entry in model.entries() {
            match entry.kind {
                PieceType::Normal => {
                    sampler.unknown = sampler.unknown.min(entry.score - UNKNOWN_PENALTY);
                    sampler.longest = sampler.longest.max(entry.piece.chars().count());
                    sampler.scores.insert(entry.piece.clone(), entry.score);
                }
                PieceType::Unused if model.model_type() == ModelType::Bpe => {
                    return error("BPE-dropout does not go with a model that has unused pieces");
                }
                PieceType::UserDefined
                | PieceType::Unused
                | PieceType::Unknown
                | PieceType::Control
                | PieceType::Byte => {}
            }
        }
        Ok(sampler)
    }

    /// The model.
    pub(crate) fn model(&self) -> &SentencePiece {
        &self.model
    }

    /// The pieces of text that the model has normalised, separated by blanks; characters it does
    /// not know are treated as in [`SentencePiece::encode_line`].
    pub(crate) fn segment(&self, normalized: &str, rng: &mut SampleRng) -> String {
        let mut out = PieceLine::new(self.model.falls_back_to_bytes(), normalized.len() * 2);
        let mut rest = normalized;
        while !rest.is_empty() {
            let (at, length) = self.find_user_defined(rest).unwrap_or((rest.len(), 0));
            self.segment_between(&rest[..at], &mut out, rng);
            if length > 0 {
                out.push_known(&rest[at..at + length]);
            }
            rest = &rest[at + length..];
        }
        out.finish()
    }

    /// Place and length of the first user-defined symbol, the longest of those that begin there.
    fn find_user_defined(&self, text: &str) -> Option<(usize, usize)> {
        if self.user_defined.is_empty() {
            return None;
        }
        let mut places = text.char_indices().map(|(at, _)| at);
        places.find_map(|at| {
            let (length, ()) = self.user_defined.longest_prefix(&text[at..])?;
            Some((at, length))
        })
    }

    /// The pieces of text that holds no user-defined symbol.
    fn segment_between(&self, text: &str, out: &mut PieceLine, rng: &mut SampleRng) {
        let score = |piece: &str| self.scores.get(piece).copied();
        let ranges = match self.sampling {
            SubwordSampling::BpeDropout { p } => bpe_dropout::segment(text, score, p, rng),
            SubwordSampling::Unigram { alpha } => {
                unigram::segment(text, score, self.unknown, self.longest, alpha, rng)
            }
        };
        for range in ranges {
            let piece = &text[range];
            if self.scores.contains_key(piece) {
                out.push_known(piece);
            } else {
                out.push_unknown(piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::changed_model;
    use super::super::proto::{ModelProto, Piece};
    use super::*;
    const TEXT: [&str; 3] = ["ein Hund bellt", "ein Mann lacht", "der Hund lacht"];

    /// A model learnt from [`TEXT`], with a change.
    fn model(change: impl FnOnce(&mut ModelProto)) -> SentencePiece {
        changed_model(&TEXT, 40, change).unwrap()
    }

    const DROPOUT: SubwordSampling = SubwordSampling::BpeDropout { p: 0.0 };

    #[test]
    fn unknown_characters_are_one_piece_as_in_the_library() {
        let model = model(|_| {});
        let sampler = PieceSampler::new(&model, DROPOUT).unwrap();
        let mut rng = SampleRng::for_sentence(0, 0, 0);
        for line in ["ein 猫犬 Hund", "猫", "", "lachtXYein", "der  Hund "] {
            let normalized = model.normalize(line).unwrap();
            assert_eq!(
                sampler.segment(&normalized, &mut rng),
                model.encode_line(line).unwrap()
            );
        }
    }

    #[test]
    fn user_defined_symbols_are_cut_out_first_and_the_longest_wins() {
        let model = model(|proto| {
            proto.pieces.extend(["un", "und"].map(|symbol| Piece {
                piece: Some(symbol.into()),
                score: Some(0.0),
                r#type: Some(PieceType::UserDefined.into()),
            }));
        });
        let none = PieceSampler::new(&model, DROPOUT).unwrap();
        let all = PieceSampler::new(&model, SubwordSampling::BpeDropout { p: 1.0 }).unwrap();
        let mut rng = SampleRng::for_sentence(0, 0, 0);
        for line in ["ein Hund bellt", "unddunun"] {
            let normalized = model.normalize(line).unwrap();
            assert_eq!(
                none.segment(&normalized, &mut rng),
                model.encode_line(line).unwrap()
            );
        }
        assert_eq!(all.segment("▁Hund", &mut rng), "▁ H und");
    }

    #[test]
    fn models_without_other_segmentations_are_refused() {
        let error = |model: SentencePiece| PieceSampler::new(&model, DROPOUT).unwrap_err().to_string();
        let unused = model(|proto| proto.pieces[3].set_type(PieceType::Unused));
        assert!(error(unused).contains("unused pieces"));
        for kind in [ModelType::Word, ModelType::Char] {
            let message = error(model(|proto| {
                let trainer = proto.trainer_spec.as_mut().expect("written by the learner");
                trainer.set_model_type(kind);
            }));
            assert!(message.contains("one segmentation only"), "{message}");
        }
        let unigram = SubwordSampling::Unigram { alpha: 1.0 };
        let message = PieceSampler::new(&model(|_| {}), unigram)
            .unwrap_err()
            .to_string();
        assert!(message.contains("but this is a BPE model"), "{message}");
    }
}
