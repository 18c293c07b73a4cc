//! Splitting words into pieces with learnt merges, as subword-nmt's `apply-bpe`, and undoing it.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{Codes, CodesVersion, END_OF_WORD, SEPARATOR, Vocabulary, long_words, parts, words};
use crate::error::{Error, Result};
use crate::random::SampleRng;
use crate::remove_bpe::RemoveBpe;
use crate::word_cache::WordCache;
use rustc_hash::FxHashMap;

/// A symbol that no merge knows.
const UNKNOWN: u32 = u32::MAX;

/// Words of more symbols are merged by [`long_words`], which takes longer for short ones.
const LONG: usize = 128;

/// Rank and id of the result of each pair.
pub(super) type Pairs = FxHashMap<(u32, u32), (u32, u32)>;

/// Segments text with the merges of a [`Codes`] file.
///
/// Segmented words are remembered, in a few MiB. Several threads may share one value; clones
/// share the merges but remember on their own, which is faster in parallel.
///
/// ```
/// use burnseq_text::subword_nmt::{Codes, SubwordNmt};
/// let codes = Codes::parse("#version: 0.2\nH u\nn d</w>\n".as_bytes(), "codes")?;
/// let bpe = SubwordNmt::new(&codes);
/// assert_eq!(bpe.encode_line("ein Hund"), "e@@ i@@ n Hu@@ nd");
/// assert_eq!(bpe.decode("e@@ i@@ n Hu@@ nd"), "ein Hund");
/// # Ok::<(), burnseq_text::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SubwordNmt {
    tables: Arc<Tables>,
    cache: WordCache,
}

#[derive(Debug)]
pub(super) struct Tables {
    version: CodesVersion,
    /// Ids of the symbols that take part in merges.
    ids: FxHashMap<Box<str>, u32>,
    merges: Pairs,
    /// The pair that makes a piece.
    parts: FxHashMap<Box<str>, (Box<str>, Box<str>)>,
    vocabulary: Option<Vocabulary>,
}

impl SubwordNmt {
    /// Segments with all merges.
    pub fn new(codes: &Codes) -> Self {
        Self::build(codes, None)
    }

    /// Also splits pieces that are not in the vocabulary again, so that the model never sees
    /// pieces that were rare on its side of the training text.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for codes of version 0.1, whose merges of `</w>` cannot be undone.
    pub fn with_vocabulary(codes: &Codes, vocabulary: Vocabulary) -> Result<Self> {
        if codes.version == CodesVersion::V0_1 {
            return Err(Error::InvalidOption {
                name: "version of the BPE codes",
                expected: "0.2 when a vocabulary is given",
                value: "0.1".to_owned(),
            });
        }
        Ok(Self::build(codes, Some(vocabulary)))
    }

    fn build(codes: &Codes, vocabulary: Option<Vocabulary>) -> Self {
        let mut ids: FxHashMap<Box<str>, u32> = FxHashMap::default();
        let mut id = |symbol: &str| {
            let next = ids.len() as u32;
            *ids.entry(symbol.into()).or_insert(next)
        };
        let mut merges = Pairs::default();
        let mut parts: FxHashMap<Box<str>, (Box<str>, Box<str>)> = FxHashMap::default();
        // From the last to the first: of merges listed twice the earlier rank counts, and a piece
        // that two pairs make is split into the pair that stands earlier.
        for (rank, (left, right)) in codes.merges.iter().enumerate().rev() {
            let joined = [left.as_str(), right].concat();
            let pair = (id(left), id(right));
            let result = (rank as u32, id(&joined));
            match merges.entry(pair) {
                Entry::Occupied(mut entry) => *entry.get_mut() = result,
                Entry::Vacant(entry) => {
                    entry.insert(result);
                    parts.insert(joined.into(), (left.as_str().into(), right.as_str().into()));
                }
            }
        }
        let tables = Tables {
            version: codes.version,
            ids,
            merges,
            parts,
            vocabulary,
        };
        Self {
            tables: Arc::new(tables),
            cache: WordCache::default(),
        }
    }

    /// Segments the words of a line, which blanks (U+0020) separate; blanks at both ends stay.
    pub fn encode_line(&self, line: &str) -> String {
        let mut known = self.cache.lock();
        encode_words(line, |word, segmented| {
            if let Some(pieces) = known.get(word) {
                return segmented.push_str(pieces);
            }
            let begin = segmented.len();
            let merge = |symbols: &mut Vec<Symbol>| {
                if symbols.len() > LONG {
                    long_words::merge_all(symbols, &self.tables.merges);
                } else {
                    self.tables.merge_all(symbols, || true);
                }
            };
            self.tables.segment(word, merge, segmented);
            known.insert(word, &segmented[begin..]);
        })
    }

    /// As [`SubwordNmt::encode_line`] with BPE-dropout (Provilkov et al. 2020): before each merge,
    /// every place where some merge is possible is left out with the probability `dropout`; the
    /// word is done when none is left. 0 leaves out nothing, 1 gives characters.
    pub fn encode_line_with_dropout(&self, line: &str, dropout: f64, rng: &mut SampleRng) -> String {
        encode_words(line, |word, segmented| {
            let merge = |symbols: &mut Vec<Symbol>| {
                self.tables.merge_all(symbols, || rng.uniform() >= dropout);
            };
            self.tables.segment(word, merge, segmented);
        })
    }

    /// Joins the pieces of segmented text, as `--remove-bpe` does.
    pub fn decode(&self, tokens: &str) -> String {
        RemoveBpe::SubwordNmt.apply(tokens)
    }
}

/// Appends the segmentation of each word of a line, and keeps the blanks at both ends of its parts.
fn encode_words(line: &str, mut segment: impl FnMut(&str, &mut String)) -> String {
    let is_edge = |c: char| matches!(c, ' ' | '\r' | '\n');
    let mut segmented = String::with_capacity(line.len() * 2);
    for part in parts(line) {
        let inner = part.trim_matches(is_edge);
        if inner.is_empty() {
            segmented.push_str(part);
            continue;
        }
        let start = part.len() - part.trim_start_matches(is_edge).len();
        segmented.push_str(&part[..start]);
        for (n, word) in words(inner).enumerate() {
            if n > 0 {
                segmented.push(' ');
            }
            segment(word, &mut segmented);
        }
        segmented.push_str(&part[start + inner.len()..]);
    }
    segmented
}

/// A symbol of a word under segmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    pub(super) id: u32,
    /// Byte offset of its end in the word.
    pub(super) end: usize,
}

impl Tables {
    /// Appends the pieces of a word, with `@@ ` between them; `merge` merges its symbols.
    fn segment(&self, word: &str, merge: impl FnOnce(&mut Vec<Symbol>), segmented: &mut String) {
        let mut symbols = self.initial(word);
        if symbols.len() > 1 {
            merge(&mut symbols);
        }
        let mut pieces = Vec::with_capacity(symbols.len());
        let mut begin = 0;
        for symbol in symbols {
            if symbol.end > begin {
                pieces.push(&word[begin..symbol.end]);
            }
            begin = symbol.end;
        }
        let last = pieces.pop().expect("words have at least one character");
        match &self.vocabulary {
            Some(vocabulary) if word.chars().nth(1).is_some() => {
                for piece in pieces {
                    self.push_known(vocabulary, piece, segmented);
                }
                self.push_known_last(vocabulary, last, segmented);
            }
            _ => {
                for piece in pieces {
                    push_inner(piece, segmented);
                }
                segmented.push_str(last);
            }
        }
    }

    /// One symbol per character, with the end of the word as the version wants it.
    fn initial(&self, word: &str) -> Vec<Symbol> {
        let id = |symbol: &str| self.ids.get(symbol).copied().unwrap_or(UNKNOWN);
        let mut symbols: Vec<Symbol> = Vec::with_capacity(word.len() + 1);
        for (begin, c) in word.char_indices() {
            let end = begin + c.len_utf8();
            symbols.push(Symbol {
                id: id(&word[begin..end]),
                end,
            });
        }
        match self.version {
            CodesVersion::V0_1 if symbols.len() > 1 => {
                symbols.push(Symbol {
                    id: id(END_OF_WORD),
                    end: word.len(),
                });
            }
            CodesVersion::V0_1 => {}
            CodesVersion::V0_2 => {
                let (begin, c) = word.char_indices().next_back().expect("words are not empty");
                let mut last = String::with_capacity(c.len_utf8() + END_OF_WORD.len());
                last.push_str(&word[begin..]);
                last.push_str(END_OF_WORD);
                symbols.last_mut().expect("words are not empty").id = id(&last);
            }
        }
        symbols
    }

    /// Joins the pair of lowest rank, wherever it is kept and left to right, until no merge is left. `keep` is asked for
    /// every place where a merge is possible, each time before one is done.
    pub(super) fn merge_all(&self, symbols: &mut Vec<Symbol>, mut keep: impl FnMut() -> bool) {
        // Rank, position of the left symbol and id of the result of each possible merge.
        let mut possible: Vec<(u32, usize, u32)> = Vec::with_capacity(symbols.len());
        loop {
            possible.clear();
            for (at, pair) in symbols.windows(2).enumerate() {
                if let Some(&(rank, joined)) = self.merges.get(&(pair[0].id, pair[1].id))
                    && keep()
                {
                    possible.push((rank, at, joined));
                }
            }
            let Some(best) = possible.iter().map(|&(rank, ..)| rank).min() else {
                return;
            };
            let mut chosen = possible.iter().filter(|&&(rank, ..)| rank == best).peekable();
            let mut kept = 0;
            let mut at = 0;
            while at < symbols.len() {
                // Of overlapping places the left one is joined.
                while chosen.next_if(|&&(_, place, _)| place < at).is_some() {}
                let mut symbol = symbols[at];
                if let Some(&(_, _, joined)) = chosen.next_if(|&&(_, place, _)| place == at) {
                    at += 1;
                    symbol = Symbol {
                        id: joined,
                        end: symbols[at].end,
                    };
                }
                at += 1;
                symbols[kept] = symbol;
                kept += 1;
            }
            symbols.truncate(kept);
        }
    }

    /// A piece inside a word: as it is when the vocabulary has it, else its parts likewise.
    fn push_known(&self, vocabulary: &Vocabulary, piece: &str, segmented: &mut String) {
        match self.parts.get(piece) {
            Some((left, right)) if !vocabulary.contains(&[piece, SEPARATOR].concat()) => {
                self.push_known(vocabulary, left, segmented);
                self.push_known(vocabulary, right, segmented);
            }
            _ => push_inner(piece, segmented),
        }
    }

    /// The last piece of a word, likewise.
    fn push_known_last(&self, vocabulary: &Vocabulary, piece: &str, segmented: &mut String) {
        let parts = self.parts.get([piece, END_OF_WORD].concat().as_str());
        match parts.and_then(|(left, right)| Some((left, right.strip_suffix(END_OF_WORD)?))) {
            Some((left, right)) if !vocabulary.contains(piece) => {
                self.push_known(vocabulary, left, segmented);
                self.push_known_last(vocabulary, right, segmented);
            }
            _ => segmented.push_str(piece),
        }
    }
}

fn push_inner(piece: &str, segmented: &mut String) {
    segmented.push_str(piece);
    segmented.push_str(SEPARATOR);
    segmented.push(' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::random_lines;

    fn bpe(codes: &str) -> SubwordNmt {
        SubwordNmt::new(&Codes::parse(codes.as_bytes(), "codes").unwrap())
    }

    #[test]
    fn earlier_merges_come_first_and_overlaps_join_from_the_left() {
        let bpe = bpe("#version: 0.2\na a\nb c</w>\naa a\n");
        assert_eq!(bpe.encode_line("aaabc"), "aaa@@ bc");
        // a a a a a -> aa aa a</w>: the last `a` carries `</w>`.
        assert_eq!(bpe.encode_line("aaaaa"), "aa@@ aa@@ a");
        assert_eq!(bpe.encode_line("x"), "x");
    }

    #[test]
    fn only_blanks_separate_words_and_outer_ones_stay() {
        let bpe = bpe("#version: 0.2\na b</w>\n");
        assert_eq!(bpe.encode_line("  ab   cd "), "  ab c@@ d ");
        assert_eq!(bpe.encode_line("a\tb"), "a@@ \t@@ b");
        assert_eq!(bpe.encode_line("   "), "   ");
        // As subword-nmt prints it: the parts are lines of their own for it.
        assert_eq!(
            bpe.encode_line(" ab\u{2028}ab \u{85} x"),
            " a@@ b@@ \u{2028}ab \u{85} x"
        );
        assert_eq!(bpe.encode_line(""), "");
    }

    #[test]
    fn version_0_1_has_the_end_of_word_as_its_own_symbol() {
        let bpe = bpe("a b\nab </w>\nc </w>\n");
        assert_eq!(bpe.encode_line("ab abc cd c"), "ab ab@@ c c@@ d c");
    }

    #[test]
    fn pieces_outside_the_vocabulary_are_split_again() {
        let codes = Codes::parse("#version: 0.2\na b\nc d</w>\nab cd</w>\n".as_bytes(), "codes").unwrap();
        let with = |text: &str| {
            let vocabulary = Vocabulary::parse(text.as_bytes(), "vocab", 0).unwrap();
            SubwordNmt::with_vocabulary(&codes, vocabulary)
                .unwrap()
                .encode_line("abcd")
        };
        assert_eq!(with("abcd 1\n"), "abcd");
        assert_eq!(with("ab@@ 1\ncd 1\n"), "ab@@ cd");
        assert_eq!(with("cd 1\n"), "a@@ b@@ cd");
        assert_eq!(with("abcd@@ 1\nab 1\n"), "a@@ b@@ c@@ d");
        let old = Codes {
            version: CodesVersion::V0_1,
            ..codes.clone()
        };
        assert!(SubwordNmt::with_vocabulary(&old, Vocabulary::default()).is_err());
    }

    #[test]
    fn dropout_leaves_each_possible_merge_out_with_its_probability() {
        let bpe = bpe("#version: 0.2\na b\nab c</w>\n");
        let mut rng = SampleRng::for_sentence(1, 1, 1);
        let mut segment = |dropout: f64| bpe.encode_line_with_dropout(" abc  x", dropout, &mut rng);
        assert_eq!(segment(0.0), " abc x");
        assert_eq!(segment(1.0), " a@@ b@@ c x");
        // Both merges happen with 0.75 * 0.75, the first alone with 0.75 * 0.25, none with 0.25.
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            let outcomes = [" abc x", " ab@@ c x", " a@@ b@@ c x"];
            let segmented = segment(0.25);
            counts[outcomes.iter().position(|outcome| *outcome == segmented).unwrap()] += 1;
        }
        for (count, expected) in counts.into_iter().zip([5625.0, 1875.0, 2500.0]) {
            // Over four standard deviations of the counts, which are below 50.
            assert!((f64::from(count) - expected).abs() < 200.0, "{counts:?}");
        }
    }

    #[test]
    fn dropout_drops_single_places_of_a_pair() {
        let bpe = bpe("#version: 0.2\na b\na b</w>\n");
        let seen: std::collections::BTreeSet<String> = (0..200)
            .map(|n| bpe.encode_line_with_dropout("ababab", 0.5, &mut SampleRng::for_sentence(0, 0, n)))
            .collect();
        // Each of the three places is joined or not.
        assert_eq!(seen.len(), 8, "{seen:?}");
    }

    #[test]
    fn long_words_are_merged_as_short_ones() {
        let mut rng = SampleRng::for_sentence(8, 0, 0);
        for case in 0..300 {
            // Random merges of random pieces, so that a merge may make an earlier one possible.
            let mut pieces: Vec<String> = ["a", "b", "c", "a</w>", "b</w>", "</w>"]
                .map(String::from)
                .to_vec();
            let mut codes = Codes {
                version: if case % 3 == 0 {
                    CodesVersion::V0_1
                } else {
                    CodesVersion::V0_2
                },
                merges: Vec::new(),
            };
            for _ in 0..20 {
                let mut draw = || pieces[rng.next_u64() as usize % pieces.len()].clone();
                let (left, right) = (draw(), draw());
                pieces.push([left.as_str(), &right].concat());
                let at = rng.next_u64() as usize % (codes.merges.len() + 1);
                codes.merges.insert(at, (left, right));
            }
            let bpe = SubwordNmt::new(&codes);
            for _ in 0..20 {
                let length = 2 + rng.next_u64() % 60;
                let word: String = (0..length)
                    .map(|_| ['a', 'b', 'c', 'ü'][rng.next_u64() as usize % 4])
                    .collect();
                let mut expected = bpe.tables.initial(&word);
                let mut found = expected.clone();
                bpe.tables.merge_all(&mut expected, || true);
                long_words::merge_all(&mut found, &bpe.tables.merges);
                assert_eq!(found, expected, "{word}: {:?}", codes.merges);
            }
        }
    }

    #[test]
    fn a_long_word_takes_no_more_time_than_many_short_ones() {
        let mut learner = super::super::Learner::new();
        let mut rng = SampleRng::for_sentence(9, 0, 0);
        let mut letters = |n: u64| -> String {
            (0..n)
                .map(|_| char::from(b'a' + (rng.next_u64() % 16) as u8))
                .collect()
        };
        (0..20_000).for_each(|_| learner.add_line(&letters(7)));
        let codes = learner.learn(&super::super::LearnOptions::default()).unwrap();
        assert!(codes.merges.len() > 2000, "{}", codes.merges.len());
        let bpe = SubwordNmt::new(&codes);
        let word = letters(900_000);
        let started = std::time::Instant::now();
        let pieces = bpe.encode_line(&word);
        // A round over the whole word for each merge takes a minute.
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
        assert_eq!(bpe.decode(&pieces), word);
    }

    #[test]
    fn words_that_come_back_are_segmented_alike() {
        let bpe = bpe("#version: 0.2\n1 2\n3 4</w>\n");
        for _ in 0..2 {
            assert_eq!(bpe.encode_line("1234 w1 1234"), "12@@ 34 w@@ 1 12@@ 34");
        }
    }

    #[test]
    fn decoding_undoes_encoding() {
        let bpe = bpe("#version: 0.2\na b\nab a</w>\nb a\n");
        for line in random_lines(['a', 'b', 'c', ' ', 'ü', '😀']) {
            let words: Vec<_> = words(&line).collect();
            let line = words.join(" ");
            assert_eq!(bpe.decode(&bpe.encode_line(&line)), line);
        }
    }
}
