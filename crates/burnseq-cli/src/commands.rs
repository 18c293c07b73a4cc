//! The commands of `burnseq`, and those of them that are binaries of their own.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::{CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;

use crate::exit::{self, usage};
use crate::grammar::{Flags, Grammar};
use crate::{
    average_checkpoints, convert, doctor, encoders, eval_lm, generate, inspect, interactive, manual, memory,
    preprocess, report, score, text, train, validate,
};

/// The name of the binary that has all commands.
const BURNSEQ: &str = "burnseq";

/// A command line whose first word is what the program is called in messages.
type Words = Vec<OsString>;

/// A command.
pub struct Command {
    /// What it is called.
    pub name: &'static str,
    /// What it does, on one line.
    pub about: &'static str,
    /// Its flags.
    pub flags: fn() -> clap::Command,
    run: fn(Words) -> Result<()>,
}

/// All commands, in the order in which they are used.
pub const COMMANDS: [Command; 18] = [
    Command {
        name: "preprocess",
        about: "Text to a dataset: subword model, dictionaries, ids",
        flags: preprocess::PreprocessArgs::command,
        run: |words| preprocess::run(preprocess::GRAMMAR.parse_words(words)?),
    },
    Command {
        name: "train",
        about: "A dataset to a model",
        flags: train::TrainArgs::command,
        run: |words| {
            memory::keep_freed();
            on_pool(|| train::run(&train::GRAMMAR.parse_words(words)?))
        },
    },
    Command {
        name: "generate",
        about: "Translate a dataset or text, and score the translations",
        flags: generate::GenerateArgs::command,
        run: |words| on_pool(|| generate::run(&generate::GRAMMAR.parse_words(words)?)),
    },
    Command {
        name: "interactive",
        about: "Translate lines as they come",
        flags: interactive::InteractiveArgs::command,
        run: |words| on_pool(|| interactive::run(&interactive::GRAMMAR.parse_words(words)?)),
    },
    Command {
        name: "validate",
        about: "Loss and BLEU of a model on a dataset",
        flags: validate::ValidateArgs::command,
        run: |words| on_pool(|| validate::run(&validate::GRAMMAR.parse_words(words)?)),
    },
    Command {
        name: "eval-lm",
        about: "Perplexity of a language model on a dataset or text",
        flags: eval_lm::EvalLmArgs::command,
        run: |words| on_pool(|| eval_lm::run(&eval_lm::GRAMMAR.parse_words(words)?)),
    },
    Command {
        name: "features",
        about: "Vectors of texts by an encoder of Hugging Face",
        flags: encoders::FeaturesArgs::command,
        run: |words| {
            memory::keep_freed();
            on_pool(|| encoders::features(&Grammar::PLAIN.parse_words(words)?))
        },
    },
    Command {
        name: "similarity",
        about: "How similar pairs of texts are, by their vectors",
        flags: encoders::SimilarityArgs::command,
        run: |words| {
            memory::keep_freed();
            on_pool(|| encoders::similarity(&Grammar::PLAIN.parse_words(words)?))
        },
    },
    Command {
        name: "fill-mask",
        about: "Words that fit the gaps of texts",
        flags: encoders::FillMaskArgs::command,
        run: |words| {
            memory::keep_freed();
            on_pool(|| encoders::fill_mask(&Grammar::PLAIN.parse_words(words)?))
        },
    },
    Command {
        name: "score",
        about: "BLEU, chrF and TER of translations",
        flags: score::ScoreArgs::command,
        run: |words| score::run(&score::parse(words)?),
    },
    Command {
        name: "report",
        about: "A page about training runs: curves, data, translations, attention",
        flags: report::ReportArgs::command,
        run: |words| on_pool(|| report::run(&report::GRAMMAR.parse_words(words)?)),
    },
    Command {
        name: "average",
        about: "The mean of several checkpoints",
        flags: average_checkpoints::AverageArgs::command,
        run: |words| average_checkpoints::run(&Grammar::PLAIN.parse_words(words)?),
    },
    Command {
        name: "convert",
        about: "Checkpoints of fairseq and Hugging Face to ours, and back",
        flags: convert::ConvertArgs::command,
        run: |words| convert::run(&Grammar::PLAIN.parse_words(words)?),
    },
    Command {
        name: "text",
        about: "Tokenize, clean, split and segment text",
        flags: text::TextArgs::command,
        run: |words| text::run(&Grammar::PLAIN.parse_words(words)?),
    },
    Command {
        name: "inspect",
        about: "Tell what a dataset, checkpoint, dictionary or log is",
        flags: inspect::InspectArgs::command,
        run: |words| inspect::run(&Grammar::PLAIN.parse_words(words)?),
    },
    Command {
        name: "doctor",
        about: "Tell what this machine has, and what is missing",
        flags: doctor::DoctorArgs::command,
        run: |words| doctor::run(&Grammar::PLAIN.parse_words(words)?),
    },
    Command {
        name: "completions",
        about: "Print what lets a shell complete these commands",
        flags: CompletionsArgs::command,
        run: |words| completions(&Grammar::PLAIN.parse_words(words)?),
    },
    Command {
        name: "man",
        about: "Write manual pages",
        flags: manual::ManArgs::command,
        run: |words| manual::run(&Grammar::PLAIN.parse_words(words)?),
    },
];

/// What earlier versions and fairseq call a command: the name, and ours.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("average-checkpoints", "average"),
    ("fairseq-preprocess", "preprocess"),
    ("fairseq-train", "train"),
    ("fairseq-generate", "generate"),
    ("fairseq-interactive", "interactive"),
    ("fairseq-score", "score"),
    ("fairseq-eval-lm", "eval-lm"),
];

/// Runs the binary that is the command `name` alone.
///
/// # Panics
/// When there is no such command.
pub fn run_alone(name: &str) -> ExitCode {
    let command = find(name).expect("a binary is one of the commands");
    let mut words: Words = std::env::args_os().collect();
    if words.is_empty() {
        words.push(name.into());
    }
    exit::run(name, || (command.run)(words))
}

/// Runs `burnseq`: the first word is a command, the rest are its flags.
pub fn run() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let first = words.next();
    let Some(first) = first.map(|word| word.to_string_lossy().into_owned()) else {
        return exit::run(BURNSEQ, || {
            Err(usage(anyhow!(
                "no command is given\nhint: `burnseq --help` lists them"
            )))
        });
    };
    match first.as_str() {
        "--help" | "-h" => exit::run(BURNSEQ, || print(&help())),
        "--version" | "-V" => exit::run(BURNSEQ, || {
            print(&format!("{BURNSEQ} {}\n", env!("CARGO_PKG_VERSION")))
        }),
        "help" => match words.next() {
            None => exit::run(BURNSEQ, || print(&help())),
            Some(name) => run_command(&name.to_string_lossy(), [OsString::from("--help")]),
        },
        name => run_command(name, words),
    }
}

/// Runs the command `name` of `burnseq` with these words behind it.
fn run_command(name: &str, words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(command) = find(name) else {
        return exit::run(BURNSEQ, || Err(unknown(name)));
    };
    let called = format!("{BURNSEQ} {name}");
    let words = std::iter::once(OsString::from(&called)).chain(words).collect();
    exit::run(&called, || (command.run)(words))
}

/// Runs a command that computes with models on one of the threads that kernels run on. From any other thread each kernel
/// would begin and end with a switch between threads, which takes longer than a small kernel.
///
/// Such a command must not wait for a thread of its own that runs kernels: where there is one thread for kernels, that is
/// the one that waits.
fn on_pool(run: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    /// Stack of a thread, as large as that of the main thread.
    const STACK: usize = 8 << 20;
    // Fails where the threads have been started already, which are as good.
    let _ = rayon::ThreadPoolBuilder::new().stack_size(STACK).build_global();
    rayon::scope(|_| run())
}

fn find(name: &str) -> Option<&'static Command> {
    const ALL: &[Command] = &COMMANDS;
    ALL.iter().find(|command| command.name == name)
}

/// What is said of a command that there is not.
fn unknown(name: &str) -> anyhow::Error {
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
    let likeness = |command: &&Command| strsim::jaro_winkler(name, command.name);
    let nearest = COMMANDS
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|command| likeness(command) > 0.8);
    let hint = match (other, nearest) {
        (Some((_, ours)), _) => format!("`burnseq {ours}` does that"),
        (None, Some(command)) => format!("did you mean `burnseq {}`?", command.name),
        (None, None) => "`burnseq --help` lists all commands".to_owned(),
    };
    usage(anyhow!("there is no command `{name}`\nhint: {hint}"))
}

/// What `burnseq --help` prints.
fn help() -> String {
    let mut help = format!(
        "burnseq {}: train and use sequence models\nUsage: burnseq COMMAND [FLAGS]\n\n",
        env!("CARGO_PKG_VERSION")
    );
    for Command { name, about, .. } in &COMMANDS {
        help += &format!("  {name:12} {about}\n");
    }
    help += "\n`burnseq COMMAND --help` tells the flags of a command that most people use, --help-all tells all of\n\
             them. preprocess, train and generate are also binaries of their own.\n";
    help
}

fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// `burnseq` as clap sees it, for completions and manual pages.
pub(crate) fn tree() -> clap::Command {
    let commands = COMMANDS
        .iter()
        .map(|command| (command.flags)().name(command.name).about(command.about));
    clap::Command::new(BURNSEQ)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Train and use sequence models")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommands(commands)
}

/// Print what lets a shell complete commands and flags.
///
/// bash: `burnseq completions bash > ~/.local/share/bash-completion/completions/burnseq`
#[derive(Debug, Parser)]
#[command(name = "completions", version, max_term_width = 110)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Completed,
    /// The binary to complete; one of `preprocess`, `train` and `generate` instead of `burnseq`
    #[arg(long, value_name = "NAME", value_parser = ["burnseq", "preprocess", "train", "generate"], default_value = "burnseq")]
    pub binary: String,
}

impl Flags for CompletionsArgs {}

/// Shells that completions are written for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Completed {
    /// GNU bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

fn completions(args: &CompletionsArgs) -> Result<()> {
    let shell = match args.shell {
        Completed::Bash => Shell::Bash,
        Completed::Zsh => Shell::Zsh,
        Completed::Fish => Shell::Fish,
    };
    let mut command = match find(&args.binary) {
        Some(alone) => (alone.flags)(),
        None => tree(),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, &args.binary, &mut script);
    print(&String::from_utf8(script).context("completions are text")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_screen() {
        let help = help();
        assert!(help.lines().count() <= 24, "{help}");
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
    }

    /// The short help of a command, and names in it that are no flags.
    fn short<A: Flags + std::fmt::Debug>() -> (String, Vec<&'static str>) {
        let help = Grammar::PLAIN.try_parse::<A>(["burnseq", "--help"]).unwrap_err();
        let command = A::command();
        let is_flag = |name: &str| {
            let mut flags = command.get_arguments();
            flags.any(|arg| arg.get_long() == Some(name) || arg.get_id() == name)
        };
        let names = A::SHORT_HELP.flags.iter().map(|(name, _)| *name);
        (help.to_string(), names.filter(|name| !is_flag(name)).collect())
    }

    #[test]
    fn help_of_each_command_fits_a_screen_and_leads_to_all_flags() {
        let helps = [
            short::<preprocess::PreprocessArgs>(),
            short::<train::TrainArgs>(),
            short::<generate::GenerateArgs>(),
            short::<interactive::InteractiveArgs>(),
            short::<validate::ValidateArgs>(),
            short::<eval_lm::EvalLmArgs>(),
            short::<encoders::FeaturesArgs>(),
            short::<encoders::SimilarityArgs>(),
            short::<encoders::FillMaskArgs>(),
            short::<score::ScoreArgs>(),
            short::<average_checkpoints::AverageArgs>(),
            short::<convert::ConvertArgs>(),
            short::<text::TextArgs>(),
            short::<report::ReportArgs>(),
            short::<inspect::InspectArgs>(),
            short::<doctor::DoctorArgs>(),
            short::<CompletionsArgs>(),
            short::<manual::ManArgs>(),
        ];
        assert_eq!(helps.len(), COMMANDS.len());
        for (help, unknown) in helps {
            assert!(help.lines().count() <= 40, "{help}");
            assert!(unknown.is_empty(), "{unknown:?} of {help}");
        }
        let (train, _) = short::<train::TrainArgs>();
        assert!(train.contains("`train --help-all` tells all"), "{train}");
        assert!(!train.contains("--adam-eps"), "{train}");
        let all = train::GRAMMAR
            .try_parse::<train::TrainArgs>(["train", "--help-all"])
            .unwrap_err();
        assert!(all.to_string().contains("--adam-eps"));
    }

    #[test]
    fn what_is_not_known_leads_to_what_is() {
        let said = |name: &str| unknown(name).to_string();
        assert!(said("scor").contains("did you mean `burnseq score`?"));
        assert!(said("average-checkpoints").contains("`burnseq average` does that"));
        assert!(said("zzz").contains("lists all commands"));
        assert_eq!(exit::code(&unknown("zzz")), 2);
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_tree() {
        tree().debug_assert();
    }
}
