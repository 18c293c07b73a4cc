//! A table of text with lines around its cells.

use std::fmt;

/// Rows of cells; a cell may hold several lines.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The heading first.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table that begins with a heading.
    pub(super) fn new(heading: Vec<String>) -> Self {
        Self { rows: vec![heading] }
    }

    /// Adds a row of as many cells as the heading has.
    pub(super) fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.rows[0].len(), "cells of a row");
        self.rows.push(row);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let lines = self.rows.iter().flat_map(|row| row[column].lines());
            lines.map(|line| line.chars().count()).max().unwrap_or(0)
        };
        (0..self.rows[0].len()).map(width).collect()
    }
}

/// The first column is flush right, the others are centred.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let rule = |f: &mut fmt::Formatter<'_>, [left, line, cross, right]: [&str; 4]| {
            let lines: Vec<String> = widths.iter().map(|width| line.repeat(width + 2)).collect();
            writeln!(f, "{left}{}{right}", lines.join(cross))
        };
        rule(f, ["╒", "═", "╤", "╕"])?;
        for (number, row) in self.rows.iter().enumerate() {
            match number {
                0 => (),
                1 => rule(f, ["╞", "═", "╪", "╡"])?,
                _ => rule(f, ["├", "─", "┼", "┤"])?,
            }
            let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or(0);
            for line in 0..height {
                for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                    let text = cell.lines().nth(line).unwrap_or("");
                    if column == 0 {
                        write!(f, "│ {text:>width$} ")?;
                    } else {
                        write!(f, "│ {text:^width$} ")?;
                    }
                }
                writeln!(f, "│")?;
            }
        }
        rule(f, ["╘", "═", "╧", "╛"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_line_up_whatever_their_width_and_height() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let mut table = Table::new(row(["System", "BLEU (μ)"]));
        table.push(row(["a", "43.6"]));
        table.push(row(["Baseline: ö", "16.3\n(p = 0.0099)*"]));
        let expected = "\
╒═════════════╤═══════════════╕
│      System │   BLEU (μ)    │
╞═════════════╪═══════════════╡
│           a │     43.6      │
├─────────────┼───────────────┤
│ Baseline: ö │     16.3      │
│             │ (p = 0.0099)* │
╘═════════════╧═══════════════╛
";
        assert_eq!(table.to_string(), expected);
    }
}
