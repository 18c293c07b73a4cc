//! sacreBLEU's own spellings: flags of several letters behind one hyphen, `-s` for the smoothing, and options that are
//! about its test sets.

use std::ffi::OsString;

use anyhow::{Result, anyhow};

use crate::exit::usage;

/// sacreBLEU's flags of several letters behind one hyphen, as clap has none.
const SHORT_FLAGS: [(&str, &str); 15] = [
    ("-sl", "--sentence-level"),
    ("-tok", "--tokenize"),
    ("-sv", "--smooth-value"),
    ("-lc", "--lowercase"),
    ("-cc", "--chrf-char-order"),
    ("-cw", "--chrf-word-order"),
    ("-ci", "--confidence"),
    ("-cin", "--confidence-n"),
    ("-pbs", "--paired-bs"),
    ("-pbsn", "--paired-bs-n"),
    ("-par", "--paired-ar"),
    ("-parn", "--paired-ar-n"),
    ("-nr", "--num-refs"),
    ("-nc", "--no-color"),
    ("-j", "--paired-jobs"),
];

/// What `-s` names in sacreBLEU; in fairseq-score it names the translations.
const SMOOTHING: [&str; 4] = ["none", "floor", "add-k", "exp"];

const TEST_SETS: &str = "no test sets are downloaded; write the references with sacreBLEU (`sacrebleu -t SET -l PAIR --echo ref > \
                         REF`) and give that file";
const SUBSETS: &str =
    "it selects lines of sacreBLEU's own test sets; cut them out of translations and references first";

/// Options of sacreBLEU that are refused: all spellings, and what to do instead.
const REFUSED: [(&[&str], &str); 9] = [
    (&["--test-set", "-t"], TEST_SETS),
    (&["--download"], TEST_SETS),
    (&["--echo"], TEST_SETS),
    (&["--list"], TEST_SETS),
    (&["--citation", "--cite"], TEST_SETS),
    (&["--origlang", "-ol"], SUBSETS),
    (&["--subset"], SUBSETS),
    (
        &["--detail", "-d"],
        "leave it out; it is about the parts of sacreBLEU's own test sets",
    ),
    (
        &["--short", "-sh"],
        "leave it out; signatures are printed in full",
    ),
];

/// The command line with the spellings that [`super::ScoreArgs`] has.
///
/// # Errors
/// Options that are refused, all of them at once.
pub(super) fn spelled(words: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>> {
    let words: Vec<OsString> = words.into_iter().collect();
    let refused: Vec<String> = words.iter().filter_map(refusal).collect();
    if !refused.is_empty() {
        return Err(usage(anyhow!(refused.join("\n"))));
    }
    let fairseq = words.iter().any(|word| {
        let word = word.to_string_lossy();
        matches!(&*word, "-r" | "--ref") || word.starts_with("--ref=")
    });
    let mut spelled = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let smoothing = |next: &OsString| SMOOTHING.iter().any(|name| next == *name);
        if word == "-s" && !fairseq && words.peek().is_some_and(smoothing) {
            spelled.push("--smooth-method".into());
        } else {
            spelled.push(long_flag(word));
        }
    }
    Ok(spelled)
}

/// `-tok zh` and `-tok=zh`.
fn long_flag(word: OsString) -> OsString {
    let text = word.to_string_lossy();
    let (flag, value) = match text.split_once('=') {
        Some((flag, value)) => (flag, Some(value)),
        None => (&*text, None),
    };
    match (SHORT_FLAGS.iter().find(|(short, _)| *short == flag), value) {
        (Some((_, long)), Some(value)) => format!("{long}={value}").into(),
        (Some((_, long)), None) => OsString::from(long),
        (None, _) => word,
    }
}

fn refusal(word: &OsString) -> Option<String> {
    let text = word.to_string_lossy();
    let flag = text.split_once('=').map_or(&*text, |(flag, _)| flag);
    let (_, instead) = REFUSED.iter().find(|(spellings, _)| spellings.contains(&flag))?;
    Some(format!("{flag} is not supported\nhint: {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(words: &str) -> Result<String> {
        let words = spelled(words.split(' ').map(OsString::from))?;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn sacrebleus_short_flags_are_those_of_several_letters() {
        for (words, expected) in [
            (
                "score -tok none -s none ref",
                "score --tokenize none --smooth-method none ref",
            ),
            (
                "score ref -i a -s floor -sv 0.5",
                "score ref -i a --smooth-method floor --smooth-value 0.5",
            ),
            ("score -tok=intl -lc", "score --tokenize=intl --lowercase"),
            (
                "score ref -i a b -par -parn 5 -j 2",
                "score ref -i a b --paired-ar --paired-ar-n 5 --paired-jobs 2",
            ),
            // fairseq-score's -s are translations, whatever their name.
            ("score -s exp -r ref", "score -s exp -r ref"),
            ("score -s none --ref=ref", "score -s none --ref=ref"),
            ("score -s sys -r ref", "score -s sys -r ref"),
            ("score -s sys ref", "score -s sys ref"),
        ] {
            assert_eq!(spell(words).unwrap(), expected);
        }
    }

    #[test]
    fn options_about_test_sets_are_refused_together() {
        let error = crate::exit::describe(&spell("score -t wmt14 -l en-de -d --origlang=de").unwrap_err());
        for part in [
            "-t is not supported",
            "-d is not supported",
            "--origlang is not supported",
            "--echo ref > REF",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains("-l is"), "{error}");
        for (spellings, _) in REFUSED {
            for spelling in spellings {
                assert_eq!(
                    crate::exit::code(&spell(&format!("score ref {spelling}")).unwrap_err()),
                    2
                );
            }
        }
    }
}
