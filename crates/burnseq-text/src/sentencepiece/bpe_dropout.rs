//! BPE merges with dropout, as SentencePiece does them (Provilkov et al. 2020).
//!
//! Otherwise than in subword-nmt, a pair that is dropped is not looked at again, unless one of its
//! two symbols grows. So the number of pieces does not depend on how long a word is, which matters
//! for writing without blanks, and grows faster with the probability.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::random::SampleRng;

/// Two symbols that make a piece.
struct Candidate {
    score: f32,
    /// Index of the left symbol.
    left: usize,
    right: usize,
    /// Bytes of both; when they no longer add up, one of the symbols has grown meanwhile.
    length: usize,
}

impl Candidate {
    /// The highest score first, then from left to right.
    fn key(&self) -> (f32, Reverse<usize>) {
        (self.score, Reverse(self.left))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((score, left), (other_score, other_left)) = (self.key(), other.key());
        score.total_cmp(&other_score).then(left.cmp(&other_left))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

/// A piece in the making; those that were joined to their left neighbour are empty.
struct Symbol {
    bytes: Range<usize>,
    before: Option<usize>,
    behind: Option<usize>,
}

/// The byte ranges that `text` is split into; `score` knows the pieces, and each merge is dropped
/// with the probability `dropout`.
pub(super) fn segment(
    text: &str,
    score: impl Fn(&str) -> Option<f32>,
    dropout: f64,
    rng: &mut SampleRng,
) -> Vec<Range<usize>> {
    merge(text, score, || rng.uniform() < dropout, |_, _| {})
}

/// As [`segment`]: `drops` is asked before each merge whether it is dropped, and `seen` is told of the two parts of each
/// piece that might be made.
pub(super) fn merge(
    text: &str,
    score: impl Fn(&str) -> Option<f32>,
    mut drops: impl FnMut() -> bool,
    seen: impl Fn(Range<usize>, Range<usize>),
) -> Vec<Range<usize>> {
    let mut symbols: Vec<Symbol> = text
        .char_indices()
        .enumerate()
        .map(|(n, (begin, c))| Symbol {
            bytes: begin..begin + c.len_utf8(),
            before: n.checked_sub(1),
            behind: Some(n + 1),
        })
        .collect();
    if let Some(last) = symbols.last_mut() {
        last.behind = None;
    }
    let candidate = |symbols: &[Symbol], left: Option<usize>, right: Option<usize>| {
        let (left, right) = (left?, right?);
        let bytes = symbols[left].bytes.start..symbols[right].bytes.end;
        let score = score(&text[bytes.clone()])?;
        seen(symbols[left].bytes.clone(), symbols[right].bytes.clone());
        Some(Candidate {
            score,
            left,
            right,
            length: bytes.len(),
        })
    };
    let mut agenda: BinaryHeap<Candidate> = (1..symbols.len())
        .filter_map(|right| candidate(&symbols, Some(right - 1), Some(right)))
        .collect();
    while let Some(Candidate {
        left, right, length, ..
    }) = agenda.pop()
    {
        let [l, r] = [&symbols[left].bytes, &symbols[right].bytes];
        if l.is_empty() || r.is_empty() || l.len() + r.len() != length || drops() {
            continue;
        }
        let (end, behind) = (r.end, symbols[right].behind);
        symbols[left].bytes.end = end;
        symbols[left].behind = behind;
        symbols[right].bytes = end..end;
        if let Some(behind) = behind {
            symbols[behind].before = Some(left);
        }
        let before = symbols[left].before;
        agenda.extend(candidate(&symbols, before, Some(left)));
        agenda.extend(candidate(&symbols, Some(left), behind));
    }
    symbols
        .into_iter()
        .map(|symbol| symbol.bytes)
        .filter(|bytes| !bytes.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, dropout: f64, rng: &mut SampleRng) -> String {
        // `ab` is merged before `bc` and `abc`.
        let score = |piece: &str| {
            ["ab", "bc", "abc"]
                .iter()
                .position(|known| *known == piece)
                .map(|rank| -(rank as f32))
        };
        let ranges = segment(text, score, dropout, rng);
        let pieces: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
        pieces.join(" ")
    }

    #[test]
    fn the_best_piece_is_made_first_from_left_to_right() {
        let mut rng = SampleRng::for_sentence(0, 0, 0);
        for (text, expected) in [
            ("", ""),
            ("x", "x"),
            ("abcab", "abc ab"),
            ("bcbc", "bc bc"),
            ("xbcx", "x bc x"),
        ] {
            assert_eq!(pieces(text, 0.0, &mut rng), expected);
        }
        assert_eq!(pieces("abc", 1.0, &mut rng), "a b c");
    }

    #[test]
    fn a_dropped_pair_is_lost_until_a_symbol_grows() {
        let mut counts = std::collections::BTreeMap::new();
        for n in 0..10_000 {
            let segmented = pieces("abc", 0.5, &mut SampleRng::for_sentence(0, 0, n));
            *counts.entry(segmented).or_insert(0) += 1;
        }
        // ab is made with 1/2, then abc with 1/2; else bc with 1/2, then abc with 1/2.
        let expected = [("a b c", 2500), ("a bc", 1250), ("ab c", 2500), ("abc", 3750)];
        assert_eq!(counts.len(), 4, "{counts:?}");
        for ((segmented, count), (name, probability)) in counts.into_iter().zip(expected) {
            assert_eq!(segmented, name);
            // Over four standard deviations of the count.
            assert!(i32::abs(count - probability) < 200, "{name}: {count}");
        }
    }
}
