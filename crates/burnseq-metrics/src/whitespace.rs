//! What counts as a blank: Python's `str.split`, which sacreBLEU and fairseq rest on.
//!
//! Python also splits at the information separators U+001C to U+001F, which are not white space
//! in Unicode and therefore not in Rust either.

/// Whether Python's `str.isspace` holds for `c`.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The words of `line`: the non-empty parts between blanks.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_blank).filter(|word| !word.is_empty())
}

/// `line` without the blanks at its end.
pub fn trim_end(line: &str) -> &str {
    line.trim_end_matches(is_blank)
}

/// `line` without the blanks at both ends.
pub fn trim(line: &str) -> &str {
    line.trim_matches(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_no_break_spaces_split_but_zero_width_spaces_do_not() {
        let line = " a\u{1c}b\u{1f}\u{85}c\u{a0}d\u{200b}e\t\n";
        assert_eq!(words(line).collect::<Vec<_>>(), ["a", "b", "c", "d\u{200b}e"]);
        assert_eq!(trim_end("a \u{1f}"), "a");
        assert_eq!(trim("\u{1c} a \u{1f}"), "a");
    }
}
