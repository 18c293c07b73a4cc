//! Which pairs may become a piece, and which goes first: SentencePiece's rules.

use std::cmp::Reverse;
use std::rc::Rc;

use unicode_script::{Script, UnicodeScript};

use super::{BLANK, RARE};
use crate::merges::Rules;

/// Among pairs of the same count the shorter piece wins, then the smaller by code points.
pub(super) struct PieceRules {
    /// Longest piece in characters.
    pub(super) max_length: usize,
}

impl Rules for PieceRules {
    type Key = Reverse<(usize, Rc<str>)>;

    fn key(&mut self, left: &Rc<str>, right: &Rc<str>) -> Option<Self::Key> {
        let piece = [&**left, &**right].concat();
        let length = piece.chars().count();
        (length <= self.max_length && is_valid(&piece)).then(|| Reverse((length, piece.into())))
    }
}

/// A piece has a blank at most at its start, no rare character, and letters of one script.
fn is_valid(piece: &str) -> bool {
    let mut script = None;
    for (at, c) in piece.char_indices() {
        match c {
            RARE | '\0' | '\t' | ' ' => return false,
            BLANK if at > 0 => return false,
            BLANK => {}
            c => {
                let own = script_of(c).or(script);
                if script.is_some() && own != script {
                    return false;
                }
                script = own;
            }
        }
    }
    true
}

/// The script of a character, the Japanese ones unified; `None` for marks that take the script of
/// what stands before. Digits and punctuation are a script of their own (`Common`).
fn script_of(c: char) -> Option<Script> {
    match c.script() {
        _ if c == '\u{30fc}' => Some(Script::Han),
        Script::Hiragana | Script::Katakana => Some(Script::Han),
        Script::Inherited => None,
        Script::Unknown => Some(Script::Common),
        script => Some(script),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_to_one_script_and_begin_words() {
        for good in ["▁ab", "ab", "▁,", "12", "漢かカー", "u\u{308}", "▁", "...", "абв"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "a▁",
            "▁▁",
            "a1",
            "1a",
            "a,",
            "▁a-",
            "aб",
            "a\u{2585}",
            "a b",
            "a\0",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn shorter_pieces_go_first_and_long_ones_never() {
        let mut rules = PieceRules { max_length: 3 };
        let mut key = |left: &str, right: &str| rules.key(&left.into(), &right.into());
        assert!(key("a", "b") > key("ab", "c"));
        assert!(key("a", "b") > key("a", "c"));
        assert!(key("ab", "cd").is_none());
    }
}
