//! Training: logits -> loss -> update.
//!
//! Every part gives the numbers of fairseq. In the order in which an update uses them:
//!
//! 1. [`criterions`]: the loss and its gradient's starting point, summed over target tokens;
//! 2. [`gradients`]: sum over micro-batches, division by the sample size, global norm, clipping;
//! 3. [`lr_scheduler`]: the learning rate of an update, a function of the update number;
//! 4. [`optim`]: Adam, whose state is keyed by parameter names;
//! 5. [`checkpoint`]: folders of safetensors and JSON that appear complete or not at all.

pub mod checkpoint;
pub mod criterions;
mod error;
pub mod gradients;
pub mod lr_scheduler;
pub mod optim;

pub use checkpoint::{Checkpoint, CheckpointContents, CheckpointMeta, Retention, TaskInfo};
pub use criterions::{Criterion, CriterionConfig, LossOutput};
pub use error::{Error, Result};
pub use gradients::{Accumulated, GradNorm};
pub use lr_scheduler::{LrScheduler, LrSchedulerConfig};
pub use optim::{Optimizer, OptimizerConfig, OptimizerState};
