//! `intl`: mteval-v14's international tokenisation.

use std::sync::LazyLock;

use regex::Regex;

use crate::whitespace::words;

/// Substitutions in order: punctuation after a non-digit, punctuation before a non-digit, symbols.
/// A number's full stop at the very end of a line stays with it, since nothing follows (as in mteval).
static RULES: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    let rule = |pattern, replacement| (Regex::new(pattern).expect("a constant pattern"), replacement);
    [
        rule(r"(\P{N})(\p{P})", "$1 $2 "),
        rule(r"(\p{P})(\P{N})", " $1 $2"),
        rule(r"(\p{S})", " $1 "),
    ]
});

/// Tokens of `line`, all Unicode punctuation and symbols split off.
pub fn tokenize(line: &str) -> Vec<String> {
    let mut line = line.to_owned();
    for (pattern, replacement) in RULES.iter() {
        line = pattern.replace_all(&line, *replacement).into_owned();
    }
    words(&line).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::tokenize;

    #[test]
    fn unicode_punctuation_and_symbols_are_tokens() {
        assert_eq!(tokenize("»ja«, 3,5€"), ["»", "ja", "«", ",", "3,5", "€"]);
        assert_eq!(tokenize("in 1987."), ["in", "1987."]);
    }
}
