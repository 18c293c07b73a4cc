//! LightConv, DynamicConv, LSTM and fconv against the outputs of the real fairseq: forward pass, losses, gradients,
//! weights after two and five updates, stepwise decoding.
//!
//! Every item is read as it is found, settings included; the tolerances are those of `golden/families/README.md`.

use std::{collections::HashMap, fs, path::PathBuf};

use burn::{
    optim::GradientsParams,
    tensor::{DType, Device, Int, Tensor, TensorData},
};
use burnseq_kernels::Stepping;
use burnseq_model::{
    Dropout, EncoderDecoder, FamilyConfig,
    families::{
        Extra, ExtraValue,
        fconv::{FConvConfig, FConvModel},
        lightconv::{LightConvConfig, LightConvModel},
        lstm::{LstmConfig, LstmModel},
    },
    named_parameters, state_dict,
};
use burnseq_testing::{larger, largest_difference};
use burnseq_text::Vocab;
use burnseq_train::{
    Accumulated, CriterionConfig, OptimizerConfig,
    losses::{LabelSmoothedCrossEntropyConfig, LossOutput},
    optim::AdamConfig,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::shared::{json, tensors};

/// One recorded model.
struct Item {
    folder: PathBuf,
    /// Folder of the family and of the item.
    name: String,
    /// Options of the model, as fairseq resolved them.
    options: Map<String, Value>,
    args: Value,
    values: Value,
    weights: HashMap<String, TensorData>,
    vocab: Vocab,
}

/// Every item of a family, or nothing (said once per test) where they are absent.
fn items(family: &str) -> Vec<Item> {
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
    let src = rows("encoder.embed_tokens.weight").unwrap();
    Item {
        name: format!("{family}/{}", folder.file_name().unwrap().to_str().unwrap()),
        options: args["model"].as_object().unwrap().clone(),
        values: json(&folder.join("values.json")),
        vocab: Vocab::fairseq(src, rows("decoder.embed_tokens.weight").unwrap_or(src)),
        args,
        weights,
        folder,
    }
}

/// Inputs and targets of a batch.
struct Batch {
    src_tokens: Tensor<2, Int>,
    prev_output_tokens: Tensor<2, Int>,
    target: Tensor<2, Int>,
    ntokens: usize,
}

impl Item {
    /// A config whose fields are the options of their names.
    fn config<C: Default + Serialize + DeserializeOwned>(&self) -> C {
        let mut config = serde_json::to_value(C::default()).unwrap();
        for (field, value) in config.as_object_mut().unwrap() {
            if let Some(option) = self.options.get(field) {
                *value = option.clone();
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
    fn parameters(&self, extras: &[Extra]) -> HashMap<String, TensorData> {
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

    fn batch(&self, number: usize, device: &Device) -> Batch {
        let tensors = tensors(&self.folder.join(format!("batch{number}.safetensors")));
        let ids = |name: &str| Tensor::<2, Int>::from_data(tensors[name].clone(), device);
        let target = tensors["target"].as_slice::<i64>().unwrap();
        Batch {
            src_tokens: ids("net_input.src_tokens"),
            prev_output_tokens: ids("net_input.prev_output_tokens"),
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
            "cross_entropy" => CriterionConfig::CrossEntropy(Default::default()),
            "label_smoothed_cross_entropy" => {
                CriterionConfig::LabelSmoothedCrossEntropy(LabelSmoothedCrossEntropyConfig {
                    label_smoothing: options["label_smoothing"].as_f64().unwrap(),
                    ..LabelSmoothedCrossEntropyConfig::default()
                })
            }
            other => panic!("{}: criterion {other}", self.name),
        }
    }

    fn loss<M: EncoderDecoder>(&self, model: &M, batch: &Batch) -> LossOutput {
        let logits = model.forward(
            batch.src_tokens.clone(),
            batch.prev_output_tokens.clone(),
            &Dropout::off(),
        );
        self.criterion()
            .loss()
            .unwrap()
            .forward(logits, batch.target.clone(), 1)
    }

    /// The loss of a batch, and its gradients divided by the sample size.
    fn gradients<M: EncoderDecoder>(&self, model: &M, batch: &Batch) -> (f64, Accumulated) {
        let LossOutput { loss, .. } = self.loss(model, batch);
        let total = scalar(loss.clone());
        let mut sum = Accumulated::new();
        sum.add(model, GradientsParams::from_grads(loss.backward(), model));
        sum.scale(1.0 / batch.ntokens as f64);
        (total, sum)
    }

    fn forward(&self) -> HashMap<String, TensorData> {
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
fn difference<const D: usize>(what: &str, ours: Tensor<D>, theirs: &TensorData) -> f64 {
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
fn compare_training<M: EncoderDecoder>(item: &Item, model: M) {
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
fn compare_updates<M: EncoderDecoder>(item: &Item, model: M) {
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
fn compare_stats<M: EncoderDecoder>(
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
fn compare_weights<M: EncoderDecoder>(item: &Item, what: &str, model: &M, update: u64) {
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

/// Logits of the first batch step by step, `[batch, tgt_len, vocab]`.
fn stepwise<M: EncoderDecoder>(model: &M, batch: &Batch) -> Tensor<3> {
    let [rows, tgt_len] = batch.prev_output_tokens.dims();
    let mut state = model.start(batch.src_tokens.clone(), Dropout::off(), Stepping::Processor);
    let steps = (0..tgt_len).map(|t| {
        let tokens = batch.prev_output_tokens.clone().slice([0..rows, t..t + 1]);
        model.step(tokens.squeeze_dim(1), &mut state)
    });
    Tensor::stack(steps.collect(), 1)
}

/// Largest difference of logits at target tokens that are not padding.
fn difference_at_tokens(what: &str, a: Tensor<3>, b: Tensor<3>, batch: &Batch) -> f64 {
    let shape = a.dims();
    let is_pad = batch.prev_output_tokens.clone().equal_elem(1);
    let off = (a - b).mask_fill(is_pad.unsqueeze_dim::<3>(2).expand(shape), 0.0);
    let off: Vec<f32> = off.into_data().iter::<f32>().collect();
    largest_difference(what, &off, &vec![0.0; off.len()])
}

/// Stepwise decoding equals the whole pass, as far as fairseq's does.
fn compare_stepwise<M: EncoderDecoder>(item: &Item, model: &M) {
    let batch = item.batch(1, &Device::flex());
    let whole = model.forward(
        batch.src_tokens.clone(),
        batch.prev_output_tokens.clone(),
        &Dropout::off(),
    );
    let off = difference_at_tokens(&item.name, stepwise(model, &batch), whole, &batch);
    assert!(off < 2e-6, "{}: steps are {off:.1e} off", item.name);
}

fn lightconv(item: &Item, cut_filters_to_batch: bool) -> (LightConvConfig, LightConvModel) {
    let config = LightConvConfig {
        cut_filters_to_batch,
        ..item.config()
    };
    config.validate(&item.vocab).unwrap();
    let weights = item.parameters(&config.fairseq_extras());
    let model = config.load(&item.vocab, &weights, &Device::flex()).unwrap();
    (config, model)
}

fn lstm(item: &Item) -> LstmModel {
    let config: LstmConfig = item.config();
    config.validate(&item.vocab).unwrap();
    let weights = item.parameters(&config.fairseq_extras());
    config.load(&item.vocab, &weights, &Device::flex()).unwrap()
}

fn fconv(item: &Item) -> FConvModel {
    let config: FConvConfig = item.config();
    config.validate(&item.vocab).unwrap();
    let weights = item.parameters(&config.fairseq_extras());
    config.load(&item.vocab, &weights, &Device::flex()).unwrap()
}

#[test]
fn lightconv_and_dynamicconv_give_fairseqs_states_and_logits() {
    for item in items("conv") {
        let name = &item.name;
        let (_, model) = lightconv(&item, true);
        let (batch, forward) = (item.batch(1, &Device::flex()), item.forward());
        let (logits, states) =
            model.forward_with_states(batch.src_tokens.clone(), batch.prev_output_tokens.clone());
        let mut worst = difference(name, logits, &forward["logits"]);
        let mut compared = 1;
        for (side, states) in [("encoder", states.encoder), ("decoder", states.decoder)] {
            for (layer, state) in states.into_iter().enumerate() {
                let key = format!("{side}_state.{layer}");
                if let Some(theirs) = forward.get(&key) {
                    let what = format!("{name}: {key}");
                    worst = larger(worst, difference(&what, state.swap_dims(0, 1), theirs));
                    compared += 1;
                }
            }
        }
        let encoder_out = model.encode(batch.src_tokens.clone(), &Dropout::off());
        let what = format!("{name}: encoder_out");
        worst = larger(
            worst,
            difference(&what, encoder_out.x.swap_dims(0, 1), &forward["encoder_out"]),
        );
        let (_, attention) =
            model.forward_with_attention(batch.src_tokens, batch.prev_output_tokens, &Dropout::off());
        worst = larger(worst, difference(name, attention, &forward["attn"]));
        assert_eq!(
            compared + 2,
            forward.len(),
            "{name}: everything recorded is compared"
        );
        assert!(worst < 1e-5, "{name}: {worst:.1e} off");
        eprintln!("{name}: at most {worst:.1e} off");
    }
}

#[test]
fn lightconv_and_dynamicconv_learn_as_in_fairseq() {
    for item in items("conv") {
        compare_training(&item, lightconv(&item, true).1);
        compare_updates(&item, lightconv(&item, true).1);
    }
}

/// fairseq's DynamicConv decodes by other filters than it trains with where the text is shorter than they are. Ours
/// decodes as fairseq does, and so does its whole pass, unless filters are cut to the batch.
#[test]
fn lightconv_and_dynamicconv_decode_as_in_fairseq() {
    let mut differing = 0;
    for item in items("conv") {
        let (_, model) = lightconv(&item, false);
        compare_stepwise(&item, &model);
        let batch = item.batch(1, &Device::flex());
        let theirs = Tensor::<3>::from_data(item.forward()["logits"].clone(), &Device::flex());
        let off = difference_at_tokens(&item.name, stepwise(&model, &batch), theirs, &batch);
        let expected = item.values["incremental_vs_full_max_abs_logit"].as_f64().unwrap();
        assert!(
            (off - expected).abs() < 1e-5,
            "{}: steps differ from fairseq's whole pass by {off}, fairseq's own by {expected}",
            item.name
        );
        differing += usize::from(expected > 1e-3);
    }
    eprintln!("items whose whole pass differs in fairseq: {differing}");
}

#[test]
fn the_lstm_gives_fairseqs_states_and_logits() {
    for item in items("lstm") {
        let name = &item.name;
        let model = lstm(&item);
        let (batch, forward) = (item.batch(1, &Device::flex()), item.forward());
        let encoder_out = model.encode(batch.src_tokens.clone(), &Dropout::off());
        let finals = [
            ("encoder_final_hiddens", encoder_out.final_hiddens),
            ("encoder_final_cells", encoder_out.final_cells),
        ];
        let mut worst = 0.0;
        for (key, states) in finals {
            let states: Tensor<3> = Tensor::stack(states, 0); // [layers, batch, width]
            worst = larger(
                worst,
                difference(&format!("{name}: {key}"), states, &forward[key]),
            );
        }
        let (logits, attention) = model.forward_with_attention(
            batch.src_tokens.clone(),
            batch.prev_output_tokens.clone(),
            &Dropout::off(),
        );
        worst = larger(worst, difference(name, logits, &forward["logits"]));
        // fairseq moves padding to the right first.
        let [_, src_len] = batch.src_tokens.dims();
        let tokens: Vec<i64> = batch.src_tokens.into_data().iter::<i64>().collect();
        let outputs = encoder_out.source.x;
        let mut places = 0;
        for (row, tokens) in tokens.chunks_exact(src_len).enumerate() {
            let pads = tokens.iter().take_while(|id| **id == 1).count();
            let len = src_len - pads;
            let theirs = Tensor::<3>::from_data(forward["encoder_outs"].clone(), &Device::flex());
            let [_, _, width] = theirs.dims();
            let theirs = theirs.slice([0..len, row..row + 1, 0..width]).swap_dims(0, 1);
            let ours = outputs.clone().slice([row..row + 1, pads..src_len, 0..width]);
            worst = larger(worst, difference(name, ours, &theirs.into_data()));
            if let Some(theirs) = forward.get("attn") {
                let theirs = Tensor::<3>::from_data(theirs.clone(), &Device::flex());
                let [_, tgt_len, _] = theirs.dims();
                let theirs = theirs.slice([row..row + 1, 0..tgt_len, 0..len]);
                let ours = attention.clone().slice([row..row + 1, 0..tgt_len, pads..src_len]);
                worst = larger(worst, difference(name, ours, &theirs.into_data()));
            }
            places += len;
        }
        assert!(places > 0);
        assert!(worst < 1e-5, "{name}: {worst:.1e} off");
        eprintln!("{name}: at most {worst:.1e} off");
    }
}

#[test]
fn the_lstm_learns_as_in_fairseq() {
    for item in items("lstm") {
        compare_training(&item, lstm(&item));
        compare_updates(&item, lstm(&item));
    }
}

#[test]
fn the_lstm_decodes_step_by_step() {
    for item in items("lstm") {
        compare_stepwise(&item, &lstm(&item));
    }
}

#[test]
fn fconv_gives_fairseqs_states_and_logits() {
    for item in items("fconv") {
        let name = &item.name;
        let model = fconv(&item);
        let (batch, forward) = (item.batch(1, &Device::flex()), item.forward());
        let encoder_out = model.encode(batch.src_tokens.clone(), &Dropout::off());
        let (logits, attention) =
            model.forward_with_attention(batch.src_tokens, batch.prev_output_tokens, &Dropout::off());
        let pairs = [
            ("encoder_out.0", encoder_out.keys),
            ("encoder_out.1", encoder_out.values),
            ("logits", logits),
            ("attn", attention),
        ];
        assert_eq!(
            pairs.len(),
            forward.len(),
            "{name}: everything recorded is compared"
        );
        for (key, ours) in pairs {
            let off = difference(&format!("{name}: {key}"), ours, &forward[key]);
            assert!(off < 1e-5, "{name}: {key} is {off:.1e} off");
        }
    }
}

#[test]
fn fconv_learns_as_in_fairseq() {
    for item in items("fconv") {
        compare_training(&item, fconv(&item));
        compare_updates(&item, fconv(&item));
    }
}

#[test]
fn fconv_decodes_step_by_step() {
    for item in items("fconv") {
        compare_stepwise(&item, &fconv(&item));
    }
}

/// Names and shapes of all parameters, extras included, are those of fairseq's state dicts.
#[test]
fn names_and_shapes_are_fairseqs() {
    fn check<M: EncoderDecoder>(item: &Item, model: &M, extras: &[Extra]) {
        let mut ours: Vec<(String, Vec<usize>)> = named_parameters(model)
            .into_iter()
            .map(|(name, _, shape)| (name, shape))
            .collect();
        for extra in extras {
            if let ExtraValue::Zeros(shape) = &extra.value {
                ours.push((extra.name.clone(), shape.clone()));
            }
        }
        let theirs = item.values["shapes"].as_object().unwrap();
        assert_eq!(ours.len(), theirs.len(), "{}", item.name);
        for (name, shape) in ours {
            let expected: Vec<usize> = serde_json::from_value(theirs[&name].clone()).unwrap();
            assert_eq!(shape, expected, "{}: {name}", item.name);
        }
        let tied = item.values["tied"].as_object().unwrap();
        for (name, parameter) in tied {
            let parameter = ExtraValue::SameAs(parameter.as_str().unwrap().to_owned());
            let listed = extras
                .iter()
                .any(|extra| extra.name == *name && extra.value == parameter);
            assert!(listed, "{}: {name} is tied", item.name);
        }
    }
    for item in items("conv") {
        let (config, model) = lightconv(&item, false);
        check(&item, &model, &config.fairseq_extras());
    }
    for item in items("lstm") {
        let config: LstmConfig = item.config();
        check(&item, &lstm(&item), &config.fairseq_extras());
    }
    for item in items("fconv") {
        let config: FConvConfig = item.config();
        check(&item, &fconv(&item), &config.fairseq_extras());
    }
}
