//! Checkpoints of burnseq.

use std::path::Path;

use anyhow::Result;
use burnseq_train::log::format_duration;
use burnseq_train::{Checkpoint, TrainingRecord};

use crate::decoding::format::thousands;
use crate::exit::describe;
use crate::findings::{Findings, Table};

/// Tensors that are listed; the rest is counted.
const LISTED: [&str; 2] = ["model.safetensors", "optimizer.safetensors"];

/// What a checkpoint holds; every file is read and its checksum compared.
pub(super) fn checkpoint(path: &Path) -> Result<Findings> {
    let checkpoint = Checkpoint::open(path)?;
    let meta = checkpoint.meta();
    let vocab = meta.dictionaries.vocab();
    let mut findings = Findings::of(format!("a checkpoint of burnseq {}", meta.burnseq_version));
    findings.fact("format", meta.format_version.to_string());
    let parameters = usize::try_from(meta.model_config.num_params(&vocab)).unwrap_or(usize::MAX);
    findings.fact(
        "model",
        format!(
            "{}, {} parameters",
            meta.model_config.phrase(),
            thousands(parameters)
        ),
    );
    let fields = meta.task.fields.iter();
    let fields: Vec<String> = fields
        .map(|(name, value)| {
            format!(
                "{name} {}",
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            )
        })
        .collect();
    let fields = fields.join(", ");
    findings.fact(
        "task",
        match fields.as_str() {
            "" => meta.task.name.clone(),
            fields => format!("{}: {fields}", meta.task.name),
        },
    );
    for side in &meta.dictionaries.sides {
        findings.fact(
            "dictionary",
            format!("{}, {}, {} types", side.side, side.file, thousands(side.types)),
        );
    }
    training(record_of(&checkpoint).as_ref(), &mut findings);
    findings.table = Table::new(["file", "bytes", "checksum"]);
    for name in checkpoint.file_names() {
        let bytes = meta.files.get(name).map_or(0, |info| info.bytes);
        let state = match checkpoint.file(name) {
            Ok(_) => "right",
            Err(error) => {
                findings.problems.push(describe(&error.into()));
                "wrong"
            }
        };
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        findings
            .table
            .row([name.to_owned(), thousands(bytes), state.to_owned()]);
    }
    if findings.problems.is_empty()
        && let Err(error) = checkpoint.model_tensors()
    {
        findings.problems.push(describe(&error.into()));
    }
    if !checkpoint.file_names().any(|name| name == LISTED[1]) {
        findings.notes.push(
            "without the state of the optimiser: it translates, and training cannot go on from it".to_owned(),
        );
    }
    Ok(findings)
}

/// What a checkpoint says of its training; none where it says nothing.
pub(super) fn record_of(checkpoint: &Checkpoint) -> Option<TrainingRecord> {
    serde_json::from_value(checkpoint.meta().train_state.clone()).ok()
}

/// How far training had come.
fn training(record: Option<&TrainingRecord>, findings: &mut Findings) {
    let Some(TrainingRecord { state, .. }) = record else {
        findings.fact("training", "no record of it");
        return;
    };
    findings.fact(
        "training",
        format!("{} updates, epoch {}", state.num_updates, state.data.epoch),
    );
    if let Some(value) = state.val_loss {
        let best = state
            .patience
            .best
            .map_or_else(String::new, |best| format!(", best {best:.3}"));
        findings.fact("validation", format!("{} {value:.3}{best}", state.best_metric));
    }
    findings.fact("time", format_duration(state.wall));
}
