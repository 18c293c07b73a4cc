//! The flags of `generate`, with fairseq's names and meanings.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use burnseq_text::RemoveBpe;
use clap::{Parser, ValueEnum};

use crate::exit::usage;

/// Translate with a trained model: a part of a dataset, a text file, or standard input.
///
/// A dataset gives fairseq's S-, T-, H-, D- and P- lines with scores in base 2, then BLEU. With --input raw text comes
/// in and detokenised text goes out, one line for each line.
#[derive(Debug, Parser)]
#[command(name = "generate", version, max_term_width = 110, args_override_self = true)]
pub struct GenerateArgs {
    /// Folder of the dataset [default: data-bin]
    pub data: Option<PathBuf>,

    /// Checkpoint; or a weights file FILE.safetensors under fairseq's parameter names, together with --arch
    /// [default: checkpoints/checkpoint_best, else checkpoints/checkpoint_last]
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    pub path: Option<PathBuf>,
    /// Preset that a weights file belongs to
    #[arg(short = 'a', long, value_name = "NAME", help_heading = "Model")]
    pub arch: Option<String>,
    /// What a weights file has different from its preset, as JSON: '{"encoder_layers": 3}'
    #[arg(long = "model-overrides", value_name = "JSON", help_heading = "Model")]
    pub overrides: Option<String>,
    /// Where to compute: auto, cpu, cuda, cuda:N [default: auto, a GPU when there is one]
    #[arg(long, value_name = "NAME", conflicts_with = "cpu", help_heading = "Model")]
    pub device: Option<String>,
    /// Short for `--device cpu`
    #[arg(long, help_heading = "Model")]
    pub cpu: bool,

    /// Part of the dataset to translate [default: test]
    #[arg(long, value_name = "SPLIT", help_heading = "Input")]
    pub gen_subset: Option<String>,
    /// Translate this text file instead of a dataset; `-` is standard input
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub input: Option<PathBuf>,
    /// Source language [default: that of the model]
    #[arg(
        short = 's',
        long,
        visible_alias = "src",
        value_name = "LANG",
        help_heading = "Input"
    )]
    pub source_lang: Option<String>,
    /// Target language [default: that of the model]
    #[arg(
        short = 't',
        long,
        visible_alias = "tgt",
        value_name = "LANG",
        help_heading = "Input"
    )]
    pub target_lang: Option<String>,
    /// Leave out sentences that are too long, instead of refusing to start; with --input their lines stay empty
    #[arg(long, help_heading = "Input")]
    pub skip_invalid_size_inputs_valid_test: bool,
    /// Task of the model; `translation` is the only one
    #[arg(long, value_name = "TASK", value_parser = ["translation"], help_heading = "Input")]
    pub task: Option<String>,

    /// Most sentences in a batch [default: 256 unless --max-tokens is given]
    #[arg(
        long,
        visible_alias = "max-sentences",
        value_name = "N",
        help_heading = "Batches"
    )]
    pub batch_size: Option<usize>,
    /// Most tokens in a batch, padding included [default: 12000 unless --batch-size is given]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    pub max_tokens: Option<usize>,
    /// Batches of N sentences or more are cut to a multiple of N [default: 8]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    pub required_batch_size_multiple: Option<usize>,

    /// Live hypotheses per sentence; 1: greedy search [default: 5]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub beam: Option<usize>,
    /// Hypotheses printed per sentence [default: 1]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub nbest: Option<usize>,
    /// Scores are divided by length to this power: above 1 longer hypotheses gain [default: 1]
    #[arg(
        long,
        value_name = "X",
        allow_negative_numbers = true,
        help_heading = "Search"
    )]
    pub lenpen: Option<f64>,
    /// Penalty of `<unk>` in nats: negative favours it [default: 0]
    #[arg(
        long,
        value_name = "X",
        allow_negative_numbers = true,
        help_heading = "Search"
    )]
    pub unkpen: Option<f64>,
    /// Scores are sums, not divided by length
    #[arg(long, help_heading = "Search")]
    pub unnormalized: bool,
    /// Fewest tokens of a hypothesis, without `</s>` [default: 1]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub min_len: Option<usize>,
    /// At most A * source tokens + B tokens, `</s>` counted in the source only [default: 0]
    #[arg(long, value_name = "A", help_heading = "Search")]
    pub max_len_a: Option<f64>,
    /// See --max-len-a [default: 200]
    #[arg(long, value_name = "B", help_heading = "Search")]
    pub max_len_b: Option<usize>,
    /// Logits are divided by it [default: 1]
    #[arg(long, value_name = "X", help_heading = "Search")]
    pub temperature: Option<f64>,
    /// Seed; beam search draws nothing at random, so no result depends on it
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub seed: Option<u64>,

    /// Join subwords in S-, T- and H- lines: a mark, subword_nmt, sentencepiece, ... (without value: `@@ `)
    #[arg(
        long,
        visible_alias = "post-process",
        value_name = "MARK",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "subword_nmt",
        help_heading = "Output"
    )]
    pub remove_bpe: Option<String>,
    /// Print scores only
    #[arg(long, help_heading = "Output")]
    pub quiet: bool,
    /// Print sentences in the order of the dataset, not batch by batch
    #[arg(long, help_heading = "Output")]
    pub in_order: bool,
    /// Scores: `bleu` prints BLEU4 on tokens and sacreBLEU on text, `sacrebleu` the latter only [default: bleu]
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Output")]
    pub scoring: Option<Scoring>,
    /// Short for `--scoring sacrebleu`
    #[arg(long, conflicts_with = "scoring", help_heading = "Output")]
    pub sacrebleu: bool,
    /// With --input: write translations to this file instead of stdout
    #[arg(long, value_name = "FILE", requires = "input", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Show no progress bar
    #[arg(long, help_heading = "Output")]
    pub no_progress_bar: bool,
}

/// Values of `--scoring`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scoring {
    /// BLEU4 on white-space tokens, as fairseq prints it, and sacreBLEU
    Bleu,
    /// sacreBLEU only
    Sacrebleu,
}

impl GenerateArgs {
    /// Checks combinations; no file is touched but that the names in `--path` are looked up.
    ///
    /// # Errors
    /// Flags that contradict each other or are not supported.
    pub fn check(&self) -> Result<()> {
        if let Some(path) = self.path.as_deref().filter(|path| !path.exists())
            && let Some((first, _)) = path.to_str().and_then(|path| path.split_once(':'))
        {
            bail!(
                "--path with several models (an ensemble) is not supported yet\nhint: give one of them: --path {first}"
            );
        }
        if self.input.is_none() {
            return Ok(());
        }
        let dataset_only = [
            ("--gen-subset", self.gen_subset.is_some()),
            ("--nbest", self.nbest.is_some_and(|nbest| nbest != 1)),
            ("--in-order", self.in_order),
            ("--quiet", self.quiet),
            ("--scoring", self.scoring.is_some()),
            ("--sacrebleu", self.sacrebleu),
        ];
        if let Some((flag, _)) = dataset_only.iter().find(|(_, given)| *given) {
            bail!("{flag} goes with a dataset; --input gives one line of text for each line, in order");
        }
        let weights = self.path.as_deref().is_some_and(super::is_weights);
        if !weights {
            if self.data.is_some() {
                bail!(
                    "--input reads no dataset: a checkpoint carries its dictionaries\nhint: leave out the folder"
                );
            }
            if self.source_lang.is_some() || self.target_lang.is_some() {
                bail!(
                    "--input with a checkpoint translates in the direction it was trained for\nhint: leave out the languages"
                );
            }
        }
        Ok(())
    }

    /// Name of the device.
    pub fn device(&self) -> &str {
        if self.cpu {
            "cpu"
        } else {
            self.device.as_deref().unwrap_or("auto")
        }
    }

    /// What `--remove-bpe` asks for.
    pub fn post_process(&self) -> RemoveBpe {
        self.remove_bpe
            .as_deref()
            .map_or(RemoveBpe::None, |mark| RemoveBpe::from_flag(Some(mark)))
    }

    /// The object of `--model-overrides`.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn model_overrides(&self) -> Result<Option<serde_json::Map<String, serde_json::Value>>> {
        let parse = |json: &String| {
            serde_json::from_str(json).map_err(|error| {
                usage(anyhow!(
                    "--model-overrides {json:?}: {error}\nhint: give a JSON object, such as '{{\"encoder_layers\": 3}}'"
                ))
            })
        };
        self.overrides.as_ref().map(parse).transpose()
    }
}
