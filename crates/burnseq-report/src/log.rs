//! Reading the log of a run, as JSON or as text, while the run may still write to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};

/// Name of the number of updates in records.
const NUM_UPDATES: &str = "num_updates";

/// What a record covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The updates since the last such record.
    Interval,
    /// An epoch of training.
    Epoch,
    /// A validation set, by its name.
    Valid(String),
}

/// One record of a log: fairseq's keys without the name of the set before them, and their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it covers.
    pub kind: Kind,
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Updates since the start of training.
    pub num_updates: u64,
    /// Its numbers: `loss` and `nll_loss` in bits per token, `wps` in tokens per second, `wall` in seconds.
    pub values: BTreeMap<String, f64>,
}

impl Record {
    /// The number of that name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }
}

/// The log of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// Its file.
    pub path: PathBuf,
    /// Its records, in the order of updates within each kind.
    pub records: Vec<Record>,
    /// The last line is incomplete: the run is writing it, or was killed while it did.
    pub is_cut: bool,
    /// Lines, counted from 1, that begin a record and are damaged; they are left out.
    pub damaged: Vec<usize>,
    /// Records that a later start of the run replaced: it went on from an earlier checkpoint.
    pub replaced: usize,
}

impl Log {
    /// Reads a log as `train` writes it: JSON objects, or lines of text; fairseq's with the time in front, too.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds no record.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        // A multi-byte character may be cut at the end.
        let mut log = Self::parse(&String::from_utf8_lossy(&bytes));
        log.path = path.to_owned();
        if log.records.is_empty() {
            return Err(Error::NoRecord {
                path: path.to_owned(),
            });
        }
        Ok(log)
    }

    /// The log in `text`.
    pub fn parse(text: &str) -> Self {
        let mut log = Self::default();
        let mut lines = text.lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            let is_last = lines.peek().is_none() && !text.ends_with('\n');
            match read_line(line) {
                Line::Record(_) if is_last && !line.ends_with('}') => log.is_cut = true,
                Line::Record(record) => log.add(record),
                Line::Damaged if is_last => log.is_cut = true,
                Line::Damaged => log.damaged.push(number + 1),
                Line::Other => {}
            }
        }
        log
    }

    /// Takes in a record; a run that went on from an earlier checkpoint writes its updates again, and the later ones count.
    fn add(&mut self, record: Record) {
        let newest = self.records.iter().rev().find(|other| other.kind == record.kind);
        if newest.is_some_and(|newest| newest.num_updates >= record.num_updates) {
            let before = self.records.len();
            self.records
                .retain(|other| other.kind != record.kind || other.num_updates < record.num_updates);
            self.replaced += before - self.records.len();
        }
        self.records.push(record);
    }

    /// The records of a kind.
    pub fn of<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |record| record.kind == *kind)
    }

    /// Names of the validation sets, in the order in which the log has them.
    pub fn subsets(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for record in &self.records {
            if let Kind::Valid(name) = &record.kind
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }

    /// The number `name` of all records of a kind that have it, by updates.
    pub fn points(&self, kind: &Kind, name: &str) -> Vec<(f64, f64)> {
        let point = |record: &Record| Some((record.num_updates as f64, record.value(name)?));
        self.of(kind).filter_map(point).collect()
    }
}

/// What a line is.
enum Line {
    Record(Record),
    /// Begins as a record does.
    Damaged,
    /// A note or a line of another program.
    Other,
}

fn read_line(line: &str) -> Line {
    let (tag, rest) = tagged(line);
    let record = match (rest.trim_start().starts_with('{'), tag) {
        (true, _) => of_json(rest, tag),
        (false, Some(tag)) => of_text(rest, tag),
        (false, None) => return Line::Other,
    };
    record.map_or(Line::Damaged, Line::Record)
}

/// The name of the set in front of a line, `train_inner | ...`, and what follows; fairseq writes the time before it.
fn tagged(line: &str) -> (Option<&str>, &str) {
    let line = line.split_once(" | INFO | ").map_or(line, |(_, rest)| rest);
    match line.split_once(" | ") {
        Some((tag, rest))
            if !tag.is_empty()
                && !tag.contains(|c: char| c.is_whitespace() || c == '{')
                && (rest.starts_with("epoch ") || rest.starts_with('{')) =>
        {
            (Some(tag), rest)
        }
        _ => (None, line),
    }
}

fn kind_of(tag: &str) -> Kind {
    match tag {
        "train_inner" => Kind::Interval,
        "train" => Kind::Epoch,
        other => Kind::Valid(other.to_owned()),
    }
}

/// A JSON object; without a `tag`, its keys say what it covers.
fn of_json(json: &str, tag: Option<&str>) -> Option<Record> {
    let Value::Object(object) = serde_json::from_str(json.trim()).ok()? else {
        return None;
    };
    let prefix = object.keys().find_map(|key| key.strip_suffix("_num_updates"));
    let kind = match (prefix, tag) {
        (Some(prefix), _) => kind_of(prefix),
        (None, Some(tag)) => kind_of(tag),
        (None, None) => Kind::Interval,
    };
    let prefix = prefix.map_or_else(String::new, |prefix| format!("{prefix}_"));
    let values = object.iter().filter_map(|(key, value)| {
        let key = key.strip_prefix(&prefix).unwrap_or(key);
        Some((key.to_owned(), number(value)?))
    });
    finish(kind, values.collect())
}

/// fairseq writes numbers as strings.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// `epoch 001:     50 / 483 loss=10.9, ...` or `epoch 001 | loss 10.9 | ...`.
fn of_text(line: &str, tag: &str) -> Option<Record> {
    let rest = line.strip_prefix("epoch ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let mut values = BTreeMap::from([("epoch".to_owned(), rest[..digits].parse().ok()?)]);
    let rest = &rest[digits..];
    if let Some(fields) = rest.strip_prefix(':') {
        // Behind the position, `50 / 483 `.
        let fields = fields.split_once(" / ")?.1.trim_start();
        let fields = fields.split_once(' ')?.1;
        for (key, value) in fields.split(", ").filter_map(|field| field.split_once('=')) {
            values.extend(
                value
                    .trim()
                    .parse()
                    .ok()
                    .map(|value| (key.trim().to_owned(), value)),
            );
        }
    } else {
        for (key, value) in rest.split(" | ").filter_map(|field| field.trim().split_once(' ')) {
            values.extend(value.trim().parse().ok().map(|value| (key.to_owned(), value)));
        }
    }
    finish(kind_of(tag), values)
}

fn finish(kind: Kind, mut values: BTreeMap<String, f64>) -> Option<Record> {
    let num_updates = values.remove(NUM_UPDATES)?;
    let epoch = values.remove("epoch")?;
    values.retain(|_, value| value.is_finite());
    Some(Record {
        kind,
        epoch: epoch as u32,
        num_updates: num_updates as u64,
        values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: &str = r#"{"epoch":1,"update":0.5,"loss":10.5,"ppl":null,"wps":200.0,"num_updates":5,"lr":0.001,"wall":3.0}"#;
    const EPOCH: &str = r#"{"epoch":1,"train_loss":9.5,"train_wps":210.0,"train_num_updates":10}"#;
    const VALID: &str = r#"{"epoch":1,"valid_loss":9.0,"valid_bleu":1.5,"valid_num_updates":10}"#;

    #[test]
    fn records_are_told_apart_and_lose_their_prefixes() {
        let log = Log::parse(&format!("{INTERVAL}\n{EPOCH}\n{VALID}\n"));
        assert_eq!(log.points(&Kind::Interval, "loss"), [(5.0, 10.5)]);
        assert_eq!(log.points(&Kind::Interval, "ppl"), []);
        assert_eq!(log.points(&Kind::Epoch, "wps"), [(10.0, 210.0)]);
        assert_eq!(log.subsets(), ["valid"]);
        assert_eq!(
            log.points(&Kind::Valid("valid".to_owned()), "bleu"),
            [(10.0, 1.5)]
        );
        assert!(!log.is_cut && log.damaged.is_empty());
    }

    #[test]
    fn a_log_that_is_cut_in_its_last_line_is_read_up_to_there() {
        let log = Log::parse(&format!("{INTERVAL}\n{}", &EPOCH[..30]));
        assert!(log.is_cut);
        assert_eq!((log.records.len(), log.damaged.len()), (1, 0));
        // A complete object without its line feed counts.
        let log = Log::parse(&format!("{INTERVAL}\n{EPOCH}"));
        assert_eq!((log.records.len(), log.is_cut), (2, false));
        // Of a line of text nobody can tell whether its last number is complete.
        let log = Log::parse("train | epoch 001 | loss 9.5 | num_updates 10 | lr 0.0");
        assert_eq!((log.records.len(), log.is_cut), (0, true));
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_left_out_by_its_number() {
        let log = Log::parse(&format!("{INTERVAL}\n{}\n{VALID}\n", &EPOCH[..30]));
        assert_eq!((log.records.len(), log.damaged.as_slice()), (2, &[2][..]));
    }

    #[test]
    fn text_holds_the_same_as_json() {
        let log = Log::parse(
            "note: hello\n\
             train_inner | epoch 001:      5 / 10 loss=10.5, ppl=inf, wps=200, num_updates=5, lr=0.001, eta=1:02:03\n\
             train | epoch 001 | loss 9.5 | wps 210 | num_updates 10 | eta 1:02\n\
             valid | epoch 001 | valid on 'valid' subset | loss 9 | bleu 1.5 | num_updates 10\n",
        );
        assert_eq!(log.points(&Kind::Interval, "loss"), [(5.0, 10.5)]);
        assert_eq!(log.points(&Kind::Interval, "ppl"), []);
        assert_eq!(log.points(&Kind::Interval, "lr"), [(5.0, 0.001)]);
        assert_eq!(log.points(&Kind::Epoch, "wps"), [(10.0, 210.0)]);
        assert_eq!(
            log.points(&Kind::Valid("valid".to_owned()), "bleu"),
            [(10.0, 1.5)]
        );
        assert_eq!(log.records[0].epoch, 1);
    }

    #[test]
    fn the_log_of_fairseq_is_read() {
        let log = Log::parse(
            "2020-01-01 10:00:00 | INFO | train_inner | {\"epoch\": 1, \"loss\": \"10.5\", \"num_updates\": \"5\"}\n\
             2020-01-01 10:00:00 | INFO | valid | {\"epoch\": 1, \"valid_loss\": \"9.0\", \"valid_num_updates\": \"10\"}\n\
             2020-01-01 10:00:00 | INFO | fairseq.trainer | begin training epoch 2\n",
        );
        assert_eq!(log.points(&Kind::Interval, "loss"), [(5.0, 10.5)]);
        assert_eq!(
            log.points(&Kind::Valid("valid".to_owned()), "loss"),
            [(10.0, 9.0)]
        );
        assert!(log.damaged.is_empty());
    }

    #[test]
    fn a_resumed_run_replaces_what_it_does_again() {
        let later = INTERVAL.replace(":5,", ":15,");
        let again = INTERVAL.replace(":5,", ":10,").replace("10.5", "8.5");
        let log = Log::parse(&format!("{INTERVAL}\n{later}\n{again}\n"));
        assert_eq!(log.points(&Kind::Interval, "loss"), [(5.0, 10.5), (10.0, 8.5)]);
        assert_eq!(log.replaced, 1);
    }

    #[test]
    fn a_file_that_is_no_log_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "hello\n").unwrap();
        let error = Log::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("notes.txt has no line of a training log\nhint: "),
            "{error}"
        );
        let error = Log::read(&dir.path().join("no")).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read ") && error.ends_with("no"),
            "{error}"
        );
    }
}
