//! What the binaries share, and the command line of each: flags become a full config, the config
//! goes through one library call, the result is reported.
//!
//! - [`exit`]: exit codes and the one block that an error prints.
//! - [`generate`]: `generate`, from a checkpoint to translations and scores.
//! - [`preprocess`]: `preprocess`, from parallel text to a binarised dataset.
//! - [`score`]: `score`, from translations and references to BLEU, chrF and TER.
//! - [`train`]: `train`, from a dataset to checkpoints.

pub mod exit;
pub mod generate;
pub mod preprocess;
pub mod score;
pub mod train;
