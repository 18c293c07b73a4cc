//! The flags of `generate`, with fairseq's names and meanings.

use std::path::PathBuf;

use anyhow::Result;
use burnseq::tasks::language_modeling;
use burnseq_data::{BatchLimits, DatasetImpl};
use burnseq_search::GenerateOptions;
use clap::{Parser, ValueEnum};

use super::prompts::PromptArgs;
use crate::decoding::continuer::is_language_model;
use crate::decoding::{ContinuingArgs, DecodingArgs, refuse_for_language_models, refuse_for_translation};
use crate::grammar::{Flags, ShortHelp};
use crate::problems::Problems;
use crate::task::TaskArgs;

/// Most tokens in a batch when neither tokens nor sentences are limited, as in fairseq.
const DEFAULT_MAX_TOKENS: usize = 12_000;
/// Most sentences then: thousands of short ones would fit, whose log-probabilities take gigabytes.
const DEFAULT_BATCH_SIZE: usize = 256;
/// Most hypotheses then, for the same reason.
const MOST_ROWS: usize = 8192;

/// Translate with a trained model, or continue text with a language model: a part of a dataset, a text file, or standard
/// input.
///
/// A dataset gives fairseq's S-, T-, H-, D- and P- lines with scores in base 2, then BLEU. With --input raw text comes
/// in and detokenised text goes out, one line for each line.
///
/// A language model continues the lines, or each --prompt, and prints them with what follows; the checkpoint tells which kind
/// of model it is. --max-len-b and --max-len-a limit new tokens then.
#[derive(Debug, Parser)]
#[command(name = "generate", version, max_term_width = 110, args_override_self = true)]
pub struct GenerateArgs {
    /// Folder of the dataset [default: data-bin]
    pub data: Option<PathBuf>,

    /// Part of the dataset to translate [default: test]
    #[arg(long, value_name = "SPLIT", help_heading = "Input")]
    pub gen_subset: Option<String>,
    /// Translate this text file instead of a dataset; `-` is standard input
    #[arg(long, value_name = "FILE", group = "text", help_heading = "Input")]
    pub input: Option<PathBuf>,
    /// Lines of --input, and each --prompt, are tokens of the dictionary already
    #[arg(long, requires = "text", help_heading = "Input")]
    pub tokenized: bool,
    /// Task and languages.
    #[command(flatten, next_help_heading = "Input")]
    pub task: TaskArgs,
    /// Format of the dataset: mmap, cached, lazy, raw [default: found out]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub dataset_impl: Option<DatasetImpl>,
    /// Leave out sentences of the dataset that are too long, instead of refusing to start; lines of --input that are too
    /// long stay empty in any case
    #[arg(long, help_heading = "Input")]
    pub skip_invalid_size_inputs_valid_test: bool,
    /// Force the first N tokens of each translation to be those of its reference [default: 0]
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub prefix_size: Option<usize>,
    /// Score the references instead of translating: H- lines are references
    #[arg(long, help_heading = "Input")]
    pub score_reference: bool,
    /// Divide the batches among N processes [default: 1]
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub num_shards: Option<usize>,
    /// Number of this process, from 0 [default: 0]
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub shard_id: Option<usize>,

    /// What it shares with `burnseq interactive`.
    #[command(flatten)]
    pub decoding: DecodingArgs,

    /// Prompts of a language model.
    #[command(flatten)]
    pub prompts: PromptArgs,
    /// How it continues them.
    #[command(flatten)]
    pub continuing: ContinuingArgs,

    /// Print scores only
    #[arg(long, help_heading = "Output")]
    pub quiet: bool,
    /// Print sentences in the order of the dataset, not batch by batch
    #[arg(long, help_heading = "Output")]
    pub in_order: bool,
    /// Scores: `bleu` prints BLEU4 on tokens and sacreBLEU on text, the others one score on text [default: bleu]
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Output")]
    pub scoring: Option<Scoring>,
    /// Short for `--scoring sacrebleu`
    #[arg(long, conflicts_with = "scoring", help_heading = "Output")]
    pub sacrebleu: bool,
    /// Write to the file generate-SPLIT.txt of this folder instead of stdout; it appears when it is complete
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub results_path: Option<PathBuf>,
    /// With --input: write translations to this file instead of stdout; it appears when it is complete
    #[arg(long, value_name = "FILE", requires = "text", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Replace the file that --output or --results-path names
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,
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
    /// chrF of sacreBLEU
    Chrf,
    /// Translation edit rate of sacreBLEU
    Ter,
}

impl Flags for GenerateArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            ("data", "Folder of the dataset [default: data-bin]"),
            (
                "path",
                "Checkpoint, or several of an ensemble, separated by colons [default: checkpoints/checkpoint_best]",
            ),
            ("gen-subset", "Part of the dataset [default: test]"),
            ("input", "Translate this text file instead; `-` is standard input"),
            ("output", ""),
            ("beam", "Hypotheses of each step [default: 5]"),
            (
                "lenpen",
                "Length penalty: above 1 longer translations, below 1 shorter ones [default: 1]",
            ),
            ("nbest", "Translations of each sentence [default: 1]"),
            ("batch-size", "Sentences of a batch"),
            ("sampling", "Draw tokens instead of searching"),
            ("prompt", "Continue this text with a language model"),
            ("quiet", ""),
            (
                "device",
                "Where to compute: auto, cpu, cuda, cuda:N [default: auto]",
            ),
        ],
        examples: "generate --beam 5\n\
                   generate data-bin --path checkpoints/checkpoint_best --gen-subset valid --quiet\n\
                   generate --input text.de --output text.en\n\
                   generate --path lm/checkpoint_best --prompt \"The king\" --sampling --sampling-topk 40",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        self.decoding
            .problems_beside([self.check_flags(), self.limits().map(drop)])
    }
}

impl GenerateArgs {
    /// What to score by.
    pub(super) fn scoring(&self) -> Scoring {
        if self.sacrebleu {
            Scoring::Sacrebleu
        } else {
            self.scoring.unwrap_or(Scoring::Bleu)
        }
    }

    /// The file that lines go to, where it is not stdout.
    pub(super) fn output_file(&self) -> Option<PathBuf> {
        let results = self.results_path.as_ref();
        let results = results.map(|folder| folder.join(format!("generate-{}.txt", self.subset())));
        self.output.clone().or(results)
    }

    /// Part of the dataset.
    pub(super) fn subset(&self) -> &str {
        self.gen_subset.as_deref().unwrap_or("test")
    }

    /// Number of this process, and of all.
    pub(super) fn shard(&self) -> (usize, usize) {
        (self.shard_id.unwrap_or(0), self.num_shards.unwrap_or(1))
    }

    /// The options of the search.
    ///
    /// # Errors
    /// A name in `--retain-dropout-modules` that is none.
    pub(crate) fn options(&self) -> Result<GenerateOptions> {
        self.continuing.options(&self.decoding)
    }

    /// Whether the flags or the checkpoint ask for a language model.
    pub(super) fn asks_for_language_model(&self) -> bool {
        let task = self.task.task.as_deref();
        (task.is_none() && self.of_language_models().next().is_some())
            || is_language_model(task, &self.decoding)
    }

    /// The flags of language models that are given.
    fn of_language_models(&self) -> impl Iterator<Item = &'static str> {
        self.prompts.given().chain(self.continuing.given())
    }

    /// Refuses the flags of translation for a language model.
    ///
    /// # Errors
    /// Every flag that is given.
    pub(super) fn check_language_model(&self) -> Result<()> {
        let mut problems = Problems::new();
        let decoding = &self.decoding;
        let of_translation = [
            ("--source-lang", self.task.languages.source_lang.is_some()),
            ("--target-lang", self.task.languages.target_lang.is_some()),
            ("--score-reference", self.score_reference),
            ("--num-shards", self.num_shards.is_some()),
            ("--shard-id", self.shard_id.is_some()),
            ("--in-order", self.in_order),
            ("--scoring", self.scoring.is_some()),
            ("--sacrebleu", self.sacrebleu),
            (
                "--skip-invalid-size-inputs-valid-test",
                self.skip_invalid_size_inputs_valid_test,
            ),
        ];
        refuse_for_language_models(&of_translation, &mut problems);
        refuse_for_language_models(&decoding.of_translation(), &mut problems);
        let of_dataset = [
            ("a dataset", self.data.is_some()),
            ("--gen-subset", self.gen_subset.is_some()),
            ("--dataset-impl", self.dataset_impl.is_some()),
            ("--prefix-size", self.prefix_size.is_some()),
            ("--results-path", self.results_path.is_some()),
            ("--print-step", decoding.print_step),
            ("--quiet", self.quiet && self.prompts.choices.is_none()),
        ];
        let is_text = self.input.is_some() || !self.prompts.prompt.is_empty();
        for (what, _) in of_dataset.iter().filter(|(_, given)| *given && is_text) {
            problems.say(format!(
                "{what} does not go with --input and --prompt, which give text\nhint: leave it out"
            ));
        }
        let of_writing = [
            ("--continuation-only", self.continuing.continuation_only),
            ("--count-prompt", self.prompts.count_prompt),
            ("--ignore-eos", self.continuing.ignore_eos),
            ("--sliding-window", self.continuing.sliding_window),
            ("--sampling", decoding.search.sampling),
            ("--nbest", decoding.search.nbest.is_some()),
            (
                "--diverse-beam-groups",
                decoding.search.diverse_beam_groups.is_some(),
            ),
        ];
        for (flag, _) in of_writing
            .iter()
            .filter(|(_, given)| *given && self.prompts.choices.is_some())
        {
            problems.say(format!(
                "{flag} is about what a model writes, and with --choices it writes nothing\nhint: leave it out"
            ));
        }
        if self.prompts.choices.is_some() && decoding.path.as_deref().is_some_and(|path| path.contains(':')) {
            problems.say("--choices takes one model\nhint: give one checkpoint as --path");
        }
        if self.prompts.count_prompt && decoding.search.sampling {
            problems.say(
                "--count-prompt and --sampling exclude each other: a prompt is given, not drawn\nhint: leave one of them out",
            );
        }
        problems.into_result()
    }

    /// The limits of batches.
    ///
    /// # Errors
    /// A multiple of 0.
    pub(super) fn limits(&self) -> Result<BatchLimits> {
        let beam = self.decoding.search.beam.unwrap_or(1).max(1);
        self.decoding.limits(BatchLimits {
            max_tokens: Some(DEFAULT_MAX_TOKENS),
            max_sentences: Some((MOST_ROWS / beam).clamp(1, DEFAULT_BATCH_SIZE)),
            ..BatchLimits::default()
        })
    }

    /// Checks combinations; no file is touched.
    ///
    /// # Errors
    /// Flags that contradict each other.
    pub fn check(&self) -> Result<()> {
        let mut problems = Problems::new();
        problems.take(self.decoding.text.check());
        if self.overwrite && self.output_file().is_none() {
            problems.say(
                "--overwrite replaces the file that --output or --results-path names\nhint: leave it out",
            );
        }
        let (shard, shards) = self.shard();
        if shard >= shards {
            problems.say(format!(
                "--shard-id {shard} must be below --num-shards ({shards})\nhint: shards are counted from 0"
            ));
        }
        if self.score_reference {
            let search = self.decoding.search.kind();
            let prefix = self.prefix_size.filter(|&size| size > 0).map(|_| "--prefix-size");
            let lm = self.decoding.lm_path.as_ref().map(|_| "--lm-path");
            for flag in search.into_iter().chain(prefix).chain(lm) {
                problems.say(format!(
                    "--score-reference searches nothing, so {flag} has no meaning\nhint: leave one of them out"
                ));
            }
        }
        problems.into_result()
    }

    /// Checks what only a translation model takes.
    ///
    /// # Errors
    /// Flags of language models, and flags that contradict each other.
    pub(super) fn check_translation(&self) -> Result<()> {
        let mut problems = Problems::new();
        refuse_for_translation(self.of_language_models(), &mut problems);
        if self.input.is_some() {
            self.check_text(&mut problems);
        } else if self.decoding.search.constraints.is_some() {
            problems.say(
                "--constraints reads constraints from lines of text\nhint: use `burnseq interactive`, or give --input",
            );
        }
        problems.into_result()
    }

    /// Everything that can be said of the flags before a model is known: of what the task takes, where they tell which it is.
    fn check_flags(&self) -> Result<()> {
        let mut problems = Problems::new();
        problems.take(self.check());
        problems.take(
            match (self.of_language_models().next(), self.task.task.as_deref()) {
                (_, Some(language_modeling::NAME)) | (Some(_), None) => self.check_language_model(),
                _ => self.check_translation(),
            },
        );
        problems.into_result()
    }

    /// Checks what does not go with `--input`.
    fn check_text(&self, problems: &mut Problems) {
        let dataset_only = [
            ("--gen-subset", self.gen_subset.is_some()),
            ("--dataset-impl", self.dataset_impl.is_some()),
            ("--prefix-size", self.prefix_size.is_some()),
            ("--score-reference", self.score_reference),
            ("--num-shards", self.num_shards.is_some()),
            ("--shard-id", self.shard_id.is_some()),
            ("--in-order", self.in_order),
            ("--quiet", self.quiet),
            ("--scoring", self.scoring.is_some()),
            ("--sacrebleu", self.sacrebleu),
            ("--results-path", self.results_path.is_some()),
        ];
        for (flag, _) in dataset_only.iter().filter(|(_, given)| *given) {
            problems.say(format!(
                "{flag} goes with a dataset; --input gives one line of text for each line, in order\nhint: leave it out"
            ));
        }
        let lines_only = [
            (
                "--nbest",
                self.decoding.search.nbest.is_some_and(|nbest| nbest != 1),
            ),
            ("--print-alignment", self.decoding.print_alignment.is_some()),
            ("--print-step", self.decoding.print_step),
        ];
        for (flag, _) in lines_only.iter().filter(|(_, given)| *given) {
            problems.say(format!(
                "{flag} has no place with --input, which gives one line of text for each line\nhint: use `burnseq interactive`"
            ));
        }
    }

    /// Flags that do not act beside the others: a note on each.
    pub(super) fn without_effect(&self) -> Vec<String> {
        const TOKENISED: &str = "the text of a dataset is tokenised already";
        let flags = [
            (
                "--skip-invalid-size-inputs-valid-test",
                self.skip_invalid_size_inputs_valid_test && self.input.is_some(),
                "lines that are too long stay empty in any case",
            ),
            (
                "--moses-no-dash-splits",
                self.decoding.text.moses_no_dash_splits && self.input.is_none(),
                TOKENISED,
            ),
            (
                "--moses-no-escape",
                self.decoding.text.moses_no_escape && self.input.is_none(),
                TOKENISED,
            ),
            (
                "--in-order",
                self.in_order && self.quiet,
                "--quiet prints no sentences",
            ),
        ];
        let given = flags.iter().filter(|(_, given, _)| *given);
        let notes = given.map(|(flag, _, why)| format!("{flag} changes nothing here: {why}"));
        notes.chain(self.untranslated()).collect()
    }

    /// A note on a dataset beside `--input`; bare weights take their dictionaries from it.
    fn untranslated(&self) -> Option<String> {
        let (data, input) = (self.data.as_ref()?, self.input.as_ref()?);
        self.decoding.arch.is_none().then(|| {
            format!(
                "the dataset {} is not translated: --input {} is",
                data.display(),
                input.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::GRAMMAR;

    fn parse(flags: &str) -> clap::error::Result<Result<GenerateArgs>> {
        GRAMMAR.try_parse(["generate"].into_iter().chain(flags.split_whitespace()))
    }

    fn args(flags: &str) -> GenerateArgs {
        parse(flags).unwrap().unwrap()
    }

    #[test]
    fn a_command_of_fairseq_is_understood() {
        let args = args(
            "data-bin --path model --cpu --remove-bpe --batch-size 64 --required-batch-size-multiple 1 --seed 1 \
             --beam 4 --lenpen 0.6 --unkpen=-9 --max-len-a 1.2 --max-len-b 10 --gen-subset valid --max-sentences 8 \
             --print-alignment --dataset-impl raw",
        );
        assert_eq!(args.data.as_deref(), Some("data-bin".as_ref()));
        let decoding = &args.decoding;
        assert_eq!(
            (
                decoding.search.beam,
                decoding.search.lenpen,
                decoding.search.unkpen
            ),
            (Some(4), Some(0.6), Some(-9.0))
        );
        assert_eq!(
            (decoding.batch_size(), decoding.compute.device_name()),
            (Some(8), "cpu")
        );
        assert_eq!(decoding.marks.post_process(), burnseq_text::RemoveBpe::SubwordNmt);
        assert_eq!(args.dataset_impl, Some(DatasetImpl::Raw));
        args.check_flags().unwrap();
    }

    #[test]
    fn a_value_that_may_be_left_out_is_no_folder_and_no_folder_such_a_value() {
        let plain = args("--remove-bpe data-bin");
        assert_eq!(plain.data.as_deref(), Some("data-bin".as_ref()));
        let named = args("--post-process sentencepiece --print-alignment soft data-bin");
        assert_eq!(named.data.as_deref(), Some("data-bin".as_ref()));
        assert_eq!(
            named.decoding.marks.post_process(),
            burnseq_text::RemoveBpe::SentencePiece
        );
        assert_eq!(
            named.decoding.print_alignment,
            Some(crate::decoding::Alignment::Soft)
        );
        assert_eq!(
            args("").decoding.marks.post_process(),
            burnseq_text::RemoveBpe::None
        );
    }

    #[test]
    fn what_has_no_meaning_together_is_refused() {
        for (flags, expected) in [
            ("--input - --nbest 2", "--nbest has no place with --input"),
            ("--input - --print-alignment", "--print-alignment has no place"),
            ("--input - --print-step", "--print-step has no place"),
            ("--input - --quiet", "--quiet goes with a dataset"),
            ("--input - --prefix-size 1", "--prefix-size goes with a dataset"),
            (
                "--input - --score-reference",
                "--score-reference goes with a dataset",
            ),
            ("--input - --results-path x", "--results-path goes with a dataset"),
            ("--input - --shard-id 0", "--shard-id goes with a dataset"),
            (
                "--input - --dataset-impl raw",
                "--dataset-impl goes with a dataset",
            ),
            ("--constraints", "give --input"),
            ("--shard-id 1", "must be below --num-shards (1)"),
            ("--shard-id 2 --num-shards 2", "must be below --num-shards (2)"),
            ("--score-reference --sampling", "--sampling has no meaning"),
            (
                "--score-reference --prefix-size 2",
                "--prefix-size has no meaning",
            ),
            ("--bpe subword_nmt", "add --bpe-codes"),
        ] {
            let problem = args(flags).check_flags().unwrap_err().to_string();
            assert!(problem.contains(expected), "{flags}: {problem}");
        }
        for flags in ["--output x", "--tokenized"] {
            let problem = parse(flags).unwrap().unwrap_err().to_string();
            assert!(
                problem.contains("--input <FILE>") && problem.contains("missing"),
                "{problem}"
            );
        }
        for flags in [
            "--input - --constraints unordered --replace-unk",
            "--input - --path x.safetensors --arch transformer -s de -t en",
            "--input - -s de -t en data-bin",
            "--input - -s de -t en",
            "--score-reference --prefix-size 0 --beam 5 --unkpen 5",
            "--num-shards 3 --shard-id 2",
        ] {
            args(flags).check_flags().unwrap();
        }
    }

    #[test]
    fn all_that_has_no_meaning_is_told_at_once_and_what_does_not_act_is_noted() {
        let problem = args("--input - --quiet --nbest 2 --shard-id 3 --bpe subword_nmt")
            .check_flags()
            .unwrap_err();
        let blocks = crate::exit::blocks(&problem);
        assert_eq!(blocks.len(), 5, "{blocks:?}");
        assert!(blocks.iter().all(|block| block.contains("hint: ")), "{blocks:?}");
        for (flags, flag) in [
            (
                "--input - --skip-invalid-size-inputs-valid-test",
                "--skip-invalid-size-inputs-valid-test",
            ),
            ("--tokenizer moses --moses-no-escape", "--moses-no-escape"),
            (
                "--tokenizer moses --moses-no-dash-splits",
                "--moses-no-dash-splits",
            ),
            ("--quiet --in-order", "--in-order"),
        ] {
            let notes = args(flags).without_effect();
            assert_eq!(notes.len(), 1, "{flags}: {notes:?}");
            assert!(
                notes[0].starts_with(&format!("{flag} changes nothing here")),
                "{notes:?}"
            );
        }
        let notes = args("bin --input x --path a").without_effect();
        assert_eq!(notes, ["the dataset bin is not translated: --input x is"]);
        assert!(
            args("bin --input x --path a.safetensors --arch transformer")
                .without_effect()
                .is_empty()
        );
        assert!(
            args("--in-order --skip-invalid-size-inputs-valid-test")
                .without_effect()
                .is_empty()
        );
    }

    #[test]
    fn overrides_are_a_dictionary() {
        let args = args("--model-overrides {'dropout':0}");
        assert_eq!(args.decoding.overrides.unwrap().len(), 1);
        assert!(parse("--model-overrides [1]").unwrap().is_err());
    }
}
