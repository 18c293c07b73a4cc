//! Shows a run: a progress bar on a terminal, lines or JSON objects elsewhere.
//!
//! JSON objects go to stdout, everything else to stderr.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use burnseq_train::log::{TensorboardWriter, format_duration};
use burnseq_train::{Event, RunSummary, StopReason, TrainRecord};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::LogFormat;
use super::summary::Summary;
use crate::decoding::format::thousands;
use crate::spelling::spelled;
use crate::terminal;

/// Prints what a run tells.
pub struct Reporter {
    format: LogFormat,
    bar: Option<ProgressBar>,
    /// Lines are appended to it as well.
    file: Option<(File, PathBuf)>,
    /// Records go there as well.
    tensorboard: Option<TensorboardWriter>,
    /// The first line that could not be written: told when it happens, and once more at the end.
    failure: Option<anyhow::Error>,
    /// Whether the end of the run is known, rather than only that of the epoch.
    end_known: bool,
    /// Updates of this process.
    updates: usize,
    /// For the end of the run.
    summary: Summary,
}

/// Updates after which the first estimate of the remaining time is told; the first ones are slower than the rest.
const ESTIMATE_AFTER: usize = 4;

/// The format when none is asked for: a bar for people, lines for files.
pub fn default_format(no_progress_bar: bool) -> LogFormat {
    if no_progress_bar || !std::io::stderr().is_terminal() {
        LogFormat::Simple
    } else {
        LogFormat::Tqdm
    }
}

impl Reporter {
    /// A reporter that also appends its lines to `log_file`, whose folder is made if need be, and writes its records for TensorBoard.
    ///
    /// # Errors
    /// When that file cannot be opened, or the folder cannot be written to.
    pub fn new(
        format: LogFormat,
        log_file: Option<&Path>,
        tensorboard_logdir: Option<&Path>,
    ) -> Result<Self> {
        let open = |path: &Path| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let file = folder
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| OpenOptions::new().create(true).append(true).open(path));
            let file = file.with_context(|| format!("cannot open the log file {}", path.display()))?;
            Ok::<_, anyhow::Error>((file, path.to_owned()))
        };
        Ok(Self {
            format,
            bar: None,
            file: log_file.map(open).transpose()?,
            tensorboard: tensorboard_logdir.map(TensorboardWriter::new).transpose()?,
            failure: None,
            end_known: false,
            updates: 0,
            summary: Summary::default(),
        })
    }

    /// A line for people: to stderr, and to the log file unless that holds JSON.
    pub fn say(&mut self, line: &str) {
        let line = &*spelled(line);
        if self.format != LogFormat::None {
            self.print(line);
        }
        if self.format != LogFormat::Json {
            self.append(line);
        }
    }

    /// Whether all lines so far were written.
    ///
    /// # Errors
    /// The first one that was not.
    pub fn check(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Takes in one event.
    pub fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(summary) => self.start(summary),
            Event::Note(note) => self.say(&format!("note: {note}")),
            Event::Update(record) => self.update(record),
            Event::Interval(record) => {
                self.track("train_inner", record.num_updates, &record.interval_scalars());
                self.log(
                    "train_inner",
                    || record.interval_line(),
                    || record.interval_json(),
                );
            }
            Event::Epoch(record) => {
                self.finish_bar();
                self.summary.epoch(record);
                self.track("train", record.num_updates, &record.epoch_scalars());
                self.log("train", || record.epoch_line(), || record.epoch_json());
                if let Some(kernels) = burnseq_kernels::kernel_cache::compiled() {
                    self.say(&format!(
                        "note: {kernels} kernels were compiled up to the end of epoch {}",
                        record.epoch
                    ));
                }
            }
            Event::Validating { subset } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("validating on {subset} ..."));
                }
            }
            Event::Valid(record) => {
                self.summary.validation(record);
                self.track(&record.subset, record.num_updates, &record.scalars());
                self.log(&record.subset, || record.line(), || record.json());
            }
            Event::Sample(sample) => {
                self.say(&format!("example hypothesis: {}", sample.hypothesis));
                self.say(&format!("example reference:  {}", sample.reference));
            }
            Event::Saved { dir, names, seconds } => self.say(&format!(
                "saved {} in {} ({seconds:.1} s)",
                names.join(", "),
                dir.display()
            )),
            Event::Stop(reason) => {
                self.finish_bar();
                self.end();
                if reason != StopReason::Interrupted {
                    self.say(&format!("done: {reason}"));
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, summary: &RunSummary) {
        self.end_known = summary.last_update.is_some();
        if let Some(tensorboard) = &mut self.tensorboard {
            tensorboard.resume(summary.num_updates);
        }
        for line in start_lines(summary) {
            self.say(&line);
        }
    }

    /// Moves the progress bar, which covers one epoch.
    fn update(&mut self, record: &TrainRecord) {
        self.updates += 1;
        if self.format != LogFormat::Tqdm {
            if self.updates == ESTIMATE_AFTER {
                self.say(&estimate(record, self.end_known));
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(
                Some(record.updates_per_epoch as u64),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            let style = ProgressStyle::with_template("{prefix} {bar:20} {pos}/{len} {wide_msg}");
            bar.set_style(style.expect("the template is well-formed"));
            bar.set_prefix(format!("epoch {:03}", record.epoch));
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        bar.set_position(record.epoch_updates as u64);
        let eta = record.eta.map_or_else(|| "?".to_owned(), format_duration);
        bar.set_message(format!("{} eta {eta}", record.short()));
    }

    /// The table of epochs and the curve, for people only.
    fn end(&mut self) {
        if self.format == LogFormat::Json {
            return;
        }
        for line in self.summary.lines(terminal::width()) {
            self.say(&line);
        }
    }

    fn finish_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// A record: text to stderr, or JSON to stdout; the same to the log file.
    fn log(&mut self, kind: &str, line: impl FnOnce() -> String, json: impl FnOnce() -> String) {
        match self.format {
            LogFormat::Json => {
                let json = json();
                match writeln!(std::io::stdout(), "{json}") {
                    // A closed pipe must not end a run that takes hours, and nobody waits for the lines.
                    Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                        self.fail(
                            anyhow::Error::new(error).context("cannot write the log to standard output"),
                        );
                    }
                    _ => {}
                }
                self.append(&json);
            }
            LogFormat::None => self.append(&format!("{kind} | {}", line())),
            // The bar shows the same while it moves.
            LogFormat::Tqdm if kind == "train_inner" => self.append(&format!("{kind} | {}", line())),
            LogFormat::Tqdm | LogFormat::Simple => {
                let line = format!("{kind} | {}", line());
                self.print(&line);
                self.append(&line);
            }
        }
    }

    /// The numbers of a record for TensorBoard.
    fn track(&mut self, subset: &str, num_updates: u64, scalars: &[(String, f64)]) {
        let written = self
            .tensorboard
            .as_mut()
            .map(|writer| writer.write(subset, num_updates, scalars));
        if let Some(Err(error)) = written {
            // What is lost is lost: later records would stand beside a gap.
            self.tensorboard = None;
            self.fail(error.into());
        }
    }

    fn print(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| write_stderr(line)),
            None => write_stderr(line),
        }
    }

    fn append(&mut self, line: &str) {
        if let Some((file, path)) = &mut self.file
            && let Err(error) = writeln!(file, "{line}")
        {
            let error = anyhow::Error::new(error);
            let problem = format!("cannot write the log file {}", path.display());
            self.fail(error.context(problem));
        }
    }

    /// Tells of the first line that cannot be written. The run goes on: its checkpoints matter more.
    fn fail(&mut self, error: anyhow::Error) {
        if self.failure.is_none() {
            self.print(&format!(
                "note: {error:#}; the run goes on without it, and ends with exit code 1"
            ));
            self.failure = Some(error);
        }
    }
}

fn write_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Speed and remaining time after the first updates.
fn estimate(record: &TrainRecord, end_known: bool) -> String {
    let end = if end_known { "run" } else { "epoch" };
    let left = record.eta.map_or_else(|| "?".to_owned(), format_duration);
    format!(
        "speed: {:.2} updates/s, {:.0} target tokens/s; about {left} to the end of the {end}",
        record.meters.ups(),
        record.meters.wps()
    )
}

/// What the start of a run prints.
fn start_lines(summary: &RunSummary) -> Vec<String> {
    let mut lines = vec![format!("model: {} parameters", thousands(summary.params))];
    let dropped = match summary.dropped {
        0 => String::new(),
        count => format!(" ({count} too long, left out)"),
    };
    // Blocks of text have one side.
    let one_sided = summary.src_tokens_per_update == 0.0;
    let examples = if one_sided { "blocks" } else { "sentences" };
    lines.push(format!(
        "data: {} training {examples}{dropped}",
        thousands(summary.sentences)
    ));
    let mut accumulated = match summary.update_freq * summary.replicas {
        1 => String::new(),
        count => format!(" in {count} batches"),
    };
    if summary.replicas > 1 {
        accumulated.push_str(&format!(" on {} devices", summary.replicas));
    }
    let tokens = match one_sided {
        true => format!("{:.0} tokens", summary.tgt_tokens_per_update),
        false => format!(
            "{:.0} source + {:.0} target tokens",
            summary.src_tokens_per_update, summary.tgt_tokens_per_update
        ),
    };
    lines.push(format!(
        "batch: {tokens}, {:.0} {examples} per update{accumulated}; {:.1} % padding, {} shapes",
        summary.sentences_per_update,
        100.0 * summary.padding_share,
        summary.batch_shapes
    ));
    let last = summary
        .last_update
        .map_or_else(String::new, |last| format!(", {last} in all"));
    lines.push(format!("epoch: {} updates{last}", summary.updates_per_epoch));
    lines.push(format!("stop: {}", summary.stop));
    if summary.num_updates > 0 {
        lines.push(format!(
            "resuming after update {} in epoch {}",
            summary.num_updates, summary.epoch
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use burnseq_train::StopRule;

    use super::*;

    #[test]
    fn the_start_tells_sizes_padding_and_the_end() {
        let summary = RunSummary {
            params: 6_005_760,
            sentences: 29_000,
            dropped: 3,
            batches: 483,
            updates_per_epoch: 242,
            update_freq: 2,
            replicas: 2,
            src_tokens_per_update: 1900.4,
            tgt_tokens_per_update: 1842.0,
            sentences_per_update: 120.0,
            padding_share: 0.0314,
            batch_shapes: 57,
            stop: StopRule::default(),
            last_update: None,
            num_updates: 10,
            epoch: 1,
        };
        assert_eq!(
            start_lines(&summary),
            [
                "model: 6,005,760 parameters",
                "data: 29,000 training sentences (3 too long, left out)",
                "batch: 1900 source + 1842 target tokens, 120 sentences per update in 4 batches on 2 devices; 3.1 % padding, 57 shapes",
                "epoch: 242 updates",
                "stop: after 10 validations without improvement",
                "resuming after update 10 in epoch 1",
            ]
        );
    }
}
