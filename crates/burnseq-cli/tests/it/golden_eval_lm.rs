//! fairseq-eval-lm's own options on its own data and model: what `burnseq eval-lm` prints against what it printed.
//! `golden/families/README.md` tells how the runs were made, and which tolerances they have.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use burn::tensor::TensorData;
use burnseq::model::ModelConfig;
use burnseq::model::families::transformer_lm::TransformerLmConfig;
use burnseq::tasks::language_modeling;
use burnseq::text::Dictionary;
use burnseq::train::{TaskInfo, checkpoint};
use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{stdout, tool};

/// The model that fairseq measured, as a checkpoint of ours in `dir`.
fn save_model(dir: &Path, folder: &Path, data: &Path) {
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    // What fairseq keeps beside parameters: tables of positions, the version, and the tied projection.
    let learned = |name: &str| {
        !name.ends_with("version") && !name.contains("embed_positions") && !name.contains("output_projection")
    };
    let tensors: Vec<(String, TensorData)> = file
        .iter()
        .filter(|(name, _)| learned(name))
        .map(|(name, view)| {
            let bytes = view.data().chunks_exact(4);
            let values: Vec<f32> = bytes
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            (name.to_owned(), TensorData::new(values, view.shape()))
        })
        .collect();
    let config = ModelConfig::from(TransformerLmConfig {
        decoder_embed_dim: 32,
        decoder_input_dim: 32,
        decoder_output_dim: 32,
        decoder_ffn_embed_dim: 64,
        decoder_layers: 2,
        decoder_attention_heads: 4,
        decoder_normalize_before: true,
        share_decoder_input_output_embed: true,
        max_target_positions: 64,
        ..TransformerLmConfig::default()
    });
    let dict = fs::read(data.join("dict.txt")).unwrap();
    let dictionary = Dictionary::parse(dict.as_slice(), "dict.txt").unwrap();
    let contents = checkpoint::CheckpointContents {
        model_config: &config,
        dictionaries: &language_modeling::dictionaries(&dictionary),
        task: &TaskInfo::new(language_modeling::NAME, []),
        train_state: Value::Null,
        model: &tensors,
        raw_model: None,
        optimizer: None,
        files: &[("dict.txt".to_owned(), dict)],
    };
    checkpoint::save(dir, &["model"], &contents).unwrap();
}

/// What a run printed.
#[derive(Debug, Default)]
struct Printed {
    /// Words and scores of each block.
    words: BTreeMap<usize, Vec<(String, f64)>>,
    /// The other columns of each word in the statistics.
    stats: BTreeMap<String, Vec<String>>,
    /// Loss and perplexity.
    loss: (f64, f64),
}

impl Printed {
    fn read(text: &str) -> Self {
        let mut printed = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("Loss (base 2): ") {
                let (loss, perplexity) = rest.split_once(", Perplexity: ").unwrap();
                printed.loss = (loss.parse().unwrap(), perplexity.parse().unwrap());
                continue;
            }
            let is_block = line.contains(" [-") || line.ends_with(']');
            if let (true, Some((number, words))) = (is_block, line.split_once(' ')) {
                let word = |word: &str| {
                    let (word, score) = word.rsplit_once(" [").unwrap();
                    (word.to_owned(), score.trim_end_matches(']').parse().unwrap())
                };
                printed
                    .words
                    .insert(number.parse().unwrap(), words.split('\t').map(word).collect());
            } else if let [word, rest @ ..] = &line.split('\t').collect::<Vec<_>>()[..]
                && rest.len() == 5
            {
                let rest = rest.iter().map(|column| (*column).to_owned()).collect();
                printed.stats.insert((*word).to_owned(), rest);
            }
        }
        printed
    }
}

/// Whether two columns of numbers or words are the same, numbers within the tolerance of single precision.
fn same(ours: &str, theirs: &str) -> bool {
    match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(ours), Ok(theirs)) => (ours - theirs).abs() <= 2e-4 * theirs.abs().max(1.0),
        _ => ours == theirs,
    }
}

#[test]
fn every_run_of_fairseq_eval_lm_is_reproduced_from_its_options() {
    let Some(folder) = burnseq_testing::golden("families/fairseq/eval_lm") else {
        return;
    };
    let data = folder.with_file_name("data").join("lm_bin");
    let dir = TempDir::new().unwrap();
    save_model(dir.path(), &folder, &data);
    let summary: Value = serde_json::from_str(&burnseq_testing::read(&folder.join("summary.json"))).unwrap();
    let mut compared = 0;
    for (name, setting) in summary["settings"].as_object().unwrap() {
        let mut expected = String::new();
        let file = fs::File::open(folder.join(format!("{name}.txt.gz"))).unwrap();
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut expected)
            .unwrap();
        let expected = Printed::read(&expected);

        let words = |value: &Value| -> Vec<String> {
            let words = value.as_array().unwrap().iter();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let mut flags = words(&setting["options"]);
        // fairseq's bare --remove-bpe joins nothing, ours does.
        flags.retain(|flag| flag != "--remove-bpe");
        if let Some(at) = flags.iter().position(|flag| flag == "--post-process") {
            flags[at] = format!("--post-process={}", flags.remove(at + 1));
        }
        let output = tool("eval-lm")
            .current_dir(dir.path())
            .arg(&data)
            .args([
                "--path",
                "model",
                "--cpu",
                "--gen-subset",
                "test",
                "--output-word-probs",
            ])
            .args(&flags)
            .output()
            .unwrap();
        let found = Printed::read(&stdout(&output));
        assert!(
            (found.loss.0 - expected.loss.0).abs() <= 1e-4 + 1e-9,
            "{name}: {:?} {:?}",
            found.loss,
            expected.loss
        );
        assert!(
            (found.loss.1 / expected.loss.1 - 1.0).abs() < 2e-4,
            "{name}: {:?} {:?}",
            found.loss,
            expected.loss
        );
        assert_eq!(found.words.len(), expected.words.len(), "{name}");
        for (number, theirs) in &expected.words {
            let ours = &found.words[number];
            // A piece at the end of a block is a word of ours, and counted but not printed by fairseq.
            assert!(
                (theirs.len()..=theirs.len() + 1).contains(&ours.len()),
                "{name} {number}: {ours:?}"
            );
            for ((our_word, ours), (their_word, theirs)) in ours.iter().zip(theirs) {
                assert_eq!(our_word, their_word, "{name} {number}");
                assert!(
                    (ours - theirs).abs() < 3e-4,
                    "{name} {number} {our_word}: {ours} {theirs}"
                );
                compared += 1;
            }
        }
        for (word, theirs) in &expected.stats {
            let ours = &found.stats[word];
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!(same(ours, theirs), "{name} {word}: {ours} {theirs}");
            }
        }
    }
    assert!(compared > 5000, "{compared}");
}
