//! What BLEU, chrF and TER have in common: statistics per segment that add up.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::references::References;
use crate::signature::{ReferenceCount, Signature};

/// Statistics of a segment, which sum to those of a corpus.
pub trait Statistics: Clone + Send + Sync {
    /// Adds the statistics of another segment, made with the same settings.
    fn add(&mut self, other: &Self);
}

/// A corpus metric that is computed from sums of segment statistics.
pub trait Metric: Sync {
    /// What a segment contributes.
    type Statistics: Statistics;
    /// The score with its parts, printable as sacreBLEU prints it.
    type Score;

    /// Statistics of one hypothesis against its references, of which there is at least one.
    fn segment_statistics(&self, hypothesis: &str, references: &[&str]) -> Self::Statistics;

    /// The score that summed statistics amount to.
    fn score(&self, statistics: &Self::Statistics, references: ReferenceCount) -> Self::Score;

    /// The number, in percent, that a score comes down to.
    fn value(score: &Self::Score) -> f64;

    /// The settings of the metric.
    fn signature(&self, references: ReferenceCount) -> Signature;

    /// Statistics of all segments, in order; they are computed in parallel.
    ///
    /// # Errors
    /// Hypotheses and references of different number.
    fn corpus_statistics<H: AsRef<str> + Sync>(
        &self,
        hypotheses: &[H],
        references: &References<'_>,
    ) -> Result<Vec<Self::Statistics>> {
        let segments = references.segments();
        if hypotheses.len() != segments.len() {
            let (hypotheses, references) = (hypotheses.len(), segments.len());
            return Err(Error::UnequalLines {
                hypotheses,
                references,
                set: 1,
            });
        }
        let statistics = hypotheses
            .par_iter()
            .zip(segments)
            .map(|(hypothesis, references)| self.segment_statistics(hypothesis.as_ref(), references));
        Ok(statistics.collect())
    }

    /// The score of a corpus: that of the summed statistics, not an average over segments.
    ///
    /// # Errors
    /// Hypotheses and references of different number.
    fn corpus_score<H: AsRef<str> + Sync>(
        &self,
        hypotheses: &[H],
        references: &References<'_>,
    ) -> Result<Self::Score> {
        let sum = total(&self.corpus_statistics(hypotheses, references)?)?;
        Ok(self.score(&sum, references.count()))
    }

    /// The score of a single segment.
    ///
    /// # Errors
    /// `references` is empty.
    fn sentence_score<R: AsRef<str>>(&self, hypothesis: &str, references: &[R]) -> Result<Self::Score> {
        if references.is_empty() {
            return Err(Error::NoReference { line: 1 });
        }
        let references: Vec<&str> = references.iter().map(AsRef::as_ref).collect();
        let statistics = self.segment_statistics(hypothesis, &references);
        Ok(self.score(&statistics, ReferenceCount::Fixed(references.len())))
    }
}

/// The sum of the statistics of several segments.
///
/// # Errors
/// There are none.
pub(crate) fn total<'a, S: Statistics + 'a>(segments: impl IntoIterator<Item = &'a S>) -> Result<S> {
    let mut segments = segments.into_iter();
    let mut sum = segments.next().ok_or(Error::EmptyCorpus)?.clone();
    segments.for_each(|segment| sum.add(segment));
    Ok(sum)
}
