//! The folder of a run, and logs.

use std::path::Path;

use anyhow::Result;
use burnseq_text::LineReader;
use burnseq_train::checkpoint::Checkpoint;
use serde_json::{Map, Value};

use super::dataset::file_names;
use crate::decoding::format::thousands;
use crate::exit::describe;
use crate::findings::{Findings, Table};

/// Whether a folder holds checkpoints of burnseq.
pub(super) fn has_checkpoints(path: &Path) -> Result<bool> {
    let names = file_names(path)?;
    Ok(names
        .iter()
        .any(|name| path.join(name).join("checkpoint.json").is_file()))
}

/// The checkpoints of a run, in the order of their updates.
pub(super) fn folder(path: &Path) -> Result<Findings> {
    let mut findings = Findings::of("the folder of a run");
    let mut rows = Vec::new();
    for name in file_names(path)? {
        if !path.join(&name).join("checkpoint.json").is_file() {
            continue;
        }
        match Checkpoint::open(&path.join(&name)) {
            Ok(checkpoint) => {
                let meta = checkpoint.meta();
                let number = |pointer: &str| meta.train_state.pointer(pointer).and_then(Value::as_f64);
                let shown = |number: Option<f64>| number.map_or("?".to_owned(), |number| format!("{number}"));
                let bytes: u64 = meta.files.values().map(|info| info.bytes).sum();
                let updates = number("/state/num_updates");
                let loss = number("/state/val_loss").map_or("?".to_owned(), |loss| format!("{loss:.3}"));
                rows.push((
                    updates.unwrap_or(0.0),
                    [
                        name,
                        shown(updates),
                        shown(number("/state/data/epoch")),
                        loss,
                        thousands(usize::try_from(bytes).unwrap_or(usize::MAX)),
                    ],
                ));
            }
            Err(error) => findings.problems.push(describe(&error.into())),
        }
    }
    rows.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    findings.table = Table::new(["checkpoint", "updates", "epoch", "validation", "bytes"]);
    for (_, row) in rows {
        findings.table.row(row);
    }
    Ok(findings)
}

/// A log of `train --log-format json`; a last line that is cut is a run that is still going, or was killed.
pub(super) fn log(path: &Path) -> Result<Findings> {
    let mut findings = Findings::of("a log of training, in JSON lines");
    let mut lines = LineReader::open(path)?;
    let (mut number, mut records, mut other) = (0, 0, 0);
    let mut damaged: Option<usize> = None;
    let mut latest: [Option<Map<String, Value>>; 2] = [None, None];
    while let Some(line) = lines.read_line()? {
        number += 1;
        match serde_json::from_str(line) {
            Ok(Value::Object(record)) => {
                records += 1;
                let of_validation = record
                    .keys()
                    .any(|key| key.ends_with("_nll_loss") && !key.starts_with("train"));
                latest[usize::from(of_validation)] = Some(record);
            }
            Ok(_) => other += 1,
            Err(_) if line.trim_start().starts_with('{') => {
                damaged.get_or_insert(number);
            }
            Err(_) => other += 1,
        }
    }
    findings.fact("records", thousands(records));
    if other > 0 {
        findings.fact("other lines", thousands(other));
    }
    for (name, record) in ["latest of training", "latest of validation"]
        .into_iter()
        .zip(latest)
    {
        if let Some(record) = record {
            let fields: Vec<String> = record
                .iter()
                .map(|(key, value)| format!("{key} {value}"))
                .collect();
            findings.sample(name, fields.join(", "));
        }
    }
    match damaged {
        Some(line) if line == number => findings.notes.push(format!(
            "line {line}, the last one, is cut: the run is going on, or was killed"
        )),
        Some(line) => findings.problems.push(format!("line {line} is cut")),
        None => {}
    }
    Ok(findings)
}
