//! What is told of a path, as text and as JSON.

use serde_json::{Map, Value, json};

/// What a path is, and what there is to tell of it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What it is, with its article.
    pub what: String,
    /// Names and values, in the order in which they are told.
    pub facts: Vec<(&'static str, String)>,
    /// A table, if there is one.
    pub table: Table,
    /// What each sample is, and the sample.
    pub samples: Vec<(String, String)>,
    /// What is worth knowing and no problem.
    pub notes: Vec<String>,
    /// What is wrong, with its remedy behind `\nhint: `.
    pub problems: Vec<String>,
}

/// Columns under a heading, a row for each thing.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Names of the columns.
    pub head: Vec<&'static str>,
    /// Cells, as many in each row as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// Characters of a sample that are shown.
const SHOWN: usize = 160;

impl Findings {
    /// Nothing but what it is.
    pub fn of(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ..Self::default()
        }
    }

    /// Adds a fact.
    pub fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push((name, value.into()));
    }

    /// Adds a sample.
    pub fn sample(&mut self, name: impl Into<String>, sample: impl Into<String>) {
        self.samples.push((name.into(), sample.into()));
    }

    /// What is printed for people.
    pub fn text(&self, path: &str) -> String {
        let mut text = format!("{path}: {}\n", self.what);
        let width = self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.facts {
            text.push_str(&format!("  {name:width$}  {value}\n"));
        }
        text.push_str(&self.table.text());
        for (name, sample) in &self.samples {
            text.push_str(&format!("  {name}: {}\n", shortened(sample)));
        }
        for note in &self.notes {
            text.push_str(&format!("  note: {note}\n"));
        }
        for problem in &self.problems {
            text.push_str(&format!("  problem: {}\n", problem.replace('\n', "\n    ")));
        }
        text
    }

    /// The same for programs.
    pub fn json(&self) -> Map<String, Value> {
        let pairs = |pairs: Vec<(&str, &str)>| -> Vec<Value> {
            let object = |(name, value): (&str, &str)| json!({"name": name, "value": value});
            pairs.into_iter().map(object).collect()
        };
        let row = |row: &Vec<String>| -> Value {
            let cells = self.table.head.iter().zip(row);
            Value::Object(
                cells
                    .map(|(name, cell)| ((*name).to_owned(), Value::from(cell.as_str())))
                    .collect(),
            )
        };
        let facts = self.facts.iter().map(|(name, value)| (*name, value.as_str()));
        let samples = self
            .samples
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Map::from_iter([
            ("what".to_owned(), Value::from(self.what.as_str())),
            ("facts".to_owned(), Value::from(pairs(facts.collect()))),
            (
                "table".to_owned(),
                self.table.rows.iter().map(row).collect::<Vec<_>>().into(),
            ),
            ("samples".to_owned(), Value::from(pairs(samples.collect()))),
            ("notes".to_owned(), Value::from(self.notes.clone())),
            ("problems".to_owned(), Value::from(self.problems.clone())),
        ])
    }
}

impl Table {
    /// An empty table.
    pub fn new<const N: usize>(head: [&'static str; N]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(cells.len(), self.head.len(), "a cell for each column");
        self.rows.push(cells.to_vec());
    }

    /// The first column begins at the left, the others end at the right.
    fn text(&self) -> String {
        let lines: Vec<Vec<&str>> = std::iter::once(self.head.clone())
            .chain(
                self.rows
                    .iter()
                    .map(|row| row.iter().map(String::as_str).collect()),
            )
            .collect();
        if self.rows.is_empty() {
            return String::new();
        }
        let width = |column: usize| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for line in lines {
            text.push_str("  ");
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                let gap = width - cell.chars().count();
                let (before, after) = if column == 0 { (0, gap) } else { (gap + 2, 0) };
                text.push_str(&format!("{}{cell}{}", " ".repeat(before), " ".repeat(after)));
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// The beginning of a line, without what would move the cursor of a terminal.
fn shortened(line: &str) -> String {
    let mut short: String = line
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(SHOWN)
        .collect();
    if line.chars().count() > SHOWN {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_columns_below_one_another() {
        let mut table = Table::new(["file", "sentences"]);
        table.row(["train".to_owned(), "29,000".to_owned()]);
        table.row(["é".to_owned(), "7".to_owned()]);
        assert_eq!(
            table.text(),
            "  file   sentences\n  train     29,000\n  é              7\n"
        );
    }

    #[test]
    fn samples_are_short_and_without_control_characters() {
        assert_eq!(shortened("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        assert_eq!(shortened(&"x".repeat(200)).chars().count(), SHOWN + 1);
    }
}
