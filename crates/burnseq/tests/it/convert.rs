//! Conversion of fairseq's checkpoints, with the reference data beside the project.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq::convert::{Dictionaries, ImportOptions, from_fairseq, to_fairseq};
use burnseq::model::{
    Dropout, EncoderDecoder, FamilyConfig, Model, ModelConfig, TransformerConfig, load_state_dict, state_dict,
};
use burnseq::text::Vocab;
use burnseq::train::{Accumulated, Checkpoint, LossOutput, Optimizer, TrainConfig, TrainingRecord};
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

/// `golden/numerics`, or nothing (and a reason) where it is absent.
fn numerics() -> Option<PathBuf> {
    burnseq_testing::shared("golden/numerics")
}

/// The tensors of a safetensors file, `f32` and `i64`.
pub(super) fn tensors(path: &Path) -> HashMap<String, TensorData> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let read = |(name, view): (&str, safetensors::tensor::TensorView)| {
        let (bytes, shape) = (view.data(), view.shape().to_vec());
        let data = if view.dtype() == Dtype::F32 {
            let values = bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            TensorData::new(values.collect::<Vec<_>>(), shape)
        } else {
            let values = bytes
                .chunks_exact(8)
                .map(|b| i64::from_le_bytes(b.try_into().unwrap()));
            TensorData::new(values.collect::<Vec<_>>(), shape)
        };
        (name.to_owned(), data)
    };
    file.iter().map(read).collect()
}

/// The configuration of `golden/numerics/base`.
fn base() -> TransformerConfig {
    TransformerConfig {
        dropout: 0.0,
        share_decoder_input_output_embed: true,
        ..TransformerConfig::sized(64, 128, 4, 2)
    }
}

const VOCAB: Vocab = Vocab::fairseq(504, 400);

/// Converts a file of `golden/numerics/base`.
fn import(numerics: &Path, name: &str, with_optimizer: bool, dir: &TempDir) -> Checkpoint {
    let output = dir.path().join(name);
    let import = ImportOptions {
        with_optimizer,
        ..ImportOptions::default()
    };
    let dictionaries = Dictionaries::Folder(numerics.join("dict_sep"));
    from_fairseq(
        &numerics.join(format!("base/{name}.pt")),
        &dictionaries,
        &import,
        &output,
    )
    .unwrap();
    Checkpoint::open(&output).unwrap()
}

/// One update on a batch of `golden/numerics/base`, as `config` says.
fn update<M: EncoderDecoder>(
    numerics: &Path,
    config: &TrainConfig,
    (model, optimizer): (M, &mut Optimizer),
    done: u64,
    batch: u64,
) -> M {
    let device = Device::flex().autodiff();
    let batch = tensors(&numerics.join(format!("base/batch{batch}.safetensors")));
    let ids = |name: &str| Tensor::<2, Int>::from_data(batch[name].clone(), &device);
    let logits = model.forward(ids("src_tokens"), ids("prev_output_tokens"), &Dropout::off());
    let LossOutput { loss, .. } = config.criterion.loss().unwrap().forward(logits, ids("target"), 1);
    let ntokens = batch["target"]
        .as_slice::<i64>()
        .unwrap()
        .iter()
        .filter(|id| **id != 1)
        .count();
    let mut sum = Accumulated::new();
    sum.add(&model, GradientsParams::from_grads(loss.backward(), &model));
    sum.scale(1.0 / ntokens as f64);
    let schedule = config.lr_scheduler.init(&config.optimization.lr, None).unwrap();
    optimizer.step(model, sum, schedule.lr_at(done, 1))
}

#[test]
fn the_weights_are_those_of_fairseq_bit_for_bit() {
    let Some(numerics) = numerics() else { return };
    let dir = TempDir::new().unwrap();
    for name in ["init", "train_clip0.after5"] {
        let checkpoint = import(&numerics, name, false, &dir);
        let expected = tensors(&numerics.join(format!("base/{name}.safetensors")));
        assert_eq!(checkpoint.model_tensors().unwrap(), expected);
        let meta = checkpoint.meta();
        assert_eq!(meta.model_config, ModelConfig::Transformer(base()));
        assert_eq!(meta.dictionaries.vocab(), VOCAB);
        assert_eq!(
            (meta.task.text("source_lang"), meta.task.text("target_lang")),
            ("de", "en")
        );
        assert!(meta.train_state.is_null() && checkpoint.optimizer_state().unwrap().is_none());
        let dictionary = fs::read(numerics.join("dict_sep/dict.de.txt")).unwrap();
        assert_eq!(checkpoint.file("dict.src.txt").unwrap(), dictionary);
    }
}

#[test]
fn training_continues_where_fairseq_stopped() {
    use burn::module::Module;
    let Some(numerics) = numerics() else { return };
    let dir = TempDir::new().unwrap();
    let checkpoint = import(&numerics, "train_clip0.after5", true, &dir);
    let record: TrainingRecord = serde_json::from_value(checkpoint.meta().train_state.clone()).unwrap();
    assert_eq!((record.state.num_updates, record.state.data.epoch), (5, 1));
    let config = record.config;
    assert_eq!(config.optimization.lr, [5e-4]);

    // Update 6 takes batch 3, at the learning rate of update 6.
    let model = checkpoint.model::<Model>(&Device::flex()).unwrap().train();
    let mut optimizer = config.optimizer.init(&model).unwrap();
    optimizer
        .load_state_dict(&model, checkpoint.optimizer_state().unwrap().unwrap())
        .unwrap();
    let schedule = config.lr_scheduler.init(&config.optimization.lr, None).unwrap();
    assert!((schedule.lr_at(5, 1) - 2.5e-4).abs() < 1e-12);
    let continued = update(&numerics, &config, (model, &mut optimizer), 5, 3);

    // Six updates of ours without a break.
    let weights = tensors(&numerics.join("base/init.safetensors"));
    let mut model = load_state_dict(base().init(&VOCAB, 1, &Device::flex()), &weights)
        .unwrap()
        .train();
    let mut fresh = config.optimizer.init(&model).unwrap();
    for done in 0..6 {
        model = update(&numerics, &config, (model, &mut fresh), done, done % 3 + 1);
    }
    let moments: HashMap<String, TensorData> = fresh.state_dict(&model).tensors.into_iter().collect();
    assert_eq!(optimizer.state_dict(&continued).step, 6);
    // Without update 6, weights would be off by its learning rate, 2.5e-4.
    let (continued, model) = (state_dict(&continued), state_dict(&model));
    assert_eq!(continued.len(), model.len());
    for ((name, found), (_, expected)) in continued.iter().zip(&model) {
        let second = moments[&format!("{name}.exp_avg_sq")].as_slice::<f32>().unwrap();
        let values = found
            .as_slice::<f32>()
            .unwrap()
            .iter()
            .zip(expected.as_slice::<f32>().unwrap());
        for ((found, expected), second) in values.zip(second) {
            // The gradient of `k_proj.bias`, and of what Adam's epsilon outweighs, is rounding noise that Adam scales up.
            let tolerance = match name.ends_with("k_proj.bias") {
                true => 2e-4,
                // A weight without any gradient has no noise either.
                false if *second > 0.0 && second.sqrt() < 1e-8 => 1e-5,
                false => 2e-6,
            };
            let difference = f64::from((found - expected).abs());
            assert!(difference <= tolerance, "{name} is {difference:.1e} off");
        }
    }
}

#[test]
fn a_checkpoint_survives_the_way_to_fairseq_and_back() {
    let Some(numerics) = numerics() else { return };
    let dir = TempDir::new().unwrap();
    let first = import(&numerics, "train_clip0.after5", true, &dir);
    let middle = dir.path().join("x.pt");
    let exported = to_fairseq(first.path(), &middle).unwrap();
    assert_eq!((exported.num_updates, exported.parameters), (Some(5), 225_280));
    let import = ImportOptions {
        with_optimizer: true,
        ..ImportOptions::default()
    };
    let dictionaries = Dictionaries::Files {
        src: numerics.join("dict_sep/dict.de.txt"),
        tgt: numerics.join("dict_sep/dict.en.txt"),
    };
    from_fairseq(&middle, &dictionaries, &import, &dir.path().join("second")).unwrap();
    let second = Checkpoint::open(&dir.path().join("second")).unwrap();
    for name in [
        "model.safetensors",
        "optimizer.safetensors",
        "dict.src.txt",
        "dict.tgt.txt",
    ] {
        assert!(first.file(name).unwrap() == second.file(name).unwrap(), "{name}");
    }
    assert_eq!(first.meta().model_config, second.meta().model_config);
    assert_eq!(first.meta().dictionaries, second.meta().dictionaries);
    assert_eq!(first.meta().task, second.meta().task);
    let (first, second): (TrainingRecord, TrainingRecord) = (
        serde_json::from_value(first.meta().train_state.clone()).unwrap(),
        serde_json::from_value(second.meta().train_state.clone()).unwrap(),
    );
    assert_eq!(first.config, second.config);
    assert_eq!(first.state, second.state);
}

#[test]
fn dictionaries_that_do_not_fit_are_refused_with_both_sizes() {
    let Some(numerics) = numerics() else { return };
    let dir = TempDir::new().unwrap();
    let input = numerics.join("base/init.pt");
    let output = dir.path().join("out");
    let de = numerics.join("dict_sep/dict.de.txt");
    let joined = numerics.join("dict_joined");
    for (dictionaries, expected) in [
        (
            Dictionaries::Folder(joined.clone()),
            [
                "dict.de.txt: has 600 types",
                "the encoder of",
                "embeddings of 504",
            ],
        ),
        (
            Dictionaries::Files {
                src: de.clone(),
                tgt: joined.join("dict.en.txt"),
            },
            [
                "dict.en.txt: has 600 types",
                "the decoder of",
                "embeddings of 400",
            ],
        ),
    ] {
        let error = from_fairseq(&input, &dictionaries, &ImportOptions::default(), &output).unwrap_err();
        for part in expected {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(!output.exists());
    }
}

#[test]
fn an_optimiser_that_was_not_saved_is_missed_by_name() {
    let Some(numerics) = numerics() else { return };
    let dir = TempDir::new().unwrap();
    let import = ImportOptions {
        with_optimizer: true,
        ..ImportOptions::default()
    };
    let dictionaries = Dictionaries::Folder(numerics.join("dict_sep"));
    // fairseq saves the optimiser of a run that has not begun, without moments.
    let error = from_fairseq(
        &numerics.join("base/init.pt"),
        &dictionaries,
        &import,
        &dir.path().join("x"),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("last_optimizer_state: has no state of"),
        "{error}"
    );
}
