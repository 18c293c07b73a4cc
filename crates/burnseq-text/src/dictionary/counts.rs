//! Counting tokens, in as many parts as there are workers.

use crate::dictionary::SPECIAL_SYMBOLS;
use crate::whitespace::tokenize_line;
use rustc_hash::FxHashMap;

/// How often each token occurs in some lines; each line also counts one `</s>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    tokens: FxHashMap<Box<str>, u64>,
    lines: u64,
}

impl Counts {
    /// Counts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the tokens of a line, which white space separates, and its end.
    pub fn add_line(&mut self, line: &str) {
        for token in tokenize_line(line) {
            self.add(token, 1);
        }
        self.lines += 1;
    }

    /// Counts a token `count` times.
    pub fn add(&mut self, token: &str, count: u64) {
        if let Some(sum) = self.tokens.get_mut(token) {
            *sum += count;
        } else {
            self.tokens.insert(token.into(), count);
        }
    }

    /// Adds the counts of another worker.
    pub fn merge(&mut self, other: Self) {
        for (token, count) in other.tokens {
            *self.tokens.entry(token).or_insert(0) += count;
        }
        self.lines += other.lines;
    }

    /// Occurrences of a token; for `</s>` the lines are included.
    pub fn count(&self, token: &str) -> u64 {
        let ends = if token == SPECIAL_SYMBOLS[2] {
            self.lines
        } else {
            0
        };
        self.tokens.get(token).copied().unwrap_or(0) + ends
    }

    /// Lines counted.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Distinct tokens, `</s>` counted only where the text itself holds it.
    pub fn types(&self) -> usize {
        self.tokens.len()
    }

    /// All tokens with their counts, `</s>` included, by code points.
    pub fn sorted(&self) -> Vec<(&str, u64)> {
        let eos = SPECIAL_SYMBOLS[2];
        let mut sorted: Vec<(&str, u64)> = self
            .tokens
            .keys()
            .map(|token| (&**token, self.count(token)))
            .collect();
        if self.lines > 0 && !self.tokens.contains_key(eos) {
            sorted.push((eos, self.lines));
        }
        sorted.sort_unstable();
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_parts_equal_the_whole() {
        let lines = ["a b a", "", "b </s> c", "\u{a0}"];
        let mut whole = Counts::new();
        lines.iter().for_each(|line| whole.add_line(line));
        for cut in 0..=lines.len() {
            let (mut left, mut right) = (Counts::new(), Counts::new());
            lines[..cut].iter().for_each(|line| left.add_line(line));
            lines[cut..].iter().for_each(|line| right.add_line(line));
            left.merge(right);
            assert_eq!(left, whole);
        }
        assert_eq!(whole.sorted(), [("</s>", 5), ("a", 2), ("b", 2), ("c", 1)]);
        assert_eq!((whole.lines(), whole.types()), (4, 4));
    }
}
