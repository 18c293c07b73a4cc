//! Files that are damaged, or mean harm: an error that names file and offender, never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use burnseq_interchange::Result;
use burnseq_interchange::fairseq::{FairseqCheckpoint, Layout};
use burnseq_interchange::pickle::{Object, write};
use burnseq_interchange::torch_file::{Storages, save};
use burnseq_interchange::zip::ArchiveWriter;
use tempfile::TempDir;

use super::fixtures::data;

/// Reads everything that a conversion reads.
fn read_all(path: &Path) -> Result<()> {
    let checkpoint = FairseqCheckpoint::open(path)?;
    checkpoint.weights(&Layout::default())?;
    checkpoint.adam(&Layout::default(), &[])?;
    checkpoint.progress()?;
    checkpoint.has_ema();
    Ok(())
}

fn problem(path: &Path) -> String {
    let error = read_all(path).unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    text
}

/// A file with this pickle.
fn archive(dir: &TempDir, pickle: &[u8]) -> PathBuf {
    let path = dir.path().join("x.pt");
    let mut bytes = Vec::new();
    let mut archive = ArchiveWriter::new(&mut bytes);
    archive.add("x/data.pkl", pickle).unwrap();
    archive.add("x/data/0", &1f32.to_le_bytes()).unwrap();
    archive.finish().unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// A checkpoint with Adam in one file.
fn checkpoint(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("x.pt");
    let values = [1.0, 2.0, 3.0, 4.0];
    let mut storages = Storages::default();
    let weight = storages.tensor(&[2, 2], &values);
    let state = Object::dict([
        ("step", Object::Int(3)),
        ("exp_avg", weight.clone()),
        ("exp_avg_sq", weight.clone()),
    ]);
    let group = Object::dict([("params", Object::List(vec![Object::Int(0)]))]);
    let root = Object::dict([
        (
            "args",
            Object::Namespace(vec![("arch".into(), "transformer".into())]),
        ),
        (
            "model",
            Object::OrderedDict(vec![("encoder.fc1.weight".into(), weight)]),
        ),
        (
            "optimizer_history",
            Object::List(vec![Object::dict([("num_updates", Object::Int(3))])]),
        ),
        (
            "last_optimizer_state",
            Object::dict([
                ("state", Object::Dict(vec![(Object::Int(0), state)])),
                ("param_groups", Object::List(vec![group])),
            ]),
        ),
    ]);
    save(&path, &root, &storages).unwrap();
    path
}

#[test]
fn a_pickle_that_asks_for_the_shell_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let marker = dir.path().join("harm");
    let command = format!("touch {}", marker.display());
    let pickle = format!("\u{1}cposix\nsystem\n(V{command}\ntR.").replacen('\u{1}', "", 1);
    let found = problem(&archive(&dir, pickle.as_bytes()));
    assert!(
        found.contains("x/data.pkl") && found.contains("asks for posix.system"),
        "{found}"
    );
    assert!(!marker.exists());

    let unknown = Object::Call("my_plugin.criterions", "MyCriterion", Vec::new());
    let found = problem(&archive(&dir, &write(&unknown)));
    assert!(
        found.contains("asks for my_plugin.criterions.MyCriterion"),
        "{found}"
    );
}

#[test]
fn files_of_other_kinds_are_told() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.pt");
    for (content, expected) in [
        (&b""[..], "not a file of torch.save"),
        (b"not a checkpoint at all", "not a file of torch.save"),
        (b"PK\x03\x04 and then nothing", "truncated"),
    ] {
        fs::write(&path, content).unwrap();
        let found = problem(&path);
        assert!(found.contains(expected), "{found}");
    }
    for (object, expected) in [
        (Object::Int(3), "it holds an integer"),
        (
            Object::dict([("weights", Object::None)]),
            "it has no `model`, only weights",
        ),
        (
            Object::dict([("model", Object::Dict(Vec::new()))]),
            "neither `args` nor `cfg`",
        ),
        (
            Object::dict([
                ("model", Object::Dict(Vec::new())),
                ("args", Object::List(Vec::new())),
            ]),
            "not a namespace",
        ),
        (
            Object::dict([
                ("model", Object::dict([("x", Object::Int(1))])),
                ("args", Object::Namespace(Vec::new())),
            ]),
            "x: is an integer, expected a tensor",
        ),
        (
            Object::dict([
                ("model", Object::Dict(Vec::new())),
                ("cfg", Object::Dict(Vec::new())),
                ("fsdp_metadata", Object::None),
            ]),
            "consolidate_fsdp_shards",
        ),
    ] {
        let found = problem(&archive(&dir, &write(&object)));
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn tensors_outside_of_their_storage_are_refused() {
    let dir = TempDir::new().unwrap();
    // A storage of one element, in the file as "0".
    let tensor = |key: &str, offset: i64, shape: i64, stride: i64| {
        let storage = vec![
            "storage".into(),
            Object::Global("torch", "FloatStorage"),
            key.into(),
            "cpu".into(),
            Object::Int(1),
        ];
        let args = vec![
            Object::Persistent(Box::new(Object::Tuple(storage))),
            Object::Int(offset),
            Object::Tuple(vec![Object::Int(shape)]),
            Object::Tuple(vec![Object::Int(stride)]),
        ];
        let model = Object::dict([("w", Object::Call("torch._utils", "_rebuild_tensor_v2", args))]);
        Object::dict([("model", model), ("args", Object::Namespace(Vec::new()))])
    };
    assert!(read_all(&archive(&dir, &write(&tensor("0", 0, 1, 1)))).is_ok());
    for (key, offset, shape, stride) in [
        ("0", 1, 1, 1),
        ("0", 0, 2, 1),
        ("0", 0, 1 << 40, 0),
        ("0", i64::MAX, 1, 1),
        ("0", 0, i64::MAX, i64::MAX),
        ("7", 0, 1, 1),
    ] {
        let found = problem(&archive(&dir, &write(&tensor(key, offset, shape, stride))));
        assert!(found.contains("x.pt: w: "), "{found}");
    }
    for (key, offset, shape, stride) in [("0", -1, 1, 1), ("0", 0, -1, 1), ("0", 0, 1, -1)] {
        let found = problem(&archive(&dir, &write(&tensor(key, offset, shape, stride))));
        assert!(found.contains("not described as PyTorch does"), "{found}");
    }
}

#[test]
fn many_tensors_over_one_storage_do_not_fill_the_memory() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.pt");
    let values = vec![0.5; 50_000];
    let mut storages = Storages::default();
    let tensor = storages.tensor(&[50_000], &values);
    let names: Vec<String> = (0..100).map(|number| format!("w{number}")).collect();
    let model = names
        .iter()
        .map(|name| (name.as_str().into(), tensor.clone()))
        .collect();
    let root = Object::dict([
        ("model", Object::Dict(model)),
        ("args", Object::Namespace(Vec::new())),
    ]);
    save(&path, &root, &storages).unwrap();
    assert!(problem(&path).contains("overlap"));
}

#[test]
fn truncated_files_are_refused_at_every_length() {
    let dir = TempDir::new().unwrap();
    let new = fs::read(checkpoint(&dir)).unwrap();
    let legacy = fs::read(data("values.legacy.pt")).unwrap();
    let path = dir.path().join("short.pt");
    for file in [new, legacy] {
        for length in 0..file.len() {
            fs::write(&path, &file[..length]).unwrap();
            assert!(read_all(&path).is_err(), "{length} of {} bytes", file.len());
        }
    }
}

#[test]
fn flipped_bits_are_found_or_change_nothing() {
    let dir = TempDir::new().unwrap();
    let original = checkpoint(&dir);
    let good = FairseqCheckpoint::open(&original).unwrap();
    let (weights, adam) = (
        good.weights(&Layout::default()).unwrap(),
        good.adam(&Layout::default(), &[]).unwrap(),
    );
    let bytes = fs::read(&original).unwrap();
    let path = dir.path().join("flipped.pt");
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, flipped).unwrap();
        // Checksums cover all content; what is left are unused fields of the archive.
        if let Ok(found) = FairseqCheckpoint::open(&path)
            && let (Ok(found_weights), Ok(found_adam)) = (
                found.weights(&Layout::default()),
                found.adam(&Layout::default(), &[]),
            )
        {
            assert_eq!((&found_weights, &found_adam), (&weights, &adam), "byte {at}");
        }
    }
}

#[test]
fn flipped_bits_of_the_old_format_never_panic() {
    // It has no checksums, so that a flipped bit may go unnoticed.
    let dir = TempDir::new().unwrap();
    let bytes = fs::read(data("values.legacy.pt")).unwrap();
    let path = dir.path().join("flipped.pt");
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, flipped).unwrap();
        let _ = read_all(&path);
    }
}

#[test]
fn a_state_that_is_not_adam_s_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.pt");
    let values = [1.0, 2.0];
    let long = [1.0, 2.0, 3.0];
    let problem = |build: &dyn Fn(Object, Object) -> Object| {
        let mut storages = Storages::default();
        let weight = storages.tensor(&[2], &values);
        let other = storages.tensor(&[3], &long);
        let root = Object::dict([
            ("args", Object::Namespace(Vec::new())),
            (
                "model",
                Object::dict([("w", weight.clone()), ("v", weight.clone())]),
            ),
            ("last_optimizer_state", build(weight, other)),
        ]);
        save(&path, &root, &storages).unwrap();
        FairseqCheckpoint::open(&path)
            .unwrap()
            .adam(&Layout::default(), &[])
            .unwrap_err()
            .to_string()
    };
    let group = || Object::dict([("params", Object::List(vec![Object::Int(0), Object::Int(1)]))]);
    let state = |step: [i64; 2], first: [&Object; 2], name: &str| {
        let one = |number: usize| {
            let state = Object::dict([
                ("step", Object::Int(step[number])),
                (name, first[number].clone()),
                ("exp_avg_sq", first[number].clone()),
            ]);
            (Object::Int(number as i64), state)
        };
        Object::dict([
            ("state", Object::Dict(vec![one(0), one(1)])),
            ("param_groups", Object::List(vec![group()])),
        ])
    };
    let found = problem(&|w, _| state([3, 4], [&w, &w], "exp_avg"));
    assert!(found.contains("another number of steps for `v`"), "{found}");
    let found = problem(&|w, _| state([3, 3], [&w, &w], "momentum_buffer"));
    assert!(
        found.contains("has no exp_avg of `w`: it is not of Adam"),
        "{found}"
    );
    let found = problem(&|w, other| state([3, 3], [&w, &other], "exp_avg"));
    assert!(
        found.contains("a moment of shape [3] for `v`, whose shape is [2]"),
        "{found}"
    );
    let found = problem(&|_, _| Object::dict([("param_groups", Object::List(vec![group(), group()]))]));
    assert!(found.contains("has 2 groups"), "{found}");
    let found = problem(&|_, _| Object::Dict(Vec::new()));
    assert!(found.contains("no groups of parameters"), "{found}");
}
