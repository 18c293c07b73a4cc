//! Tercom's normalisation, which TER applies instead of a BLEU tokenizer.

use std::borrow::Cow;

use bleuscore::tokenizer::REGEX_ARRAY;

use crate::whitespace::words;

/// First and last code point of what `asian_support` splits into characters: ideographs, strokes,
/// radicals, compatibility forms, enclosed letters. The last range goes up to U+3F22 in sacreBLEU
/// (U+32FF was meant), which overlaps with the ideographs anyway.
const IDEOGRAPHS: [(char, char); 8] = [
    ('\u{2e80}', '\u{2eff}'),
    ('\u{31c0}', '\u{31ef}'),
    ('\u{3200}', '\u{3f22}'),
    ('\u{3300}', '\u{33ff}'),
    ('\u{3400}', '\u{4dbf}'),
    ('\u{4e00}', '\u{9fff}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe30}', '\u{fe4f}'),
];

/// East Asian and full-width punctuation.
const ASIAN_PUNCTUATION: [(char, char); 11] = [
    ('\u{3001}', '\u{3002}'),
    ('\u{3008}', '\u{3011}'),
    ('\u{3014}', '\u{301f}'),
    ('\u{30fb}', '\u{30fb}'),
    ('\u{ff01}', '\u{ff02}'),
    ('\u{ff08}', '\u{ff09}'),
    ('\u{ff0c}', '\u{ff0c}'),
    ('\u{ff0e}', '\u{ff0e}'),
    ('\u{ff1a}', '\u{ff1b}'),
    ('\u{ff1f}', '\u{ff1f}'),
    ('\u{ff61}', '\u{ff65}'),
];

/// Settings of the normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tercom {
    /// Unescape XML and split punctuation off words.
    pub normalized: bool,
    /// Drop punctuation.
    pub no_punct: bool,
    /// Extend `normalized` and `no_punct` to East Asian characters.
    pub asian_support: bool,
    /// Keep the case.
    pub case_sensitive: bool,
}

impl Tercom {
    /// The words of `line`.
    pub fn tokenize(self, line: &str) -> Vec<String> {
        let mut line = Cow::Borrowed(line);
        if !self.case_sensitive {
            line = line.to_lowercase().into();
        }
        if self.normalized {
            line = separate_western(&line).into();
            if self.asian_support {
                line = separate_asian(&line).into();
            }
        }
        if self.no_punct {
            let asian = self.asian_support;
            let dropped = |c| ".,?:;!\"()".contains(c) || (asian && is_in(&ASIAN_PUNCTUATION, c));
            line = line.chars().filter(|&c| !dropped(c)).collect::<String>().into();
        }
        words(&line).map(str::to_owned).collect()
    }
}

fn is_in(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|&(first, last)| (first..=last).contains(&c))
}

/// The substitutions of mteval, which `bleuscore` has, with possessives after the first of them.
fn separate_western(line: &str) -> String {
    // "\n-" and not "-\n" as in mteval; Tercom has it this way round.
    let line = line.replace("\n-", "").replace('\n', " ");
    let line = line.replace("&quot;", "\"").replace("&amp;", "&");
    let line = line.replace("&lt;", "<").replace("&gt;", ">");
    let [(marks, split_marks), rest @ ..] = &*REGEX_ARRAY;
    let line = format!(" {line} ");
    let mut line = marks.replace_all(&line, *split_marks).replace("'s ", " 's ");
    for (pattern, replacement) in rest {
        line = pattern.replace_all(&line, *replacement).into_owned();
    }
    line
}

/// Ideographs and punctuation between blanks. (sacreBLEU's rules for kana ask for a line of kana
/// alone, without the blanks that were put around it, and thus never apply.)
fn separate_asian(line: &str) -> String {
    let mut spaced = String::with_capacity(line.len() * 2);
    for c in line.chars() {
        if is_in(&IDEOGRAPHS, c) || is_in(&ASIAN_PUNCTUATION, c) {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_only_lowercased_and_split() {
        assert_eq!(
            Tercom::default().tokenize("The dog's bone."),
            ["the", "dog's", "bone."]
        );
    }

    #[test]
    fn normalisation_splits_punctuation_and_possessives_before_a_blank() {
        let tercom = Tercom {
            normalized: true,
            case_sensitive: true,
            ..Tercom::default()
        };
        assert_eq!(
            tercom.tokenize("The dog's, dog's &lt;3.5"),
            ["The", "dog's", ",", "dog", "'s", "<", "3.5"]
        );
        let no_punct = Tercom {
            no_punct: true,
            ..tercom
        };
        assert_eq!(no_punct.tokenize("The dog's (3.5)"), ["The", "dog", "'s", "35"]);
    }

    #[test]
    fn east_asian_text_is_split_into_characters_on_request() {
        let tercom = Tercom {
            normalized: true,
            asian_support: true,
            ..Tercom::default()
        };
        assert_eq!(tercom.tokenize("電車は、"), ["電", "車", "は", "、"]);
        let no_punct = Tercom {
            no_punct: true,
            ..tercom
        };
        assert_eq!(no_punct.tokenize("電車は、"), ["電", "車", "は"]);
    }
}
