//! Reading a command line as fairseq's users write it. Flags of fairseq that change nothing here are taken with a note;
//! those that a binary does not take are refused, each with one line that says what to do instead; none is misread or
//! ignored. Everything that is wrong with a command is told at once.

mod clap_errors;
mod help;
mod machines;
pub(crate) mod reasons;
mod tables;
mod unknown;

use std::ffi::{OsStr, OsString};

use anyhow::{Result, anyhow};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::decoding::format;
use crate::exit::usage;
use crate::problems::Problems;
pub use help::ShortHelp;
pub(crate) use machines::{MACHINES, MACHINES_HARMLESS};
pub use tables::{Allowed, Arity, Harmless, Refused};
pub(crate) use tables::{
    BOOLEANS, COMMON, COMMON_HARMLESS, MARKS, TRACKERS_HARMLESS, TRAINING_HARMLESS, number, off, one,
    optional, switch, value, words,
};

/// What changes nothing in binaries that use a model and do not train it.
pub(crate) const OF_MODELS: &[&[Harmless]] = &[
    COMMON_HARMLESS,
    TRACKERS_HARMLESS,
    MACHINES_HARMLESS,
    TRAINING_HARMLESS,
];

/// The flags of a binary, and what is wrong with them.
pub trait Flags: CommandFactory + FromArgMatches {
    /// Everything that is wrong with flags of which each has a legal value: combinations, ranges. No file is touched.
    fn problems(&self) -> Vec<anyhow::Error> {
        Vec::new()
    }

    /// What `--help` shows; `--help-all` tells all flags.
    const SHORT_HELP: ShortHelp = ShortHelp::ALL;

    /// The heading whose flags `--help` shows as well, for a command line of which these are the words.
    fn heading_in_short_help(_words: &[OsString]) -> Option<&'static str> {
        None
    }

    /// The flags, for a command line of which these are the words: what one of them says may change the help of others,
    /// and which values they take.
    fn command_for(_words: &[OsString]) -> Command {
        Self::command()
    }
}

/// What the command line of a binary takes beside the flags that its clap struct declares.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grammar {
    /// Flags that are taken and change nothing, in tables: those that binaries share, and its own.
    pub harmless: [&'static [&'static [Harmless]]; 2],
    /// Flags that are refused, likewise; those that are harmless as well are refused with other values than the
    /// harmless ones.
    pub refused: &'static [&'static [Refused]],
    /// Flags whose value may be left out, and the values that they take from the next word. Any other next word is
    /// not theirs: `--left-pad-source data-bin` names the data, `--left-pad-source False data-bin` does too.
    pub optional_values: &'static [(&'static str, &'static [&'static str])],
}

/// A command line that was read.
#[derive(Debug)]
pub struct Parsed<A> {
    /// The flags.
    pub args: A,
    /// What the user should know: flags that change nothing.
    pub notes: Vec<String>,
}

impl Grammar {
    /// The flags of the clap struct, and nothing beside them.
    pub const PLAIN: Self = Self {
        harmless: [&[], &[]],
        refused: &[],
        optional_values: &[],
    };

    /// Reads a command line whose first word is the name of the program; `--help` ends the process. Notes go to stderr.
    ///
    /// # Errors
    /// Everything that is wrong with the flags, as wrong usage.
    pub fn parse_words<A: Flags>(&self, words: impl IntoIterator<Item = OsString>) -> Result<A> {
        match self.read(words) {
            Ok(parsed) => parsed.map(|Parsed { args, notes }| {
                notes.iter().for_each(|note| format::note(note));
                args
            }),
            Err(help) => help.exit(),
        }
    }

    /// Reads a command line whose first word is the name of the binary, without the notes.
    ///
    /// # Errors
    /// `--help` and `--version`; inside, everything that is wrong with the flags, as wrong usage.
    pub fn try_parse<A: Flags>(
        &self,
        words: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> clap::error::Result<Result<A>> {
        Ok(self.read(words)?.map(|parsed| parsed.args))
    }

    /// Reads a command line whose first word is the name of the binary.
    ///
    /// # Errors
    /// `--help` and `--version`; inside, everything that is wrong with the flags, as wrong usage.
    pub fn read<A: Flags>(
        &self,
        words: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> clap::error::Result<Result<Parsed<A>>> {
        let mut given: Vec<OsString> = self.join_values(words.into_iter().map(Into::into).collect());
        let mut command = A::command_for(&given);
        if let Some(asked) = help::asked(&mut given) {
            command = help::shown(command, asked, &A::SHORT_HELP, A::heading_in_short_help(&given));
        }
        let command = self.command(command);
        let mut words = given.clone();
        let mut found = Found::new(&given);
        for unknown in unknown::remove(&command, &mut words) {
            found.add(&unknown.word, usage(anyhow!(unknown.problem)));
        }
        let matches = loop {
            let error = match command.clone().try_get_matches_from(&words) {
                Ok(matches) => break Some(matches),
                Err(error) => error,
            };
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayVersion
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            ) {
                return Err(error);
            }
            // What follows from another problem is not worth a word.
            let follows = matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument | ErrorKind::UnknownArgument
            );
            if !follows || found.problems.is_empty() {
                let (word, problem) = clap_errors::explain(&command, &words, &error);
                found.add(&word, usage(anyhow!(problem)));
            }
            if !clap_errors::remove(&command, &mut words, &error) {
                break None;
            }
        };
        let mut notes = Vec::new();
        let mut args = None;
        if let Some(matches) = &matches {
            notes = self.notes(matches);
            for (word, instead) in self.given(matches) {
                found.add(&word, usage(anyhow!("{word} is not supported\nhint: {instead}")));
            }
            args = Some(A::from_arg_matches(matches)?);
        }
        Ok(match args {
            Some(args) if found.problems.is_empty() => Ok(Parsed { args, notes }),
            args => Err(found.into_error(args.map_or_else(Vec::new, |args| args.problems()))),
        })
    }

    /// The command with flags that it refuses or does not need as hidden ones.
    fn command(&self, command: Command) -> Command {
        let hidden = |name: &'static str| Arg::new(name).long(name).hide(true);
        let harmless = self.harmless().map(|flag| {
            let arg = hidden(flag.name);
            match flag.arity {
                Arity::Switch => arg.action(ArgAction::Count),
                Arity::Value => arg.action(ArgAction::Append).num_args(1),
                Arity::Optional => arg
                    .action(ArgAction::Append)
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value(""),
            }
        });
        let refused = self
            .refused()
            .filter(|(name, _)| self.harmless().all(|flag| flag.name != *name))
            .map(|(name, _)| hidden(name).num_args(0..=1).action(ArgAction::Append));
        as_argparse(command.args(harmless).args(refused))
    }

    /// The refused flags that are given, as they are written, and what to do instead.
    fn given(&self, matches: &ArgMatches) -> Vec<(String, &'static str)> {
        let mut given = Vec::new();
        for (name, instead) in self.refused() {
            if !is_given(matches, name) {
                continue;
            }
            match self.harmless().find(|flag| flag.name == name) {
                None => given.push((format!("--{name}"), instead)),
                Some(flag) => {
                    let harmful = values(matches, name).find(|value| !flag.allows(value));
                    given.extend(harmful.map(|value| (format!("--{name} {value}"), instead)));
                }
            }
        }
        given
    }

    /// A line for each reason why flags that are given change nothing.
    fn notes(&self, matches: &ArgMatches) -> Vec<String> {
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for flag in self.harmless().filter(|flag| is_given(matches, flag.name)) {
            let name = format!("--{}", flag.name);
            match reasons.iter_mut().find(|(why, _)| *why == flag.why) {
                Some((_, names)) => names.push(name),
                None => reasons.push((flag.why, vec![name])),
            }
        }
        let line = |(why, names): &(&str, Vec<String>)| {
            let verb = if names.len() == 1 { "changes" } else { "change" };
            format!("{} {verb} nothing here: {why}", names.join(", "))
        };
        reasons.iter().map(line).collect()
    }

    /// All flags that are refused.
    pub fn refused(&self) -> impl Iterator<Item = Refused> + use<> {
        self.refused.iter().flat_map(|table| table.iter().copied())
    }

    /// All flags that change nothing.
    pub fn harmless(&self) -> impl Iterator<Item = Harmless> + use<> {
        let tables = self.harmless.into_iter().flatten();
        tables.flat_map(|table| table.iter().copied())
    }

    /// `--flag value` as `--flag=value` where the value may be left out, so that it cannot be taken for a path.
    fn join_values(&self, words: Vec<OsString>) -> Vec<OsString> {
        let takes = |flag: &OsStr, value: &OsStr| {
            let name = flag.to_str().and_then(|flag| flag.strip_prefix("--"));
            let values = self
                .optional_values
                .iter()
                .find(|(known, _)| Some(*known) == name);
            values.is_some_and(|(_, values)| values.iter().any(|known| *known == value))
        };
        let mut joined: Vec<OsString> = Vec::with_capacity(words.len());
        for word in words {
            match joined.last_mut() {
                Some(flag) if takes(flag, &word) => {
                    flag.push("=");
                    flag.push(word);
                }
                _ => joined.push(word),
            }
        }
        joined
    }
}

fn is_given(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

fn values<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a str> {
    matches
        .get_many::<String>(name)
        .into_iter()
        .flatten()
        .map(String::as_str)
}

/// Flags that argparse would take with `append`: all of their values count.
const REPEATED: [&str; 1] = ["prompt"];

/// Every flag as Python's `argparse` takes it, and those of the tools within the command: `-1` is a value, for its own
/// parser to judge, and of a flag that is given twice the last one counts, lists included but for [`REPEATED`].
fn as_argparse(command: Command) -> Command {
    command
        .args_override_self(true)
        .mut_args(|arg| {
            if !arg.get_action().takes_values() || arg.is_positional() {
                return arg;
            }
            let arg = arg.allow_negative_numbers(true);
            let is_list = matches!(arg.get_action(), ArgAction::Append) && !arg.is_hide_set();
            if is_list && !REPEATED.contains(&arg.get_id().as_str()) {
                arg.action(ArgAction::Set)
            } else {
                arg
            }
        })
        .mut_subcommands(as_argparse)
}

/// What is wrong with a command line, in its order.
struct Found<'a> {
    words: &'a [OsString],
    problems: Vec<(usize, anyhow::Error)>,
}

impl<'a> Found<'a> {
    fn new(words: &'a [OsString]) -> Self {
        Self {
            words,
            problems: Vec::new(),
        }
    }

    /// Adds what is wrong with a flag, as it is written.
    fn add(&mut self, flag: &str, problem: anyhow::Error) {
        let flag = flag.split([' ', '=']).next().unwrap_or(flag);
        let is_flag = |word: &OsString| {
            let word = word.to_string_lossy();
            word == flag || word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='))
        };
        let place = self.words.iter().position(is_flag).unwrap_or(self.words.len());
        self.problems.push((place, problem));
    }

    /// All of them, and what is wrong with the other flags behind.
    fn into_error(mut self, more: Vec<anyhow::Error>) -> anyhow::Error {
        self.problems.sort_by_key(|(place, _)| *place);
        let mut all = Problems::new();
        self.problems
            .into_iter()
            .for_each(|(_, problem)| all.push(problem));
        more.into_iter().for_each(|problem| all.push(usage(problem)));
        all.into_result().expect_err("there is one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    use crate::exit::{blocks, code};

    #[derive(Debug, Parser)]
    #[command(name = "x", args_override_self = true)]
    struct Args {
        data: Option<String>,
        #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "False")]
        left_pad: Option<String>,
        #[arg(long, visible_alias = "size")]
        beam: Option<usize>,
        #[arg(long)]
        lenpen: Option<f64>,
        #[arg(long, value_parser = ["adam", "nag"])]
        optimizer: Option<String>,
        #[arg(long, conflicts_with = "lenpen")]
        fast: bool,
        #[arg(long, num_args = 2)]
        lengths: Option<Vec<String>>,
        #[arg(long, value_delimiter = ',')]
        subsets: Vec<String>,
    }

    impl Flags for Args {
        fn problems(&self) -> Vec<anyhow::Error> {
            let wrong = self.lenpen.is_some_and(|lenpen| lenpen < 0.0);
            let problem = wrong.then(|| anyhow!("--lenpen is below 0\nhint: give another"));
            problem.into_iter().collect()
        }
    }

    const GRAMMAR: Grammar = Grammar {
        harmless: [
            &[&[
                value("ddp-backend", "one process does all the work"),
                switch("fast-stat-sync", "one process does all the work"),
            ]],
            &[&[
                number("rank", off, "there is one"),
                optional("left-pad-target", "padding changes nothing"),
            ]],
        ],
        refused: &[
            &[("fp16", "leave it out")],
            &[("lm-path", "there are none"), ("rank", "run one process")],
        ],
        optional_values: &[
            ("left-pad", &["True", "False"]),
            ("left-pad-target", &["True", "False"]),
        ],
    };

    fn read(line: &str) -> Result<Parsed<Args>> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        GRAMMAR.read(words).unwrap()
    }

    fn refused(line: &str) -> Vec<String> {
        let error = read(line).unwrap_err();
        assert_eq!(code(&error), 2, "{line}");
        blocks(&error)
    }

    #[test]
    fn a_refused_flag_is_wrong_usage_with_its_remedy_with_and_without_a_value() {
        for line in [
            "--lm-path",
            "--lm-path -1",
            "data-bin --lm-path=x",
            "--lm-path x data-bin",
        ] {
            assert_eq!(
                refused(line),
                ["--lm-path is not supported\nhint: there are none"]
            );
        }
    }

    #[test]
    fn flags_that_change_nothing_are_taken_with_one_note_for_each_reason() {
        let parsed =
            read("--fast-stat-sync data --ddp-backend no_c10d --rank 0 --left-pad-target False --beam 3")
                .unwrap();
        assert_eq!(
            (parsed.args.data.as_deref(), parsed.args.beam),
            (Some("data"), Some(3))
        );
        assert_eq!(
            parsed.notes,
            [
                "--ddp-backend, --fast-stat-sync change nothing here: one process does all the work",
                "--rank changes nothing here: there is one",
                "--left-pad-target changes nothing here: padding changes nothing",
            ]
        );
        assert_eq!(
            refused("--rank 1"),
            ["--rank 1 is not supported\nhint: run one process"]
        );
        assert!(read("data").unwrap().notes.is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_command() {
        let line =
            "data --fp17 --beam x --lm-path y --optimizer sdg --size -1 --lenpen -2 --rank 3 --foo 1 more";
        assert_eq!(
            refused(line),
            [
                "--fp17 is not an option of `x`\nhint: `x --help` lists the options; what became of fairseq's is in \
                 examples/fairseq/OPTIONS.md",
                "invalid value \"x\" for --beam: expected a whole number",
                "--lm-path is not supported\nhint: there are none",
                "invalid value \"sdg\" for --optimizer\nhint: choose one of: adam, nag",
                "invalid value \"-1\" for --size: expected a whole number of at least 0",
                "--rank 3 is not supported\nhint: run one process",
                "--foo is not an option of `x`\nhint: `x --help` lists the options; what became of fairseq's is in \
                 examples/fairseq/OPTIONS.md",
                "--lenpen is below 0\nhint: give another",
            ]
        );
    }

    #[test]
    fn the_last_of_a_flag_counts() {
        let args = read("--beam 1 --lengths a b --subsets x,y --beam 2 --lengths c d --subsets z,w")
            .unwrap()
            .args;
        assert_eq!(args.beam, Some(2));
        assert_eq!(args.lengths.unwrap(), ["c", "d"]);
        assert_eq!(args.subsets, ["z", "w"]);
    }

    #[test]
    fn what_clap_refuses_is_told_in_our_words() {
        for (line, expected) in [
            ("--beam", "--beam needs a value"),
            (
                "--fast --lenpen 1",
                "--fast cannot be used with --lenpen\nhint: leave one of them out",
            ),
            (
                "--fast=True",
                "--fast is a switch and takes no value, got \"True\"\nhint: write --fast alone, or leave it out",
            ),
            (
                "data --fast True",
                "unexpected \"True\"\nhint: --fast is a switch: it is written alone, or left out",
            ),
            (
                "data more",
                "unexpected \"more\"\nhint: `x --help` shows which arguments there are",
            ),
            (
                "--lenpen 1e",
                "invalid value \"1e\" for --lenpen: expected a number",
            ),
            (
                "--beam 99999999999999999999",
                "invalid value \"99999999999999999999\" for --beam: the number is too large",
            ),
        ] {
            assert_eq!(refused(line), [expected]);
        }
        let help = GRAMMAR.try_parse::<Args>(["x", "--help"]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        assert!(!help.to_string().contains("lm-path"));
    }

    #[test]
    fn flags_that_do_not_go_together_hide_nothing_else() {
        assert_eq!(
            refused("--fast --lm-path x --lenpen 1 --beam y data"),
            [
                "--fast cannot be used with --lenpen\nhint: leave one of them out",
                "--lm-path is not supported\nhint: there are none",
                "invalid value \"y\" for --beam: expected a whole number",
            ]
        );
    }

    #[test]
    fn a_value_that_may_be_left_out_is_not_taken_for_a_path_nor_a_path_for_it() {
        let read = |words: &str| {
            let args = read(words).unwrap().args;
            (args.left_pad, args.data)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("--left-pad data-bin"), (some("False"), some("data-bin")));
        assert_eq!(read("--left-pad True data-bin"), (some("True"), some("data-bin")));
        assert_eq!(read("data-bin --left-pad"), (some("False"), some("data-bin")));
        assert_eq!(read("--left-pad=False"), (some("False"), None));
    }
}
