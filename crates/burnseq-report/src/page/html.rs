//! Writing HTML.

use crate::plot::Figure;
pub(super) use crate::plot::escape;

/// HTML that grows.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    pub(super) fn append(&mut self, other: Self) {
        self.0.push_str(&other.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn section(&mut self, id: &str, title: &str) {
        self.raw(&format!("<section id=\"{id}\">\n<h2>{}</h2>\n", escape(title)));
    }

    pub(super) fn end_section(&mut self) {
        self.raw("</section>\n");
    }

    pub(super) fn heading(&mut self, title: &str) {
        self.raw(&format!("<h3>{}</h3>\n", escape(title)));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.raw(&format!("<p>{}</p>\n", escape(text)));
    }

    /// Figures side by side, as many as fit; `wide` ones below one another, and scrolled where they do not fit.
    pub(super) fn figures(&mut self, figures: &[Figure], wide: bool) {
        if figures.is_empty() {
            return;
        }
        self.raw(if wide {
            "<div class=\"wide\">\n"
        } else {
            "<div class=\"figures\">\n"
        });
        for figure in figures {
            let (open, close) = if wide {
                // A small map is not blown up, a large one is scrolled.
                (
                    format!(
                        "<div class=\"scroll\"><div style=\"width:{:.0}px\">",
                        figure.width
                    ),
                    "</div></div>",
                )
            } else {
                (String::new(), "")
            };
            self.raw(&format!(
                "<figure><figcaption><strong>{}</strong><span>{}</span></figcaption>{open}{}{close}</figure>\n",
                escape(&figure.title),
                escape(&figure.caption),
                figure.inline()
            ));
        }
        self.raw("</div>\n");
    }

    /// A table; columns of numbers are aligned on the right. Row `marked` stands out.
    pub(super) fn table(&mut self, head: &[&str], rows: &[Vec<String>], marked: Option<usize>) {
        let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
        let is_absent = |cell: &String| cell.is_empty() || cell == "\u{2013}";
        let classes: Vec<&str> = (0..head.len())
            .map(|column| {
                let of_numbers = cells(column).all(|cell| is_absent(cell) || is_number(cell));
                let has_one = cells(column).any(|cell| !is_absent(cell));
                if of_numbers && has_one { " class=\"n\"" } else { "" }
            })
            .collect();
        self.raw("<div class=\"scroll\"><table><thead><tr>");
        for (cell, class) in head.iter().zip(&classes) {
            self.raw(&format!("<th{class}>{}</th>", escape(cell)));
        }
        self.raw("</tr></thead><tbody>\n");
        for (number, row) in rows.iter().enumerate() {
            self.raw(if marked == Some(number) {
                "<tr class=\"best\">"
            } else {
                "<tr>"
            });
            for (cell, class) in row.iter().zip(&classes) {
                self.raw(&format!("<td{class}>{}</td>", escape(cell)));
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n");
    }

    /// Opens a part that is folded at first.
    pub(super) fn fold(&mut self, summary: &str) {
        self.raw(&format!("<details><summary>{}</summary>\n", escape(summary)));
    }

    pub(super) fn end_fold(&mut self) {
        self.raw("</details>\n");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && cell
            .chars()
            .all(|c| c.is_ascii_digit() || " .,:-+%ehdms\u{2013}".contains(c))
}

/// The mark of a run: its colour and its name.
pub(super) fn run_mark(number: usize, name: &str) -> String {
    format!(
        "<span class=\"run\"><i class=\"c{}\"></i>{}</span>",
        number % crate::plot::colours::LIGHT.len(),
        escape(name)
    )
}

/// A whole number with commas: 29,000.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Seconds as `45 s`, `12 min 34 s` or `1 h 02 min`.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

/// Seconds as `0:45`, `12:34` or `1:02:05`, for tables.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 29_000, 1_234_567].map(thousands),
            ["0", "999", "29,000", "1,234,567"]
        );
        assert_eq!(
            [45.2, 754.0, 3725.0].map(duration),
            ["45 s", "12 min 34 s", "1 h 02 min"]
        );
        assert_eq!([45.2, 754.0, 3725.0].map(clock), ["0:45", "12:34", "1:02:05"]);
        assert!(
            is_number("12.5")
                && is_number("1:02:05")
                && is_number("29,000")
                && !is_number("valid")
                && !is_number("\u{2013}")
        );
    }

    #[test]
    fn cells_are_no_markup() {
        let mut html = Html::default();
        let row = |text: &str, number: &str| vec![text.to_owned(), number.to_owned(), number.to_owned()];
        html.table(
            &["<b>", "number", "mixed"],
            &[
                row("a & b", "12.5"),
                vec!["1".to_owned(), "\u{2013}".to_owned(), "null".to_owned()],
            ],
            Some(1),
        );
        let html = html.finish();
        for part in [
            "<th>&lt;b&gt;</th><th class=\"n\">number</th><th>mixed</th>",
            "<tr><td>a &amp; b</td><td class=\"n\">12.5</td><td>12.5</td></tr>",
            "<tr class=\"best\"><td>1</td><td class=\"n\">\u{2013}</td><td>null</td></tr>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
