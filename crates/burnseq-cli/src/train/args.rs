//! The command line of `train`: the run as a whole, and the groups of flags.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use burnseq_text::Vocab;
use clap::{Args, Command, CommandFactory, Parser, ValueEnum};

use super::config::Request;
use super::flags::{
    CheckpointArgs, DatasetArgs, EmaArgs, FAMILY_HEADING, LanguageModelingArgs, LossScalingArgs, ModelArgs,
    OptimArgs, ScheduleArgs, StopArgs, ValidationArgs, for_arch, names_arch,
};
use crate::compute::ComputeArgs;
use crate::grammar::{Flags, ShortHelp};
use crate::problems::Problems;
use crate::task::TaskArgs;

/// Train a translation model or a language model on the dataset that `preprocess` wrote.
///
/// --task says which; where it is left out, --arch and the folder tell.
///
/// Flags have fairseq's names and meanings. What is not given is as in fairseq, with these
/// exceptions, which make the bare command a working recipe (that of fairseq's IWSLT'14 example):
/// the loss is label_smoothed_cross_entropy with smoothing 0.1 (fairseq: cross_entropy), the
/// optimiser adam with betas (0.9, 0.98) and weight decay 1e-4 (fairseq: none chosen; betas (0.9,
/// 0.999), no decay), the learning rate 5e-4 with inverse_sqrt and 4000 updates of warm-up
/// (fairseq: 0.25, fixed), batches have at most 4096 tokens (fairseq: no default), and a run
/// without any stop option stops after 10 validations without improvement (fairseq: never). The loss
/// of a language model is cross_entropy.
///
/// --recipe and --config replace these defaults; --arch replaces the model that they name, and every other flag what
/// it is about. A run is described completely by the checkpoint.json of its checkpoints, which --config reads.
#[derive(Debug, Parser)]
#[command(name = "train", version, max_term_width = 110, args_override_self = true)]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct TrainArgs {
    /// Folder of the dataset [default: data-bin]
    pub data: Option<PathBuf>,

    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub optim: OptimArgs,
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    #[command(flatten)]
    pub stop: StopArgs,
    #[command(flatten)]
    pub dataset: DatasetArgs,
    #[command(flatten)]
    pub language_modeling: LanguageModelingArgs,
    #[command(flatten)]
    pub validation: ValidationArgs,
    #[command(flatten)]
    pub checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub ema: EmaArgs,
    #[command(flatten)]
    pub loss_scaling: LossScalingArgs,
    #[command(flatten)]
    pub benchmark: BenchmarkArgs,
}

impl Flags for TrainArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            ("data", "Folder of the dataset [default: data-bin]"),
            ("recipe", ""),
            (
                "arch",
                "Preset [default: transformer_iwslt, transformer_lm]; with it, --help also tells the flags of its family",
            ),
            ("lr", "Learning rate [default: 5e-4]"),
            (
                "warmup-updates",
                "Updates until the learning rate is reached [default: 4000]",
            ),
            ("dropout", "Dropout [default: that of the preset]"),
            (
                "max-tokens",
                "Tokens of a batch, padding included [default: 4096]",
            ),
            ("max-epoch", "Stop after this epoch"),
            ("max-update", "Stop after this update"),
            (
                "patience",
                "Stop after this many validations without improvement [default: 10]",
            ),
            (
                "eval-bleu",
                "Translate the validation set with beam search and measure BLEU",
            ),
            (
                "save-dir",
                "Folder of the checkpoints; a run that was interrupted goes on from it [default: checkpoints]",
            ),
            (
                "device",
                "Where to compute: auto, cpu, cuda, cuda:N [default: auto]",
            ),
            ("seed", "Seed of weights, order and dropout [default: 1]"),
        ],
        examples: "train --arch transformer_iwslt\n\
                   train data-bin --recipe multi30k --save-dir checkpoints\n\
                   train data-bin --arch lightconv_iwslt_de_en --help\n\
                   train text-bin --arch transformer_lm_gpt --tokens-per-sample 256",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        Request::new(self).err().into_iter().collect()
    }

    fn heading_in_short_help(words: &[OsString]) -> Option<&'static str> {
        names_arch(words).then_some(FAMILY_HEADING)
    }

    fn command_for(words: &[OsString]) -> Command {
        for_arch(Self::command(), words)
    }
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Progress bar on stderr.
    Tqdm,
    /// One line per interval, on stderr.
    Simple,
    /// One JSON object per interval, on stdout.
    Json,
    /// Nothing but the beginning, the end and errors.
    None,
}

/// The run as a whole.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Start from a recipe: toy, multi30k, iwslt14_de_en, wmt16_en_de_base, wmt16_en_de_big
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub recipe: Option<String>,
    /// Start from a configuration in JSON, complete or in part: a recipe of your own, or the checkpoint.json of a run
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What is not given is as in fairseq 0.12, without the exceptions above: cross_entropy, betas of (0.9, 0.999), no
    /// weight decay, a fixed learning rate of 0.25, no end, fp32; --arch, --optimizer and the size of batches must be given
    #[arg(long, conflicts_with_all = ["recipe", "config"])]
    pub strict_fairseq_defaults: bool,
    /// Task and languages.
    #[command(flatten)]
    pub task: TaskArgs,
    /// Device and precision.
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Seed of weights, order of the data and dropout [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// How progress is shown [default: tqdm on a terminal, else simple]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Updates between two log lines; 0: one line per epoch [default: 100]
    #[arg(long, value_name = "N")]
    pub log_interval: Option<u64>,
    /// File to which log lines are appended as well
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Folder of files for TensorBoard, in it train_inner, train and a folder for each validation set, as fairseq writes
    /// them
    #[arg(long, value_name = "DIR")]
    pub tensorboard_logdir: Option<PathBuf>,
    /// Lines instead of a progress bar
    #[arg(long)]
    pub no_progress_bar: bool,
}

/// Measuring speed or exactness instead of training.
#[derive(Debug, Args)]
#[command(next_help_heading = "Measuring")]
pub struct BenchmarkArgs {
    /// Time N updates on random tokens and print one JSON line, instead of training
    #[arg(long, value_name = "N", requires = "lengths", group = "measuring", value_parser = updates())]
    pub benchmark: Option<u32>,
    /// Compare one pass forward and backward and one update on the device with the processor, instead of training
    #[arg(long, group = "measuring")]
    pub check_device: bool,
    /// Updates before the clock starts [default: 5]
    #[arg(long, value_name = "N", requires = "benchmark", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub benchmark_warmup: Option<u32>,
    /// Source and target .idx (or .idx.gz) whose sentence lengths make the batches
    #[arg(long, value_names = ["SRC.idx", "TGT.idx"], num_args = 2, requires = "benchmark")]
    pub lengths: Option<Vec<PathBuf>>,
    /// File of batches to take in its order, one a line as sentence numbers counted from 0 [default: as in training]
    #[arg(long, value_name = "FILE", requires = "benchmark")]
    pub benchmark_batches: Option<PathBuf>,
    /// Size of the source dictionary [default: 8848]
    #[arg(long, value_name = "N", requires = "measuring", value_parser = vocab())]
    pub src_vocab: Option<u32>,
    /// Size of the target dictionary [default: 6632]
    #[arg(long, value_name = "N", requires = "measuring", value_parser = vocab())]
    pub tgt_vocab: Option<u32>,
}

/// Updates that are timed: their batches are made before the first one.
fn updates() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=100_000)
}

/// Sizes of dictionaries: four special symbols, and at least two words to draw from.
fn vocab() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(6..=10_000_000)
}

impl BenchmarkArgs {
    /// Whether something is measured instead of training.
    pub(super) fn measures(&self) -> bool {
        self.benchmark.is_some() || self.check_device
    }

    /// Refuses what is measured on sentence pairs for a language model.
    ///
    /// # Errors
    /// Every flag that is given.
    pub(super) fn refuse_pairs(&self) -> Result<()> {
        let mut problems = Problems::new();
        if self.benchmark.is_some() {
            problems.say(
                "--benchmark times batches of sentence pairs, and a language model reads blocks of one length\nhint: train for a \
                 while with --no-save; `wps` in the log is its speed",
            );
        }
        if self.src_vocab.is_some() {
            problems
                .say("--src-vocab: a language model has one dictionary\nhint: give its size as --tgt-vocab");
        }
        problems.into_result()
    }

    /// Sizes of the dictionaries, those of IWSLT14 unless the flags say otherwise.
    pub(super) fn vocab(&self) -> Vocab {
        Vocab::fairseq(
            self.src_vocab.unwrap_or(8848) as usize,
            self.tgt_vocab.unwrap_or(6632) as usize,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        TrainArgs::command().debug_assert();
    }
}
