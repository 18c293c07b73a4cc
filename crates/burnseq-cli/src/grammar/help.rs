//! `--help` in short, which fits a screen, and `--help-all`, which tells every flag.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// What `--help` shows of a command.
#[derive(Debug, Clone, Copy)]
pub struct ShortHelp {
    /// Names of the flags that most people use, each with a shorter help where its own is long, else an empty one. Without
    /// any all flags are shown.
    pub flags: &'static [(&'static str, &'static str)],
    /// Commands that work as they stand, each on a line.
    pub examples: &'static str,
}

impl ShortHelp {
    /// All flags, each with the first paragraph of its help.
    pub const ALL: Self = Self {
        flags: &[],
        examples: "",
    };

    /// The command with only these flags, and a line about the others; those under the heading `also` are kept.
    fn of(&self, command: Command, also: Option<&str>) -> Command {
        if self.flags.is_empty() {
            return command;
        }
        let brief = |name: &str| self.flags.iter().find(|(known, _)| *known == name);
        let count = command.get_arguments().filter(|arg| !arg.is_hide_set()).count();
        let name = command.get_name().to_owned();
        let command = command.mut_args(|arg| {
            let shown = arg.get_long().or(Some(arg.get_id().as_str())).and_then(brief);
            match shown {
                Some((_, "")) => arg.help_heading(None).hide_possible_values(true),
                Some((_, help)) => arg.help(*help).help_heading(None).hide_possible_values(true),
                None if also.is_some() && arg.get_help_heading() == also => arg,
                None => arg.hide(true),
            }
        });
        let examples = self
            .examples
            .lines()
            .map(|line| format!("\n  {line}"))
            .collect::<String>();
        command
            .next_line_help(false)
            .after_help(format!(
                "Examples:{examples}\n\n`{name} --help-all` tells all {count} flags."
            ))
            .after_long_help("")
    }
}

/// Which help a command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// `--help`, `-h`.
    Short,
    /// `--help-all`, `-hh`.
    All,
}

/// Which help is asked for, in words before a `--`; those words then ask clap for its short or its long help.
pub(super) fn asked(words: &mut [OsString]) -> Option<Asked> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let of = |word: &OsString| match word.to_str() {
        Some("--help" | "-h") => Some(Asked::Short),
        Some("--help-all" | "-hh") => Some(Asked::All),
        _ => None,
    };
    let asked = words[..end]
        .iter()
        .filter_map(of)
        .max_by_key(|asked| *asked == Asked::All)?;
    for word in words[..end].iter_mut().filter(|word| of(word).is_some()) {
        *word = match asked {
            Asked::Short => "-h".into(),
            Asked::All => "--help".into(),
        };
    }
    Some(asked)
}

/// The command as the help that is asked for shows it.
pub(super) fn shown(command: Command, asked: Asked, short: &ShortHelp, also: Option<&str>) -> Command {
    match asked {
        Asked::Short => with_help_flag(short.of(command, also), ArgAction::HelpShort),
        Asked::All => with_help_flag(command, ArgAction::HelpLong),
    }
}

/// The command, and those within it, with a line about `--help` that names `--help-all`.
fn with_help_flag(command: Command, action: ArgAction) -> Command {
    let flag = Arg::new("help")
        .short('h')
        .long("help")
        .help("Print help; --help-all tells every flag at length")
        .action(action.clone())
        .help_heading(None)
        .display_order(usize::MAX);
    command
        .disable_help_flag(true)
        .arg(flag)
        .mut_subcommands(move |inner| {
            if inner.get_name() == "help" {
                inner
            } else {
                with_help_flag(inner, action.clone())
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_help_that_is_asked_for_is_told_from_values_behind_two_dashes() {
        let mut short = words("x --arch y --help");
        assert_eq!(asked(&mut short), Some(Asked::Short));
        assert_eq!(short, words("x --arch y -h"));
        let mut all = words("x -hh -h");
        assert_eq!(asked(&mut all), Some(Asked::All));
        assert_eq!(all, words("x --help --help"));
        assert_eq!(asked(&mut words("x -- --help")), None);
        assert_eq!(asked(&mut words("x y")), None);
    }
}
