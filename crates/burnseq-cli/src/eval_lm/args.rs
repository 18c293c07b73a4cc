//! The flags of `burnseq eval-lm`, with fairseq's names and meanings.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use burnseq_data::DatasetImpl;
use clap::Parser;

use crate::compute::ComputeArgs;
use crate::decoding::RemoveBpeArgs;
use crate::decoding::overrides::{self, Overrides};
use crate::exit::usage;
use crate::grammar::{
    COMMON, Flags, Grammar, Harmless, MACHINES, MARKS, OF_MODELS, Refused, ShortHelp, number, off, one,
    switch, value,
};
use crate::problems::Problems;
use crate::train::flags::LanguageModelingArgs;
use crate::train::values::Limit;

/// Perplexity of a language model on a part of a dataset, on a text file, or on standard input.
///
/// Text is cut into blocks as in training. The last line is that of fairseq: loss in bits and perplexity over all tokens,
/// the end of each sentence among them, or over words with --remove-bpe. Where tokens are pieces of words, a line with the
/// numbers for each word follows.
#[derive(Debug, Parser)]
#[command(name = "eval-lm", version, max_term_width = 110, args_override_self = true)]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct EvalLmArgs {
    /// Folder of the dataset [default: data-bin]
    pub data: Option<PathBuf>,
    /// Checkpoint
    #[arg(long, value_name = "PATH", default_value = "checkpoints/checkpoint_best")]
    pub path: PathBuf,
    /// Settings of the model that are to differ from those it was saved with, as JSON or as Python writes a dictionary
    #[arg(long = "model-overrides", value_name = "DICT", value_parser = overrides::parse)]
    pub overrides: Option<Overrides>,
    /// Part of the dataset [default: test]
    #[arg(long, value_name = "SPLIT")]
    pub gen_subset: Option<String>,
    /// Measure this text file instead of a dataset; `-` is standard input. Each line is a block, and a line tells its number,
    /// loss in bits, perplexity and tokens, unless --sample-break-mode says otherwise
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "gen_subset", "dataset_impl"])]
    pub input: Option<PathBuf>,
    /// Lines of --input are tokens of the dictionary already
    #[arg(long, requires = "input")]
    pub tokenized: bool,
    /// language_modeling
    #[arg(long, value_name = "TASK", value_parser = ["language_modeling"], hide_possible_values = true)]
    pub task: Option<String>,
    /// Format of the dataset: mmap, cached, lazy, raw [default: found out]
    #[arg(long, value_name = "NAME")]
    pub dataset_impl: Option<DatasetImpl>,
    /// Device and precision.
    #[command(flatten)]
    pub compute: ComputeArgs,
    #[command(flatten)]
    pub blocks: LanguageModelingArgs,
    /// Read the N tokens before each block, and do not score them again; blocks are shorter by as many [default: 0]
    #[arg(long, value_name = "N", help_heading = "Blocks")]
    pub context_window: Option<usize>,
    /// Most tokens in a batch, padding included; 0: no limit [default: 36000]
    #[arg(long, value_name = "N", help_heading = "Blocks")]
    pub max_tokens: Option<Limit>,
    /// Most blocks in a batch; 0: no limit [default: none]
    #[arg(
        long,
        visible_alias = "max-sentences",
        value_name = "N",
        help_heading = "Blocks"
    )]
    pub batch_size: Option<Limit>,
    /// Most tokens whose probabilities are in memory at once [default: as many as 256 MiB hold]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Blocks")]
    pub softmax_batch: Option<u32>,
    /// Print the words of each block with their log-probabilities in nats: `BLOCK word [score]<TAB>...`
    #[arg(long, help_heading = "Output")]
    pub output_word_probs: bool,
    /// Print of each word: its count, the sum of its log-probabilities, whether it has several pieces, the sum of the words
    /// after it, and how many of these there are
    #[arg(long, help_heading = "Output")]
    pub output_word_stats: bool,
    #[command(flatten)]
    pub marks: RemoveBpeArgs,
    /// Print the loss alone
    #[arg(long, help_heading = "Output")]
    pub quiet: bool,
}

/// Flags that change nothing.
const HARMLESS: &[Harmless] = &[
    value("bpe", "the checkpoint says how its text was segmented"),
    number("distributed-world-size", one, "one process does all the work"),
    switch(
        "future-target",
        "a language model predicts the token that follows",
    ),
    value("log-file", "the results are standard output: > FILE"),
    value("log-format", "there is no progress bar"),
    value("log-interval", "there is no progress bar"),
    switch("no-progress-bar", "there is no progress bar"),
    number("num-shards", one, "one process does all the work"),
    value("num-workers", "batches are made when they are needed"),
    value("required-batch-size-multiple", "results do not depend on batches"),
    value("scoring", "perplexity is what is measured"),
    value("seed", "nothing is drawn at random"),
    number("shard-id", off, "one process does all the work"),
    switch(
        "skip-invalid-size-inputs-valid-test",
        "a block that is too long is scored in parts",
    ),
    value("tokenizer", "the checkpoint says how its text was prepared"),
];

const ONE_PROCESS: &str = "leave it out; one process measures the whole dataset";

/// Flags that are refused, and what to do instead.
const REFUSED: &[Refused] = &[
    ("distributed-world-size", ONE_PROCESS),
    ("num-shards", ONE_PROCESS),
    (
        "past-target",
        "leave it out; a language model predicts the token that follows",
    ),
    ("results-path", "redirect stdout: > FILE"),
    (
        "self-target",
        "leave it out; a language model predicts the token that follows",
    ),
    ("shard-id", ONE_PROCESS),
];

/// The command line of `burnseq eval-lm`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: [OF_MODELS, &[HARMLESS]],
    refused: &[COMMON, MACHINES, REFUSED],
    optional_values: &[("remove-bpe", MARKS), ("post-process", MARKS)],
};

impl Flags for EvalLmArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            ("data", ""),
            ("path", ""),
            ("gen-subset", ""),
            (
                "input",
                "Measure a text file instead, line by line; `-` is standard input",
            ),
            (
                "tokens-per-sample",
                "Longest block in tokens [default: the positions of the model]",
            ),
            ("sample-break-mode", ""),
            ("context-window", ""),
            (
                "output-word-probs",
                "Print the words of each block with their log-probabilities",
            ),
            ("remove-bpe", ""),
            ("max-tokens", ""),
            ("quiet", ""),
            (
                "device",
                "Where to compute: auto, cpu, cuda, cuda:N [default: auto]",
            ),
        ],
        examples: "burnseq eval-lm text-bin --path checkpoints/checkpoint_best --gen-subset valid\n\
                   burnseq eval-lm text-bin --tokens-per-sample 512 --context-window 400\n\
                   burnseq eval-lm --input text.en",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        self.check().err().into_iter().collect()
    }
}

impl EvalLmArgs {
    /// Checks combinations; no file is touched.
    ///
    /// # Errors
    /// Flags that contradict each other.
    pub(crate) fn check(&self) -> Result<()> {
        let mut problems = Problems::new();
        let window = self.context_window.unwrap_or(0);
        if let Some(block) = self.blocks.tokens_per_sample
            && window >= block
            && window > 0
        {
            problems.say(format!(
                "--context-window {window} leaves nothing of blocks of {block} tokens\nhint: lower it, or raise \
                 --tokens-per-sample"
            ));
        }
        if window > 0 && self.blocks.add_bos_token {
            problems.say(
                "--context-window and --add-bos-token exclude each other: with a context no block begins a text\nhint: leave \
                 one of them out",
            );
        }
        problems.into_result()
    }

    /// Refuses several checkpoints, which `generate` takes as an ensemble.
    ///
    /// # Errors
    /// A path of several names that is not the name of one.
    pub(crate) fn check_path(&self) -> Result<()> {
        let path = self.path.to_string_lossy();
        if path.contains(':') && !self.path.exists() {
            return Err(usage(anyhow!(
                "--path {path} names several checkpoints, and eval-lm measures one\nhint: give one of them"
            )));
        }
        Ok(())
    }
}
