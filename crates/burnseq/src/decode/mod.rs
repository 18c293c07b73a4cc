//! Translating with a trained model: what [`Translator`](crate::Translator) and the `generate` binary are made of.
//!
//! - [`TranslationModel`]: weights, dictionaries and text settings, from a checkpoint or a plain weights file.
//! - [`translate_batches`]: the sentences of a dataset, batch by batch.
//! - [`translate_lines`]: raw lines, in order, empty ones included.
//! - [`TargetText`]: target ids as tokens, and as text.
//! - [`ScoreKeeper`]: tokenised BLEU and sacreBLEU of what was translated.

mod batches;
mod lines;
mod model;
mod score;
mod target_text;

pub use batches::{Decoded, translate_batches};
pub use lines::{LineTranslation, translate_lines};
pub use model::TranslationModel;
pub use score::{ScoreKeeper, Scores};
pub use target_text::TargetText;
