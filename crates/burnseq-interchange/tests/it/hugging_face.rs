//! Folders of transformers: the recorded ones, and what is wrong with others.

use std::path::Path;

use burnseq_interchange::hugging_face::{Folder, FolderWriter, Weights, is_folder};
use burnseq_interchange::pickle::Object;
use burnseq_interchange::torch_file::{Storages, Tensor, save};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Map, Value, json};

fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        values: values.to_vec(),
    }
}

fn config() -> Map<String, Value> {
    json!({ "model_type": "bert", "layer_norm_eps": 1e-12 })
        .as_object()
        .unwrap()
        .clone()
}

/// Every recorded folder is read, and its weights are written again with the same bytes.
#[test]
fn recorded_weights_are_written_as_transformers_writes_them() {
    let Some(folders) = burnseq_testing::golden("families/hf") else {
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(folders).unwrap() {
        let path = entry.unwrap().path();
        if !is_folder(&path) {
            continue;
        }
        seen += 1;
        let folder = Folder::open(&path).unwrap();
        let weights = folder.weights().unwrap();
        let tensors: Vec<(String, Tensor)> = weights
            .names()
            .map(|name| (name.to_owned(), weights.read(name).unwrap()))
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let written = dir.path().join("written");
        let writer = FolderWriter::create(&written).unwrap();
        writer.settings("config.json", folder.config().fields()).unwrap();
        writer.weights(&tensors).unwrap();
        writer.commit().unwrap();
        for name in ["config.json", "model.safetensors"] {
            let same = std::fs::read(written.join(name)).unwrap() == std::fs::read(path.join(name)).unwrap();
            assert!(same, "{}: {name}", path.display());
        }
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "only the folder is left"
        );

        if path.join("pytorch_model.bin").is_file() {
            let copy = dir.path().join("pickled");
            std::fs::create_dir(&copy).unwrap();
            for name in ["config.json", "pytorch_model.bin"] {
                std::fs::copy(path.join(name), copy.join(name)).unwrap();
            }
            let pickled = Folder::open(&copy).unwrap().weights().unwrap();
            for (name, tensor) in &tensors {
                assert_eq!(pickled.read(name).unwrap(), *tensor, "{}: {name}", path.display());
            }
        }
    }
    assert!(seen > 0, "no folder has a config.json");
}

#[test]
fn old_names_prefixes_and_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let (norm, table) = ([1.0f32, 2.0], [3.0f32, 4.0, 5.0, 6.0]);
    let mut storages = Storages::default();
    let entries = [
        ("bert.embeddings.LayerNorm.gamma", storages.tensor(&[2], &norm)),
        ("bert.embeddings.position_ids", storages.tensor(&[2], &norm)),
        (
            "bert.embeddings.word_embeddings.weight",
            storages.tensor(&[2, 2], &table),
        ),
        ("classifier.weight", storages.tensor(&[1, 2], &norm)),
    ];
    let entries = entries.map(|(name, tensor)| (name.into(), tensor)).to_vec();
    save(
        &dir.path().join("pytorch_model.bin"),
        &Object::OrderedDict(entries),
        &storages,
    )
    .unwrap();
    let weights = Weights::open(dir.path())
        .unwrap()
        .without_prefix("bert.")
        .unwrap();
    let names: Vec<&str> = weights.names().collect();
    assert_eq!(
        names,
        [
            "embeddings.LayerNorm.weight",
            "embeddings.word_embeddings.weight",
            "classifier.weight"
        ]
    );
    assert_eq!(
        weights.read("embeddings.LayerNorm.weight").unwrap(),
        tensor(&[2], &norm)
    );
    assert_eq!(
        weights.shape("embeddings.word_embeddings.weight"),
        Some(&[2, 2][..])
    );
    assert_eq!(weights.elements(), 8);
    let error = weights.read("pooler.dense.weight").unwrap_err().to_string();
    assert!(error.ends_with("pooler.dense.weight: is missing"), "{error}");
    let rest = weights.without(|name| name == "classifier.weight");
    assert!(!rest.contains("classifier.weight") && rest.contains("embeddings.LayerNorm.weight"));
}

/// Writes one file of tensors `(name, type, bytes)`.
fn safetensors(path: &Path, tensors: &[(&str, Dtype, Vec<usize>, &[u8])]) {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn weights_in_several_files_and_narrow_types() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    safetensors(
        &path("model-00001-of-00002.safetensors"),
        &[("a", Dtype::F16, vec![2], &[0x00, 0x3c, 0x00, 0xc0])],
    );
    safetensors(
        &path("model-00002-of-00002.safetensors"),
        &[
            ("b", Dtype::BF16, vec![1, 1], &[0x80, 0xbf]),
            ("ids", Dtype::I64, vec![1], &[0; 8]),
        ],
    );
    let index = json!({ "weight_map": {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00002-of-00002.safetensors",
        "ids": "model-00002-of-00002.safetensors",
    } });
    let write_index = |index: &Value| {
        std::fs::write(path("model.safetensors.index.json"), index.to_string()).unwrap();
    };
    write_index(&index);
    let weights = Weights::open(dir.path()).unwrap();
    assert_eq!(weights.read("a").unwrap(), tensor(&[2], &[1.0, -2.0]));
    assert_eq!(weights.read("b").unwrap(), tensor(&[1, 1], &[-1.0]));
    let problem = weights.read("ids").unwrap_err().to_string();
    assert!(
        problem
            .ends_with("model-00002-of-00002.safetensors: ids: has type I64, expected a floating-point type"),
        "{problem}"
    );

    let refused = |index: Value, expected: &str| {
        write_index(&index);
        let problem = Weights::open(dir.path()).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    };
    let missing = "model.safetensors.index.json: model-00003-of-00003.safetensors: is not in the folder";
    refused(
        json!({ "weight_map": { "a": "model-00003-of-00003.safetensors" } }),
        missing,
    );
    refused(
        json!({ "weight_map": { "c": "model-00001-of-00002.safetensors" } }),
        "c: is not in \"model-00001-of-00002.safetensors\"",
    );
    refused(
        json!({ "weight_map": { "a": "../x.safetensors" } }),
        "a: is in \"../x.safetensors\"",
    );
    refused(json!({ "weight_map": [] }), "weight_map: is []");
    refused(json!({}), "weight_map: is missing");
}

#[test]
fn folders_that_are_no_checkpoint_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let problem = |path: &Path| Folder::open(path).unwrap_err().to_string();
    assert!(problem(dir.path()).contains("it has no config.json"));
    assert!(problem(&dir.path().join("none")).contains("does not exist"));
    std::fs::write(
        dir.path().join("config.json"),
        Value::Object(config()).to_string(),
    )
    .unwrap();
    assert!(problem(&dir.path().join("config.json")).contains("is a file"));
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(folder.config().model_type().unwrap(), "bert");
    assert!(folder.settings("generation_config.json").unwrap().is_none());
    let without = folder.weights().unwrap_err().to_string();
    assert!(without.contains("holds no weights"), "{without}");
    std::fs::write(dir.path().join("tf_model.h5"), "x").unwrap();
    assert!(
        folder
            .weights()
            .unwrap_err()
            .to_string()
            .contains("tf_model.h5 is of another framework")
    );
    for bytes in [
        &b""[..],
        b"x",
        b"\x08\0\0\0\0\0\0\0{}      ",
        b"\xff\xff\xff\xff\xff\xff\xff\xff{}",
    ] {
        std::fs::write(dir.path().join("model.safetensors"), bytes).unwrap();
        match folder.weights() {
            Ok(weights) => assert_eq!(weights.names().len(), 0),
            Err(error) => assert!(error.to_string().contains("model.safetensors"), "{error}"),
        }
    }
}

#[test]
fn a_written_folder_replaces_nothing_and_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let count = || std::fs::read_dir(dir.path()).unwrap().count();
    let writer = FolderWriter::create(&path).unwrap();
    writer.weights(&[("a".to_owned(), tensor(&[1], &[1.0]))]).unwrap();
    drop(writer);
    assert_eq!(count(), 0);

    std::fs::create_dir(&path).unwrap();
    let writer = FolderWriter::create(&path).unwrap();
    writer.settings("config.json", &config()).unwrap();
    writer.commit().unwrap();
    assert_eq!(
        std::fs::read_to_string(path.join("config.json")).unwrap(),
        "{\n  \"model_type\": \"bert\",\n  \"layer_norm_eps\": 1e-12\n}\n"
    );
    let refused = FolderWriter::create(&path).unwrap_err().to_string();
    assert!(refused.contains("exists already"), "{refused}");
    assert_eq!(count(), 1);
}

/// Every cut, and every byte replaced, of small files: an error or weights, and no panic.
#[test]
fn damaged_files_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let writer = FolderWriter::create(&whole).unwrap();
    writer.settings("config.json", &config()).unwrap();
    writer
        .weights(&[("a.weight".to_owned(), tensor(&[2, 1], &[1.0, 2.0]))])
        .unwrap();
    writer.commit().unwrap();
    let values = [1.0f32, 2.0];
    let mut storages = Storages::default();
    let entries = vec![("a.weight".into(), storages.tensor(&[2, 1], &values))];
    let pickled = dir.path().join("pytorch_model.bin");
    save(&pickled, &Object::OrderedDict(entries), &storages).unwrap();
    let read = |path: &Path| std::fs::read(path).unwrap();
    for (name, content) in [
        ("config.json", read(&whole.join("config.json"))),
        ("model.safetensors", read(&whole.join("model.safetensors"))),
        ("pytorch_model.bin", read(&pickled)),
    ] {
        let folder = dir.path().join("damaged");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.json"), "{}").unwrap();
        let mut refused = 0;
        let mut open = |content: &[u8]| {
            std::fs::write(folder.join(name), content).unwrap();
            let Ok(found) = Folder::open(&folder) else {
                refused += 1;
                return;
            };
            _ = found.config().model_type();
            match found.weights() {
                Ok(weights) => weights.names().for_each(|name| _ = weights.read(name)),
                Err(_) => refused += 1,
            }
        };
        for length in 0..content.len() {
            open(&content[..length]);
        }
        for place in 0..content.len() {
            for byte in [0, b'9', 0xff, content[place] ^ 1] {
                let mut other = content.clone();
                other[place] = byte;
                open(&other);
            }
        }
        assert!(refused > content.len() / 2, "{name}: {refused} refused");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
