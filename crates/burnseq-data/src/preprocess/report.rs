//! What a run did: saved as JSON beside the data, shown as a table at the end.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::stats::{SideStats, SplitStats, UNEVEN_RATIO};
use crate::error::Result;
use burnseq_text::FileError;

/// Name of the report in the dataset.
pub const REPORT_FILE: &str = "preprocess.json";

/// A dictionary of the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DictionaryReport {
    /// Its file in the dataset.
    pub file: String,
    /// Language, unless the text has none.
    pub lang: Option<String>,
    /// Types, special symbols and padding included.
    pub types: usize,
}

/// What a run of `preprocess` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of burnseq that wrote the dataset.
    pub version: String,
    /// How text became tokens, in words.
    pub subwords: String,
    /// Dictionaries, source first.
    pub dictionaries: Vec<DictionaryReport>,
    /// Splits in the order they were made.
    pub splits: Vec<SplitStats>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Names of the other files of the dataset.
    pub files: Vec<String>,
}

impl Report {
    /// The report of a dataset, when it has a readable one.
    pub fn load(destdir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(destdir.join(REPORT_FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes the report into a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let path = folder.join(REPORT_FILE);
        let mut json = serde_json::to_string_pretty(self)
            .expect("a report has string keys and no numbers that JSON lacks");
        json.push('\n');
        let mut file = File::create(&path).map_err(FileError::write(&path))?;
        file.write_all(json.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(FileError::write(&path))?;
        Ok(())
    }
}

/// Dictionaries, a table of all splits and sides, and what was left out, one line each.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "subwords: {}", self.subwords)?;
        for dictionary in &self.dictionaries {
            writeln!(f, "{}: {} types", dictionary.file, dictionary.types)?;
        }
        if self.splits.is_empty() {
            return Ok(());
        }
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        for split in &self.splits {
            rows.extend(split.sides.iter().map(|side| row(&split.split, side)));
        }
        write_table(f, &rows)?;
        writeln!(
            f,
            "tokens and lengths count </s>; longest is tokens@line; uneven: more than \
             {UNEVEN_RATIO} times as many tokens as the other side"
        )?;
        for split in self.splits.iter().filter(|split| split.too_long > 0) {
            let listed: Vec<_> = split.too_long_lines.iter().map(u64::to_string).collect();
            let more = if split.too_long > listed.len() as u64 {
                ", ..."
            } else {
                ""
            };
            writeln!(
                f,
                "skipped in {}: {} of {} lines, too long (line {}{more})",
                split.split,
                split.too_long,
                split.lines,
                listed.join(", ")
            )?;
        }
        Ok(())
    }
}

const HEADINGS: [&str; 9] = [
    "split",
    "side",
    "sentences",
    "tokens",
    "types",
    "unknown",
    "longest",
    "empty",
    "uneven",
];

fn row(split: &str, side: &SideStats) -> [String; 9] {
    [
        split.to_owned(),
        side.lang.clone().unwrap_or_else(|| "-".to_owned()),
        side.sentences.to_string(),
        side.tokens.to_string(),
        side.types.to_string(),
        format!("{:.2}%", side.unknown_percent()),
        format!("{}@{}", side.longest, side.longest_line),
        side.empty.to_string(),
        side.uneven.to_string(),
    ]
}

/// Columns wide enough for every row; names to the left, numbers to the right.
fn write_table(f: &mut fmt::Formatter<'_>, rows: &[[String; 9]]) -> fmt::Result {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column).unwrap_or(0);
            match column {
                0 => write!(f, "{cell:<width$}")?,
                1 => write!(f, "  {cell:<width$}")?,
                _ => write!(f, "  {cell:>width$}")?,
            }
        }
        writeln!(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up_and_says_what_was_left_out() {
        let side = |lang: &str, sentences| SideStats {
            lang: Some(lang.to_owned()),
            sentences,
            tokens: 2000,
            unknown: 25,
            longest: 17,
            longest_line: 3,
            ..SideStats::default()
        };
        let report = Report {
            version: "0".to_owned(),
            subwords: "none".to_owned(),
            dictionaries: vec![DictionaryReport {
                file: "dict.de.txt".to_owned(),
                lang: Some("de".to_owned()),
                types: 16,
            }],
            splits: vec![SplitStats {
                split: "train".to_owned(),
                lines: 101,
                too_long: 1,
                too_long_lines: vec![7],
                sides: vec![side("de", 100), side("en", 100)],
            }],
            notes: Vec::new(),
            files: Vec::new(),
        };
        let text = report.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "dict.de.txt: 16 types");
        assert_eq!(
            lines[2],
            "split  side  sentences  tokens  types  unknown  longest  empty  uneven"
        );
        assert_eq!(
            lines[3],
            "train  de          100    2000      0    1.25%     17@3      0       0"
        );
        assert_eq!(lines[6], "skipped in train: 1 of 101 lines, too long (line 7)");
    }

    #[test]
    fn a_saved_report_loads_again() {
        let dir = tempfile::tempdir().unwrap();
        let report = Report {
            version: "0".to_owned(),
            subwords: "none".to_owned(),
            dictionaries: Vec::new(),
            splits: vec![SplitStats {
                split: "test".to_owned(),
                ..SplitStats::default()
            }],
            notes: vec!["a".to_owned()],
            files: vec!["b".to_owned()],
        };
        report.save(dir.path()).unwrap();
        assert_eq!(Report::load(dir.path()), Some(report));
        assert_eq!(Report::load(&dir.path().join("absent")), None);
    }
}
