//! Byte pair encoding in the form of subword-nmt (Sennrich et al. 2016): codes files, `@@ ` marks.

mod apply;
mod codes;
mod learn;
mod long_words;
mod vocabulary;

pub use apply::SubwordNmt;
pub use codes::{Codes, CodesVersion};
pub use learn::{LearnOptions, Learner, learn};
pub use vocabulary::Vocabulary;

/// Behind every piece but the last of a word.
pub const SEPARATOR: &str = "@@";

/// Glued to the last character of a word.
pub(crate) const END_OF_WORD: &str = "</w>";

/// The parts of a line that subword-nmt treats as lines of their own: it reads files with Python's
/// `codecs` module, which ends lines at every Unicode line boundary. The boundary ends the part.
pub(crate) fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split_inclusive(|c| {
        matches!(
            c,
            '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    })
}

/// The words of a part of a line: subword-nmt splits at U+0020 only.
pub(crate) fn words(part: &str) -> impl Iterator<Item = &str> {
    part.split(' ').filter(|word| !word.is_empty())
}
