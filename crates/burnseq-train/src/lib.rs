//! Training: logits -> loss -> update.
//!
//! Every part gives the numbers of fairseq. In the order in which an update uses them:
//!
//! 1. [`criterions`]: the loss and its gradient's starting point, summed over target tokens;
//! 2. [`gradients`]: sum over micro-batches, division by the sample size, global norm, clipping;
//! 3. [`lr_scheduler`]: the learning rate of an update, a function of the update number;
//! 4. [`optim`]: Adam, whose state is keyed by parameter names;
//! 5. [`checkpoint`]: folders of safetensors and JSON that appear complete or not at all.
//!
//! A [`Trainer`] goes through them update after update: it validates ([`validation_loss`], a [`Validator`] for
//! metrics such as BLEU), saves, resumes, tells its caller what happens ([`Event`], [`log`]) and ends by a [`StopRule`].

pub mod checkpoint;
pub mod criterions;
mod error;
pub mod gradients;
pub mod log;
pub mod lr_scheduler;
pub mod optim;
mod stop;
mod trainer;
mod validation;

pub use checkpoint::{Checkpoint, CheckpointContents, CheckpointMeta, Retention, TaskInfo};
pub use criterions::{Criterion, CriterionConfig, LossOutput};
pub use error::{Error, Result};
pub use gradients::{Accumulated, GradNorm};
pub use log::{Meters, TrainRecord, UpdateStats, ValidRecord};
pub use lr_scheduler::{LrScheduler, LrSchedulerConfig};
pub use optim::{Optimizer, OptimizerConfig, OptimizerState};
pub use stop::{DEFAULT_PATIENCE, Interrupt, PatienceState, StopReason, StopRule};
pub use trainer::{
    CheckpointConfig, DatasetConfig, Event, Observer, OptimizationConfig, RunSummary, TrainConfig,
    TrainContext, TrainData, TrainState, Trainer, TrainingRecord, ValidationConfig,
};
pub use validation::{
    LossOnly, Sample, ValidSet, ValidationMetrics, Validator, ValidatorError, validation_loss,
};
