//! `zh`: Chinese characters one by one, the rest as in 13a (without its unescaping).

use bleuscore::tokenizer::{Tokenizer as _, TokenizerRegex};

use super::mteval_13a::split_again;
use crate::whitespace::trim;

/// First and last code point of the blocks whose characters stand alone.
///
/// Two of sacreBLEU's ranges are meant as U+20000 to U+2A6D6 and U+2F800 to U+2FA1D, but are
/// written with four hexadecimal digits and compared as strings. What they select instead is kept
/// here, since scores must be equal: U+2001 to U+2A6D and U+2F81 to U+2FA1.
const RANGES: [(char, char); 19] = [
    ('\u{2001}', '\u{2a6d}'),
    ('\u{2e80}', '\u{2eff}'),
    ('\u{2f00}', '\u{2fdf}'),
    ('\u{2f81}', '\u{2fa1}'),
    ('\u{2ff0}', '\u{2fff}'),
    ('\u{3000}', '\u{303f}'),
    ('\u{3100}', '\u{312f}'),
    ('\u{31a0}', '\u{31bf}'),
    ('\u{31c0}', '\u{31ef}'),
    ('\u{3200}', '\u{32ff}'),
    ('\u{3300}', '\u{33ff}'),
    ('\u{3400}', '\u{4db5}'),
    ('\u{4e00}', '\u{9fbb}'),
    ('\u{f900}', '\u{fa2d}'),
    ('\u{fa30}', '\u{fa6a}'),
    ('\u{fa70}', '\u{fad9}'),
    ('\u{fe10}', '\u{fe1f}'),
    ('\u{fe30}', '\u{fe4f}'),
    ('\u{ff00}', '\u{ffef}'),
];

fn stands_alone(c: char) -> bool {
    RANGES.iter().any(|&(first, last)| (first..=last).contains(&c))
}

/// Tokens of `line`.
pub fn tokenize(line: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(line.len() * 2);
    for c in trim(line).chars() {
        if stands_alone(c) {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    split_again(TokenizerRegex::default().tokenize(&spaced))
}

#[cfg(test)]
mod tests {
    use super::tokenize;

    #[test]
    fn chinese_characters_stand_alone_and_latin_words_do_not() {
        assert_eq!(tokenize("我有iPhone。"), ["我", "有", "iPhone", "。"]);
    }
}
