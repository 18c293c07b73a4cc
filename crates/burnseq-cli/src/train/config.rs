//! Flags to configurations: preset, then flags, then a complete typed configuration.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use burnseq::tasks::eval_bleu::EvalBleuConfig;
use burnseq::tasks::translation::TranslationConfig;
use burnseq_model::{ActivationFn, ModelConfig, TransformerConfig};
use burnseq_train::criterions::{CrossEntropyConfig, LabelSmoothedCrossEntropyConfig};
use burnseq_train::lr_scheduler::{
    CosineConfig, FixedConfig, InverseSqrtConfig, PolynomialDecayConfig, TriStageConfig,
};
use burnseq_train::optim::AdamConfig;
use burnseq_train::{
    CheckpointConfig, CriterionConfig, DatasetConfig, LrSchedulerConfig, OptimizationConfig, OptimizerConfig,
    StopRule, TrainConfig, ValidationConfig,
};

use super::args::{
    CheckpointArgs, DatasetArgs, ModelArgs, OptimArgs, ScheduleArgs, StopArgs, TrainArgs, ValidationArgs,
};
use super::values::{Betas, Limit, List};

/// The preset of a run that names none.
const DEFAULT_ARCH: &str = "transformer_iwslt";

/// Most tokens in a batch when neither tokens nor sentences are limited.
pub const DEFAULT_MAX_TOKENS: usize = 4096;

/// What the flags ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The model.
    pub model: ModelConfig,
    /// The run.
    pub train: TrainConfig,
    /// The data.
    pub task: TranslationConfig,
    /// Name of the device.
    pub device: String,
}

impl Request {
    /// Puts defaults, preset and flags together.
    ///
    /// # Errors
    /// An unknown preset, a flag that is refused, or flags that do not go together.
    pub fn new(args: &TrainArgs) -> Result<Self> {
        if args.run.fp16 || args.run.bf16 {
            bail!(
                "half precision is not there yet\nhint: leave out --fp16 and --bf16, training computes in float32"
            );
        }
        let train = TrainConfig {
            seed: args.run.seed.unwrap_or(1),
            criterion: criterion(&args.optim)?,
            optimizer: optimizer(&args.optim),
            lr_scheduler: lr_scheduler(&args.schedule)?,
            optimization: optimization(&args.optim, &args.schedule),
            stop: stop_rule(&args.stop),
            dataset: dataset(&args.dataset),
            validation: validation(&args.validation),
            checkpoint: checkpoint(&args.checkpoint),
            log_interval: args.run.log_interval.unwrap_or(100),
        };
        let defaults = TranslationConfig::default();
        let task = TranslationConfig {
            data: args.data.clone(),
            source_lang: args.run.source_lang.clone(),
            target_lang: args.run.target_lang.clone(),
            train_subset: args.dataset.train_subset.clone().unwrap_or(defaults.train_subset),
            valid_subset: args.dataset.valid_subset.clone().unwrap_or(defaults.valid_subset),
            left_pad_source: left_pad_source(args.dataset.left_pad_source.as_deref())?,
            eval_bleu: eval_bleu(&args.validation)?,
        };
        let device = if args.run.cpu {
            "cpu"
        } else {
            args.run.device.as_deref().unwrap_or("auto")
        };
        Ok(Self {
            model: model(&args.model)?,
            train,
            task,
            device: device.to_owned(),
        })
    }
}

/// The preset with the flags laid over it.
pub fn model(args: &ModelArgs) -> Result<ModelConfig> {
    let arch = args.arch.as_deref().unwrap_or(DEFAULT_ARCH);
    let ModelConfig::Transformer(mut config) = ModelConfig::from_arch(arch)?;
    overlay(&mut config, args);
    // The base model's decoder is as wide as its encoder, as in fairseq; other presets fix both.
    if matches!(arch, "transformer" | "transformer_wmt_en_de") {
        if args.decoder_embed_dim.is_none() {
            config.decoder_embed_dim = config.encoder_embed_dim;
        }
        if args.decoder_ffn_embed_dim.is_none() {
            config.decoder_ffn_embed_dim = config.encoder_ffn_embed_dim;
        }
    }
    Ok(ModelConfig::Transformer(config))
}

fn overlay(config: &mut TransformerConfig, args: &ModelArgs) {
    set(&mut config.encoder_embed_dim, args.encoder_embed_dim);
    set(&mut config.encoder_ffn_embed_dim, args.encoder_ffn_embed_dim);
    set(&mut config.encoder_layers, args.encoder_layers);
    set(&mut config.encoder_attention_heads, args.encoder_attention_heads);
    config.encoder_normalize_before |= args.encoder_normalize_before;
    config.encoder_learned_pos |= args.encoder_learned_pos;
    set(&mut config.decoder_embed_dim, args.decoder_embed_dim);
    set(&mut config.decoder_ffn_embed_dim, args.decoder_ffn_embed_dim);
    set(&mut config.decoder_layers, args.decoder_layers);
    set(&mut config.decoder_attention_heads, args.decoder_attention_heads);
    config.decoder_normalize_before |= args.decoder_normalize_before;
    config.decoder_learned_pos |= args.decoder_learned_pos;
    config.share_decoder_input_output_embed |= args.share_decoder_input_output_embed;
    config.share_all_embeddings |= args.share_all_embeddings;
    set(&mut config.dropout, args.dropout);
    set(&mut config.attention_dropout, args.attention_dropout);
    set(&mut config.activation_dropout, args.activation_dropout);
    match args.activation_fn.as_deref() {
        Some("gelu") => config.activation_fn = ActivationFn::Gelu,
        Some(_) => config.activation_fn = ActivationFn::Relu,
        None => {}
    }
    set(&mut config.max_source_positions, args.max_source_positions);
    set(&mut config.max_target_positions, args.max_target_positions);
    config.no_token_positional_embeddings |= args.no_token_positional_embeddings;
    config.no_scale_embedding |= args.no_scale_embedding;
    config.layernorm_embedding |= args.layernorm_embedding;
}

fn set<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

fn criterion(args: &OptimArgs) -> Result<CriterionConfig> {
    match args.criterion.as_deref() {
        Some("cross_entropy") if args.label_smoothing.is_some() => {
            bail!("--label-smoothing needs --criterion label_smoothed_cross_entropy")
        }
        Some("cross_entropy") => Ok(CriterionConfig::CrossEntropy(CrossEntropyConfig::default())),
        _ => Ok(CriterionConfig::LabelSmoothedCrossEntropy(
            LabelSmoothedCrossEntropyConfig {
                label_smoothing: args.label_smoothing.unwrap_or(0.1),
            },
        )),
    }
}

fn optimizer(args: &OptimArgs) -> OptimizerConfig {
    let Betas(first, second) = args.adam_betas.unwrap_or(Betas(0.9, 0.98));
    OptimizerConfig::Adam(AdamConfig {
        betas: (first, second),
        eps: args.adam_eps.unwrap_or(1e-8),
        weight_decay: args.weight_decay.unwrap_or(1e-4),
    })
}

fn optimization(args: &OptimArgs, schedule: &ScheduleArgs) -> OptimizationConfig {
    let defaults = OptimizationConfig::default();
    let list = |flag: &Option<List<f64>>| flag.as_ref().map(|list| list.0.clone());
    OptimizationConfig {
        update_freq: args
            .update_freq
            .as_ref()
            .map_or(defaults.update_freq, |list| list.0.clone()),
        lr: list(&schedule.lr).unwrap_or(defaults.lr),
        clip_norm: args.clip_norm.unwrap_or(defaults.clip_norm),
        sentence_avg: args.sentence_avg,
    }
}

/// The schedule; a flag of another one is refused rather than ignored.
fn lr_scheduler(args: &ScheduleArgs) -> Result<LrSchedulerConfig> {
    let name = args.lr_scheduler.as_deref().unwrap_or("inverse_sqrt");
    let flags: [(&str, bool, &[&str]); 15] = [
        (
            "--warmup-updates",
            args.warmup_updates.is_some(),
            &["inverse_sqrt", "fixed", "polynomial_decay", "cosine"],
        ),
        (
            "--warmup-init-lr",
            args.warmup_init_lr.is_some(),
            &["inverse_sqrt", "cosine"],
        ),
        ("--force-anneal", args.force_anneal.is_some(), &["fixed"]),
        ("--lr-shrink", args.lr_shrink.is_some(), &["fixed", "cosine"]),
        (
            "--end-learning-rate",
            args.end_learning_rate.is_some(),
            &["polynomial_decay"],
        ),
        ("--power", args.power.is_some(), &["polynomial_decay"]),
        (
            "--total-num-update",
            args.total_num_update.is_some(),
            &["polynomial_decay"],
        ),
        ("--min-lr", args.min_lr.is_some(), &["cosine"]),
        (
            "--lr-period-updates",
            args.lr_period_updates.is_some(),
            &["cosine"],
        ),
        ("--t-mult", args.t_mult.is_some(), &["cosine"]),
        ("--warmup-steps", args.warmup_steps.is_some(), &["tri_stage"]),
        ("--hold-steps", args.hold_steps.is_some(), &["tri_stage"]),
        ("--decay-steps", args.decay_steps.is_some(), &["tri_stage"]),
        ("--init-lr-scale", args.init_lr_scale.is_some(), &["tri_stage"]),
        ("--final-lr-scale", args.final_lr_scale.is_some(), &["tri_stage"]),
    ];
    for (flag, given, schedules) in flags {
        if given && !schedules.contains(&name) {
            bail!(
                "{flag} belongs to --lr-scheduler {}, not to {name}",
                schedules.join(", ")
            );
        }
    }
    let warmup_init_lr = args.warmup_init_lr.filter(|&lr| lr >= 0.0);
    Ok(match name {
        "fixed" => {
            let defaults = FixedConfig::default();
            LrSchedulerConfig::Fixed(FixedConfig {
                warmup_updates: args.warmup_updates.unwrap_or(defaults.warmup_updates),
                force_anneal: args.force_anneal,
                lr_shrink: args.lr_shrink.unwrap_or(defaults.lr_shrink),
            })
        }
        "polynomial_decay" => {
            let defaults = PolynomialDecayConfig::default();
            LrSchedulerConfig::PolynomialDecay(PolynomialDecayConfig {
                warmup_updates: args.warmup_updates.unwrap_or(defaults.warmup_updates),
                total_num_update: args.total_num_update,
                power: args.power.unwrap_or(defaults.power),
                end_learning_rate: args.end_learning_rate.unwrap_or(defaults.end_learning_rate),
            })
        }
        "cosine" => {
            let defaults = CosineConfig::default();
            LrSchedulerConfig::Cosine(CosineConfig {
                warmup_updates: args.warmup_updates.unwrap_or(defaults.warmup_updates),
                warmup_init_lr,
                min_lr: args.min_lr.unwrap_or(defaults.min_lr),
                lr_period_updates: args.lr_period_updates,
                t_mult: args.t_mult.unwrap_or(defaults.t_mult),
                lr_shrink: args.lr_shrink.unwrap_or(defaults.lr_shrink),
            })
        }
        "tri_stage" => {
            let defaults = TriStageConfig::default();
            LrSchedulerConfig::TriStage(TriStageConfig {
                warmup_steps: args.warmup_steps.unwrap_or(defaults.warmup_steps),
                hold_steps: args.hold_steps.unwrap_or(defaults.hold_steps),
                decay_steps: args.decay_steps.unwrap_or(defaults.decay_steps),
                phase_ratio: defaults.phase_ratio,
                init_lr_scale: args.init_lr_scale.unwrap_or(defaults.init_lr_scale),
                final_lr_scale: args.final_lr_scale.unwrap_or(defaults.final_lr_scale),
            })
        }
        _ => LrSchedulerConfig::InverseSqrt(InverseSqrtConfig {
            warmup_updates: args.warmup_updates.unwrap_or(4000),
            warmup_init_lr,
        }),
    })
}

/// The stop rule; patience alone when no flag says anything.
fn stop_rule(args: &StopArgs) -> StopRule {
    let StopArgs {
        max_epoch,
        max_update,
        patience,
        stop_time_hours,
        stop_min_lr,
    } = *args;
    let none_given = max_epoch.is_none()
        && max_update.is_none()
        && patience.is_none()
        && stop_time_hours.is_none()
        && stop_min_lr.is_none();
    if none_given {
        return StopRule::default();
    }
    let small = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    StopRule {
        max_epoch: max_epoch.and_then(Limit::above_zero).map(small),
        max_update: max_update.and_then(Limit::above_zero),
        patience: patience.and_then(Limit::at_least_zero).map(small),
        stop_time_hours: stop_time_hours.filter(|&hours| hours != 0.0),
        stop_min_lr: stop_min_lr.filter(|&lr| lr >= 0.0),
    }
}

fn dataset(args: &DatasetArgs) -> DatasetConfig {
    let defaults = DatasetConfig::default();
    let max_tokens = match (args.max_tokens, args.batch_size) {
        (None, None) => Some(DEFAULT_MAX_TOKENS),
        (max_tokens, _) => max_tokens,
    };
    DatasetConfig {
        max_tokens,
        batch_size: args.batch_size,
        max_tokens_valid: args.max_tokens_valid,
        batch_size_valid: args.batch_size_valid,
        required_batch_size_multiple: args
            .required_batch_size_multiple
            .unwrap_or(defaults.required_batch_size_multiple),
        required_seq_len_multiple: args
            .required_seq_len_multiple
            .unwrap_or(defaults.required_seq_len_multiple),
        skip_invalid_size_inputs_valid_test: args.skip_invalid_size_inputs_valid_test,
        num_workers: args.num_workers.unwrap_or(defaults.num_workers),
        data_buffer_size: args.data_buffer_size.unwrap_or(defaults.data_buffer_size),
    }
}

fn validation(args: &ValidationArgs) -> ValidationConfig {
    let defaults = ValidationConfig::default();
    let metric = args
        .best_checkpoint_metric
        .clone()
        .unwrap_or(defaults.best_checkpoint_metric);
    ValidationConfig {
        validate_interval: args.validate_interval.unwrap_or(defaults.validate_interval),
        validate_interval_updates: args
            .validate_interval_updates
            .unwrap_or(defaults.validate_interval_updates),
        validate_after_updates: args
            .validate_after_updates
            .unwrap_or(defaults.validate_after_updates),
        disable_validation: args.disable_validation,
        maximize_best_checkpoint_metric: args.maximize_best_checkpoint_metric || metric == "bleu",
        best_checkpoint_metric: metric,
    }
}

fn eval_bleu(args: &ValidationArgs) -> Result<Option<EvalBleuConfig>> {
    if !args.eval_bleu {
        let given = [
            ("--eval-bleu-args", args.eval_bleu_args.is_some()),
            ("--eval-bleu-detok", args.eval_bleu_detok.is_some()),
            ("--eval-tokenized-bleu", args.eval_tokenized_bleu),
            ("--eval-bleu-remove-bpe", args.eval_bleu_remove_bpe.is_some()),
            ("--eval-bleu-print-samples", args.eval_bleu_print_samples),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
            bail!("{flag} needs --eval-bleu");
        }
        return Ok(None);
    }
    match args.eval_bleu_detok.as_deref() {
        None | Some("space") => {}
        Some(other) => bail!(
            "--eval-bleu-detok {other} is not there yet; choose one of: space\n\
             hint: BLEU of tokenised text is --eval-tokenized-bleu"
        ),
    }
    let options = match &args.eval_bleu_args {
        Some(json) => EvalBleuConfig::options_from_json(json)?,
        None => EvalBleuConfig::default().options,
    };
    Ok(Some(EvalBleuConfig {
        options,
        remove_bpe: args.eval_bleu_remove_bpe.clone(),
        tokenized_bleu: args.eval_tokenized_bleu,
        print_samples: args.eval_bleu_print_samples,
    }))
}

/// fairseq's switch means "no left padding"; older releases gave it a value.
fn left_pad_source(flag: Option<&str>) -> Result<bool> {
    match flag {
        None | Some("True" | "true" | "1") => Ok(true),
        Some("False" | "false" | "0") => Ok(false),
        Some(other) => Err(anyhow!("--left-pad-source takes True or False, got {other:?}")),
    }
}

fn checkpoint(args: &CheckpointArgs) -> CheckpointConfig {
    let defaults = CheckpointConfig::default();
    let count = |flag: Option<Limit>| {
        flag.and_then(Limit::at_least_zero)
            .map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    CheckpointConfig {
        save_dir: args
            .save_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from("checkpoints")),
        restore_file: args.restore_file.clone().unwrap_or(defaults.restore_file),
        reset_optimizer: args.reset_optimizer,
        reset_lr_scheduler: args.reset_lr_scheduler,
        reset_dataloader: args.reset_dataloader,
        reset_meters: args.reset_meters,
        save_interval: args.save_interval.unwrap_or(defaults.save_interval),
        save_interval_updates: args
            .save_interval_updates
            .unwrap_or(defaults.save_interval_updates),
        keep_interval_updates: count(args.keep_interval_updates),
        keep_last_epochs: count(args.keep_last_epochs),
        keep_best_checkpoints: count(args.keep_best_checkpoints),
        no_epoch_checkpoints: args.no_epoch_checkpoints,
        no_last_checkpoints: args.no_last_checkpoints,
        no_save_optimizer_state: args.no_save_optimizer_state,
        no_save: args.no_save,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn request(flags: &str) -> Result<Request> {
        let flags = flags.split_whitespace();
        Request::new(&TrainArgs::try_parse_from(std::iter::once("train").chain(flags)).unwrap())
    }

    fn problem(flags: &str) -> String {
        request(flags).unwrap_err().to_string()
    }

    #[test]
    fn the_bare_command_is_the_documented_recipe() {
        let request = request("").unwrap();
        assert_eq!(request.train, TrainConfig::default());
        assert_eq!(request.task, TranslationConfig::default());
        assert_eq!(
            request.model,
            ModelConfig::from_arch("transformer_iwslt_de_en").unwrap()
        );
        assert_eq!(request.device, "auto");
    }

    #[test]
    fn the_command_of_a_fairseq_recipe_is_understood() {
        let args = [
            "train",
            "data-bin",
            "--arch",
            "transformer",
            "--encoder-embed-dim",
            "256",
            "--encoder-ffn-embed-dim",
            "512",
            "--share-decoder-input-output-embed",
            "--optimizer",
            "adam",
            "--adam-betas",
            "(0.9, 0.999)",
            "--clip-norm",
            "0.0",
            "--lr",
            "1e-3",
            "--lr-scheduler",
            "inverse_sqrt",
            "--warmup-updates",
            "500",
            "--criterion",
            "label_smoothed_cross_entropy",
            "--label-smoothing",
            "0.2",
            "--max-epoch",
            "7",
            "--cpu",
            "--relu-dropout",
            "0.2",
            "--max-sentences",
            "32",
            "--keep-last-epochs",
            "-1",
            "--eval-bleu",
            "--eval-bleu-args",
            r#"{"beam": 4}"#,
            "--eval-bleu-remove-bpe",
            "--best-checkpoint-metric",
            "bleu",
            "--maximize-best-checkpoint-metric",
        ];
        let request = Request::new(&TrainArgs::try_parse_from(args).unwrap()).unwrap();
        let ModelConfig::Transformer(model) = &request.model;
        // The decoder of the base model follows the encoder.
        assert_eq!((model.decoder_embed_dim, model.decoder_ffn_embed_dim), (256, 512));
        assert_eq!((model.activation_dropout, model.decoder_layers), (0.2, 6));
        let OptimizerConfig::Adam(adam) = &request.train.optimizer;
        assert_eq!(adam.betas, (0.9, 0.999));
        assert_eq!(request.train.optimization.lr, [1e-3]);
        assert_eq!(
            request.train.stop,
            StopRule {
                max_epoch: Some(7),
                ..StopRule::endless()
            }
        );
        assert_eq!(
            (request.train.dataset.max_tokens, request.train.dataset.batch_size),
            (None, Some(32))
        );
        let bleu = request.task.eval_bleu.unwrap();
        assert_eq!((bleu.options.beam, bleu.remove_bpe.as_deref()), (4, Some("@@ ")));
        assert_eq!(request.device, "cpu");
    }

    #[test]
    fn without_a_stop_option_patience_stops_and_any_option_replaces_it() {
        let stop = |flags| request(flags).unwrap().train.stop;
        assert_eq!(stop("").patience, Some(10));
        assert_eq!(stop("--max-update 5").patience, None);
        assert_eq!(stop("--patience -1"), StopRule::endless());
        assert_eq!(
            stop("--max-epoch 0 --patience 3"),
            StopRule {
                patience: Some(3),
                ..StopRule::endless()
            }
        );
    }

    #[test]
    fn flags_that_would_be_ignored_are_refused() {
        assert!(problem("--fp16").contains("float32"));
        assert!(problem("--criterion cross_entropy --label-smoothing 0.1").contains("--label-smoothing"));
        assert!(problem("--power 2").contains("polynomial_decay"));
        assert!(problem("--eval-bleu-print-samples").contains("--eval-bleu"));
        assert!(problem("--eval-bleu --eval-bleu-detok moses").contains("space"));
        assert!(problem("--arch transformer_iwslt_de").contains("choose one of: transformer_iwslt"));
    }

    #[test]
    fn left_padding_is_turned_off_in_both_spellings() {
        let pad = |flags| request(flags).unwrap().task.left_pad_source;
        assert!(pad("") && pad("--left-pad-source True"));
        assert!(!pad("--left-pad-source") && !pad("--left-pad-source False"));
    }
}
