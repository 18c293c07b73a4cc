//! What the binaries share, and the command line of each: flags become a full config, the config
//! goes through one library call, the result is reported.
//!
//! - [`commands`]: the list of commands, and how each is run.
//! - [`exit`]: exit codes and the one block that an error prints.
//! - [`memory`]: what the allocator does with freed memory, and models that no memory holds.
//! - `findings`: what `inspect` and `doctor` tell.
//! - [`problems`]: several errors that are told together.
//! - [`grammar`]: command lines in fairseq's spelling, and flags of fairseq that change nothing or are refused.
//! - [`compute`]: flags of device and precision.
//! - [`decoding`]: what `generate` and `burnseq interactive` share.
//! - [`task`]: the flags of task and languages.
//! - [`fairseq_options`]: what becomes of every option of fairseq.
//!
//! The commands, of which [`commands`] has the list:
//!
//! - [`preprocess`]: from parallel text to a binarised dataset.
//! - [`train`]: from a dataset to checkpoints.
//! - [`generate`]: from a checkpoint to translations and scores.
//! - [`interactive`]: from lines of text to their translations as they come.
//! - [`validate`]: from a checkpoint and a dataset to loss and BLEU.
//! - [`eval_lm`]: `eval-lm`, from a language model and text to perplexity.
//! - [`encoders`]: `features`, `similarity` and `fill-mask`, from text to vectors and to words that fit gaps.
//! - [`score`]: from translations and references to BLEU, chrF and TER.
//! - [`average_checkpoints`]: `average`, the mean of several checkpoints.
//! - [`convert`]: from checkpoints of fairseq to ours and back.
//! - [`text`]: tools for text before and after translation.
//! - [`report`](mod@report): from runs to a page about them.
//! - [`inspect`]: what files and folders are.
//! - [`doctor`]: what this machine has, and what is missing.
//! - [`manual`]: `man`, manual pages, and the docs' pages of commands.

pub mod average_checkpoints;
pub mod commands;
pub mod compute;
pub mod convert;
pub mod decoding;
pub mod doctor;
pub mod encoders;
pub mod eval_lm;
pub mod exit;
pub mod fairseq_options;
mod findings;
pub mod generate;
pub mod grammar;
pub mod inspect;
pub mod interactive;
pub mod manual;
pub mod memory;
mod output;
pub mod preprocess;
pub mod problems;
pub mod report;
pub mod score;
mod spelling;
pub mod task;
mod terminal;
pub mod text;
pub mod train;
pub mod validate;
