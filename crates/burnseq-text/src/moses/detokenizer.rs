//! Tokens to text again, as Moses' `detokenizer.perl`.

use super::escape::unescape;
use super::units::is_alnum;
use crate::whitespace::is_space;

/// Joins the tokens of one language to text.
///
/// It undoes [`MosesTokenizer`](super::MosesTokenizer) up to what tokens do not tell, such as which
/// side of a dash had a blank. Quotation marks go by turns to the word behind and before them.
///
/// ```
/// # use burnseq_text::moses::MosesDetokenizer;
/// let text = MosesDetokenizer::new("en").detokenize("it &apos;s the well @-@ known &quot; x &quot; ( y ) .");
/// assert_eq!(text, "it's the well-known \"x\" (y).");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MosesDetokenizer {
    language: Language,
}

/// What the rules ask about a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    /// A blank goes before `? ! : ;`, and apostrophes end words.
    French,
    /// Apostrophes end words.
    Eliding,
    /// Numbers are not split at commas; `„` always opens and `“` always closes a quotation.
    Czech,
    /// Blanks between Hangul words stay.
    Korean,
    Other,
}

/// How a token goes to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// Blanks on both sides.
    None,
    /// To the token before it.
    Left,
    /// To the token behind it.
    Right,
    /// To both.
    Both,
    /// With a blank before it even where the token before joins to the right.
    Apart,
}

impl MosesDetokenizer {
    /// A detokenizer for a language, named as Moses does (`de`, `en`).
    pub fn new(language: &str) -> Self {
        let language = match language {
            "en" => Language::English,
            "fr" => Language::French,
            "it" | "ga" | "ca" => Language::Eliding,
            "cs" => Language::Czech,
            "ko" => Language::Korean,
            _ => Language::Other,
        };
        Self { language }
    }

    /// The text of a line of tokens.
    pub fn detokenize(&self, tokens: &str) -> String {
        let padded = [" ", tokens, " "].concat().replace(" @-@ ", "-");
        let plain = unescape(&padded);
        let words: Vec<&str> = plain.split(is_space).filter(|word| !word.is_empty()).collect();
        let mut text = String::with_capacity(plain.len());
        let mut quotes = Quotes::default();
        let mut joined = true;
        for at in 0..words.len() {
            let joint = self.joint(&words, at, &mut quotes);
            let left = matches!(joint, Joint::Left | Joint::Both) || (joined && joint != Joint::Apart);
            if !left && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(words[at]);
            joined = matches!(joint, Joint::Right | Joint::Both);
        }
        text
    }

    fn joint<'a>(&self, words: &[&'a str], at: usize, quotes: &mut Quotes<'a>) -> Joint {
        let word = words[at];
        let before = at.checked_sub(1).map(|at| words[at]);
        let behind = words.get(at + 1).copied();
        let all = |accepts: fn(char) -> bool| word.chars().all(accepts);
        if word.starts_with(is_cjk) && self.language != Language::Korean {
            return match before {
                Some(before) if before.ends_with(is_cjk) => Joint::Left,
                _ => Joint::None,
            };
        }
        if all(|c| is_currency(c) || matches!(c, '(' | '[' | '{' | '¿' | '¡')) {
            return Joint::Right;
        }
        if all(|c| {
            matches!(
                c,
                ',' | '.' | '?' | '!' | ':' | ';' | '\\' | '%' | '}' | ']' | ')'
            )
        }) {
            let french = self.language == Language::French;
            return match word {
                "?" | "!" | ":" | ";" | "\\" | "%" if french => Joint::Apart,
                _ => Joint::Left,
            };
        }
        if let Some(joint) = self.contraction(word, before, behind) {
            return joint;
        }
        if self.language == Language::Czech && is_czech_number_or_dash(words, at) {
            return if word.starts_with(['-', '–']) {
                Joint::Both
            } else {
                Joint::Left
            };
        }
        if all(|c| matches!(c, '\'' | '"' | '„' | '“' | '`')) {
            let genitive = word == "'" && before.is_some_and(|before| before.ends_with('s'));
            return quotes.turn(word, self.language, genitive);
        }
        Joint::None
    }

    /// `it 's` in English, `l' eau` in French.
    fn contraction(&self, word: &str, before: Option<&str>, behind: Option<&str>) -> Option<Joint> {
        match self.language {
            Language::English => {
                let letters = word
                    .strip_prefix('\'')
                    .is_some_and(|rest| rest.starts_with(char::is_alphabetic));
                (letters && before.is_some_and(|before| before.ends_with(is_alnum))).then_some(Joint::Left)
            }
            Language::French | Language::Eliding => {
                let letters = word
                    .strip_suffix('\'')
                    .is_some_and(|rest| rest.ends_with(char::is_alphabetic));
                (letters && behind.is_some_and(|behind| behind.starts_with(char::is_alphabetic)))
                    .then_some(Joint::Right)
            }
            _ => None,
        }
    }
}

/// Quotation marks seen so far: of each kind, one opens and the next one closes.
#[derive(Debug, Default)]
struct Quotes<'a> {
    /// Kinds of which one is open.
    open: Vec<&'a str>,
}

impl<'a> Quotes<'a> {
    fn turn(&mut self, word: &'a str, language: Language, genitive: bool) -> Joint {
        // These three close one another.
        let kind = if word.chars().all(|c| matches!(c, '„' | '“' | '”')) {
            "\""
        } else {
            word
        };
        if language == Language::Czech {
            match word {
                "„" => self.open.retain(|open| *open != kind),
                "“" => self.open.push(kind),
                _ => {}
            }
        }
        if let Some(at) = self.open.iter().position(|open| *open == kind) {
            self.open.swap_remove(at);
            return Joint::Left;
        }
        if genitive && language == Language::English {
            // The Jones' house
            return Joint::Left;
        }
        self.open.push(kind);
        Joint::Right
    }
}

/// The digits behind `1 ,`, and the dash of `e - mail` and `je - li`.
fn is_czech_number_or_dash(words: &[&str], at: usize) -> bool {
    let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let word = words[at];
    if matches!(word, "-" | "–") {
        let behind = words.get(at + 1).map(|behind| behind.to_lowercase());
        return at > 0
            && words[at - 1].ends_with(char::is_alphabetic)
            && behind.is_some_and(|behind| behind == "li" || behind.starts_with("mail"));
    }
    at > 1 && digits(word) && matches!(words[at - 1], "," | ".") && digits(words[at - 2])
}

/// Unicode's category of currency symbols.
fn is_currency(c: char) -> bool {
    matches!(c,
        '$' | '¢'..='¥' | '\u{58f}' | '\u{60b}' | '\u{7fe}' | '\u{7ff}' | '\u{9f2}' | '\u{9f3}' | '\u{9fb}'
        | '\u{af1}' | '\u{bf9}' | '\u{e3f}' | '\u{17db}' | '\u{20a0}'..='\u{20c0}' | '\u{a838}' | '\u{fdfc}'
        | '\u{fe69}' | '\u{ff04}' | '\u{ffe0}' | '\u{ffe1}' | '\u{ffe5}' | '\u{ffe6}')
}

/// Writing that has no blanks between words, and Hangul.
fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{a840}'..='\u{a87f}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff65}'..='\u{ffdc}'
        | '\u{20000}'..='\u{2ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moses::MosesTokenizer;

    fn assert_text(language: &str, cases: &[(&str, &str)]) {
        for (tokens, text) in cases {
            let detokenized = MosesDetokenizer::new(language).detokenize(tokens);
            assert_eq!(detokenized, *text, "{language}: {tokens:?}");
        }
    }

    #[test]
    fn punctuation_brackets_and_currencies_join_words() {
        assert_text(
            "de",
            &[
                ("", ""),
                ("  a   b ", "a b"),
                (
                    "( a ) [ b ] { c } ; 50 % , $ 5 , 5 €",
                    "(a) [b] {c}; 50%, $5, 5 €",
                ),
                ("¿ Que ? ¡ Ya !", "¿Que? ¡Ya!"),
                ("E @-@ Mail @-@ frei", "E-Mail-frei"),
                ("&amp;lt; &#124; &bar;", "&lt; | |"),
            ],
        );
    }

    #[test]
    fn quotation_marks_open_and_close_by_turns() {
        assert_text(
            "de",
            &[
                ("&quot; a &quot; b &quot; c &quot; .", "\"a\" b \"c\"."),
                ("„ a “ und &apos; b &apos;", "„a“ und 'b'"),
                ("war &apos; s", "war 's"),
            ],
        );
        assert_text(
            "en",
            &[
                ("the Jones &apos; house &apos; x &apos;", "the Jones' house 'x'"),
                ("&apos; yes &apos;", "'yes'"),
            ],
        );
    }

    #[test]
    fn contractions_follow_the_language() {
        let line = "it &apos;s l&apos; eau";
        assert_text("en", &[(line, "it's l' eau")]);
        assert_text(
            "fr",
            &[(line, "it 's l'eau"), ("Que ? « x » ( !", "Que ? « x » ( !")],
        );
        assert_text("it", &[(line, "it 's l'eau")]);
        assert_text(
            "cs",
            &[("1 , 5 e - mail je - li a - b", "1,5 e-mail je-li a - b")],
        );
    }

    #[test]
    fn chinese_characters_have_no_blanks_between_them() {
        assert_text("zh", &[("漢 字 a 漢 。", "漢字 a 漢。")]);
        assert_text("ko", &[("한국 어", "한국 어")]);
    }

    #[test]
    fn detokenising_undoes_tokenising() {
        for (language, text) in [
            (
                "en",
                "\"It's 5,300.50 (or so) [x] {y}; well-known: A & B 100%!\" said Mr. O'Neil.",
            ),
            ("de", "Am 3. Mai kostete z. B. \"das\" (E-Mail) 5,50 €; oder?"),
            ("fr", "L'eau d'ici n'est-elle pas (très) froide, M. Dupont ?"),
        ] {
            let tokens = MosesTokenizer::new(language)
                .aggressive_dash_splits(true)
                .tokenize(text);
            assert_eq!(
                MosesDetokenizer::new(language).detokenize(&tokens),
                text,
                "{tokens}"
            );
        }
    }
}
