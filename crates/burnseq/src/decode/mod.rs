//! Translating with a trained model: what [`Translator`](crate::Translator) and the `generate` binary are made of.
//!
//! - [`TranslationModel`]: weights, dictionaries and text settings, from a checkpoint or a plain weights file.
//! - [`TextModel`]: the same of a language model; [`BlockScorer`]: what it says to given text, [`PieceMark`]: by word.
//! - [`decode_batches`]: the sentences of a dataset, batch by batch.
//! - [`translate_lines`]: raw lines, in order, empty ones included.
//! - [`TextCodec`]: text to ids and back, without a model.
//! - [`OnBatch`]: is told how far work is, and ends it.
//! - [`TargetText`]: target ids as tokens, and as text; [`ReplaceUnk`]: words in the place of `<unk>`.
//! - [`ScoreKeeper`]: tokenised BLEU, sacreBLEU, chrF and TER of what was translated.

mod batches;
mod block_scores;
mod lines;
mod model;
mod progress;
mod replace_unk;
mod saved;
mod score;
mod segmented;
mod target_text;
mod text_codec;
mod text_model;
mod word_scores;

pub use batches::{Decoded, decode_batches};
pub use block_scores::{BlockScorer, BlockScores, BlockScoring};
pub use lines::{EncodedLine, LineFormat, LineTranslation, translate_lines, translate_lines_watched};
pub use model::TranslationModel;
pub(crate) use model::read_safetensors;
pub(crate) use progress::after_batch;
pub use progress::{OnBatch, Progress, unwatched};
pub use replace_unk::ReplaceUnk;
pub use saved::{is_hugging_face, overlaid, task_of};
pub use score::{ScoreKeeper, TextMetric};
pub use target_text::{TargetText, Unk};
pub use text_codec::TextCodec;
pub use text_model::TextModel;
pub use word_scores::{PieceMark, ScoredWord};
