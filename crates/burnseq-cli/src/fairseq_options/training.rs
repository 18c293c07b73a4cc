//! fairseq-train.

use clap::CommandFactory;

use super::{Binary, COMMON, FairseqOption, Tool, option, option_with, read};
use crate::train::{GRAMMAR, Request, TrainArgs};

/// fairseq-train.
pub(super) const TRAIN: Tool = Tool {
    fairseq: "fairseq-train",
    binary: Ok(Binary {
        name: "train",
        grammar: GRAMMAR,
        command: TrainArgs::command,
        required: "",
        configure: |words| {
            read(GRAMMAR, words, |args: TrainArgs| {
                let request = Request::new(&args)?;
                request.train.validate(&request.task.metrics())?;
                Ok(format!("{request:?}"))
            })
        },
    }),
    options: &[
        COMMON,
        TASK,
        MODEL,
        DATA,
        OPTIMIZATION,
        SCHEDULE,
        LOSS,
        CHECKPOINT,
        VALIDATION,
        EMA,
        DISTRIBUTED,
    ],
};

const TASK: &[FairseqOption] = &[
    option("--criterion", "cross_entropy"),
    option("--optimizer", "nag"),
    option("--lr-scheduler", "fixed"),
    option("--scoring", "bleu"),
    option("--bpe", "subword_nmt"),
    option("--tokenizer", "moses"),
    option("--source-lang -s", "de"),
    option("--target-lang -t", "en"),
];

const MODEL: &[FairseqOption] = &[
    option("--arch -a", "transformer"),
    option("--encoder-embed-dim", "64"),
    option("--encoder-ffn-embed-dim", "64"),
    option("--encoder-layers", "2"),
    option("--encoder-attention-heads", "2"),
    option("--encoder-normalize-before", ""),
    option("--encoder-learned-pos", ""),
    option("--encoder-embed-path", "vectors"),
    option("--encoder-layerdrop", "0.1"),
    option("--encoder-layers-to-keep", "0,2"),
    option("--decoder-embed-dim", "64"),
    option("--decoder-ffn-embed-dim", "64"),
    option("--decoder-layers", "2"),
    option("--decoder-attention-heads", "2"),
    option("--decoder-normalize-before", ""),
    option("--decoder-learned-pos", ""),
    option("--decoder-embed-path", "vectors"),
    option("--decoder-layerdrop", "0.1"),
    option("--decoder-layers-to-keep", "0,2"),
    option("--dropout", "0.3"),
    option("--attention-dropout", "0.3"),
    option("--activation-dropout --relu-dropout", "0.3"),
    option("--activation-fn", "gelu"),
    option("--share-decoder-input-output-embed", ""),
    option("--share-all-embeddings", ""),
    option("--merge-src-tgt-embed", ""),
    option("--max-source-positions", "100"),
    option("--max-target-positions", "100"),
    option("--no-token-positional-embeddings", ""),
    option("--layernorm-embedding", ""),
    option("--no-scale-embedding", ""),
    option("--adaptive-softmax-cutoff", "100,1000"),
    option("--adaptive-softmax-dropout", "0.1"),
    option("--adaptive-softmax-factor", "4"),
    option("--checkpoint-activations", ""),
    option("--quant-noise-pq", "0.1"),
    option("--quant-noise-pq-block-size", "8"),
    option("--quant-noise-scalar", "0.1"),
];

const DATA: &[FairseqOption] = &[
    option("--max-tokens", "1000"),
    option("--batch-size --max-sentences", "32"),
    option("--required-batch-size-multiple", "1"),
    option("--required-seq-len-multiple", "8"),
    option("--num-workers", "0"),
    option("--data-buffer-size", "3"),
    option("--dataset-impl", "raw"),
    option("--train-subset", "train1"),
    option("--valid-subset", "valid,valid1"),
    option("--max-tokens-valid", "1000"),
    option("--batch-size-valid --max-sentences-valid", "32"),
    option("--skip-invalid-size-inputs-valid-test", ""),
    option("--curriculum", "2"),
    option("--truncate-source", ""),
    option("--upsample-primary", "2"),
    option("--left-pad-source", "False"),
    option("--left-pad-target", "False"),
    option("--num-batch-buckets", "8"),
    option("--load-alignments", ""),
    option("--grouped-shuffling", ""),
];

const OPTIMIZATION: &[FairseqOption] = &[
    option("--adam-betas", "(0.9, 0.999)"),
    option("--adam-eps", "1e-6"),
    option("--weight-decay --wd", "0.1"),
    option_with("--momentum", "0.9", "--optimizer nag"),
    option("--use-old-adam", ""),
    option("--fp16-adam-stats", ""),
    option("--lr --learning-rate", "1e-3"),
    option("--clip-norm", "1.0"),
    option("--update-freq", "4,2"),
    option("--sentence-avg", ""),
    option("--max-epoch", "30"),
    option("--max-update", "1000"),
    option("--stop-time-hours", "2"),
    option("--stop-min-lr", "1e-9"),
    option("--skip-remainder-batch", ""),
];

const SCHEDULE: &[FairseqOption] = &[
    option("--warmup-updates", "100"),
    option("--warmup-init-lr", "1e-7"),
    option_with("--force-anneal --fa", "7", "--lr-scheduler fixed"),
    option_with("--lr-shrink --shrink", "0.5", "--lr-scheduler fixed"),
    option_with(
        "--end-learning-rate",
        "1e-6",
        "--lr-scheduler polynomial_decay --max-update 1000",
    ),
    option_with(
        "--power",
        "2",
        "--lr-scheduler polynomial_decay --max-update 1000",
    ),
    option_with(
        "--total-num-update",
        "900",
        "--lr-scheduler polynomial_decay --max-update 1000",
    ),
    option_with("--min-lr", "1e-9", "--lr-scheduler cosine --max-update 1000"),
    option_with(
        "--lr-period-updates",
        "500",
        "--lr-scheduler cosine --max-update 1000",
    ),
    option_with("--t-mult", "2", "--lr-scheduler cosine --max-update 1000"),
    option_with("--warmup-steps", "10", "--lr-scheduler tri_stage"),
    option_with("--hold-steps", "10", "--lr-scheduler tri_stage"),
    option_with("--decay-steps", "10", "--lr-scheduler tri_stage"),
    option_with(
        "--phase-ratio",
        "(0.1, 0.4, 0.5)",
        "--lr-scheduler tri_stage --max-update 1000",
    ),
    option_with("--init-lr-scale", "0.1", "--lr-scheduler tri_stage"),
    option_with("--final-lr-scale", "0.1", "--lr-scheduler tri_stage"),
    option("--lr-threshold", "0.1"),
    option("--lr-patience", "2"),
];

const LOSS: &[FairseqOption] = &[
    option("--label-smoothing", "0.2"),
    option("--report-accuracy", ""),
    option("--ignore-prefix-size", "1"),
];

const CHECKPOINT: &[FairseqOption] = &[
    option("--save-dir", "elsewhere"),
    option("--restore-file", "checkpoint3.pt"),
    option("--finetune-from-model", "other/checkpoint_best"),
    option("--continue-once", "other/checkpoint_best"),
    option("--reset-optimizer", ""),
    option("--reset-lr-scheduler", ""),
    option("--reset-meters", ""),
    option("--reset-dataloader", ""),
    option("--optimizer-overrides", "{'lr': 0.1}"),
    option("--save-interval", "2"),
    option("--save-interval-updates", "500"),
    option("--keep-interval-updates", "5"),
    option_with(
        "--keep-interval-updates-pattern",
        "1000",
        "--keep-interval-updates 5",
    ),
    option("--keep-last-epochs", "5"),
    option("--keep-best-checkpoints", "5"),
    option("--no-save", ""),
    option("--no-epoch-checkpoints", ""),
    option("--no-last-checkpoints", ""),
    option("--no-save-optimizer-state", ""),
    option("--best-checkpoint-metric", "ppl"),
    option("--maximize-best-checkpoint-metric", ""),
    option("--patience", "5"),
    option("--write-checkpoints-asynchronously --save-async", ""),
];

const VALIDATION: &[FairseqOption] = &[
    option("--validate-interval", "2"),
    option("--validate-interval-updates", "500"),
    option("--validate-after-updates", "500"),
    option_with("--disable-validation", "", "--max-epoch 3"),
    option("--fixed-validation-seed", "7"),
    option("--max-valid-steps --nval", "10"),
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
    option_with("--eval-bleu-print-samples", "", "--eval-bleu"),
];

const EMA: &[FairseqOption] = &[
    option("--store-ema", ""),
    option_with("--ema-decay", "0.99", "--store-ema"),
    option_with("--ema-start-update", "100", "--store-ema"),
    option_with("--ema-update-freq", "2", "--store-ema"),
    option_with("--ema-fp32", "", "--store-ema"),
];

const DISTRIBUTED: &[FairseqOption] = &[
    option("--distributed-world-size", "2"),
    option("--distributed-rank", "0"),
    option("--distributed-port", "1234"),
    option("--distributed-init-method", "tcp://localhost:1234"),
    option("--distributed-backend", "nccl"),
    option("--distributed-no-spawn", ""),
    option("--ddp-backend", "no_c10d"),
    option("--find-unused-parameters", ""),
    option("--fix-batches-to-gpus", ""),
    option("--zero-sharding", "os"),
    option("--cpu-offload", ""),
    option("--bucket-cap-mb", "25"),
];
