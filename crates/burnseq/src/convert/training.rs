//! How a model was trained: fairseq's options and ours.

use burnseq_interchange::fairseq::Options;
use burnseq_train::losses::LabelSmoothedCrossEntropyConfig;
use burnseq_train::optim::AdamConfig;
use burnseq_train::{
    CheckpointConfig, CriterionConfig, DatasetConfig, LrSchedulerConfig, OptimizationConfig, OptimizerConfig,
    StopRule, TrainConfig, ValidationConfig,
};
use serde_json::{Value, json};

use super::overlay::overlay;

/// The configuration of the run that an optimiser's state belongs to, as its options tell; what they do not tell has
/// our default.
///
/// # Errors
/// A criterion, optimiser or schedule that we do not have; a value of another type.
pub(super) fn train_config(options: &Options) -> Result<TrainConfig, String> {
    let criterion = match options.choice("criterion") {
        Some("label_smoothed_cross_entropy") => {
            let base = LabelSmoothedCrossEntropyConfig::default();
            CriterionConfig::LabelSmoothedCrossEntropy(section(options, "criterion", &base)?)
        }
        // An adaptive softmax gives log-probabilities, of which the loss is the same.
        Some("cross_entropy" | "adaptive_loss") => CriterionConfig::default(),
        other => {
            return Err(unknown(
                "criterion",
                other,
                "label_smoothed_cross_entropy, cross_entropy, adaptive_loss",
            ));
        }
    };
    let optimizer = match options.choice("optimizer") {
        Some("adam") => OptimizerConfig::Adam(adam(options)?),
        other => return Err(unknown("optimizer", other, "adam")),
    };
    let batches = batches_config(options)?;
    Ok(TrainConfig {
        criterion,
        optimizer,
        lr_scheduler: lr_scheduler(options)?,
        optimization: section(options, "optimization", &OptimizationConfig::default())?,
        stop: stop(options)?,
        validation: section(
            options,
            "checkpoint",
            &section(options, "dataset", &ValidationConfig::default())?,
        )?,
        checkpoint: checkpoint(options)?,
        ema: None,
        loss_scaling: None,
        distributed_world_size: 1,
        log_interval: number(options, "common", "log_interval")?
            .map_or(batches.log_interval, |count| count as u64),
        ..batches
    })
}

/// The part of it that the order of the data depends on, whatever the loss, the optimiser and the schedule; everything
/// else has our default.
///
/// # Errors
/// A value of another type.
pub(super) fn batches_config(options: &Options) -> Result<TrainConfig, String> {
    let defaults = TrainConfig::default();
    Ok(TrainConfig {
        seed: number(options, "common", "seed")?.map_or(defaults.seed, |seed| seed as u32),
        dataset: dataset(options)?,
        ..defaults
    })
}

/// `base` with the options of a section laid over it.
fn section<T: serde::Serialize + serde::de::DeserializeOwned>(
    options: &Options,
    name: &str,
    base: &T,
) -> Result<T, String> {
    overlay(base, |field| options.get(name, field).cloned())
}

fn unknown(kind: &str, found: Option<&str>, choices: &str) -> String {
    let found = found.map_or_else(|| format!("no {kind}"), |found| format!("the {kind} `{found}`"));
    format!(
        "it was trained with {found}; training can be continued with: {choices}\n\
         hint: convert without 'with_optimizer', and train on with 'reset_optimizer'"
    )
}

/// `betas` are a Python tuple in text until 0.12; `FairseqAdam` calls them and epsilon `adam_...`.
fn adam(options: &Options) -> Result<AdamConfig, String> {
    let mut config = AdamConfig::default();
    if let Some(value) = options.get("optimizer", "adam_betas") {
        let wrong = || format!("option `adam_betas` = {value}: expected two numbers");
        let numbers: Vec<f64> = match value {
            Value::String(text) => text
                .trim_matches(['(', ')', '[', ']', ' '])
                .split(',')
                .map(|part| part.trim().parse().map_err(|_| wrong()))
                .collect::<Result<_, _>>()?,
            Value::Array(items) => items.iter().filter_map(Value::as_f64).collect(),
            _ => return Err(wrong()),
        };
        let [beta1, beta2] = numbers[..] else {
            return Err(wrong());
        };
        config.betas = (beta1, beta2);
    }
    if let Some(eps) = number(options, "optimizer", "adam_eps")? {
        config.eps = eps;
    }
    if let Some(decay) = number(options, "optimizer", "weight_decay")? {
        config.weight_decay = decay;
    }
    Ok(config)
}

fn lr_scheduler(options: &Options) -> Result<LrSchedulerConfig, String> {
    const CHOICES: &str = "inverse_sqrt, fixed, polynomial_decay, cosine, tri_stage";
    let name = options.choice("lr_scheduler");
    if options.get("lr_scheduler", "max_lr").is_some() && name == Some("cosine") {
        return Err(
            "option `max_lr`: the cosine schedule of fairseq before 0.10 is not supported\n\
                    hint: convert without 'with_optimizer'"
                .to_owned(),
        );
    }
    let base = json!({ "type": name });
    let base: LrSchedulerConfig =
        serde_json::from_value(base).map_err(|_| unknown("lr_scheduler", name, CHOICES))?;
    overlay(&base, |field| {
        let value = options.get("lr_scheduler", field).filter(|_| field != "type")?;
        // fairseq's -1 is "not set", and so is an empty list of ratios.
        let unset = value.as_f64() == Some(-1.0) || value.as_array().is_some_and(Vec::is_empty);
        Some(if unset { Value::Null } else { value.clone() })
    })
}

fn stop(options: &Options) -> Result<StopRule, String> {
    let positive = |section: &str, name: &str| -> Result<Option<f64>, String> {
        Ok(number(options, section, name)?.filter(|value| *value > 0.0))
    };
    Ok(StopRule {
        max_epoch: positive("optimization", "max_epoch")?.map(|epoch| epoch as u32),
        max_update: positive("optimization", "max_update")?.map(|update| update as u64),
        patience: positive("checkpoint", "patience")?.map(|patience| patience as u32),
        stop_time_hours: positive("optimization", "stop_time_hours")?,
        stop_min_lr: positive("optimization", "stop_min_lr")?,
    })
}

fn dataset(options: &Options) -> Result<DatasetConfig, String> {
    let none = DatasetConfig {
        max_tokens: None,
        ..DatasetConfig::default()
    };
    let mut config = section(options, "dataset", &none)?;
    // fairseq's default, which says nothing of the device at hand.
    config.required_seq_len_multiple = config.required_seq_len_multiple.filter(|multiple| *multiple != 1);
    // The names until 0.9.
    for (old, field) in [
        ("max_sentences", &mut config.batch_size),
        ("max_sentences_valid", &mut config.batch_size_valid),
    ] {
        if let Some(size) = number(options, "dataset", old)?.filter(|_| field.is_none()) {
            *field = Some(size as usize);
        }
    }
    Ok(config)
}

fn checkpoint(options: &Options) -> Result<CheckpointConfig, String> {
    let keep = |name: &str| -> Result<Option<usize>, String> {
        Ok(number(options, "checkpoint", name)?
            .filter(|count| *count > 0.0)
            .map(|count| count as usize))
    };
    let mut config = CheckpointConfig {
        keep_interval_updates: keep("keep_interval_updates")?,
        keep_last_epochs: keep("keep_last_epochs")?,
        keep_best_checkpoints: keep("keep_best_checkpoints")?,
        ..CheckpointConfig::default()
    };
    let flag = |name: &str| options.get("checkpoint", name) == Some(&Value::Bool(true));
    config.no_epoch_checkpoints = flag("no_epoch_checkpoints");
    config.no_last_checkpoints = flag("no_last_checkpoints");
    config.no_save_optimizer_state = flag("no_save_optimizer_state");
    if let Some(epochs) = number(options, "checkpoint", "save_interval")? {
        config.save_interval = epochs as u32;
    }
    if let Some(updates) = number(options, "checkpoint", "save_interval_updates")? {
        config.save_interval_updates = updates as u64;
    }
    Ok(config)
}

fn number(options: &Options, section: &str, name: &str) -> Result<Option<f64>, String> {
    match options.get(section, name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("option `{name}` = {value}: expected a number")),
        },
    }
}

/// Number of workers that shared an epoch, each with batches of its own.
pub(super) fn workers(options: &Options) -> Result<usize, String> {
    let workers = number(options, "distributed_training", "distributed_world_size")?;
    Ok(workers.map_or(1, |workers| (workers as usize).max(1)))
}

/// fairseq's class of a criterion.
pub(super) fn criterion_class(config: &CriterionConfig, adaptive_softmax: bool) -> &'static str {
    match config {
        CriterionConfig::CrossEntropy(_) if adaptive_softmax => "AdaptiveLoss",
        CriterionConfig::LabelSmoothedCrossEntropy(_) => "LabelSmoothedCrossEntropyCriterion",
        CriterionConfig::CrossEntropy(_) => "CrossEntropyCriterion",
    }
}

/// The sections of fairseq's configuration that tell of training; `adaptive_softmax` says that the model has one, whose
/// cross entropy is a criterion of its own in fairseq.
pub(super) fn sections(config: &TrainConfig, adaptive_softmax: bool) -> Vec<(&'static str, Value)> {
    let optimization = &config.optimization;
    let criterion = match &config.criterion {
        CriterionConfig::LabelSmoothedCrossEntropy(smoothed) => json!({
            "_name": "label_smoothed_cross_entropy",
            "label_smoothing": smoothed.label_smoothing,
            "report_accuracy": smoothed.report_accuracy,
            "ignore_prefix_size": smoothed.ignore_prefix_size,
            "sentence_avg": optimization.sentence_avg,
        }),
        CriterionConfig::CrossEntropy(_) => {
            let name = if adaptive_softmax {
                "adaptive_loss"
            } else {
                "cross_entropy"
            };
            json!({ "_name": name, "sentence_avg": optimization.sentence_avg })
        }
    };
    let optimizer = match &config.optimizer {
        OptimizerConfig::Adam(adam) => json!({
            "_name": "adam",
            "adam_betas": format!("({}, {})", adam.betas.0, adam.betas.1),
            "adam_eps": adam.eps,
            "weight_decay": adam.weight_decay,
            "use_old_adam": false,
            "fp16_adam_stats": false,
            "tpu": false,
            "lr": optimization.lr,
        }),
        // fairseq has none; its Adam is the nearest, without the state.
        OptimizerConfig::AdamW(adamw) => json!({
            "_name": "adam",
            "adam_betas": format!("({}, {})", adamw.betas.0, adamw.betas.1),
            "adam_eps": adamw.eps,
            "weight_decay": adamw.weight_decay,
            "use_old_adam": false,
            "fp16_adam_stats": false,
            "tpu": false,
            "lr": optimization.lr,
        }),
        OptimizerConfig::Nag(nag) => json!({
            "_name": "nag",
            "momentum": nag.momentum,
            "weight_decay": nag.weight_decay,
            "lr": optimization.lr,
        }),
        OptimizerConfig::Sgd(sgd) => json!({
            "_name": "sgd",
            "momentum": sgd.momentum,
            "weight_decay": sgd.weight_decay,
            "lr": optimization.lr,
        }),
    };
    let mut schedule = serde_json::to_value(&config.lr_scheduler).expect("configurations are JSON objects");
    let fields = schedule.as_object_mut().expect("configurations are JSON objects");
    let name = fields
        .shift_remove("type")
        .expect("schedules are tagged by their name");
    fields.insert("_name".to_owned(), name);
    fields.insert("lr".to_owned(), json!(optimization.lr));
    for unset in ["warmup_init_lr", "lr_period_updates"] {
        if fields.get(unset).is_some_and(Value::is_null) {
            fields.insert(unset.to_owned(), json!(-1.0));
        }
    }
    let count = |count: Option<usize>| count.map_or(json!(-1), |count| json!(count));
    let (dataset, validation, checkpoint, stop) = (
        &config.dataset,
        &config.validation,
        &config.checkpoint,
        &config.stop,
    );
    vec![
        (
            "common",
            json!({ "_name": null, "seed": config.seed, "log_interval": config.log_interval, "fp16": false }),
        ),
        (
            "dataset",
            json!({
                "_name": null,
                "num_workers": dataset.num_workers,
                "skip_invalid_size_inputs_valid_test": dataset.skip_invalid_size_inputs_valid_test,
                "max_tokens": dataset.max_tokens,
                "batch_size": dataset.batch_size,
                "required_batch_size_multiple": dataset.required_batch_size_multiple,
                "required_seq_len_multiple": dataset.required_seq_len_multiple.unwrap_or(1),
                "data_buffer_size": dataset.data_buffer_size,
                "train_subset": "train",
                "valid_subset": "valid",
                "validate_interval": validation.validate_interval,
                "validate_interval_updates": validation.validate_interval_updates,
                "validate_after_updates": validation.validate_after_updates,
                "disable_validation": validation.disable_validation,
                "max_tokens_valid": dataset.max_tokens_valid.or(dataset.max_tokens),
                "batch_size_valid": dataset.batch_size_valid.or(dataset.batch_size),
            }),
        ),
        (
            "optimization",
            json!({
                "_name": null,
                "max_epoch": stop.max_epoch.unwrap_or(0),
                "max_update": stop.max_update.unwrap_or(0),
                "stop_time_hours": stop.stop_time_hours.unwrap_or(0.0),
                "clip_norm": optimization.clip_norm,
                "sentence_avg": optimization.sentence_avg,
                "update_freq": optimization.update_freq,
                "lr": optimization.lr,
                "stop_min_lr": stop.stop_min_lr.unwrap_or(-1.0),
            }),
        ),
        (
            "checkpoint",
            json!({
                "_name": null,
                "save_interval": checkpoint.save_interval,
                "save_interval_updates": checkpoint.save_interval_updates,
                "keep_interval_updates": count(checkpoint.keep_interval_updates),
                "keep_last_epochs": count(checkpoint.keep_last_epochs),
                "keep_best_checkpoints": count(checkpoint.keep_best_checkpoints),
                "no_epoch_checkpoints": checkpoint.no_epoch_checkpoints,
                "no_last_checkpoints": checkpoint.no_last_checkpoints,
                "no_save_optimizer_state": checkpoint.no_save_optimizer_state,
                "best_checkpoint_metric": validation.best_checkpoint_metric,
                "maximize_best_checkpoint_metric": validation.maximize_best_checkpoint_metric,
                "patience": stop.patience.map_or(json!(-1), |patience| json!(patience)),
            }),
        ),
        ("criterion", criterion),
        ("optimizer", optimizer),
        ("lr_scheduler", schedule),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flat options, as until 0.9, with these changes.
    fn options(changes: Value) -> Options {
        let mut options = json!({
            "criterion": "label_smoothed_cross_entropy",
            "label_smoothing": 0.2,
            "optimizer": "adam",
            "adam_betas": "(0.9, 0.98)",
            "weight_decay": 1e-4,
            "lr_scheduler": "inverse_sqrt",
            "warmup_updates": 10,
            "warmup_init_lr": -1,
            "lr": [1e-3],
            "max_sentences": 32,
            "max_tokens": null,
            "max_epoch": 0,
            "max_update": 500,
            "seed": 7,
        });
        let fields = options.as_object_mut().unwrap();
        fields.extend(changes.as_object().unwrap().clone());
        Options::flat(fields.clone())
    }

    #[test]
    fn flat_options_of_old_versions_are_understood() {
        let config = train_config(&options(json!({}))).unwrap();
        let smoothed = LabelSmoothedCrossEntropyConfig {
            label_smoothing: 0.2,
            ..LabelSmoothedCrossEntropyConfig::default()
        };
        assert_eq!(
            config.criterion,
            CriterionConfig::LabelSmoothedCrossEntropy(smoothed)
        );
        let OptimizerConfig::Adam(adam) = &config.optimizer else {
            panic!("{:?}", config.optimizer)
        };
        assert_eq!(
            (adam.betas, adam.eps, adam.weight_decay),
            ((0.9, 0.98), 1e-8, 1e-4)
        );
        let schedule = json!({ "type": "inverse_sqrt", "warmup_updates": 10, "warmup_init_lr": null });
        assert_eq!(serde_json::to_value(&config.lr_scheduler).unwrap(), schedule);
        assert_eq!((config.seed, config.optimization.lr.as_slice()), (7, &[1e-3][..]));
        assert_eq!(
            (config.dataset.batch_size, config.dataset.max_tokens),
            (Some(32), None)
        );
        assert_eq!(
            (
                config.stop.max_epoch,
                config.stop.max_update,
                config.stop.patience
            ),
            (None, Some(500), None)
        );
        let listed = train_config(&options(json!({ "adam_betas": [0.8, 0.9] }))).unwrap();
        assert!(matches!(listed.optimizer, OptimizerConfig::Adam(adam) if adam.betas == (0.8, 0.9)));
        assert_eq!(workers(&options(json!({}))), Ok(1));
        assert_eq!(workers(&options(json!({ "distributed_world_size": 8 }))), Ok(8));
    }

    #[test]
    fn the_order_of_the_data_is_known_whatever_the_optimiser() {
        let options =
            options(json!({ "optimizer": "adafactor", "criterion": "mine", "lr_scheduler": "mine" }));
        assert!(train_config(&options).is_err());
        let batches = batches_config(&options).unwrap();
        let dataset = DatasetConfig {
            max_tokens: None,
            batch_size: Some(32),
            ..DatasetConfig::default()
        };
        assert_eq!((batches.seed, batches.dataset), (7, dataset));
    }

    #[test]
    fn what_cannot_be_continued_is_refused_by_name() {
        for (changes, expected) in [
            (
                json!({ "criterion": "composite_loss" }),
                "the criterion `composite_loss`",
            ),
            (json!({ "optimizer": "nag" }), "the optimizer `nag`"),
            (json!({ "optimizer": null }), "no optimizer"),
            (
                json!({ "lr_scheduler": "reduce_lr_on_plateau" }),
                "the lr_scheduler `reduce_lr_on_plateau`",
            ),
            (json!({ "lr_scheduler": "cosine", "max_lr": 1e-3 }), "`max_lr`"),
            (json!({ "adam_betas": "(0.9)" }), "`adam_betas` = \"(0.9)\""),
            (json!({ "warmup_updates": "ten" }), "`warmup_updates` = \"ten\""),
            (json!({ "seed": [1] }), "`seed` = [1]"),
        ] {
            let problem = train_config(&options(changes)).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn our_configuration_survives_the_way_to_fairseq_s_options_and_back() {
        let schedules = [
            json!({ "type": "inverse_sqrt", "warmup_updates": 10, "warmup_init_lr": 1e-7 }),
            json!({ "type": "fixed", "force_anneal": 3 }),
            json!({ "type": "polynomial_decay", "total_num_update": 100, "power": 2.0 }),
            json!({ "type": "cosine", "lr_period_updates": 20, "t_mult": 2.0 }),
            json!({ "type": "tri_stage", "phase_ratio": [0.1, 0.4, 0.5] }),
        ];
        for schedule in schedules {
            let mut config = TrainConfig {
                seed: 3,
                lr_scheduler: serde_json::from_value(schedule).unwrap(),
                log_interval: 5,
                ..TrainConfig::default()
            };
            config.optimization.update_freq = vec![4, 2];
            config.optimization.clip_norm = 1.0;
            config.stop.max_epoch = Some(9);
            config.dataset.batch_size = Some(8);
            config.dataset.batch_size_valid = Some(8);
            config.dataset.max_tokens_valid = config.dataset.max_tokens;
            config.checkpoint.keep_last_epochs = Some(2);
            config.checkpoint.save_interval_updates = 50;
            config.validation.best_checkpoint_metric = "bleu".to_owned();
            config.validation.maximize_best_checkpoint_metric = true;
            let sections = sections(&config, false)
                .into_iter()
                .map(|(name, section)| (name.to_owned(), section));
            let found = train_config(&Options::by_section(sections.collect())).unwrap();
            assert_eq!(found, config);
        }
    }
}
