//! SentencePiece (Kudo and Richardson 2018): learning BPE models and applying any model.
//!
//! Learning is ours and gives the vocabulary that `spm_train --model_type=bpe` gives; the model it
//! writes is read by every SentencePiece library. Encoding goes through Google's C++ library, once
//! for each word where a model segments words one by one, but for long lines, which take it too long, and for sampled
//! segmentations ([`SubwordSampler`](crate::SubwordSampler)), which are ours as well.
//!
//! The models written here hold the `identity` normaliser: text is to be normalised by
//! [`Normalization::NmtNfkc`](crate::Normalization) before it is learnt from and before it is
//! encoded, which [`TextPipeline`](crate::TextPipeline) does. Who uses such a model elsewhere has
//! to normalise (NFKC) there too.

mod alphabet;
mod bpe_dropout;
mod charsmap;
mod learn;
mod long_lines;
mod model;
mod piece_line;
mod pieces;
mod proto;
mod sample;
mod trie;
mod unigram;
mod validate;
mod words;

pub(crate) use charsmap::validate as validate_charsmap;
pub use learn::{Learned, Learner, SentencePieceOptions, learn};
pub use model::SentencePiece;
pub(crate) use model::{byte_of, read_model};
pub(crate) use proto::{ModelProto, ModelType, PieceType};
pub(crate) use sample::PieceSampler;

/// What stands for a blank in pieces.
pub const BLANK: char = '\u{2581}';

/// The special pieces, in the order of their ids, as `spm_train` has them by default.
pub const SPECIAL_PIECES: [&str; 3] = ["<unk>", "<s>", "</s>"];

/// Stands for rare characters while learning; lines that hold it are not learnt from.
pub(crate) const RARE: char = '\u{2585}';
