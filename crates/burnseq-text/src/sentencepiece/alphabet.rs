//! The characters a SentencePiece vocabulary holds for sure.

use super::BLANK;
use rustc_hash::FxHashMap;

/// Stands for a special piece written out in the text (U+0009, as in `spm_train`).
pub(super) const SPECIAL: char = '\t';

/// The most frequent characters that make up at least `coverage` of the text, in that order (ties
/// by code points). The words are given with their counts and their leading blank.
pub(super) fn alphabet<'a>(words: impl Iterator<Item = (&'a str, u64)>, coverage: f32) -> Vec<char> {
    let mut counts: FxHashMap<u32, u64> = FxHashMap::default();
    let mut total = 0u64;
    for (word, count) in words {
        for c in word.chars().filter(|c| *c != '\0') {
            *counts.entry(u32::from(c)).or_insert(0) += count;
            total += count;
        }
    }
    let mut sorted: Vec<(u32, u64)> = counts.into_iter().collect();
    sorted.sort_unstable_by_key(|&(c, count)| (std::cmp::Reverse(count), c));
    let mut covered = 0u64;
    let mut alphabet = Vec::new();
    for (c, count) in sorted {
        // Single precision decides in the C++ library, too.
        if (covered as f64 / total as f64) as f32 >= coverage {
            break;
        }
        covered += count;
        let c = char::from_u32(c).expect("it came from a char");
        if c != SPECIAL {
            alphabet.push(c);
        }
    }
    alphabet
}

/// The words that a blank-separated word of a normalised line consists of: each begins with
/// [`BLANK`], where a blank is due before it, and special pieces in it are [`SPECIAL`].
pub(super) fn escape_word(word: &str) -> String {
    let mut escaped = String::with_capacity(BLANK.len_utf8() + word.len());
    escaped.push(BLANK);
    escaped.push_str(word);
    if word.contains('<') {
        for piece in super::SPECIAL_PIECES {
            escaped = escaped.replace(piece, "\t");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rarest_characters_are_left_out() {
        // ▁ 10, a 10, b 5, c 5: the last stays out when 0.8 are enough.
        let words = [("▁ab", 5), ("▁ac", 5)];
        assert_eq!(alphabet(words.into_iter(), 1.0), ['a', '▁', 'b', 'c']);
        assert_eq!(alphabet(words.into_iter(), 0.8), ['a', '▁', 'b']);
        assert_eq!(alphabet(words.into_iter(), 0.84), ['a', '▁', 'b', 'c']);
    }

    #[test]
    fn special_pieces_in_the_text_are_no_characters() {
        assert_eq!(escape_word("a<unk>b</s>"), "▁a\tb\t");
        assert_eq!(alphabet([("▁\t\0", 1)].into_iter(), 1.0), ['▁']);
    }
}
