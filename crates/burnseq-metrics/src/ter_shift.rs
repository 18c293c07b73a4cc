//! The search behind TER: greedy block moves on top of an edit distance, with Tercom's limits.
//!
//! The limits (beam, block length, distance, number of candidates) are part of the metric's
//! definition in practice: scores differ without them on long lines.

/// Half the width of the band around the diagonal in which the edit distance is searched.
const BEAM_WIDTH: usize = 25;
/// Longest block that is moved, in words.
const MAX_SHIFT_SIZE: usize = 10;
/// Largest distance between the positions of a block in hypothesis and reference.
const MAX_SHIFT_DISTANCE: usize = 50;
/// Moves that are tried for one pair of lines.
const MAX_SHIFT_CANDIDATES: usize = 1000;

/// Edits and block moves that turn `hypothesis` into `reference`.
pub(crate) fn edits(hypothesis: &[usize], reference: &[usize]) -> u64 {
    if reference.is_empty() {
        return hypothesis.len() as u64;
    }
    let mut distance = EditDistance::new(reference, hypothesis.len());
    let mut words = hypothesis.to_vec();
    let mut candidates = 0;
    let mut shifts = 0;
    loop {
        distance.compute(&words);
        let best = best_shift(&words, reference, &mut distance, &mut candidates);
        match best {
            Some(shift) if candidates < MAX_SHIFT_CANDIDATES && shift.gain > 0 => {
                words = shift.apply(&words);
                shifts += 1;
            }
            _ => return shifts + u64::from(distance.cost()),
        }
    }
}

/// A block move; the order of the fields is the order of preference.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shift {
    /// By how much the edit distance falls.
    gain: i64,
    /// Words in the block.
    len: usize,
    /// Position of the block, the earlier the better.
    start: std::cmp::Reverse<usize>,
    /// Where it goes, the earlier the better.
    target: std::cmp::Reverse<usize>,
}

impl Shift {
    fn apply(&self, words: &[usize]) -> Vec<usize> {
        let mut shifted = Vec::with_capacity(words.len());
        shift_into(words, self.start.0, self.len, self.target.0, &mut shifted);
        shifted
    }
}

/// Writes `words` to `shifted` with the block of `len` words at `start` moved before word `target`.
/// A target inside of the block moves the block to the right by as many words, as Tercom does.
fn shift_into(words: &[usize], start: usize, len: usize, target: usize, shifted: &mut Vec<usize>) {
    let end = start + len;
    let block = &words[start..end];
    shifted.clear();
    if target < start {
        shifted.extend_from_slice(&words[..target]);
        shifted.extend_from_slice(block);
        shifted.extend_from_slice(&words[target..start]);
        shifted.extend_from_slice(&words[end..]);
    } else {
        let target = if target > end {
            target
        } else {
            (target + len).min(words.len())
        };
        shifted.extend_from_slice(&words[..start]);
        shifted.extend_from_slice(&words[end..target]);
        shifted.extend_from_slice(block);
        shifted.extend_from_slice(&words[target..]);
    }
}

/// The move that lowers the edit distance most, or raises it least.
///
/// A block is a run of words that the reference has elsewhere; it is tried where its
/// counterpart in the reference is aligned to, if both have an error now.
fn best_shift(
    words: &[usize],
    reference: &[usize],
    distance: &mut EditDistance<'_>,
    candidates: &mut usize,
) -> Option<Shift> {
    let cost = distance.cost();
    let Alignment {
        hyp_of_ref,
        ref_errors,
        hyp_errors,
    } = distance.alignment();
    let mut shifted = Vec::with_capacity(words.len());
    let mut best: Option<Shift> = None;
    for (start, ref_start, len) in common_blocks(words, reference) {
        let is_right = |errors: &[bool]| !errors.contains(&true);
        let aligned = hyp_of_ref[ref_start];
        if is_right(&hyp_errors[start..start + len])
            || is_right(&ref_errors[ref_start..ref_start + len])
            || (start + 1..start + len + 1).contains(&aligned)
        {
            continue;
        }
        // Before the first word of the block's counterpart, then after each of its words.
        let before = ref_start
            .checked_sub(1)
            .map_or(0, |previous| hyp_of_ref[previous]);
        let after = hyp_of_ref[ref_start..].iter().take(len).copied();
        let mut previous = None;
        for target in std::iter::once(before).chain(after) {
            if previous.replace(target) == Some(target) {
                continue;
            }
            shift_into(words, start, len, target, &mut shifted);
            let gain = i64::from(cost) - i64::from(distance.cost_of(words, &shifted));
            *candidates += 1;
            let (start, target) = (std::cmp::Reverse(start), std::cmp::Reverse(target));
            best = best.max(Some(Shift {
                gain,
                len,
                start,
                target,
            }));
        }
        if *candidates >= MAX_SHIFT_CANDIDATES {
            break;
        }
    }
    best
}

/// Runs of words that both have: start in `words`, start in `reference`, length; every prefix of a
/// run is a run. They come by start in `words`, in `reference`, then by length.
fn common_blocks<'a>(
    words: &'a [usize],
    reference: &'a [usize],
) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
    (0..words.len()).flat_map(move |start| {
        let first = start.saturating_sub(MAX_SHIFT_DISTANCE);
        let last = reference.len().min(start + MAX_SHIFT_DISTANCE + 1);
        (first..last).flat_map(move |ref_start| {
            let pairs = words[start..]
                .iter()
                .zip(&reference[ref_start..])
                .take(MAX_SHIFT_SIZE);
            let len = pairs.take_while(|(word, other)| word == other).count();
            (1..=len).map(move |len| (start, ref_start, len))
        })
    })
}

/// How a cell of the matrix is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Both words are equal.
    Match,
    /// The words differ.
    Substitute,
    /// The hypothesis has a word too many.
    Delete,
    /// The hypothesis lacks a word.
    Insert,
    /// Outside of the beam.
    Unreached,
}

/// Cost of what the beam leaves out; far from overflow when 1 is added.
const UNREACHED: u32 = u32::MAX / 2;

type Cell = (u32, Step);

/// The cells of a row that are inside of the beam.
#[derive(Clone, Default)]
struct Row {
    /// Column of the first cell.
    first: usize,
    cells: Vec<Cell>,
}

impl Row {
    fn cell(&self, column: usize) -> Cell {
        let inside = column
            .checked_sub(self.first)
            .and_then(|index| self.cells.get(index));
        inside.copied().unwrap_or((UNREACHED, Step::Unreached))
    }
}

/// Which words correspond, and which of them are wrong.
struct Alignment {
    /// For each reference word, the position after the hypothesis word it is aligned to
    /// (after the last one before it if it has none).
    hyp_of_ref: Vec<usize>,
    ref_errors: Vec<bool>,
    hyp_errors: Vec<bool>,
}

/// Edit distance to one reference within a band around the diagonal.
struct EditDistance<'a> {
    reference: &'a [usize],
    /// Row `i` holds the costs of the first `i` words of the hypothesis of the last `compute`.
    rows: Vec<Row>,
    /// Rows of a variation of that hypothesis.
    scratch: Vec<Row>,
}

impl<'a> EditDistance<'a> {
    /// For hypotheses of `hyp_len` words.
    fn new(reference: &'a [usize], hyp_len: usize) -> Self {
        let mut rows = vec![Row::default(); hyp_len + 1];
        rows[0].cells = (0..=reference.len() as u32)
            .map(|cost| (cost, Step::Insert))
            .collect();
        Self {
            reference,
            scratch: rows.clone(),
            rows,
        }
    }

    /// Fills the matrix for `words`.
    fn compute(&mut self, words: &[usize]) {
        for i in 1..=words.len() {
            let (above, row) = self.rows.split_at_mut(i);
            fill_row(words, self.reference, i, &above[i - 1], &mut row[0]);
        }
    }

    /// Distance of the hypothesis of the last `compute`.
    fn cost(&self) -> u32 {
        self.rows[self.rows.len() - 1].cell(self.reference.len()).0
    }

    /// Distance of `shifted`, a reordering of the `words` of the last `compute`. Rows of the part
    /// that both begin with are not computed again: they depend on nothing but that part and the length.
    fn cost_of(&mut self, words: &[usize], shifted: &[usize]) -> u32 {
        let same = words.iter().zip(shifted).take_while(|(a, b)| a == b).count();
        for i in same + 1..=shifted.len() {
            let (above, row) = self.scratch.split_at_mut(i);
            let above = if i == same + 1 {
                &self.rows[same]
            } else {
                &above[i - 1]
            };
            fill_row(shifted, self.reference, i, above, &mut row[0]);
        }
        let last = if same == shifted.len() {
            &self.rows
        } else {
            &self.scratch
        };
        last[shifted.len()].cell(self.reference.len()).0
    }

    /// Follows the steps of the last `compute` back.
    fn alignment(&self) -> Alignment {
        let (mut i, mut j) = (self.rows.len() - 1, self.reference.len());
        let mut hyp_of_ref = vec![0; j];
        let mut ref_errors = vec![false; j];
        let mut hyp_errors = vec![false; i];
        while i > 0 || j > 0 {
            let step = self.rows[i].cell(j).1;
            let wrong = step != Step::Match;
            match step {
                Step::Match | Step::Substitute => {
                    hyp_of_ref[j - 1] = i;
                    (i, j) = (i - 1, j - 1);
                    hyp_errors[i] = wrong;
                    ref_errors[j] = wrong;
                }
                Step::Delete => {
                    i -= 1;
                    hyp_errors[i] = wrong;
                }
                Step::Insert => {
                    j -= 1;
                    hyp_of_ref[j] = i;
                    ref_errors[j] = wrong;
                }
                Step::Unreached => unreachable!("a reached cell is reached from reached cells"),
            }
        }
        Alignment {
            hyp_of_ref,
            ref_errors,
            hyp_errors,
        }
    }
}

/// Computes row `i` (from 1) of the matrix from the row above it. Among equal costs a diagonal step is
/// preferred to a deletion, and that to an insertion.
fn fill_row(words: &[usize], reference: &[usize], i: usize, above: &Row, row: &mut Row) {
    let ratio = reference.len() as f64 / words.len() as f64;
    let beam = if (BEAM_WIDTH as f64) < ratio / 2.0 {
        (ratio / 2.0 + BEAM_WIDTH as f64).ceil() as usize
    } else {
        BEAM_WIDTH
    };
    let diagonal = (i as f64 * ratio).floor() as usize;
    let first = diagonal.saturating_sub(beam);
    let end = if i == words.len() {
        reference.len() + 1
    } else {
        (reference.len() + 1).min(diagonal + beam)
    };

    row.first = first;
    row.cells.clear();
    let mut left = (UNREACHED, Step::Unreached);
    for j in first..end {
        let best = if j == 0 {
            (above.cell(0).0 + 1, Step::Delete)
        } else {
            let diagonal = above.cell(j - 1).0;
            let diagonal = if words[i - 1] == reference[j - 1] {
                (diagonal, Step::Match)
            } else {
                (diagonal + 1, Step::Substitute)
            };
            let steps = [(above.cell(j).0 + 1, Step::Delete), (left.0 + 1, Step::Insert)];
            let cheaper = |best: Cell, step: Cell| if step.0 < best.0 { step } else { best };
            let best = cheaper((UNREACHED, Step::Unreached), diagonal);
            steps.into_iter().fold(best, cheaper)
        };
        row.cells.push(best);
        left = best;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits_of(hypothesis: &str, reference: &str) -> u64 {
        let numbers = |line: &str| line.bytes().map(usize::from).collect::<Vec<_>>();
        edits(&numbers(hypothesis), &numbers(reference))
    }

    #[test]
    fn without_moves_it_is_the_edit_distance() {
        assert_eq!(edits_of("abc", "abc"), 0);
        assert_eq!(edits_of("abc", "axc"), 1);
        assert_eq!(edits_of("", "abc"), 3);
        assert_eq!(edits_of("abc", ""), 3);
    }

    #[test]
    fn a_block_move_is_one_edit() {
        assert_eq!(edits_of("cdefab", "abcdef"), 1);
        assert_eq!(edits_of("fabcde", "abcdef"), 1);
    }

    #[test]
    fn a_shift_keeps_all_words() {
        let words = [0, 1, 2, 3, 4];
        let mut shifted = Vec::new();
        for start in 0..5 {
            for len in 1..=5 - start {
                for target in 0..=5 {
                    shift_into(&words, start, len, target, &mut shifted);
                    let mut sorted = shifted.clone();
                    sorted.sort_unstable();
                    assert_eq!(sorted, words, "{start} {len} {target}");
                }
            }
        }
    }

    #[test]
    fn very_unequal_lengths_stay_within_the_widened_beam() {
        let reference: Vec<usize> = (0..200).collect();
        // The matching cell is outside of the beam: 75 insertions at least come before the word.
        assert_eq!(edits(&[0], &reference), 200);
        assert_eq!(edits(&reference, &[0]), 199);
    }

    #[test]
    fn lines_of_a_hundred_thousand_words_fit_into_memory() {
        let hypothesis: Vec<usize> = (0..100_000).collect();
        let reference: Vec<usize> = (1..100_001).collect();
        assert_eq!(edits(&hypothesis, &reference), 2); // the first word too many, the last one missing
    }
}
