//! Settings that are out of range or contradict each other.

use super::config::TrainConfig;
use crate::error::{ConfigProblems, Result};

/// Batches that are summed for one update: an epoch has fewer.
const MAX_UPDATE_FREQ: usize = 1_000_000;
/// Devices of one host.
const MAX_REPLICAS: usize = 256;
/// Batches made ahead, each of which takes memory.
const MAX_BUFFER: usize = 10_000;
/// Every batch is at least as wide.
const MAX_SEQ_LEN_MULTIPLE: usize = 1024;

impl TrainConfig {
    /// Checks ranges and combinations, before any file is opened.
    ///
    /// `task_metrics` are the names that validation yields beside `loss`, `nll_loss` and `ppl`.
    ///
    /// # Errors
    /// Every rule that is broken, naming the option and its value: [`Error::Config`] for one,
    /// [`Error::Configs`] for several.
    ///
    /// [`Error::Config`]: crate::Error::Config
    /// [`Error::Configs`]: crate::Error::Configs
    pub fn validate(&self, task_metrics: &[&str]) -> Result<()> {
        let mut problems = ConfigProblems::default();
        problems.take(self.criterion.validate());
        problems.take(self.optimizer.validate());
        problems.take(
            self.lr_scheduler
                .init(&self.optimization.lr, self.stop.max_update),
        );
        self.check_optimization(&mut problems);
        self.check_stop(&mut problems);
        self.check_dataset(&mut problems);
        self.check_validation(&mut problems);
        self.check_checkpoint(&mut problems);
        if let Some(ema) = &self.ema {
            problems.take(ema.validate());
        }
        if let Some(scaling) = &self.loss_scaling {
            problems.take(scaling.validate(&self.optimization.update_freq));
        }
        self.check_metric(task_metrics, &mut problems);
        problems.into_result()
    }

    fn check_optimization(&self, problems: &mut ConfigProblems) {
        let optimization = &self.optimization;
        let in_range = |freq: &usize| (1..=MAX_UPDATE_FREQ).contains(freq);
        if optimization.update_freq.is_empty() || !optimization.update_freq.iter().all(in_range) {
            problems.say(format!(
                "'update_freq' must list numbers of at least 1 and at most {MAX_UPDATE_FREQ}, got {:?}",
                optimization.update_freq
            ));
        }
        if !(1..=MAX_REPLICAS).contains(&self.distributed_world_size) {
            problems.say(format!(
                "'distributed_world_size' must be at least 1 and at most {MAX_REPLICAS}, got {}",
                self.distributed_world_size
            ));
        }
        if !(optimization.clip_norm >= 0.0 && optimization.clip_norm.is_finite()) {
            problems.say(format!(
                "'clip_norm' must be a number of at least 0 (0: no clipping), got {}",
                optimization.clip_norm
            ));
        }
    }

    fn check_stop(&self, problems: &mut ConfigProblems) {
        let stop = &self.stop;
        if stop.patience == Some(0) {
            problems.say(
                "'patience' must be at least 1, got 0\nhint: in a configuration file, `null` is no patience",
            );
        } else if stop.patience.is_some() && self.validation.disable_validation {
            problems.say(
                "patience counts validations, but there are none\n\
                 hint: give 'max_epoch' or 'max_update', or let the run validate: leave out 'disable_validation', and \
                 name a 'valid_subset'",
            );
        }
        if let Some(hours) = stop.stop_time_hours
            && !(hours > 0.0 && hours.is_finite())
        {
            problems.say(format!("'stop_time_hours' must be above 0, got {hours}"));
        }
    }

    fn check_dataset(&self, problems: &mut ConfigProblems) {
        let data = &self.dataset;
        for (name, size, most) in [
            ("'max_tokens'", data.max_tokens, usize::MAX),
            ("'batch_size'", data.batch_size, usize::MAX),
            ("'max_tokens_valid'", data.max_tokens_valid, usize::MAX),
            ("'batch_size_valid'", data.batch_size_valid, usize::MAX),
            (
                "'required_batch_size_multiple'",
                Some(data.required_batch_size_multiple),
                usize::MAX,
            ),
            (
                "'required_seq_len_multiple'",
                data.required_seq_len_multiple,
                MAX_SEQ_LEN_MULTIPLE,
            ),
            ("'data_buffer_size'", Some(data.data_buffer_size), MAX_BUFFER),
        ] {
            match size {
                Some(0) => problems.say(format!("{name} must be at least 1, got 0")),
                Some(size) if size > most => {
                    problems.say(format!("{name} must be at most {most}, got {size}"));
                }
                _ => {}
            }
        }
        if data.max_tokens.is_none() && data.batch_size.is_none() {
            problems.say("batches need a limit\nhint: give 'max_tokens' or 'batch_size'");
        }
    }

    fn check_validation(&self, problems: &mut ConfigProblems) {
        if self.validation.max_valid_steps == Some(0) {
            problems.say("'max_valid_steps' must be at least 1, got 0\nhint: 'disable_validation'");
        }
        if self.checkpoint.save_interval == 0 || self.validation.validate_interval == 0 {
            problems.say("'save_interval' and 'validate_interval' count epochs and must be at least 1");
        }
    }

    fn check_checkpoint(&self, problems: &mut ConfigProblems) {
        let checkpoint = &self.checkpoint;
        if checkpoint.save_dir.as_os_str().is_empty() && !checkpoint.no_save {
            problems.say("'save_dir' needs a value");
        }
        for (name, count) in [
            ("'keep_interval_updates'", checkpoint.keep_interval_updates),
            ("'keep_last_epochs'", checkpoint.keep_last_epochs),
            ("'keep_best_checkpoints'", checkpoint.keep_best_checkpoints),
        ] {
            if count == Some(0) {
                problems.say(format!("{name} must be at least 1, got 0"));
            }
        }
        if let Some(pattern) = checkpoint.keep_interval_updates_pattern
            && (pattern == 0 || checkpoint.keep_interval_updates.is_none())
        {
            problems.say(format!(
                "'keep_interval_updates_pattern' must be at least 1 (-1 for none) and needs 'keep_interval_updates', \
                 got {pattern}"
            ));
        }
        let writes_none = checkpoint.no_last_checkpoints
            && checkpoint.no_epoch_checkpoints
            && checkpoint.save_interval_updates == 0
            && self.validation.disable_validation;
        if writes_none && !checkpoint.no_save {
            problems.say(
                "'no_last_checkpoints', 'no_epoch_checkpoints' and 'disable_validation' together leave nothing of the \
                 run: no checkpoint is ever written\nhint: leave out one of them, or say so with 'no_save'",
            );
        }
        if checkpoint.keep_best_checkpoints.is_some() && self.validation.disable_validation {
            problems.say(
                "'keep_best_checkpoints' needs validations, but there are none\n\
                 hint: leave out 'disable_validation'",
            );
        }
    }

    fn check_metric(&self, task_metrics: &[&str], problems: &mut ConfigProblems) {
        let metric = self.validation.best_checkpoint_metric.as_str();
        let mut known = vec!["loss", "nll_loss", "ppl"];
        known.extend(self.criterion.metrics());
        known.extend(task_metrics);
        if known.contains(&metric) {
            return;
        }
        let hint = match metric {
            "bleu" => "\nhint: BLEU is computed with 'eval_bleu'",
            "accuracy" => "\nhint: accuracy is counted with 'report_accuracy'",
            _ => "",
        };
        problems.say(format!(
            "'best_checkpoint_metric' {metric} is not computed; choose one of: {}{hint}",
            known.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::loss_scaler::LossScalingConfig;
    use crate::lr_scheduler::{CosineConfig, LrSchedulerConfig};
    use crate::optim::{AdamConfig, OptimizerConfig};

    fn problem(change: impl FnOnce(&mut TrainConfig)) -> String {
        let mut config = TrainConfig::default();
        change(&mut config);
        config.validate(&[]).unwrap_err().to_string()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let mut config = TrainConfig {
            optimizer: OptimizerConfig::Adam(AdamConfig {
                eps: -1.0,
                weight_decay: f64::NAN,
                ..AdamConfig::default()
            }),
            lr_scheduler: LrSchedulerConfig::Cosine(CosineConfig {
                t_mult: 0.5,
                lr_shrink: -1.0,
                ..CosineConfig::default()
            }),
            loss_scaling: Some(LossScalingConfig {
                min_loss_scale: -1.0,
                fp16_init_scale: -1.0,
                ..LossScalingConfig::default()
            }),
            ..TrainConfig::default()
        };
        config.optimization.lr = vec![-1.0];
        config.optimization.clip_norm = -1.0;
        config.stop.patience = Some(0);
        config.dataset.max_tokens_valid = Some(0);
        config.dataset.data_buffer_size = 0;
        config.checkpoint.keep_last_epochs = Some(0);
        config.validation.best_checkpoint_metric = "bleu".to_owned();
        let error = config.validate(&[]).unwrap_err();
        assert!(error.is_usage());
        let told = error.to_string();
        let Error::Configs(problems) = error else {
            panic!("{told}")
        };
        assert_eq!(told, problems.join("\n"));
        let expected = [
            "'adam_eps'",
            "'weight_decay'",
            "'lr_shrink'",
            "'t_mult'",
            "'lr' must",
            "'clip_norm'",
            "'patience'",
            "'max_tokens_valid'",
            "'data_buffer_size'",
            "'keep_last_epochs'",
            "'min_loss_scale'",
            "'fp16_init_scale'",
            "'best_checkpoint_metric'",
        ];
        assert_eq!(problems.len(), expected.len(), "{told}");
        for (problem, option) in problems.iter().zip(expected) {
            assert!(problem.starts_with(option), "{option}: {problem}");
        }
    }

    #[test]
    fn one_problem_is_an_error_of_its_own() {
        let mut config = TrainConfig::default();
        config.optimization.clip_norm = -1.0;
        assert!(matches!(config.validate(&[]), Err(Error::Config(_))));
    }

    #[test]
    fn values_out_of_range_are_named() {
        assert!(problem(|c| c.optimization.update_freq = vec![1, 0]).contains("'update_freq'"));
        assert!(problem(|c| c.distributed_world_size = 0).contains("'distributed_world_size'"));
        assert!(problem(|c| c.optimization.update_freq = vec![usize::MAX]).contains("at most 1000000"));
        assert!(problem(|c| c.distributed_world_size = usize::MAX).contains("at most 256"));
        assert!(problem(|c| c.dataset.data_buffer_size = 1_000_000_000).contains("at most 10000"));
        assert!(problem(|c| c.dataset.required_seq_len_multiple = Some(1 << 40)).contains("at most 1024"));
        assert!(problem(|c| c.optimization.clip_norm = -1.0).contains("got -1"));
        assert!(problem(|c| c.dataset.max_tokens = Some(0)).contains("'max_tokens'"));
        assert!(problem(|c| c.dataset.max_tokens = None).contains("need a limit"));
        assert!(problem(|c| c.stop.patience = Some(0)).contains("'patience'"));
        assert!(problem(|c| c.stop.stop_time_hours = Some(f64::NAN)).contains("hours"));
        assert!(problem(|c| c.checkpoint.keep_last_epochs = Some(0)).contains("keep_last_epochs"));
        assert!(problem(|c| c.checkpoint.save_interval = 0).contains("'save_interval'"));
        assert!(problem(|c| c.checkpoint.save_dir.clear()).contains("'save_dir' needs a value"));
        assert!(problem(|c| c.checkpoint.keep_interval_updates_pattern = Some(5)).contains("needs"));
        assert!(problem(|c| c.validation.max_valid_steps = Some(0)).contains("'max_valid_steps'"));
    }

    #[test]
    fn a_run_that_keeps_nothing_is_refused() {
        let nothing = |config: &mut TrainConfig| {
            config.stop.patience = None;
            config.validation.disable_validation = true;
            config.checkpoint.no_epoch_checkpoints = true;
            config.checkpoint.no_last_checkpoints = true;
        };
        assert!(problem(nothing).contains("'no_save'"));
        for change in [
            |config: &mut TrainConfig| config.checkpoint.no_save = true,
            |config: &mut TrainConfig| config.checkpoint.save_interval_updates = 5,
            |config: &mut TrainConfig| config.checkpoint.no_last_checkpoints = false,
            |config: &mut TrainConfig| config.validation.disable_validation = false,
        ] {
            let mut config = TrainConfig::default();
            nothing(&mut config);
            change(&mut config);
            config.validate(&[]).unwrap();
        }
    }

    #[test]
    fn patience_needs_validations() {
        assert!(problem(|c| c.validation.disable_validation = true).contains("patience"));
    }

    #[test]
    fn the_best_metric_must_be_computed() {
        let unknown = problem(|c| c.validation.best_checkpoint_metric = "bleu".to_owned());
        assert!(unknown.contains("loss, nll_loss, ppl") && unknown.contains("'eval_bleu'"));
        let mut config = TrainConfig::default();
        config.validation.best_checkpoint_metric = "bleu".to_owned();
        config.validate(&["bleu"]).unwrap();
    }
}
