//! Moses' rules of single languages, and its filters.

use crate::fixture::assert_says;
use std::fs;

use crate::cases::{cases, ok, stderr_of};

#[test]
fn s07_rules_of_some_languages_are_those_of_moses() {
    let Some(dir) = cases() else { return };
    let expected = |name: &str| fs::read_to_string(dir.path().join("s07").join(name)).unwrap();
    for language in ["tdt", "so"] {
        let tokens = ok(
            dir.path(),
            &format!("burnseq text tokenize -l {language} s07/in.{language}"),
        );
        assert_eq!(tokens, expected(&format!("expected.{language}")), "{language}");
    }
    for language in ["fi", "ca"] {
        let text = ok(
            dir.path(),
            &format!("burnseq text detokenize -l {language} s07/tokens.{language}"),
        );
        assert_eq!(text, expected(&format!("expected.{language}")), "{language}");
    }
    // Irish is as Catalan.
    let text = ok(dir.path(), "burnseq text detokenize -l ga s07/tokens.ca");
    assert_eq!(text, expected("expected.ca"));
}

#[test]
fn german_abbreviations_of_several_words_stay_together() {
    let dir = tempfile::tempdir().unwrap();
    let tokenize = |language: &str, line: &str| {
        fs::write(dir.path().join("in"), format!("{line}\n")).unwrap();
        ok(
            dir.path(),
            &format!("burnseq text tokenize --no-escape -l {language} in"),
        )
    };
    assert_eq!(
        tokenize("de", "Hunde, z. B. Dackel, bellen i. d. R. nicht. U. a. sie."),
        "Hunde , z. B. Dackel , bellen i. d. R. nicht . U. a. sie .\n"
    );
    assert_eq!(
        tokenize("fr", "Voir M. Dupont, chap. 5."),
        "Voir M. Dupont , chap. 5 .\n"
    );
    // Without a list of its own a language has the English one, as in Moses, which also says so.
    assert_eq!(tokenize("xx", "Mr. X, z. B. Y"), "Mr. X , z . B. Y\n");
    let note = stderr_of(dir.path(), "burnseq text tokenize -l xx in", 0);
    assert_says(&note, "no list of abbreviations for `xx`");
    assert_eq!(stderr_of(dir.path(), "burnseq text tokenize -l de in", 0), "");
}

#[test]
fn filters_map_line_to_line() {
    let dir = tempfile::tempdir().unwrap();
    let filter = |name: &str, text: &str| {
        fs::write(dir.path().join("in"), text).unwrap();
        ok(dir.path(), &format!("burnseq text {name} < in"))
    };
    assert_eq!(
        filter("remove-non-printing-char", "a\u{200b}b\tc\r\n\u{feff}\n\nd"),
        "a b c \n \n\nd\n"
    );
    assert_eq!(
        filter("replace-unicode-punctuation", "好，《一》。 ２\n…\n"),
        "好,\"一\". 2\n...\n"
    );
    assert_eq!(
        filter("deescape-special-chars", "&quot; &amp;lt; &#124;\n"),
        "\" &lt; |\n"
    );
    fs::write(dir.path().join("in"), "a\n").unwrap();
    let refused = stderr_of(dir.path(), "burnseq text deescape-special-chars in -o in", 1);
    assert_says(&refused, "in is there already");
    // Blank lines keep their blanks, as in Moses.
    fs::write(dir.path().join("in"), "\n \u{a0}\t\na b.\n").unwrap();
    assert_eq!(
        ok(dir.path(), "burnseq text tokenize -l en in"),
        "\n \u{a0}\t\na b .\n"
    );
    assert_eq!(
        ok(dir.path(), "burnseq text detokenize -l en in"),
        "\n \u{a0}\t\na b.\n"
    );
    // A line of markup is left alone, as detokenizer.perl leaves it.
    fs::write(dir.path().join("in"), "<seg id=\"1\"> a . </seg>\na .\n").unwrap();
    assert_eq!(
        ok(dir.path(), "burnseq text detokenize -l en in"),
        "<seg id=\"1\"> a . </seg>\na.\n"
    );
}
