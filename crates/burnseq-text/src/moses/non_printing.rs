//! Characters that print nothing, as Moses' `remove-non-printing-char.perl`.

use std::sync::LazyLock;

use regex::Regex;

/// The line with a blank in the place of each control, format, private, surrogate and unassigned character.
///
/// ```
/// # use burnseq_text::moses::replace_non_printing;
/// assert_eq!(replace_non_printing("a\tb\u{200b}c\u{feff}"), "a b c ");
/// ```
pub fn replace_non_printing(line: &str) -> String {
    static OTHER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\p{C}").expect("the pattern is well-formed"));
    OTHER.replace_all(line, " ").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_such_characters_becomes_a_blank() {
        // Cc, Cf, Co, Cn
        for c in [
            '\t', '\r', '\u{1}', '\u{85}', '\u{ad}', '\u{200e}', '\u{2060}', '\u{e000}', '\u{378}',
        ] {
            assert_eq!(replace_non_printing(&format!("x{c}{c}y")), "x  y", "{c:?}");
        }
        for line in ["", "ein Hund", "\u{a0}\u{3000}\u{301}\u{fffd}漢😀\u{2028}"] {
            assert_eq!(replace_non_printing(line), line);
        }
    }
}
