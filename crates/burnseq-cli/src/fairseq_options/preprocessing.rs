//! fairseq-preprocess.

use clap::CommandFactory;

use super::{Binary, COMMON, FairseqOption, Tool, option, option_with, read};
use crate::preprocess::{GRAMMAR, PreprocessArgs};

/// fairseq-preprocess.
pub(super) const PREPROCESS: Tool = Tool {
    fairseq: "fairseq-preprocess",
    binary: Ok(Binary {
        name: "preprocess",
        grammar: GRAMMAR,
        command: PreprocessArgs::command,
        required: "-s de -t en --trainpref train",
        configure: |words| {
            read(GRAMMAR, words, |args: PreprocessArgs| {
                let config = args.resolve()?.config;
                config.validate()?;
                Ok(format!("{config:?}"))
            })
        },
    }),
    options: &[OWN, COMMON],
};

const OWN: &[FairseqOption] = &[
    option("--source-lang -s", "xx"),
    option("--target-lang -t", "xx"),
    option("--trainpref", "text/train"),
    option("--validpref", "valid,valid1"),
    option("--testpref", "test,test1"),
    option("--align-suffix", "align"),
    option("--destdir", "elsewhere"),
    option("--thresholdsrc", "2"),
    option("--thresholdtgt", "2"),
    option("--nwordssrc", "1000"),
    option("--nwordstgt", "1000"),
    option("--alignfile", "align"),
    option("--srcdict", "dict"),
    option("--tgtdict", "dict"),
    option("--joined-dictionary", ""),
    option("--padding-factor", "4"),
    option("--dict-only", ""),
    option("--only-source", ""),
    option("--workers", "3"),
    option("--dataset-impl", "raw"),
    option("--bpe", "subword_nmt"),
    option("--tokenizer", "moses"),
    option_with("--moses-no-dash-splits", "", "--tokenizer moses"),
    option_with("--moses-no-escape", "", "--tokenizer moses"),
    option("--criterion", "cross_entropy"),
    option("--optimizer", "adam"),
    option("--lr-scheduler", "fixed"),
    option("--scoring", "bleu"),
];
