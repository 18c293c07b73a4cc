//! Merges of long words: each round visits the places of its pair only, not the whole word.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::apply::{Pairs, Symbol};

/// A place where a merge is possible, as long as its symbols are what they were.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rank: u32,
    /// Position of the left symbol.
    left: usize,
    pair: (u32, u32),
}

/// Symbols as a list, of which merged ones drop out.
struct Word {
    symbols: Vec<Symbol>,
    before: Vec<usize>,
    behind: Vec<usize>,
    merged: Vec<bool>,
}

impl Word {
    /// The symbol behind one, unless that is the last.
    fn next(&self, at: usize) -> Option<usize> {
        (self.behind[at] < self.symbols.len()).then_some(self.behind[at])
    }

    fn place(&self, pairs: &Pairs, left: usize) -> Option<Reverse<Place>> {
        let pair = (self.symbols[left].id, self.symbols[self.next(left)?].id);
        let &(rank, _) = pairs.get(&pair)?;
        Some(Reverse(Place { rank, left, pair }))
    }

    fn still_there(&self, place: &Place) -> bool {
        let right = self.next(place.left).filter(|_| !self.merged[place.left]);
        right.is_some_and(|right| (self.symbols[place.left].id, self.symbols[right].id) == place.pair)
    }
}

/// Joins the pair of lowest rank wherever it stands, left to right, until no merge is left, as
/// [`Tables::merge_all`](super::apply::Tables::merge_all) does without dropout.
pub(super) fn merge_all(symbols: &mut Vec<Symbol>, pairs: &Pairs) {
    let count = symbols.len();
    let mut word = Word {
        symbols: std::mem::take(symbols),
        before: (0..count).map(|at| at.wrapping_sub(1)).collect(),
        behind: (1..=count).collect(),
        merged: vec![false; count],
    };
    let mut places: BinaryHeap<_> = (0..count).filter_map(|left| word.place(pairs, left)).collect();
    let mut round = Vec::new();
    let mut grown = Vec::new();
    while let Some(Reverse(first)) = places.pop() {
        let rank = first.rank;
        round.push(first);
        // Those that this round makes possible wait for the next one, even if they come before it.
        while let Some(Reverse(place)) = places.peek()
            && place.rank == rank
        {
            round.extend(places.pop().map(|Reverse(place)| place));
        }
        for place in round.drain(..) {
            if !word.still_there(&place) {
                continue;
            }
            let (left, right) = (place.left, word.behind[place.left]);
            word.symbols[left] = Symbol {
                id: pairs[&place.pair].1,
                end: word.symbols[right].end,
            };
            word.merged[right] = true;
            word.behind[left] = word.behind[right];
            if let Some(behind) = word.next(left) {
                word.before[behind] = left;
            }
            grown.push(left);
        }
        for left in grown.drain(..) {
            let before = word.before[left];
            if before < count {
                places.extend(word.place(pairs, before));
            }
            places.extend(word.place(pairs, left));
        }
    }
    let kept = word
        .symbols
        .into_iter()
        .zip(word.merged)
        .filter(|(_, merged)| !merged);
    symbols.extend(kept.map(|(symbol, _)| symbol));
}
