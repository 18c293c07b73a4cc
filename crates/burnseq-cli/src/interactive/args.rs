//! The flags of `burnseq interactive`, with fairseq's names and meanings.

use crate::grammar::reasons::{DATASET, ON_DATASET};
use std::path::PathBuf;

use anyhow::{Result, bail};
use burnseq::tasks::language_modeling;
use burnseq_data::BatchLimits;
use burnseq_search::GenerateOptions;
use clap::Parser;

use crate::decoding::continuer::is_language_model;
use crate::decoding::{
    ContinuingArgs, DecodingArgs, HARMLESS, OF_TRAINING, OF_VALIDATION, OPTIONAL_VALUES, REFUSED,
    refuse_for_language_models, refuse_for_translation,
};
use crate::grammar::{
    COMMON, Flags, Grammar, Harmless, MACHINES, OF_MODELS, Refused, ShortHelp, number, off, one, switch,
    value,
};
use crate::problems::Problems;
use crate::task::TaskArgs;

/// Most tokens in a batch when neither tokens nor sentences are limited, as in fairseq.
const DEFAULT_MAX_TOKENS: usize = 12_000;

/// Translate lines as they come, with the details of each, or continue them with a language model.
///
/// Raw text comes in, one sentence a line, and fairseq's S-, W-, H-, D- and P- lines go out, one group for each line; W-
/// is the time that the sentence took. An empty line has an empty translation, and so has one that is too long.
///
/// A language model continues each line, and prints it with what follows, as `generate --input` does.
#[derive(Debug, Parser)]
#[command(
    name = "interactive",
    version,
    max_term_width = 110,
    args_override_self = true
)]
pub struct InteractiveArgs {
    /// Folder of a dataset: its dictionaries must be those of the model; a weights file needs it [default: data-bin]
    pub data: Option<PathBuf>,

    /// Text to translate; `-` is standard input [default: -]
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub input: Option<PathBuf>,
    /// Lines that are translated together; fewer where no more come for a moment [default: 1]
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub buffer_size: Option<usize>,
    /// Lines are tokens of the dictionary already
    #[arg(long, help_heading = "Input")]
    pub tokenized: bool,
    /// Task and languages.
    #[command(flatten, next_help_heading = "Input")]
    pub task: TaskArgs,

    /// What it shares with `generate`.
    #[command(flatten)]
    pub decoding: DecodingArgs,

    /// How a language model continues lines.
    #[command(flatten)]
    pub continuing: ContinuingArgs,
}

/// Flags of fairseq-generate that change nothing here.
const OF_GENERATE: &[Harmless] = &[
    value("dataset-impl", DATASET),
    value("gen-subset", DATASET),
    switch("no-progress-bar", "there is no bar"),
    number("num-shards", one, DATASET),
    number("prefix-size", off, DATASET),
    switch("quiet", DATASET),
    switch("sacrebleu", DATASET),
    value("scoring", DATASET),
    number("shard-id", off, DATASET),
    switch(
        "skip-invalid-size-inputs-valid-test",
        "lines that are too long are told on stderr, and their translation stays empty",
    ),
];

/// Flags of fairseq-generate that have no meaning here.
const GENERATE: &[Refused] = &[
    ("num-shards", ON_DATASET),
    ("prefix-size", ON_DATASET),
    ("results-path", "redirect stdout: > FILE"),
    ("score-reference", ON_DATASET),
    ("shard-id", ON_DATASET),
];

/// The command line of `burnseq interactive`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: [OF_MODELS, &[HARMLESS, OF_TRAINING, OF_VALIDATION, OF_GENERATE]],
    refused: &[COMMON, MACHINES, REFUSED, GENERATE],
    optional_values: OPTIONAL_VALUES,
};

impl Flags for InteractiveArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            (
                "path",
                "Checkpoint, or several of an ensemble, separated by colons [default: checkpoints/checkpoint_best]",
            ),
            ("input", ""),
            ("beam", "Hypotheses of each step [default: 5]"),
            ("nbest", "Translations of each sentence [default: 1]"),
            ("buffer-size", "Lines that are read before they are translated"),
            ("batch-size", "Sentences of a batch"),
            ("sampling", "Draw tokens instead of searching"),
            (
                "device",
                "Where to compute: auto, cpu, cuda, cuda:N [default: auto]",
            ),
        ],
        examples: "burnseq interactive --path checkpoints/checkpoint_best\n\
                   echo \"ein haus\" | burnseq interactive",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        self.decoding
            .problems_beside([self.check_flags(), self.limits().map(drop)])
    }
}

impl InteractiveArgs {
    /// Lines that are translated together.
    pub(super) fn buffer_size(&self) -> usize {
        // fairseq's default is 0, which stands for 1.
        self.buffer_size.unwrap_or(1).max(1)
    }

    /// Checks combinations; no file is touched.
    ///
    /// # Errors
    /// Flags that contradict each other.
    pub fn check(&self) -> Result<()> {
        self.decoding.text.check()?;
        let buffer = self.buffer_size();
        if let Some(batch) = self.decoding.batch_size().filter(|&batch| batch > buffer) {
            bail!(
                "--batch-size {batch} is above --buffer-size {buffer}, so no batch would be filled\nhint: add \
                 --buffer-size {batch}"
            );
        }
        Ok(())
    }

    /// Whether the flags or the checkpoint ask for a language model.
    pub(super) fn asks_for_language_model(&self) -> bool {
        let task = self.task.task.as_deref();
        (task.is_none() && self.continuing.given().next().is_some())
            || is_language_model(task, &self.decoding)
    }

    /// Refuses the flags of translation for a language model.
    ///
    /// # Errors
    /// Every flag that is given.
    pub(super) fn check_language_model(&self) -> Result<()> {
        let mut problems = Problems::new();
        let languages = &self.task.languages;
        let of_lines = [
            ("--source-lang", languages.source_lang.is_some()),
            ("--target-lang", languages.target_lang.is_some()),
            ("--print-step", self.decoding.print_step),
        ];
        refuse_for_language_models(&of_lines, &mut problems);
        refuse_for_language_models(&self.decoding.of_translation(), &mut problems);
        problems.into_result()
    }

    /// Refuses the flags of language models for a translation model.
    ///
    /// # Errors
    /// Every flag that is given.
    pub(super) fn check_translation(&self) -> Result<()> {
        let mut problems = Problems::new();
        refuse_for_translation(self.continuing.given(), &mut problems);
        problems.into_result()
    }

    /// Everything that can be said of the flags before a model is known.
    fn check_flags(&self) -> Result<()> {
        let mut problems = Problems::new();
        problems.take(self.check());
        problems.take(
            match (self.continuing.given().next(), self.task.task.as_deref()) {
                (_, Some(language_modeling::NAME)) | (Some(_), None) => self.check_language_model(),
                _ => self.check_translation(),
            },
        );
        problems.into_result()
    }

    /// The options of the search.
    ///
    /// # Errors
    /// A name in `--retain-dropout-modules` that is none.
    pub(crate) fn options(&self) -> Result<GenerateOptions> {
        self.continuing.options(&self.decoding)
    }

    /// The limits of batches.
    ///
    /// # Errors
    /// A multiple of 0.
    pub(super) fn limits(&self) -> Result<BatchLimits> {
        self.decoding.limits(BatchLimits {
            max_tokens: Some(DEFAULT_MAX_TOKENS),
            max_sentences: Some(self.buffer_size()),
            ..BatchLimits::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(flags: &str) -> InteractiveArgs {
        let words = ["interactive"].into_iter().chain(flags.split_whitespace());
        GRAMMAR.try_parse(words).unwrap().unwrap()
    }

    #[test]
    fn a_command_of_fairseq_is_understood() {
        let args = args(
            "data-bin --path checkpoints/checkpoint_best --source-lang de --target-lang en --buffer-size 1024 --beam 4 \
             --batch-size 128 --remove-bpe --constraints --input - --cpu",
        );
        args.check().unwrap();
        assert_eq!(args.buffer_size(), 1024);
        assert_eq!(args.limits().unwrap().max_sentences, Some(128));
        assert_eq!(args.data.as_deref(), Some("data-bin".as_ref()));
    }

    #[test]
    fn one_line_is_translated_at_a_time_unless_more_are_asked_for() {
        assert_eq!(args("").buffer_size(), 1);
        assert_eq!(args("--buffer-size 0").limits().unwrap().max_sentences, Some(1));
        assert_eq!(args("--buffer-size 9").limits().unwrap().max_sentences, Some(9));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for (flags, expected) in [
            ("--batch-size 2", "add --buffer-size 2"),
            ("--batch-size 9 --buffer-size 8", "add --buffer-size 9"),
            ("--bpe sentencepiece", "add --sentencepiece-model"),
        ] {
            let problem = args(flags).check().unwrap_err().to_string();
            assert!(problem.contains(expected), "{flags}: {problem}");
        }
        let words = ["interactive", "--score-reference"];
        let error = GRAMMAR.try_parse::<InteractiveArgs>(words).unwrap().unwrap_err();
        assert!(error.to_string().contains("use `generate`"), "{error}");
    }
}
