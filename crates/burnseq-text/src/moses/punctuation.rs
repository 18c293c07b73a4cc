//! Quotation marks, dashes and blanks in one form, as Moses' `normalize-punctuation.perl`.

/// Marks and what stands for them; the order matters where one replacement makes another mark.
const MARKS: &[(&str, &str)] = &[
    ("`", "'"),
    ("''", " \" "),
    ("„", "\""),
    ("“", "\""),
    ("”", "\""),
    ("–", "-"),
    ("—", " - "),
    ("´", "'"),
    ("‘", "'"),
    ("‚", "'"),
    ("’", "\""),
    ("''", "\""),
    ("…", "..."),
    ("\u{a0}«\u{a0}", " \""),
    ("«\u{a0}", "\""),
    ("«", "\""),
    ("\u{a0}»\u{a0}", "\" "),
    ("\u{a0}»", "\""),
    ("»", "\""),
];

/// Blanks that do not break, as French has them before some marks.
const PSEUDO_BLANKS: &[(&str, &str)] = &[
    ("\u{a0}%", "%"),
    ("nº\u{a0}", "nº "),
    ("\u{a0}:", ":"),
    ("\u{a0}ºC", " ºC"),
    ("\u{a0}cm", " cm"),
    ("\u{a0}?", "?"),
    ("\u{a0}!", "!"),
    ("\u{a0};", ";"),
    (",\u{a0}", ", "),
];

/// The line with ASCII quotation marks, apostrophes and dashes, and with blanks where they belong.
///
/// The language decides whether a comma or full stop stands before (`en`) or behind a closing
/// quotation mark, and what a non-breaking blank between digits means. Otherwise than in the Perl
/// program, both apostrophes of `rock’n’roll` become `'`, as do both pseudo-blanks of a number such as `1 2 3`.
///
/// ```
/// # use burnseq_text::moses::normalize_punctuation;
/// let line = "„So ist’s,“ sagt er  ( leise ) : 5\u{a0}000 –…";
/// assert_eq!(normalize_punctuation("de", line), "\"So ist's\", sagt er (leise): 5,000 -...");
/// ```
pub fn normalize_punctuation(language: &str, line: &str) -> String {
    let text = tidy_brackets(&line.replace('\r', ""));
    // Between letters the curly marks are apostrophes; elsewhere they quote.
    let text = replace_between(
        &text,
        |c| c.is_ascii_alphabetic(),
        |c| matches!(c, '‘' | '’').then_some('\''),
    );
    let text = squeeze(&replace_all(&text, MARKS));
    let text = squeeze(&replace_all(&text, PSEUDO_BLANKS));
    let text = order_quotes_and_stops(language, &text);
    let decimal = match language {
        "de" | "es" | "cs" | "cz" | "fr" => ',',
        _ => '.',
    };
    replace_between(
        &text,
        |c| c.is_ascii_digit(),
        |c| (c == '\u{a0}').then_some(decimal),
    )
}

fn replace_all(text: &str, table: &[(&str, &str)]) -> String {
    table.iter().fold(text.to_owned(), |text, (from, to)| {
        if text.contains(from) {
            text.replace(from, to)
        } else {
            text
        }
    })
}

/// Runs of blanks become one.
fn squeeze(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for c in text.chars() {
        if c != ' ' || !squeezed.ends_with(' ') {
            squeezed.push(c);
        }
    }
    squeezed
}

/// Replaces characters whose neighbours are both of a kind.
fn replace_between(text: &str, kind: fn(char) -> bool, replace: impl Fn(char) -> Option<char>) -> String {
    let mut before = None;
    let mut chars = text.chars().peekable();
    let mut replaced = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        let between = before.is_some_and(kind) && chars.peek().copied().is_some_and(kind);
        replaced.push(replace(c).filter(|_| between).unwrap_or(c));
        before = Some(c);
    }
    replaced
}

/// Blanks outside brackets, none inside, and none before a mark that follows.
fn tidy_brackets(text: &str) -> String {
    let mut text = squeeze(&text.replace('(', " (").replace(')', ") "));
    for (from, to) in [
        (") .", ")."),
        (") !", ")!"),
        (") :", "):"),
        (") ?", ")?"),
        (") ;", ");"),
        (") ,", "),"),
        ("( ", "("),
        (" )", ")"),
    ] {
        text = text.replace(from, to);
    }
    let mut tidied = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let percent = c == ' ' && rest.peek() == Some(&'%');
        if !(percent && tidied.ends_with(|c: char| c.is_ascii_digit())) {
            tidied.push(c);
        }
    }
    tidied.replace(" :", ":").replace(" ;", ";")
}

/// English sets commas and full stops before the closing quotation mark, others behind it.
fn order_quotes_and_stops(language: &str, text: &str) -> String {
    let chars: Vec<char> = match language {
        "cs" | "cz" => return text.to_owned(),
        "en" => text.chars().collect(),
        _ => text.replace(",\"", "\",").chars().collect(),
    };
    let mut ordered = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let run = |from: usize, accepts: fn(char) -> bool| {
            chars[from..].iter().take_while(|c| accepts(**c)).count()
        };
        if language == "en" {
            let stops = if chars[at] == '"' {
                run(at + 1, |c| matches!(c, ',' | '.'))
            } else {
                0
            };
            ordered.extend(&chars[at + 1..at + 1 + stops]);
            ordered.push(chars[at]);
            at += 1 + stops;
            continue;
        }
        let stops = run(at, |c| c == '.');
        // Markup may follow: there the mark belongs to an attribute.
        if stops > 0 && chars.get(at + stops) == Some(&'"') && chars.get(at + stops + 1) != Some(&'<') {
            ordered.push('"');
            ordered.extend(&chars[at..at + stops]);
            at += stops + 1;
            // The rule takes the character behind along, so that no other mark begins there.
            let mut taken = run(at, |c| c.is_ascii_whitespace());
            taken += usize::from(chars.get(at + taken).is_some_and(|c| *c != '<'));
            ordered.extend(&chars[at..at + taken]);
            at += taken;
        } else {
            ordered.extend(&chars[at..at + stops.max(1)]);
            at += stops.max(1);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_normalized(language: &str, cases: &[(&str, &str)]) {
        for (line, expected) in cases {
            assert_eq!(
                normalize_punctuation(language, line),
                *expected,
                "{language}: {line:?}"
            );
        }
    }

    #[test]
    fn brackets_and_marks_have_their_blanks() {
        assert_normalized(
            "en",
            &[
                ("", ""),
                ("a(b)c ( x ) . y", "a (b) c (x). y"),
                ("5 % x % : y ; z", "5% x %: y; z"),
                ("a\rb  c", "ab c"),
            ],
        );
    }

    #[test]
    fn typographic_marks_become_plain_ones() {
        assert_normalized(
            "en",
            &[
                ("„a“ ”b” –c– d—e …", "\"a\" \"b\" -c- d - e ..."),
                ("it’s rock’n’roll ‘a’ ´", "it's rock'n'roll 'a\" '"),
                ("`` ''", " \" \" "),
                ("« a » «\u{a0}c\u{a0}»", "\" a \" \"c\""),
                ("x\u{a0}«\u{a0}c\u{a0}»\u{a0}y", "x \"c\" y"),
                (
                    "5\u{a0}% a\u{a0}? 5\u{a0}cm d,\u{a0}e f\u{a0}g",
                    "5% a? 5 cm d, e f\u{a0}g",
                ),
            ],
        );
    }

    #[test]
    fn stops_and_closing_quotation_marks_follow_the_language() {
        let line = "\"a,\" b \"c.\" \"d\", \"e\". \"f.\"<g \"..\"";
        assert_normalized("en", &[(line, "\"a,\" b \"c.\" \"d,\" \"e.\" \"f.\"<g ..\"\"")]);
        assert_normalized("de", &[(line, "\"a\", b \"c\". \"d\", \"e\". \"f.\"<g \"\"..")]);
        assert_normalized("cs", &[(line, line)]);
        assert_normalized(
            "de",
            &[
                ("a.\".\" b.\" .\" <c", "a\"..\" b\". .\" <c"),
                ("a.\" <c", "a\". <c"),
            ],
        );
    }

    #[test]
    fn digits_apart_by_a_pseudo_blank_are_one_number() {
        assert_normalized("de", &[("5\u{a0}000\u{a0}000 1 0", "5,000,000 1 0")]);
        assert_normalized("en", &[("5\u{a0}000", "5.000")]);
    }
}
