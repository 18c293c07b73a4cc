//! Writing SVG elements.

use std::fmt::Write as _;

/// Elements written one after the other.
#[derive(Debug, Default)]
pub(super) struct Svg(String);

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            short(x1),
            short(y1),
            short(x2),
            short(y2)
        ));
    }

    pub(super) fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut path = String::new();
        for (number, (x, y)) in points.iter().enumerate() {
            let command = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", short(*x), short(*y));
        }
        self.path(class, &path);
    }

    pub(super) fn path(&mut self, class: &str, path: &str) {
        self.push(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    /// A rectangle whose `hover` text is shown by browsers.
    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), hover: &str) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
            short(at.0),
            short(at.1),
            short(size.0),
            short(size.1),
            escape(hover)
        ));
    }

    pub(super) fn circle(&mut self, class: &str, at: (f64, f64), radius: f64, hover: &str) {
        self.push(format_args!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"><title>{}</title></circle>",
            short(at.0),
            short(at.1),
            short(radius),
            escape(hover)
        ));
    }

    pub(super) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        self.turned_text(class, at, anchor, 0.0, text);
    }

    /// A text that is turned clockwise about its point.
    pub(super) fn turned_text(
        &mut self,
        class: &str,
        at: (f64, f64),
        anchor: Anchor,
        degrees: f64,
        text: &str,
    ) {
        let (x, y) = (short(at.0), short(at.1));
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if degrees == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({degrees} {x} {y})\"")
        };
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{turn}>{}</text>",
            escape(text)
        ));
    }

    /// Elements in coordinates whose origin is `at` and whose unit is `scale`.
    pub(super) fn group(&mut self, at: (f64, f64), scale: f64, write: impl FnOnce(&mut Self)) {
        let (x, y) = (short(at.0), short(at.1));
        self.push(format_args!(
            "<g transform=\"translate({x} {y}) scale({})\">",
            short(scale)
        ));
        write(self);
        self.push(format_args!("</g>"));
    }

    /// A path that is filled with a share of its colour.
    pub(super) fn shaded(&mut self, class: &str, opacity: f64, path: &str) {
        let opacity = short(opacity);
        self.push(format_args!(
            "<path class=\"{class}\" fill-opacity=\"{opacity}\" d=\"{path}\"/>"
        ));
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(element)
            .expect("writing to a string cannot fail");
    }
}

/// A coordinate with at most two digits behind the point.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Text that is no markup. Characters that XML does not allow, such as control characters, become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// About how wide a text is in units of its font size: no font is at hand.
pub(super) fn text_width(text: &str) -> f64 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | '\'' | '|' | ' ' => 0.32,
        'm' | 'w' | 'M' | 'W' | '@' => 0.92,
        c if c.is_uppercase() || c.is_ascii_digit() => 0.66,
        // East Asian characters are square.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{ff00}'..='\u{ff60}' => 1.0,
        _ => 0.57,
    };
    text.chars().map(width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_text_is_no_markup() {
        assert_eq!([short(1.0), short(-0.001), short(2.346)], ["1", "0", "2.35"]);
        assert_eq!(
            escape("<s> & \"x\"\u{1}"),
            "&lt;s&gt; &amp; &quot;x&quot;\u{fffd}"
        );
    }
}
