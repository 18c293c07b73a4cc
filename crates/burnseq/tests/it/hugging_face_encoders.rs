//! Encoders of the real transformers, as `golden/families/hf` records them: vectors, attentions, heads, losses, gradients
//! and updates. Every item is read as it is found; the tolerances are those of `golden/families/README.md`.
#![expect(clippy::print_stderr, reason = "a test says how close the numbers are")]

use std::collections::{BTreeSet, HashMap};

use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};
use burnseq::model::{Dropout, Encoder, EncoderInput, EncoderModel, Tokens, state_dict};
use burnseq::train::Accumulated;
use burnseq::train::optim::{AdamW, AdamWConfig};
use burnseq_testing::{larger, largest_difference};
use serde_json::Value;

use super::hugging_face::{Item, items, norm};

/// Tensors of a recorded batch.
struct Batch(HashMap<String, TensorData>);

impl Batch {
    fn of(item: &Item, number: usize) -> Self {
        Self(item.tensors(&format!("batch{number}.safetensors")))
    }

    fn ids(&self, name: &str) -> Vec<i64> {
        self.0[name].iter::<i64>().collect()
    }

    fn tokens(&self, name: &str, device: &Device) -> Tokens {
        Tensor::from_data(self.0[name].clone(), device)
    }

    fn input(&self, device: &Device) -> EncoderInput {
        EncoderInput {
            tokens: self.tokens("input_ids", device),
            segments: self
                .0
                .contains_key("token_type_ids")
                .then(|| self.tokens("token_type_ids", device)),
        }
    }
}

/// Mean cross entropy over the rows `[rows, classes]` whose label is a class; none where there is no such row.
fn cross_entropy(logits: Tensor<2>, labels: &[i64]) -> Option<Tensor<1>> {
    let [_, classes] = logits.dims();
    let device = logits.device();
    let counted: Vec<(i64, i64)> = (0..)
        .zip(labels.iter().copied())
        .filter(|(_, label)| (0..classes as i64).contains(label))
        .collect();
    if counted.is_empty() {
        return None;
    }
    let (rows, labels): (Vec<i64>, Vec<i64>) = counted.into_iter().unzip();
    let count = rows.len();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &device);
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [count, 1]), &device);
    let log_probs = activation::log_softmax(logits.select(0, rows), 1);
    Some(log_probs.gather(1, labels).neg().mean())
}

/// `-(y log p + (1 - y) log (1 - p))` with `p = sigmoid(x)`, of each element.
fn binary_cross_entropy(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    // log p = -softplus(-x), log (1 - p) = -softplus(x)
    activation::softplus(x.clone(), 1.0) - x * y
}

/// Each `[rows, len, classes]` as rows.
fn flat(x: Tensor<3>) -> Tensor<2> {
    let [rows, len, classes] = x.dims();
    x.reshape([rows * len, classes])
}

/// What the heads of the model give, by the names under which they are recorded.
fn heads(item: &Item, model: &EncoderModel, x: &Tensor<3>) -> Vec<(&'static str, Tensor<3>)> {
    let off = Dropout::off();
    let class = item.values["class"].as_str().unwrap();
    let is_pretraining = class.ends_with("ForPreTraining") && !class.starts_with("Electra");
    let mut found = Vec::new();
    if let Some(logits) = model.masked_lm(x.clone()) {
        let name = if is_pretraining {
            "prediction_logits"
        } else {
            "logits"
        };
        found.push((name, logits));
    }
    if let Some(pooled) = model.pool(x.clone())
        && let Some(logits) = model.sentence_pair(pooled, &off)
    {
        let is_albert = class.starts_with("Albert");
        let name = if is_albert {
            "sop_logits"
        } else {
            "seq_relationship_logits"
        };
        found.push((name, logits.unsqueeze_dim(1)));
    }
    if let Some(logits) = model.replaced_tokens(x.clone()) {
        found.push(("logits", logits.unsqueeze_dim(2)));
    }
    if let Some(logits) = model.classify(x.clone(), &off) {
        found.push(("logits", logits.unsqueeze_dim(1)));
    }
    if let Some(logits) = model.classify_tokens(x.clone(), &off) {
        if class.ends_with("QuestionAnswering") {
            let [rows, len, _] = logits.dims();
            found.push(("start_logits", logits.clone().slice([0..rows, 0..len, 0..1])));
            found.push(("end_logits", logits.slice([0..rows, 0..len, 1..2])));
        } else {
            found.push(("logits", logits));
        }
    }
    assert!(!found.is_empty(), "{class} has no head");
    found
}

/// The loss of a batch as the class computes it.
fn loss(item: &Item, model: &EncoderModel, batch: &Batch, device: &Device) -> Tensor<1> {
    let x = model.encode(batch.input(device), &Dropout::off());
    let mut parts = Vec::new();
    for (name, logits) in heads(item, model, &x) {
        let [rows, len, classes] = logits.dims();
        match name {
            "seq_relationship_logits" => {
                parts.extend(cross_entropy(flat(logits), &batch.ids("next_sentence_label")));
            }
            "sop_logits" => parts.extend(cross_entropy(flat(logits), &batch.ids("sentence_order_label"))),
            "start_logits" | "end_logits" => {
                let labels = batch.ids(if name == "start_logits" {
                    "start_positions"
                } else {
                    "end_positions"
                });
                let half = cross_entropy(logits.reshape([rows, len]), &labels);
                parts.extend(half.map(|half| half * 0.5));
            }
            _ if model_replaces(item) => {
                let labels = Tensor::<2>::from_data(batch.0["labels"].clone().convert::<f32>(), device);
                let mask = Tensor::<2>::from_data(batch.0["attention_mask"].clone().convert::<f32>(), device);
                let losses = binary_cross_entropy(logits.reshape([rows, len]), labels);
                parts.push((losses * mask.clone()).sum() / mask.sum());
            }
            _ if batch.0["labels"].dtype() == DType::F32 => {
                let labels = Tensor::<1>::from_data(
                    TensorData::new(
                        batch.0["labels"].iter::<f32>().collect::<Vec<_>>(),
                        [rows * classes],
                    ),
                    device,
                );
                let labels = labels.reshape([rows, classes]);
                let logits = flat(logits);
                parts.push(match classes {
                    1 => (logits - labels).square().mean(),
                    _ => binary_cross_entropy(logits, labels).mean(),
                });
            }
            _ => parts.extend(cross_entropy(flat(logits), &batch.ids("labels"))),
        }
    }
    parts
        .into_iter()
        .reduce(|a, b| a + b)
        .expect("every class has a loss")
}

fn model_replaces(item: &Item) -> bool {
    item.values["class"] == "ElectraForPreTraining"
}

fn gradients(item: &Item, model: &EncoderModel, batch: &Batch) -> (f64, Accumulated) {
    let loss = loss(item, model, batch, &Device::flex().autodiff());
    let value = f64::from(loss.clone().into_scalar::<f32>());
    let mut sum = Accumulated::new();
    sum.add(model, GradientsParams::from_grads(loss.backward(), model));
    (value, sum)
}

fn values(data: &TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}

/// Largest difference of elements that are in one order, whatever the shapes are.
fn difference<const D: usize>(what: &str, ours: Tensor<D>, theirs: &TensorData) -> f64 {
    let ours = ours.into_data_dtype(DType::F32);
    largest_difference(what, &values(&ours), &values(theirs))
}

#[test]
fn encoders_compute_what_transformers_computes() {
    let device = Device::flex();
    for item in items::<EncoderModel>() {
        let model: EncoderModel = item.load(&device);
        let (batch, forward) = (Batch::of(&item, 1), item.tensors("forward.safetensors"));
        let mut compared = BTreeSet::from(["loss".to_owned()]);
        let mut worst = 0.0;
        let mut compare = |name: String, off: &dyn Fn(&str, &TensorData) -> f64| {
            if let Some(expected) = forward.get(&name) {
                worst = larger(worst, off(&format!("{}: {name}", item.name), expected));
                compared.insert(name);
            }
        };
        let states = model.hidden_states(batch.input(&device));
        for (layer, state) in states.iter().enumerate() {
            compare(format!("hidden_states.{layer}"), &|what, expected| {
                difference(what, state.clone(), expected)
            });
        }
        for (layer, attention) in model
            .attention_probabilities(batch.input(&device))
            .into_iter()
            .enumerate()
        {
            compare(format!("attentions.{layer}"), &|what, expected| {
                difference(what, attention.clone(), expected)
            });
        }
        let x = model.encode(batch.input(&device), &Dropout::off());
        for (name, logits) in heads(&item, &model, &x) {
            compare(name.to_owned(), &|what, expected| {
                difference(what, logits.clone(), expected)
            });
        }
        assert!(worst < 1e-5, "{}: {worst:.1e} off", item.name);
        let recorded: BTreeSet<String> = forward.keys().cloned().collect();
        assert_eq!(compared, recorded, "{}", item.name);
        eprintln!("{}: at most {worst:.1e} off", item.name);
    }
}

/// The true gradient is zero, so that what is computed is rounding noise.
fn is_noise(item: &Item, name: &str) -> bool {
    let last_norm = format!("layer.{}.output.LayerNorm.bias", item.layers() - 1);
    let is_qa = item.values["class"]
        .as_str()
        .unwrap()
        .ends_with("QuestionAnswering");
    name.ends_with("key.bias")
        || name.ends_with("k_lin.bias")
        || is_qa && (name == "qa_outputs.bias" || name.ends_with(&last_norm))
}

#[test]
fn encoders_learn_from_the_same_gradients() {
    for item in items::<EncoderModel>() {
        let name = &item.name;
        let model: EncoderModel = item.load(&Device::flex().autodiff());
        let expected = item.values["losses"].as_array().unwrap();
        for (number, expected) in (1..).zip(expected) {
            let (loss, sum) = gradients(&item, &model, &Batch::of(&item, number));
            // A mean over no label is NaN in PyTorch, and its gradient 0.
            if let Some(expected) = expected["loss"].as_f64() {
                let off = (loss / expected - 1.0).abs();
                assert!(
                    off <= 1e-5,
                    "{name} batch {number}: loss {loss} instead of {expected}"
                );
            }
            let (found, expected) = (
                f64::from(sum.norm(&model)),
                expected["grad_norm_total"].as_f64().unwrap(),
            );
            let off = (found / expected - 1.0).abs();
            assert!(
                off <= 1e-4,
                "{name} batch {number}: norm {found} instead of {expected}"
            );
        }
        let (_, sum) = gradients(&item, &model, &Batch::of(&item, 1));
        let found: HashMap<String, TensorData> = sum.state_dict(&model).into_iter().collect();
        let expected = item.tensors("grad1.safetensors");
        let found = item.model.stored(&found);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (parameter, gradient) in found {
            let what = format!("{name}: gradient of {parameter}");
            let expected = values(&expected[&parameter]);
            let off = largest_difference(&what, &values(&gradient), &expected);
            let tolerance = f64::max(1e-6, 1e-4 * norm(&expected));
            assert!(
                off <= tolerance,
                "{what} is {off:.1e} off, {tolerance:.1e} allowed"
            );
        }
    }
}

/// The parameters as transformers stores them.
fn stored(item: &Item, model: &EncoderModel) -> HashMap<String, TensorData> {
    let parameters = state_dict(model).into_iter().collect();
    item.model.stored(&parameters).into_iter().collect()
}

/// How far a tensor may be off after the updates: the tolerance, or four times as far as PyTorch itself is in single
/// precision; noise as far as the learning rate moves it.
fn tolerance(item: &Item, parameter: &str, moved_by: f64) -> f64 {
    if is_noise(item, parameter) {
        return 5.0 * moved_by;
    }
    let noisy = &item.values["train_f32_vs_f64_after5"]["tensors_above_2e-6"][parameter];
    noisy.as_f64().map_or(5e-6, |noise| (4.0 * noise).max(5e-6))
}

/// Sum, norm, norm of the change and first values of every tensor; all values where they are recorded.
fn compare_weights(
    item: &Item,
    update: u64,
    weights: &HashMap<String, TensorData>,
    before: &HashMap<String, TensorData>,
    lr: f64,
) {
    let stats = item.values["after_stats"][update.to_string()]
        .as_object()
        .unwrap();
    assert_eq!(stats.len(), weights.len(), "{}", item.name);
    let file = format!("after{update}.safetensors");
    let all = item.folder.join(&file).exists().then(|| item.tensors(&file));
    for (parameter, stats) in stats {
        let what = format!("{} update {update}: {parameter}", item.name);
        let weight = values(&weights[parameter]);
        let old = values(&before[parameter]);
        let change: Vec<f32> = weight.iter().zip(&old).map(|(new, old)| new - old).collect();
        let tolerance = tolerance(item, parameter, lr * update as f64);
        let count = (weight.len() as f64).sqrt();
        let close = |part: &str, found: f64, expected: f64, absolute: f64| {
            let (off, allowed) = ((found - expected).abs(), 1e-5 * expected.abs() + absolute);
            assert!(
                off <= allowed,
                "{what}: {part} {found} instead of {expected}, {off:.1e} off"
            );
        };
        let number = |index: usize| stats[index].as_f64().unwrap();
        let sum = weight.iter().map(|x| f64::from(*x)).sum();
        close("sum", sum, number(0), tolerance * count);
        close("norm", norm(&weight), number(1), tolerance);
        close("change", norm(&change), number(2), tolerance * count.min(4.0));
        for (found, expected) in weight.iter().zip(stats[3].as_array().unwrap()) {
            close("value", f64::from(*found), expected.as_f64().unwrap(), tolerance);
        }
        if !is_noise(item, parameter) {
            assert!(norm(&change) > 0.0, "{what} has not moved");
        }
        if let Some(all) = &all {
            let off = largest_difference(&what, &weight, &values(&all[parameter]));
            assert!(
                off <= tolerance,
                "{what} is {off:.1e} off, {tolerance:.1e} allowed"
            );
        }
    }
}

#[test]
fn encoders_are_updated_as_by_pytorch() {
    for item in items::<EncoderModel>() {
        let name = &item.name;
        let mut model: EncoderModel = item.load(&Device::flex().autodiff());
        let train = &item.values["train"];
        assert_eq!(train["optimizer"], "torch.optim.AdamW", "{name}");
        let number = |key: &str| train[key].as_f64().unwrap();
        let config = AdamWConfig {
            betas: (
                train["betas"][0].as_f64().unwrap(),
                train["betas"][1].as_f64().unwrap(),
            ),
            eps: number("eps"),
            weight_decay: number("weight_decay"),
        };
        let before = stored(&item, &model);
        let vectors: BTreeSet<&str> = before
            .iter()
            .filter(|(_, weight)| weight.shape().num_dims() < 2)
            .map(|(name, _)| name.as_str())
            .collect();
        let not_decayed = train["no_decay"].as_array().unwrap();
        let not_decayed: BTreeSet<&str> = not_decayed.iter().filter_map(Value::as_str).collect();
        assert_eq!(vectors, not_decayed, "{name}");
        let mut optimizer = AdamW::new(config, &model);
        let mut compared = 0;
        for line in train["log"].as_array().unwrap() {
            let update = line["update"].as_u64().unwrap();
            let batch = Batch::of(&item, line["batch"].as_u64().unwrap() as usize);
            let (loss, mut sum) = gradients(&item, &model, &batch);
            if let Some(expected) = line["loss"].as_f64() {
                let off = (loss / expected - 1.0).abs();
                assert!(
                    off <= 1e-5,
                    "{name} update {update}: loss {loss} instead of {expected}"
                );
            }
            let clipped = sum.clip(&model, number("max_grad_norm")).unwrap();
            let (found, expected) = (
                f64::from(clipped.norm),
                line["grad_norm_before_clip"].as_f64().unwrap(),
            );
            let off = (found / expected - 1.0).abs();
            assert!(
                off <= 1e-4,
                "{name} update {update}: norm {found} instead of {expected}"
            );
            model = optimizer.step(model, sum, number("lr"));
            if item.values["after_stats"].get(update.to_string()).is_some() {
                compare_weights(&item, update, &stored(&item, &model), &before, number("lr"));
                compared += 1;
            }
        }
        assert_eq!(
            compared,
            item.values["after_stats"].as_object().unwrap().len(),
            "{name}"
        );
    }
}

#[test]
fn encoders_go_back_as_they_came() {
    for item in items::<EncoderModel>() {
        let model: EncoderModel = item.load(&Device::flex());
        assert_eq!(
            stored(&item, &model),
            item.tensors("model.safetensors"),
            "{}",
            item.name
        );
        let described = item
            .model
            .config
            .in_hugging_face(&item.model.vocab)
            .expect("it came from there");
        let original = item.fields();
        for (field, value) in &described.fields {
            // What is written says the same as the file, as far as the file says it.
            if let Some(expected) = original.get(field).filter(|value| !value.is_null()) {
                assert_eq!(value, expected, "{}: {field}", item.name);
            }
        }
        assert_eq!(described.model_type, original["model_type"], "{}", item.name);
    }
}

/// A text has the same bits alone, beside others, and padded further.
#[test]
fn vectors_do_not_depend_on_the_batch() {
    let device = Device::flex();
    for item in items::<EncoderModel>() {
        let model: EncoderModel = item.load(&device);
        let batch = Batch::of(&item, 1);
        let input = batch.input(&device);
        let [rows, len] = input.tokens.dims();
        let pad = item.model.vocab.pad() as i64;
        let ids = batch.ids("input_ids");
        let together = model.encode(input.clone(), &Dropout::off());
        let width = together.dims()[2];
        let mut shorter = 0;
        for row in 0..rows {
            let tokens = ids[row * len..][..len]
                .iter()
                .take_while(|id| **id != pad)
                .count();
            shorter += usize::from(tokens < len);
            let alone = EncoderInput {
                tokens: input.tokens.clone().slice([row..row + 1, 0..tokens]),
                segments: input
                    .segments
                    .clone()
                    .map(|segments| segments.slice([row..row + 1, 0..tokens])),
            };
            let alone = model.encode(alone, &Dropout::off());
            let beside = together.clone().slice([row..row + 1, 0..tokens, 0..width]);
            assert_eq!(alone.into_data(), beside.into_data(), "{} row {row}", item.name);
        }
        assert!(shorter > 0, "{}: no text is padded", item.name);
    }
}
