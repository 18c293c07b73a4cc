//! Lines to blank-separated tokens, and which lines are too long to take part.

use std::borrow::Cow;

use burnseq_text::{SubwordSettings, TextPipeline, TextSettings, tokenize_line};

use super::pairs::Chunk;
use crate::error::Result;

/// Turns lines of one side into tokens separated by white space. Every thread takes a clone, because subword models
/// remember words and threads that share one wait for each other.
#[derive(Debug, Clone)]
pub(crate) struct Segmenter {
    /// What is done here.
    pipeline: TextPipeline,
    /// What is done to text that comes later.
    settings: TextSettings,
    /// The pipeline changes nothing.
    as_is: bool,
}

impl Segmenter {
    pub(crate) fn new(pipeline: TextPipeline) -> Self {
        let settings = pipeline.settings().clone();
        Self::of_segmented(pipeline, settings)
    }

    /// For text that consists of tokens already: `pipeline` changes it no more than that allows, and `settings` are for
    /// text that comes later.
    pub(crate) fn of_segmented(pipeline: TextPipeline, settings: TextSettings) -> Self {
        let as_is = *pipeline.settings() == TextSettings::default();
        Self {
            pipeline,
            settings,
            as_is,
        }
    }

    /// What is done to a line of text that comes later.
    pub(crate) fn settings(&self) -> &TextSettings {
        &self.settings
    }

    /// Whether subwords are applied to the text at hand.
    pub(crate) fn segments(&self) -> bool {
        self.pipeline.settings().subword != SubwordSettings::None
    }

    /// Whether lines stay as they are.
    pub(crate) fn is_as_is(&self) -> bool {
        self.as_is
    }

    /// The segmented line.
    ///
    /// # Errors
    /// When the subword model fails on the line.
    fn segment<'a>(&self, line: &'a str) -> Result<Cow<'a, str>> {
        if self.as_is {
            Ok(Cow::Borrowed(line))
        } else {
            Ok(Cow::Owned(self.pipeline.encode(line)?))
        }
    }
}

/// Whether white space separates more than `limit` tokens in `line`.
pub(crate) fn is_over(line: &str, limit: usize) -> bool {
    // A token and the blank behind it take two bytes.
    line.len() >= limit.saturating_mul(2) && tokenize_line(line).nth(limit).is_some()
}

/// Both sides of line `index` of a chunk, segmented, or `None` when one side is over the limit.
///
/// # Errors
/// When the subword model fails on the line.
pub(crate) fn segment_pair<'a>(
    chunk: &'a Chunk,
    index: usize,
    segmenters: &[Segmenter],
    limit: usize,
) -> Result<Option<Vec<Cow<'a, str>>>> {
    if is_pair_over(chunk, index, limit) {
        return Ok(None);
    }
    let mut sides = Vec::with_capacity(segmenters.len());
    for (side, segmenter) in chunk.sides.iter().zip(segmenters) {
        let tokens = segmenter.segment(side.line(index))?;
        if is_over(&tokens, limit) {
            return Ok(None);
        }
        sides.push(tokens);
    }
    Ok(Some(sides))
}

/// Whether one side of line `index` has more than `limit` words before segmentation.
pub(crate) fn is_pair_over(chunk: &Chunk, index: usize, limit: usize) -> bool {
    chunk.sides.iter().any(|side| is_over(side.line(index), limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_over_the_limit_when_it_has_one_token_more() {
        assert!(!is_over("a b c", 3));
        assert!(is_over("a b c d", 3));
        assert!(!is_over("  abcdefgh   ijklmn  o ", 3));
        assert!(is_over("a b", 1));
        assert!(!is_over("", 1));
    }
}
