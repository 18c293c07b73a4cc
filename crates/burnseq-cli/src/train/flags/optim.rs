//! Loss, optimiser, gradient.

use anyhow::Result;
use burnseq_train::losses::{CrossEntropyConfig, LabelSmoothedCrossEntropyConfig};
use burnseq_train::optim::{AdamConfig, AdamWConfig, NagConfig, SgdConfig};
use burnseq_train::{CriterionConfig, OptimizationConfig, OptimizerConfig, TrainConfig};
use clap::Args;

use super::{refuse_given, set};
use crate::problems::Problems;
use crate::train::values::{Betas, List};

/// Loss, optimiser, gradient.
#[derive(Debug, Args)]
#[command(next_help_heading = "Loss and optimiser")]
pub struct OptimArgs {
    /// Loss: label_smoothed_cross_entropy, cross_entropy, or adaptive_loss, which is cross_entropy with an adaptive softmax
    /// [default: label_smoothed_cross_entropy, of a language model cross_entropy]
    #[arg(long, value_name = "NAME", value_parser = ["label_smoothed_cross_entropy", "cross_entropy", "adaptive_loss"])]
    pub criterion: Option<String>,
    /// Probability taken from the reference token [default: 0.1; fairseq: 0]
    #[arg(long, value_name = "EPSILON")]
    pub label_smoothing: Option<f64>,
    /// Log the share of target tokens that the model ranks first, in percent
    #[arg(long)]
    pub report_accuracy: bool,
    /// Leave the first N target tokens of every sentence out of the loss [default: 0]
    #[arg(long, value_name = "N")]
    pub ignore_prefix_size: Option<usize>,
    /// Optimiser: adam, adamw (as PyTorch and Hugging Face's trainer have it: norms and biases are not decayed), nag, sgd
    /// [default: adam]
    #[arg(long, value_name = "NAME", value_parser = ["adam", "adamw", "nag", "sgd"])]
    pub optimizer: Option<String>,
    /// Decay rates of Adam's moments: '(0.9, 0.98)' or 0.9,0.98 [default: 0.9,0.98; fairseq: 0.9,0.999]
    #[arg(long, value_name = "B1,B2")]
    pub adam_betas: Option<Betas>,
    /// Adam's epsilon [default: 1e-8]
    #[arg(long, value_name = "EPS")]
    pub adam_eps: Option<f64>,
    /// nag, sgd: share of the last step that is taken again [default: 0.99 for nag, 0 for sgd]
    #[arg(long, value_name = "SHARE")]
    pub momentum: Option<f64>,
    /// Weight decay on all parameters, decoupled but for sgd [default: 1e-4 for adam, 0.01 for adamw, else 0; fairseq: 0]
    #[arg(long, visible_alias = "wd", value_name = "RATE")]
    pub weight_decay: Option<f64>,
    /// Largest global gradient norm; 0: no clipping [default: 0]
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
    /// Batches per update, one number or one per epoch [default: 1]
    #[arg(long, value_name = "N,N,...")]
    pub update_freq: Option<List<usize>>,
    /// Divide the gradient by sentences instead of target tokens
    #[arg(long)]
    pub sentence_avg: bool,
    /// Leave out the last update of an epoch when it has fewer than --update-freq batches
    #[arg(long)]
    pub skip_remainder_batch: bool,
    /// Updates in a row that are skipped because their loss or gradient is NaN or infinite; one more ends the run
    /// [default: 10; fairseq: 0]
    #[arg(long, value_name = "N")]
    pub max_nonfinite: Option<u64>,
    /// Keep only the inputs of the model's blocks and compute what happens inside once more for its gradients: less memory
    /// for a third more work
    #[arg(long)]
    pub checkpoint_activations: bool,
    /// Devices that share the batches of an update, each with a copy of the model: the GPUs from --device on
    /// [default: 1; fairseq: all GPUs]
    #[arg(long, value_name = "N")]
    pub distributed_world_size: Option<usize>,
}

impl OptimArgs {
    /// Lays the flags over loss, optimiser and gradient.
    pub(crate) fn overlay(&self, config: &mut TrainConfig) -> Result<()> {
        let mut problems = Problems::new();
        problems.take(self.overlay_criterion(&mut config.criterion));
        problems.take(self.overlay_optimizer(&mut config.optimizer));
        let OptimizationConfig {
            update_freq,
            clip_norm,
            sentence_avg,
            skip_remainder_batch,
            max_nonfinite,
            checkpoint_activations,
            lr: _, // a flag of the schedule
        } = &mut config.optimization;
        set(update_freq, self.update_freq.as_ref().map(|list| list.0.clone()));
        set(clip_norm, self.clip_norm);
        set(max_nonfinite, self.max_nonfinite);
        set(&mut config.distributed_world_size, self.distributed_world_size);
        *sentence_avg |= self.sentence_avg;
        *skip_remainder_batch |= self.skip_remainder_batch;
        *checkpoint_activations |= self.checkpoint_activations;
        problems.into_result()
    }

    fn overlay_criterion(&self, criterion: &mut CriterionConfig) -> Result<()> {
        match (self.criterion.as_deref(), &*criterion) {
            (Some("cross_entropy" | "adaptive_loss"), _) => {
                *criterion = CriterionConfig::CrossEntropy(CrossEntropyConfig::default());
            }
            (Some(_), CriterionConfig::CrossEntropy(_)) => {
                *criterion = CriterionConfig::LabelSmoothedCrossEntropy(LabelSmoothedCrossEntropyConfig {
                    label_smoothing: 0.1,
                    ..LabelSmoothedCrossEntropyConfig::default()
                });
            }
            _ => {}
        }
        match criterion {
            CriterionConfig::LabelSmoothedCrossEntropy(config) => {
                set(&mut config.label_smoothing, self.label_smoothing);
                set(&mut config.ignore_prefix_size, self.ignore_prefix_size);
                config.report_accuracy |= self.report_accuracy;
            }
            CriterionConfig::CrossEntropy(_) => {
                let flags = [
                    ("--label-smoothing", self.label_smoothing.is_some()),
                    ("--ignore-prefix-size", self.ignore_prefix_size.is_some()),
                    ("--report-accuracy", self.report_accuracy),
                ];
                return refuse_given(&flags, |flag| {
                    format!(
                        "{flag} needs --criterion label_smoothed_cross_entropy\nhint: leave out {flag}, or choose that \
                         criterion"
                    )
                });
            }
        }
        Ok(())
    }

    fn overlay_optimizer(&self, optimizer: &mut OptimizerConfig) -> Result<()> {
        let chosen = match (self.optimizer.as_deref(), &*optimizer) {
            (Some("adam"), OptimizerConfig::Adam(_))
            | (Some("adamw"), OptimizerConfig::AdamW(_))
            | (Some("nag"), OptimizerConfig::Nag(_))
            | (Some("sgd"), OptimizerConfig::Sgd(_)) => None,
            (Some("adam"), _) => Some(TrainConfig::default().optimizer),
            (Some("adamw"), _) => Some(OptimizerConfig::AdamW(AdamWConfig::default())),
            (Some("nag"), _) => Some(OptimizerConfig::Nag(NagConfig::default())),
            (Some("sgd"), _) => Some(OptimizerConfig::Sgd(SgdConfig::default())),
            _ => None,
        };
        if let Some(chosen) = chosen {
            *optimizer = chosen;
        }
        let adam_only = [
            ("--adam-betas", self.adam_betas.is_some()),
            ("--adam-eps", self.adam_eps.is_some()),
        ];
        match optimizer {
            OptimizerConfig::Adam(AdamConfig {
                betas,
                eps,
                weight_decay,
            })
            | OptimizerConfig::AdamW(AdamWConfig {
                betas,
                eps,
                weight_decay,
            }) => {
                set(betas, self.adam_betas.map(|Betas(first, second)| (first, second)));
                set(eps, self.adam_eps);
                set(weight_decay, self.weight_decay);
                return refuse_given(&[("--momentum", self.momentum.is_some())], |flag| {
                    format!("{flag} belongs to --optimizer nag and sgd\nhint: give adam's with --adam-betas")
                });
            }
            OptimizerConfig::Nag(NagConfig {
                momentum,
                weight_decay,
            })
            | OptimizerConfig::Sgd(SgdConfig {
                momentum,
                weight_decay,
            }) => {
                set(momentum, self.momentum);
                set(weight_decay, self.weight_decay);
            }
        }
        refuse_given(&adam_only, |flag| {
            format!(
                "{flag} belongs to --optimizer adam and adamw\nhint: leave it out, or choose that optimiser"
            )
        })
    }
}
