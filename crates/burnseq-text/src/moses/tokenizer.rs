//! Words and punctuation apart, as Moses' `tokenizer.perl`.

use super::escape::escaped;
use super::prefixes::NonbreakingPrefixes;
use super::protected::ProtectedPatterns;
use super::units::{BLANK, Split, Unit, is_small_letter, set_apart};

/// Splits lines of one language into tokens.
///
/// It follows the master branch since 2018, where the last word of a line always loses its full stop
/// (`U.S .`); version 1.1 and sacremoses leave it at abbreviations.
///
/// As with `tokenizer.perl`, dashes inside words stay and `& | < > ' " [ ]` are escaped unless told
/// otherwise.
///
/// ```
/// # use burnseq_text::moses::MosesTokenizer;
/// let tokenizer = MosesTokenizer::new("de").aggressive_dash_splits(true);
/// assert_eq!(
///     tokenizer.tokenize("Das war's am 3. Mai, E-Mail-frei..."),
///     "Das war &apos; s am 3. Mai , E @-@ Mail @-@ frei ..."
/// );
/// ```
#[derive(Debug, Clone)]
pub struct MosesTokenizer {
    language: Language,
    prefixes: NonbreakingPrefixes,
    aggressive_dash_splits: bool,
    escape: bool,
    protected: ProtectedPatterns,
}

/// What the rules ask about a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    /// French, Italian, Irish and Catalan: the apostrophe belongs to the word before it (`l'eau`).
    Eliding {
        /// Catalan writes a dot in the middle of words (`col·lega`).
        middle_dot: bool,
    },
    /// Finnish and Swedish: endings follow a colon (`EU:n`).
    ColonInWords,
    /// Somali and Tetun: an apostrophe inside a word is a letter (`ba'aha`).
    Glottal {
        /// Tetun: before anything but a small letter the apostrophe is none.
        before_small_letters: bool,
    },
    Other,
}

impl MosesTokenizer {
    /// A tokenizer for a language, named as Moses does (`de`, `en`), with its built-in
    /// abbreviations.
    pub fn new(language: &str) -> Self {
        Self {
            language: match language {
                "en" => Language::English,
                "fr" | "it" | "ga" => Language::Eliding { middle_dot: false },
                "ca" => Language::Eliding { middle_dot: true },
                "fi" | "sv" => Language::ColonInWords,
                "so" => Language::Glottal {
                    before_small_letters: false,
                },
                "tdt" => Language::Glottal {
                    before_small_letters: true,
                },
                _ => Language::Other,
            },
            prefixes: NonbreakingPrefixes::built_in(language),
            aggressive_dash_splits: false,
            escape: true,
            protected: ProtectedPatterns::default(),
        }
    }

    /// Whether dashes between letters or digits become tokens, written `@-@` (`-a`).
    #[must_use]
    pub fn aggressive_dash_splits(mut self, on: bool) -> Self {
        self.aggressive_dash_splits = on;
        self
    }

    /// Whether `& | < > ' " [ ]` are written as entities; `-no-escape` is `false`.
    #[must_use]
    pub fn escape(mut self, on: bool) -> Self {
        self.escape = on;
        self
    }

    /// Another list of abbreviations.
    #[must_use]
    pub fn nonbreaking_prefixes(mut self, prefixes: NonbreakingPrefixes) -> Self {
        self.prefixes = prefixes;
        self
    }

    /// What these match becomes a token as it stands.
    #[must_use]
    pub fn protected_patterns(mut self, patterns: ProtectedPatterns) -> Self {
        self.protected = patterns;
        self
    }

    /// The tokens of a line, separated by blanks.
    pub fn tokenize(&self, line: &str) -> String {
        let line = clean(line);
        let mut protected = Vec::new();
        let text = self.protect(&line, &mut protected);
        let text = self.set_symbols_apart(&text);
        let text = if self.aggressive_dash_splits {
            split_dashes(&text)
        } else {
            text
        };
        let text = keep_dots_together(&text);
        let text = set_commas_apart(&text);
        let text = self.set_apostrophes_apart(text);
        let words: Vec<&[Unit]> = text
            .split(|unit| *unit == BLANK)
            .filter(|word| !word.is_empty())
            .collect();
        self.write(&words, &protected)
    }

    /// The text as units, with what is protected as a word of its own.
    fn protect<'a>(&self, line: &'a str, protected: &mut Vec<&'a str>) -> Vec<Unit> {
        let mut units = Vec::with_capacity(line.len());
        for (part, whole) in self.protected.split(line) {
            if whole {
                units.extend([BLANK, Unit::Protected(protected.len()), BLANK]);
                protected.push(part);
            } else {
                units.extend(part.chars().map(Unit::Char));
            }
        }
        units
    }

    /// Blanks around all but letters, digits and the marks that later rules look at.
    fn set_symbols_apart(&self, text: &[Unit]) -> Vec<Unit> {
        let small_letter = |at: usize| matches!(text.get(at), Some(Unit::Char(c)) if is_small_letter(*c));
        let stays = |at: usize| match (text[at], self.language) {
            (
                Unit::Char('\''),
                Language::Glottal {
                    before_small_letters: true,
                },
            ) => small_letter(at + 1),
            (Unit::Char(' ' | '.' | '\'' | '`' | ',' | '-'), _) => true,
            (Unit::Char('·'), Language::Eliding { middle_dot }) => middle_dot,
            // An ending follows.
            (Unit::Char(':'), Language::ColonInWords) => small_letter(at + 1),
            (unit, _) => unit.is_alnum(),
        };
        let mut out = Vec::with_capacity(text.len() + 16);
        for (at, &unit) in text.iter().enumerate() {
            if stays(at) {
                out.push(unit);
            } else {
                out.extend([BLANK, unit, BLANK]);
            }
        }
        out
    }

    /// Blanks at apostrophes, as the language writes contractions.
    fn set_apostrophes_apart(&self, text: Vec<Unit>) -> Vec<Unit> {
        /// What stands before and behind an apostrophe, and where blanks go then.
        type Rule = (fn(Unit) -> bool, fn(Unit) -> bool, Split);
        let no_letter = |unit: Unit| !unit.is_alpha();
        let rules: &[Rule] = match self.language {
            Language::English => &[
                (no_letter, no_letter, Split::Around),
                (
                    |unit| !unit.is_alpha() && !unit.is_number(),
                    Unit::is_alpha,
                    Split::Around,
                ),
                (Unit::is_alpha, no_letter, Split::Around),
                // it 's
                (Unit::is_alpha, Unit::is_alpha, Split::Before),
                // 1990 's
                (Unit::is_number, |unit| unit.is('s'), Split::Before),
            ],
            Language::Eliding { .. } => &[
                (no_letter, no_letter, Split::Around),
                (no_letter, Unit::is_alpha, Split::Around),
                (Unit::is_alpha, no_letter, Split::Around),
                // l' eau
                (Unit::is_alpha, Unit::is_alpha, Split::After),
            ],
            Language::Glottal { .. } => &[
                (no_letter, no_letter, Split::Around),
                (no_letter, Unit::is_alpha, Split::Around),
                (Unit::is_alpha, no_letter, Split::Around),
            ],
            Language::ColonInWords | Language::Other => {
                return set_apart(&text, 0, |[mark]| mark.is('\'').then_some(Split::Around));
            }
        };
        rules.iter().fold(text, |text, &(before, behind, split)| {
            set_apart(&text, 1, |[left, mark, right]| {
                (mark.is('\'') && before(left) && behind(right)).then_some(split)
            })
        })
    }

    /// Sets full stops behind words apart and writes the line.
    fn write(&self, words: &[&[Unit]], protected: &[&str]) -> String {
        let mut line = String::new();
        for (n, &word) in words.iter().enumerate() {
            if n > 0 {
                line.push(' ');
            }
            let next = words.get(n + 1).copied();
            match word {
                [rest @ .., Unit::Char('.')] if !rest.is_empty() && !self.keeps_full_stop(rest, next) => {
                    self.push_word(rest, protected, &mut line);
                    line.push_str(" .");
                }
                // A quotation mark behind the last full stop of the line: Moses sets it apart when everything else is
                // done, which leaves a blank at the end, and two where the full stop begins a word.
                [rest @ .., Unit::Char('.'), mark @ Unit::Char('\'')] if next.is_none() => {
                    self.push_word(rest, protected, &mut line);
                    line.push_str(" . ");
                    self.push_word(&[*mark], protected, &mut line);
                    line.push(' ');
                }
                _ => self.push_word(word, protected, &mut line),
            }
        }
        line
    }

    /// Whether a word, which a full stop follows, keeps it: abbreviations, and what does not end
    /// the sentence because the next word begins in lower case. The last word never does.
    fn keeps_full_stop(&self, word: &[Unit], next: Option<&[Unit]>) -> bool {
        let Some(next) = next else { return false };
        let initialism = word.contains(&Unit::Char('.')) && word.iter().any(|unit| unit.is_alpha());
        let lower = matches!(next[0], Unit::Char(c) if c.is_lowercase());
        initialism || lower || self.prefixes.keeps_full_stop(&plain(word), &plain(next))
    }

    fn push_word(&self, word: &[Unit], protected: &[&str], line: &mut String) {
        for &unit in word {
            match unit {
                Unit::Char(c) => self.push_char(c, line),
                Unit::Dot => line.push('.'),
                Unit::Protected(number) => protected[number].chars().for_each(|c| self.push_char(c, line)),
            }
        }
    }

    fn push_char(&self, c: char, line: &mut String) {
        match escaped(c).filter(|_| self.escape) {
            Some(escaped) => line.push_str(escaped),
            None => line.push(c),
        }
    }
}

/// White space becomes single blanks, none at the ends; control characters go.
fn clean(line: &str) -> String {
    let mut cleaned = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_whitespace() {
            if !cleaned.is_empty() && !cleaned.ends_with(' ') {
                cleaned.push(' ');
            }
        } else if !c.is_ascii_control() || c == '\u{7f}' {
            cleaned.push(c);
        }
    }
    cleaned.truncate(cleaned.trim_end_matches(' ').len());
    cleaned
}

/// A dash between letters or digits becomes the token `@-@`.
fn split_dashes(text: &[Unit]) -> Vec<Unit> {
    let alnum = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|unit| unit.is_alnum());
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, &unit) in text.iter().enumerate() {
        if unit.is('-') && alnum(at.checked_sub(1)) && alnum(Some(at + 1)) {
            out.extend(" @-@ ".chars().map(Unit::Char));
        } else {
            out.push(unit);
        }
    }
    out
}

/// Two or more full stops in a row become a word of their own.
fn keep_dots_together(text: &[Unit]) -> Vec<Unit> {
    let mut out = Vec::with_capacity(text.len() + 4);
    for run in text.chunk_by(|left, right| left.is('.') && right.is('.')) {
        if run.len() > 1 {
            out.push(BLANK);
            out.extend(run.iter().map(|_| Unit::Dot));
            out.push(BLANK);
        } else {
            out.extend_from_slice(run);
        }
    }
    out
}

/// A comma is a token unless it stands between numbers (`5,300`).
fn set_commas_apart(text: &[Unit]) -> Vec<Unit> {
    let text = set_apart(text, 1, |[before, mark]| {
        (mark.is(',') && !before.is_number()).then_some(Split::Around)
    });
    let mut text = set_apart(&text, 0, |[mark, behind]| {
        (mark.is(',') && !behind.is_number()).then_some(Split::Around)
    });
    if let [.., before, mark] = text[..]
        && mark.is(',')
        && before.is_number()
    {
        text.insert(text.len() - 1, BLANK);
    }
    text
}

/// A word for a look-up; units that are no characters never stand in a list.
fn plain(word: &[Unit]) -> String {
    let char = |unit: &Unit| match unit {
        Unit::Char(c) => *c,
        Unit::Dot | Unit::Protected(_) => char::REPLACEMENT_CHARACTER,
    };
    word.iter().map(char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_tokens(language: &str, cases: &[(&str, &str)]) {
        let tokenizer = MosesTokenizer::new(language).escape(false);
        for (line, tokens) in cases {
            assert_eq!(tokenizer.tokenize(line), *tokens, "{language}: {line:?}");
        }
    }

    #[test]
    fn white_space_and_control_characters_leave_single_blanks() {
        assert_tokens(
            "en",
            &[
                ("", ""),
                (" \t \u{a0} ", ""),
                ("a\u{a0}\u{3000}b\u{1} \u{2}c", "a b c"),
                ("a\u{1f}b", "ab"),
            ],
        );
    }

    #[test]
    fn commas_and_dots_inside_numbers_stay() {
        assert_tokens(
            "en",
            &[
                ("5,300 or 5.300,", "5,300 or 5.300 ,"),
                ("a,b ,c", "a , b , c"),
                ("in 1990, we", "in 1990 , we"),
                ("wait... what ..?", "wait ... what .. ?"),
                ("1,000.", "1,000 ."),
            ],
        );
    }

    #[test]
    fn full_stops_stay_at_abbreviations_and_go_at_the_end() {
        assert_tokens(
            "en",
            &[
                ("Dr. No. lives.", "Dr. No. lives ."),
                ("We left. They", "We left . They"),
                ("in the U.S. They", "in the U.S. They"),
                ("in the U.S.", "in the U.S ."),
                ("approx. five", "approx. five"),
                ("No. 5 is alive. 6", "No. 5 is alive . 6"),
                ("He said 'go.'", "He said ' go . ' "),
            ],
        );
        assert_tokens(
            "de",
            &[
                ("am 3. Mai 1999. Der", "am 3. Mai 1999 . Der"),
                (
                    "z. B. Eis, i. d. R. Kuchen. U. a. Obst usw.",
                    "z. B. Eis , i. d. R. Kuchen . U. a. Obst usw .",
                ),
            ],
        );
        assert_tokens(
            "en",
            &[("x.'. '.'", "x . ' . '  . ' "), ("Ends.' Goes", "Ends . ' Goes")],
        );
    }

    #[test]
    fn apostrophes_follow_the_language() {
        let line = "l'eau 'n' it's 1990's";
        assert_tokens("en", &[(line, "l 'eau ' n ' it 's 1990 's")]);
        assert_tokens("fr", &[(line, "l' eau ' n ' it' s 1990 ' s")]);
        assert_tokens("de", &[(line, "l ' eau ' n ' it ' s 1990 ' s")]);
        assert_tokens("fi", &[("EU:n a:B", "EU:n a : B")]);
        assert_tokens("ca", &[("col·lega", "col·lega")]);
        assert_tokens("es", &[("col·lega", "col · lega")]);
        let line = "ba'aha 'oh' o'X 'N' 5'a";
        assert_tokens("so", &[(line, "ba'aha ' oh ' o'X ' N ' 5 ' a")]);
        assert_tokens("tdt", &[(line, "ba'aha ' oh ' o ' X ' N ' 5 ' a")]);
    }

    #[test]
    fn protected_text_stays_as_it_is() {
        let patterns = "https?://\\S+\n<[^<>]+>\n";
        let patterns = ProtectedPatterns::parse(patterns.as_bytes(), "patterns").unwrap();
        let tokenizer = MosesTokenizer::new("en").protected_patterns(patterns);
        assert_eq!(
            tokenizer.tokenize("see http://a.b/<c>, (<b>now</b>)."),
            "see http://a.b/&lt;c&gt;, ( &lt;b&gt; now &lt;/b&gt; ) ."
        );
    }

    #[test]
    fn escaping_and_dash_splits_are_choices() {
        let line = "a-b 'x' [y] <z> & \"|\" --";
        let tokenizer = MosesTokenizer::new("de");
        assert_eq!(
            tokenizer.tokenize(line),
            "a-b &apos; x &apos; &#91; y &#93; &lt; z &gt; &amp; &quot; &#124; &quot; --"
        );
        let tokenizer = tokenizer.escape(false).aggressive_dash_splits(true);
        assert_eq!(tokenizer.tokenize(line), "a @-@ b ' x ' [ y ] < z > & \" | \" --");
    }
}
