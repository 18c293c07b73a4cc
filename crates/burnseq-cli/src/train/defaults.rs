//! Settings that a command leaves open and that fairseq sets otherwise: they are named at the start, or taken with
//! `--strict-fairseq-defaults`.

use burnseq_kernels::{Compute, Precision};
use burnseq_train::losses::CrossEntropyConfig;
use burnseq_train::lr_scheduler::{FixedConfig, TriStageConfig};
use burnseq_train::optim::AdamConfig;
use burnseq_train::{
    CriterionConfig, DatasetConfig, LrSchedulerConfig, OptimizationConfig, OptimizerConfig, StopRule,
    TrainConfig,
};

use super::args::TrainArgs;
use super::config::Request;
use crate::problems::Problems;

/// What fairseq-train does where no flag says otherwise.
pub(super) fn of_fairseq() -> TrainConfig {
    TrainConfig {
        criterion: CriterionConfig::CrossEntropy(CrossEntropyConfig::default()),
        // It must be named; these are the settings of the one that is named most often.
        optimizer: OptimizerConfig::Adam(AdamConfig {
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
        }),
        lr_scheduler: LrSchedulerConfig::Fixed(FixedConfig::default()),
        optimization: OptimizationConfig {
            lr: vec![0.25],
            max_nonfinite: 0,
            ..OptimizationConfig::default()
        },
        stop: StopRule::endless(),
        dataset: DatasetConfig {
            max_tokens: None,
            required_seq_len_multiple: Some(1),
            ..DatasetConfig::default()
        },
        ..TrainConfig::default()
    }
}

/// Settings of a loss or schedule that a flag has chosen, where fairseq's defaults differ from those of [`TrainConfig`].
pub(super) fn complete(args: &TrainArgs, train: &mut TrainConfig) {
    if let CriterionConfig::LabelSmoothedCrossEntropy(config) = &mut train.criterion {
        config.label_smoothing = args.optim.label_smoothing.unwrap_or(0.0);
    }
    if let LrSchedulerConfig::TriStage(TriStageConfig {
        warmup_steps,
        hold_steps,
        decay_steps,
        phase_ratio: None,
        ..
    }) = &mut train.lr_scheduler
    {
        *warmup_steps = args.schedule.warmup_steps.unwrap_or(0);
        *hold_steps = args.schedule.hold_steps.unwrap_or(0);
        *decay_steps = args.schedule.decay_steps.unwrap_or(0);
    }
}

/// Flags that fairseq has no default for.
pub(super) fn check(args: &TrainArgs, problems: &mut Problems) {
    for (flag, given, value) in [
        ("--arch", args.model.arch.is_some(), "transformer_iwslt_de_en"),
        ("--optimizer", args.optim.optimizer.is_some(), "adam"),
    ] {
        if !given {
            problems.say(format!(
                "--strict-fairseq-defaults: fairseq has no default for {flag}\nhint: give it, for example {flag} {value}"
            ));
        }
    }
}

/// The settings in force that a command leaves open and that fairseq sets otherwise, where the command looks like one of
/// fairseq's: as they are written, and fairseq's.
pub(super) fn differing(
    args: &TrainArgs,
    request: &Request,
    compute: &Compute,
) -> Vec<(String, &'static str)> {
    let (optim, schedule, run) = (&args.optim, &args.schedule, &args.run);
    let looks_like_fairseq = optim.optimizer.is_some()
        || optim.criterion.is_some()
        || schedule.lr_scheduler.is_some()
        || schedule.lr.is_some();
    let stated = run.strict_fairseq_defaults || run.recipe.is_some() || run.config.is_some();
    if !looks_like_fairseq || stated {
        return Vec::new();
    }
    let train = &request.train;
    let mut found = Vec::new();
    let smooths = matches!(train.criterion, CriterionConfig::LabelSmoothedCrossEntropy(_));
    if optim.criterion.is_none() && smooths {
        found.push((
            "--criterion label_smoothed_cross_entropy".to_owned(),
            "cross_entropy",
        ));
    }
    if let CriterionConfig::LabelSmoothedCrossEntropy(config) = &train.criterion
        && optim.label_smoothing.is_none()
    {
        found.push((format!("--label-smoothing {}", config.label_smoothing), "0"));
    }
    if let OptimizerConfig::Adam(adam) = &train.optimizer {
        if optim.optimizer.is_none() {
            found.push(("--optimizer adam".to_owned(), "no default"));
        }
        if optim.adam_betas.is_none() {
            found.push((
                format!("--adam-betas {},{}", adam.betas.0, adam.betas.1),
                "0.9,0.999",
            ));
        }
        if optim.weight_decay.is_none() {
            found.push((format!("--weight-decay {}", adam.weight_decay), "0"));
        }
    }
    if schedule.lr.is_none() {
        found.push((format!("--lr {}", train.optimization.lr[0]), "0.25"));
    }
    if schedule.lr_scheduler.is_none() {
        found.push((format!("--lr-scheduler {}", train.lr_scheduler.name()), "fixed"));
        if let LrSchedulerConfig::InverseSqrt(config) = &train.lr_scheduler
            && schedule.warmup_updates.is_none()
        {
            found.push((format!("--warmup-updates {}", config.warmup_updates), "0"));
        }
    }
    if train.stop == StopRule::default() {
        let patience = train.stop.patience.unwrap_or_default();
        found.push((format!("--patience {patience}"), "no end"));
    }
    if compute.precision != Precision::Fp32 && !request.compute.names_precision() {
        found.push((format!("--precision {}", compute.precision), "fp32"));
    }
    found
}
