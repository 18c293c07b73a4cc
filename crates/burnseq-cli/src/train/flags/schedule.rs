//! Learning rate.

use anyhow::{Result, bail};
use burnseq_train::lr_scheduler::{
    CosineConfig, FixedConfig, InverseSqrtConfig, PolynomialDecayConfig, TriStageConfig,
};
use burnseq_train::{LrSchedulerConfig, OptimizationConfig};
use clap::Args;

use super::{StopArgs, set};
use crate::problems::Problems;
use crate::train::values::{Limit, List, Shares};

/// Learning rate.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning rate")]
pub struct ScheduleArgs {
    /// Schedule: inverse_sqrt, fixed, polynomial_decay, cosine, tri_stage [default: inverse_sqrt; fairseq: fixed]
    #[arg(long, value_name = "NAME",
          value_parser = ["inverse_sqrt", "fixed", "polynomial_decay", "cosine", "tri_stage"])]
    pub lr_scheduler: Option<String>,
    /// Learning rate; with `fixed` one per epoch [default: 5e-4; fairseq: 0.25]
    #[arg(long, visible_alias = "learning-rate", value_name = "LR,LR,...")]
    pub lr: Option<List<f64>>,
    /// Updates of linear warm-up [default: 4000 for inverse_sqrt, else 0]
    #[arg(long, value_name = "N")]
    pub warmup_updates: Option<u64>,
    /// Learning rate at the beginning of the warm-up; negative: the schedule's own [default: -1]
    #[arg(long, value_name = "LR", allow_negative_numbers = true)]
    pub warmup_init_lr: Option<f64>,
    /// fixed: epoch from which the rate shrinks
    #[arg(long, visible_alias = "fa", value_name = "EPOCH")]
    pub force_anneal: Option<usize>,
    /// fixed, cosine: factor of the shrinking [default: 0.1]
    #[arg(long, visible_alias = "shrink", value_name = "FACTOR")]
    pub lr_shrink: Option<f64>,
    /// polynomial_decay: rate at the end [default: 0]
    #[arg(long, value_name = "LR")]
    pub end_learning_rate: Option<f64>,
    /// polynomial_decay: exponent [default: 1]
    #[arg(long, value_name = "P")]
    pub power: Option<f64>,
    /// polynomial_decay: update at which the end is reached [default: --max-update]
    #[arg(long, value_name = "N")]
    pub total_num_update: Option<u64>,
    /// cosine: smallest rate [default: 0]; other schedules: short for --stop-min-lr, as up to fairseq 0.10
    #[arg(long, value_name = "LR")]
    pub min_lr: Option<f64>,
    /// cosine: updates of the first period; 0 or -1: --max-update less the warm-up [default: -1]
    #[arg(long, value_name = "N")]
    pub lr_period_updates: Option<Limit>,
    /// cosine: factor by which each period is longer than the one before [default: 1]
    #[arg(long, value_name = "FACTOR")]
    pub t_mult: Option<f64>,
    /// tri_stage: updates of warm-up [default: 4000]
    #[arg(long, value_name = "N")]
    pub warmup_steps: Option<u64>,
    /// tri_stage: updates at the full rate [default: 20000]
    #[arg(long, value_name = "N")]
    pub hold_steps: Option<u64>,
    /// tri_stage: updates of decay [default: 60000]
    #[arg(long, value_name = "N")]
    pub decay_steps: Option<u64>,
    /// tri_stage: shares of --max-update that the three stages take instead: '(0.1, 0.4, 0.5)'
    #[arg(long, value_name = "A,B,C", conflicts_with_all = ["warmup_steps", "hold_steps", "decay_steps"])]
    pub phase_ratio: Option<Shares>,
    /// tri_stage: rate at the beginning, as a share of the full one [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub init_lr_scale: Option<f64>,
    /// tri_stage: rate at the end, as a share of the full one [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub final_lr_scale: Option<f64>,
}

impl ScheduleArgs {
    /// Lays the flags over schedule and rate; a flag of another schedule is refused rather than ignored.
    pub(crate) fn overlay(
        &self,
        schedule: &mut LrSchedulerConfig,
        optimization: &mut OptimizationConfig,
    ) -> Result<()> {
        if let Some(name) = self.lr_scheduler.as_deref()
            && name != schedule.name()
        {
            *schedule = match name {
                "fixed" => LrSchedulerConfig::Fixed(FixedConfig::default()),
                "polynomial_decay" => LrSchedulerConfig::PolynomialDecay(PolynomialDecayConfig::default()),
                "cosine" => LrSchedulerConfig::Cosine(CosineConfig::default()),
                "tri_stage" => LrSchedulerConfig::TriStage(TriStageConfig::default()),
                _ => LrSchedulerConfig::InverseSqrt(InverseSqrtConfig::default()),
            };
        }
        let problems = self.check_flags(schedule.name());
        set(&mut optimization.lr, self.lr.as_ref().map(|list| list.0.clone()));
        let warmup_init = |field: &mut Option<f64>| {
            if let Some(lr) = self.warmup_init_lr {
                *field = (lr >= 0.0).then_some(lr);
            }
        };
        match schedule {
            LrSchedulerConfig::InverseSqrt(config) => {
                set(&mut config.warmup_updates, self.warmup_updates);
                warmup_init(&mut config.warmup_init_lr);
            }
            LrSchedulerConfig::Fixed(config) => {
                set(&mut config.warmup_updates, self.warmup_updates);
                config.force_anneal = self.force_anneal.or(config.force_anneal);
                set(&mut config.lr_shrink, self.lr_shrink);
            }
            LrSchedulerConfig::PolynomialDecay(config) => {
                set(&mut config.warmup_updates, self.warmup_updates);
                config.total_num_update = self.total_num_update.or(config.total_num_update);
                set(&mut config.power, self.power);
                set(&mut config.end_learning_rate, self.end_learning_rate);
            }
            LrSchedulerConfig::Cosine(config) => {
                set(&mut config.warmup_updates, self.warmup_updates);
                warmup_init(&mut config.warmup_init_lr);
                set(&mut config.min_lr, self.min_lr);
                if let Some(period) = self.lr_period_updates {
                    config.lr_period_updates = period.above_zero();
                }
                set(&mut config.t_mult, self.t_mult);
                set(&mut config.lr_shrink, self.lr_shrink);
            }
            LrSchedulerConfig::TriStage(config) => {
                set(&mut config.warmup_steps, self.warmup_steps);
                set(&mut config.hold_steps, self.hold_steps);
                set(&mut config.decay_steps, self.decay_steps);
                if let Some(Shares(warmup, hold, decay)) = self.phase_ratio {
                    config.phase_ratio = Some((warmup, hold, decay));
                } else if self
                    .warmup_steps
                    .or(self.hold_steps)
                    .or(self.decay_steps)
                    .is_some()
                {
                    config.phase_ratio = None;
                }
                set(&mut config.init_lr_scale, self.init_lr_scale);
                set(&mut config.final_lr_scale, self.final_lr_scale);
            }
        }
        problems
    }

    /// The rate that ends the run where `--min-lr` is not about the schedule: up to 0.10, fairseq's `--min-lr` was what is
    /// `--stop-min-lr` now, and only cosine had one of its own.
    ///
    /// # Errors
    /// Both flags.
    pub(crate) fn stop_min_lr(&self, schedule: &LrSchedulerConfig, stop: &StopArgs) -> Result<Option<f64>> {
        let Some(lr) = self.min_lr.filter(|_| schedule.name() != "cosine") else {
            return Ok(None);
        };
        if stop.stop_min_lr.is_some() {
            bail!(
                "--min-lr and --stop-min-lr are one flag with --lr-scheduler {}\nhint: leave out --min-lr",
                schedule.name()
            );
        }
        Ok(Some(lr))
    }

    /// Refuses a flag of another schedule than `name`.
    fn check_flags(&self, name: &str) -> Result<()> {
        const WARMUP: &[&str] = &["inverse_sqrt", "fixed", "polynomial_decay", "cosine"];
        let flags: [(&str, bool, &[&str]); 15] = [
            ("--warmup-updates", self.warmup_updates.is_some(), WARMUP),
            (
                "--warmup-init-lr",
                self.warmup_init_lr.is_some(),
                &["inverse_sqrt", "cosine"],
            ),
            ("--force-anneal", self.force_anneal.is_some(), &["fixed"]),
            ("--lr-shrink", self.lr_shrink.is_some(), &["fixed", "cosine"]),
            (
                "--end-learning-rate",
                self.end_learning_rate.is_some(),
                &["polynomial_decay"],
            ),
            ("--power", self.power.is_some(), &["polynomial_decay"]),
            (
                "--total-num-update",
                self.total_num_update.is_some(),
                &["polynomial_decay"],
            ),
            (
                "--lr-period-updates",
                self.lr_period_updates.is_some(),
                &["cosine"],
            ),
            ("--t-mult", self.t_mult.is_some(), &["cosine"]),
            ("--warmup-steps", self.warmup_steps.is_some(), &["tri_stage"]),
            ("--hold-steps", self.hold_steps.is_some(), &["tri_stage"]),
            ("--decay-steps", self.decay_steps.is_some(), &["tri_stage"]),
            ("--phase-ratio", self.phase_ratio.is_some(), &["tri_stage"]),
            ("--init-lr-scale", self.init_lr_scale.is_some(), &["tri_stage"]),
            ("--final-lr-scale", self.final_lr_scale.is_some(), &["tri_stage"]),
        ];
        let mut problems = Problems::new();
        for (flag, given, schedules) in flags {
            if given && !schedules.contains(&name) {
                problems.say(format!(
                    "{flag} belongs to --lr-scheduler {}, not to {name}\nhint: leave out {flag}, or choose another schedule",
                    schedules.join(", ")
                ));
            }
        }
        problems.into_result()
    }
}
