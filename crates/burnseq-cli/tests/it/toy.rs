//! A small dataset, and the binaries run on it.

use crate::fixture::{assert_says, assert_success};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burnseq_data::{Dtype, IndexedDataset, IndexedWriter, Mt19937};
use burnseq_testing::{larger, largest_difference};
use burnseq_text::Dictionary;
use burnseq_train::Checkpoint;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::tool;

/// Types of the toy languages, special symbols included.
const TYPES: u32 = 24;

/// A data folder whose target is the source with every word replaced by its neighbour, so that it can be learned.
pub fn toy_data(dir: &Path, train: usize) -> PathBuf {
    let data = dir.join("data-bin");
    fs::create_dir_all(&data).unwrap();
    let mut dict = Dictionary::new();
    (4..TYPES).for_each(|id| {
        dict.add_symbol(&format!("w{id}"), 1);
    });
    dict.save(data.join("dict.xx.txt")).unwrap();
    dict.save(data.join("dict.yy.txt")).unwrap();
    let mut rng = Mt19937::new(5);
    for (split, count) in [("train", train), ("valid", 20)] {
        let writer = |lang: &str| {
            IndexedWriter::create(data.join(format!("{split}.xx-yy.{lang}")), Dtype::U16).unwrap()
        };
        let (mut src, mut tgt) = (writer("xx"), writer("yy"));
        for _ in 0..count {
            let words: Vec<u32> = (0..1 + rng.interval(7))
                .map(|_| 4 + rng.interval(19) as u32)
                .collect();
            let neighbour = |word: u32| if word + 1 == TYPES { 4 } else { word + 1 };
            let mut target: Vec<u32> = words.iter().copied().map(neighbour).collect();
            let mut source = words;
            source.push(2);
            target.push(2);
            src.push(&source).unwrap();
            tgt.push(&target).unwrap();
        }
        src.finish().unwrap();
        tgt.finish().unwrap();
    }
    data
}

/// A folder with a small dataset, and runs of the binaries in it.
pub struct Toy {
    /// The folder.
    pub dir: TempDir,
    /// The dataset.
    pub data: PathBuf,
}

impl Toy {
    /// 240 training and 20 validation pairs of at most 8 tokens.
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let data = toy_data(dir.path(), 240);
        Self { dir, data }
    }

    /// Tokens of the targets of training, `</s>` included.
    pub fn target_lengths(&self) -> Vec<usize> {
        let targets = IndexedDataset::open(self.data.join("train.xx-yy.yy")).unwrap();
        (0..targets.len())
            .map(|index| targets.sentence(index).len())
            .collect()
    }

    /// Where the run called `name` saves.
    pub fn save_dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `train` on the toy data with a tiny model, saving to `name`.
    pub fn command(&self, name: &str, flags: &str) -> Command {
        let mut command = tool("train");
        command
            .current_dir(self.dir.path())
            .arg(&self.data)
            .arg("--save-dir")
            .arg(self.save_dir(name))
            .args(["--arch", "transformer_tiny", "--cpu", "--log-format", "json"])
            .args(flags.split_whitespace());
        command
    }

    /// Runs [`Self::command`].
    pub fn run(&self, name: &str, flags: &str) -> Output {
        self.command(name, flags).output().unwrap()
    }

    /// Another command in the same folder.
    pub fn tool(&self, binary: &str, flags: &str) -> Output {
        let mut command = tool(binary);
        command
            .current_dir(self.dir.path())
            .args(flags.split_whitespace());
        command.output().unwrap()
    }

    /// Names in the save folder of a run.
    pub fn checkpoints(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.save_dir(name)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The JSON objects that a run logged.
pub fn log(output: &Output) -> Vec<Value> {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The values that a run logged under `key`.
pub fn logged(output: &Output, key: &str) -> Vec<f64> {
    log(output).iter().filter_map(|line| line[key].as_f64()).collect()
}

/// What a binary said on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes sure that a run succeeded.
pub fn succeed(output: Output) -> Output {
    assert_success(&output);
    output
}

/// Makes sure that a run succeeded and went on from a checkpoint, with the last `epochs` epochs. A run that began anew
/// would end with the same bits.
#[track_caller]
pub fn resumed(output: Output, epochs: usize) -> Output {
    let output = succeed(output);
    let said = stderr(&output);
    assert_says(&said, "resuming after update");
    assert_eq!(logged(&output, "train_loss").len(), epochs, "{said}");
    output
}

/// Makes sure that some weight of the checkpoint `after` is at least `least` away from that of `before`: without an
/// optimiser that does something, any two runs end with the same bits.
#[track_caller]
pub fn assert_moved(before: &Path, after: &Path, least: f64) {
    let tensors = |path: &Path| Checkpoint::open(path).unwrap().model_tensors().unwrap();
    let (before, after) = (tensors(before), tensors(after));
    let moved = after.iter().fold(0.0, |moved, (name, after)| {
        let [after, before] = [after, &before[name]].map(|data| data.as_slice::<f32>().unwrap());
        larger(moved, largest_difference(name, after, before))
    });
    assert!(
        moved >= least,
        "no weight moved by more than {moved:e}, at least {least:e} is expected"
    );
}

/// The run fails with this exit code and an error that holds all `parts`.
#[track_caller]
pub fn refused(output: &Output, code: i32, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}
