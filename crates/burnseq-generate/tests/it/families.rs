//! The hypotheses that fairseq found with briefly trained LightConv and DynamicConv models.
//!
//! Models, options and runs are read as they are found in `summary.json`.

use std::{collections::HashMap, fs, path::Path};

use burn::tensor::{Device, TensorData};
use burnseq_data::{DatasetDir, PairOptions};
use burnseq_generate::Generate;
use burnseq_model::{
    FamilyConfig, Stepwise,
    families::lightconv::{LightConvConfig, LightConvModel},
};
use burnseq_search::{GenerateOptions, Generator, Source};
use burnseq_testing::larger;
use burnseq_text::UnkStyle;
use burnseq_text::Vocab;
use serde_json::Value;

use super::golden::{Stored, stored};

/// The tensors of a safetensors file, all `f32`.
pub(super) fn tensors(path: &Path) -> HashMap<String, TensorData> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            assert_eq!(view.dtype(), safetensors::Dtype::F32, "{name}");
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
                .collect();
            (name.to_owned(), TensorData::new(values, view.shape().to_vec()))
        })
        .collect()
}

/// Values of flags by their names; a flag without a value is true.
fn flags(options: &Value) -> HashMap<String, Value> {
    let words: Vec<&str> = options
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    let mut flags = HashMap::new();
    for (place, word) in words.iter().enumerate() {
        let Some(name) = word.strip_prefix("--") else {
            continue;
        };
        let value = match words.get(place + 1).filter(|value| !value.starts_with("--")) {
            None => Value::Bool(true),
            Some(&"True") => Value::Bool(true),
            Some(&"False") => Value::Bool(false),
            Some(value) => serde_json::from_str(value).unwrap_or_else(|_| Value::from(*value)),
        };
        flags.insert(name.replace('-', "_"), value);
    }
    flags
}

/// The model that fairseq trained with these options.
fn model(folder: &Path, name: &str, options: &Value, vocab: &Vocab) -> LightConvModel {
    let flags = flags(options);
    let (_, preset) = LightConvConfig::ARCHS
        .iter()
        .find(|(arch, _)| flags["arch"] == *arch)
        .unwrap();
    let mut config = serde_json::to_value(preset()).unwrap();
    for (field, value) in config.as_object_mut().unwrap() {
        if let Some(flag) = flags.get(field) {
            *value = flag.clone();
        }
    }
    let config: LightConvConfig = serde_json::from_value(config).unwrap();
    config.validate(vocab).unwrap();
    let weights = tensors(&folder.join(format!("{name}.safetensors")));
    config.load(vocab, &weights, &Device::flex()).unwrap()
}

fn generate_options(options: &Value) -> GenerateOptions {
    let flags = flags(options);
    let mut result = GenerateOptions::default();
    for (flag, value) in &flags {
        match flag.as_str() {
            "beam" => result.beam = value.as_u64().unwrap() as usize,
            "nbest" => result.nbest = value.as_u64().unwrap() as usize,
            "lenpen" => result.lenpen = value.as_f64().unwrap(),
            "max_len_a" => result.max_len_a = value.as_f64().unwrap(),
            "max_len_b" => result.max_len_b = value.as_u64().unwrap() as usize,
            // Which sentences are decoded together changes nothing.
            "batch_size" | "required_batch_size_multiple" => {}
            other => panic!("option {other}"),
        }
    }
    result
}

#[test]
fn hypotheses_of_lightconv_and_dynamicconv_equal_fairseq() {
    let Some(folder) = burnseq_testing::golden("families/fairseq/conv_generate") else {
        return;
    };
    let data = folder.join("../data/mt_bin");
    let data = DatasetDir::open(data, Some("de"), Some("en")).unwrap();
    let test = data.load("test", false, PairOptions::default()).unwrap();
    let vocab = Vocab::fairseq(data.src_dict().len(), data.tgt_dict().len());
    let text = burnseq_testing::read(&folder.join("summary.json"));
    let summary: Value = serde_json::from_str(&text).unwrap();
    let summary = summary.as_object().unwrap();
    let mut runs = 0;
    for (name, trained) in summary {
        let Some(options) = trained.get("train_options") else {
            continue;
        };
        let models = [model(&folder, name, options, &vocab).laid_out_for_decoding()];
        for (run, settings) in summary
            .iter()
            .filter(|(run, _)| run.starts_with(&format!("{name}.")))
        {
            let Stored { hypotheses, .. } = stored(&folder.join(format!("{run}.txt.gz")));
            let generator = Generator::new(generate_options(&settings["options"])).unwrap();
            let mut ids: Vec<usize> = hypotheses.keys().copied().collect();
            ids.sort_unstable();
            let sources: Vec<Source> = ids
                .iter()
                .map(|&id| Source::new(id as u64, test.example(id).source))
                .collect();
            let found = generator.generate(&models, &sources, &Device::flex()).unwrap();
            let (mut lines, mut equal, mut worst) = (0, 0, 0.0_f64);
            for (id, found) in ids.iter().zip(&found) {
                let expected = &hypotheses[id];
                assert_eq!(found.len(), expected.len(), "{run}: sentence {id}");
                for (found, expected) in found.iter().zip(expected) {
                    lines += 1;
                    let off = (f64::from(found.score_base2()) - expected.score).abs();
                    assert!(off <= 1e-4, "{run}: the score of sentence {id} is {off:.1e} off");
                    worst = larger(worst, off);
                    let words = data.tgt_dict().decode_with(&found.tokens, UnkStyle::Plain);
                    equal += usize::from(words == expected.words);
                }
            }
            eprintln!("{run}: {equal} of {lines} hypotheses equal, scores at most {worst:.1e} off");
            // Others only where scores tie.
            assert!(
                equal as f64 >= 0.98 * lines as f64,
                "{run}: {equal} of {lines} equal"
            );
            runs += 1;
        }
    }
    assert!(runs > 0, "no run in {}", folder.display());
}
