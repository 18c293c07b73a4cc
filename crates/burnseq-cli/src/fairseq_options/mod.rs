//! Every option of fairseq's command lines, and what becomes of it here.
//!
//! The list of options is written down once, in `options.txt`; what becomes of each is looked up in the binaries
//! themselves, so that the table in `examples/fairseq/OPTIONS.md`, which [`markdown`] writes, cannot be out of date.

mod tools;

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::Command;

use crate::grammar::{Flags, Grammar, Parsed, Refused};
use crate::manual::markdown_cell;

/// An option of fairseq, for the table and for the test that uses it once.
#[derive(Debug, Clone, Copy)]
pub struct FairseqOption {
    /// Its name and other spellings, separated by spaces: `--arch -a`.
    pub spellings: &'static str,
    /// A value that is legal and not the default; empty for a switch, `""` for an empty one.
    pub value: &'static str,
    /// What must be given beside it, separated by spaces.
    pub beside: &'static str,
}

/// The options, in groups of which a line `[NAME]` is the heading.
const OPTIONS: &str = include_str!("options.txt");

/// The options of a group.
///
/// # Panics
/// If there is no such group.
fn group(name: &str) -> impl Iterator<Item = FairseqOption> + use<> {
    let heading = format!("[{name}]\n");
    let start = OPTIONS
        .find(&heading)
        .expect("every group that a tool names is listed")
        + heading.len();
    let lines = OPTIONS[start..].lines().take_while(|line| line.starts_with("--"));
    lines.map(|line| {
        let mut columns = line.split(" |").map(str::trim);
        let mut column = || columns.next().unwrap_or_default();
        FairseqOption {
            spellings: column(),
            value: column(),
            beside: column(),
        }
    })
}

/// A command of fairseq, and the binary that stands for it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name in fairseq.
    pub fairseq: &'static str,
    /// The binary here, and its command line.
    pub binary: Binary,
    /// Its options, by the names of groups: its own, and those that it shares with other tools.
    pub options: [&'static [&'static str]; 2],
}

/// A binary and its command line.
#[derive(Debug, Clone, Copy)]
pub struct Binary {
    /// Its name.
    pub name: &'static str,
    /// What it takes beside its flags.
    pub grammar: Grammar,
    /// Its flags.
    pub command: fn() -> Command,
    /// Flags that it cannot do without, with values, separated by spaces.
    pub required: &'static str,
    /// Reads a command line as the binary does and shows the configuration that comes of it, without notes about flags
    /// that change nothing; opens no file.
    pub configure: fn(Vec<OsString>) -> clap::error::Result<anyhow::Result<String>>,
}

/// What becomes of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The binary takes it; its help.
    Accepted(String),
    /// The binary takes it, and it changes nothing.
    Harmless {
        /// Why.
        why: &'static str,
        /// What to do instead, where some values are refused.
        refused: Option<&'static str>,
    },
    /// The binary refuses it; what to do instead.
    Refused(&'static str),
    /// The binary does not know it; the test of the table fails.
    Unknown,
}

/// The commands of fairseq that concern translation and language models.
pub const TOOLS: &[Tool] = &[
    tools::PREPROCESS,
    tools::TRAIN,
    tools::GENERATE,
    tools::INTERACTIVE,
    tools::SCORE,
    tools::VALIDATE,
    tools::AVERAGE_CHECKPOINTS,
    tools::EVAL_LM,
];

impl FairseqOption {
    /// Its spellings.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        self.spellings.split(' ')
    }

    /// What becomes of it in a binary, under each of its spellings.
    pub fn fates(&self, binary: &Binary) -> Vec<Fate> {
        self.spellings().map(|spelling| binary.fate(spelling)).collect()
    }
}

impl Tool {
    /// All its options; of those that several groups list, the first one.
    pub fn options(&self) -> impl Iterator<Item = FairseqOption> + use<> {
        let mut listed: Vec<&str> = Vec::new();
        let groups = self.options.into_iter().flatten();
        groups.flat_map(|name| group(name)).filter(move |option| {
            let new = option.spellings().any(|spelling| !listed.contains(&spelling));
            listed.extend(option.spellings());
            new
        })
    }

    /// What its binary refuses beside them: options of earlier versions and of other models.
    pub fn others(&self, binary: &Binary) -> Vec<Refused> {
        let listed = |name: &str| {
            self.options().any(|option| {
                option
                    .spellings()
                    .any(|known| known.strip_prefix("--") == Some(name))
            })
        };
        binary
            .grammar
            .refused()
            .filter(|(name, _)| !listed(name))
            .collect()
    }
}

impl Binary {
    /// What becomes of an option in this spelling.
    fn fate(&self, spelling: &str) -> Fate {
        let long = spelling.strip_prefix("--");
        let refused = self.grammar.refused().find(|(name, _)| Some(*name) == long);
        let refused = refused.map(|(_, instead)| instead);
        if let Some(flag) = self.grammar.harmless().find(|flag| Some(flag.name) == long) {
            return Fate::Harmless {
                why: flag.why,
                refused,
            };
        }
        if let Some(instead) = refused {
            return Fate::Refused(instead);
        }
        let command = (self.command)();
        let found = command.get_arguments().find(|arg| match long {
            Some(long) => {
                arg.get_long() == Some(long)
                    || arg
                        .get_all_aliases()
                        .is_some_and(|aliases| aliases.contains(&long))
            }
            None => arg.get_short().map(|short| format!("-{short}")).as_deref() == Some(spelling),
        });
        let help = found.map(|arg| arg.get_help().map(ToString::to_string).unwrap_or_default());
        help.map_or(Fate::Unknown, Fate::Accepted)
    }
}

/// Reads a command line for [`Binary::configure`].
fn read<A: Flags>(
    grammar: Grammar,
    words: Vec<OsString>,
    show: impl FnOnce(A) -> anyhow::Result<String>,
) -> clap::error::Result<anyhow::Result<String>> {
    let parsed = grammar.read::<A>(words)?;
    Ok(parsed.and_then(|Parsed { args, .. }| show(args)))
}

/// The table of all options, as Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# fairseq's options\n\n\
         What becomes of each option of fairseq's command lines for translation and language models, with the options of the models, losses,\n\
         optimisers and schedules that there are. Written by `cargo run -p burnseq-cli --example \
         fairseq-options` from the binaries themselves;\na test uses every option.\n\n\
         - accepted: it acts as in fairseq, or as the table says.\n\
         - no effect: it is taken, and a note on stderr says that it changes nothing here.\n\
         - refused: the command ends with exit code 2 and the remedy below, before any work. All flags that are refused \
         are named at once.\n",
    );
    for tool in TOOLS {
        let binary = &tool.binary;
        let alone = ["preprocess", "train", "generate"].contains(&binary.name);
        let burnseq = if alone { "" } else { "burnseq " };
        let _ = write!(
            page,
            "\n## {}: `{burnseq}{}`\n\n| option | | |\n|---|---|---|\n",
            tool.fairseq, binary.name
        );
        for option in tool.options() {
            let spellings: Vec<String> = option.spellings().map(code).collect();
            let (fate, text) = match option.fates(binary).swap_remove(0) {
                Fate::Accepted(help) => ("accepted", help),
                Fate::Harmless { why, refused: None } => ("no effect", why.to_owned()),
                Fate::Harmless {
                    why,
                    refused: Some(instead),
                } => (
                    "no effect, or refused",
                    format!("{why}; with a value that asks for more: {instead}"),
                ),
                Fate::Refused(instead) => ("refused", instead.to_owned()),
                Fate::Unknown => ("unknown", String::new()),
            };
            let text = markdown_cell(&text);
            let _ = writeln!(page, "| {} | {fate} | {text} |", spellings.join(", "));
        }
        let others = tool.others(binary);
        if !others.is_empty() {
            page.push_str(
                "\nRefused as well, as options of earlier versions or of fairseq's other models, losses, optimisers and \
                 schedules:\n\n| option | |\n|---|---|\n",
            );
        }
        for (name, instead) in others {
            let _ = writeln!(page, "| `--{name}` | {instead} |");
        }
    }
    page
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    /// Options without a trace in the configuration: they say how progress is shown, or have one legal value.
    const NO_TRACE: [&str; 6] = [
        "--log-format",
        "--log-file",
        "--tensorboard-logdir",
        "--no-progress-bar",
        "--task",
        "--left-pad-target",
    ];

    fn rows() -> impl Iterator<Item = (Binary, FairseqOption)> {
        let binaries = TOOLS.iter().map(|tool| (tool.binary, tool));
        binaries.flat_map(|(binary, tool)| tool.options().map(move |option| (binary, option)))
    }

    fn configure(binary: &Binary, words: &[&str]) -> clap::error::Result<anyhow::Result<String>> {
        let name = std::iter::once(binary.name);
        let words = name
            .chain(binary.required.split_whitespace())
            .chain(words.iter().copied());
        (binary.configure)(words.map(OsString::from).collect())
    }

    /// The words that use an option once, under one of its spellings.
    fn words(option: &FairseqOption, spelling: &'static str) -> Vec<&'static str> {
        let mut words: Vec<&str> = option.beside.split_whitespace().collect();
        words.push(spelling);
        match option.value {
            "" => {}
            "\"\"" => words.push(""),
            value => words.push(value),
        }
        words
    }

    #[test]
    fn every_option_is_accepted_or_refused_in_all_its_spellings() {
        for (binary, option) in rows() {
            for fate in option.fates(&binary) {
                assert_ne!(fate, Fate::Unknown, "{} of {}", option.spellings, binary.name);
            }
        }
    }

    #[test]
    fn every_accepted_option_changes_the_configuration() {
        for (binary, option) in rows() {
            let beside: Vec<&str> = option.beside.split_whitespace().collect();
            for (spelling, fate) in option.spellings().zip(option.fates(&binary)) {
                let Fate::Accepted(help) = fate else { continue };
                let place = format!("{} {:?}", binary.name, words(&option, spelling));
                assert!(!help.is_empty(), "{place} has no help");
                let with = configure(&binary, &words(&option, spelling));
                let with = with.unwrap_or_else(|error| panic!("{place}: {error}"));
                let with = with.unwrap_or_else(|error| panic!("{place}: {error:#}"));
                let without = configure(&binary, &beside).unwrap().unwrap();
                assert!(
                    with != without || NO_TRACE.contains(&spelling),
                    "{place} is read and ignored"
                );
            }
        }
    }

    #[test]
    fn every_option_without_effect_is_taken_with_a_note_and_changes_nothing() {
        for (binary, option) in rows() {
            let beside: Vec<&str> = option.beside.split_whitespace().collect();
            for (spelling, fate) in option.spellings().zip(option.fates(&binary)) {
                let Fate::Harmless { why, .. } = fate else {
                    continue;
                };
                let place = format!("{} {:?}", binary.name, words(&option, spelling));
                assert!(!why.is_empty() && !why.starts_with("leave"), "{place}: {why}");
                let with = configure(&binary, &words(&option, spelling)).unwrap();
                let with = with.unwrap_or_else(|error| panic!("{place}: {error:#}"));
                // What stands beside it for another binary may be without effect, too.
                let without = configure(&binary, &beside).unwrap().unwrap();
                assert_eq!(with, without, "{place}");
            }
        }
    }

    #[test]
    fn every_refused_option_ends_with_code_2_and_its_remedy() {
        for (binary, option) in rows() {
            for (spelling, fate) in option.spellings().zip(option.fates(&binary)) {
                let Fate::Refused(instead) = fate else { continue };
                assert!(!instead.is_empty(), "{spelling} of {}", binary.name);
                let words: Vec<&str> = [spelling, option.value]
                    .into_iter()
                    .filter(|word| !word.is_empty())
                    .collect();
                let error = configure(&binary, &words).unwrap().unwrap_err();
                assert_eq!(exit::code(&error), 2);
                let expected = format!("{spelling} is not supported\nhint: {instead}");
                assert_eq!(exit::describe(&error), expected, "{}", binary.name);
            }
        }
    }

    /// Command lines that [`five_hundred_commands_are_understood_or_refused_completely`] makes.
    const COMMANDS: usize = 500;

    #[test]
    fn five_hundred_commands_are_understood_or_refused_completely() {
        let tools: Vec<(Binary, Vec<FairseqOption>)> = TOOLS
            .iter()
            .map(|tool| (tool.binary, tool.options().collect()))
            .collect();
        let mut state = 1_u32;
        let mut next = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let (mut understood, mut refused) = (0, 0);
        for number in 0..COMMANDS {
            let (binary, options) = &tools[number % tools.len()];
            let mut command: Vec<&str> = Vec::new();
            let mut expected: Vec<(&str, &str)> = Vec::new();
            for _ in 0..2 + number % 9 {
                let option = options[next(options.len())];
                let spellings: Vec<&'static str> = option.spellings().collect();
                let spelling = spellings[next(spellings.len())];
                if command.contains(&spelling) {
                    continue;
                }
                command.extend(words(&option, spelling));
                if let Fate::Refused(instead) = binary.fate(spelling) {
                    expected.push((spelling, instead));
                }
            }
            let place = format!("{} {}", binary.name, command.join(" "));
            let outcome = configure(binary, &command).unwrap_or_else(|error| panic!("{place}: {error}"));
            match outcome {
                Ok(_) => {
                    assert!(expected.is_empty(), "{place}: {expected:?} are not refused");
                    understood += 1;
                }
                Err(error) => {
                    // Other problems are marked as wrong usage where the binary runs.
                    assert!(
                        expected.is_empty() || exit::code(&error) == 2,
                        "{place}: {error:#}"
                    );
                    let said = exit::describe(&error);
                    for (spelling, instead) in expected {
                        assert!(
                            said.contains(spelling) && said.contains(instead),
                            "{place}: {said}"
                        );
                    }
                    assert!(said.contains('-'), "{place}: no option is named: {said}");
                    refused += 1;
                }
            }
        }
        assert!(
            understood > 20 && refused > 20,
            "{understood} understood, {refused} refused"
        );
    }

    #[test]
    fn no_flag_is_accepted_and_refused_or_without_effect_as_well() {
        for tool in TOOLS {
            let binary = tool.binary;
            let command = (binary.command)();
            let harmless: Vec<&str> = binary.grammar.harmless().map(|flag| flag.name).collect();
            let refused: Vec<&str> = binary.grammar.refused().map(|(name, _)| name).collect();
            for name in harmless.iter().chain(&refused) {
                let taken = command.get_arguments().any(|arg| {
                    arg.get_long() == Some(name)
                        || arg
                            .get_all_aliases()
                            .is_some_and(|aliases| aliases.contains(name))
                });
                assert!(!taken, "--{name} of {}", binary.name);
            }
            for names in [&harmless, &refused] {
                let mut once = names.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), names.len(), "{}: one is listed twice", binary.name);
            }
            for flag in harmless {
                let listed = tool.options().any(|option| {
                    option
                        .spellings()
                        .any(|known| known.strip_prefix("--") == Some(flag))
                });
                assert!(listed, "--{flag} of {}", tool.fairseq);
            }
        }
    }

    #[test]
    fn options_of_earlier_versions_are_refused_with_their_remedy() {
        for tool in TOOLS {
            let binary = tool.binary;
            for (name, instead) in tool.others(&binary) {
                let flag = format!("--{name}");
                let words = [binary.name]
                    .into_iter()
                    .chain(binary.required.split_whitespace())
                    .chain([flag.as_str()]);
                let error = (binary.configure)(words.map(OsString::from).collect())
                    .unwrap()
                    .unwrap_err();
                assert_eq!(
                    exit::describe(&error),
                    format!("{flag} is not supported\nhint: {instead}")
                );
            }
        }
    }

    #[test]
    fn the_table_in_the_examples_is_up_to_date() {
        let written = include_str!("../../../../examples/fairseq/OPTIONS.md");
        assert!(
            written == markdown(),
            "run: cargo run -p burnseq-cli --example fairseq-options > examples/fairseq/OPTIONS.md"
        );
    }
}
