//! Dynamic loss scaling, which half precision needs.

use anyhow::Result;
use burnseq_train::{LossScalingConfig, TrainConfig};
use clap::Args;

use super::{refuse_given, set};

/// Dynamic loss scaling, which half precision needs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Loss scaling (with --fp16)")]
pub struct LossScalingArgs {
    /// First factor of the loss [default: 128]
    #[arg(long, value_name = "SCALE")]
    pub fp16_init_scale: Option<f64>,
    /// Updates without an overflow after which the factor doubles [default: 16384 by the batches of an update]
    #[arg(long, value_name = "N")]
    pub fp16_scale_window: Option<u64>,
    /// Share of updates that may overflow before the factor is halved [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub fp16_scale_tolerance: Option<f64>,
    /// A factor that falls to this ends the run [default: 1e-4]
    #[arg(long, value_name = "SCALE")]
    pub min_loss_scale: Option<f64>,
    /// The factor is not halved below this [default: no limit]
    #[arg(long, value_name = "SCALE")]
    pub threshold_loss_scale: Option<f64>,
}

impl LossScalingArgs {
    /// Scales the loss with `fp16`, and lays the flags over the configuration; without it the loss is not scaled, whatever
    /// a configuration file says.
    pub(crate) fn overlay(&self, config: &mut TrainConfig, fp16: bool) -> Result<()> {
        if !fp16 {
            let flags = [
                ("--fp16-init-scale", self.fp16_init_scale.is_some()),
                ("--fp16-scale-window", self.fp16_scale_window.is_some()),
                ("--fp16-scale-tolerance", self.fp16_scale_tolerance.is_some()),
                ("--min-loss-scale", self.min_loss_scale.is_some()),
                ("--threshold-loss-scale", self.threshold_loss_scale.is_some()),
            ];
            config.loss_scaling = None;
            return refuse_given(&flags, |flag| {
                format!(
                    "{flag} needs --fp16: in other precisions the loss is not scaled\nhint: add --fp16, or leave out {flag}"
                )
            });
        }
        let LossScalingConfig {
            fp16_init_scale,
            fp16_scale_window,
            fp16_scale_tolerance,
            min_loss_scale,
            threshold_loss_scale,
        } = config.loss_scaling.get_or_insert_default();
        set(fp16_init_scale, self.fp16_init_scale);
        *fp16_scale_window = self.fp16_scale_window.or(*fp16_scale_window);
        set(fp16_scale_tolerance, self.fp16_scale_tolerance);
        set(min_loss_scale, self.min_loss_scale);
        *threshold_loss_scale = self.threshold_loss_scale.or(*threshold_loss_scale);
        Ok(())
    }
}
