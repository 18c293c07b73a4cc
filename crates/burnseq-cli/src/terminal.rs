//! The terminal: its width, and bars that show how far work is. Elsewhere, as in a pipe, no bar is drawn.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Width of a line where nothing is known of a terminal.
const DEFAULT_WIDTH: usize = 80;

/// Characters in a line of standard error: of its terminal, else as `COLUMNS` says, else 80.
pub(crate) fn width() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stderr());
    let terminal = terminal.map(|(terminal_size::Width(width), _)| usize::from(width));
    let asked = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    let widths = terminal.filter(|width| *width > 0).or_else(asked);
    widths.filter(|width| *width > 0).unwrap_or(DEFAULT_WIDTH)
}

/// A bar on standard error with rate and remaining time, `what 120/500 sentences, 40/s, 9s left`.
pub(crate) fn bar(what: impl Into<String>, total: u64, unit: &str) -> ProgressBar {
    let template =
        format!("{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left");
    drawn(Some(total), &template, what.into())
}

/// A sign of life on standard error with the time so far, for work whose end is not known.
pub(crate) fn spinner(what: impl Into<String>) -> ProgressBar {
    drawn(None, "{spinner} {msg}, {elapsed}", what.into())
}

fn drawn(total: Option<u64>, template: &str, what: String) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template(template).expect("templates are written in this file");
    let bar = bar.with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
