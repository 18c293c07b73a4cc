//! Decoders and encoder-decoders of the real transformers, as `golden/families/hf` records them: what the model computes,
//! its losses and gradients, and what it generates. Every item is read as it is found; the tolerances are those of
//! `golden/families/README.md`.
#![expect(clippy::print_stderr, reason = "a test says how close the numbers are")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burnseq::GenerateOptions;
use burnseq::convert::{Generation, HuggingFaceModel};
use burnseq::generate::{Continue, ContinueOptions, Generate, Prompt};
use burnseq::kernels::ops;
use burnseq::model::{DecoderOnly, Dropout, EncoderDecoder, LanguageModel, Model, OfConfig, state_dict};
use burnseq::search::{Generator, Hypothesis, Source};
use burnseq::train::optim::AdamWConfig;
use burnseq::train::{Accumulated, OptimizerConfig};
use burnseq_testing::largest_difference;
use serde_json::{Map, Value};

use super::convert::tensors;

/// One recorded model.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) values: Value,
    pub(super) model: HuggingFaceModel,
}

/// Every recorded model that plays the role `M`, or nothing (said once per test) where they are absent.
pub(super) fn items<M: OfConfig>() -> Vec<Item> {
    let Some(root) = burnseq_testing::golden("families/hf") else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").exists())
        .collect();
    folders.sort();
    let items: Vec<Item> = folders.into_iter().filter_map(item::<M>).collect();
    assert!(!items.is_empty(), "{} holds no such model", root.display());
    items
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&burnseq_testing::read(path)).unwrap()
}

fn item<M: OfConfig>(folder: PathBuf) -> Option<Item> {
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let fields = json(&folder.join("config.json")).as_object().unwrap().clone();
    let read = burnseq::model::ModelConfig::from_hugging_face(&fields).ok()?;
    M::check(&read.config).ok()?;
    let weights = tensors(&folder.join("model.safetensors"));
    let model = HuggingFaceModel::new(&fields, weights, None, false)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(model.unused, [""; 0], "{name}");
    Some(Item {
        values: json(&folder.join("values.json")),
        name,
        folder,
        model,
    })
}

/// Whole numbers of a tensor, row by row.
struct Ids {
    values: Vec<i64>,
    width: usize,
}

impl Ids {
    fn of(tensor: &TensorData) -> Self {
        Self {
            values: tensor.iter::<i64>().collect(),
            width: tensor.shape().to_vec()[1],
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[i64]> {
        self.values.chunks_exact(self.width)
    }

    fn tensor(&self, device: &Device) -> Tensor<2, Int> {
        let shape = [self.values.len() / self.width, self.width];
        Tensor::from_data(TensorData::new(self.values.clone(), shape), device)
    }

    /// The same with `other` where `keep` is false.
    fn masked(&self, keep: &[bool], other: i64) -> Self {
        let values = self
            .values
            .iter()
            .zip(keep)
            .map(|(&id, &keep)| if keep { id } else { other });
        Self {
            values: values.collect(),
            width: self.width,
        }
    }
}

/// Inputs and targets of a batch.
struct Batch {
    /// With our padding.
    input_ids: Ids,
    /// Where tokens are.
    mask: Vec<bool>,
    /// With our padding in place of -100.
    labels: Ids,
    ntokens: usize,
}

impl Item {
    pub(super) fn load<M: OfConfig>(&self, device: &Device) -> M {
        M::load(
            &self.model.config,
            &self.model.vocab,
            &self.model.parameters,
            device,
        )
        .unwrap()
    }

    pub(super) fn tensors(&self, file: &str) -> HashMap<String, TensorData> {
        tensors(&self.folder.join(file))
    }

    /// Its `config.json`.
    pub(super) fn fields(&self) -> Map<String, Value> {
        json(&self.folder.join("config.json"))
            .as_object()
            .unwrap()
            .clone()
    }

    /// Layers of an encoder.
    pub(super) fn layers(&self) -> usize {
        self.model.config.fields()["encoder_layers"].as_u64().unwrap() as usize
    }

    fn batch(&self, number: usize) -> Batch {
        let tensors = self.tensors(&format!("batch{number}.safetensors"));
        let pad = self.model.vocab.pad() as i64;
        let mask: Vec<bool> = tensors["attention_mask"]
            .iter::<i64>()
            .map(|is_token| is_token == 1)
            .collect();
        let labels = Ids::of(&tensors["labels"]);
        let counted: Vec<bool> = labels.values.iter().map(|&id| id != -100).collect();
        Batch {
            input_ids: Ids::of(&tensors["input_ids"]).masked(&mask, pad),
            ntokens: counted.iter().filter(|counted| **counted).count(),
            labels: labels.masked(&counted, pad),
            mask,
        }
    }

    fn batches(&self) -> usize {
        self.values["losses"].as_array().unwrap().len()
    }

    /// What the decoder reads of the labels: mBART's begin with their last token, others with what the decoder starts from.
    fn prev_output_tokens(&self, labels: &Ids) -> Ids {
        let pad = self.model.vocab.pad() as i64;
        let start = self.model.vocab.decoder_start() as i64;
        let wraps = self.values["class"].as_str().unwrap().starts_with("MBart");
        let mut values = Vec::new();
        for row in labels.rows() {
            let last = row.iter().rev().find(|id| **id != pad).copied().unwrap();
            values.push(if wraps { last } else { start });
            values.extend_from_slice(&row[..row.len() - 1]);
        }
        Ids {
            values,
            width: labels.width,
        }
    }

    /// The mean loss, and the gradients of it.
    fn gradients<M: Recorded>(&self, model: &M, batch: &Batch) -> (f64, Accumulated) {
        let (logits, target, counted) = model.logits_and_target(self, batch);
        let [rows, len, types] = logits.dims();
        let pad = self.model.vocab.pad();
        let (loss, _) = ops::label_smoothed_nll(
            logits.reshape([rows * len, types]),
            target.reshape([rows * len]),
            pad,
            0.0,
        );
        let total = f64::from(loss.clone().into_scalar::<f32>()) / counted as f64;
        let mut sum = Accumulated::new();
        sum.add(model, GradientsParams::from_grads(loss.backward(), model));
        sum.scale(1.0 / counted as f64);
        (total, sum)
    }
}

/// A role whose recorded training can be repeated.
trait Recorded: OfConfig {
    /// Logits, what they are compared with (padding where nothing is), and how many of them count.
    fn logits_and_target(&self, item: &Item, batch: &Batch) -> (Tensor<3>, Tensor<2, Int>, usize);
}

impl Recorded for LanguageModel {
    /// The labels are those of the inputs themselves.
    fn logits_and_target(&self, _: &Item, batch: &Batch) -> (Tensor<3>, Tensor<2, Int>, usize) {
        let device = Device::flex().autodiff();
        let logits = self.forward(batch.input_ids.tensor(&device), &Dropout::off());
        let [rows, len, types] = logits.dims();
        let first_labels = batch
            .labels
            .rows()
            .filter(|row| row[0] != batch.labels_pad(self))
            .count();
        let target = batch.labels.tensor(&device).slice([0..rows, 1..len]);
        let counted = batch.ntokens - first_labels;
        (logits.slice([0..rows, 0..len - 1, 0..types]), target, counted)
    }
}

impl Batch {
    fn labels_pad(&self, model: &LanguageModel) -> i64 {
        model.vocab().pad() as i64
    }
}

impl Recorded for Model {
    fn logits_and_target(&self, item: &Item, batch: &Batch) -> (Tensor<3>, Tensor<2, Int>, usize) {
        let device = Device::flex().autodiff();
        let prev = item.prev_output_tokens(&batch.labels);
        let src = batch.input_ids.tensor(&device);
        let logits = self.forward(src, prev.tensor(&device), &Dropout::off());
        (logits, batch.labels.tensor(&device), batch.ntokens)
    }
}

/// Largest difference of the vectors at tokens.
fn difference(what: &str, ours: Tensor<3>, theirs: &TensorData, at: &[bool]) -> f64 {
    let width = ours.dims()[2];
    let ours = ours.into_data_dtype(DType::F32);
    assert_eq!(ours.shape(), theirs.shape(), "{what}");
    let at_tokens = |data: &TensorData| -> Vec<f32> {
        let values: Vec<f32> = data.iter::<f32>().collect();
        let rows = values.chunks_exact(width).zip(at).filter(|(_, at)| **at);
        rows.flat_map(|(row, _)| row.to_vec()).collect()
    };
    largest_difference(what, &at_tokens(&ours), &at_tokens(theirs))
}

#[test]
fn language_models_compute_what_transformers_computes() {
    for item in items::<LanguageModel>() {
        let model: LanguageModel = item.load(&Device::flex());
        let (batch, forward) = (item.batch(1), item.tensors("forward.safetensors"));
        let LanguageModel::TransformerLm(transformer) = &model else {
            panic!("{}: a family without states", item.name);
        };
        let tokens = batch.input_ids.tensor(&Device::flex());
        let (logits, states) = transformer.forward_with_states(tokens);
        let mut worst = difference(&item.name, logits, &forward["logits"], &batch.mask);
        let last = states.len() - 1;
        for (layer, state) in states.into_iter().enumerate() {
            // The last one of a pre-norm stack is recorded behind its norm.
            if layer == last && transformer.decoder.layer_norm.is_some() {
                continue;
            }
            let key = format!("hidden_states.{layer}");
            let off = difference(
                &format!("{}: {key}", item.name),
                state,
                &forward[&key],
                &batch.mask,
            );
            worst = worst.max(off);
        }
        assert!(worst < 1e-5, "{}: {worst:.1e} off", item.name);
        eprintln!("{}: at most {worst:.1e} off", item.name);
    }
}

#[test]
fn encoder_decoders_compute_what_transformers_computes() {
    for item in items::<Model>() {
        let device = Device::flex();
        let model: Model = item.load(&device);
        let (batch, forward) = (item.batch(1), item.tensors("forward.safetensors"));
        let Model::Transformer(transformer) = &model else {
            panic!("{}: a family without states", item.name);
        };
        let pad = item.model.vocab.pad() as i64;
        let prev = item.prev_output_tokens(&batch.labels);
        let targets: Vec<bool> = batch.labels.values.iter().map(|&id| id != pad).collect();
        let (src, tgt) = (batch.input_ids.tensor(&device), prev.tensor(&device));
        let (logits, states) = transformer.forward_with_states(src, tgt);
        let mut worst = difference(&item.name, logits, &forward["logits"], &targets);
        let pre_norm = transformer.encoder.layer_norm.is_some();
        for (side, states, at) in [
            ("encoder", states.encoder, &batch.mask),
            ("decoder", states.decoder, &targets),
        ] {
            let last = states.len() - 1;
            for (layer, state) in states.into_iter().enumerate() {
                if layer == last && pre_norm {
                    continue;
                }
                let key = format!("{side}_hidden_states.{layer}");
                worst = worst.max(difference(
                    &format!("{}: {key}", item.name),
                    state,
                    &forward[&key],
                    at,
                ));
            }
        }
        assert!(worst < 1e-5, "{}: {worst:.1e} off", item.name);
        eprintln!("{}: at most {worst:.1e} off", item.name);
    }
}

pub(super) fn norm(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// Losses and norms of all batches, and every gradient of the first one.
fn compare_training<M: Recorded>() {
    for item in items::<M>() {
        let name = &item.name;
        let model: M = item.load(&Device::flex().autodiff());
        for number in 1..=item.batches() {
            let expected = &item.values["losses"][number - 1];
            let (loss, sum) = item.gradients(&model, &item.batch(number));
            for (what, found, expected, tolerance) in [
                ("loss", loss, &expected["loss"], 1e-5),
                (
                    "norm",
                    f64::from(sum.norm(&model)),
                    &expected["grad_norm_total"],
                    1e-4,
                ),
            ] {
                let expected = expected.as_f64().unwrap();
                let off = (found / expected - 1.0).abs();
                assert!(
                    off <= tolerance,
                    "{name} batch {number}: {what} {found} instead of {expected}"
                );
            }
        }
        let file = item.folder.join("grad1.safetensors");
        if !file.exists() {
            continue;
        }
        let (_, sum) = item.gradients(&model, &item.batch(1));
        let mut gradients: HashMap<String, TensorData> = sum.state_dict(&model).into_iter().collect();
        // A buffer has no gradient.
        let types = item.model.vocab.tgt;
        gradients
            .entry("decoder.final_logits_bias".to_owned())
            .or_insert_with(|| TensorData::zeros::<f32, _>([types]));
        let expected = tensors(&file);
        let mut compared = 0;
        for (parameter, gradient) in item.model.stored(&gradients) {
            let Some(expected) = expected.get(&parameter) else {
                assert_eq!(parameter, "final_logits_bias", "{name}");
                continue;
            };
            let what = format!("{name}: gradient of {parameter}");
            let values = |data: &TensorData| -> Vec<f32> { data.iter::<f32>().collect() };
            let expected = values(expected);
            let off = largest_difference(&what, &values(&gradient), &expected);
            let tolerance = f64::max(1e-6, 1e-4 * norm(&expected));
            assert!(
                off <= tolerance,
                "{what} is {off:.1e} off, {tolerance:.1e} allowed"
            );
            compared += 1;
        }
        assert_eq!(compared, expected.len(), "{name}");
    }
}

#[test]
fn language_models_learn_from_the_same_gradients() {
    compare_training::<LanguageModel>();
}

#[test]
fn encoder_decoders_learn_from_the_same_gradients() {
    compare_training::<Model>();
}

/// Trains as recorded; compares all tensors, or what is recorded of them, after some updates.
fn compare_updates<M: Recorded>() {
    for item in items::<M>() {
        let name = &item.name;
        let train = &item.values["train"];
        let number = |key: &str| train[key].as_f64().unwrap();
        assert_eq!(train["optimizer"], "torch.optim.AdamW", "{name}");
        let betas = (
            train["betas"][0].as_f64().unwrap(),
            train["betas"][1].as_f64().unwrap(),
        );
        let (lr, clip_norm) = (number("lr"), number("max_grad_norm"));
        let config = OptimizerConfig::AdamW(AdamWConfig {
            betas,
            eps: number("eps"),
            weight_decay: number("weight_decay"),
        });
        let mut model: M = item.load(&Device::flex().autodiff());
        let before = item.tensors("model.safetensors");
        let mut optimizer = config.init(&model).unwrap();
        let stats = item.values["after_stats"].as_object().unwrap();
        let last = stats
            .keys()
            .map(|update| update.parse::<usize>().unwrap())
            .max()
            .unwrap();
        for update in 1..=last {
            let batch = item.batch((update - 1) % item.batches() + 1);
            let (_, mut sum) = item.gradients(&model, &batch);
            let norm = f64::from(sum.norm(&model));
            sum.scale((clip_norm / (norm + 1e-6)).min(1.0));
            model = optimizer.step(model, sum, lr);
            let Some(stats) = stats.get(&update.to_string()) else {
                continue;
            };
            let parameters: HashMap<String, TensorData> = state_dict(&model).into_iter().collect();
            for (parameter, weight) in item.model.stored(&parameters) {
                if parameter != "final_logits_bias" {
                    let what = format!("{name} update {update}: {parameter}");
                    let old: Vec<f32> = before[&parameter].iter().collect();
                    let moved_by = lr * update as f64;
                    compare_weight(
                        &item,
                        &what,
                        &parameter,
                        &weight,
                        &old,
                        &stats[&parameter],
                        moved_by,
                    );
                }
            }
        }
    }
}

/// Sum, norm, norm of the change and first values of a tensor after training.
fn compare_weight(
    item: &Item,
    what: &str,
    parameter: &str,
    weight: &TensorData,
    old: &[f32],
    stats: &Value,
    moved_by: f64,
) {
    let weight: Vec<f32> = weight.iter().collect();
    let noisy = &item.values["train_f32_vs_f64_after5"]["tensors_above_2e-6"][parameter];
    // What rounding noise moves, where the true gradient is zero, is no property of the arithmetic.
    let is_noise = parameter.ends_with("k_proj.bias") || parameter.ends_with("c_attn.bias");
    let tolerance = match noisy.as_f64() {
        _ if is_noise => 5.0 * moved_by,
        Some(noise) => (4.0 * noise).max(5e-6),
        None => 5e-6,
    };
    let change: Vec<f32> = weight.iter().zip(old).map(|(new, old)| new - old).collect();
    let count = (weight.len() as f64).sqrt();
    let close = |found: f64, expected: &Value, absolute: f64, part: &str| {
        let expected = expected.as_f64().unwrap();
        let off = (found - expected).abs();
        let allowed = 1e-5 * expected.abs() + absolute;
        assert!(
            off <= allowed,
            "{what}: {part} {found} instead of {expected}, {off:.1e} off"
        );
    };
    let sum: f64 = weight.iter().map(|x| f64::from(*x)).sum();
    close(sum, &stats[0], tolerance * count, "sum");
    close(norm(&weight), &stats[1], tolerance, "norm");
    close(norm(&change), &stats[2], tolerance * count.min(4.0), "change");
    for (found, expected) in weight.iter().zip(stats[3].as_array().unwrap()) {
        close(f64::from(*found), expected, tolerance, "value");
    }
}

#[test]
fn language_models_take_the_same_updates() {
    compare_updates::<LanguageModel>();
}

#[test]
fn encoder_decoders_take_the_same_updates() {
    compare_updates::<Model>();
}

#[test]
fn parameters_go_back_as_they_came() {
    fn check<M: OfConfig>() {
        for item in items::<M>() {
            let model: M = item.load(&Device::flex());
            let parameters: HashMap<String, TensorData> = state_dict(&model).into_iter().collect();
            let written: HashMap<String, TensorData> = item.model.stored(&parameters).into_iter().collect();
            assert_eq!(written, item.tensors("model.safetensors"), "{}", item.name);
        }
    }
    check::<LanguageModel>();
    check::<Model>();
}

/// One call of transformers' `generate`.
struct Call<'a> {
    what: String,
    /// The settings of the model, and of the call over them.
    settings: Map<String, Value>,
    expected: &'a Value,
}

impl Item {
    fn calls(&self) -> Vec<Call<'_>> {
        let calls = self.values["generate"].as_object().into_iter().flatten();
        calls
            .map(|(name, expected)| {
                let mut settings = json(&self.folder.join("generation_config.json"))
                    .as_object()
                    .unwrap()
                    .clone();
                settings.extend(expected["kwargs"].as_object().unwrap().clone());
                Call {
                    what: format!("{} {name}", self.name),
                    settings,
                    expected,
                }
            })
            .collect()
    }
}

impl Call<'_> {
    fn generation(&self, item: &Item, is_language_model: bool) -> GenerateOptions {
        let vocab = &item.model.vocab;
        let generation = Generation::read(&self.settings, is_language_model, vocab).unwrap();
        assert_eq!(generation.notes, [""; 0], "{}", self.what);
        generation.options
    }

    /// Compares hypotheses with `num_return_sequences` rows for each input, of which `before` tokens are not generated.
    fn compare(&self, item: &Item, found: &[Vec<Hypothesis>], before: usize) {
        let sequences: Vec<Vec<u32>> = serde_json::from_value(self.expected["sequences"].clone()).unwrap();
        let scores: Vec<f64> = match &self.expected["sequences_scores"] {
            Value::Null => Vec::new(),
            scores => serde_json::from_value(scores.clone()).unwrap(),
        };
        let found: Vec<&Hypothesis> = found.iter().flatten().collect();
        assert_eq!(found.len(), sequences.len(), "{}", self.what);
        let eos = item.model.vocab.eos() as u32;
        for (number, (found, expected)) in found.iter().zip(&sequences).enumerate() {
            let expected = &expected[before..];
            let ends = expected
                .iter()
                .position(|&id| id == eos)
                .map_or(expected.len(), |end| end + 1);
            assert_eq!(found.tokens, expected[..ends], "{} {number}", self.what);
            if let Some(score) = scores.get(number) {
                let off = (f64::from(found.score) - score).abs();
                assert!(
                    off < 1e-5,
                    "{} {number}: score {} instead of {score}",
                    self.what,
                    found.score
                );
            }
        }
    }
}

#[test]
fn encoder_decoders_generate_what_transformers_generates() {
    let mut compared = 0;
    for item in items::<Model>() {
        let device = Device::flex();
        let model: Model = item.load(&device);
        let inputs = &item.values["generate_inputs"];
        let rows = |name: &str| -> Vec<Vec<u32>> { serde_json::from_value(inputs[name].clone()).unwrap() };
        let sources: Vec<Source> = rows("input_ids")
            .into_iter()
            .zip(rows("attention_mask"))
            .zip(0..)
            .map(|((ids, mask), id)| {
                let tokens = ids.into_iter().zip(mask).filter(|(_, mask)| *mask == 1);
                Source::new(id, tokens.map(|(token, _)| token).collect())
            })
            .collect();
        for call in item.calls() {
            let generator = Generator::new(call.generation(&item, false)).unwrap();
            let models = std::slice::from_ref(&model);
            let together = generator.generate(models, &sources, &device).unwrap();
            call.compare(&item, &together, 1);
            let alone: Vec<Vec<Hypothesis>> = sources
                .iter()
                .flat_map(|source| {
                    generator
                        .generate(models, std::slice::from_ref(source), &device)
                        .unwrap()
                })
                .collect();
            assert_eq!(alone, together, "{}", call.what);
            compared += 1;
        }
    }
    eprintln!("{compared} calls");
}

#[test]
fn language_models_generate_what_transformers_generates() {
    for item in items::<LanguageModel>() {
        let device = Device::flex();
        let model: LanguageModel = item.load(&device);
        let inputs = &item.values["generate_inputs"];
        for mut call in item.calls() {
            let padded = call.what.ends_with("left_padded");
            let kind = if padded { "left_padded" } else { "plain" };
            let ids: Vec<Vec<u32>> = serde_json::from_value(inputs[kind].clone()).unwrap();
            let width = ids[0].len();
            let masks: Vec<Vec<u32>> = match padded {
                true => serde_json::from_value(inputs["left_padded_mask"].clone()).unwrap(),
                false => vec![vec![1; width]; ids.len()],
            };
            let prompts: Vec<Prompt> = ids
                .into_iter()
                .zip(masks)
                .zip(0..)
                .map(|((ids, mask), id)| {
                    let tokens = ids.into_iter().zip(mask).filter(|(_, mask)| *mask == 1);
                    Prompt {
                        tokens: tokens.map(|(token, _)| token).collect(),
                        id,
                    }
                })
                .collect();
            if let Some(length) = call.settings.remove("max_length") {
                let new = length.as_u64().unwrap() as usize - width;
                call.settings.insert("max_new_tokens".to_owned(), new.into());
            }
            let generator = Generator::new(call.generation(&item, true)).unwrap();
            let options = ContinueOptions::default();
            let models = std::slice::from_ref(&model);
            let together = generator
                .continue_texts(models, &prompts, options, &device)
                .unwrap();
            call.compare(&item, &together, width);
            for (prompt, together) in prompts.iter().zip(&together) {
                let prompt = std::slice::from_ref(prompt);
                let alone = generator
                    .continue_texts(models, prompt, options, &device)
                    .unwrap();
                assert_eq!(&alone[0], together, "{}", call.what);
            }
        }
    }
}
