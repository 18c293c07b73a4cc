//! The spelling of settings: libraries name a setting by its field in single quotes, `'label_smoothing'`, the command line
//! by its flag, `--label-smoothing`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

use clap::Command;

use crate::commands::COMMANDS;

/// A message of a library with flags in place of the fields that it names; other words in quotes stay as they are.
pub(crate) fn spelled(message: &str) -> Cow<'_, str> {
    if !message.contains('\'') {
        return message.into();
    }
    let mut spelled = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find('\'') {
        let (before, quoted) = rest.split_at(start);
        spelled.push_str(before);
        let field = quoted[1..].split('\'').next().unwrap_or_default();
        let is_closed = quoted[1 + field.len()..].starts_with('\'');
        // An apostrophe, or a key of a Python dictionary as --model-overrides takes it.
        let is_other = before.ends_with(|last: char| last.is_alphanumeric() || last == '{');
        if is_closed && !is_other && flags().contains(field) {
            spelled.push_str("--");
            spelled.push_str(&field.replace('_', "-"));
            rest = &quoted[field.len() + 2..];
        } else {
            spelled.push('\'');
            rest = &quoted[1..];
        }
    }
    spelled.push_str(rest);
    spelled.into()
}

/// The flags of all commands, in the spelling of fields.
fn flags() -> &'static HashSet<String> {
    static FLAGS: OnceLock<HashSet<String>> = OnceLock::new();
    FLAGS.get_or_init(|| {
        let mut flags = HashSet::new();
        for command in COMMANDS {
            add_flags(&(command.flags)(), &mut flags);
        }
        flags
    })
}

fn add_flags(command: &Command, flags: &mut HashSet<String>) {
    for arg in command.get_arguments() {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        let names = arg.get_long().into_iter().chain(aliases);
        flags.extend(names.map(|name| name.replace('-', "_")));
    }
    command
        .get_subcommands()
        .for_each(|command| add_flags(command, flags));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_flags_and_other_quotes_stay() {
        assert_eq!(
            spelled("'label_smoothing' must be below 1\nhint: lower 'lr'"),
            "--label-smoothing must be below 1\nhint: lower --lr"
        );
        for plain in [
            "it's the model's 'lr",
            "Moses' tokenizer isn't 'here'",
            "no quotes",
            "{'dropout': 0}",
            "'x' \"it''s\"",
        ] {
            assert_eq!(spelled(plain), plain);
        }
        assert_eq!(spelled("give ('bpe_codes')"), "give (--bpe-codes)");
    }

    #[test]
    fn libraries_name_no_flags() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = Vec::new();
        for name in [
            "burnseq-text",
            "burnseq-data",
            "burnseq-metrics",
            "burnseq-model",
            "burnseq-train",
            "burnseq-generate",
            "burnseq-interchange",
            "burnseq",
        ] {
            find_flags(&crates.join(name).join("src"), &mut found);
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    /// Whole commands in backticks may have flags; they begin with the name of their program.
    const PROGRAMS: [&str; 6] = ["burnseq", "preprocess", "train", "generate", "cargo", "tar"];

    /// Lines with a flag in a string literal, outside of commands.
    fn find_flags(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                find_flags(&path, found);
                continue;
            }
            // What makes a command line, and what tells how a device is opened.
            if path.ends_with("tasks/like_command.rs") || path.ends_with("burnseq-model/src/device.rs") {
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = without_commands(&code.collect::<Vec<_>>().join("\n"));
            for line in code.lines() {
                let is_flag = |(at, _): (usize, &str)| {
                    line[at + 2..].starts_with(|next: char| next.is_ascii_lowercase())
                        && !line[..at].ends_with('-')
                        && !line[..at].contains("//")
                };
                if line.match_indices("--").any(is_flag) {
                    found.push(format!("{}: {}", path.display(), line.trim()));
                }
            }
        }
    }

    /// The text without commands in backticks.
    fn without_commands(text: &str) -> String {
        let mut parts = text.split('`');
        let mut kept = parts.next().unwrap_or_default().to_owned();
        let mut rest: Vec<&str> = parts.collect();
        rest.reverse();
        while let Some(part) = rest.pop() {
            let program = part.split_whitespace().next().unwrap_or_default();
            if PROGRAMS.contains(&program) && !rest.is_empty() {
                kept.push_str(rest.pop().unwrap_or_default());
            } else {
                kept.push('`');
                kept.push_str(part);
            }
        }
        kept
    }
}
