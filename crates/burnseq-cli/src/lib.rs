//! What the binaries share, and the command line of each: flags become a full config, the config
//! goes through one library call, the result is reported.
//!
//! - [`commands`]: the list of commands, and how each is run.
//! - [`exit`]: exit codes and the one block that an error prints.
//! - [`memory`]: what the allocator does with freed memory, and models that no memory holds.
//! - [`problems`]: several errors that are told together.
//! - [`grammar`]: command lines in fairseq's spelling, and flags of fairseq that change nothing or are refused.
//! - [`compute`]: flags of device and precision.
//! - [`decoding`]: what `generate` and `burnseq interactive` share.
//! - [`task`]: the flags of task and languages.
//! - [`fairseq_options`]: what becomes of every option of fairseq.
//!
//! The commands:
//!
//! - [`average_checkpoints`]: `average`, the mean of several checkpoints.
//! - [`burnseq convert`]: `burnseq convert`, from checkpoints of fairseq to ours and back.
//! - [`generate`]: `generate`, from a checkpoint to translations and scores.
//! - [`burnseq interactive`]: `burnseq interactive`, from lines of text to their translations as they come.
//! - [`preprocess`]: `preprocess`, from parallel text to a binarised dataset.
//! - [`burnseq report`](mod@report): `burnseq report`, from runs to a page about them.
//! - [`burnseq score`]: `burnseq score`, from translations and references to BLEU, chrF and TER.
//! - [`burnseq text`]: `burnseq text`, tools for text before and after translation.
//! - [`train`]: `train`, from a dataset to checkpoints.
//! - [`burnseq validate`]: `burnseq validate`, from a checkpoint and a dataset to loss and BLEU.

pub mod average_checkpoints;
pub mod commands;
pub mod compute;
pub mod convert;
pub mod decoding;
pub mod exit;
pub mod fairseq_options;
pub mod generate;
pub mod grammar;
pub mod interactive;
pub mod memory;
mod output;
pub mod preprocess;
pub mod problems;
pub mod report;
pub mod score;
mod spelling;
pub mod task;
pub mod text;
pub mod train;
pub mod validate;
