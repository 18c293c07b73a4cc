//! The characters that have a meaning in Moses' own files, and how tokenised text spells them.

/// Characters and their spelling in tokenised text.
const ESCAPES: [(char, &str); 8] = [
    ('&', "&amp;"),
    ('|', "&#124;"),
    ('<', "&lt;"),
    ('>', "&gt;"),
    ('\'', "&apos;"),
    ('"', "&quot;"),
    ('[', "&#91;"),
    (']', "&#93;"),
];

/// Spellings of early versions of Moses, which are only read.
const EARLY: [(char, &str); 3] = [('|', "&bar;"), ('[', "&bra;"), (']', "&ket;")];

/// The spelling of a character, when it has one of its own.
pub(super) fn escaped(c: char) -> Option<&'static str> {
    let entry = ESCAPES.iter().find(|(plain, _)| *plain == c);
    entry.map(|(_, escaped)| *escaped)
}

/// Tokenised text with plain characters, as Moses' `deescape-special-chars.perl` writes it. `&amp;` goes last, so that
/// `&amp;lt;` gives `&lt;`.
///
/// ```
/// # use burnseq_text::moses::unescape;
/// assert_eq!(unescape("it &apos;s &quot; A &amp; B &quot; &#91; &bar; &#93;"), "it 's \" A & B \" [ | ]");
/// ```
pub fn unescape(tokens: &str) -> String {
    if !tokens.contains('&') {
        return tokens.to_owned();
    }
    let mut text = tokens.to_owned();
    for (plain, escaped) in EARLY.iter().chain(ESCAPES.iter().rev()) {
        if text.contains(escaped) {
            text = text.replace(escaped, plain.encode_utf8(&mut [0; 4]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unescaping_undoes_escaping_once() {
        let text = "a & b | <c> 'd' \"e\" [f] &lt; &amp;lt; &bar";
        let escaped: String = text
            .chars()
            .map(|c| escaped(c).map_or_else(|| c.to_string(), str::to_owned))
            .collect();
        assert!(escaped.contains("&amp;amp;lt;"));
        assert_eq!(unescape(&escaped), text);
        assert_eq!(unescape("&bar; &bra; &ket; &nbsp;"), "| [ ] &nbsp;");
    }
}
