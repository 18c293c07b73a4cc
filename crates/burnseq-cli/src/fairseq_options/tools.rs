//! The commands of fairseq and the binaries that stand for them.

use burnseq_search::Generator;
use clap::CommandFactory;

use super::{Binary, Tool, read};
use crate::average_checkpoints::AverageArgs;
use crate::eval_lm::{self, EvalLmArgs};
use crate::generate::{self, GenerateArgs};
use crate::grammar::Grammar;
use crate::interactive::{self, InteractiveArgs};
use crate::preprocess::{self, PreprocessArgs};
use crate::score::ScoreArgs;
use crate::train::{self, TrainArgs};
use crate::validate::{self, ValidateArgs};

/// fairseq-preprocess.
pub(super) const PREPROCESS: Tool = Tool {
    fairseq: "fairseq-preprocess",
    binary: Binary {
        name: "preprocess",
        grammar: preprocess::GRAMMAR,
        command: PreprocessArgs::command,
        required: "-s de -t en --trainpref train",
        configure: |words| {
            read(preprocess::GRAMMAR, words, |args: PreprocessArgs| {
                let config = args.resolve()?.config;
                config.validate()?;
                Ok(format!("{config:?}"))
            })
        },
    },
    options: [&["PREPROCESS_OWN", "COMMON"], &[]],
};

/// fairseq-train.
pub(super) const TRAIN: Tool = Tool {
    fairseq: "fairseq-train",
    binary: Binary {
        name: "train",
        grammar: train::GRAMMAR,
        command: TrainArgs::command,
        required: "",
        configure: |words| {
            read(train::GRAMMAR, words, |args: TrainArgs| {
                Ok(format!("{:?}", train::Request::new(&args)?))
            })
        },
    },
    options: [
        &[
            "COMMON",
            "TASK",
            "MODEL",
            "LANGUAGE_MODELING",
            "DATA",
            "OPTIMIZATION",
            "SCHEDULE",
            "LOSS",
            "CHECKPOINT",
            "VALIDATION",
            "EMA",
            "DISTRIBUTED",
        ],
        &[],
    ],
};

/// Groups of the tools that decode, behind their own.
const OF_DECODING: &[&str] = &[
    "DECODING",
    "OUTPUT",
    "OTHERS",
    "DATA",
    "CHECKPOINT",
    "VALIDATION",
    "DISTRIBUTED",
    "COMMON",
];

/// fairseq-generate.
pub(super) const GENERATE: Tool = Tool {
    fairseq: "fairseq-generate",
    binary: Binary {
        name: "generate",
        grammar: generate::GRAMMAR,
        command: GenerateArgs::command,
        required: "",
        configure: |words| {
            read(generate::GRAMMAR, words, |args: GenerateArgs| {
                args.check()?;
                Generator::new(args.options()?)?;
                Ok(format!("{args:?}"))
            })
        },
    },
    options: [&["DATASET", "OF_GENERATE"], OF_DECODING],
};

/// fairseq-interactive.
pub(super) const INTERACTIVE: Tool = Tool {
    fairseq: "fairseq-interactive",
    binary: Binary {
        name: "interactive",
        grammar: interactive::GRAMMAR,
        command: InteractiveArgs::command,
        required: "",
        configure: |words| {
            read(interactive::GRAMMAR, words, |args: InteractiveArgs| {
                args.check()?;
                Generator::new(args.options()?)?;
                Ok(format!("{args:?}"))
            })
        },
    },
    options: [&["OF_INTERACTIVE", "NO_DATASET", "DATASET"], OF_DECODING],
};

/// fairseq-score.
pub(super) const SCORE: Tool = Tool {
    fairseq: "fairseq-score",
    binary: Binary {
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
    },
    options: [&["SCORE_OWN"], &[]],
};

/// fairseq-validate.
pub(super) const VALIDATE: Tool = Tool {
    fairseq: "fairseq-validate",
    binary: Binary {
        name: "validate",
        grammar: validate::GRAMMAR,
        command: ValidateArgs::command,
        required: "",
        configure: |words| {
            read(validate::GRAMMAR, words, |args: ValidateArgs| {
                Ok(format!("{:?}", validate::Request::new(&args)?))
            })
        },
    },
    options: [
        &[
            "VALIDATE_OWN",
            "DATA",
            "VALIDATION",
            "CHECKPOINT",
            "DISTRIBUTED",
            "COMMON",
        ],
        &[],
    ],
};

/// scripts/average_checkpoints.py.
pub(super) const AVERAGE_CHECKPOINTS: Tool = Tool {
    fairseq: "scripts/average_checkpoints.py",
    binary: Binary {
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
    },
    options: [&["AVERAGE_OWN"], &[]],
};

/// fairseq-eval-lm.
pub(super) const EVAL_LM: Tool = Tool {
    fairseq: "fairseq-eval-lm",
    binary: Binary {
        name: "eval-lm",
        grammar: eval_lm::GRAMMAR,
        command: EvalLmArgs::command,
        required: "",
        configure: |words| {
            read(eval_lm::GRAMMAR, words, |args: EvalLmArgs| {
                args.check()?;
                Ok(format!("{args:?}"))
            })
        },
    },
    options: [&["EVAL_LM_OWN", "DISTRIBUTED", "COMMON"], &[]],
};
