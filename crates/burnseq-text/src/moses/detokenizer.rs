//! Tokens to text again, as Moses' `detokenizer.perl`.

use std::collections::HashSet;

use super::escape::unescape;
use super::units::is_alnum;

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
    /// Apostrophes end words. Moses joins nothing in Irish and Catalan, although its tokenizer splits there.
    Italian,
    /// Numbers are not split at commas; `„` always opens and `“` always closes a quotation.
    Czech,
    /// Endings follow a colon.
    Finnish,
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
    /// With a blank before it even where the token before joins to the right.
    Apart,
    /// To the token before it, in lower case.
    Ending,
    /// To the dash behind it, and that to what follows.
    Dash,
}

/// Finnish case endings, and what may follow them.
const CASE_ENDINGS: [&str; 27] = [
    "n", "a", "ä", "ssa", "ssä", "sta", "stä", "hun", "hyn", "han", "hän", "hön", "un", "yn", "an", "än",
    "ön", "seen", "lla", "llä", "lta", "ltä", "lle", "ksi", "kse", "tta", "ine",
];
const POSSESSIVES: [&str; 6] = ["", "ni", "si", "mme", "nne", "nsa"];
const PARTICLES: [&str; 10] = ["", "ko", "kö", "han", "hän", "pa", "pä", "kaan", "kään", "kin"];

impl MosesDetokenizer {
    /// A detokenizer for a language, named as Moses does (`de`, `en`).
    pub fn new(language: &str) -> Self {
        let language = match language {
            "en" => Language::English,
            "fr" => Language::French,
            "it" => Language::Italian,
            "cs" => Language::Czech,
            "fi" => Language::Finnish,
            "ko" => Language::Korean,
            _ => Language::Other,
        };
        Self { language }
    }

    /// The text of a line of tokens.
    pub fn detokenize(&self, tokens: &str) -> String {
        let padded = [" ", tokens, " "].concat().replace(" @-@ ", "-");
        let plain = unescape(&padded);
        // Two blanks leave an empty word between them, which joins to nothing.
        let words: Vec<&str> = plain.trim_end_matches([' ', '\r']).split(' ').collect();
        let mut text = String::with_capacity(plain.len());
        let mut quotes = Quotes::default();
        let mut blank = true;
        let mut at = 0;
        while at < words.len() {
            let word = words[at];
            let joint = self.joint(&words, at, &mut quotes);
            let apart = match joint {
                Joint::Left | Joint::Ending => false,
                Joint::Apart => true,
                Joint::None | Joint::Right | Joint::Dash => blank,
            };
            if apart && !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            match joint {
                Joint::Ending => text.push_str(&word.to_lowercase()),
                _ => text.push_str(word),
            }
            if joint == Joint::Dash {
                at += 1;
                text.push_str(words[at]);
            }
            blank = !matches!(joint, Joint::Right | Joint::Dash);
            at += 1;
        }
        text.truncate(text.trim_end_matches(' ').len());
        text
    }

    fn joint<'a>(&self, words: &[&'a str], at: usize, quotes: &mut Quotes<'a>) -> Joint {
        let word = words[at];
        let before = at.checked_sub(1).map(|at| words[at]);
        let all = |accepts: fn(char) -> bool| !word.is_empty() && word.chars().all(accepts);
        if word.starts_with(is_cjk) {
            let joins =
                self.language != Language::Korean && before.is_some_and(|before| before.ends_with(is_cjk));
            return if joins { Joint::Left } else { Joint::None };
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
        if let Some(joint) = self.joint_of_word(words, at) {
            return joint;
        }
        if all(|c| matches!(c, '\'' | '"' | '„' | '“' | '`')) {
            let genitive = word == "'" && before.is_some_and(|before| before.ends_with('s'));
            return quotes.turn(word, self.language, genitive);
        }
        let ends_colon = before.is_some_and(|before| before.ends_with(':'));
        if self.language == Language::Finnish && ends_colon && is_finnish_ending(word) {
            return Joint::Ending;
        }
        Joint::None
    }

    /// What single languages join: `it 's` in English, `l' eau` in French and Italian, `1 , 5` and `je - li` in Czech.
    fn joint_of_word(&self, words: &[&str], at: usize) -> Option<Joint> {
        let word = words[at];
        let before = at.checked_sub(1).map(|at| words[at]);
        match self.language {
            Language::English => {
                let letters = word
                    .strip_prefix('\'')
                    .is_some_and(|rest| rest.starts_with(char::is_alphabetic));
                (letters && before.is_some_and(|before| before.ends_with(is_alnum))).then_some(Joint::Left)
            }
            Language::French | Language::Italian => {
                let behind = words.get(at + 1);
                let letters = word
                    .strip_suffix('\'')
                    .is_some_and(|rest| rest.ends_with(char::is_alphabetic));
                (letters && behind.is_some_and(|behind| behind.starts_with(char::is_alphabetic)))
                    .then_some(Joint::Right)
            }
            Language::Czech if is_fraction(words, at) => Some(Joint::Left),
            Language::Czech if is_before_dash(words, at) => Some(Joint::Dash),
            _ => None,
        }
    }
}

/// Quotation marks seen so far: of each kind, one opens and the next one closes.
#[derive(Debug, Default)]
struct Quotes<'a> {
    /// Kinds of which one is open.
    open: HashSet<&'a str>,
}

impl<'a> Quotes<'a> {
    fn turn(&mut self, word: &'a str, language: Language, genitive: bool) -> Joint {
        // These close one another.
        let kind = if word.chars().all(|c| matches!(c, '„' | '“')) {
            "\""
        } else {
            word
        };
        if language == Language::Czech {
            match word {
                "„" => _ = self.open.remove(kind),
                "“" => _ = self.open.insert(kind),
                _ => {}
            }
        }
        if self.open.remove(kind) {
            return Joint::Left;
        }
        if genitive && language == Language::English {
            // The Jones' house
            return Joint::Left;
        }
        self.open.insert(kind);
        Joint::Right
    }
}

/// The digits behind `1 ,`.
fn is_fraction(words: &[&str], at: usize) -> bool {
    let digits = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    at > 1 && digits(words[at]) && matches!(words[at - 1], "," | ".") && digits(words[at - 2])
}

/// The `e` of `e - mail` and the `je` of `je - li`, where one more word follows.
fn is_before_dash(words: &[&str], at: usize) -> bool {
    let [word, dash, behind, _, ..] = words[at..] else {
        return false;
    };
    let behind = behind.to_lowercase();
    word.ends_with(char::is_alphabetic)
        && matches!(dash, "-" | "–")
        && (behind == "li" || behind.starts_with("mail"))
}

/// A case ending with what may follow it; the first letter may be large.
fn is_finnish_ending(word: &str) -> bool {
    let mut letters = word.chars();
    let Some(first) = letters.next() else { return false };
    let word: String = first.to_lowercase().chain(letters).collect();
    let endings = CASE_ENDINGS.iter();
    let mut rests = endings.filter_map(|ending| word.strip_prefix(ending));
    rests.any(|rest| {
        let mut rests = POSSESSIVES
            .iter()
            .filter_map(|possessive| rest.strip_prefix(possessive));
        rests.any(|rest| PARTICLES.contains(&rest))
    })
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
        assert_text("cs", &[("„ a “ &quot; b &quot;", "„a“ \"b\""), ("“ a", "“ a")]);
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
        // As in Moses, whose tokenizer splits here.
        for language in ["ca", "ga", "de"] {
            assert_text(language, &[(line, "it 's l' eau")]);
        }
        assert_text(
            "cs",
            &[
                ("1 , 5 e - mail je - li a - b", "1,5 e-mail je-li a - b"),
                // Moses asks for one more word.
                ("je - li", "je - li"),
            ],
        );
    }

    #[test]
    fn finnish_endings_go_to_their_colon() {
        assert_text(
            "fi",
            &[
                ("EU : n maat , YK : ssa ja N : o 5", "EU:n maat, YK:ssa ja N: o 5"),
                (
                    "EU : Ssansa EU : llansakaan EU : seenkö",
                    "EU:ssansa EU:llansakaan EU:seenkö",
                ),
                ("EU : SSA EU : nx EU : x : n", "EU: SSA EU: nx EU: x:n"),
                ("n a", "n a"),
            ],
        );
        assert_text("sv", &[("EU : s", "EU: s"), ("EU : n", "EU: n")]);
    }

    #[test]
    fn empty_words_between_two_blanks_join_to_nothing() {
        assert_text(
            "de",
            &[("(  a", "( a"), ("漢  字", "漢 字"), ("a  . b ", "a . b")],
        );
        assert_text("de", &[("( a\u{a0}b )\r", "(a\u{a0}b)")]);
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
