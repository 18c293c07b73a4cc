//! Text under tokenisation: characters, and what later rules must leave alone.

use std::sync::LazyLock;

use regex::Regex;

/// A position of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// An ordinary character.
    Char(char),
    /// A full stop of a run of several (`...`), which stays together. For the rules it is a letter:
    /// Moses puts a word in its place.
    Dot,
    /// The text that a protected pattern matched, by number; likewise a letter.
    Protected(usize),
}

pub(super) const BLANK: Unit = Unit::Char(' ');

impl Unit {
    pub(super) fn is(self, c: char) -> bool {
        self == Self::Char(c)
    }

    /// Perl's `IsAlpha`.
    pub(super) fn is_alpha(self) -> bool {
        match self {
            Self::Char(c) => c.is_alphabetic(),
            Self::Dot | Self::Protected(_) => true,
        }
    }

    /// Perl's `IsN`: digits, and also fractions, superscripts, Roman numerals.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Char(c) if c.is_numeric())
    }

    /// Perl's `IsAlnum`: letters and decimal digits, no other numbers.
    pub(super) fn is_alnum(self) -> bool {
        match self {
            Self::Char(c) => is_alnum(c),
            Self::Dot | Self::Protected(_) => true,
        }
    }
}

/// Perl's `IsAlnum`: letters and decimal digits, no other numbers.
pub(super) fn is_alnum(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    c.is_alphabetic() || is_decimal(c)
}

/// Unicode's category of decimal digits.
pub(crate) fn is_decimal(c: char) -> bool {
    static DECIMAL: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\p{Nd}$").expect("the pattern is well-formed"));
    c.is_numeric() && DECIMAL.is_match(c.encode_utf8(&mut [0; 4]))
}

/// Perl's `Ll`: unlike [`char::is_lowercase`] without `ª`, `º`, `ⓐ` and their like.
pub(super) fn is_small_letter(c: char) -> bool {
    static SMALL: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\p{Ll}$").expect("the pattern is well-formed"));
    if c.is_ascii() {
        return c.is_ascii_lowercase();
    }
    c.is_lowercase() && SMALL.is_match(c.encode_utf8(&mut [0; 4]))
}

/// Where blanks go around a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Around,
    Before,
    After,
}

/// Slides a window over the text from left to right. Where `rule` asks for it, blanks set the unit
/// at `mark` apart, and the next window begins behind this one, as in a global substitution of
/// Perl: of marks close to one another some stay together.
pub(super) fn set_apart<const N: usize>(
    text: &[Unit],
    mark: usize,
    rule: impl Fn([Unit; N]) -> Option<Split>,
) -> Vec<Unit> {
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut at = 0;
    while let Some(window) = text.get(at..at + N) {
        let window: [Unit; N] = window.try_into().expect("the slice has N units");
        let Some(split) = rule(window) else {
            out.push(text[at]);
            at += 1;
            continue;
        };
        for (n, unit) in window.into_iter().enumerate() {
            if n == mark && split != Split::After {
                out.push(BLANK);
            }
            out.push(unit);
            if n == mark && split != Split::Before {
                out.push(BLANK);
            }
        }
        at += N;
    }
    out.extend_from_slice(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_do_not_overlap() {
        let text: Vec<Unit> = "a,,b".chars().map(Unit::Char).collect();
        let rule = |[_, mark]: [Unit; 2]| mark.is(',').then_some(Split::Around);
        let apart: String = set_apart(&text, 1, rule)
            .into_iter()
            .map(|unit| match unit {
                Unit::Char(c) => c,
                _ => unreachable!("only characters were given"),
            })
            .collect();
        assert_eq!(apart, "a , ,b");
    }

    #[test]
    fn small_letters_are_letters() {
        assert!(['a', 'ß', 'я', 'ǆ'].into_iter().all(is_small_letter));
        assert!(
            !['A', '5', 'ª', 'º', 'ⓐ', '漢', 'ǅ']
                .into_iter()
                .any(is_small_letter)
        );
    }

    #[test]
    fn only_decimal_digits_are_alphanumeric() {
        for c in ['a', 'ß', '7', '٣', 'Ⅷ', '漢'] {
            assert!(is_alnum(c), "{c}");
        }
        for c in ['²', '½', '-', '\u{301}', '€'] {
            assert!(!is_alnum(c), "{c}");
        }
    }
}
