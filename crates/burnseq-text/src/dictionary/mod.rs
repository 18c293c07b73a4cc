//! The dictionary: which token has which id.
//!
//! In fairseq's order and file format, the special symbols `<s>`, `<pad>`, `</s>` and `<unk>` have the ids 0 to 3 and
//! are not stored; the line `k` (from 0) of a file has the id `k + 4`. The vocabularies of other programs have them
//! anywhere: such a dictionary is a JSON file that lists all tokens ([`Dictionary::of_vocabulary`]).

mod counts;
mod file;
mod special_symbols;
mod vocabulary;

use std::sync::Arc;

pub use counts::Counts;
pub use special_symbols::SpecialSymbols;

use crate::whitespace::tokenize_line;
use rustc_hash::FxHashMap;

/// The special symbols, in the order of their ids.
pub const SPECIAL_SYMBOLS: [&str; 4] = ["<s>", "<pad>", "</s>", "<unk>"];

/// Tokens, their ids and how often the training text holds them.
///
/// ```
/// use burnseq_text::{Counts, Dictionary};
/// let mut counts = Counts::new();
/// counts.add_line("ein Hund und ein Mann");
/// let dictionary = Dictionary::from_counts(&counts, 0, None, 1);
/// assert_eq!(dictionary.symbol(4), "ein");
/// let ids = dictionary.encode_line("ein Tier", true);
/// assert_eq!(ids, [4, dictionary.unk(), dictionary.eos()]);
/// assert_eq!(dictionary.decode(&ids), "ein <unk>");
/// ```
#[derive(Debug, Clone)]
pub struct Dictionary {
    symbols: Vec<Arc<str>>,
    /// Below zero in no file of our own, but fairseq takes such ones.
    counts: Vec<i64>,
    index: FxHashMap<Arc<str>, u32>,
    special_symbols: SpecialSymbols,
    /// How many ids at the beginning are not stored in fairseq's format.
    nspecial: usize,
    /// Further tokens that are no text: languages, masks.
    structure: Vec<u32>,
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        // The index follows from the symbols, overwritten ones included.
        self.symbols == other.symbols
            && self.counts == other.counts
            && self.special_symbols == other.special_symbols
    }
}

impl Eq for Dictionary {}

impl Default for Dictionary {
    fn default() -> Self {
        Self::new()
    }
}

/// How [`Dictionary::decode_with`] writes the unknown symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnkStyle {
    /// `<unk>`, as in hypotheses and sources.
    #[default]
    Plain,
    /// `<<unk>>`, as fairseq prints references, so that an unknown token of the hypothesis never
    /// matches one of the reference.
    Escaped,
}

impl Dictionary {
    /// A dictionary of the special symbols only.
    pub fn new() -> Self {
        let mut dictionary = Self {
            symbols: Vec::new(),
            counts: Vec::new(),
            index: FxHashMap::default(),
            special_symbols: SpecialSymbols::FAIRSEQ,
            nspecial: SPECIAL_SYMBOLS.len(),
            structure: Vec::new(),
        };
        for symbol in SPECIAL_SYMBOLS {
            dictionary.add_symbol(symbol, 1);
        }
        dictionary
    }

    /// The dictionary of counted text; see [`Dictionary::finalize`] for the arguments.
    pub fn from_counts(
        counts: &Counts,
        threshold: u64,
        nwords: Option<usize>,
        padding_factor: usize,
    ) -> Self {
        let mut dictionary = Self::new();
        for (token, count) in counts.sorted() {
            dictionary.add_symbol(token, i64::try_from(count).unwrap_or(i64::MAX));
        }
        dictionary.finalize(threshold, nwords, padding_factor);
        dictionary
    }

    /// Id of `<s>`.
    pub const fn bos(&self) -> u32 {
        self.special_symbols.bos as u32
    }

    /// Id of `<pad>`; it may be one behind the last token, where padding is none.
    pub const fn pad(&self) -> u32 {
        self.special_symbols.pad as u32
    }

    /// Id of `</s>`.
    pub const fn eos(&self) -> u32 {
        self.special_symbols.eos as u32
    }

    /// Id of `<unk>`.
    pub const fn unk(&self) -> u32 {
        self.special_symbols.unk as u32
    }

    /// Id that the decoder starts from.
    pub const fn decoder_start(&self) -> u32 {
        match self.special_symbols.decoder_start {
            Some(start) => start as u32,
            None => self.eos(),
        }
    }

    /// Ids of the special symbols.
    pub const fn special_symbols(&self) -> SpecialSymbols {
        self.special_symbols
    }

    /// How many ids there are, the special symbols included.
    #[expect(clippy::len_without_is_empty, reason = "the special symbols are always there")]
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether a token is no text: beginning, end, padding, and what else a vocabulary names.
    pub fn is_structure(&self, id: u32) -> bool {
        id == self.bos()
            || id == self.pad()
            || id == self.eos()
            || id == self.decoder_start()
            || self.structure.contains(&id)
    }

    /// How many ids the special symbols take at the beginning: four in fairseq's order, else none.
    pub const fn nspecial(&self) -> usize {
        self.nspecial
    }

    /// Id of a token; that of `<unk>` when it is not listed.
    pub fn index(&self, token: &str) -> u32 {
        self.index_of(token).unwrap_or(self.unk())
    }

    /// Id of a token, `None` when it is not listed.
    pub fn index_of(&self, token: &str) -> Option<u32> {
        self.index.get(token).copied()
    }

    /// Token of an id; that of unknown words for ids beyond the end, as in fairseq.
    pub fn symbol(&self, id: u32) -> &str {
        let symbol = |id: u32| self.symbols.get(id as usize);
        symbol(id)
            .or_else(|| symbol(self.unk()))
            .map_or(SPECIAL_SYMBOLS[SpecialSymbols::FAIRSEQ.unk], |symbol| symbol)
    }

    /// Occurrences of a token in the training text; 0 for ids beyond the end.
    pub fn count(&self, id: u32) -> i64 {
        self.counts.get(id as usize).copied().unwrap_or(0)
    }

    /// All tokens with their counts in the order of their ids, special symbols first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, i64)> {
        self.symbols
            .iter()
            .map(|symbol| &**symbol)
            .zip(self.counts.iter().copied())
    }

    /// Adds `count` to a token, which gets the next id if it is new; returns its id.
    pub fn add_symbol(&mut self, token: &str, count: i64) -> u32 {
        match self.index_of(token) {
            Some(id) => {
                let sum = &mut self.counts[id as usize];
                *sum = sum.saturating_add(count);
                id
            }
            None => self.push_symbol(token, count),
        }
    }

    /// Gives a token the next id, also when it has one already.
    fn push_symbol(&mut self, token: &str, count: i64) -> u32 {
        let id = u32::try_from(self.symbols.len()).expect("a dictionary has fewer than 2^32 tokens");
        let token: Arc<str> = token.into();
        self.index.insert(token.clone(), id);
        self.symbols.push(token);
        self.counts.push(count);
        id
    }

    /// Sorts by falling count (ties by code points) and cuts, as fairseq's `finalize`.
    ///
    /// - `threshold`: tokens that occur less often are left out.
    /// - `nwords`: at most so many ids, the special symbols included and before padding.
    /// - `padding_factor`: `madeupword0000`, `madeupword0001` ... are added with count 0 until the
    ///   number of ids is a multiple of it; 0 and 1 add none.
    pub fn finalize(&mut self, threshold: u64, nwords: Option<usize>, padding_factor: usize) {
        let nspecial = self.nspecial();
        let threshold = i64::try_from(threshold).unwrap_or(i64::MAX);
        let mut rest: Vec<(Arc<str>, i64)> = self
            .symbols
            .drain(nspecial..)
            .zip(self.counts.drain(nspecial..))
            .collect();
        rest.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        rest.truncate(nwords.map_or(usize::MAX, |nwords| nwords.saturating_sub(nspecial)));

        self.index.retain(|_, id| (*id as usize) < nspecial);
        for (token, count) in rest.into_iter().take_while(|(_, count)| *count >= threshold) {
            self.add_symbol(&token, count);
        }
        self.pad_to_multiple(padding_factor);
    }

    /// Adds `madeupword0000`, `madeupword0001` ... with count 0 until the number of ids is a multiple of `factor`; 0 and 1
    /// add none.
    pub fn pad_to_multiple(&mut self, factor: usize) {
        let mut number = 0;
        while factor > 1 && !self.len().is_multiple_of(factor) {
            self.add_symbol(&format!("madeupword{number:04}"), 0);
            number += 1;
        }
    }

    /// The tokens of a line with their ids.
    pub fn tokens<'a>(&self, line: &'a str) -> impl Iterator<Item = (&'a str, u32)> {
        tokenize_line(line).map(|token| (token, self.index(token)))
    }

    /// Ids of the tokens of a line, which white space separates, with `</s>` behind on request.
    pub fn encode_line(&self, line: &str, append_eos: bool) -> Vec<u32> {
        let mut ids: Vec<u32> = self.tokens(line).map(|(_, id)| id).collect();
        if append_eos {
            ids.push(self.eos());
        }
        ids
    }

    /// The tokens of ids, separated by blanks; `<s>`, `<pad>`, `</s>` and other [structure](Self::is_structure) are left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.decode_with(ids, UnkStyle::Plain)
    }

    /// As [`Dictionary::decode`], with a choice of how the unknown symbol is written.
    pub fn decode_with(&self, ids: &[u32], unk: UnkStyle) -> String {
        let mut line = String::new();
        for (number, &id) in ids.iter().filter(|id| !self.is_structure(**id)).enumerate() {
            if number > 0 {
                line.push(' ');
            }
            line.push_str(match unk {
                UnkStyle::Escaped if id == self.unk() => "<<unk>>",
                _ => self.symbol(id),
            });
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &[&str]) -> Counts {
        let mut counts = Counts::new();
        lines.iter().for_each(|line| counts.add_line(line));
        counts
    }

    #[test]
    fn special_symbols_have_the_ids_of_fairseq() {
        let dictionary = Dictionary::new();
        assert_eq!(dictionary.len(), 4);
        for (id, symbol) in SPECIAL_SYMBOLS.iter().enumerate() {
            assert_eq!(dictionary.index(symbol), id as u32);
            assert_eq!(dictionary.symbol(id as u32), *symbol);
        }
        assert_eq!(dictionary.index("anything"), dictionary.unk());
        assert_eq!(dictionary.symbol(99), "<unk>");
    }

    #[test]
    fn order_is_falling_count_then_code_point() {
        // U+FFEE sorts before U+10400 by code point, after it in UTF-16.
        let counts = counted(&["b a \u{10400} \u{ffee} ä c c"]);
        let dictionary = Dictionary::from_counts(&counts, 0, None, 1);
        let tokens: Vec<_> = dictionary.iter().skip(4).map(|(token, _)| token).collect();
        assert_eq!(tokens, ["c", "a", "b", "ä", "\u{ffee}", "\u{10400}"]);
    }

    #[test]
    fn threshold_size_and_padding_cut_and_fill() {
        let counts = counted(&["a a a b b c d"]);
        assert_eq!(Dictionary::from_counts(&counts, 2, None, 1).len(), 4 + 2);
        // The cap counts the special symbols.
        assert_eq!(Dictionary::from_counts(&counts, 0, Some(5), 1).len(), 5);
        assert_eq!(Dictionary::from_counts(&counts, 0, Some(2), 1).len(), 4);
        let padded = Dictionary::from_counts(&counts, 0, Some(5), 8);
        assert_eq!(padded.symbol(5), "madeupword0000");
        assert_eq!(padded.symbol(7), "madeupword0002");
        assert_eq!((padded.len(), padded.count(7)), (8, 0));
    }

    #[test]
    fn padding_skips_fillers_that_are_words_of_the_text() {
        let counts = counted(&["madeupword0000 x"]);
        let dictionary = Dictionary::from_counts(&counts, 0, None, 8);
        let tokens: Vec<_> = dictionary.iter().skip(4).collect();
        assert_eq!(
            tokens,
            [
                ("madeupword0000", 1),
                ("x", 1),
                ("madeupword0001", 0),
                ("madeupword0002", 0)
            ]
        );
    }

    #[test]
    fn decoding_drops_structure_and_escapes_unknown_on_request() {
        let dictionary = Dictionary::from_counts(&counted(&["a b"]), 0, None, 1);
        let ids = [0, 4, 3, 1, 5, 2, 1];
        assert_eq!(dictionary.decode(&ids), "a <unk> b");
        assert_eq!(dictionary.decode_with(&ids, UnkStyle::Escaped), "a <<unk>> b");
    }

    #[test]
    fn text_of_known_tokens_survives_encoding() {
        let counts = counted(&["x y z", "x x"]);
        let dictionary = Dictionary::from_counts(&counts, 0, None, 8);
        assert_eq!(
            dictionary.decode(&dictionary.encode_line(" z\tx  y\u{a0}", true)),
            "z x y"
        );
        assert_eq!(dictionary.encode_line(" \u{85} ", true), [2]);
        assert!(dictionary.encode_line("", false).is_empty());
    }
}
