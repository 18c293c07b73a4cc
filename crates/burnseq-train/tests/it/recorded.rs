//! Models of the real fairseq as they are recorded in `golden/families/fairseq`: settings, weights, batches, losses,
//! gradients, weights after some updates. Every item is read as it is found; the tolerances are those of
//! `golden/families/README.md`.

use std::{collections::HashMap, fs, path::PathBuf};

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{DType, Device, Int, Tensor, TensorData},
};
use burnseq_model::{
    families::{Extra, ExtraValue},
    named_parameters, state_dict,
};
use burnseq_testing::largest_difference;
use burnseq_text::Vocab;
use burnseq_train::{
    Accumulated, CriterionConfig, OptimizerConfig,
    losses::{LabelSmoothedCrossEntropyConfig, LossOutput},
    optim::AdamConfig,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::shared::{json, tensors};

/// A model whose recorded training can be repeated.
pub trait Recorded: Module + 'static {
    /// Logits `[batch, len, vocab]` without dropout.
    fn logits(&self, batch: &Batch) -> Tensor<3>;
}

/// One recorded model.
pub struct Item {
    pub folder: PathBuf,
    /// Folder of the family and of the item.
    pub name: String,
    /// Options of the model, as fairseq resolved them.
    pub options: Map<String, Value>,
    args: Value,
    pub values: Value,
    weights: HashMap<String, TensorData>,
    pub vocab: Vocab,
}

/// Every item of a family, or nothing (said once per test) where they are absent.
pub fn items(family: &str) -> Vec<Item> {
    let Some(folder) = burnseq_testing::golden(&format!("families/fairseq/{family}")) else {
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("args.json").exists()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "{} holds no item", folder.display());
    folders.into_iter().map(|folder| item(family, folder)).collect()
}

fn item(family: &str, folder: PathBuf) -> Item {
    let args = json(&folder.join("args.json"));
    let weights = tensors(&folder.join("init.safetensors"));
    let rows = |name: &str| weights.get(name).map(|table| table.shape().to_vec()[0]);
    let bands = (0..).map_while(|band| rows(&format!("decoder.embed_tokens.embeddings.{band}.0.weight")));
    let tgt = rows("decoder.embed_tokens.weight").unwrap_or_else(|| bands.sum());
    let src = rows("encoder.embed_tokens.weight").unwrap_or(tgt);
    Item {
        name: format!("{family}/{}", folder.file_name().unwrap().to_str().unwrap()),
        options: args["model"].as_object().unwrap().clone(),
        values: json(&folder.join("values.json")),
        vocab: Vocab::fairseq(src, tgt),
        args,
        weights,
        folder,
    }
}

/// Inputs and targets of a batch.
pub struct Batch {
    /// Of the encoder, or of a language model.
    pub src_tokens: Tensor<2, Int>,
    /// Of the decoder, where there is a source beside it.
    pub prev_output_tokens: Option<Tensor<2, Int>>,
    target: Tensor<2, Int>,
    ntokens: usize,
}

impl Batch {
    /// What the decoder reads: `[batch, len]`.
    pub fn last_side(&self) -> Tensor<2, Int> {
        self.prev_output_tokens
            .as_ref()
            .unwrap_or(&self.src_tokens)
            .clone()
    }
}

impl Item {
    /// A config whose fields are the options of their names.
    pub fn config<C: Default + Serialize + DeserializeOwned>(&self) -> C {
        let mut config = serde_json::to_value(C::default()).unwrap();
        for (field, value) in config.as_object_mut().unwrap() {
            if let Some(option) = self.options.get(field) {
                *value = match option {
                    Value::String(list) if field.ends_with("_cutoff") => list
                        .split(',')
                        .map(|number| number.parse::<usize>().unwrap())
                        .collect(),
                    factor if field.ends_with("_factor") => (factor.as_f64().unwrap() as usize).into(),
                    option => option.clone(),
                };
            }
        }
        // fairseq keeps it as text, which it evaluates.
        if self.name.starts_with("lstm/") {
            let attention = self.options["decoder_attention"].as_str().unwrap();
            config["decoder_attention"] = Value::Bool(matches!(attention, "1" | "True"));
        }
        serde_json::from_value(config).unwrap()
    }

    /// The weights by our names: without what fairseq has beside its parameters, which is checked.
    pub fn parameters(&self, extras: &[Extra]) -> HashMap<String, TensorData> {
        let mut weights = self.weights.clone();
        for extra in extras {
            // Tied tensors are recorded once, versions not at all.
            let Some(found) = weights.remove(&extra.name) else {
                continue;
            };
            match &extra.value {
                ExtraValue::Zeros(shape) => {
                    assert_eq!(found.shape().to_vec(), *shape, "{}: {}", self.name, extra.name);
                    assert!(found.iter::<f32>().all(|x| x == 0.0), "{}", extra.name);
                }
                ExtraValue::SameAs(parameter) => assert_eq!(found, weights[parameter]),
                ExtraValue::Version { .. } => panic!("{}: versions are not recorded", self.name),
            }
        }
        weights
    }

    pub fn batch(&self, number: usize, device: &Device) -> Batch {
        let tensors = tensors(&self.folder.join(format!("batch{number}.safetensors")));
        let ids = |name: &str| Tensor::<2, Int>::from_data(tensors[name].clone(), device);
        let target = tensors["target"].as_slice::<i64>().unwrap();
        Batch {
            src_tokens: ids("net_input.src_tokens"),
            prev_output_tokens: tensors
                .contains_key("net_input.prev_output_tokens")
                .then(|| ids("net_input.prev_output_tokens")),
            target: ids("target"),
            ntokens: target.iter().filter(|id| **id != 1).count(),
        }
    }

    fn batches(&self) -> usize {
        self.values["batches"].as_array().unwrap().len()
    }

    fn criterion(&self) -> CriterionConfig {
        let options = &self.args["criterion"];
        match options["_name"].as_str().unwrap() {
            "cross_entropy" | "adaptive_loss" => CriterionConfig::CrossEntropy(Default::default()),
            "label_smoothed_cross_entropy" => {
                CriterionConfig::LabelSmoothedCrossEntropy(LabelSmoothedCrossEntropyConfig {
                    label_smoothing: options["label_smoothing"].as_f64().unwrap(),
                    ..LabelSmoothedCrossEntropyConfig::default()
                })
            }
            other => panic!("{}: criterion {other}", self.name),
        }
    }

    fn loss<M: Recorded>(&self, model: &M, batch: &Batch) -> LossOutput {
        let logits = model.logits(batch);
        let loss = self.criterion().loss().unwrap();
        let output = loss.forward(logits.clone(), batch.target.clone(), 1);
        LossOutput {
            loss: output.loss + self.not_counted(logits, &batch.target),
            ..output
        }
    }

    /// What fairseq's `adaptive_loss` leaves out of the log-likelihood, 0 for other losses: within a band it takes the
    /// second token, whose number there is the id of padding, for padding, and counts only that the band was right.
    fn not_counted(&self, log_probs: Tensor<3>, target: &Tensor<2, Int>) -> Tensor<1> {
        let [batch, len, types] = log_probs.dims();
        let mut sum = Tensor::zeros([1], &log_probs.device());
        let cutoffs = self
            .options
            .get("adaptive_softmax_cutoff")
            .and_then(Value::as_str);
        let Some(cutoffs) = cutoffs.filter(|_| self.args["criterion"]["_name"] == "adaptive_loss") else {
            return sum;
        };
        let cutoffs: Vec<usize> = cutoffs.split(',').map(|number| number.parse().unwrap()).collect();
        let ends = cutoffs[1..].iter().copied().chain([types]);
        for (&first, end) in cutoffs.iter().zip(ends) {
            let ids = |from: usize, to: usize| log_probs.clone().slice([0..batch, 0..len, from..to]);
            let band = ids(first, end).exp().sum_dim(2).log();
            let within = (ids(first + 1, first + 2) - band).squeeze_dim::<2>(2);
            let is_second = target.clone().equal_elem((first + 1) as i64).float();
            sum = sum + (within * is_second).sum();
        }
        sum
    }

    /// The loss of a batch, and its gradients divided by the sample size.
    fn gradients<M: Recorded>(&self, model: &M, batch: &Batch) -> (f64, Accumulated) {
        let LossOutput { loss, .. } = self.loss(model, batch);
        let total = scalar(loss.clone());
        let mut sum = Accumulated::new();
        sum.add(model, GradientsParams::from_grads(loss.backward(), model));
        sum.scale(1.0 / batch.ntokens as f64);
        (total, sum)
    }

    pub fn forward(&self) -> HashMap<String, TensorData> {
        tensors(&self.folder.join("forward.safetensors"))
    }
}

fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_scalar::<f32>())
}

fn values(tensor: &TensorData) -> Vec<f32> {
    tensor.iter::<f32>().collect()
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// Largest absolute difference, after checking the shapes.
pub fn difference<const D: usize>(what: &str, ours: Tensor<D>, theirs: &TensorData) -> f64 {
    let ours = ours.into_data_dtype(DType::F32);
    assert_eq!(ours.shape(), theirs.shape(), "{what}");
    largest_difference(
        what,
        ours.as_slice::<f32>().unwrap(),
        theirs.as_slice::<f32>().unwrap(),
    )
}

fn assert_relative(what: &str, found: f64, expected: f64, tolerance: f64) {
    let difference = (found / expected - 1.0).abs();
    assert!(
        difference <= tolerance,
        "{what}: {found} instead of {expected}, {difference:.1e} off"
    );
}

/// Its true gradient is zero, so that what is computed is rounding noise.
fn is_noise(name: &str) -> bool {
    name.ends_with("k_proj.bias")
}

/// Losses of all batches, and every gradient of the first one.
pub fn compare_training<M: Recorded>(item: &Item, model: M) {
    let name = &item.name;
    let model = model.train();
    let device = Device::flex().autodiff();
    let expected = item.values["batches"].as_array().unwrap();
    for (number, expected) in (1..).zip(expected) {
        let batch = item.batch(number, &device);
        assert_eq!(
            batch.ntokens as f64,
            expected["sample_size"].as_f64().unwrap(),
            "{name}"
        );
        let LossOutput { loss, nll_loss, .. } = item.loss(&model, &batch);
        let what = format!("{name} batch {number}");
        assert_relative(&what, scalar(loss), expected["loss_sum"].as_f64().unwrap(), 1e-5);
        if let Some(nll) = expected["logging_output"]["nll_loss"].as_f64() {
            assert_relative(&what, scalar(nll_loss), nll, 1e-5);
        }
        let (_, sum) = item.gradients(&model, &batch);
        let total = expected["grad_norm_total"].as_f64().unwrap();
        assert_relative(&format!("{what} norm"), f64::from(sum.norm(&model)), total, 1e-4);
    }
    let (_, sum) = item.gradients(&model, &item.batch(1, &device));
    let expected = tensors(&item.folder.join("grad1.safetensors"));
    let found = sum.state_dict(&model);
    assert_eq!(found.len(), expected.len(), "{name}");
    for (parameter, gradient) in &found {
        let what = format!("{name}: gradient of {parameter}");
        let expected = values(&expected[parameter]);
        let off = largest_difference(&what, &values(gradient), &expected);
        let tolerance = if is_noise(parameter) {
            1e-6
        } else {
            f64::max(1e-6, 1e-4 * norm(&expected)).min(0.1 * norm(&expected))
        };
        assert!(
            off <= tolerance,
            "{what} is {off:.1e} off, {tolerance:.1e} allowed"
        );
    }
}

/// Trains as the log says; compares what it says, and the weights after the recorded updates.
pub fn compare_updates<M: Recorded>(item: &Item, model: M) {
    let name = &item.name;
    let mut model = model.train();
    let before: HashMap<String, TensorData> = state_dict(&model).into_iter().collect();
    let settings = &item.values["train"]["optimizer"];
    let betas: (f64, f64) = {
        let text = settings["adam_betas"].as_str().unwrap();
        let mut numbers = text.trim_matches(['(', ')']).split(',');
        let mut next = || numbers.next().unwrap().trim().parse().unwrap();
        (next(), next())
    };
    let adam = AdamConfig {
        betas,
        eps: settings["adam_eps"].as_f64().unwrap(),
        weight_decay: settings["weight_decay"].as_f64().unwrap(),
    };
    let mut optimizer = OptimizerConfig::Adam(adam).init(&model).unwrap();
    let device = Device::flex().autodiff();
    let batches: Vec<Batch> = (1..=item.batches())
        .map(|number| item.batch(number, &device))
        .collect();
    let mut compared = 0;
    for line in item.values["train"]["log"].as_array().unwrap() {
        let number = |key: &str| line[key].as_f64().unwrap();
        let update = line["update"].as_u64().unwrap();
        let what = format!("{name} update {update}");
        let batch = &batches[line["batch"].as_u64().unwrap() as usize - 1];
        let (loss, sum) = item.gradients(&model, batch);
        assert_relative(&format!("{what} loss"), loss, number("loss_sum"), 1e-5);
        let norm = f64::from(sum.norm(&model));
        assert_relative(&format!("{what} norm"), norm, number("grad_norm"), 1e-4);
        model = optimizer.step(model, sum, number("lr"));
        if let Some(stats) = item.values["after_stats"].get(update.to_string()) {
            compare_stats(item, &what, &model, &before, stats, number("lr") * update as f64);
            compare_weights(item, &what, &model, update);
            compared += 1;
        }
    }
    assert_eq!(
        compared,
        item.values["after_stats"].as_object().unwrap().len(),
        "{name}"
    );
}

/// How far a tensor of weights may be off: the tolerance, or four times as far as fairseq itself is in single precision.
fn weight_tolerance(item: &Item, parameter: &str, zero_gradient: f64) -> f64 {
    if is_noise(parameter) {
        return zero_gradient;
    }
    let noisy = &item.values["train_f32_vs_f64_after5"]["tensors_above_2e-6"][parameter];
    noisy.as_f64().map_or(5e-6, |noise| (4.0 * noise).max(5e-6))
}

/// Sum, norm, norm of the change, and first values of every tensor.
fn compare_stats<M: Recorded>(
    item: &Item,
    what: &str,
    model: &M,
    before: &HashMap<String, TensorData>,
    stats: &Value,
    moved_by: f64,
) {
    let mut compared = 0;
    for (parameter, weight) in state_dict(model) {
        let what = format!("{what}: {parameter}");
        let stats = stats[&parameter].as_array().unwrap();
        let number = |index: usize| stats[index].as_f64().unwrap();
        let weight = values(&weight);
        let old = values(&before[&parameter]);
        let change: Vec<f32> = weight.iter().zip(&old).map(|(new, old)| new - old).collect();
        // What rounding noise moves is no property of the arithmetic.
        let tolerance = weight_tolerance(item, &parameter, 5.0 * moved_by);
        let count = (weight.len() as f64).sqrt();
        let close = |found: f64, expected: f64, absolute: f64, part: &str| {
            let off = (found - expected).abs();
            let allowed = 1e-5 * expected.abs() + absolute;
            assert!(
                off <= allowed,
                "{what}: {part} {found} instead of {expected}, {off:.1e} off"
            );
        };
        let sum: f64 = weight.iter().map(|x| f64::from(*x)).sum();
        close(sum, number(0), tolerance * count, "sum");
        close(norm(&weight), number(1), tolerance, "norm");
        close(norm(&change), number(2), tolerance * count.min(4.0), "change");
        let first: Vec<f64> = stats[3]
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect();
        for (found, expected) in weight.iter().zip(&first) {
            close(f64::from(*found), *expected, tolerance, "value");
        }
        if !is_noise(&parameter) {
            assert!(norm(&change) > 0.0, "{what} has not moved");
        }
        compared += 1;
    }
    assert_eq!(compared, named_parameters(model).len());
}

/// All weights, where they are recorded.
fn compare_weights<M: Recorded>(item: &Item, what: &str, model: &M, update: u64) {
    let file = item.folder.join(format!("after{update}.safetensors"));
    if !file.exists() {
        return;
    }
    let expected = tensors(&file);
    for (parameter, weight) in state_dict(model) {
        let what = format!("{what}: {parameter}");
        let off = largest_difference(&what, &values(&weight), &values(&expected[&parameter]));
        let tolerance = weight_tolerance(item, &parameter, 5e-3);
        assert!(off <= tolerance, "{what} is {off:.1e} off");
    }
}

/// Largest difference of logits at target tokens that are not padding.
pub fn difference_at_tokens(what: &str, a: Tensor<3>, b: Tensor<3>, batch: &Batch) -> f64 {
    let shape = a.dims();
    let is_pad = batch.last_side().equal_elem(1);
    let off = (a - b).mask_fill(is_pad.unsqueeze_dim::<3>(2).expand(shape), 0.0);
    let off: Vec<f32> = off.into_data().iter::<f32>().collect();
    largest_difference(what, &off, &vec![0.0; off.len()])
}
