//! Checkpoints on disk: what is written is read back, and what is broken is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use burn::tensor::{Device, TensorData};
use burnseq_model::{FamilyConfig, Model, ModelConfig, TransformerConfig, state_dict};
use burnseq_text::FileError;
use burnseq_text::Vocab;
use burnseq_train::{
    Checkpoint, CheckpointContents, Error, OptimizerConfig, OptimizerState, TaskInfo,
    checkpoint::{Dictionaries, FORMAT_VERSION, names, recover, save},
};
use serde_json::{Value, json};

const VOCAB: Vocab = Vocab::fairseq(12, 10);

fn config() -> TransformerConfig {
    TransformerConfig::sized(8, 8, 2, 1)
}

/// Weights, optimiser state and files of a small model made from `seed`.
struct Sample {
    config: ModelConfig,
    task: TaskInfo,
    model: Vec<(String, TensorData)>,
    optimizer: OptimizerState,
    files: Vec<(String, Vec<u8>)>,
    train_state: Value,
}

impl Sample {
    fn new(seed: u64) -> Self {
        let model = config().init(&VOCAB, seed, &Device::flex());
        let optimizer = OptimizerConfig::default().init(&model).unwrap();
        let mut optimizer = optimizer.state_dict(&model);
        optimizer.step = seed;
        // Fresh weights and moments could come from anywhere, zeros above all.
        let trained = |tensors: Vec<(String, TensorData)>| -> Vec<(String, TensorData)> {
            let tensors = tensors.into_iter().zip(1u16..);
            let trained = tensors.map(|((name, data), number)| {
                let shape = data.shape().clone();
                let values = data.iter::<f32>().zip(1u16..);
                let values: Vec<f32> = values
                    .map(|(value, place)| value + f32::from(number) / f32::from(place))
                    .collect();
                (name, TensorData::new(values, shape))
            });
            trained.collect()
        };
        optimizer.tensors = trained(optimizer.tensors);
        Self {
            config: ModelConfig::Transformer(config()),
            task: TaskInfo::new("translation", [("source_lang", "de"), ("target_lang", "en")]),
            model: trained(state_dict(&model)),
            optimizer,
            files: vec![
                ("dict.src.txt".to_owned(), b"hallo 3\n".to_vec()),
                ("dict.tgt.txt".to_owned(), b"hello 3\n".to_vec()),
            ],
            train_state: json!({ "num_updates": seed, "lr": 0.1 + 0.2 }),
        }
    }

    fn save(&self, save_dir: &Path, names: &[&str]) -> Result<(), Error> {
        let contents = CheckpointContents {
            model_config: &self.config,
            dictionaries: &Dictionaries::source_and_target(&VOCAB),
            task: &self.task,
            train_state: self.train_state.clone(),
            model: &self.model,
            raw_model: None,
            optimizer: Some(&self.optimizer),
            files: &self.files,
        };
        save(save_dir, names, &contents)
    }
}

/// A save folder with one checkpoint, and the path of that.
fn saved() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    Sample::new(7).save(dir.path(), &[names::LAST]).unwrap();
    let path = dir.path().join(names::LAST);
    (dir, path)
}

fn refusal(path: &Path) -> String {
    let error = Checkpoint::open(path).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
    error
}

/// Changes a field of `checkpoint.json`.
fn edit_meta(path: &Path, edit: impl FnOnce(&mut Value)) {
    let file = path.join("checkpoint.json");
    let mut meta: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    edit(&mut meta);
    fs::write(&file, serde_json::to_vec(&meta).unwrap()).unwrap();
}

/// Writes the weights anew, with matching checksums, as a diverged or foreign run would.
fn with_weights(edit: impl FnOnce(&mut Vec<(String, TensorData)>)) -> (tempfile::TempDir, Checkpoint) {
    let dir = tempfile::tempdir().unwrap();
    let mut sample = Sample::new(7);
    edit(&mut sample.model);
    sample.save(dir.path(), &[names::LAST]).unwrap();
    let checkpoint = Checkpoint::open(&dir.path().join(names::LAST)).unwrap();
    (dir, checkpoint)
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn everything_that_was_saved_is_read_back_with_the_same_bits() {
    let (dir, path) = saved();
    let sample = Sample::new(7);
    let checkpoint = Checkpoint::open(&path).unwrap();
    let meta = checkpoint.meta();
    assert_eq!(meta.model_config, sample.config);
    assert_eq!(meta.dictionaries, Dictionaries::source_and_target(&VOCAB));
    assert_eq!(meta.task, sample.task);
    assert_eq!(meta.train_state, sample.train_state);
    assert_eq!(meta.format_version, FORMAT_VERSION);
    assert_eq!(
        state_dict(&checkpoint.model::<Model>(&Device::flex()).unwrap()),
        sample.model
    );
    assert_eq!(checkpoint.optimizer_state().unwrap().unwrap(), sample.optimizer);
    assert_eq!(checkpoint.file("dict.src.txt").unwrap(), b"hallo 3\n");
    assert_eq!(
        checkpoint.file_names().collect::<Vec<_>>(),
        [
            "dict.src.txt",
            "dict.tgt.txt",
            "model.safetensors",
            "optimizer.safetensors"
        ]
    );
    assert_eq!(entries(dir.path()), ["checkpoint_last"]);
}

#[test]
fn saving_the_same_state_twice_gives_the_same_bytes() {
    let (first, second) = (saved(), saved());
    assert_eq!(entries(&first.1).len(), 5);
    for name in entries(&first.1) {
        assert_eq!(
            fs::read(first.1.join(&name)).unwrap(),
            fs::read(second.1.join(&name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn several_names_hold_the_same_checkpoint_and_stay_when_one_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let best = names::best("bleu", 34.78, 1);
    Sample::new(1)
        .save(dir.path(), &["checkpoint1", names::BEST, &best, names::LAST])
        .unwrap();
    Sample::new(2)
        .save(dir.path(), &["checkpoint2", names::LAST])
        .unwrap();
    let step = |name: &str| {
        let checkpoint = Checkpoint::open(&dir.path().join(name)).unwrap();
        checkpoint.optimizer_state().unwrap().unwrap().step
    };
    for (name, expected) in [
        ("checkpoint1", 1),
        (names::BEST, 1),
        (best.as_str(), 1),
        ("checkpoint2", 2),
        (names::LAST, 2),
    ] {
        assert_eq!(step(name), expected, "{name}");
    }
    assert_eq!(entries(dir.path()).len(), 5);
}

#[cfg(unix)]
#[test]
fn several_names_take_the_space_of_one() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    Sample::new(1)
        .save(dir.path(), &["checkpoint1", names::LAST])
        .unwrap();
    let inode = |name: &str| {
        fs::metadata(dir.path().join(name).join("model.safetensors"))
            .unwrap()
            .ino()
    };
    assert_eq!(inode("checkpoint1"), inode(names::LAST));
}

#[test]
fn fairseqs_spelling_of_the_path_works_and_other_paths_say_what_to_give() {
    let (dir, path) = saved();
    assert_eq!(Checkpoint::open(&path.with_extension("pt")).unwrap().path(), path);
    assert_eq!(
        Checkpoint::open(&path.join("checkpoint.json")).unwrap().path(),
        path
    );
    let error = Checkpoint::open(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("hint: give ") && error.contains("checkpoint_last"),
        "{error}"
    );
    let pickle = dir.path().join("model.pt");
    fs::write(&pickle, "PK").unwrap();
    assert!(refusal(&pickle).contains("hint: a checkpoint of fairseq is converted"));
    assert!(refusal(&dir.path().join("nothing")).contains("no checkpoint here"));
}

#[test]
fn truncated_changed_and_missing_files_are_named() {
    for name in ["model.safetensors", "optimizer.safetensors", "dict.src.txt"] {
        let (_dir, path) = saved();
        let file = path.join(name);
        let content = fs::read(&file).unwrap();
        fs::write(&file, &content[..content.len() - 1]).unwrap();
        let error = refusal(&path);
        assert!(
            error.contains(name) && error.contains("instead of") && error.contains("hint: "),
            "{error}"
        );
        fs::remove_file(&file).unwrap();
        let error = refusal(&path);
        assert!(error.contains(name) && error.contains("is missing"), "{error}");

        let mut changed = content;
        *changed.last_mut().unwrap() ^= 1;
        fs::write(&file, changed).unwrap();
        let error = match Checkpoint::open(&path) {
            Err(error) => error,
            Ok(checkpoint) => match name {
                "model.safetensors" => checkpoint.model_tensors().unwrap_err(),
                _ => checkpoint.optimizer_state().unwrap_err(),
            },
        };
        let error = error.to_string();
        assert!(error.contains(name) && error.contains("checksum"), "{error}");
    }
}

#[test]
fn a_broken_or_unknown_description_is_refused() {
    let (_dir, path) = saved();
    let file = path.join("checkpoint.json");
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() / 2]).unwrap();
    assert!(refusal(&path).contains("EOF while parsing"));
    fs::write(&file, &content).unwrap();

    edit_meta(&path, |meta| meta["format_version"] = json!(99));
    assert!(refusal(&path).contains("checkpoint format 99 is unknown"));
    fs::write(&file, &content).unwrap();
    edit_meta(&path, |meta| meta["surprise"] = json!(1));
    assert!(refusal(&path).contains("unknown field `surprise`"));
    fs::write(&file, &content).unwrap();
    edit_meta(&path, |meta| meta["model_config"]["type"] = json!("oracle"));
    assert!(refusal(&path).contains("`oracle`"));
    fs::write(&file, &content).unwrap();
    edit_meta(&path, |meta| {
        meta["model_config"]["encoder_attention_heads"] = json!(3)
    });
    assert!(
        refusal(&path).contains("encoder_attention_heads")
            || refusal(&path).contains("encoder-attention-heads")
    );
    fs::write(&file, &content).unwrap();
    edit_meta(&path, |meta| {
        let info = meta["files"]["dict.src.txt"].clone();
        meta["files"]["../../etc/passwd"] = info;
    });
    assert!(refusal(&path).contains("is not a file name"));
}

#[test]
fn weights_that_are_not_finite_are_named() {
    for wrong in [f32::NAN, f32::NEG_INFINITY] {
        let (_dir, checkpoint) = with_weights(|model| {
            let (_, data) = model
                .iter_mut()
                .find(|(name, _)| name == "decoder.layers.0.fc1.bias")
                .unwrap();
            *data = TensorData::new(vec![0.0, wrong, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [8]);
        });
        let error = checkpoint.model_tensors().unwrap_err().to_string();
        assert!(
            error.contains("model.safetensors") && error.contains("`decoder.layers.0.fc1.bias`"),
            "{error}"
        );
        assert!(
            error.contains("position 1") && error.contains("hint: "),
            "{error}"
        );
    }
}

#[test]
fn weights_of_another_architecture_are_named() {
    let (_dir, extra) = with_weights(|model| {
        model.push(("encoder.lstm.weight".to_owned(), TensorData::new(vec![1f32], [1])))
    });
    let (_dir, missing) = with_weights(|model| model.retain(|(name, _)| name != "decoder.layers.0.fc2.bias"));
    let (_dir, shape) = with_weights(|model| {
        let (_, data) = model
            .iter_mut()
            .find(|(name, _)| name == "encoder.layers.0.fc1.bias")
            .unwrap();
        *data = TensorData::new(vec![0f32; 9], [9]);
    });
    for (checkpoint, expected) in [
        (extra, "`encoder.lstm.weight`"),
        (missing, "`decoder.layers.0.fc2.bias`"),
        (
            shape,
            "`encoder.layers.0.fc1.bias` has shape [9], the model needs [8]",
        ),
    ] {
        let error = checkpoint
            .model::<Model>(&Device::flex())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("model.safetensors") && error.contains(expected),
            "{error}"
        );
        assert!(error.contains("hint: "), "{error}");
    }
}

#[test]
fn a_checkpoint_cut_off_by_a_kill_is_recovered() {
    let (dir, path) = saved();
    fs::rename(&path, dir.path().join(".checkpoint_last.old")).unwrap();
    fs::create_dir(dir.path().join(".writing-abc")).unwrap();
    fs::write(dir.path().join(".writing-abc/model.safetensors"), "half").unwrap();
    assert!(
        Checkpoint::open(&path).is_ok(),
        "the old one is found before anything is repaired"
    );
    recover(dir.path()).unwrap();
    assert_eq!(entries(dir.path()), ["checkpoint_last"]);
    Checkpoint::open(&path).unwrap();
}

/// Needs the right to mount, as the superuser in a container has it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_only_the_new_checkpoint() {
    struct Mounted(tempfile::TempDir);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.0.path()).status();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let size: u64 = 64 * 1024;
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
        .arg(dir.path())
        .output();
    match mount {
        Ok(output) if output.status.success() => {}
        _ => {
            eprintln!("skipped: a file system of {size} bytes cannot be mounted");
            return;
        }
    }
    let dir = Mounted(dir);
    let save_dir = dir.0.path();
    Sample::new(1).save(save_dir, &[names::LAST]).unwrap();
    let mut large = Sample::new(2);
    large
        .files
        .push(("sentencepiece.model".to_owned(), vec![1; size as usize]));
    let error = large.save(save_dir, &[names::LAST]).unwrap_err();
    assert!(matches!(error, Error::Io(FileError::Write { .. })), "{error}");
    assert_eq!(entries(save_dir), [names::LAST]);
    let checkpoint = Checkpoint::open(&save_dir.join(names::LAST)).unwrap();
    assert_eq!(checkpoint.optimizer_state().unwrap().unwrap().step, 1);
    checkpoint.model::<Model>(&Device::flex()).unwrap();
}
