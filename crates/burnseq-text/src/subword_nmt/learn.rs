//! Learning merges, with the counts, ties and stops of subword-nmt's `learn-bpe`.

use std::rc::Rc;

use super::codes::initial_symbols;
use super::{Codes, CodesVersion, parts, words};
use crate::error::{Error, Result};
use crate::merges::{Merges, Rules};
use rustc_hash::FxHashMap;

/// How many merges to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnOptions {
    /// Merges to learn (`-s`); about the number of distinct pieces, less the characters.
    pub symbols: usize,
    /// Learning stops at pairs rarer than this (`--min-frequency`).
    pub min_frequency: u64,
    /// The characters count as symbols too (`--total-symbols`), inside and at the end of words
    /// apart.
    pub total_symbols: bool,
}

impl Default for LearnOptions {
    fn default() -> Self {
        Self {
            symbols: 10_000,
            min_frequency: 2,
            total_symbols: false,
        }
    }
}

/// Counts the words of text and learns merges from them; parts counted by several workers merge.
#[derive(Debug, Clone, Default)]
pub struct Learner {
    words: FxHashMap<Box<str>, u64>,
}

impl Learner {
    /// A learner that has seen no text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the words of a line.
    pub fn add_line(&mut self, line: &str) {
        let parts = parts(line).map(|part| part.trim_matches(['\r', '\n', ' ']));
        for word in parts.flat_map(words) {
            if let Some(count) = self.words.get_mut(word) {
                *count += 1;
            } else {
                self.words.insert(word.into(), 1);
            }
        }
    }

    /// Adds the counts of another worker.
    pub fn merge(&mut self, other: Self) {
        for (word, count) in other.words {
            *self.words.entry(word).or_insert(0) += count;
        }
    }

    /// Learns merges; there may be fewer than asked for, when no pair is frequent enough.
    ///
    /// # Errors
    /// [`Error::EmptyCorpus`].
    pub fn learn(self, options: &LearnOptions) -> Result<Codes> {
        self.learn_watched(options, |_, _| ())
    }

    /// [`Learner::learn`], which tells `watch` after each merge how many are learnt and how many are wanted at most.
    ///
    /// # Errors
    /// As [`Learner::learn`].
    pub fn learn_watched(self, options: &LearnOptions, mut watch: impl FnMut(usize, usize)) -> Result<Codes> {
        if self.words.is_empty() {
            return Err(Error::EmptyCorpus);
        }
        let mut alphabet = FxHashMap::default();
        let mut merges = Merges::new(GreatestPair);
        // Any order gives the same codes; a fixed one makes runs alike in time and memory, too.
        let mut words: Vec<_> = self.words.into_iter().collect();
        words.sort_unstable();
        for (word, count) in words {
            let symbols = initial_symbols(CodesVersion::V0_2, &word);
            if options.total_symbols {
                alphabet.extend(symbols.iter().map(|symbol| (symbol.clone(), ())));
            }
            merges.add_word(symbols.iter().map(String::as_str), count);
        }
        let wanted = options.symbols.saturating_sub(alphabet.len());
        let min_frequency = i64::try_from(options.min_frequency.max(1)).unwrap_or(i64::MAX);
        let mut codes = Codes {
            version: CodesVersion::V0_2,
            merges: Vec::new(),
        };
        while codes.merges.len() < wanted {
            let Some((pair, _)) = merges.best().filter(|(_, count)| *count >= min_frequency) else {
                break;
            };
            let (left, right) = merges.symbols_of(pair);
            codes.merges.push((left.to_string(), right.to_string()));
            merges.merge(pair);
            watch(codes.merges.len(), wanted);
        }
        Ok(codes)
    }
}

/// Learns merges from lines of text; [`Learner`] does it in parts.
///
/// # Errors
/// [`Error::EmptyCorpus`].
pub fn learn<'a>(lines: impl IntoIterator<Item = &'a str>, options: &LearnOptions) -> Result<Codes> {
    let mut learner = Learner::new();
    for line in lines {
        learner.add_line(line);
    }
    learner.learn(options)
}

/// Ties go to the pair that is greatest by code points.
struct GreatestPair;

impl Rules for GreatestPair {
    type Key = (Rc<str>, Rc<str>);

    fn key(&mut self, left: &Rc<str>, right: &Rc<str>) -> Option<Self::Key> {
        Some((left.clone(), right.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merges(line: &str, options: LearnOptions) -> Vec<String> {
        let codes = learn([line], &options).unwrap();
        codes
            .merges
            .into_iter()
            .map(|(left, right)| format!("{left} {right}"))
            .collect()
    }

    #[test]
    fn most_frequent_pair_is_merged_first_and_ties_go_to_the_greatest() {
        // lower 2x, low 1x, new 2x. Pairs: lo 3, we 2, er</w> 2, ow 2 (in lower), ne 2, ew</w> 2,
        // ow</w> 1. After lo: low 2 of (lo, w); ties by the greatest pair of strings.
        let learnt = merges(
            "lower lower low new new",
            LearnOptions {
                symbols: 4,
                ..LearnOptions::default()
            },
        );
        assert_eq!(learnt, ["l o", "w e", "we r</w>", "n e"]);
    }

    #[test]
    fn rare_pairs_stop_the_learning() {
        let line = "ab ab cd";
        assert_eq!(merges(line, LearnOptions::default()), ["a b</w>"]);
        let all = LearnOptions {
            min_frequency: 1,
            ..LearnOptions::default()
        };
        assert_eq!(merges(line, all), ["a b</w>", "c d</w>"]);
    }

    #[test]
    fn total_symbols_count_the_characters() {
        // Four characters: a, b</w>, c, d</w>.
        let options = LearnOptions {
            symbols: 5,
            min_frequency: 1,
            total_symbols: true,
        };
        assert_eq!(merges("ab ab cd", options), ["a b</w>"]);
    }

    #[test]
    fn parts_learn_the_same_as_the_whole() {
        let lines = [
            "der Hund und der Mann",
            "die Hunde und die Männer",
            "",
            "ein  Mann",
        ];
        let options = LearnOptions {
            symbols: 50,
            ..LearnOptions::default()
        };
        let (mut left, mut right) = (Learner::new(), Learner::new());
        lines[..2].iter().for_each(|line| left.add_line(line));
        lines[2..].iter().for_each(|line| right.add_line(line));
        left.merge(right);
        assert_eq!(left.learn(&options).unwrap(), learn(lines, &options).unwrap());
    }

    #[test]
    fn empty_text_is_an_error() {
        assert!(matches!(
            learn(["", "  "], &LearnOptions::default()),
            Err(Error::EmptyCorpus)
        ));
    }
}
