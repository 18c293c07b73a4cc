//! Undoing subword segmentation in decoded text: fairseq's `--remove-bpe` and `--post-process`.

use crate::whitespace::{collapse, is_space};

/// Which marks to remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RemoveBpe {
    /// Text stays as it is.
    #[default]
    None,
    /// `@@ ` joins pieces (`subword_nmt`).
    SubwordNmt,
    /// Blanks go, U+2581 becomes a blank (`sentencepiece`).
    SentencePiece,
    /// Blanks go, `_` becomes a blank (`wordpiece`).
    WordPiece,
    /// Blanks go, `|` becomes a blank (`letter`).
    Letter,
    /// Blanks go, `_EOW` becomes a blank (`_EOW`).
    EndOfWord,
    /// `<SIL>` goes, and blanks beside it (`silence`).
    Silence,
    /// These characters are removed wherever they stand.
    Symbol(String),
}

impl RemoveBpe {
    /// What the value of `--remove-bpe[=VALUE]` means; without a value it is `subword_nmt`.
    ///
    /// Anything that names no kind of segmentation is the mark itself, as in fairseq up to 0.10.
    pub fn from_flag(value: Option<&str>) -> Self {
        match value {
            None | Some("subword_nmt" | "@@ ") => Self::SubwordNmt,
            Some("" | "none") => Self::None,
            Some("sentencepiece") => Self::SentencePiece,
            Some("wordpiece") => Self::WordPiece,
            Some("letter") => Self::Letter,
            Some("_EOW") => Self::EndOfWord,
            Some("silence") => Self::Silence,
            Some(symbol) => Self::Symbol(symbol.to_owned()),
        }
    }

    /// The mark that tells pieces from words; `None` where nothing is joined.
    pub fn mark(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::SubwordNmt => Some("@@"),
            Self::SentencePiece => Some("\u{2581}"),
            Self::WordPiece => Some("_"),
            Self::Letter => Some("|"),
            Self::EndOfWord => Some("_EOW"),
            Self::Silence => Some("<SIL>"),
            Self::Symbol(symbol) => Some(symbol.trim_end()),
        }
    }

    /// Whether a token carries the mark.
    pub fn is_carried_by(&self, token: &str) -> bool {
        self.mark().is_some_and(|mark| match self {
            Self::SubwordNmt => token.ends_with(mark),
            _ => token.contains(mark),
        })
    }

    /// Whether all blanks between tokens go, as the mark alone stands for them.
    pub fn removes_blanks(&self) -> bool {
        matches!(
            self,
            Self::SentencePiece | Self::WordPiece | Self::Letter | Self::EndOfWord
        )
    }

    /// Removes the marks from a line of tokens.
    pub fn apply(&self, tokens: &str) -> String {
        match self {
            Self::None => tokens.to_owned(),
            Self::SubwordNmt => remove_symbol(tokens, "@@ "),
            Self::SentencePiece => replace_mark(tokens, "\u{2581}"),
            Self::WordPiece => replace_mark(tokens, "_"),
            Self::Letter => replace_mark(tokens, "|"),
            Self::EndOfWord => replace_mark(tokens, "_EOW"),
            Self::Silence => collapse(&tokens.replace("<SIL>", "")),
            Self::Symbol(symbol) => remove_symbol(tokens, symbol),
        }
    }
}

/// Removes a mark that joins pieces; the blank behind the line lets a mark at its end go too.
fn remove_symbol(tokens: &str, symbol: &str) -> String {
    let mut line = String::with_capacity(tokens.len() + 1);
    line.push_str(tokens);
    line.push(' ');
    let mut line = line.replace(symbol, "");
    line.truncate(line.trim_end_matches(is_space).len());
    line
}

/// Turns a mark that begins words into a blank and drops the blanks between pieces.
fn replace_mark(tokens: &str, mark: &str) -> String {
    tokens
        .replace(' ', "")
        .replace(mark, " ")
        .trim_matches(is_space)
        .to_owned()
}

/// Whether a line looks segmented already: a token ends in `@@`, or begins with U+2581.
///
/// `preprocess --bpe auto` asks this to leave the text of fairseq's recipes as it is.
pub fn carries_subword_marks(line: &str) -> bool {
    crate::whitespace::tokenize_line(line).any(|token| {
        token.strip_suffix("@@").is_some_and(|piece| !piece.is_empty()) || token.starts_with('\u{2581}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_the_mark_of_its_segmentation() {
        let kinds = |token: &str| {
            let all = ["subword_nmt", "sentencepiece", "letter", "silence", "##"];
            all.map(|kind| RemoveBpe::from_flag(Some(kind)).is_carried_by(token))
        };
        assert_eq!(kinds("Hu@@"), [true, false, false, false, false]);
        assert_eq!(kinds("@@x"), [false; 5]);
        assert_eq!(kinds("\u{2581}Hu"), [false, true, false, false, false]);
        assert_eq!(kinds("|"), [false, false, true, false, false]);
        assert_eq!(kinds("<SIL>"), [false, false, false, true, false]);
        assert_eq!(kinds("x##"), [false, false, false, false, true]);
        assert!(!RemoveBpe::None.is_carried_by("x") && RemoveBpe::None.mark().is_none());
        assert!(RemoveBpe::Letter.removes_blanks() && !RemoveBpe::SubwordNmt.removes_blanks());
    }

    #[test]
    fn marks_are_removed_as_fairseq_does() {
        let apply = |flag: Option<&str>, line: &str| RemoveBpe::from_flag(flag).apply(line);
        assert_eq!(apply(None, "ein H@@ und la@@"), "ein Hund la");
        assert_eq!(apply(Some("@@ "), "a@@ b @@ c"), "ab c");
        assert_eq!(apply(Some("subword_nmt"), " a b  "), " a b");
        assert_eq!(apply(Some("sentencepiece"), "▁ein ▁H und ▁ ."), "ein Hund .");
        assert_eq!(apply(Some("none"), "a@@ b "), "a@@ b ");
        assert_eq!(apply(Some("wordpiece"), "_ein _H und"), "ein Hund");
        assert_eq!(apply(Some("letter"), "e i n | H u n d |"), "ein Hund");
        assert_eq!(apply(Some("_EOW"), "e i n_EOW H u n d_EOW"), "ein Hund");
        assert_eq!(apply(Some("silence"), "<SIL> ein <SIL> Hund"), "ein Hund");
        assert_eq!(apply(Some("## "), "a## b c##"), "ab c");
    }

    #[test]
    fn segmented_text_is_recognised() {
        for line in ["ein H@@ und", "▁ein ▁Hund", "e@@"] {
            assert!(carries_subword_marks(line), "{line}");
        }
        for line in ["ein Hund", "", "mail@@host @@ @@x", "a ▁".trim_end_matches('▁')] {
            assert!(!carries_subword_marks(line), "{line}");
        }
    }
}
