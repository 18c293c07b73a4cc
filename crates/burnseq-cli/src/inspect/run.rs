//! The folder of a run, and logs.

use std::path::Path;

use anyhow::Result;
use burnseq_report::log::{Kind, Log, Record};
use burnseq_train::Checkpoint;

use super::checkpoint::record_of;
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
                let record = record_of(&checkpoint);
                let state = record.as_ref().map(|record| &record.state);
                let unknown = || "?".to_owned();
                let bytes: u64 = checkpoint.meta().files.values().map(|info| info.bytes).sum();
                let value = state.and_then(|state| state.val_loss);
                rows.push((
                    state.map(|state| state.num_updates),
                    [
                        name,
                        state.map_or_else(unknown, |state| state.num_updates.to_string()),
                        state.map_or_else(unknown, |state| state.data.epoch.to_string()),
                        value.map_or_else(unknown, |value| format!("{value:.3}")),
                        thousands(usize::try_from(bytes).unwrap_or(usize::MAX)),
                    ],
                ));
            }
            Err(error) => findings.problems.push(describe(&error.into())),
        }
    }
    rows.sort_by_key(|(updates, _)| *updates);
    findings.table = Table::new(["checkpoint", "updates", "epoch", "validation", "bytes"]);
    for (_, row) in rows {
        findings.table.row(row);
    }
    Ok(findings)
}

/// A log of training. A last line that is cut is a run that is still going, or was killed.
pub(super) fn log(path: &Path) -> Result<Findings> {
    let log = Log::read(path)?;
    let mut findings = Findings::of("a log of training");
    findings.fact("records", thousands(log.records.len()));
    let mut latest = |name: &str, kind: Kind| {
        if let Some(record) = log.of(&kind).last() {
            findings.sample(format!("latest {name}"), summary(record));
        }
    };
    latest("interval", Kind::Interval);
    latest("epoch", Kind::Epoch);
    for subset in log.subsets() {
        latest(&format!("of {subset}"), Kind::Valid(subset.to_owned()));
    }
    if log.is_cut {
        findings
            .notes
            .push("the last line is cut: the run is going on, or was killed".to_owned());
    }
    for line in &log.damaged {
        findings.problems.push(format!("line {line} is damaged"));
    }
    Ok(findings)
}

fn summary(record: &Record) -> String {
    let values = record.values.iter();
    let values: Vec<String> = values.map(|(name, value)| format!("{name} {value}")).collect();
    format!(
        "epoch {}, update {}: {}",
        record.epoch,
        record.num_updates,
        values.join(", ")
    )
}
