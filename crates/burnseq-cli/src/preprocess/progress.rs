//! Shows how far `preprocess` is, and lets Ctrl-C stop it cleanly.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use burnseq_data::preprocess::Observer;
use indicatif::ProgressBar;

use super::args::LogFormat;
use crate::spelling::spelled;
use crate::terminal::style;

/// Set by Ctrl-C; a second one ends the process at once.
static STOP: AtomicBool = AtomicBool::new(false);

/// Exit code of a process that Ctrl-C ends, by the convention of shells: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Progress on stderr: a bar on a terminal, else a line per stage.
#[derive(Debug)]
pub struct Progress {
    format: LogFormat,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// Shows progress in a format, by default a bar on a terminal and lines elsewhere.
    pub fn new(format: Option<LogFormat>, no_progress_bar: bool) -> Self {
        let bar = std::io::stderr().is_terminal() && !no_progress_bar;
        let default = if bar { LogFormat::Tqdm } else { LogFormat::Simple };
        let format = match format {
            Some(LogFormat::Tqdm) if no_progress_bar => LogFormat::Simple,
            format => format.unwrap_or(default),
        };
        Self {
            format,
            bar: Mutex::new(None),
        }
    }

    /// The format in use.
    pub fn format(&self) -> LogFormat {
        self.format
    }

    /// Lets Ctrl-C and a termination signal end the run with nothing left behind.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn stop_on_ctrl_c() -> Result<(), ctrlc::Error> {
        ctrlc::set_handler(|| {
            if STOP.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED);
            }
        })
    }

    /// Ends the bar of the last stage.
    pub fn finish(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().expect("no thread panics while it holds the bar")
    }

    fn line(&self, text: &str) {
        match &*self.lock() {
            Some(bar) => bar.suspend(|| write_line(text)),
            None => write_line(text),
        }
    }
}

fn write_line(text: &str) {
    // Nobody is left to tell when stderr itself is closed.
    let _ = writeln!(std::io::stderr(), "{}", spelled(text));
}

impl Observer for Progress {
    fn stage(&self, name: &str, lines: Option<u64>) {
        self.finish();
        match self.format {
            LogFormat::None => {}
            LogFormat::Simple | LogFormat::Json => match lines {
                Some(lines) => write_line(&format!("{name}: {lines} lines")),
                None => write_line(name),
            },
            LogFormat::Tqdm => {
                let bar = match lines {
                    Some(lines) => ProgressBar::new(lines).with_style(style(
                        "{msg:12} {wide_bar} {human_pos}/{human_len} lines, {rate}, {eta} left",
                    )),
                    None => ProgressBar::new_spinner()
                        .with_style(style("{msg:12} {spinner} {human_pos} lines, {rate}, {elapsed}")),
                };
                bar.set_message(name.to_owned());
                bar.enable_steady_tick(Duration::from_millis(200));
                *self.lock() = Some(bar);
            }
        }
    }

    fn advance(&self, lines: u64) {
        if let Some(bar) = &*self.lock() {
            bar.inc(lines);
        }
    }

    fn expect(&self, lines: u64) {
        if let Some(bar) = &*self.lock() {
            bar.set_length(lines);
            bar.set_style(style(
                "{msg:12} {wide_bar} {human_pos}/about {human_len} lines, {rate}, {eta} left",
            ));
        }
    }

    fn learnt(&self, done: u64, wanted: u64) {
        if let Some(bar) = &*self.lock() {
            bar.set_length(wanted);
            bar.set_style(style(
                "{msg:12} {wide_bar} {human_pos}/{human_len} pieces, {rate}, {eta} left",
            ));
            bar.set_position(done);
        }
    }

    fn note(&self, text: &str) {
        if self.format != LogFormat::None {
            self.line(&format!("note: {text}"));
        }
    }

    fn interrupted(&self) -> bool {
        STOP.load(Ordering::SeqCst)
    }
}
