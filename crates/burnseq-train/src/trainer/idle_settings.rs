//! Settings that do nothing in a run, because another one that they act together with is missing.

use super::config::{CheckpointConfig, DatasetConfig, TrainConfig, ValidationConfig};

impl TrainConfig {
    /// One line for each setting that differs from its default and yet changes nothing.
    pub fn idle_settings(&self) -> Vec<String> {
        let checkpoint = &self.checkpoint;
        let validation = &self.validation;
        let data = &self.dataset;
        let mut notes = Vec::new();
        let mut idle = |is_idle: bool, flag: &str, reason: &str| {
            if is_idle {
                notes.push(format!("{flag} changes nothing {reason}"));
            }
        };
        idle(
            checkpoint.keep_interval_updates.is_some() && checkpoint.save_interval_updates == 0,
            "'keep_interval_updates'",
            "without 'save_interval_updates', which writes the checkpoints that it is about",
        );
        idle(
            checkpoint.keep_last_epochs.is_some() && checkpoint.no_epoch_checkpoints,
            "'keep_last_epochs'",
            "with 'no_epoch_checkpoints', which writes none of the checkpoints that it is about",
        );
        idle(
            data.num_workers == 0 && data.data_buffer_size != DatasetConfig::default().data_buffer_size,
            "'data_buffer_size'",
            "with 'num_workers' 0, which makes no batches ahead",
        );
        let per_update = self.optimization.update_freq.iter().max().copied().unwrap_or(1);
        idle(
            self.optimization.skip_remainder_batch && per_update == 1,
            "'skip_remainder_batch'",
            "without 'update_freq': no update has fewer batches than others",
        );
        if checkpoint.no_save {
            let defaults = CheckpointConfig::default();
            const NONE: &str = "with 'no_save'";
            idle(
                checkpoint.save_interval != defaults.save_interval,
                "'save_interval'",
                NONE,
            );
            idle(checkpoint.keep_last_epochs.is_some(), "'keep_last_epochs'", NONE);
            idle(
                checkpoint.keep_best_checkpoints.is_some(),
                "'keep_best_checkpoints'",
                NONE,
            );
            idle(checkpoint.no_epoch_checkpoints, "'no_epoch_checkpoints'", NONE);
            idle(checkpoint.no_last_checkpoints, "'no_last_checkpoints'", NONE);
            idle(
                checkpoint.no_save_optimizer_state,
                "'no_save_optimizer_state'",
                NONE,
            );
        }
        if validation.disable_validation {
            let defaults = ValidationConfig::default();
            const NONE: &str = "with 'disable_validation'";
            idle(
                validation.validate_interval != defaults.validate_interval,
                "'validate_interval'",
                NONE,
            );
            idle(
                validation.validate_interval_updates != defaults.validate_interval_updates,
                "'validate_interval_updates'",
                NONE,
            );
            idle(
                validation.validate_after_updates != defaults.validate_after_updates,
                "'validate_after_updates'",
                NONE,
            );
            idle(validation.max_valid_steps.is_some(), "'max_valid_steps'", NONE);
            idle(data.max_tokens_valid.is_some(), "'max_tokens_valid'", NONE);
            idle(data.batch_size_valid.is_some(), "'batch_size_valid'", NONE);
            idle(
                data.skip_invalid_size_inputs_valid_test,
                "'skip_invalid_size_inputs_valid_test'",
                NONE,
            );
            idle(
                validation.best_checkpoint_metric != defaults.best_checkpoint_metric,
                "'best_checkpoint_metric'",
                NONE,
            );
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(change: impl FnOnce(&mut TrainConfig)) -> Vec<String> {
        let mut config = TrainConfig::default();
        change(&mut config);
        config.idle_settings()
    }

    #[test]
    fn a_setting_that_needs_another_is_named_with_it() {
        assert!(notes(|_| ()).is_empty());
        let keep = |config: &mut TrainConfig| config.checkpoint.keep_interval_updates = Some(3);
        assert!(notes(keep)[0].contains("without 'save_interval_updates'"));
        let both = notes(|config| {
            keep(config);
            config.checkpoint.save_interval_updates = 100;
        });
        assert!(both.is_empty());
        let epochs = notes(|config| {
            config.checkpoint.keep_last_epochs = Some(3);
            config.checkpoint.no_epoch_checkpoints = true;
        });
        assert!(epochs[0].starts_with("'keep_last_epochs' changes nothing"));
        let ahead = notes(|config| {
            config.dataset.num_workers = 0;
            config.dataset.data_buffer_size = 3;
        });
        assert!(ahead[0].contains("'num_workers' 0"));
        let remainder = |freq: usize| {
            notes(|config| {
                config.optimization.skip_remainder_batch = true;
                config.optimization.update_freq = vec![1, freq];
            })
        };
        assert_eq!((remainder(1).len(), remainder(2).len()), (1, 0));
    }

    #[test]
    fn what_is_about_validation_or_saving_does_nothing_without_it() {
        let validation = notes(|config| {
            config.validation.disable_validation = true;
            config.validation.max_valid_steps = Some(2);
            config.validation.validate_after_updates = 7;
            config.dataset.max_tokens_valid = Some(9);
        });
        assert_eq!(validation.len(), 3, "{validation:?}");
        let saving = notes(|config| {
            config.checkpoint.no_save = true;
            config.checkpoint.keep_last_epochs = Some(2);
        });
        assert_eq!(saving, ["'keep_last_epochs' changes nothing with 'no_save'"]);
    }
}
