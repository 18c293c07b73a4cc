//! Reading a command line as fairseq's users write it. Flags of fairseq that a binary does not take are refused, each
//! with one line that says what to do instead; none is misread or ignored.

use std::ffi::{OsStr, OsString};

use anyhow::{Result, anyhow};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::exit::usage;

/// A flag of fairseq, without its dashes, and what to do instead.
pub type Refused = (&'static str, &'static str);

/// Options of every tool of fairseq that no binary takes.
pub const COMMON: &[Refused] = &[
    ("aim-repo", LOG),
    ("aim-run-hash", LOG),
    ("amp", FLOAT32),
    ("azureml-logging", LOG),
    ("empty-cache-freq", "leave it out; memory is reused by itself"),
    (
        "fp16-no-flatten-grads",
        "leave it out; gradients are not copied, so there is nothing to flatten",
    ),
    ("memory-efficient-bf16", FLOAT32),
    ("memory-efficient-fp16", FLOAT32),
    ("profile", "use a profiler of the system, such as `perf record`"),
    (
        "quantization-config-path",
        "leave it out; weights are not quantised",
    ),
    (
        "suppress-crashes",
        "look at the exit code: 0 success, 1 the run failed, 2 wrong usage",
    ),
    ("tensorboard-logdir", LOG),
    ("tpu", "leave it out; there is no TPU support"),
    (
        "user-dir",
        "plug-ins in Python cannot be loaded; a new model or loss is a file in burnseq's own crates",
    ),
    ("wandb-project", LOG),
];

/// What stands for a tracker of experiments.
const LOG: &str = "read the log with any tracker: `train --log-format json` writes one object a line";
/// Precision.
const FLOAT32: &str = "use --bf16 or --fp16; parameters and optimiser stay in float32";
/// What half precision needs.
const NO_SCALE: &str = "leave it out; the loss is scaled in training only";

/// Options of training that every tool of fairseq takes without using them.
pub const TRAINING: &[Refused] = &[
    ("criterion", "leave it out; it is an option of `train`"),
    ("fp16-init-scale", NO_SCALE),
    ("fp16-scale-tolerance", NO_SCALE),
    ("fp16-scale-window", NO_SCALE),
    ("lr-scheduler", "leave it out; it is an option of `train`"),
    ("min-loss-scale", NO_SCALE),
    ("optimizer", "leave it out; it is an option of `train`"),
    ("threshold-loss-scale", NO_SCALE),
];

/// Post-processing that a flag may name as the next word; any other mark goes behind an equals sign.
pub(crate) const MARKS: &[&str] = &[
    "@@ ",
    "subword_nmt",
    "sentencepiece",
    "wordpiece",
    "letter",
    "silence",
    "_EOW",
    "none",
];

/// What the command line of a binary takes beside the flags that its clap struct declares.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grammar {
    /// Flags that are refused, in tables of which several binaries may share one.
    pub refused: &'static [&'static [Refused]],
    /// Flags whose value may be left out, and the values that they take from the next word. Any other next word is
    /// not theirs: `--left-pad-source data-bin` names the data, `--left-pad-source False data-bin` does too.
    pub optional_values: &'static [(&'static str, &'static [&'static str])],
}

impl Grammar {
    /// The flags of the clap struct, and nothing beside them.
    pub const PLAIN: Self = Self {
        refused: &[],
        optional_values: &[],
    };

    /// Reads the command line of this process; `--help` and flags that do not exist end it, as usual.
    ///
    /// # Errors
    /// A flag that is refused, as wrong usage.
    pub fn parse<A: CommandFactory + FromArgMatches>(&self) -> Result<A> {
        match self.try_parse(std::env::args_os()) {
            Ok(args) => args,
            Err(error) => error.exit(),
        }
    }

    /// Reads a command line whose first word is the name of the binary.
    ///
    /// # Errors
    /// What clap refuses; inside, a flag of [`Self::refused`], as wrong usage.
    pub fn try_parse<A: CommandFactory + FromArgMatches>(
        &self,
        words: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> clap::error::Result<Result<A>> {
        let words = words.into_iter().map(Into::into).collect();
        let matches = self
            .command(A::command())
            .try_get_matches_from(self.join_values(words))?;
        if let Some((name, instead)) = self.given(&matches) {
            return Ok(Err(usage(anyhow!("--{name} is not supported\nhint: {instead}"))));
        }
        A::from_arg_matches(&matches).map(Ok)
    }

    /// The command with its refused flags as hidden ones.
    fn command(&self, command: Command) -> Command {
        command.args(self.refused().map(|(name, _)| {
            Arg::new(name)
                .long(name)
                .hide(true)
                .num_args(0..=1)
                .allow_negative_numbers(true)
                .action(ArgAction::Append)
        }))
    }

    /// The first refused flag that is given.
    fn given(&self, matches: &ArgMatches) -> Option<Refused> {
        let given = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        self.refused().find(|(name, _)| given(name))
    }

    /// All flags that are refused.
    pub fn refused(&self) -> impl Iterator<Item = Refused> + use<> {
        self.refused.iter().flat_map(|table| table.iter().copied())
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Args {
        data: Option<String>,
        #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "False")]
        left_pad: Option<String>,
    }

    const GRAMMAR: Grammar = Grammar {
        refused: &[&[("fp16", "leave it out")], &[("lm-path", "there are none")]],
        optional_values: &[("left-pad", &["True", "False"])],
    };

    fn parse(words: &str) -> clap::error::Result<Result<Args>> {
        GRAMMAR.try_parse(std::iter::once("x").chain(words.split_whitespace()))
    }

    #[test]
    fn a_refused_flag_is_wrong_usage_with_its_remedy_with_and_without_a_value() {
        for words in [
            "--lm-path",
            "--lm-path -1",
            "data-bin --lm-path=x",
            "--lm-path x data-bin",
        ] {
            let error = parse(words).unwrap().unwrap_err();
            assert_eq!(crate::exit::code(&error), 2);
            assert_eq!(
                error.to_string(),
                "--lm-path is not supported\nhint: there are none"
            );
        }
    }

    #[test]
    fn flags_that_nobody_knows_are_left_to_clap() {
        assert!(parse("--fp17").is_err());
        assert!(parse("data-bin").unwrap().is_ok());
    }

    #[test]
    fn a_value_that_may_be_left_out_is_not_taken_for_a_path_nor_a_path_for_it() {
        let read = |words: &str| {
            let args = parse(words).unwrap().unwrap();
            (args.left_pad, args.data)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("--left-pad data-bin"), (some("False"), some("data-bin")));
        assert_eq!(read("--left-pad True data-bin"), (some("True"), some("data-bin")));
        assert_eq!(read("data-bin --left-pad"), (some("False"), some("data-bin")));
        assert_eq!(read("--left-pad=False"), (some("False"), None));
    }
}
