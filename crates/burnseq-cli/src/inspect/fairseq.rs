//! Checkpoints of fairseq, and other files of `torch.save`.

use std::path::Path;

use anyhow::Result;
use burnseq::interchange::fairseq::FairseqCheckpoint;
use burnseq::interchange::torch_file::TorchFile;

use crate::decoding::format::thousands;
use crate::findings::Findings;

/// What a `.pt` holds. Nothing of its pickle is executed.
pub(super) fn checkpoint(path: &Path) -> Result<Findings> {
    let checkpoint = match FairseqCheckpoint::open(path) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return other(path).ok_or_else(|| error.into()),
    };
    let mut findings = Findings::of("a checkpoint of fairseq");
    let options = checkpoint.options();
    for (name, kind) in [
        ("architecture", "model"),
        ("task", "task"),
        ("criterion", "criterion"),
    ] {
        if let Some(choice) = options.choice(kind) {
            findings.fact(name, choice);
        }
    }
    for (name, option) in [("source", "source_lang"), ("target", "target_lang")] {
        let value = options.get("task", option).and_then(serde_json::Value::as_str);
        if let Some(value) = value {
            findings.fact(name, value);
        }
    }
    let tensors = checkpoint.tensors()?;
    let values = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>());
    findings.fact(
        "weights",
        format!("{} tensors, {} values", tensors.len(), thousands(values.sum())),
    );
    let progress = checkpoint.progress()?;
    findings.fact(
        "training",
        format!("{} updates, epoch {}", progress.num_updates, progress.epoch),
    );
    if let Some(best) = progress.best {
        findings.fact("best", format!("{best:.3}"));
    }
    if checkpoint.has_ema() {
        findings.fact("moving average", "of the weights");
    }
    findings.notes.push(
        "`burnseq convert` makes a checkpoint of burnseq of it; `train` also opens it as it is".to_owned(),
    );
    Ok(findings)
}

/// Another file of `torch.save`: what its top level holds.
fn other(path: &Path) -> Option<Findings> {
    let file = TorchFile::open(path).ok()?;
    let root = file.root();
    let mut findings = Findings::of("a file of PyTorch, and no checkpoint of fairseq");
    findings.fact("holds", root.kind());
    for (key, value) in root.entries()?.take(20) {
        let name = key.as_str().map_or_else(|| key.kind(), str::to_owned);
        findings.sample(name, value.kind());
    }
    Some(findings)
}
