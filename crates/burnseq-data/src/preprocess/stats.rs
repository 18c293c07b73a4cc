//! What is counted while text becomes ids, mergeable in any order of chunks.

use serde::{Deserialize, Serialize};

/// A pair counts as uneven when one side has more than this many times the tokens of the other.
pub const UNEVEN_RATIO: usize = 3;
/// How many left-out lines are listed by number.
const LISTED: usize = 20;

/// Counts over one side of a split.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SideStats {
    /// The text file.
    pub file: String,
    /// Language, unless the text has none.
    pub lang: Option<String>,
    /// Sentences written.
    pub sentences: u64,
    /// Tokens written, `</s>` included.
    pub tokens: u64,
    /// Different known tokens among them.
    pub types: u64,
    /// Tokens that became `<unk>`; a literal `<unk>` in the text is not one of them.
    pub unknown: u64,
    /// Tokens of the longest sentence, `</s>` included.
    pub longest: u64,
    /// 1-based line of the longest sentence, the first if there are several; 0 without sentences.
    pub longest_line: u64,
    /// Sentences without a word.
    pub empty: u64,
    /// Sentences with more than [`UNEVEN_RATIO`] times the tokens of their counterpart.
    pub uneven: u64,
}

impl SideStats {
    /// Share of the tokens that became `<unk>`, in percent.
    pub fn unknown_percent(&self) -> f64 {
        if self.tokens == 0 {
            0.0
        } else {
            100.0 * self.unknown as f64 / self.tokens as f64
        }
    }
}

/// Counts over one split.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SplitStats {
    /// `train`, `valid`, `valid1`, `test`, ...
    pub split: String,
    /// Lines read from each side.
    pub lines: u64,
    /// Lines left out because one side was over the limit.
    pub too_long: u64,
    /// 1-based numbers of the first lines left out.
    pub too_long_lines: Vec<u64>,
    /// Each side, source first.
    pub sides: Vec<SideStats>,
}

/// Counts of some lines, gathered by one worker.
#[derive(Debug, Default)]
pub(crate) struct ChunkStats {
    lines: u64,
    too_long: Vec<u64>,
    sides: Vec<SideCounts>,
}

#[derive(Debug, Default, Clone)]
struct SideCounts {
    stats: SideStats,
    /// One bit per type of the dictionary.
    seen: Vec<u64>,
}

/// One side of a sentence as it is written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Encoded {
    /// Ids with `</s>`.
    pub(crate) ids: Vec<u32>,
    /// How many of them are unknown words.
    pub(crate) unknown: u64,
}

impl ChunkStats {
    pub(crate) fn new(vocabs: &[usize]) -> Self {
        let side = |&vocab: &usize| SideCounts {
            seen: vec![0; vocab.div_ceil(64)],
            ..SideCounts::default()
        };
        Self {
            sides: vocabs.iter().map(side).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn skip(&mut self, line: u64) {
        self.lines += 1;
        self.too_long.push(line);
    }

    pub(crate) fn add(&mut self, line: u64, sentence: &[Encoded]) {
        self.lines += 1;
        for (number, (side, encoded)) in self.sides.iter_mut().zip(sentence).enumerate() {
            let length = encoded.ids.len();
            let stats = &mut side.stats;
            stats.sentences += 1;
            stats.tokens += length as u64;
            stats.unknown += encoded.unknown;
            if length as u64 > stats.longest {
                (stats.longest, stats.longest_line) = (length as u64, line);
            }
            stats.empty += u64::from(length == 1);
            for (other, counterpart) in sentence.iter().enumerate() {
                let uneven = length > UNEVEN_RATIO * counterpart.ids.len();
                stats.uneven += u64::from(other != number && uneven);
            }
            for &id in &encoded.ids {
                side.seen[id as usize / 64] |= 1 << (id % 64);
            }
        }
    }

    /// Adds the counts of the lines that follow.
    pub(crate) fn merge(&mut self, next: &Self) {
        self.lines += next.lines;
        self.too_long.extend(&next.too_long);
        for (side, next) in self.sides.iter_mut().zip(&next.sides) {
            let (a, b) = (&mut side.stats, &next.stats);
            a.sentences += b.sentences;
            a.tokens += b.tokens;
            a.unknown += b.unknown;
            a.empty += b.empty;
            a.uneven += b.uneven;
            if b.longest > a.longest {
                (a.longest, a.longest_line) = (b.longest, b.longest_line);
            }
            side.seen.iter_mut().zip(&next.seen).for_each(|(a, b)| *a |= b);
        }
    }

    /// The counts of a whole split; ids below 4 are special symbols, not types.
    pub(crate) fn finish(self, split: &str, sides: Vec<(String, Option<String>)>) -> SplitStats {
        let mut finished = Vec::new();
        for (mut counts, (file, lang)) in self.sides.into_iter().zip(sides) {
            if let Some(first) = counts.seen.first_mut() {
                *first &= !0b1111;
            }
            let types = counts.seen.iter().map(|word| u64::from(word.count_ones())).sum();
            finished.push(SideStats {
                file,
                lang,
                types,
                ..counts.stats
            });
        }
        SplitStats {
            split: split.to_owned(),
            lines: self.lines,
            too_long: self.too_long.len() as u64,
            too_long_lines: self.too_long.into_iter().take(LISTED).collect(),
            sides: finished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(ids: &[u32], unknown: u64) -> Encoded {
        Encoded {
            ids: ids.to_vec(),
            unknown,
        }
    }

    #[test]
    fn counts_do_not_depend_on_how_lines_are_split_into_chunks() {
        let lines = [
            [encoded(&[5, 6, 2], 0), encoded(&[2], 0)],
            [encoded(&[3, 5, 70, 2], 1), encoded(&[9, 2], 0)],
            [encoded(&[2], 0), encoded(&[9, 9, 9, 2], 0)],
        ];
        let mut whole = ChunkStats::new(&[100, 10]);
        let mut merged = ChunkStats::new(&[100, 10]);
        for (number, line) in lines.iter().enumerate() {
            whole.add(number as u64 + 1, line);
            let mut one = ChunkStats::new(&[100, 10]);
            one.add(number as u64 + 1, line);
            merged.merge(&one);
        }
        whole.skip(4);
        let mut skipped = ChunkStats::new(&[100, 10]);
        skipped.skip(4);
        merged.merge(&skipped);

        let sides = || vec![("x.de".to_owned(), None), ("x.en".to_owned(), None)];
        let stats = whole.finish("train", sides());
        assert_eq!(stats, merged.finish("train", sides()));
        assert_eq!(
            (stats.lines, stats.too_long, stats.too_long_lines),
            (4, 1, vec![4])
        );
        let (src, tgt) = (&stats.sides[0], &stats.sides[1]);
        assert_eq!((src.sentences, src.tokens, src.types, src.unknown), (3, 8, 3, 1));
        assert_eq!(
            (src.longest, src.longest_line, src.empty, src.uneven),
            (4, 2, 1, 0)
        );
        // Four tokens against one is more than three times as many; three against one is not.
        assert_eq!(
            (tgt.longest, tgt.longest_line, tgt.empty, tgt.uneven),
            (4, 3, 1, 1)
        );
        assert!((src.unknown_percent() - 12.5).abs() < 1e-12);
    }
}
