//! A checkpoint of ours, one file of which has any content: an error, or weights that make the model.
//!
//! The first byte chooses the file. Sizes and checksums in `checkpoint.json` are made to fit, so that what reads the
//! files behind them is reached.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use burnseq::burn::tensor::Device;
use burnseq::model::{FamilyConfig, ModelConfig, TransformerConfig, state_dict};
use burnseq::text::Vocab;
use burnseq::train::checkpoint::{Checkpoint, CheckpointContents, Dictionaries, save};
use burnseq::train::{OptimizerConfig, TaskInfo};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const META: &str = "checkpoint.json";
const FILES: [&str; 5] = [
    META,
    "model.safetensors",
    "optimizer.safetensors",
    "raw.safetensors",
    "dict.src.txt",
];

thread_local! {
    static SOUND: Sound = Sound::new();
}

fuzz_target!(|input: &[u8]| {
    let [choice, content @ ..] = input else { return };
    SOUND.with(|sound| {
        let name = FILES[usize::from(*choice) % FILES.len()];
        let meta = if name == META {
            sound.with_checksums(content)
        } else {
            fs::write(sound.path.join(name), content).expect("the file is written");
            sound.with_checksums(&sound.meta)
        };
        fs::write(sound.path.join(META), meta).expect("the file is written");
        read(&sound.path);
        if let Some((_, content)) = sound.files.iter().find(|(file, _)| file == name) {
            fs::write(sound.path.join(name), content).expect("the file is written");
        }
    });
});

/// Reads what translating and training read.
fn read(path: &Path) {
    let Ok(checkpoint) = Checkpoint::open(path) else {
        return;
    };
    let _ = checkpoint.raw_model_tensors();
    if let Ok(Some(state)) = checkpoint.optimizer_state() {
        for (name, data) in state.tensors {
            let values = data.as_slice::<f32>().expect("read as f32");
            assert_eq!(values.len(), data.shape().iter().product::<usize>(), "{name}");
        }
    }
    if let Ok(model) = checkpoint.model(&Device::flex()) {
        assert_eq!(
            state_dict(&model).len(),
            checkpoint.model_tensors().expect("read before").len()
        );
    }
}

/// A checkpoint in a folder, and the content of its files.
struct Sound {
    _dir: tempfile::TempDir,
    path: PathBuf,
    meta: Vec<u8>,
    files: Vec<(String, Vec<u8>)>,
}

impl Sound {
    fn new() -> Self {
        let config = TransformerConfig {
            max_source_positions: 9,
            max_target_positions: 9,
            share_decoder_input_output_embed: true,
            ..TransformerConfig::sized(4, 2, 2, 1)
        };
        let vocab = Vocab::fairseq(5, 6);
        let model = config.init(&vocab, 1, &Device::flex());
        let weights = state_dict(&model);
        let optimizer = OptimizerConfig::default()
            .init(&model)
            .expect("the default is sound");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let contents = CheckpointContents {
            model_config: &ModelConfig::Transformer(config),
            dictionaries: &Dictionaries::source_and_target(&vocab),
            task: &TaskInfo::new("translation", [("source_lang", "de"), ("target_lang", "en")]),
            train_state: json!({"num_updates": 3}),
            model: &weights,
            raw_model: Some(&weights),
            optimizer: Some(&optimizer.state_dict(&model)),
            files: &[("dict.src.txt".to_owned(), b"Hund 3\n".to_vec())],
        };
        save(dir.path(), &["checkpoint_best"], &contents).expect("the checkpoint is written");
        let path = dir.path().join("checkpoint_best");
        let read = |name: &str| fs::read(path.join(name)).expect("it was written");
        Self {
            meta: read(META),
            files: FILES[1..]
                .iter()
                .map(|name| ((*name).to_owned(), read(name)))
                .collect(),
            path,
            _dir: dir,
        }
    }

    /// `checkpoint.json`, where it is one, with the sizes and checksums of the files in the folder.
    fn with_checksums(&self, meta: &[u8]) -> Vec<u8> {
        let Ok(mut value) = serde_json::from_slice::<Value>(meta) else {
            return meta.to_vec();
        };
        for (name, info) in value
            .get_mut("files")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flatten()
        {
            if !FILES.contains(&name.as_str()) {
                continue;
            }
            if let (Some(info), Ok(content)) = (info.as_object_mut(), fs::read(self.path.join(name))) {
                let sum = Sha256::digest(&content);
                let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
                info.insert("bytes".to_owned(), content.len().into());
                info.insert("sha256".to_owned(), sum.into());
            }
        }
        serde_json::to_vec(&value).expect("it was read")
    }
}
