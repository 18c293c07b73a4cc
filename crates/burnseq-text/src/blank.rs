//! Lines without a word.

use crate::whitespace::is_space;

/// Whether a line holds anything that can be seen: more than white space, controls, characters of no width, marks of
/// direction or byte order, and U+FFFD, which stands for bytes that could not be read.
///
/// ```
/// # use burnseq_text::has_word;
/// assert!(has_word(" . ") && has_word("\u{feff}ein"));
/// assert!(!has_word("") && !has_word(" \u{200b}\t\u{feff}\u{202e}\u{fffd}\0"));
/// ```
pub fn has_word(line: &str) -> bool {
    line.chars().any(is_visible)
}

fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    !(is_space(c) || c.is_control() || is_ignorable(c) || matches!(c, '\u{fff9}'..='\u{fffd}'))
}

/// Unicode's property `Default_Ignorable_Code_Point`: soft hyphen, joiners and non-joiners, variation selectors, fillers.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_cannot_be_seen_are_no_words() {
        let invisible = "\u{200b} \u{200c} \u{200d} \u{2060} \u{feff} \u{200e}\u{200f}\u{202a}\u{202c} \u{2066}\u{2069}\
                         \u{ad} \u{61c} \u{0}\u{1}\u{1b}\u{7f}\u{85}\u{9f} \u{fffd}\u{fffc} \u{fe0f} \u{3164} \u{e0001}\
                         \u{a0}\u{3000}\u{2028}\u{1c}";
        for c in invisible.chars() {
            assert!(!has_word(&c.to_string()), "{c:?}");
        }
        assert!(!has_word(invisible));
        for visible in [
            "a",
            ".",
            "\u{301}",
            "漢",
            "😀",
            "▁",
            "½",
            "\u{e000}",
            "\u{200b}a",
            "\u{600}",
            "€",
        ] {
            assert!(has_word(visible), "{visible:?}");
        }
    }

    #[test]
    fn the_property_is_that_of_unicode() {
        let property = regex::Regex::new(r"^\p{Default_Ignorable_Code_Point}$").unwrap();
        for c in '\0'..=char::MAX {
            assert_eq!(
                is_ignorable(c),
                property.is_match(c.encode_utf8(&mut [0; 4])),
                "{c:?}"
            );
        }
    }
}
