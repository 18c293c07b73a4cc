//! fairseq's tools around training and decoding.

use clap::CommandFactory;

use super::training::{CHECKPOINT, DATA, DISTRIBUTED, VALIDATION};
use super::{Binary, COMMON, FairseqOption, Tool, option, option_with, read};
use crate::average_checkpoints::AverageArgs;
use crate::grammar::Grammar;
use crate::score::ScoreArgs;
use crate::validate::{self, ValidateArgs};

/// fairseq-score.
pub(super) const SCORE: Tool = Tool {
    fairseq: "fairseq-score",
    binary: Ok(Binary {
        name: "score",
        grammar: Grammar::PLAIN,
        command: ScoreArgs::command,
        required: "--ref references",
        configure: |words| {
            read(Grammar::PLAIN, words, |args: ScoreArgs| {
                args.check()?;
                Ok(format!("{args:?}"))
            })
        },
    }),
    options: &[SCORE_OWN],
};

const SCORE_OWN: &[FairseqOption] = &[
    option("--sys -s", "translations"),
    option_with("--ref -r", "other", "--sacrebleu"),
    option("--order -o", "3"),
    option("--ignore-case", ""),
    option("--sacrebleu", ""),
    option("--sentence-bleu", ""),
];

/// fairseq-validate.
pub(super) const VALIDATE: Tool = Tool {
    fairseq: "fairseq-validate",
    binary: Ok(Binary {
        name: "validate",
        grammar: validate::GRAMMAR,
        command: ValidateArgs::command,
        required: "",
        configure: |words| {
            read(validate::GRAMMAR, words, |args: ValidateArgs| {
                Ok(format!("{:?}", validate::Request::new(&args)?))
            })
        },
    }),
    options: &[VALIDATE_OWN, DATA, VALIDATION, CHECKPOINT, DISTRIBUTED, COMMON],
};

const VALIDATE_OWN: &[FairseqOption] = &[
    option("--path", "model"),
    option("--valid-subset", "valid,test"),
    option("--source-lang -s", "de"),
    option("--target-lang -t", "en"),
    option("--dataset-impl", "raw"),
    option("--max-tokens --max-tokens-valid", "1000"),
    option(
        "--batch-size --max-sentences --batch-size-valid --max-sentences-valid",
        "32",
    ),
    option("--required-batch-size-multiple", "1"),
    option("--skip-invalid-size-inputs-valid-test", ""),
    option("--max-valid-steps --nval", "10"),
    option("--model-overrides", "{}"),
    option("--distributed-world-size", "1"),
    option("--max-source-positions", "100"),
    option("--max-target-positions", "100"),
    option("--post-process --remove-bpe", "sentencepiece"),
    option("--quiet", ""),
    option("--results-path", "results"),
    option("--force-anneal", "3"),
    option("--disable-validation", ""),
    option("--lr-shrink", "0.1"),
    option("--warmup-updates", "4000"),
    option("--criterion", "cross_entropy"),
    option("--optimizer", "adam"),
    option("--lr-scheduler", "fixed"),
    option("--scoring", "bleu"),
    option("--bpe", "subword_nmt"),
    option("--tokenizer", "moses"),
    option("--eval-bleu", ""),
    option_with(
        "--eval-bleu-args",
        r#"{"beam": 4, "max_len_a": 1.2}"#,
        "--eval-bleu",
    ),
    option_with("--eval-bleu-detok", "moses", "--eval-bleu"),
    option_with("--eval-bleu-detok-args", "{}", "--eval-bleu"),
    option_with("--eval-tokenized-bleu", "", "--eval-bleu"),
    option_with("--eval-bleu-remove-bpe", "sentencepiece", "--eval-bleu"),
];

/// scripts/average_checkpoints.py.
pub(super) const AVERAGE_CHECKPOINTS: Tool = Tool {
    fairseq: "scripts/average_checkpoints.py",
    binary: Ok(Binary {
        name: "average",
        grammar: Grammar::PLAIN,
        command: AverageArgs::command,
        required: "--inputs checkpoints --output average",
        configure: |words| {
            read(Grammar::PLAIN, words, |args: AverageArgs| {
                Ok(format!(
                    "{:?} {:?} {:?}",
                    args.selection()?,
                    args.inputs,
                    args.output
                ))
            })
        },
    }),
    options: &[AVERAGE_OWN],
};

const AVERAGE_OWN: &[FairseqOption] = &[
    option("--inputs", "other"),
    option("--output", "other"),
    option("--num-epoch-checkpoints", "5"),
    option("--num-update-checkpoints", "5"),
    option("--num-best-checkpoints", "5"),
    option_with("--checkpoint-upper-bound", "30", "--num-epoch-checkpoints 5"),
];

/// fairseq-eval-lm.
pub(super) const EVAL_LM: Tool = Tool {
    fairseq: "fairseq-eval-lm",
    binary: Err("There is no binary for it before there is a language model to evaluate."),
    options: &[EVAL_LM_OWN, COMMON],
};

const EVAL_LM_OWN: &[FairseqOption] = &[
    option("--path", "model"),
    option("--gen-subset", "valid"),
    option("--tokens-per-sample", "100"),
    option("--context-window", "50"),
    option("--softmax-batch", "100"),
    option("--output-word-probs", ""),
    option("--output-word-stats", ""),
    option("--remove-bpe", ""),
    option("--max-tokens", "1000"),
];
