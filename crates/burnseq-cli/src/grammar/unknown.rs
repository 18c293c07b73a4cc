//! Flags that a binary does not know, and what may have been meant.

use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory};

use crate::{average_checkpoints, convert, generate, interactive, preprocess, score, text, train, validate};

/// How alike two names must be for one to be meant by the other (Jaro and Winkler, 1 for equal ones).
const ALIKE: f64 = 0.9;

/// A flag that is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// As it is written.
    pub word: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// Takes the flags out of `words` that `command` does not know, with what looks like their value.
pub(super) fn remove(command: &Command, words: &mut Vec<OsString>) -> Vec<Unknown> {
    let mut found = Vec::new();
    let mut kept: Vec<OsString> = Vec::with_capacity(words.len());
    let mut command = command;
    let mut path = command.get_name().to_owned();
    let mut rest = std::mem::take(words).into_iter().enumerate().peekable();
    while let Some((number, word)) = rest.next() {
        let Some(text) = word.to_str().map(str::to_owned) else {
            kept.push(word);
            continue;
        };
        if number == 0 || !text.starts_with('-') || text == "-" {
            if number > 0
                && let Some(tool) = command.find_subcommand(&text)
            {
                command = tool;
                path = format!("{path} {text}");
            }
            kept.push(word);
            continue;
        }
        if text == "--" {
            kept.push(word);
            kept.extend(rest.map(|(_, word)| word));
            break;
        }
        let name = text.split('=').next().unwrap_or(&text);
        let waiting = kept
            .last()
            .and_then(|flag| flag.to_str())
            .is_some_and(|flag| flag_named(command, flag).is_some_and(wants_value));
        if is_known(command, name) || is_number(&text) {
            kept.push(word);
        } else if waiting && !text.starts_with("--") {
            let flag = kept.pop().expect("a flag waits");
            let flag = flag.to_string_lossy();
            found.push(Unknown {
                word: flag.clone().into_owned(),
                problem: format!(
                    "{flag}: {text:?} looks like a flag\nhint: a value that begins with `-` goes behind an equals sign: \
                     {flag}={text}"
                ),
            });
        } else {
            let hint = remedy(command, &path, name);
            found.push(Unknown {
                word: name.to_owned(),
                problem: format!("{name} is not an option of `{path}`\nhint: {hint}"),
            });
            // What may be its value goes with it; the command is refused in any case.
            if !text.contains('=')
                && rest.peek().is_some_and(|(_, next)| {
                    let next = next.to_string_lossy();
                    !next.starts_with('-') || is_number(&next)
                })
            {
                rest.next();
            }
        }
    }
    *words = kept;
    found
}

/// A number below zero, rather than a flag.
fn is_number(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        && text.parse::<f64>().is_ok()
}

/// Whether `word` names a flag of `command`.
fn is_known(command: &Command, word: &str) -> bool {
    ["--help", "--version", "-h", "-V"].contains(&word) || flag_named(command, word).is_some()
}

/// The flag of `command` that `word` names: `--beam`, or `-s` with or without a value behind.
pub(super) fn flag_named<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| match word.strip_prefix("--") {
        Some(long) => {
            arg.get_long() == Some(long)
                || arg
                    .get_all_aliases()
                    .is_some_and(|aliases| aliases.contains(&long))
        }
        None => {
            let short = word.strip_prefix('-').and_then(|word| word.chars().next());
            short.is_some()
                && (arg.get_short() == short
                    || short.is_some_and(|short| {
                        arg.get_all_short_aliases()
                            .is_some_and(|aliases| aliases.contains(&short))
                    }))
        }
    })
}

/// Whether the next word is the value of a flag.
fn wants_value(arg: &Arg) -> bool {
    let (takes, equals) = (arg.get_action().takes_values(), arg.is_require_equals_set());
    takes && !equals && arg.get_num_args().is_none_or(|count| count.min_values() > 0)
}

/// What to do about a flag that is not known.
fn remedy(command: &Command, path: &str, name: &str) -> String {
    let plain = name.trim_start_matches('-').replace('_', "-");
    if let Some(meant) = nearest(command, &plain, 1.0) {
        return format!("did you mean {meant}?");
    }
    let elsewhere = |command: &Command| {
        command
            .get_arguments()
            .any(|arg| !arg.is_hide_set() && arg.get_long() == Some(plain.as_str()))
    };
    let binaries = binaries();
    let binary = binaries.iter().find(|binary| elsewhere(binary));
    if let Some(binary) = binary.filter(|_| name.starts_with("--")) {
        return format!("leave it out; it is an option of `{}`", binary.get_name());
    }
    match nearest(command, &plain, ALIKE) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!(
            "`{path} --help` lists the options; what became of fairseq's is in examples/fairseq/OPTIONS.md"
        ),
    }
}

/// The flag whose name is most like `name`, or the only one that begins with it.
fn nearest(command: &Command, name: &str, alike: f64) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        names.extend(arg.get_long());
        names.extend(arg.get_visible_aliases().unwrap_or_default());
    }
    let begun: Vec<&&str> = names.iter().filter(|known| known.starts_with(name)).collect();
    if let ([only], true) = (begun.as_slice(), name.len() > 3 && alike < 1.0) {
        return Some(format!("--{only}"));
    }
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let best = names
        .into_iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= alike).then(|| format!("--{best}"))
}

/// All binaries.
fn binaries() -> Vec<Command> {
    vec![
        train::TrainArgs::command(),
        preprocess::PreprocessArgs::command(),
        generate::GenerateArgs::command(),
        interactive::InteractiveArgs::command(),
        score::ScoreArgs::command(),
        validate::ValidateArgs::command(),
        average_checkpoints::AverageArgs::command(),
        convert::ConvertArgs::command(),
        text::TextArgs::command(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(command: &Command, line: &str) -> (Vec<String>, Vec<String>) {
        let mut words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let found = remove(command, &mut words);
        (
            found.into_iter().map(|unknown| unknown.problem).collect(),
            words
                .into_iter()
                .map(|word| word.into_string().unwrap())
                .collect(),
        )
    }

    #[test]
    fn flags_that_nobody_knows_go_with_their_values_and_the_others_stay() {
        let command = train::TrainArgs::command();
        let line = "train data-bin --lrr 0.1 --cpu --xyzzy -3 --lr 0.2 -a transformer --seed=-1 -- --cpuu";
        let (problems, rest) = problems(&command, line);
        assert_eq!(
            rest.join(" "),
            "train data-bin --cpu --lr 0.2 -a transformer --seed=-1 -- --cpuu"
        );
        assert_eq!(
            problems[0],
            "--lrr is not an option of `train`\nhint: did you mean --lr?"
        );
        assert!(
            problems[1].contains("`train --help` lists the options"),
            "{problems:?}"
        );
        assert_eq!(problems.len(), 2);
    }

    #[test]
    fn what_was_meant_is_named() {
        let train = train::TrainArgs::command();
        for (flag, expected) in [
            ("--max_tokens", "did you mean --max-tokens?"),
            ("-max-tokens", "did you mean --max-tokens?"),
            ("--beam", "it is an option of `generate`"),
            ("--bpe-size", "it is an option of `preprocess`"),
            ("--encoder-embed", "did you mean --encoder-embed-"),
            ("--drop-out", "did you mean --dropout?"),
            (
                "--maximize-best",
                "did you mean --maximize-best-checkpoint-metric?",
            ),
        ] {
            let (problems, _) = problems(&train, &format!("train {flag} 3"));
            assert!(problems[0].contains(expected), "{flag}: {problems:?}");
        }
        let text = text::TextArgs::command();
        let (found, rest) = problems(&text, "text tokenize --langauge de -l en");
        assert!(
            found[0].contains("`text tokenize`") && found[0].contains("--language?"),
            "{found:?}"
        );
        assert_eq!(rest.join(" "), "text tokenize -l en");
    }

    #[test]
    fn a_value_that_looks_like_a_flag_goes_behind_an_equals_sign() {
        let command = train::TrainArgs::command();
        for (line, hint) in [
            ("train --lr -1,-2", "--lr=-1,-2"),
            ("train --clip-norm -inf", "--clip-norm=-inf"),
        ] {
            let (problems, _) = problems(&command, line);
            assert!(
                problems[0].ends_with(&format!("equals sign: {hint}")),
                "{problems:?}"
            );
        }
        let (problems, rest) = problems(&command, "train --lr -1 --patience -1");
        assert!(problems.is_empty());
        assert_eq!(rest.len(), 5);
    }
}
