//! Segmentations drawn from a unigram language model (Kudo 2018, section 3).

use std::ops::Range;

use crate::random::SampleRng;

/// A piece that ends at some place of the text.
struct Edge {
    /// Number of the character it begins with.
    begin: usize,
    /// Logarithm of the summed weight of all segmentations that end with it.
    weight: f64,
}

/// The byte ranges that `text` is split into, drawn with probabilities proportional to the product
/// of the pieces' probabilities raised to `alpha`.
///
/// `score` knows the pieces, by the logarithm of their probability; a character that is none has
/// the score `unknown`. No piece has more than `longest` characters.
///
/// All segmentations take part: their weights are summed from left to right, and pieces drawn from
/// right to left (forward filtering, backward sampling).
pub(super) fn segment(
    text: &str,
    score: impl Fn(&str) -> Option<f32>,
    unknown: f32,
    longest: usize,
    alpha: f64,
    rng: &mut SampleRng,
) -> Vec<Range<usize>> {
    // Byte offsets of characters, and of the end.
    let offsets: Vec<usize> = text
        .char_indices()
        .map(|(offset, _)| offset)
        .chain([text.len()])
        .collect();
    // Logarithms of the summed weights of all segmentations of the text before each character.
    let mut sums = vec![0.0];
    let mut edges: Vec<Vec<Edge>> = vec![Vec::new()];
    for end in 1..offsets.len() {
        let mut here = Vec::new();
        for begin in end.saturating_sub(longest.max(1))..end {
            let piece = score(&text[offsets[begin]..offsets[end]]);
            if let Some(score) = piece.or((begin + 1 == end).then_some(unknown)) {
                let weight = sums[begin] + alpha * f64::from(score);
                here.push(Edge { begin, weight });
            }
        }
        sums.push(log_sum_exp(&here));
        edges.push(here);
    }
    let mut pieces = Vec::new();
    let mut end = offsets.len() - 1;
    while end > 0 {
        let mut rest = rng.uniform();
        let chosen = edges[end].iter().find(|edge| {
            rest -= (edge.weight - sums[end]).exp();
            rest < 0.0
        });
        // Rounding may leave a rest behind the last one.
        let edge = chosen.or(edges[end].last());
        let begin = edge.expect("a character is at least unknown").begin;
        pieces.push(offsets[begin]..offsets[end]);
        end = begin;
    }
    pieces.reverse();
    pieces
}

fn log_sum_exp(edges: &[Edge]) -> f64 {
    let most = edges
        .iter()
        .map(|edge| edge.weight)
        .fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = edges.iter().map(|edge| (edge.weight - most).exp()).sum();
    most + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// `a`, `b` and `ab` with the probabilities 0.2, 0.3 and 0.5.
    fn score(piece: &str) -> Option<f32> {
        let probability: f32 = match piece {
            "a" => 0.2,
            "b" => 0.3,
            "ab" => 0.5,
            _ => return None,
        };
        Some(probability.ln())
    }

    fn counts(text: &str, alpha: f64, n: u64) -> BTreeMap<String, f64> {
        let mut counts = BTreeMap::new();
        for sentence in 0..n {
            let mut rng = SampleRng::for_sentence(5, 0, sentence);
            let ranges = segment(text, score, -10.0, 2, alpha, &mut rng);
            let pieces: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
            *counts.entry(pieces.join(" ")).or_insert(0.0) += 1.0 / n as f64;
        }
        counts
    }

    #[test]
    fn segmentations_have_the_probabilities_of_the_model() {
        for alpha in [1.0, 0.5] {
            let weight = |probability: f64| probability.powf(alpha);
            // Each `ab` is one piece or two.
            let (one, two) = (weight(0.5), weight(0.2 * 0.3));
            let sum = (one + two) * (one + two);
            let counts = counts("abab", alpha, 20_000);
            for (pieces, probability) in [
                ("ab ab", one * one / sum),
                ("ab a b", one * two / sum),
                ("a b ab", one * two / sum),
                ("a b a b", two * two / sum),
            ] {
                let share = counts.get(pieces).copied().unwrap_or(0.0);
                // Four standard deviations of a share of 20,000 draws.
                let tolerance = 4.0 * (probability * (1.0 - probability) / 20_000.0).sqrt();
                assert!(
                    (share - probability).abs() < tolerance,
                    "{alpha}: {pieces}: {share}"
                );
            }
        }
    }

    #[test]
    fn extreme_exponents_give_the_best_or_any_segmentation() {
        assert_eq!(
            counts("abab", 1000.0, 100).into_keys().collect::<Vec<_>>(),
            ["ab ab"]
        );
        let even = counts("ab", 0.0, 10_000);
        assert!((even["ab"] - 0.5).abs() < 0.02, "{even:?}");
    }

    #[test]
    fn unknown_characters_are_pieces() {
        assert_eq!(counts("xab", 100.0, 10).into_keys().collect::<Vec<_>>(), ["x ab"]);
        assert!(segment("", score, -10.0, 2, 1.0, &mut SampleRng::for_sentence(0, 0, 0)).is_empty());
    }
}
