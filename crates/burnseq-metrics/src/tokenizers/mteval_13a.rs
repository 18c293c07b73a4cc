//! `13a`: the tokenisation of NIST's mteval-v13a, done by `bleuscore`.

use bleuscore::tokenizer::{Tokenizer as _, Tokenizer13a};

use crate::whitespace::words;

/// Tokens of `line` after unescaping `&quot; &amp; &lt; &gt;`, with ASCII punctuation split off.
pub fn tokenize(line: &str) -> Vec<String> {
    split_again(Tokenizer13a::default().tokenize(line))
}

/// `bleuscore` splits at Unicode's white space, sacreBLEU at Python's, which has four characters
/// more; they stay inside of `bleuscore`'s tokens, so that splitting those gives sacreBLEU's.
pub(super) fn split_again(tokens: Vec<String>) -> Vec<String> {
    let separated = |token: &String| token.contains(|c| ('\u{1c}'..='\u{1f}').contains(&c));
    if tokens.iter().any(separated) {
        tokens
            .iter()
            .flat_map(|token| words(token))
            .map(str::to_owned)
            .collect()
    } else {
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::tokenize;

    #[test]
    fn punctuation_is_split_off_but_not_inside_numbers() {
        assert_eq!(
            tokenize("up 3.5%, see p-3."),
            ["up", "3.5", "%", ",", "see", "p-3", "."]
        );
        assert_eq!(tokenize("in 1987."), ["in", "1987", "."]);
    }

    #[test]
    fn information_separators_are_blanks() {
        assert_eq!(tokenize("a\u{1c}b, c\u{1f}"), ["a", "b", ",", "c"]);
    }
}
