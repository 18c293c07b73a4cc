//! Whether a device computes what the processor computes: one pass forward and backward and one update, compared.

use burn::{
    module::{ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Int, Tensor, TensorData},
};
use burnseq_data::Mt19937;
use burnseq_kernels::{Compute, Precision};
use burnseq_model::{
    DecoderOnly, Dropout, EncoderDecoder, Feature, LanguageModel, Model, ModelConfig, OfConfig, state_dict,
};
use burnseq_text::Vocab;

use crate::losses::label_smoothed_cross_entropy;
use crate::{Accumulated, OptimizerConfig, Result};

/// Sentences of the batch that is compared; their lengths differ, so that some are padded.
const SENTENCES: usize = 16;
/// Tokens of the longest of them.
const LONGEST: usize = 24;

/// How far a tensor on the device is from the one on the processor.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// `loss`, `logits`, `all gradients`, the same with `activations recomputed`, `gradient of <parameter>` or
    /// `update of <parameter>`.
    pub tensor: String,
    /// Length of the difference by the length of the processor's tensor; that of a gradient is taken to be at least a
    /// thousandth of that of all gradients together, so that one that cancels out does not count.
    pub relative_error: f64,
    /// What rounding explains.
    pub limit: f64,
}

impl Deviation {
    /// Whether rounding explains it.
    pub fn is_small(&self) -> bool {
        self.relative_error <= self.limit
    }
}

/// What rounding explains in logits, loss and updates.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::Fp32 => 1e-4,
        Precision::Tf32 => 2e-3,
        Precision::Bf16 => 2e-2,
        Precision::Fp16 => 5e-3,
    }
}

/// How much more it explains in gradients: they go through every block twice, and where the input of ReLU is close to
/// zero, rounding decides whether a token takes part.
const GRADIENTS: f64 = 5.0;

/// Compares logits, loss, gradients and an update of Adam on the device with those of the processor in `f32`.
///
/// Both start from the same weights and learn from the same batch of random sentences with the same dropout masks. The
/// update is made from the processor's gradients on both: Adam divides a
/// gradient by its own size, so that rounding in a tiny one would show in full. Gradients from recomputed activations are
/// compared where the family has them.
///
/// # Errors
/// A configuration that no model can be built from.
pub fn compare_with_processor(
    config: &ModelConfig,
    vocab: &Vocab,
    compute: &Compute,
    seed: u64,
) -> Result<Vec<Deviation>> {
    config.validate(vocab)?;
    if LanguageModel::check(config).is_ok() {
        compare::<LanguageModel>(config, vocab, compute, seed)
    } else {
        compare::<Model>(config, vocab, compute, seed)
    }
}

/// [`compare_with_processor`] for a model that plays the role `M`.
fn compare<M: Compared>(
    config: &ModelConfig,
    vocab: &Vocab,
    compute: &Compute,
    seed: u64,
) -> Result<Vec<Deviation>> {
    let processor = Compute::from(&Device::flex());
    let (expected, found) = (
        Run::<M>::new(config, vocab, &processor, seed)?,
        Run::<M>::new(config, vocab, compute, seed)?,
    );
    let total = expected
        .gradients
        .iter()
        .map(|(_, gradient)| square(gradient))
        .sum::<f64>()
        .sqrt();
    let all = |gradients: &[(String, Vec<f32>)]| -> Vec<f32> {
        let gradients = gradients.iter();
        gradients.flat_map(|(_, gradient)| gradient).copied().collect()
    };
    let limit = tolerance(compute.precision);
    let whole = |tensor: &str, found: &[f32], expected: &[f32]| Deviation {
        tensor: tensor.to_owned(),
        relative_error: relative_error(found, expected, 0.0),
        limit,
    };
    let mut deviations = vec![
        whole("loss", &found.loss, &expected.loss),
        whole("logits", &found.logits, &expected.logits),
    ];
    let expected_gradients = all(&expected.gradients);
    let recomputed = found.recomputed.as_ref();
    let recomputed = recomputed.map(|gradients| ("all gradients, activations recomputed", gradients));
    for (tensor, gradients) in std::iter::once(("all gradients", &found.gradients)).chain(recomputed) {
        deviations.push(Deviation {
            limit: GRADIENTS * limit,
            ..whole(tensor, &all(gradients), &expected_gradients)
        });
    }
    for ((name, expected), (_, found)) in expected.gradients.iter().zip(&found.gradients) {
        deviations.push(Deviation {
            tensor: format!("gradient of {name}"),
            relative_error: relative_error(found, expected, 1e-3 * total),
            limit: GRADIENTS * limit,
        });
    }
    let (updated, expected) = (found.update(&expected)?, expected.update(&expected)?);
    for ((name, expected), (_, found)) in expected.iter().zip(&updated) {
        deviations.push(whole(&format!("update of {name}"), found, expected));
    }
    Ok(deviations)
}

/// A forward pass over the batch.
#[derive(Clone)]
struct Pass {
    src_tokens: Tensor<2, Int>,
    prev_output_tokens: Tensor<2, Int>,
    seed: u64,
}

/// A model that is compared.
trait Compared: OfConfig {
    /// Logits of the targets, `[SENTENCES, longest, vocab]`; a model of one text reads `prev_output_tokens` alone.
    fn logits(&self, pass: Pass) -> Tensor<3>;

    /// Adds the gradients of `loss` from recomputed activations to those of `add`, where the family has them.
    fn add_recomputed(
        &self,
        pass: Pass,
        loss: impl FnOnce(Tensor<3>) -> Tensor<1>,
        add: &mut dyn FnMut(GradientsParams),
    ) {
        let loss = loss(self.logits(pass));
        add(GradientsParams::from_grads(loss.backward(), self));
    }
}

impl Compared for Model {
    fn logits(&self, pass: Pass) -> Tensor<3> {
        let dropout = Dropout::seeded(pass.seed);
        self.forward(pass.src_tokens, pass.prev_output_tokens, &dropout)
    }

    fn add_recomputed(
        &self,
        pass: Pass,
        loss: impl FnOnce(Tensor<3>) -> Tensor<1>,
        add: &mut dyn FnMut(GradientsParams),
    ) {
        let dropout = Dropout::seeded(pass.seed);
        let (src, prev) = (pass.src_tokens, pass.prev_output_tokens);
        self.backward_recomputing(src, prev, &dropout, |logits| (loss(logits), ()), add);
    }
}

impl Compared for LanguageModel {
    fn logits(&self, pass: Pass) -> Tensor<3> {
        self.forward(pass.prev_output_tokens, &Dropout::seeded(pass.seed))
    }
}

/// A model, and what it gives on the batch.
struct Run<M> {
    model: M,
    logits: Vec<f32>,
    loss: Vec<f32>,
    /// By parameter, in module order.
    gradients: Vec<(String, Vec<f32>)>,
    /// The same from recomputed activations, where the family has them.
    recomputed: Option<Vec<(String, Vec<f32>)>>,
    device: Device,
}

impl<M: Compared> Run<M> {
    fn new(config: &ModelConfig, vocab: &Vocab, compute: &Compute, seed: u64) -> Result<Self> {
        let model = M::init(config, vocab, seed, compute)?.train();
        let device = compute.device.clone().autodiff();
        let [src_tokens, prev_output_tokens, target] = batch(config, vocab, &device);
        let loss = |logits: Tensor<3>| {
            let target = target.clone().flatten(0, 1);
            label_smoothed_cross_entropy(logits.flatten(0, 1), target, vocab.pad(), 0.1).0
        };
        let by_name = |gradients: Accumulated| -> Vec<(String, Vec<f32>)> {
            let gradients = gradients.state_dict(&model).into_iter();
            gradients.map(|(name, data)| (name, numbers(data))).collect()
        };

        let pass = Pass {
            src_tokens,
            prev_output_tokens,
            seed,
        };
        let logits = model.logits(pass.clone());
        let whole = loss(logits.clone());
        let mut gradients = Accumulated::new();
        gradients.add(
            &model,
            GradientsParams::from_grads(whole.clone().backward(), &model),
        );

        let recomputed = config.has(Feature::RecomputedActivations).then(|| {
            let mut recomputed = Accumulated::new();
            model.add_recomputed(pass, loss, &mut |grads| recomputed.add(&model, grads));
            by_name(recomputed)
        });

        Ok(Self {
            logits: numbers(logits.detach().into_data()),
            loss: numbers(whole.detach().into_data()),
            gradients: by_name(gradients),
            recomputed,
            model,
            device: compute.device.clone().without_autodiff(),
        })
    }

    /// How much every parameter moves in one update from the gradients of `other`.
    fn update(&self, other: &Self) -> Result<Vec<(String, Vec<f32>)>> {
        struct Register<'a> {
            values: std::slice::Iter<'a, (String, Vec<f32>)>,
            device: &'a Device,
            gradients: GradientsParams,
        }
        impl ModuleVisitor for Register<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let (_, values) = self.values.next().expect("both models have the same parameters");
                let data = TensorData::new(values.clone(), param.lazy_shape());
                self.gradients
                    .register(param.id, Tensor::<D>::from_data(data, self.device));
            }
        }
        let mut register = Register {
            values: other.gradients.iter(),
            device: &self.device,
            gradients: GradientsParams::new(),
        };
        self.model.visit(&mut register);
        let mut gradients = Accumulated::new();
        gradients.add(&self.model, register.gradients);
        let mut optimizer = OptimizerConfig::default().init(&self.model)?;
        let before = state_dict(&self.model);
        let after = state_dict(&optimizer.step(self.model.clone(), gradients, 1e-3));
        let moved = |before: TensorData, after: TensorData| {
            let pairs = numbers(after).into_iter().zip(numbers(before));
            pairs.map(|(after, before)| after - before).collect()
        };
        let pairs = before.into_iter().zip(after);
        Ok(pairs
            .map(|((name, before), (_, after))| (name, moved(before, after)))
            .collect())
    }
}

/// Random sentences: sources, padded on the left, and targets shifted and as they are, padded on the right;
/// `[SENTENCES, longest]`.
fn batch(config: &ModelConfig, vocab: &Vocab, device: &Device) -> [Tensor<2, Int>; 3] {
    let mut random = Mt19937::new(1);
    let (max_source, max_target) = config.max_positions();
    let longest = LONGEST.min(max_source).min(max_target);
    let (pad, eos) = (vocab.pad() as i64, vocab.eos() as i64);
    let first = pad.max(eos) + 1;
    let mut sentence = |types: usize, length: usize| -> Vec<i64> {
        let most = (types as i64 - 1 - first).max(0) as u64;
        let words = (1..length).map(|_| (first + random.interval(most) as i64).min(types as i64 - 1));
        words.chain([eos]).collect()
    };
    let (mut sources, mut inputs, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..SENTENCES {
        let [src_len, tgt_len] = [row, row * 7].map(|x| longest - x % (longest / 2 + 1));
        let (source, target) = (sentence(vocab.src, src_len), sentence(vocab.tgt, tgt_len));
        sources.extend(std::iter::repeat_n(pad, longest - src_len).chain(source));
        let padding = || std::iter::repeat_n(pad, longest - tgt_len);
        inputs.extend(
            std::iter::once(eos)
                .chain(target[..tgt_len - 1].iter().copied())
                .chain(padding()),
        );
        targets.extend(target.into_iter().chain(padding()));
    }
    [sources, inputs, targets]
        .map(|ids| Tensor::from_data(TensorData::new(ids, [SENTENCES, longest]), device))
}

fn numbers(data: TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}

fn square(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// Length of the difference by the length of `expected`, which is taken to be at least `least`.
fn relative_error(found: &[f32], expected: &[f32], least: f64) -> f64 {
    let pairs = found.iter().zip(expected);
    let difference: Vec<f32> = pairs.map(|(found, expected)| found - expected).collect();
    let off = square(&difference).sqrt();
    // A tensor of zeros that is found to be zero is right.
    if off == 0.0 {
        0.0
    } else {
        off / square(expected).sqrt().max(least)
    }
}

#[cfg(test)]
mod tests {
    use burnseq_model::TransformerConfig;

    use super::*;

    #[test]
    fn language_models_are_compared_too_and_the_processor_agrees_with_itself() {
        let vocab = Vocab::fairseq(50, 50);
        let small = |arch: &str, fields: serde_json::Value| {
            let config = ModelConfig::from_arch(arch).unwrap();
            config.with_fields(fields.as_object().unwrap()).unwrap()
        };
        let transformer = serde_json::json!({
            "decoder_embed_dim": 32, "decoder_input_dim": 32, "decoder_output_dim": 32, "decoder_ffn_embed_dim": 64,
            "decoder_layers": 2, "decoder_attention_heads": 4,
        });
        let lstm = serde_json::json!({ "decoder_embed_dim": 16, "decoder_out_embed_dim": 16 });
        for config in [small("transformer_lm_gpt", transformer), small("lstm_lm", lstm)] {
            let compute = |precision| Compute {
                device: Device::flex(),
                precision,
            };
            let found = compare_with_processor(&config, &vocab, &compute(Precision::Fp32), 1).unwrap();
            let model = LanguageModel::init(&config, &vocab, 1, &Device::flex()).unwrap();
            assert_eq!(found.len(), 3 + 2 * state_dict(&model).len());
            for deviation in found {
                assert_eq!(deviation.relative_error, 0.0, "{deviation:?}");
            }
            let narrow = compare_with_processor(&config, &vocab, &compute(Precision::Bf16), 1).unwrap();
            assert!(narrow[1].relative_error > 1e-5, "{:?}", narrow[1]);
            for deviation in narrow {
                assert!(deviation.is_small(), "{deviation:?}");
            }
        }
    }

    fn deviations(precision: Precision) -> Vec<Deviation> {
        let vocab = Vocab::fairseq(60, 50);
        let config = ModelConfig::from(TransformerConfig {
            attention_dropout: 0.1,
            activation_dropout: 0.1,
            ..TransformerConfig::sized(32, 64, 4, 2)
        });
        let compute = Compute {
            device: Device::flex(),
            precision,
        };
        let deviations = compare_with_processor(&config, &vocab, &compute, 1).unwrap();
        let parameters = state_dict(&Model::init(&config, &vocab, 1, &Device::flex()).unwrap()).len();
        assert_eq!(deviations.len(), 4 + 2 * parameters);
        deviations
    }

    #[test]
    fn the_processor_agrees_with_itself_and_nearly_with_its_narrow_formats() {
        let exact = deviations(Precision::Fp32);
        for (deviation, limit) in exact
            .iter()
            .zip([0.0, 0.0, 0.0, 1e-6].into_iter().chain(std::iter::repeat(0.0)))
        {
            assert!(deviation.relative_error <= limit, "{deviation:?}");
        }
        for precision in [Precision::Bf16, Precision::Fp16] {
            let deviations = deviations(precision);
            // Logits and both kinds of gradients are really computed in it.
            for deviation in &deviations[1..4] {
                assert!(deviation.relative_error > 1e-5, "{precision}: {deviation:?}");
            }
            for deviation in deviations {
                assert!(deviation.is_small(), "{precision}: {deviation:?}");
            }
        }
    }

    #[test]
    fn deviations_are_relative() {
        assert!((relative_error(&[3.3, 4.4], &[3.0, 4.0], 0.0) - 0.1).abs() < 1e-6);
        assert_eq!(relative_error(&[0.0], &[0.0], 0.0), 0.0);
        assert_eq!(relative_error(&[1.0], &[0.0], 0.0), f64::INFINITY);
        assert!(relative_error(&[1.0], &[0.0], 10.0) < 0.11);
        let not_a_number = Deviation {
            tensor: String::new(),
            relative_error: f64::NAN,
            limit: 1.0,
        };
        assert!(!not_a_number.is_small());
    }
}
