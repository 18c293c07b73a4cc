//! Statistics of data and translations.
//!
//! - [`LengthCounts`]: how long sentences are, and [`Histogram`]s of it.
//! - [`Translated`]: translations with their references; corpus scores, scores by sentence length and word frequency,
//!   the best and the worst.

mod by_frequency;
mod by_length;
mod lengths;
mod translated;

pub use by_frequency::{FrequencyBucket, WordCounts, f1_by_frequency};
pub use by_length::{LengthBucket, score_by_length};
pub use lengths::{Bar, Histogram, LengthCounts};
pub use translated::{CorpusScores, Hypothesis, Translated, corpus_scores, ranked};
