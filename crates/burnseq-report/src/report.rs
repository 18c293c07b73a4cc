//! The report: what is known of runs, as one page and as figures.

use crate::error::Result;
use crate::page;
use crate::plot::{AttentionGrid, Figure};
use crate::run::Run;
use crate::stats::{CorpusScores, FrequencyBucket, LengthBucket, LengthCounts, Translated};

/// Largest page in bytes; attention maps that would make it larger are left out.
pub(crate) const MOST_BYTES: usize = 4_500_000;

/// A part that cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The part: `Translations of run-a`.
    pub part: String,
    /// Why, and what to do about it.
    pub why: String,
}

/// One side of a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// Its language.
    pub language: String,
    /// Lengths of its sentences in tokens, the end of sentence included.
    pub lengths: LengthCounts,
    /// Tokens that the dictionary does not hold.
    pub unknown: u64,
}

/// A split of a dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Its name: `train`.
    pub name: String,
    /// Source, and target where there is one.
    pub sides: Vec<Side>,
    /// Share of the places of batches that hold padding, in `[0, 1)`; `None` where batches are not known.
    pub padding: Option<f64>,
    /// Batches; 0 where they are not known.
    pub batches: usize,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct DataPart {
    /// Its folder.
    pub folder: String,
    /// Names of the runs that use it.
    pub runs: Vec<String>,
    /// Language and number of types of each dictionary.
    pub dictionaries: Vec<(String, usize)>,
    /// Its splits.
    pub splits: Vec<Split>,
}

/// Translations of one run, and their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Place of the run among [`Report::runs`].
    pub run: usize,
    /// The checkpoint that translated.
    pub checkpoint: String,
    /// The set, and how it was translated: `first 200 of 1,014 sentences of valid, beam 5`.
    pub what: String,
    /// The translations.
    pub translated: Vec<Translated>,
    /// Scores of all of them.
    pub scores: CorpusScores,
    /// Scores by length of the reference.
    pub by_length: Vec<LengthBucket>,
    /// F1 of words by frequency.
    pub by_frequency: Vec<FrequencyBucket>,
    /// Where frequencies were counted: `the 29,000 training sentences`.
    pub frequencies_of: String,
}

/// Attention of one run for one sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionPart {
    /// Place of the run among [`Report::runs`].
    pub run: usize,
    /// Number of the sentence in its set, counted from 0.
    pub sentence: usize,
    /// Text of the source.
    pub source: String,
    /// Text of the translation.
    pub translation: String,
    /// Cross-attention, self-attention of the encoder and of the decoder, as far as the model has them.
    pub grids: Vec<AttentionGrid>,
}

/// How well a language model predicts tokens that have so many tokens before them.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionPart {
    /// Place of the run among [`Report::runs`].
    pub run: usize,
    /// The checkpoint that was measured.
    pub checkpoint: String,
    /// The text: `200 blocks of 64 tokens of valid`.
    pub what: String,
    /// The mean number of tokens before those that are taken together, and their perplexity.
    pub points: Vec<(f64, f64)>,
}

/// Everything that a report shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Version of burnseq.
    pub version: String,
    /// The day and time it was made.
    pub made: String,
    /// The runs, in the order of their colours.
    pub runs: Vec<Run>,
    /// Datasets of the runs.
    pub data: Vec<DataPart>,
    /// Translations of the runs.
    pub quality: Vec<Quality>,
    /// Sentences that are shown as the best and as the worst of each run.
    pub examples: usize,
    /// Perplexity by position, of language models.
    pub positions: Vec<PositionPart>,
    /// Attention maps.
    pub attention: Vec<AttentionPart>,
    /// Parts that cannot be shown.
    pub absent: Vec<Absent>,
    /// Remarks, such as that a log is cut.
    pub notes: Vec<String>,
}

impl Report {
    /// The page: one HTML file that loads nothing.
    ///
    /// # Errors
    /// Translations that cannot be scored.
    pub fn html(&self) -> Result<String> {
        page::html(self)
    }

    /// All figures, in the order of the page, each with a name of its own.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = page::training::figures(&self.runs);
        figures.extend(page::data::figures(&self.data));
        figures.extend(page::translation::figures(&self.runs, &self.quality));
        figures.extend(page::position::figure(&self.runs, &self.positions));
        figures.extend(self.attention.iter().flat_map(page::attention::figures));
        figures
    }
}
