//! The flags that `generate` and `burnseq interactive` share, with fairseq's names and meanings.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Result, anyhow, bail};
use burnseq::decode::task_of;
use burnseq::tasks::generation;
use burnseq_data::BatchLimits;
use burnseq_model::{DropoutModule, Model, ModelConfig};
use burnseq_search::{GenerateOptions, Generator};
use clap::{Args, ValueEnum};

use super::overrides::{self, Overrides};
use super::remove_bpe::RemoveBpeArgs;
use super::search::SearchArgs;
use super::text::TextArgs;
use crate::compute::ComputeArgs;
use crate::exit::usage;
use crate::train::values::Limit;

/// Checkpoints that are taken when none is named: the first one that is there.
pub(crate) const DEFAULT_PATHS: [&str; 2] = ["checkpoints/checkpoint_best", "checkpoints/checkpoint_last"];

/// Which models decode, how, and what is printed of each hypothesis.
#[derive(Debug, Args)]
pub struct DecodingArgs {
    /// Checkpoint, or several of an ensemble, separated by colons; weights files FILE.safetensors under fairseq's
    /// parameter names go together with --arch [default: checkpoints/checkpoint_best, else checkpoints/checkpoint_last]
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    pub path: Option<String>,
    /// Preset that a weights file belongs to
    #[arg(short = 'a', long, value_name = "NAME", help_heading = "Model")]
    pub arch: Option<String>,
    /// Settings of the model that are to differ from those it was saved with, as JSON or as Python writes a dictionary:
    /// "{'max_source_positions': 2048}"
    #[arg(long = "model-overrides", value_name = "DICT", value_parser = overrides::parse, help_heading = "Model")]
    pub overrides: Option<Overrides>,
    /// Device and precision.
    #[command(flatten, next_help_heading = "Model")]
    pub compute: ComputeArgs,
    /// Drop values as in training, so that hypotheses and scores are samples of the model; sentences then go through it
    /// one at a time
    #[arg(long, help_heading = "Model")]
    pub retain_dropout: bool,
    /// Modules that do.
    #[arg(long, value_name = "NAMES", num_args = 1.., help_heading = "Model", help = dropout_modules_help())]
    pub retain_dropout_modules: Vec<String>,

    /// Checkpoint of a language model of the target side, whose scores are added to those of the model: shallow fusion. It
    /// has the target dictionary
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    pub lm_path: Option<PathBuf>,
    /// Weight of the language model [default: 1, as in fairseq; 0.1 to 0.3 are usual]
    #[arg(
        long,
        value_name = "X",
        requires = "lm_path",
        allow_negative_numbers = true,
        help_heading = "Model"
    )]
    pub lm_weight: Option<f64>,

    /// Tokenizer and subword model.
    #[command(flatten)]
    pub text: TextArgs,

    /// Cut sources that are longer than the model takes, instead of leaving them without a translation
    #[arg(long, help_heading = "Batches")]
    pub truncate_source: bool,
    /// Most sentences in a batch; 0: no limit [default: 256 in `generate`, fewer with a large --beam, --buffer-size in
    /// `burnseq interactive`, unless --max-tokens is given]
    #[arg(
        long,
        visible_alias = "max-sentences",
        value_name = "N",
        help_heading = "Batches"
    )]
    pub batch_size: Option<Limit>,
    /// Most tokens in a batch, padding included; 0: no limit [default: 12000 unless --batch-size is given]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    pub max_tokens: Option<Limit>,
    /// Batches of N sentences or more are cut to a multiple of N [default: 8]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    pub required_batch_size_multiple: Option<usize>,

    /// The search.
    #[command(flatten)]
    pub search: SearchArgs,

    /// How pieces of words are joined.
    #[command(flatten)]
    pub marks: RemoveBpeArgs,
    /// Print an A- line: for each token the source token it looked at most (hard: `source-target`, 0-based), or how much
    /// it looked at each (soft); without value: hard
    #[arg(
        long,
        value_enum,
        value_name = "KIND",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "hard",
        help_heading = "Output"
    )]
    pub print_alignment: Option<Alignment>,
    /// Print an I- line: the steps that the hypothesis took, which is its number of tokens with `</s>`
    #[arg(long, help_heading = "Output")]
    pub print_step: bool,
    /// What a checkpoint asks of the search where no flag does; see [`DecodingArgs::take_defaults`].
    #[arg(skip)]
    pub(crate) defaults: OnceLock<GenerateOptions>,
    /// Put into the place of `<unk>` the source word it looked at most, or that word's translation from a file of
    /// lines `<source word> <target word>`
    #[arg(long, value_name = "FILE", num_args = 0..=1, help_heading = "Output")]
    pub replace_unk: Option<Option<PathBuf>>,
}

/// Values of `--print-alignment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Alignment {
    /// The strongest source token
    Hard,
    /// Probabilities of all source tokens
    Soft,
}

impl DecodingArgs {
    /// What is wrong with the options of the search, beside what a binary has found of its flags and of its batches.
    pub(crate) fn problems_beside(&self, [flags, batches]: [Result<()>; 2]) -> Vec<anyhow::Error> {
        let search = self.options().and_then(|options| Ok(Generator::new(options)?));
        let all = [flags, search.map(drop), batches];
        all.into_iter().filter_map(Result::err).collect()
    }

    /// Takes what the first checkpoint asks of the search for the flags that are not given, and says so.
    ///
    /// # Errors
    /// What it asks for cannot be read.
    pub(crate) fn take_defaults(&self) -> Result<()> {
        let Some(path) = super::models::paths(self).into_iter().next() else {
            return Ok(());
        };
        // What is wrong with the checkpoint is said where it is loaded.
        let Ok(task) = task_of(&path) else {
            return Ok(());
        };
        if let Some(options) = generation::of_task(&task).map_err(anyhow::Error::msg)? {
            self.defaults.get_or_init(|| options);
            generation::notes_of_task(&task)
                .iter()
                .for_each(|note| super::format::note(note));
        }
        Ok(())
    }

    /// The options of the search.
    ///
    /// # Errors
    /// A name in `--retain-dropout-modules` that is none.
    pub(crate) fn options(&self) -> Result<GenerateOptions> {
        let search = self
            .search
            .options(self.defaults.get().unwrap_or(&GenerateOptions::default()));
        Ok(GenerateOptions {
            lm_weight: match &self.lm_path {
                Some(_) => self.lm_weight.unwrap_or(1.0),
                None => search.lm_weight,
            },
            attention: self.print_alignment.is_some() || self.replace_unk.is_some(),
            retain_dropout: self.retain_dropout,
            retain_dropout_modules: dropout_modules(&self.retain_dropout_modules).map_err(usage)?,
            ..search
        })
    }

    /// Most sentences in a batch.
    pub(crate) fn batch_size(&self) -> Option<usize> {
        self.batch_size.and_then(Limit::count)
    }

    /// The limits of batches; `default` where neither sentences nor tokens are limited.
    ///
    /// # Errors
    /// A multiple of 0.
    pub(crate) fn limits(&self, default: BatchLimits) -> Result<BatchLimits> {
        let (max_tokens, max_sentences) = match (self.max_tokens.and_then(Limit::count), self.batch_size()) {
            (None, None) => (default.max_tokens, default.max_sentences),
            given => given,
        };
        let limits = BatchLimits {
            max_tokens,
            max_sentences,
            required_batch_size_multiple: self
                .required_batch_size_multiple
                .unwrap_or(default.required_batch_size_multiple),
        };
        limits.validate().map_err(usage)?;
        Ok(limits)
    }

    /// Flags that do not act beside the others, as in fairseq: a note on each.
    pub(crate) fn without_effect(&self) -> Vec<String> {
        let flags = [
            (
                "--seed",
                self.search.seed.is_some() && !self.search.sampling && !self.retain_dropout,
                "nothing is drawn at random without --sampling and --retain-dropout",
            ),
            (
                "--lenpen",
                self.search.unnormalized && self.search.lenpen.is_some_and(|lenpen| lenpen != 1.0),
                "scores are sums with --unnormalized",
            ),
            (
                "--sampling-topk 0",
                self.search.sampling_topk == Some(0),
                "as in fairseq, tokens are drawn from all",
            ),
        ];
        let given = flags.iter().filter(|(_, given, _)| *given);
        given
            .map(|(flag, _, why)| format!("{flag} changes nothing here: {why}"))
            .collect()
    }

    /// The flags that are about translation alone, and whether they are given.
    pub(crate) fn of_translation(&self) -> [(&'static str, bool); 10] {
        [
            ("--arch", self.arch.is_some()),
            ("--tokenizer", self.text.tokenizer.is_some()),
            ("--bpe", self.text.bpe.is_some()),
            ("--lm-path", self.lm_path.is_some()),
            ("--truncate-source", self.truncate_source),
            (
                "--required-batch-size-multiple",
                self.required_batch_size_multiple.is_some(),
            ),
            ("--match-source-len", self.search.match_source_len),
            ("--constraints", self.search.constraints.is_some()),
            ("--print-alignment", self.print_alignment.is_some()),
            ("--replace-unk", self.replace_unk.is_some()),
        ]
    }
}

/// The modules of each family, for the help of `--retain-dropout-modules`.
fn dropout_modules_help() -> String {
    let families = ModelConfig::families_of::<Model>().into_iter().map(|family| {
        let modules: Vec<&str> = family
            .dropout_modules
            .iter()
            .map(|module| module.name())
            .collect();
        format!("{}: {}", family.name, modules.join(", "))
    });
    format!(
        "Modules that do, separated by blanks or as a list '[\"A\", \"B\"]'. {} [default: all]",
        families.collect::<Vec<_>>().join("; ")
    )
}

/// The modules that `--retain-dropout-modules` names; nothing where it is not given.
fn dropout_modules(words: &[String]) -> Result<Option<Vec<String>>> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut modules = Vec::new();
    for word in words {
        let list = word.trim().trim_start_matches('[').trim_end_matches(']');
        for name in list.split(',') {
            let name = name.trim().trim_matches(['"', '\'']);
            if name.is_empty() {
                continue; // behind the comma of a list that the shell has split
            }
            // fairseq's names of the classes since 0.12, and of a class that drops nothing itself.
            let plain = name.strip_suffix("Base").unwrap_or(name);
            match DropoutModule::from_name(plain) {
                Some(module) => modules.push(module.name().to_owned()),
                None if plain == "TransformerModel" => {}
                None => {
                    let choices = DropoutModule::ALL.map(DropoutModule::name).join(", ");
                    bail!("--retain-dropout-modules: unknown module `{name}`; choose from: {choices}")
                }
            }
        }
    }
    if modules.is_empty() {
        return Err(anyhow!(
            "--retain-dropout-modules names no module that drops values\nhint: leave it out to drop values everywhere"
        ));
    }
    Ok(Some(modules))
}

#[cfg(test)]
mod tests {
    use burnseq_search::ConstraintOrder;

    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    #[command(args_override_self = true)]
    struct Cli {
        #[command(flatten)]
        args: DecodingArgs,
    }

    fn args(words: &[&str]) -> DecodingArgs {
        Cli::try_parse_from(["x"].iter().chain(words)).unwrap().args
    }

    #[test]
    fn every_flag_of_the_search_reaches_its_option() {
        let flags = "--beam 4 --nbest 2 --lenpen 0.6 --unkpen -9 --unnormalized --min-len 2 --max-len-a 1.2 \
                     --max-len-b 10 --no-repeat-ngram-size 3 --temperature 1.5 --sampling --sampling-topk 10 --seed 7 \
                     --print-alignment --retain-dropout --retain-dropout-modules MultiheadAttention";
        let words: Vec<&str> = flags.split_whitespace().collect();
        let expected = GenerateOptions {
            beam: 4,
            nbest: 2,
            lenpen: 0.6,
            unkpen: -9.0,
            unnormalized: true,
            min_len: 2,
            max_len_a: 1.2,
            max_len_b: 10,
            no_repeat_ngram_size: 3,
            temperature: 1.5,
            sampling: true,
            sampling_topk: Some(10),
            seed: 7,
            attention: true,
            retain_dropout: true,
            retain_dropout_modules: Some(vec!["MultiheadAttention".to_owned()]),
            ..GenerateOptions::default()
        };
        assert_eq!(args(&words).options().unwrap(), expected);
        let flags = "--match-source-len --diverse-beam-groups 5 --diverse-beam-strength 0.7 --replace-unk";
        let words: Vec<&str> = flags.split_whitespace().collect();
        let expected = GenerateOptions {
            match_source_len: true,
            diverse_beam_groups: Some(5),
            diverse_beam_strength: 0.7,
            attention: true,
            ..GenerateOptions::default()
        };
        assert_eq!(args(&words).options().unwrap(), expected);
        let options = |words: &[&str]| args(words).options().unwrap();
        assert_eq!(options(&["--sampling-topp", "0.9"]).sampling_topp, Some(0.9));
        assert_eq!(options(&["--diversity-rate", "0.2"]).diversity_rate, Some(0.2));
        assert_eq!(
            options(&["--constraints"]).constraints,
            Some(ConstraintOrder::Ordered)
        );
        assert_eq!(
            options(&["--constraints=unordered"]).constraints,
            Some(ConstraintOrder::Unordered)
        );
        let none = "--sampling-topk -1 --sampling-topp -1 --diverse-beam-groups -1 --diversity-rate -1";
        assert_eq!(
            options(&none.split_whitespace().collect::<Vec<_>>()),
            GenerateOptions::default()
        );
    }

    #[test]
    fn flags_that_do_not_act_beside_the_others_are_named() {
        let notes = |words: &[&str]| args(words).without_effect().join("\n");
        assert!(notes(&["--seed", "7"]).starts_with("--seed changes nothing here"));
        assert!(notes(&["--unnormalized", "--lenpen", "2"]).starts_with("--lenpen changes nothing here"));
        for words in [
            &["--seed", "7", "--sampling"][..],
            &["--lenpen", "2"],
            &["--unnormalized", "--lenpen", "1"],
        ] {
            assert_eq!(notes(words), "");
        }
    }

    #[test]
    fn modules_are_named_as_words_or_as_a_list() {
        let modules = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            dropout_modules(&words)
        };
        let both = ["TransformerEncoder", "TransformerDecoderLayer"];
        assert_eq!(modules(&[]).unwrap(), None);
        for words in [
            &["TransformerEncoder", "TransformerDecoderLayer"][..],
            &["['TransformerModel', 'TransformerEncoderBase', 'TransformerDecoderLayer']"],
            &["[\"TransformerEncoder\",", "\"TransformerDecoderLayer\"]"],
        ] {
            assert_eq!(modules(words).unwrap().unwrap(), both);
        }
        assert!(
            modules(&["Encoder"])
                .unwrap_err()
                .to_string()
                .contains("choose from: TransformerEncoder")
        );
        assert!(modules(&["TransformerModel"]).is_err());
    }

    #[test]
    fn limits_have_a_default_when_neither_is_given() {
        let default = BatchLimits {
            max_tokens: Some(7),
            max_sentences: Some(3),
            required_batch_size_multiple: 8,
        };
        let limits = |words: &[&str]| args(words).limits(default.clone());
        assert_eq!(limits(&[]).unwrap(), default);
        let given = limits(&["--max-sentences", "5", "--required-batch-size-multiple", "1"]).unwrap();
        assert_eq!((given.max_tokens, given.max_sentences), (None, Some(5)));
        assert_eq!(given.required_batch_size_multiple, 1);
        assert_eq!(limits(&["--max-tokens", "0"]).unwrap(), default, "0 is no limit");
        let sentences = limits(&["--max-tokens", "0", "--batch-size", "4"]).unwrap();
        assert_eq!((sentences.max_tokens, sentences.max_sentences), (None, Some(4)));
        let wrong = limits(&["--required-batch-size-multiple", "0"]).unwrap_err();
        assert_eq!(crate::exit::code(&wrong), 2);
    }
}
