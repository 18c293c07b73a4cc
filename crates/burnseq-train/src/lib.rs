//! Training: logits -> loss -> update.
//!
//! Every part gives the numbers of fairseq. In the order in which an update uses them:
//!
//! 1. [`criterions`]: model and batch to a loss, its denominator, and sums for the log; [`losses`] of logits and targets;
//! 2. [`gradients`]: sum over micro-batches, division by the sample size, global norm, clipping; [`LossScaler`] for half
//!    precision;
//! 3. [`lr_scheduler`]: the learning rate of an update, a function of the update number;
//! 4. [`optim`]: Adam and others, whose state is keyed by parameter names; [`Ema`], a moving average of the weights;
//! 5. [`checkpoint`]: folders of safetensors and JSON that appear complete or not at all.
//!
//! A [`Trainer`] goes through them update after update: it validates ([`Objective`]: the criterion, and a [`Validator`] for
//! metrics such as BLEU), saves, resumes, tells its caller what happens ([`Event`], [`log`]) and ends by a [`StopRule`].
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use burnseq_train::{CriterionConfig, LrSchedulerConfig, lr_scheduler::InverseSqrtConfig};
//!
//! // Two target tokens, of which the second is padding (id 1), over a vocabulary of four.
//! let logits = Tensor::<3>::zeros([1, 2, 4], &Device::flex());
//! let target = Tensor::from_ints([[3, 1]], &Device::flex());
//! let output = CriterionConfig::default().loss()?.forward(logits, target, 1);
//! assert!((output.loss.into_scalar::<f32>() - 4f32.ln()).abs() < 1e-6);
//!
//! let warmup = InverseSqrtConfig { warmup_updates: 4000, warmup_init_lr: None };
//! let schedule = LrSchedulerConfig::InverseSqrt(warmup).init(&[5e-4], None)?;
//! assert_eq!(schedule.lr_at(0, 1), 0.0); // the first update
//! assert!((schedule.lr_at(16_000, 9) - 2.5e-4).abs() < 1e-12);
//! # Ok::<(), burnseq_train::Error>(())
//! ```

pub mod checkpoint;
pub mod criterions;
pub mod device_check;
mod ema;
mod error;
pub mod gradients;
pub mod log;
mod loss_scaler;
pub mod losses;
pub mod lr_scheduler;
mod memory_usage;
pub mod optim;
mod out_of_memory;
mod readback;
mod stop;
mod trainer;
mod validation;

pub use checkpoint::{Checkpoint, CheckpointContents, CheckpointMeta, Retention, TaskInfo};
pub use criterions::{Criterion, CriterionConfig, NextTokenPrediction, Seq2Seq};
pub use ema::{Ema, EmaConfig};
pub use error::{Error, Result};
pub use gradients::{Accumulated, GradNorm};
pub use log::{Meters, NamedSums, TrainRecord, UpdateStats, ValidRecord};
pub use loss_scaler::{LossScaler, LossScalerState, LossScalingConfig};
pub use losses::{Correct, Loss, LossOutput};
pub use lr_scheduler::{LrScheduler, LrSchedulerConfig};
pub use memory_usage::peak_device_memory;
pub use optim::{Optimizer, OptimizerConfig, OptimizerState};
pub use out_of_memory::DeviceMemory;
pub use stop::{DEFAULT_PATIENCE, Interrupt, PatienceState, StopReason, StopRule};
pub use trainer::{
    CheckpointConfig, DatasetConfig, Event, FoundMaxTokens, Observer, OptimizationConfig, RunSummary, Start,
    StartFrom, TrainConfig, TrainContext, TrainData, TrainState, Trainer, TrainingRecord, ValidationConfig,
    find_max_tokens, find_start, longest_sentences, saved_max_tokens, training_epochs,
};
pub use validation::{
    LossOnly, Objective, Sample, ValidSet, ValidationMetrics, Validator, ValidatorError, validation_sums,
};
