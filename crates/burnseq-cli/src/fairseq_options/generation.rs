//! fairseq-generate and fairseq-interactive.

use burnseq_search::Generator;
use clap::CommandFactory;

use super::training::{CHECKPOINT, DATA, DISTRIBUTED, VALIDATION};
use super::{Binary, COMMON, FairseqOption, Tool, option, option_with, read};
use crate::generate::{self, GenerateArgs};
use crate::interactive::{self, InteractiveArgs};

/// fairseq-generate.
pub(super) const GENERATE: Tool = Tool {
    fairseq: "fairseq-generate",
    binary: Ok(Binary {
        name: "generate",
        grammar: generate::GRAMMAR,
        command: GenerateArgs::command,
        required: "",
        configure: |words| {
            read(generate::GRAMMAR, words, |args: GenerateArgs| {
                args.check()?;
                Generator::new(args.decoding.options()?)?;
                Ok(format!("{args:?}"))
            })
        },
    }),
    options: &[
        DATASET,
        OF_GENERATE,
        DECODING,
        OUTPUT,
        OTHERS,
        DATA,
        CHECKPOINT,
        VALIDATION,
        DISTRIBUTED,
        COMMON,
    ],
};

/// fairseq-interactive.
pub(super) const INTERACTIVE: Tool = Tool {
    fairseq: "fairseq-interactive",
    binary: Ok(Binary {
        name: "interactive",
        grammar: interactive::GRAMMAR,
        command: InteractiveArgs::command,
        required: "",
        configure: |words| {
            read(interactive::GRAMMAR, words, |args: InteractiveArgs| {
                args.check()?;
                Generator::new(args.decoding.options()?)?;
                Ok(format!("{args:?}"))
            })
        },
    }),
    options: &[
        OF_INTERACTIVE,
        NO_DATASET,
        DATASET,
        DECODING,
        OUTPUT,
        OTHERS,
        DATA,
        CHECKPOINT,
        VALIDATION,
        DISTRIBUTED,
        COMMON,
    ],
};

/// What has no meaning without a dataset, but with these values.
const NO_DATASET: &[FairseqOption] = &[
    option("--num-shards", "1"),
    option("--shard-id", "0"),
    option("--prefix-size", "0"),
];

/// What only a dataset needs.
const DATASET: &[FairseqOption] = &[
    option("--path", "model:other"),
    option("--model-overrides", "{'max_source_positions': 100}"),
    option("--gen-subset", "valid"),
    option_with("--num-shards", "3", "--shard-id 1 --num-shards 2"),
    option_with("--shard-id", "1", "--num-shards 2"),
    option("--dataset-impl", "raw"),
    option("--skip-invalid-size-inputs-valid-test", ""),
    option("--quiet", ""),
    option("--results-path", "results"),
    option("--score-reference", ""),
    option("--prefix-size", "2"),
    option("--scoring", "sacrebleu"),
    option("--sacrebleu", ""),
];

const OF_GENERATE: &[FairseqOption] = &[
    option("--source-lang -s", "de"),
    option("--target-lang -t", "en"),
    option("--batch-size --max-sentences", "32"),
    option_with("--constraints", "unordered", "--input -"),
    option("--buffer-size", "3"),
];

const OF_INTERACTIVE: &[FairseqOption] = &[
    option("--input", "lines"),
    option("--buffer-size", "3"),
    option_with("--source-lang -s", "de", "data-bin"),
    option_with("--target-lang -t", "en", "data-bin"),
    option_with("--batch-size --max-sentences", "8", "--buffer-size 16"),
    option("--constraints", "unordered"),
];

const DECODING: &[FairseqOption] = &[
    option("--max-tokens", "1000"),
    option("--required-batch-size-multiple", "1"),
    option("--beam", "4"),
    option("--nbest", "2"),
    option("--lenpen", "0.6"),
    option("--unkpen", "-1"),
    option("--unnormalized", ""),
    option("--max-len-a", "1.2"),
    option("--max-len-b", "10"),
    option("--min-len", "3"),
    option("--match-source-len", ""),
    option("--no-repeat-ngram-size", "3"),
    option("--sampling", ""),
    option_with("--sampling-topk", "10", "--sampling"),
    option_with("--sampling-topp", "0.9", "--sampling"),
    option("--temperature", "1.5"),
    option("--diverse-beam-groups", "5"),
    option_with("--diverse-beam-strength", "0.7", "--diverse-beam-groups 5"),
    option("--diversity-rate", "0.5"),
    option("--lm-path", "lm"),
    option("--lm-weight", "0.1"),
    option("--retain-dropout", ""),
    option_with(
        "--retain-dropout-modules",
        "TransformerEncoderLayer",
        "--retain-dropout",
    ),
    option("--tokenizer", "moses"),
    option_with("--moses-no-dash-splits", "", "--tokenizer moses"),
    option_with("--moses-no-escape", "", "--tokenizer moses"),
    option_with("--bpe", "fastbpe", "--bpe subword_nmt --bpe-codes codes"),
    option_with("--bpe-codes", "codes", "--bpe subword_nmt --bpe-codes other"),
    option_with(
        "--sentencepiece-model",
        "model",
        "--bpe sentencepiece --sentencepiece-model other",
    ),
];

const OUTPUT: &[FairseqOption] = &[
    option("--remove-bpe --post-process", "sentencepiece"),
    option("--print-alignment", "soft"),
    option("--print-step", ""),
    option("--replace-unk", "dict"),
];

/// What fairseq's parsers take as well.
const OTHERS: &[FairseqOption] = &[
    option("--criterion", "cross_entropy"),
    option("--optimizer", "adam"),
    option("--lr-scheduler", "fixed"),
    option("--force-anneal", "3"),
    option("--disable-validation", ""),
    option("--lr-shrink", "0.1"),
    option("--warmup-updates", "4000"),
    option("--pad", "1"),
    option("--eos", "2"),
    option("--unk", "3"),
    option("--eos-token", "[en]"),
    option("--bpe-separator", "@@"),
    option("--sentencepiece-enable-sampling", ""),
    option("--sentencepiece-alpha", "0.1"),
    option("--beam-mt", "0"),
    option("--lenpen-mt", "1"),
    option("--max-len-a-mt", "0"),
    option("--max-len-b-mt", "200"),
    option("--no-seed-provided", ""),
    option("--max-source-positions", "100"),
    option("--max-target-positions", "100"),
    option("--checkpoint-suffix", "\"\""),
    option("--distributed-world-size", "1"),
    option("--no-early-stop", ""),
    option("--no-beamable-mm", ""),
    option("--decoding-format", "ensemble"),
    option("--sacrebleu-tokenizer", "13a"),
    option("--sacrebleu-lowercase", ""),
    option("--sacrebleu-char-level", ""),
    option("--iter-decode-max-iter", "5"),
    option("--iter-decode-eos-penalty", "0.1"),
    option("--iter-decode-with-beam", "2"),
    option("--iter-decode-force-max-iter", ""),
    option("--iter-decode-with-external-reranker", ""),
    option("--retain-iter-history", ""),
];
