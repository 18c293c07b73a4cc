//! Exponential moving average of the weights.

use anyhow::Result;
use burnseq_train::{EmaConfig, TrainConfig};
use clap::Args;

use super::{refuse_given, set};

/// Exponential moving average of the weights.
#[derive(Debug, Args)]
#[command(next_help_heading = "Moving average of the weights")]
pub struct EmaArgs {
    /// Keep an exponential moving average of the weights; validation and decoding use it
    #[arg(long)]
    pub store_ema: bool,
    /// Share of the average that an update leaves as it is [default: 0.9999]
    #[arg(long, value_name = "SHARE")]
    pub ema_decay: Option<f64>,
    /// The average is the model itself up to this update [default: 0]
    #[arg(long, value_name = "N")]
    pub ema_start_update: Option<u64>,
    /// Updates between two steps of the average [default: 1]
    #[arg(long, value_name = "N")]
    pub ema_update_freq: Option<u64>,
}

impl EmaArgs {
    /// Lays the flags over the configuration.
    pub(crate) fn overlay(&self, config: &mut TrainConfig) -> Result<()> {
        if self.store_ema && config.ema.is_none() {
            config.ema = Some(EmaConfig::default());
        }
        let Some(ema) = &mut config.ema else {
            let flags = [
                ("--ema-decay", self.ema_decay.is_some()),
                ("--ema-start-update", self.ema_start_update.is_some()),
                ("--ema-update-freq", self.ema_update_freq.is_some()),
            ];
            return refuse_given(&flags, |flag| {
                format!("{flag} needs --store-ema\nhint: add it, or leave out {flag}")
            });
        };
        set(&mut ema.decay, self.ema_decay);
        set(&mut ema.start_update, self.ema_start_update);
        set(&mut ema.update_freq, self.ema_update_freq);
        Ok(())
    }
}
