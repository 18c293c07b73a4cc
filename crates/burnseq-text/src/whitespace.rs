//! White space as Python sees it, because fairseq splits lines into tokens with it.

/// Whether Python's `str.isspace` and `\s` hold for `c`.
///
/// They agree with [`char::is_whitespace`] but for the four separators U+001C to U+001F, which are
/// white space for Python only.
#[inline]
pub fn is_space(c: char) -> bool {
    matches!(c, '\u{1c}'..='\u{1f}') || c.is_whitespace()
}

/// The tokens of a line: what stands between runs of white space, as fairseq's `tokenize_line`.
pub fn tokenize_line(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_space).filter(|token| !token.is_empty())
}

/// Runs of white space become one blank, and those at the ends are removed.
pub fn collapse(line: &str) -> String {
    let mut collapsed = String::with_capacity(line.len());
    for token in tokenize_line(line) {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(token);
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_every_white_space_of_python() {
        let line =
            "\u{a0} a\tb\u{1c}c\u{1d}d\u{1e}e\u{1f}f\u{85}g\u{2028}h\u{202f}i\u{3000}j\u{1680}k\u{b}l\u{c}m ";
        assert_eq!(
            tokenize_line(line).collect::<String>(),
            "abcdefghijklm",
            "one token per letter"
        );
        assert_eq!(tokenize_line(line).count(), 13);
    }

    #[test]
    fn zero_width_characters_are_no_white_space() {
        for c in ['\u{200b}', '\u{2060}', '\u{feff}', '\u{180e}', '\u{ad}', '\0'] {
            assert!(!is_space(c), "{c:?}");
        }
    }

    #[test]
    fn blank_lines_have_no_tokens_and_collapse_to_nothing() {
        assert_eq!(tokenize_line(" \t\u{a0} ").count(), 0);
        assert_eq!(collapse(" \t\u{a0} "), "");
        assert_eq!(collapse("  a \u{2029}b "), "a b");
    }
}
