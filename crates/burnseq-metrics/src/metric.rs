//! What BLEU, chrF and TER have in common: statistics per segment that add up.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::references::References;
use crate::score::Score;
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
    /// The numbers that a score is made of.
    type Details;

    /// What stands before the score: `BLEU`, `chrF2++`, `TER`.
    fn name(&self) -> String;

    /// Statistics of one hypothesis against its references, of which there is at least one.
    fn segment_statistics(&self, hypothesis: &str, references: &[&str]) -> Self::Statistics;

    /// The score in percent that summed statistics amount to, and what it is made of.
    fn evaluate(&self, statistics: &Self::Statistics) -> (f64, Self::Details);

    /// The details as sacreBLEU prints them behind the score; most metrics have none to show.
    fn verbose(&self, _details: &Self::Details) -> String {
        String::new()
    }

    /// The settings of the metric.
    fn signature(&self, references: ReferenceCount) -> Signature;

    /// The score that summed statistics amount to, ready to be reported.
    fn score(&self, statistics: &Self::Statistics, references: ReferenceCount) -> Score<Self::Details> {
        let (score, details) = self.evaluate(statistics);
        let verbose = self.verbose(&details);
        Score::new(self.name(), score, details, verbose, self.signature(references))
    }

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
    ) -> Result<Score<Self::Details>> {
        let segments = self.corpus_statistics(hypotheses, references)?;
        self.segments_score(&segments, references.count())
    }

    /// The score of a corpus whose statistics are at hand.
    ///
    /// # Errors
    /// There is no segment.
    fn segments_score(
        &self,
        segments: &[Self::Statistics],
        references: ReferenceCount,
    ) -> Result<Score<Self::Details>> {
        Ok(self.score(&total(segments)?, references))
    }

    /// The score of a single segment.
    ///
    /// # Errors
    /// `references` is empty.
    fn sentence_score<R: AsRef<str>>(
        &self,
        hypothesis: &str,
        references: &[R],
    ) -> Result<Score<Self::Details>> {
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
