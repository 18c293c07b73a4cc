//! When the run ends.

use burnseq_train::StopRule;
use clap::Args;

use crate::train::values::Limit;

/// When the run ends; without any of these as the recipe says, else by patience.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "End of the run (without any of these: as the recipe says, else --patience 10)"
)]
pub struct StopArgs {
    /// Last epoch; 0: no limit
    #[arg(long, visible_alias = "me", value_name = "N", allow_negative_numbers = true)]
    pub max_epoch: Option<Limit>,
    /// Last update; 0: no limit
    #[arg(long, visible_alias = "mu", value_name = "N", allow_negative_numbers = true)]
    pub max_update: Option<Limit>,
    /// Validations in a row without improvement; 0 or -1: no limit
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub patience: Option<Limit>,
    /// Hours of training, resumed ones included; 0: no limit
    #[arg(long, value_name = "HOURS")]
    pub stop_time_hours: Option<f64>,
    /// Stop when the learning rate has fallen to this; -1: never
    #[arg(long, value_name = "LR", allow_negative_numbers = true)]
    pub stop_min_lr: Option<f64>,
}

impl StopArgs {
    /// The flags that are given replace the whole rule: who asks for `--max-epoch 30` gets 30 epochs.
    pub(crate) fn overlay(&self, rule: &mut StopRule) {
        let Self {
            max_epoch,
            max_update,
            patience,
            stop_time_hours,
            stop_min_lr,
        } = *self;
        let limits = [max_epoch, max_update, patience];
        if limits.iter().all(Option::is_none) && stop_time_hours.is_none() && stop_min_lr.is_none() {
            return;
        }
        let small = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
        *rule = StopRule {
            max_epoch: max_epoch.and_then(Limit::above_zero).map(small),
            max_update: max_update.and_then(Limit::above_zero),
            patience: patience.and_then(Limit::above_zero).map(small),
            stop_time_hours: stop_time_hours.filter(|&hours| hours > 0.0 || hours.is_nan()),
            stop_min_lr: stop_min_lr.filter(|&lr| lr >= 0.0),
        };
    }
}
