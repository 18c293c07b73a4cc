//! Scores by the length of the reference, as compare-mt shows them (Neubig et al. 2019, section 3).

use burnseq_metrics::Tokenizer;

use super::translated::{Translated, corpus_scores};
use crate::error::Result;

/// Where buckets begin, in words of the reference; those of compare-mt.
const BOUNDS: [usize; 7] = [0, 10, 20, 30, 40, 50, 60];

/// Sentences of similar length.
#[derive(Debug, Clone, PartialEq)]
pub struct LengthBucket {
    /// `10-19`, in words of the reference.
    pub label: String,
    /// Sentences.
    pub sentences: usize,
    /// BLEU of these sentences together, in percent.
    pub bleu: f64,
    /// chrF2 of these sentences together, in percent.
    pub chrf: f64,
    /// Words of the translations by those of the references.
    pub length_ratio: f64,
}

/// Scores of sentences of similar length; buckets without a sentence are left out. Words are those of the tokenizer `13a`.
///
/// # Errors
/// None is expected: no bucket is empty.
pub fn score_by_length(translated: &[Translated]) -> Result<Vec<LengthBucket>> {
    let mut buckets: Vec<Vec<&Translated>> = vec![Vec::new(); BOUNDS.len()];
    for one in translated {
        let words = Tokenizer::Mteval13a.tokenize(&one.reference).len();
        let bucket = BOUNDS.iter().rposition(|&bound| bound <= words).unwrap_or(0);
        buckets[bucket].push(one);
    }
    let filled = buckets
        .iter()
        .enumerate()
        .filter(|(_, bucket)| !bucket.is_empty());
    let score = |(number, bucket): (usize, &Vec<&Translated>)| {
        let scores = corpus_scores(bucket)?;
        Ok(LengthBucket {
            label: match (BOUNDS[number], BOUNDS.get(number + 1)) {
                (from, Some(to)) => format!("{from}\u{2013}{}", to - 1),
                (from, None) => format!("{from}+"),
            },
            sentences: bucket.len(),
            bleu: scores.bleu,
            chrf: scores.chrf,
            length_ratio: scores.length_ratio,
        })
    };
    filled.map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::super::translated::tests::translated;
    use super::*;

    #[test]
    fn sentences_are_scored_with_those_of_similar_length() {
        let nine = "a b c d e f g h i";
        let ten = "a b c d e f g h i j";
        let all = [
            translated(0, nine, nine),
            translated(1, "x x x x x", ten),
            translated(2, ten, ten),
        ];
        let buckets = score_by_length(&all).unwrap();
        let labels: Vec<&str> = buckets.iter().map(|bucket| bucket.label.as_str()).collect();
        assert_eq!(labels, ["0\u{2013}9", "10\u{2013}19"]);
        assert_eq!((buckets[0].sentences, buckets[1].sentences), (1, 2));
        assert!((buckets[0].bleu - 100.0).abs() < 1e-9);
        assert_eq!((buckets[0].length_ratio, buckets[1].length_ratio), (1.0, 0.75));
        // 15 words for 20: precisions 10/15, 9/13, 8/11, 7/9 and a brevity penalty of exp(1 - 20/15).
        let mean = (10.0_f64 / 15.0 * 9.0 / 13.0 * 8.0 / 11.0 * 7.0 / 9.0).powf(0.25);
        let expected = 100.0 * (1.0_f64 - 20.0 / 15.0).exp() * mean;
        assert!(
            (buckets[1].bleu - expected).abs() < 1e-9,
            "{} {expected}",
            buckets[1].bleu
        );
    }
}
