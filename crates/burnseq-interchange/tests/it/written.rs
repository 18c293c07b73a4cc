//! What we write has the structure of what fairseq writes.

use std::collections::BTreeMap;
use std::path::Path;

use burnseq_interchange::fairseq::{Contents, Entry, FairseqCheckpoint, Layout, Moments, Progress, save};
use burnseq_interchange::pickle::View;
use burnseq_interchange::torch_file::TorchFile;
use serde_json::json;

use super::golden::golden;

/// Kind of every value by its path, tensors with type and shape; `skip` are paths that are not looked into.
fn structure(file: &TorchFile, skip: &[&str]) -> BTreeMap<String, String> {
    fn walk(
        file: &TorchFile,
        view: View<'_>,
        path: String,
        skip: &[&str],
        found: &mut BTreeMap<String, String>,
    ) {
        let kind = match file.tensor(&path, view).unwrap() {
            Some(info) => format!("tensor {:?} {:?} {:?}", info.dtype, info.shape, info.strides),
            None => view.kind(),
        };
        found.insert(path.clone(), kind);
        if skip.contains(&path.as_str()) {
            return;
        }
        for (key, value) in view.entries().into_iter().flatten() {
            let key = key
                .as_str()
                .map_or_else(|| format!("{:?}", key.node()), str::to_owned);
            walk(file, value, format!("{path}/{key}"), skip, found);
        }
        for (number, item) in view.items().into_iter().flatten().enumerate() {
            walk(file, item, format!("{path}/{number}"), skip, found);
        }
    }
    let mut found = BTreeMap::new();
    walk(file, file.root(), String::new(), skip, &mut found);
    found
}

/// Reads a checkpoint and writes it again.
fn rewrite(path: &Path, output: &Path) {
    let checkpoint = FairseqCheckpoint::open(path).unwrap();
    let tied = ["decoder.output_projection.weight"];
    let adam = checkpoint.adam(&Layout::default(), &tied).unwrap().unwrap();
    let mut weights = checkpoint.weights(&Layout::default()).unwrap();
    weights.retain(|(name, _)| !tied.contains(&name.as_str()));
    let mut model = Vec::new();
    for (name, tensor) in &weights {
        for (side, version) in [("encoder.", "encoder.version"), ("decoder.", "decoder.version")] {
            if name.starts_with(side)
                && !model
                    .iter()
                    .any(|entry| matches!(entry, Entry::Tensor(known, _) if *known == version))
            {
                model.push(Entry::Tensor(version, (&[1], &[3.0])));
            }
        }
        model.push(Entry::Tensor(name, (&tensor.shape, &tensor.values)));
    }
    model.push(Entry::SameAs(tied[0], "decoder.embed_tokens.weight"));
    let contents = Contents {
        cfg: json!({ "model": { "_name": "transformer" } }),
        model_is_namespace: false,
        model,
        progress: Progress {
            best: None,
            ..checkpoint.progress().unwrap()
        },
        adam: Some(Moments {
            step: adam.step,
            lr: 2.5e-4,
            betas: (0.9, 0.98),
            eps: 1e-8,
            weight_decay: 1e-4,
            moments: adam
                .moments
                .iter()
                .map(|(_, both)| {
                    Some(
                        both.each_ref()
                            .map(|moment| (&moment.shape[..], &moment.values[..])),
                    )
                })
                .collect(),
        }),
    };
    save(output, &contents).unwrap();
}

#[test]
fn keys_types_shapes_and_order_are_those_of_fairseq() {
    let Some(golden) = golden() else { return };
    let path = golden.join("numerics/base/train_clip0.after5.pt");
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("x.pt");
    rewrite(&path, &output);
    let (theirs, ours) = (TorchFile::open(&path).unwrap(), TorchFile::open(&output).unwrap());
    // The configuration is that of the caller; running averages are not kept.
    let skip = ["/cfg", "/extra_state/metrics"];
    assert_eq!(structure(&ours, &skip), structure(&theirs, &skip));

    let order = |file: &TorchFile| -> Vec<String> {
        let model = file.root().get("model").unwrap();
        model
            .entries()
            .unwrap()
            .map(|(key, _)| key.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(order(&ours), order(&theirs));
    let value = |file: &TorchFile, name: &str| {
        let model = file.root().get("model").unwrap();
        let info = file.tensor(name, model.get(name).unwrap()).unwrap().unwrap();
        file.read(name, &info).unwrap().values
    };
    // With version 3 a pre-norm stack ends with a norm; these models, made from bare weights, say 1.
    assert_eq!(value(&ours, "encoder.version"), [3.0]);

    // Written again, nothing changes: weights, moments, progress.
    let (ours, theirs) = (
        FairseqCheckpoint::open(&output).unwrap(),
        FairseqCheckpoint::open(&path).unwrap(),
    );
    let layout = Layout::default();
    assert_eq!(ours.weights(&layout).unwrap(), theirs.weights(&layout).unwrap());
    let tied = ["decoder.output_projection.weight"];
    assert_eq!(
        ours.adam(&layout, &tied).unwrap(),
        theirs.adam(&layout, &tied).unwrap()
    );
    assert_eq!(ours.progress().unwrap(), theirs.progress().unwrap());
}
