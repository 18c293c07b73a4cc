//! Loss, gradients, updates and learning rates against those of the real fairseq.
//!
//! The tolerances are those of `golden/README.md`.

use std::{collections::HashMap, path::Path};

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Device, Int, Tensor, TensorData},
};
use burnseq_model::{
    ActivationFn, Dropout, EncoderDecoder, FamilyConfig, Transformer, TransformerConfig, load_state_dict,
    named_parameters, state_dict,
};
use burnseq_text::Vocab;
use burnseq_train::{
    Accumulated, CriterionConfig, LossOutput, LrSchedulerConfig, OptimizerConfig,
    losses::{LabelSmoothedCrossEntropyConfig, label_smoothed_cross_entropy},
    lr_scheduler::{CosineConfig, FixedConfig, InverseSqrtConfig, PolynomialDecayConfig, TriStageConfig},
    optim::AdamConfig,
};
use serde_json::Value;

use super::shared::{json, numerics, tensors};

const VARIANTS: [&str; 6] = ["base", "prenorm", "learned_pos", "share_all", "gelu", "untied"];

/// The model of a variant with fairseq's initial weights.
fn model(numerics: &Path, variant: &str) -> Transformer {
    let mut config = TransformerConfig {
        dropout: 0.0,
        share_decoder_input_output_embed: true,
        ..TransformerConfig::sized(64, 128, 4, 2)
    };
    let mut vocab = Vocab::fairseq(504, 400);
    let mut weights = variant;
    match variant {
        "base" => {}
        "prenorm" => (config.encoder_normalize_before, config.decoder_normalize_before) = (true, true),
        "learned_pos" => (config.encoder_learned_pos, config.decoder_learned_pos) = (true, true),
        "share_all" => {
            config.share_all_embeddings = true;
            (vocab.src, vocab.tgt) = (600, 600);
        }
        "gelu" => {
            config.activation_fn = ActivationFn::Gelu;
            weights = "base";
        }
        "untied" => config.share_decoder_input_output_embed = false,
        other => panic!("no variant {other}"),
    }
    let weights = tensors(&numerics.join(weights).join("init.safetensors"));
    let model = config.init(&vocab, 1, &Device::flex());
    load_state_dict(model, &weights).unwrap()
}

/// A batch, with its number of target tokens.
struct Batch {
    src_tokens: Tensor<2, Int>,
    prev_output_tokens: Tensor<2, Int>,
    target: Tensor<2, Int>,
    ntokens: usize,
}

fn batch(numerics: &Path, variant: &str, number: u64, device: &Device) -> Batch {
    let tensors = tensors(&numerics.join(variant).join(format!("batch{number}.safetensors")));
    let ids = |name: &str| Tensor::<2, Int>::from_data(tensors[name].clone(), device);
    let ntokens = tensors["target"]
        .as_slice::<i64>()
        .unwrap()
        .iter()
        .filter(|id| **id != 1)
        .count();
    Batch {
        src_tokens: ids("src_tokens"),
        prev_output_tokens: ids("prev_output_tokens"),
        target: ids("target"),
        ntokens,
    }
}

fn loss(model: &Transformer, batch: &Batch) -> LossOutput {
    let config = LabelSmoothedCrossEntropyConfig {
        label_smoothing: 0.1,
        ..LabelSmoothedCrossEntropyConfig::default()
    };
    let criterion = CriterionConfig::LabelSmoothedCrossEntropy(config).loss().unwrap();
    let logits = model.forward(
        batch.src_tokens.clone(),
        batch.prev_output_tokens.clone(),
        &Dropout::off(),
    );
    criterion.forward(logits, batch.target.clone(), 1)
}

/// Gradients of the mean over the target tokens of the batches, and the sums of loss and nll loss.
fn gradients(model: &Transformer, batches: &[Batch]) -> (Accumulated, f64, f64) {
    let mut sum = Accumulated::new();
    let (mut total, mut nll_total, mut sample_size) = (0.0, 0.0, 0);
    for batch in batches {
        let LossOutput { loss, nll_loss, .. } = loss(model, batch);
        total += scalar(loss.clone());
        nll_total += scalar(nll_loss);
        sample_size += batch.ntokens;
        sum.add(model, GradientsParams::from_grads(loss.backward(), model));
    }
    sum.scale(1.0 / sample_size as f64);
    (sum, total, nll_total)
}

fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_scalar::<f32>())
}

fn assert_relative(what: &str, found: f64, expected: f64, tolerance: f64) {
    let difference = (found / expected - 1.0).abs();
    assert!(
        difference <= tolerance,
        "{what}: {found} instead of {expected}, {difference:.1e} off"
    );
}

/// Largest absolute difference.
fn distance(found: &TensorData, expected: &TensorData) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let (found, expected) = (
        found.as_slice::<f32>().unwrap(),
        expected.as_slice::<f32>().unwrap(),
    );
    burnseq_testing::largest_difference("tensors", found, expected)
}

/// The largest number, signs aside.
fn largest(data: &TensorData) -> f64 {
    let values = data.as_slice::<f32>().unwrap();
    burnseq_testing::largest_difference("tensor", values, &vec![0.0; values.len()])
}

/// Its true gradient is zero, so that what is computed is rounding noise.
fn is_noise(name: &str) -> bool {
    name.ends_with("k_proj.bias")
}

#[test]
fn label_smoothing_equals_fairseq_on_the_toy() {
    let Some(numerics) = numerics() else { return };
    let toy = json(&numerics.join("label_smoothing_toy.json"));
    let device = Device::flex();
    let floats = |value: &Value| -> Vec<f32> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap() as f32)
            .collect()
    };
    let logits: Vec<f32> = toy["logits"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(floats)
        .collect();
    let target: Vec<i64> = toy["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_i64().unwrap())
        .collect();
    let pad = toy["pad_index"].as_u64().unwrap() as usize;
    let cases = toy["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let (loss, nll) = label_smoothed_cross_entropy(
            Tensor::from_data(TensorData::new(logits.clone(), [3, 5]), &device),
            Tensor::from_data(TensorData::new(target.clone(), [3]), &device),
            pad,
            case["eps"].as_f64().unwrap(),
        );
        assert_relative("loss", scalar(loss), case["loss_sum"].as_f64().unwrap(), 1e-6);
        assert_relative("nll", scalar(nll), case["nll_sum"].as_f64().unwrap(), 1e-6);
    }
}

#[test]
fn losses_equal_fairseq_in_every_variant() {
    let Some(numerics) = numerics() else { return };
    for variant in VARIANTS {
        let model = model(&numerics, variant);
        let values = json(&numerics.join(variant).join("values.json"));
        let batches = values["batches"].as_array().unwrap();
        assert_eq!(batches.len(), if variant == "untied" { 1 } else { 3 });
        for (number, expected) in (1..).zip(batches) {
            let batch = batch(&numerics, variant, number, &Device::flex());
            assert_eq!(batch.ntokens as u64, expected["sample_size"].as_u64().unwrap());
            let LossOutput { loss, nll_loss, .. } = loss(&model, &batch);
            let what = format!("{variant} batch {number}");
            assert_relative(&what, scalar(loss), expected["loss_sum"].as_f64().unwrap(), 1e-5);
            assert_relative(
                &what,
                scalar(nll_loss),
                expected["nll_loss_sum"].as_f64().unwrap(),
                1e-5,
            );
        }
    }
}

#[test]
fn gradient_norms_equal_fairseq_in_every_variant() {
    let Some(numerics) = numerics() else { return };
    for variant in VARIANTS {
        let model = model(&numerics, variant).train();
        let batch = batch(&numerics, variant, 1, &Device::flex().autodiff());
        let (sum, ..) = gradients(&model, &[batch]);
        let values = json(&numerics.join(variant).join("values.json"));
        let expected = &values["grad_batch1"];
        let total = expected["total_norm_normalised"].as_f64().unwrap();
        assert_relative(variant, f64::from(sum.norm(&model)), total, 1e-5);
        let expected = expected["per_tensor_norm_normalised"].as_object().unwrap();
        let norms: HashMap<String, f32> = sum.norms(&model).into_iter().collect();
        assert_eq!(norms.len(), expected.len(), "{variant}");
        for (name, expected) in expected {
            let (found, expected) = (f64::from(norms[name]), expected.as_f64().unwrap());
            if is_noise(name) {
                assert!(found < 1e-6, "{variant} {name}: {found}");
            } else {
                assert_relative(&format!("{variant} {name}"), found, expected, 1e-4);
            }
        }
    }
}

#[test]
fn every_gradient_equals_fairseq() {
    let Some(numerics) = numerics() else { return };
    let model = model(&numerics, "base").train();
    let batch = batch(&numerics, "base", 1, &Device::flex().autodiff());
    let (sum, ..) = gradients(&model, &[batch]);
    let expected = tensors(&numerics.join("base/grad1.safetensors"));
    let found = sum.state_dict(&model);
    assert_eq!(found.len(), expected.len());
    for (name, grad) in &found {
        let off = distance(grad, &expected[name]);
        assert!(off <= 1e-6, "{name} is {off:.1e} off");
        // fairseq's own is large enough for a wrong one to be noticed.
        let most = largest(&expected[name]);
        assert!(is_noise(name) || most > 1e-3, "{name}: {most:.1e} at most");
    }
}

/// Trains as a log of fairseq's says and compares what it says, and the weights after 2 and 5 updates.
fn replay(numerics: &Path, run: &str, clip_norm: f64) {
    let base = numerics.join("base");
    let log = json(&base.join(format!("{run}.log.json")));
    let mut model = model(numerics, "base").train();
    let adam = AdamConfig {
        betas: (0.9, 0.98),
        eps: 1e-8,
        weight_decay: 1e-4,
    };
    let mut optimizer = OptimizerConfig::Adam(adam).init(&model).unwrap();
    let warmup = InverseSqrtConfig {
        warmup_updates: 10,
        warmup_init_lr: None,
    };
    let scheduler = LrSchedulerConfig::InverseSqrt(warmup)
        .init(&[5e-4], None)
        .unwrap();
    let updates = log["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 5);
    for (done, expected) in (0u64..).zip(updates) {
        let number = |key: &str| expected[key].as_f64().unwrap();
        let what = format!("{run} update {}", done + 1);
        let batches: Vec<Batch> = expected["batches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|batch_number| {
                batch(
                    numerics,
                    "base",
                    batch_number.as_u64().unwrap(),
                    &Device::flex().autodiff(),
                )
            })
            .collect();
        let tokens: usize = batches.iter().map(|batch| batch.ntokens).sum();
        let (mut sum, loss, nll_loss) = gradients(&model, &batches);
        let bits = tokens as f64 * std::f64::consts::LN_2;
        assert_relative(
            &format!("{what} loss"),
            loss / bits,
            number("loss_base2_per_token"),
            1e-5,
        );
        assert_relative(
            &format!("{what} nll loss"),
            nll_loss / bits,
            number("nll_base2_per_token"),
            1e-5,
        );

        let norm = sum.clip(&model, clip_norm).unwrap();
        assert_relative(
            &format!("{what} norm"),
            f64::from(norm.norm),
            number("gnorm_before_clip"),
            1e-5,
        );
        assert_eq!(norm.clipped, clip_norm > 0.0);
        let lr = scheduler.lr_at(done, 1);
        assert!(
            (lr - number("lr_used")).abs() < 1e-12,
            "{what}: learning rate {lr}"
        );
        model = optimizer.step(model, sum, lr);
        let lr_after = scheduler.lr_at(done + 1, 1);
        assert!(
            (lr_after - number("lr_after")).abs() < 1e-12,
            "{what}: learning rate {lr_after}"
        );

        let (file, tolerance) = match done + 1 {
            1 => (base.join("init.safetensors"), 0.0),
            2 => (base.join(format!("{run}.after2.safetensors")), 5e-7),
            5 => (base.join(format!("{run}.after5.safetensors")), 2e-6),
            _ => continue,
        };
        let moments = optimizer.state_dict(&model).tensors.into_iter().collect();
        compare_weights(&what, &model, &moments, &file, tolerance);
    }
}

/// Compares all weights. The tolerance is absolute: a hundredth of what fairseq moves a weight by in two updates, less
/// of that in five. But where the gradient itself is rounding noise, Adam scales it up: that of `k_proj.bias` by nature,
/// and that of the few elements whose second moment is below Adam's epsilon (an embedding whose two occurrences in the
/// batch cancel to 6e-8).
fn compare_weights(
    what: &str,
    model: &Transformer,
    moments: &HashMap<String, TensorData>,
    file: &Path,
    tolerance: f64,
) {
    let expected = tensors(file);
    let found = state_dict(model);
    assert_eq!(found.len(), expected.len());
    let (mut worst, mut cancelled) = (0f64, 0);
    for (name, weight) in &found {
        let (weight, expected) = (
            weight.as_slice::<f32>().unwrap(),
            expected[name].as_slice::<f32>().unwrap(),
        );
        assert_eq!(weight.len(), expected.len());
        let second = moments[&format!("{name}.exp_avg_sq")].as_slice::<f32>().unwrap();
        for ((found, expected), second) in weight.iter().zip(expected).zip(second) {
            let difference = f64::from((found - expected).abs());
            if is_noise(name) && tolerance > 0.0 {
                assert!(
                    difference <= 50.0 * tolerance,
                    "{what}: {name} is {difference:.1e} off"
                );
            } else if difference > tolerance && second.sqrt() < 1e-8 {
                assert!(difference <= 5e-6, "{what}: {name} is {difference:.1e} off");
                cancelled += 1;
            } else {
                assert!(difference <= tolerance, "{what}: {name} is {difference:.1e} off");
                worst = worst.max(difference);
            }
        }
    }
    assert!(cancelled <= 2, "{what}: {cancelled} weights are off");
    eprintln!(
        "{what}: weights at most {worst:.1e} off, {tolerance:.0e} allowed; {cancelled} of noise beyond"
    );
}

#[test]
fn five_updates_without_clipping_equal_fairseq() {
    let Some(numerics) = numerics() else { return };
    replay(&numerics, "train_clip0", 0.0);
}

#[test]
fn five_clipped_updates_over_two_batches_each_equal_fairseq() {
    let Some(numerics) = numerics() else { return };
    replay(&numerics, "train_clip1_uf2", 1.0);
}

#[test]
fn training_starts_and_stays_differentiable_after_a_step() {
    let Some(numerics) = numerics() else { return };
    let model = model(&numerics, "base").train();
    let mut optimizer = OptimizerConfig::default().init(&model).unwrap();
    let one = [batch(&numerics, "base", 1, &Device::flex().autodiff())];
    let (sum, before, _) = gradients(&model, &one);
    let model = optimizer.step(model, sum, 1e-3);
    let (again, after, _) = gradients(&model, &one);
    assert!(after < 0.95 * before, "the loss falls from {before} to {after}");
    // What is missing would be zeros.
    let again = again.state_dict(&model);
    assert_eq!(again.len(), named_parameters(&model).len());
    for (name, grad) in &again {
        assert!(is_noise(name) || largest(grad) > 1e-4, "{name} has no gradient");
    }
}

/// The schedule that a command line of the reference data asks for.
fn schedule(options: &str) -> burnseq_train::LrScheduler {
    let words: Vec<&str> = options.split_whitespace().collect();
    let option = |name: &str| {
        words
            .iter()
            .position(|word| *word == name)
            .map(|at| words[at + 1])
    };
    let float = |name: &str| option(name).map(|text| text.parse::<f64>().unwrap());
    let int = |name: &str| option(name).map(|text| text.parse::<u64>().unwrap());
    let warmup_updates = int("--warmup-updates").unwrap_or(0);
    let warmup_init_lr = float("--warmup-init-lr");
    let lr: Vec<f64> = option("--lr")
        .unwrap()
        .split(',')
        .map(|text| text.parse().unwrap())
        .collect();
    let lr_shrink = float("--lr-shrink").unwrap_or(0.1);
    let config = match option("--lr-scheduler").unwrap() {
        "inverse_sqrt" => LrSchedulerConfig::InverseSqrt(InverseSqrtConfig {
            warmup_updates,
            warmup_init_lr,
        }),
        "fixed" => LrSchedulerConfig::Fixed(FixedConfig {
            warmup_updates,
            force_anneal: int("--force-anneal").map(|epoch| epoch as usize),
            lr_shrink,
        }),
        "polynomial_decay" => LrSchedulerConfig::PolynomialDecay(PolynomialDecayConfig {
            warmup_updates,
            total_num_update: int("--total-num-update"),
            power: float("--power").unwrap_or(1.0),
            end_learning_rate: float("--end-learning-rate").unwrap_or(0.0),
        }),
        "cosine" => LrSchedulerConfig::Cosine(CosineConfig {
            warmup_updates,
            warmup_init_lr,
            min_lr: float("--min-lr").unwrap_or(0.0),
            lr_period_updates: int("--lr-period-updates"),
            t_mult: float("--t-mult").unwrap_or(1.0),
            lr_shrink,
        }),
        "tri_stage" => LrSchedulerConfig::TriStage(TriStageConfig {
            warmup_steps: int("--warmup-steps").unwrap(),
            hold_steps: int("--hold-steps").unwrap(),
            decay_steps: int("--decay-steps").unwrap(),
            ..TriStageConfig::default()
        }),
        other => panic!("no schedule {other}"),
    };
    config.init(&lr, int("--max-update")).unwrap()
}

#[test]
fn every_learning_rate_equals_fairseq() {
    let Some(numerics) = numerics() else { return };
    let settings = json(&numerics.join("lr_schedules.json"));
    let settings = settings.as_array().unwrap();
    assert_eq!(settings.len(), 10);
    for setting in settings {
        let options = setting["options"].as_str().unwrap();
        let schedule = schedule(options);
        let per_epoch = setting["updates_per_epoch"].as_u64().unwrap();
        let rates = setting["lr_used_by_update_1_to_n"].as_array().unwrap();
        assert_eq!(rates.len(), 60);
        for (done, expected) in (0u64..).zip(rates) {
            let found = schedule.lr_at(done, (done / per_epoch) as usize + 1);
            let expected = expected.as_f64().unwrap();
            assert!(
                (found - expected).abs() <= 1e-12,
                "{options}: update {}: {found} instead of {expected}",
                done + 1
            );
        }
    }
}
