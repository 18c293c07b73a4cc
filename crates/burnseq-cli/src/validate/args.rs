//! The flags of `burnseq validate`, with fairseq's names and meanings.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burnseq::tasks::TaskConfig;
use burnseq::tasks::language_modeling::LanguageModelingConfig;
use burnseq::tasks::translation::{self, TranslationConfig};
use burnseq_data::DatasetImpl;
use burnseq_train::{Checkpoint, DatasetConfig, TrainingRecord};
use clap::{Parser, ValueEnum};

use crate::compute::ComputeArgs;
use crate::decoding::OF_TRAINING;
use crate::grammar::{
    BOOLEANS, COMMON, Flags, Grammar, Harmless, MACHINES, MARKS, OF_MODELS, Refused, ShortHelp, number, off,
    one, optional, switch, value, words,
};
use crate::task::TaskArgs;
use crate::train::flags::{EvalBleuArgs, LanguageModelingArgs};
use crate::train::values::Limit;

/// Compute the loss of a trained model on parts of a dataset, and BLEU with --eval-bleu: one line for each part.
///
/// The loss is that of the model's training, in bits per target token, as `train` logs it.
#[derive(Debug, Parser)]
#[command(name = "validate", version, max_term_width = 110, args_override_self = true)]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct ValidateArgs {
    /// Folder of the dataset
    #[arg(default_value = "data-bin")]
    pub data: PathBuf,
    /// Checkpoint
    #[arg(long, value_name = "PATH", default_value = "checkpoints/checkpoint_best")]
    pub path: PathBuf,
    /// Parts of the dataset
    #[arg(
        long,
        value_name = "SPLIT,...",
        value_delimiter = ',',
        default_value = "valid"
    )]
    pub valid_subset: Vec<String>,
    /// Task and languages.
    #[command(flatten)]
    pub task: TaskArgs,
    /// Format of the dataset: mmap, cached, lazy, raw [default: found out]
    #[arg(long, value_name = "NAME")]
    pub dataset_impl: Option<DatasetImpl>,
    /// Device and precision.
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Most tokens in a batch, padding included; 0: no limit [default: 4096 unless --batch-size is given]
    #[arg(
        long,
        visible_alias = "max-tokens-valid",
        value_name = "N",
        help_heading = "Batches"
    )]
    pub max_tokens: Option<Limit>,
    /// Most sentences in a batch; 0: no limit
    #[arg(
        long,
        visible_aliases = ["max-sentences", "batch-size-valid", "max-sentences-valid"],
        value_name = "N",
        help_heading = "Batches"
    )]
    pub batch_size: Option<Limit>,
    /// Batches of N sentences or more are cut to a multiple of N [default: 8]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    pub required_batch_size_multiple: Option<usize>,
    /// Take the first N batches of each part only
    #[arg(long, visible_alias = "nval", value_name = "N", help_heading = "Batches")]
    pub max_valid_steps: Option<usize>,
    /// Leave out sentences that are too long, instead of refusing to start
    #[arg(long, help_heading = "Batches")]
    pub skip_invalid_size_inputs_valid_test: bool,
    #[command(flatten, next_help_heading = "BLEU")]
    pub bleu: EvalBleuArgs,
    #[command(flatten)]
    pub blocks: LanguageModelingArgs,
    /// `simple`: the fields as text; `json`: one object a line [default: simple]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Values of `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Fields with bars between them
    #[value(alias = "none", alias = "tqdm")]
    Simple,
    /// JSON
    Json,
}

/// Flags that change nothing.
const HARMLESS: &[Harmless] = &[
    value("bpe", "the data folder says how its text was segmented"),
    number("checkpoint-shard-count", one, "a checkpoint is one folder"),
    words("checkpoint-suffix", &[""], "a checkpoint is one folder"),
    value("data-buffer-size", NEEDED),
    number("distributed-world-size", one, "one process does all the work"),
    words("eval-bleu-detok-args", &["{}"], DETOKENIZER),
    value("gen-subset", "it is an option of `generate`"),
    optional("left-pad-source", PADDING),
    optional("left-pad-target", PADDING),
    switch("load-alignments", "alignments are for training"),
    switch(
        "load-checkpoint-on-all-dp-ranks",
        "one process reads the checkpoint",
    ),
    value("log-file", "the log is standard output: > FILE"),
    value("log-interval", "there is one line for each part of the dataset"),
    words(
        "model-overrides",
        &["{}"],
        "a checkpoint holds all settings of its model",
    ),
    switch("no-progress-bar", "there is no progress bar"),
    value("num-batch-buckets", PADDING),
    number("num-shards", one, "one process does all the work"),
    value("num-workers", NEEDED),
    switch("quiet", "there is one line for each part of the dataset"),
    value("required-seq-len-multiple", PADDING),
    value("scoring", "--eval-bleu computes BLEU"),
    value("seed", "validation draws nothing at random"),
    number("shard-id", off, "one process does all the work"),
    value("tokenizer", "the data folder says how its text was prepared"),
];

const DETOKENIZER: &str = "the detokenizer takes its language from the data";
const NEEDED: &str = "batches are made when they are needed";
const PADDING: &str = "results do not depend on padding";

/// Flags that are refused, and what to do instead.
const REFUSED: &[Refused] = &[
    (
        "checkpoint-shard-count",
        "leave it out; a checkpoint is one folder",
    ),
    ("checkpoint-suffix", "leave it out; a checkpoint is one folder"),
    ("distributed-world-size", ONE_PROCESS),
    (
        "eval-bleu-detok-args",
        "leave it out; the detokenizer takes its language from the data",
    ),
    (
        "max-source-positions",
        "leave sentences that are too long out: --skip-invalid-size-inputs-valid-test",
    ),
    (
        "max-target-positions",
        "leave sentences that are too long out: --skip-invalid-size-inputs-valid-test",
    ),
    (
        "model-overrides",
        "leave it out; a checkpoint holds all settings of its model",
    ),
    ("num-shards", ONE_PROCESS),
    (
        "post-process",
        "leave it out; --eval-bleu-remove-bpe joins subwords before BLEU",
    ),
    (
        "remove-bpe",
        "leave it out; --eval-bleu-remove-bpe joins subwords before BLEU",
    ),
    ("results-path", "redirect stdout: > FILE"),
    ("shard-id", ONE_PROCESS),
    (
        "truncate-source",
        "leave sentences that are too long out: --skip-invalid-size-inputs-valid-test",
    ),
];

const ONE_PROCESS: &str = "leave it out; one process validates on the whole dataset";

/// The command line of `burnseq validate`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: [OF_MODELS, &[OF_TRAINING, HARMLESS]],
    refused: &[COMMON, MACHINES, REFUSED],
    optional_values: &[
        ("eval-bleu-remove-bpe", MARKS),
        ("left-pad-source", BOOLEANS),
        ("left-pad-target", BOOLEANS),
    ],
};

impl Flags for ValidateArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            ("data", ""),
            ("path", ""),
            ("valid-subset", "Parts of the dataset, separated by commas"),
            ("eval-bleu", "Translate with beam search and measure BLEU"),
            ("max-tokens", ""),
            ("batch-size", ""),
            (
                "device",
                "Where to compute: auto, cpu, cuda, cuda:N [default: auto]",
            ),
        ],
        examples: "burnseq validate data-bin --path checkpoints/checkpoint_best --valid-subset valid,test",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        Request::new(self).err().into_iter().collect()
    }
}

/// What the flags ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The checkpoint.
    pub path: PathBuf,
    /// The task, and the data.
    pub task: TaskConfig,
    /// Batches.
    pub dataset: DatasetConfig,
    /// Batches of each part; `None`: all.
    pub max_steps: Option<usize>,
    /// Device and precision.
    pub compute: ComputeArgs,
    /// How results are shown.
    pub log_format: LogFormat,
}

impl Request {
    /// The defaults overlaid by the flags.
    ///
    /// # Errors
    /// Flags that do not go together, or values out of range.
    pub fn new(args: &ValidateArgs) -> Result<Self> {
        let task = Self::task(args)?;
        let mut dataset = DatasetConfig {
            skip_invalid_size_inputs_valid_test: args.skip_invalid_size_inputs_valid_test,
            ..DatasetConfig::default()
        };
        let (max_tokens, batch_size) = (
            args.max_tokens.and_then(Limit::count),
            args.batch_size.and_then(Limit::count),
        );
        if max_tokens.is_some() || batch_size.is_some() {
            (dataset.max_tokens, dataset.batch_size) = (max_tokens, batch_size);
        }
        if let Some(multiple) = args.required_batch_size_multiple {
            dataset.required_batch_size_multiple = multiple;
        }
        dataset.limits_valid().validate()?;
        if args.max_valid_steps == Some(0) {
            bail!("--max-valid-steps must be at least 1, got 0");
        }
        Ok(Self {
            path: args.path.clone(),
            task,
            dataset,
            max_steps: args.max_valid_steps,
            compute: args.compute.clone(),
            log_format: args.log_format.unwrap_or(LogFormat::Simple),
        })
    }
}

impl Request {
    /// The task that the flags name, or that the checkpoint was trained for, with the settings of its run.
    fn task(args: &ValidateArgs) -> Result<TaskConfig> {
        let saved = saved_task(&args.path);
        let name = match (&args.task.task, &saved) {
            (Some(name), Some(saved)) if name != saved.name() => bail!(
                "--task {name} does not go with {}, which was trained for {}\nhint: leave it out",
                args.path.display(),
                saved.name()
            ),
            (Some(name), _) => name.as_str(),
            (None, saved) => saved.as_ref().map_or(translation::NAME, TaskConfig::name),
        };
        let (data, dataset_impl, valid_subset) =
            (args.data.clone(), args.dataset_impl, args.valid_subset.clone());
        if name == translation::NAME {
            let mut task = TranslationConfig {
                data,
                source_lang: args.task.languages.source_lang.clone(),
                target_lang: args.task.languages.target_lang.clone(),
                dataset_impl,
                valid_subset,
                ..TranslationConfig::default()
            };
            args.bleu.overlay(&mut task.eval_bleu)?;
            args.blocks.refuse(name)?;
            return Ok(task.into());
        }
        let saved = match saved {
            Some(TaskConfig::LanguageModeling(saved)) => saved,
            _ => LanguageModelingConfig::default(),
        };
        let mut task = LanguageModelingConfig {
            data,
            dataset_impl,
            valid_subset,
            ..saved
        };
        args.task.languages.refuse()?;
        args.bleu.refuse()?;
        args.blocks.overlay(&mut task);
        Ok(TaskConfig::LanguageModeling(task))
    }
}

/// What a checkpoint was trained for; nothing where there is none, which is told when it is opened.
fn saved_task(path: &Path) -> Option<TaskConfig> {
    let checkpoint = Checkpoint::open(path).ok()?;
    let meta = checkpoint.meta();
    let record = serde_json::from_value::<TrainingRecord>(meta.train_state.clone()).ok();
    let config = record.and_then(|record| TaskConfig::from_value(record.task).ok());
    let named = || TaskConfig::of_name(&meta.task.name);
    config
        .filter(|config| config.name() == meta.task.name)
        .or_else(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn request(flags: &str) -> Result<Request> {
        let words = std::iter::once("validate").chain(flags.split_whitespace());
        Request::new(&GRAMMAR.try_parse::<ValidateArgs>(words).unwrap()?)
    }

    #[test]
    fn the_command_of_fairseq_is_understood() {
        ValidateArgs::command().debug_assert();
        let request =
            request("bin --path a/checkpoint_best.pt --valid-subset valid,test --max-sentences 8 --cpu")
                .unwrap();
        let TaskConfig::Translation(task) = request.task else {
            panic!("{:?}", request.task)
        };
        assert_eq!(task.valid_subset, ["valid", "test"]);
        assert_eq!(
            (request.dataset.max_tokens, request.dataset.batch_size),
            (None, Some(8))
        );
        assert_eq!((request.compute.device_name(), task.eval_bleu), ("cpu", None));
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (flags, part) in [
            (
                "--required-batch-size-multiple 0",
                "--required-batch-size-multiple",
            ),
            ("--max-valid-steps 0", "--max-valid-steps"),
            ("--eval-tokenized-bleu", "--eval-bleu"),
        ] {
            let problem = crate::exit::describe(&request(flags).unwrap_err());
            assert!(problem.contains(part), "{problem}");
        }
    }
}
