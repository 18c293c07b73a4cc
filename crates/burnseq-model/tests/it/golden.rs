//! Every layer of the Transformer against the outputs of the real fairseq, where `../shared/golden` is at hand.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burnseq_model::{
    ActivationFn, Dropout, EncoderDecoder, FamilyConfig, Transformer, TransformerConfig,
    layers::{SinusoidFrequencies, sinusoids},
    load_state_dict,
};
use burnseq_testing::largest_difference;
use burnseq_text::Vocab;
use safetensors::{Dtype, SafeTensors};

/// The folder, or nothing (said once per test) where it is absent.
fn golden() -> Option<PathBuf> {
    burnseq_testing::shared("golden/numerics")
}

fn read(path: &Path) -> HashMap<String, TensorData> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let chunks = view.data();
            let shape = view.shape().to_vec();
            let data = match view.dtype() {
                Dtype::F32 => TensorData::new(
                    chunks
                        .chunks_exact(4)
                        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                        .collect(),
                    shape,
                ),
                Dtype::I64 => TensorData::new(
                    chunks
                        .chunks_exact(8)
                        .map(|b| i64::from_le_bytes(b.try_into().unwrap()))
                        .collect::<Vec<_>>(),
                    shape,
                ),
                other => panic!("{name} has type {other:?}"),
            };
            (name.to_owned(), data)
        })
        .collect()
}

/// The settings of golden/README.md, and the weights file they go with.
fn variant(name: &str) -> (TransformerConfig, Vocab, &'static str) {
    let base = TransformerConfig {
        share_decoder_input_output_embed: true,
        dropout: 0.0,
        ..TransformerConfig::sized(64, 128, 4, 2)
    };
    let vocab = Vocab::fairseq(504, 400);
    match name {
        "base" => (base, vocab, "base"),
        "prenorm" => (
            TransformerConfig {
                encoder_normalize_before: true,
                decoder_normalize_before: true,
                ..base
            },
            vocab,
            name_of(name),
        ),
        "learned_pos" => (
            TransformerConfig {
                encoder_learned_pos: true,
                decoder_learned_pos: true,
                ..base
            },
            vocab,
            name_of(name),
        ),
        "share_all" => (
            TransformerConfig {
                share_all_embeddings: true,
                ..base
            },
            Vocab {
                src: 600,
                tgt: 600,
                ..vocab
            },
            name_of(name),
        ),
        "gelu" => (
            TransformerConfig {
                activation_fn: ActivationFn::Gelu,
                ..base
            },
            vocab,
            "base",
        ),
        "untied" => (
            TransformerConfig {
                share_decoder_input_output_embed: false,
                ..base
            },
            vocab,
            name_of(name),
        ),
        other => panic!("no variant {other}"),
    }
}

fn name_of(name: &str) -> &'static str {
    ["prenorm", "learned_pos", "share_all", "untied"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap()
}

fn model(golden: &Path, name: &str, device: &Device) -> Transformer {
    let (config, vocab, weights) = variant(name);
    config.validate(&vocab).unwrap();
    let weights = read(&golden.join(weights).join("init.safetensors"));
    load_state_dict(config.init(&vocab, 1, device), &weights).unwrap()
}

fn tokens(batch: &HashMap<String, TensorData>, name: &str, device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(batch[name].clone(), device)
}

/// Largest absolute difference, after checking the shapes.
fn difference<const D: usize>(ours: Tensor<D>, theirs: &TensorData) -> f64 {
    let ours = ours.into_data_dtype(DType::F32);
    assert_eq!(ours.shape(), theirs.shape());
    largest_difference(
        "tensors",
        ours.as_slice::<f32>().unwrap(),
        theirs.as_slice::<f32>().unwrap(),
    )
}

#[test]
fn logits_and_layer_states_equal_fairseq_in_every_variant() {
    let Some(golden) = golden() else { return };
    let device = Device::flex();
    for name in ["base", "prenorm", "learned_pos", "share_all", "gelu", "untied"] {
        let model = model(&golden, name, &device);
        let batch = read(&golden.join(name).join("batch1.safetensors"));
        let forward = read(&golden.join(name).join("forward1.safetensors"));
        let (logits, states) = model.forward_with_states(
            tokens(&batch, "src_tokens", &device),
            tokens(&batch, "prev_output_tokens", &device),
        );
        let mut worst = difference(logits, &forward["logits"]);
        assert!(worst < 1e-5, "{name}: logits differ by {worst:e}");
        let mut compared = 0;
        let sides = [
            ("encoder_state", states.encoder),
            ("decoder_state", states.decoder),
        ];
        for (side, states) in sides {
            for (layer, state) in states.into_iter().enumerate() {
                let Some(theirs) = forward.get(&format!("{side}.{layer}")) else {
                    continue;
                };
                let off = difference(state.swap_dims(0, 1), theirs);
                assert!(off < 1e-5, "{name}: {side}.{layer} differs by {off:e}");
                worst = worst.max(off);
                compared += 1;
            }
        }
        // Embeddings and two blocks of both sides; those of this variant are not recorded.
        assert_eq!(compared, if name == "untied" { 0 } else { 6 }, "{name}");
        if let Some(theirs) = forward.get("attn") {
            let (_, attention) = model.forward_with_attention(
                tokens(&batch, "src_tokens", &device),
                tokens(&batch, "prev_output_tokens", &device),
                &Dropout::off(),
            );
            let off = difference(attention, theirs);
            assert!(off < 1e-6, "{name}: attention differs by {off:e}");
        }
        eprintln!("{name}: largest difference {worst:e}");
    }
}

#[test]
fn logits_of_batches_with_other_shapes_equal_fairseq() {
    let Some(golden) = golden() else { return };
    let device = Device::flex();
    let model = model(&golden, "base", &device);
    for number in [2, 3] {
        let batch = read(&golden.join(format!("base/batch{number}.safetensors")));
        let forward = read(&golden.join(format!("base/forward{number}.safetensors")));
        let (logits, _) = model.forward_with_states(
            tokens(&batch, "src_tokens", &device),
            tokens(&batch, "prev_output_tokens", &device),
        );
        let off = difference(logits, &forward["logits"]);
        assert!(off < 1e-5, "batch {number}: logits differ by {off:e}");
    }
}

#[test]
fn sinusoids_equal_fairseq() {
    let Some(golden) = golden() else { return };
    let mut compared = 0;
    for (name, theirs) in read(&golden.join("sinusoidal.safetensors")) {
        let [rows, width] = *theirs.shape().as_slice() else {
            continue;
        };
        if theirs.dtype() != DType::F32 || rows < 100 {
            continue;
        }
        let off = difference(
            sinusoids(SinusoidFrequencies::Fairseq, rows, width, 1, &Device::flex()),
            &theirs,
        );
        eprintln!("{name}: width {width}, largest difference {off:e}");
        assert!(off < 1e-6, "{name}: differs by {off:e}");
        compared += 1;
    }
    assert_eq!(compared, 2, "an even and an odd width");
}
