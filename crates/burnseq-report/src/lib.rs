//! From the log of a run, statistics of its data and its translations to one page with figures; without Burn.
//!
//! - [`log`]: the log of a run, as JSON or text, also while it is written.
//! - [`config`]: settings by name, and where those of runs differ.
//! - [`Run`]: a run with its log, settings and checkpoints.
//! - [`stats`]: lengths of sentences, scores by length and by word frequency.
//! - [`plot`]: curves, bars and attention maps as SVG and PNG.
//! - [`Report`]: all of it as one HTML file that loads nothing.
//!
//! ```
//! use burnseq_report::{Report, Run, log::Log};
//!
//! let log = Log::parse("{\"epoch\":1,\"update\":0.5,\"loss\":9.5,\"num_updates\":10,\"lr\":0.001}\n");
//! let run = Run { name: "first".to_owned(), log: Some(log), ..Run::default() };
//! let report = Report { runs: vec![run], ..Report::default() };
//! assert!(report.html()?.starts_with("<!DOCTYPE html>"));
//! assert_eq!(report.figures()[0].name, "loss");
//! # Ok::<(), burnseq_report::Error>(())
//! ```

pub mod config;
mod error;
pub mod log;
mod page;
pub mod plot;
mod report;
mod run;
pub mod stats;

pub use error::{Error, Result};
pub use page::html::thousands;
pub use report::{Absent, AttentionPart, DataPart, PositionPart, Quality, Report, Side, Split};
pub use run::{Best, CheckpointRow, Run};
