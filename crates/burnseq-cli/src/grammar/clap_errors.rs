//! What clap says about a command line, in our words: lower case, the flag as it is written, a remedy.

use std::error::Error as _;
use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::unknown::flag_named;
use crate::problems::cut;

/// The flag that an error is about, as it is written, and what is wrong.
pub(super) fn explain(command: &Command, words: &[OsString], error: &clap::Error) -> (String, String) {
    let flag = flag_of(command, words, error);
    let value = context(error, ContextKind::InvalidValue).unwrap_or_default();
    let problem = match error.kind() {
        ErrorKind::ValueValidation => {
            let reason = error.source().map_or_else(String::new, ToString::to_string);
            format!(
                "invalid value {:?} for {flag}: {}",
                cut(&value),
                reason_for(&reason, &value)
            )
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("{flag} needs a value{}", choices(error))
        }
        ErrorKind::InvalidValue => format!("invalid value {:?} for {flag}{}", cut(&value), choices(error)),
        ErrorKind::TooManyValues if value.is_empty() => rendered(error),
        ErrorKind::TooManyValues => {
            format!(
                "{flag} is a switch and takes no value, got {:?}\nhint: write {flag} alone, or leave it out",
                cut(&value)
            )
        }
        ErrorKind::UnknownArgument => unexpected(command, words, &flag),
        ErrorKind::ArgumentConflict => {
            let other = match error.get(ContextKind::PriorArg) {
                Some(ContextValue::String(other)) => name(other).to_owned(),
                Some(ContextValue::Strings(others)) => others
                    .iter()
                    .map(|other| name(other))
                    .collect::<Vec<_>>()
                    .join(", "),
                _ => String::new(),
            };
            if other.is_empty() || other == flag {
                format!("{flag} is given twice")
            } else {
                format!("{flag} cannot be used with {other}\nhint: leave one of them out")
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(missing)) => missing.join(", "),
                _ => String::new(),
            };
            let verb = if missing.contains(", ") { "are" } else { "is" };
            format!(
                "{missing} {verb} missing\nhint: `{} --help` shows how it is used",
                command.get_name()
            )
        }
        _ => rendered(error),
    };
    (flag, problem)
}

/// Takes what an error is about out of `words`, so that the rest can be read; `false` where nothing can be taken out.
pub(super) fn remove(command: &Command, words: &mut Vec<OsString>, error: &clap::Error) -> bool {
    if error.kind() == ErrorKind::UnknownArgument {
        let word = context(error, ContextKind::InvalidArg).unwrap_or_default();
        let at = words.iter().rposition(|known| known.to_string_lossy() == word);
        return at.map(|at| words.remove(at)).is_some();
    }
    if error.kind() == ErrorKind::ArgumentConflict {
        return remove_flag(command, words, error);
    }
    if !matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::TooManyValues
    ) {
        return false;
    }
    let value = context(error, ContextKind::InvalidValue).unwrap_or_default();
    let Some(at) = place(command, words, error) else {
        return false;
    };
    if words[at].to_string_lossy().contains('=') {
        words.remove(at);
        return true;
    }
    let is_flag = |word: &OsString| word.to_string_lossy().starts_with("--");
    let values = words[at + 1..].iter().take_while(|word| !is_flag(word));
    let found = values
        .enumerate()
        .find(|(_, word)| word.to_string_lossy() == *value);
    match found.map(|(offset, _)| offset) {
        // One of several values; the flag keeps the others.
        Some(offset) if offset > 0 => {
            words.remove(at + 1 + offset);
        }
        Some(_) => {
            words.remove(at + 1);
            if words.get(at + 1).is_none_or(is_flag) || !takes_several(command, words, at) {
                words.remove(at);
            }
        }
        None => {
            words.remove(at);
        }
    }
    true
}

/// Takes a flag that goes with no other one out of `words`, with its values.
fn remove_flag(command: &Command, words: &mut Vec<OsString>, error: &clap::Error) -> bool {
    let Some(at) = place(command, words, error) else {
        return false;
    };
    let flag = words.remove(at);
    let flag = flag.to_string_lossy();
    let arg = flag_named(deepest(command, words), &flag).filter(|_| !flag.contains('='));
    let takes = arg.filter(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set());
    let most = takes.map_or(0, |arg| arg.get_num_args().map_or(1, |count| count.max_values()));
    let is_flag = |word: &OsString| word.to_string_lossy().starts_with("--");
    let values = words[at..]
        .iter()
        .take(most)
        .take_while(|word| !is_flag(word))
        .count();
    words.drain(at..at + values);
    true
}

fn takes_several(command: &Command, words: &[OsString], at: usize) -> bool {
    let arg = flag_named(command, &words[at].to_string_lossy());
    arg.and_then(clap::Arg::get_num_args)
        .is_some_and(|count| count.max_values() > 1)
}

/// Where the flag of an error stands.
fn place(command: &Command, words: &[OsString], error: &clap::Error) -> Option<usize> {
    let canonical = context(error, ContextKind::InvalidArg)?;
    let canonical = name(&canonical).to_owned();
    let value = context(error, ContextKind::InvalidValue).unwrap_or_default();
    let command = deepest(command, words);
    let wanted = flag_named(command, &canonical)?.get_id();
    let mut first = None;
    for (at, word) in words.iter().enumerate().skip(1) {
        let text = word.to_string_lossy();
        let (flag, attached) = text.split_once('=').map_or((&*text, None), |(a, b)| (a, Some(b)));
        let short_with_value = text.len() > 2 && !text.starts_with("--");
        if !text.starts_with('-') || text == "-" || short_with_value && attached.is_none() {
            continue;
        }
        if flag_named(command, flag).is_none_or(|arg| arg.get_id() != wanted) {
            continue;
        }
        first = first.or(Some(at));
        let next = words.get(at + 1).map(|word| word.to_string_lossy());
        if attached == Some(&*value) || attached.is_none() && next.as_deref() == Some(&*value) {
            return Some(at);
        }
    }
    first
}

/// The flag of an error in the spelling of the command line.
fn flag_of(command: &Command, words: &[OsString], error: &clap::Error) -> String {
    let canonical = context(error, ContextKind::InvalidArg).unwrap_or_default();
    match place(command, words, error) {
        Some(at) => {
            let word = words[at].to_string_lossy();
            word.split('=').next().unwrap_or(&word).to_owned()
        }
        None => name(&canonical).to_owned(),
    }
}

/// The tool within `command` that the words name.
fn deepest<'a>(command: &'a Command, words: &[OsString]) -> &'a Command {
    let mut command = command;
    for word in words.iter().skip(1) {
        if let Some(tool) = word.to_str().and_then(|word| command.find_subcommand(word)) {
            command = tool;
        }
    }
    command
}

/// `--beam` of `--beam <N>`.
fn name(shown: &str) -> &str {
    if shown.starts_with('-') {
        shown.split([' ', '=', '[']).next().unwrap_or(shown)
    } else {
        shown
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(" ")),
        _ => None,
    }
}

/// What a parser of the standard library found wrong with a number, for somebody who does not know it.
fn reason_for(reason: &str, value: &str) -> String {
    let reason = reason.trim_end();
    match reason {
        "invalid digit found in string" if value.starts_with('-') => {
            "expected a whole number of at least 0".to_owned()
        }
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "expected a whole number".to_owned()
        }
        "number too large to fit in target type" => "the number is too large".to_owned(),
        "number too small to fit in target type" => "the number is too small".to_owned(),
        "invalid float literal" | "cannot parse float from empty string" => "expected a number".to_owned(),
        _ => reason.to_owned(),
    }
}

fn choices(error: &clap::Error) -> String {
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) if !known.is_empty() => known.join(", "),
        _ => return String::new(),
    };
    format!("\nhint: choose one of: {known}")
}

/// A word too many. Old commands write `--share-all-embeddings True`.
fn unexpected(command: &Command, words: &[OsString], word: &str) -> String {
    let command = deepest(command, words);
    let at = words.iter().position(|known| known.to_string_lossy() == word);
    let before = at.and_then(|at| words.get(at.checked_sub(1)?));
    let before = before.map(|flag| flag.to_string_lossy().into_owned());
    let switch = before.filter(|flag| {
        flag.starts_with('-') && flag_named(command, flag).is_some_and(|arg| !arg.get_action().takes_values())
    });
    // A value that may be left out is not taken from the next word unless it is a known one.
    let optional = words.windows(2).find_map(|pair| {
        let (flag, value) = (pair[0].to_str()?, pair[1].to_str()?);
        let takes_equals = flag.starts_with("--") && flag_named(command, flag)?.is_require_equals_set();
        (takes_equals && !value.starts_with('-')).then(|| (flag.to_owned(), value.to_owned()))
    });
    match (switch, optional) {
        (Some(switch), _) => {
            format!("unexpected {word:?}\nhint: {switch} is a switch: it is written alone, or left out")
        }
        (None, Some((flag, value))) => {
            format!("unexpected {word:?}\nhint: a value of {flag} goes behind an equals sign: {flag}={value}")
        }
        (None, None) => format!(
            "unexpected {word:?}\nhint: `{} --help` shows which arguments there are",
            command.get_name()
        ),
    }
}

/// The first paragraph of clap's own text.
fn rendered(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    text.split("\n\n").next().unwrap_or(text).trim().to_owned()
}
