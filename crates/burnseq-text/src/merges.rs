//! The core of both BPE learners: pair counts kept up to date while the best pair is merged.
//!
//! Sennrich et al. 2016 count all adjacent pairs of symbols, merge the most frequent one and count
//! again. Here only the words that hold the merged pair are visited, and a heap finds the next pair.
//! Which pair wins a tie, and which pairs count at all, is for the [`Rules`] to say.

use std::collections::BinaryHeap;
use std::rc::Rc;

use rustc_hash::FxHashMap;

/// Pair of symbol ids.
type Pair = (u32, u32);

/// What one learner decides differently from another.
pub(crate) trait Rules {
    /// Order among pairs of the same count; the greatest is merged first.
    type Key: Ord;

    /// The key of a pair, or `None` when it must never be merged.
    fn key(&mut self, left: &Rc<str>, right: &Rc<str>) -> Option<Self::Key>;
}

/// Words as sequences of symbols, with the counts of adjacent pairs.
pub(crate) struct Merges<R: Rules> {
    rules: R,
    symbols: Vec<Rc<str>>,
    ids: FxHashMap<Rc<str>, u32>,
    words: Vec<Word>,
    pairs: FxHashMap<Pair, PairState>,
    heap: BinaryHeap<Candidate<R::Key>>,
    /// Pairs whose count grew in the current merge.
    grown: Vec<Pair>,
}

struct Word {
    symbols: Vec<u32>,
    count: i64,
}

/// What is known about a pair.
struct PairState {
    count: i64,
    /// How many pairs were seen before this one.
    number: u32,
    /// Indices of words that may hold the pair; some no longer do.
    words: Vec<u32>,
    /// The rules let it be merged.
    allowed: bool,
    /// The pair is listed in `grown`.
    grown: bool,
}

/// An entry of the heap; for every pair there is one whose count is at least the true one.
struct Candidate<K> {
    count: i64,
    key: K,
    number: u32,
    pair: Pair,
}

/// Pairs of equal count and key (different ways to one string) go in the order they were seen.
impl<K: Ord> Ord for Candidate<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let order = self
            .count
            .cmp(&other.count)
            .then_with(|| self.key.cmp(&other.key));
        order.then_with(|| other.number.cmp(&self.number))
    }
}

impl<K: Ord> PartialOrd for Candidate<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> PartialEq for Candidate<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: Ord> Eq for Candidate<K> {}

impl<R: Rules> Merges<R> {
    pub(crate) fn new(rules: R) -> Self {
        Self {
            rules,
            symbols: Vec::new(),
            ids: FxHashMap::default(),
            words: Vec::new(),
            pairs: FxHashMap::default(),
            heap: BinaryHeap::new(),
            grown: Vec::new(),
        }
    }

    /// Adds a word of the given symbols that occurs `count` times. The order of words decides ties
    /// that the rules leave open.
    pub(crate) fn add_word<'a>(&mut self, symbols: impl Iterator<Item = &'a str>, count: u64) {
        let symbols: Vec<u32> = symbols.map(|symbol| self.intern(symbol)).collect();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let index = u32::try_from(self.words.len()).expect("fewer than 2^32 distinct words");
        for pair in symbols.windows(2) {
            self.grow((pair[0], pair[1]), index, count);
        }
        self.words.push(Word { symbols, count });
    }

    /// The most frequent pair with its count, or `None` when no pair is left; it is to be given
    /// to [`Merges::merge`] or [`Merges::forget`] before the next call.
    pub(crate) fn best(&mut self) -> Option<(Pair, i64)> {
        self.push_grown();
        while let Some(candidate) = self.heap.pop() {
            let count = self.pairs.get(&candidate.pair).map_or(0, |state| state.count);
            if count == candidate.count {
                return Some((candidate.pair, count));
            }
            // A count that grew has an entry of its own; one that shrank needs a new one.
            if 0 < count && count < candidate.count {
                self.heap.push(Candidate { count, ..candidate });
            }
        }
        None
    }

    /// The two symbols of a pair.
    pub(crate) fn symbols_of(&self, pair: Pair) -> (&Rc<str>, &Rc<str>) {
        (&self.symbols[pair.0 as usize], &self.symbols[pair.1 as usize])
    }

    /// Never merges this pair; its symbols stay as they are.
    pub(crate) fn forget(&mut self, pair: Pair) {
        if let Some(state) = self.pairs.get_mut(&pair) {
            (state.count, state.allowed) = (0, false);
            state.words = Vec::new();
        }
    }

    /// Joins every occurrence of a pair, left to right within each word.
    pub(crate) fn merge(&mut self, pair: Pair) {
        let (left, right) = self.symbols_of(pair);
        let joined = [&**left, &**right].concat();
        let joined = self.intern(&joined);
        let state = self.pairs.get_mut(&pair).expect("only counted pairs are merged");
        let words = std::mem::take(&mut state.words);
        for index in words {
            self.merge_in_word(pair, joined, index);
        }
        // What overlapping occurrences left over counts no more.
        self.pairs.get_mut(&pair).expect("counted above").count = 0;
    }

    fn merge_in_word(&mut self, (left, right): Pair, joined: u32, index: u32) {
        let word = &mut self.words[index as usize];
        let is_pair = |at: usize, symbols: &[u32]| symbols[at] == left && symbols.get(at + 1) == Some(&right);
        let Some(first) = (0..word.symbols.len()).find(|&at| is_pair(at, &word.symbols)) else {
            return; // an entry from before another merge changed the word
        };
        let count = word.count;
        let old = std::mem::take(&mut word.symbols);
        let mut new = Vec::with_capacity(old.len() - 1);
        new.extend_from_slice(&old[..first]);
        let mut at = first;
        // Position behind the occurrence merged last: the pairs before it are discounted.
        let mut discounted = 0;
        while at < old.len() {
            if is_pair(at, &old) {
                // The pairs that one of the two symbols takes part in.
                for begin in at.saturating_sub(1).max(discounted)..(at + 2).min(old.len() - 1) {
                    self.shrink((old[begin], old[begin + 1]), count);
                }
                discounted = at + 2;
                new.push(joined);
                at += 2;
            } else {
                new.push(old[at]);
                at += 1;
            }
        }
        for pair in new.windows(2) {
            // Also where the joined symbol stood before, made by another pair: subword-nmt counts
            // its neighbours again then, and its codes depend on it.
            if pair[0] == joined || pair[1] == joined {
                self.grow((pair[0], pair[1]), index, count);
            }
        }
        self.words[index as usize].symbols = new;
    }

    fn shrink(&mut self, pair: Pair, count: i64) {
        if let Some(state) = self.pairs.get_mut(&pair) {
            state.count -= count;
        }
    }

    fn grow(&mut self, pair: Pair, word: u32, count: i64) {
        let number = self.pairs.len() as u32;
        let state = self.pairs.entry(pair).or_insert_with(|| {
            let (left, right) = (&self.symbols[pair.0 as usize], &self.symbols[pair.1 as usize]);
            let allowed = self.rules.key(left, right).is_some();
            PairState {
                count: 0,
                number,
                words: Vec::new(),
                allowed,
                grown: false,
            }
        });
        if !state.allowed {
            return;
        }
        state.count = state.count.saturating_add(count);
        if state.words.last() != Some(&word) {
            state.words.push(word);
        }
        if !state.grown {
            state.grown = true;
            self.grown.push(pair);
        }
    }

    fn push_grown(&mut self) {
        for pair in self.grown.drain(..) {
            let Some(state) = self.pairs.get_mut(&pair) else {
                continue;
            };
            state.grown = false;
            if state.allowed && state.count > 0 {
                let (left, right) = (&self.symbols[pair.0 as usize], &self.symbols[pair.1 as usize]);
                let key = self.rules.key(left, right).expect("the pair is allowed");
                self.heap.push(Candidate {
                    count: state.count,
                    key,
                    number: state.number,
                    pair,
                });
            }
        }
    }

    fn intern(&mut self, symbol: &str) -> u32 {
        if let Some(&id) = self.ids.get(symbol) {
            return id;
        }
        let id = u32::try_from(self.symbols.len()).expect("fewer than 2^32 symbols");
        let symbol: Rc<str> = symbol.into();
        self.symbols.push(symbol.clone());
        self.ids.insert(symbol, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    /// Ties go to the greatest pair of strings.
    struct Plain;

    impl Rules for Plain {
        type Key = (Rc<str>, Rc<str>);

        fn key(&mut self, left: &Rc<str>, right: &Rc<str>) -> Option<Self::Key> {
            Some((left.clone(), right.clone()))
        }
    }

    /// The textbook: counts everything anew before each merge.
    fn slow(words: &[(String, u64)], merges: usize) -> Vec<(String, String, i64)> {
        let mut words: Vec<(Vec<String>, i64)> = words
            .iter()
            .map(|(w, n)| (w.chars().map(String::from).collect(), *n as i64))
            .collect();
        let mut made = Vec::new();
        for _ in 0..merges {
            let mut counts: HashMap<(String, String), i64> = HashMap::new();
            for (symbols, count) in &words {
                for pair in symbols.windows(2) {
                    *counts.entry((pair[0].clone(), pair[1].clone())).or_default() += count;
                }
            }
            let Some(((left, right), count)) = counts.into_iter().max_by_key(|(pair, n)| (*n, pair.clone()))
            else {
                break;
            };
            for (symbols, _) in &mut words {
                let mut at = 0;
                while at + 1 < symbols.len() {
                    if symbols[at] == left && symbols[at + 1] == right {
                        symbols.splice(at..at + 2, [format!("{left}{right}")]);
                    }
                    at += 1;
                }
            }
            made.push((left, right, count));
        }
        made
    }

    #[test]
    fn incremental_counts_equal_counting_anew() {
        let mut state = 1u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut compared = 0;
        for _ in 0..200 {
            // Two letters only, so that pairs overlap (`aaa`).
            let words: Vec<(String, u64)> = (0..random(12) + 1)
                .map(|_| {
                    let letters = random(7) + 1;
                    let word = (0..letters).map(|_| (b'a' + random(2) as u8) as char).collect();
                    (word, random(5) + 1)
                })
                .collect();
            let mut merges = Merges::new(Plain);
            for (word, count) in &words {
                let mut bytes = [0; 4];
                let chars: Vec<String> = word
                    .chars()
                    .map(|c| c.encode_utf8(&mut bytes).to_owned())
                    .collect();
                merges.add_word(chars.iter().map(String::as_str), *count);
            }
            let mut made = Vec::new();
            while let Some((pair, count)) = merges.best() {
                let (left, right) = merges.symbols_of(pair);
                made.push((left.to_string(), right.to_string(), count));
                merges.merge(pair);
            }
            // Once two pairs make the same string, counting anew differs, on purpose.
            let mut strings = HashSet::new();
            let alike = made
                .iter()
                .take_while(|(l, r, _)| strings.insert(format!("{l}{r}")))
                .count();
            assert_eq!(made[..alike], slow(&words, alike), "{words:?}");
            compared += alike;
        }
        assert!(compared > 1000, "{compared}");
    }

    #[test]
    fn forgotten_pairs_are_never_best_again() {
        let mut merges = Merges::new(Plain);
        merges.add_word(["a", "b", "a", "b"].into_iter(), 3);
        let (pair, count) = merges.best().unwrap();
        assert_eq!((&**merges.symbols_of(pair).0, count), ("a", 6));
        merges.forget(pair);
        let (pair, count) = merges.best().unwrap();
        assert_eq!((&**merges.symbols_of(pair).0, count), ("b", 3));
        merges.merge(pair);
        // a ba b
        let (pair, _) = merges.best().unwrap();
        assert_eq!(&**merges.symbols_of(pair).0, "ba");
    }
}
