//! Checkpoints of earlier formats: they open, and their runs go on as they would have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burn::tensor::Device;
use burnseq::model::state_dict;
use burnseq::train::Checkpoint;
use burnseq::train::checkpoint::{self, CheckpointContents, FORMAT_VERSION};
use tempfile::TempDir;

use super::toy::{assert_moved, logged, stderr, succeed};

/// Of the run that wrote the fixture.
const FLAGS: &str = "data-bin --save-dir run --arch transformer --encoder-embed-dim 8 --encoder-ffn-embed-dim 8 \
    --encoder-layers 1 --encoder-attention-heads 2 --decoder-layers 1 --decoder-attention-heads 2 --share-all-embeddings \
    --max-source-positions 40 --max-target-positions 40 --dropout 0.1 --lr 1e-2 --warmup-updates 4 --clip-norm 1 \
    --max-tokens 120 --report-accuracy --label-smoothing 0.1 --no-epoch-checkpoints --log-format json --log-interval 2 \
    --cpu";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format1")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A folder with the data of the fixture, and its checkpoint as the last one of `run`.
fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    copy(&fixture().join("data-bin"), &dir.path().join("data-bin"));
    copy(&fixture().join("checkpoint"), &last(dir.path()));
    dir
}

fn last(dir: &Path) -> PathBuf {
    dir.join("run/checkpoint_last")
}

/// Goes on to update 12.
fn go_on(dir: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_train"))
        .current_dir(dir)
        .args(FLAGS.split_whitespace())
        .args(["--max-update", "12"])
        .output()
        .unwrap();
    let output = succeed(output);
    assert!(stderr(&output).contains("resuming after update 5 in epoch 1"));
    output
}

/// Weights that `train` has written.
fn weights(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_run_of_format_1_goes_on_as_the_version_that_wrote_it_would_have() {
    let dir = folder();
    assert_eq!(
        Checkpoint::open(&last(dir.path())).unwrap().meta().format_version,
        1
    );
    let output = go_on(dir.path());
    // Sums of the epoch before the break are counted.
    for (key, expected) in [
        ("train_loss", [5.662].as_slice()),
        ("train_nll_loss", &[5.55]),
        ("train_accuracy", &[19.858]),
        ("valid_loss", &[4.437, 3.911]),
    ] {
        let found = logged(&output, key);
        assert_eq!(found.len(), expected.len(), "{key}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            // Other processors round the last digit otherwise.
            assert!((found - expected).abs() < 2e-3, "{key}: {found}, {expected}");
        }
    }
    let checkpoint = Checkpoint::open(&last(dir.path())).unwrap();
    assert_eq!(checkpoint.meta().format_version, FORMAT_VERSION);
    let recorded = Checkpoint::open(&fixture().join("after")).unwrap();
    let [found, recorded] = [&checkpoint, &recorded].map(|checkpoint| checkpoint.model_tensors().unwrap());
    assert_eq!(found.len(), recorded.len());
    for (name, expected) in &recorded {
        let [found, expected] = [&found[name], expected].map(|data| data.as_slice::<f32>().unwrap());
        // The same bits where they were recorded; elsewhere the kernels of the processor may round otherwise.
        let off = burnseq_testing::largest_difference(name, found, expected);
        assert!(off < 1e-4, "{name}: {off:e}");
    }
    assert_moved(&fixture().join("checkpoint"), &last(dir.path()), 1e-2);
}

#[test]
fn a_run_goes_on_with_the_same_bits_from_either_format() {
    let [old, new] = [folder(), folder()];
    let path = last(new.path());
    let checkpoint = Checkpoint::open(&path).unwrap();
    let meta = checkpoint.meta();
    let files = ["dict.src.txt", "dict.tgt.txt", "text.de.json", "text.en.json"];
    let files = files.map(|name| (name.to_owned(), checkpoint.file(name).unwrap()));
    let optimizer = checkpoint.optimizer_state().unwrap();
    let contents = CheckpointContents {
        model_config: &meta.model_config,
        task: &meta.task,
        dictionaries: &meta.dictionaries,
        train_state: meta.train_state.clone(),
        model: &state_dict(&checkpoint.model::<burnseq_model::Model>(&Device::flex()).unwrap()),
        raw_model: None,
        optimizer: optimizer.as_ref(),
        files: &files,
    };
    checkpoint::save(&new.path().join("run"), &["checkpoint_last"], &contents).unwrap();
    assert_eq!(
        Checkpoint::open(&path).unwrap().meta().format_version,
        FORMAT_VERSION
    );
    for dir in [&old, &new] {
        go_on(dir.path());
    }
    let after = [&old, &new].map(|dir| weights(&last(dir.path()).join("model.safetensors")));
    assert!(after[0] == after[1], "the weights differ");
    assert_moved(&fixture().join("checkpoint"), &path, 1e-2);
}

#[test]
fn a_later_format_is_refused_in_one_line() {
    let dir = folder();
    let meta = last(dir.path()).join("checkpoint.json");
    let json = fs::read_to_string(&meta).unwrap();
    fs::write(
        &meta,
        json.replace("\"format_version\": 1", "\"format_version\": 3"),
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_train"))
        .current_dir(dir.path())
        .args(FLAGS.split_whitespace())
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("checkpoint format 3 is unknown")
            && said.contains("use the version of burnseq that wrote it"),
        "{said}"
    );
    assert!(!said.contains("hint:"), "{said}");
}
