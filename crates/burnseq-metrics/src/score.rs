//! A score as it is reported: the number, its confidence interval, and the settings that made it.

use std::fmt;

use crate::bootstrap::Confidence;
use crate::signature::Signature;

/// A score of a corpus or a sentence.
///
/// [`Display`](fmt::Display) is sacreBLEU's line with the signature, to two decimals unless the
/// format says otherwise: `format!("{score:.1}")`.
#[derive(Debug, Clone, PartialEq)]
pub struct Score<D> {
    /// `BLEU`, `chrF2`, `chrF2++`, `TER`: what the line begins with.
    pub name: String,
    /// The score in percent.
    pub score: f64,
    /// The numbers that it is made of.
    pub details: D,
    /// Those numbers as printed behind the score; empty for chrF and TER.
    pub verbose: String,
    confidence: Option<Confidence>,
    signature: Signature,
}

impl<D> Score<D> {
    pub(crate) fn new(name: String, score: f64, details: D, verbose: String, signature: Signature) -> Self {
        Self {
            name,
            score,
            details,
            verbose,
            confidence: None,
            signature,
        }
    }

    /// The score without the numbers it is made of, so that those of several metrics have one type.
    pub fn without_details(self) -> Score<()> {
        Score {
            name: self.name,
            score: self.score,
            details: (),
            verbose: self.verbose,
            confidence: self.confidence,
            signature: self.signature,
        }
    }

    /// The settings that the score was made with.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// How far the score may be chance, if that was asked for.
    pub fn confidence(&self) -> Option<&Confidence> {
        self.confidence.as_ref()
    }

    /// The same score with another `version:` in its signature.
    pub fn with_version(mut self, version: &str) -> Self {
        self.signature = self.signature.with_version(version);
        self
    }

    /// The same score with a confidence interval, which then appears in its line and signature.
    pub fn with_confidence(mut self, confidence: Confidence) -> Self {
        self.signature = self
            .signature
            .with_trials("bs", confidence.resamples, confidence.seed);
        self.confidence = Some(confidence);
        self
    }

    /// The number with `width` decimals, and its interval in brackets if there is one:
    /// `58.60 (μ = 58.61 ± 5.39)`. A mean of 0 has no interval, as in sacreBLEU.
    pub fn number(&self, width: usize) -> String {
        let score = self.score;
        match &self.confidence {
            Some(confidence) if confidence.mean > 0.0 => {
                format!("{score:.width$} ({confidence:.width$})")
            }
            _ => format!("{score:.width$}"),
        }
    }

    /// The line without the signature, with `width` decimals:
    /// `BLEU = 47.18 84.6/62.9/41.9/22.2 (BP = 1.000 ...)`.
    pub fn line(&self, width: usize) -> String {
        format!("{} = {}", self.name, self.figures(width))
    }

    fn figures(&self, width: usize) -> String {
        let number = self.number(width);
        if self.verbose.is_empty() {
            number
        } else {
            format!("{number} {}", self.verbose)
        }
    }
}

impl<D> fmt::Display for Score<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.figures(f.precision().unwrap_or(2));
        write!(f, "{}|{} = {figures}", self.name, self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::ReferenceCount;

    #[test]
    fn decimals_and_intervals_show_where_they_are_asked_for() {
        let signature = Signature::new(ReferenceCount::Fixed(1));
        let score = Score::new("BLEU".to_owned(), 43.557, (), "82.1 (BP)".to_owned(), signature);
        let score = score.with_version("1");
        assert_eq!(score.to_string(), "BLEU|nrefs:1|version:1 = 43.56 82.1 (BP)");
        assert_eq!(format!("{score:.1}"), "BLEU|nrefs:1|version:1 = 43.6 82.1 (BP)");
        assert_eq!(score.line(3), "BLEU = 43.557 82.1 (BP)");

        let confidence = |mean| Confidence {
            mean,
            half_width: 2.25,
            resamples: 100,
            seed: 7,
        };
        let sure = score.clone().with_confidence(confidence(43.5));
        assert_eq!(
            format!("{sure:.1}"),
            "BLEU|nrefs:1|bs:100|seed:7|version:1 = 43.6 (μ = 43.5 ± 2.2) 82.1 (BP)"
        );
        assert_eq!(score.with_confidence(confidence(0.0)).number(2), "43.56");
    }
}
