//! `char`: every character that is not a blank is a token.

use crate::whitespace::is_blank;

/// The characters (code points) of `line`.
pub fn tokenize(line: &str) -> Vec<String> {
    line.chars().filter(|&c| !is_blank(c)).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn combining_marks_are_tokens_of_their_own() {
        assert_eq!(super::tokenize("e\u{301} ß"), ["e", "\u{301}", "ß"]);
    }
}
