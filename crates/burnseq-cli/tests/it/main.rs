//! The binaries from end to end, on tiny data.
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod average_checkpoints;
mod cases;
mod convert;
mod decoding;
mod docs;
mod doctor;
#[cfg(unix)]
mod effects;
mod families;
mod fixture;
mod formats;
mod generate;
mod golden_eval_lm;
mod golden_generate;
mod hugging_face;
mod interactive;
mod language_models;
mod measuring;
mod preprocess;
#[cfg(unix)]
mod release;
mod report;
mod score;
mod text;
mod toy;
mod train;
mod train_options;
mod validate;
