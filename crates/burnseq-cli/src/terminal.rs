//! The terminal: its width, and bars that show how far work is. Elsewhere, as in a pipe, no bar is drawn.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::decoding::format::thousands;

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
    let template = format!("{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit}, {{rate}}, {{eta}} left");
    drawn(Some(total), &template, what.into())
}

/// A bar on standard error for a file, `what 0.4 GiB/1.2 GiB, 310 MiB/s, 3s left`.
pub(crate) fn bytes_bar(what: impl Into<String>, total: u64) -> ProgressBar {
    let template = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
    drawn(Some(total), template, what.into())
}

/// A sign of life on standard error with the time so far, for work whose end is not known.
pub(crate) fn spinner(what: impl Into<String>) -> ProgressBar {
    drawn(None, "{spinner} {msg}, {elapsed}", what.into())
}

fn drawn(total: Option<u64>, template: &str, what: String) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
    let bar = bar.with_style(style(template)).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The style of a template of this program, in which `{rate}` is how many are done in a second.
///
/// # Panics
/// A template that is not well-formed.
pub(crate) fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("templates are written in this program");
    style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
        // Nobody is left to tell when the terminal is closed.
        let _ = out.write_str(&rate(state.per_sec()));
    })
}

/// Two digits and more of a number in a second: `0.25/s`, `7.5/s`, `1,234/s`.
fn rate(per_second: f64) -> String {
    match per_second {
        slow if slow < 1.0 => format!("{slow:.2}/s"),
        slow if slow < 10.0 => format!("{slow:.1}/s"),
        fast => format!("{}/s", thousands(fast as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_the_digits_that_say_something() {
        assert_eq!(
            [0.0, 0.25, 7.46, 95_002.95].map(rate),
            ["0.00/s", "0.25/s", "7.5/s", "95,002/s"]
        );
        assert_eq!(rate(f64::NAN), "0/s");
    }

    #[test]
    fn a_line_has_a_width_without_a_terminal() {
        assert!(width() > 0);
        // No template is wrong.
        bar("x", 3, "lines").inc(1);
        bytes_bar("x", 3).inc(1);
        spinner("x").tick();
    }
}
