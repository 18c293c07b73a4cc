//! The narrow number formats against `f32`: loss and gradients of a whole model.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Int, Tensor};
use burnseq_kernels::{Compute, Precision, Stepping, ops};
use burnseq_text::Vocab;

use super::{ActivationFn, Transformer, TransformerConfig};
use crate::{Dropout, EncoderDecoder, FamilyConfig, Init, Stepwise, named_parameters};

const VOCAB: Vocab = Vocab::fairseq(40, 48);

fn model(precision: Precision, activations: DType) -> Transformer {
    let compute = Compute {
        device: Device::flex().autodiff(),
        precision,
    };
    let mut init = Init::new(3, &compute).with_activations(activations);
    // Not ReLU: where its input is close to zero, rounding decides whether a token takes part at all.
    let config = TransformerConfig {
        activation_fn: ActivationFn::Gelu,
        ..TransformerConfig::tiny()
    };
    config.build(&VOCAB, &mut init)
}

/// Loss, and the gradients by parameter.
fn learn(model: &Transformer) -> (f32, HashMap<String, Vec<f32>>) {
    let device = Device::flex().autodiff();
    let src = Tensor::<2, Int>::from_ints([[1, 1, 5, 7, 2], [9, 8, 7, 6, 2]], &device);
    let prev = Tensor::<2, Int>::from_ints([[2, 9, 10, 11], [2, 12, 1, 1]], &device);
    let target = Tensor::<1, Int>::from_ints([9, 10, 11, 2, 12, 2, 1, 1], &device);
    let logits = model.forward(src, prev, &Dropout::off());
    let (loss, _) = ops::label_smoothed_nll(logits.reshape([8, VOCAB.tgt]), target, VOCAB.pad(), 0.1);
    let grads = GradientsParams::from_grads(loss.backward(), model);

    struct Collect<'a>(&'a GradientsParams, HashMap<ParamId, Vec<f32>>);
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let grad = self.0.get::<D>(param.id).expect("every parameter takes part");
            assert_eq!(grad.dtype(), DType::F32);
            self.1.insert(param.id, grad.into_data().try_to_vec().unwrap());
        }
    }
    let mut collected = Collect(&grads, HashMap::new());
    model.visit(&mut collected);
    let gradients = named_parameters(model)
        .into_iter()
        .map(|(name, id, _)| (name, collected.1.remove(&id).unwrap()))
        .collect();
    (loss.into_scalar(), gradients)
}

/// Length of the difference beside the length of `b`, which must be no rounding noise.
fn relative(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let length = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
    let whole = length(&mut b.iter().copied());
    assert!(whole > 1e-3, "{whole:e}");
    length(&mut a.iter().zip(b).map(|(a, b)| a - b)) / whole
}

#[test]
fn narrow_formats_learn_nearly_the_same() {
    let (loss, gradients) = learn(&model(Precision::Fp32, DType::F32));
    for (precision, activations, tolerance) in [
        (Precision::Bf16, DType::F32, 5e-2),  // products only, as on the processor
        (Precision::Bf16, DType::BF16, 7e-2), // everything, as on other devices
        (Precision::Fp16, DType::F16, 1.5e-2),
    ] {
        let (narrow_loss, narrow) = learn(&model(precision, activations));
        let off = (narrow_loss - loss).abs() / loss;
        assert!(off > 0.0, "{precision} {activations:?} changes nothing");
        assert!(
            off < tolerance / 15.0,
            "{precision} {activations:?}: loss is off by {off:e}"
        );
        for (name, gradient) in &gradients {
            // Softmax does not see a constant added to all scores, so that nothing but rounding is left here.
            if name.ends_with("k_proj.bias") {
                continue;
            }
            let off = relative(&narrow[name], gradient);
            assert!(
                off < tolerance,
                "{precision} {activations:?}: gradient of {name} is off by {off:e}"
            );
        }
    }
}

#[test]
fn stepping_through_a_target_in_a_narrow_format_gives_nearly_the_logits_of_the_whole_pass() {
    let device = Device::flex();
    let src = Tensor::<2, Int>::from_ints([[1, 1, 5, 7, 2], [9, 8, 7, 6, 2]], &device);
    let prev = Tensor::<2, Int>::from_ints([[2, 9, 10, 11], [2, 12, 8, 5]], &device);
    let whole =
        model(Precision::Fp32, DType::F32)
            .valid()
            .forward(src.clone(), prev.clone(), &Dropout::off());
    for (precision, activations, tolerance) in [
        (Precision::Bf16, DType::BF16, 3e-2),
        (Precision::Fp16, DType::F16, 4e-3),
    ] {
        let model = model(precision, activations).valid();
        let mut state = model.start(src.clone(), Dropout::off(), Stepping::Device);
        for step in 0..4 {
            let token = prev.clone().slice([0..2, step..step + 1]).squeeze_dim(1);
            let logits = model.step(token, &mut state);
            assert_eq!(logits.dtype(), activations);
            let expected = whole.clone().slice([0..2, step..step + 1]).squeeze_dim(1);
            let values =
                |logits: Tensor<2>| -> Vec<f32> { logits.cast(DType::F32).into_data().try_to_vec().unwrap() };
            let off = relative(&values(logits), &values(expected));
            assert!(
                off > 0.0 && off < tolerance,
                "{precision}: step {step} is off by {off:e}"
            );
            model.reorder(&mut state, &[0, 1], &[0, 1]);
        }
    }
}
