//! Unicode normalisation of raw text before subwords are learnt or applied.

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// What happens to a raw line first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Normalization {
    /// Nothing; the subword model may normalise on its own.
    #[default]
    None,
    /// SentencePiece's `nmt_nfkc` in effect: NFKC, control characters removed, invisible
    /// characters and every white space turned into blanks, runs of blanks collapsed.
    NmtNfkc,
}

impl Normalization {
    /// The normalised line.
    pub fn apply(self, line: &str) -> String {
        match self {
            Self::None => line.to_owned(),
            Self::NmtNfkc => nmt_nfkc(line),
        }
    }
}

/// See [`Normalization::NmtNfkc`].
fn nmt_nfkc(line: &str) -> String {
    if is_settled(line) {
        line.to_owned()
    } else {
        nmt_nfkc_of_any(line)
    }
}

/// Whether a line is of ASCII and the letters of Latin-1, which stay as they are whatever stands beside them, with one blank
/// between words: most lines are, and to see it takes less time than to normalise.
fn is_settled(line: &str) -> bool {
    line.chars().all(|c| matches!(c, ' '..='~' | 'À'..='ÿ'))
        && !line.starts_with(' ')
        && !line.ends_with(' ')
        && !line.as_bytes().windows(2).any(|pair| pair == b"  ")
}

fn nmt_nfkc_of_any(line: &str) -> String {
    let mapped: String = line.chars().filter_map(map).collect();
    let mut normalized = String::with_capacity(mapped.len());
    if is_nfkc_quick(mapped.chars()) == IsNormalized::Yes {
        push_collapsed(mapped.chars(), &mut normalized);
    } else {
        // The fullwidth tilde, which Japanese text uses as a wave dash, stays; NFKC is applied to
        // what stands between.
        for (n, part) in mapped.split('\u{ff5e}').enumerate() {
            if n > 0 {
                normalized.push('\u{ff5e}');
            }
            push_collapsed(part.nfkc(), &mut normalized);
        }
    }
    normalized.truncate(normalized.trim_end_matches(' ').len());
    normalized
}

/// What `nmt_nfkc` does with a character before NFKC.
fn map(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\u{c}' | '\r' => Some(' '),
        // Controls of ASCII, and two of Latin-1.
        '\u{1}'..='\u{1f}' | '\u{7f}' | '\u{8f}' | '\u{9f}' => None,
        // Arabic letter mark, zero width space and non-joiner, direction marks, byte order mark, replacement
        // character, and the mark that SentencePiece uses for blanks.
        '\u{61c}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{feff}' | '\u{fffd}'
        | '\u{2581}' => Some(' '),
        // Beyond `nmt_nfkc`: U+0085, which would split pieces in two later on.
        c if c.is_whitespace() => Some(' '),
        c => Some(c),
    }
}

/// Appends characters, but blanks only between words.
fn push_collapsed(chars: impl Iterator<Item = char>, normalized: &mut String) {
    for c in chars {
        if c != ' ' || !(normalized.is_empty() || normalized.ends_with(' ')) {
            normalized.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whitespace;

    #[test]
    fn compatibility_forms_are_unified_and_blanks_collapsed() {
        let apply = |line| Normalization::NmtNfkc.apply(line);
        assert_eq!(
            apply("  ﬁne\u{a0}\u{3000}Ⅷ ½ u\u{308}\t"),
            "fine VIII 1\u{2044}2 ü"
        );
        assert_eq!(apply("a\u{1}b\u{b}c\u{7f}"), "abc");
        assert_eq!(apply("a\u{200b}\u{feff}b\u{85}c▁d\u{fffd}"), "a b c d");
        assert_eq!(apply("x～y ｚ"), "x～y z");
        assert_eq!(apply("\u{200d}"), "\u{200d}");
        assert_eq!(apply(" \t "), "");
        assert_eq!(Normalization::None.apply(" ﬁ "), " ﬁ ");
    }

    #[test]
    fn settled_lines_are_normalised_already() {
        let settled: Vec<char> = (' '..='\u{17f}')
            .filter(|c| is_settled(&format!("a{c}a")))
            .collect();
        assert_eq!(settled.len(), 95 + 64);
        let mut rng = crate::random::SampleRng::for_sentence(1, 1, 1);
        let mut lines = 0;
        for _ in 0..20_000 {
            let line: String = (0..6)
                .map(|_| settled[rng.next_u64() as usize % settled.len()])
                .collect();
            assert_eq!(is_settled(&line), nmt_nfkc_of_any(&line) == line, "{line:?}");
            lines += usize::from(is_settled(&line));
        }
        assert!((10_000..20_000).contains(&lines), "{lines}");
    }

    #[test]
    fn normalising_twice_is_normalising_once() {
        let mut state = 3u32;
        for _ in 0..2000 {
            let line: String = (0..12)
                .filter_map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Planes 0 and 1, and often Latin with its combining marks.
                    char::from_u32(if state & 0x1000 == 0 {
                        state >> 15
                    } else {
                        (state >> 20) % 0x380
                    })
                })
                .collect();
            let once = Normalization::NmtNfkc.apply(&line);
            assert_eq!(Normalization::NmtNfkc.apply(&once), once, "{line:?}");
            assert_eq!(whitespace::collapse(&once), once, "{line:?}");
        }
    }
}
