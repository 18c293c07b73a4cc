//! Decoding step by step gives what the whole pass gives.

use burn::tensor::{Device, Int, Tensor};
use burnseq_kernels::Stepping;
use burnseq_model::{Dropout, EncoderDecoder, FamilyConfig, Stepwise, Transformer, TransformerConfig};
use burnseq_text::Vocab;

const VOCAB: Vocab = Vocab::fairseq(30, 26);

const STEPPINGS: [Stepping; 2] = [Stepping::Processor, Stepping::Device];

fn tiny(change: impl FnOnce(&mut TransformerConfig)) -> Transformer {
    let mut presets = TransformerConfig::ARCHS.iter();
    let (_, preset) = presets.find(|(name, _)| *name == "transformer_tiny").unwrap();
    let mut config = preset();
    change(&mut config);
    config.init(&VOCAB, 7, &Device::flex())
}

fn ints<const D: usize>(values: impl Into<burn::tensor::TensorData>) -> Tensor<D, Int> {
    Tensor::from_ints(values, &Device::flex())
}

/// The largest number of a tensor, signs aside; NaN fails.
fn largest<const D: usize>(x: Tensor<D>) -> f32 {
    let values: Vec<f32> = x.into_data().iter().collect();
    burnseq_testing::largest_difference("tensors", &values, &vec![0.0; values.len()]) as f32
}

#[test]
fn long_targets_are_stepped_through_alike_on_every_device() {
    let model = tiny(|_| ());
    let start = |stepping| model.start(ints([[5, 9, 2], [8, 7, 2]]), Dropout::off(), stepping);
    let mut states = STEPPINGS.map(start);
    let mut rows: usize = 2;
    // Some numbers of tokens between which tensors grow, and rows that come, change places and go.
    for step in 0..70 {
        let tokens: Vec<i32> = (0..rows)
            .map(|row| 4 + ((step * 7 + row * 5) % 20) as i32)
            .collect();
        let [processor, device] = states
            .each_mut()
            .map(|state| model.step(ints(tokens.as_slice()), state));
        let off = largest(processor - device);
        assert!(off < 1e-5, "step {step} differs by {off:e}");
        let (order, sentences): (Vec<usize>, Vec<usize>) = match step {
            0 => (vec![0, 0, 0, 1, 1, 1], vec![0, 1]),
            40 => (vec![5, 3, 4], vec![1]),
            1..40 => (
                (0..6).map(|row| row / 3 * 3 + (row * step) % 3).collect(),
                vec![0, 1],
            ),
            _ => ((0..3).map(|row| (row + step / 2) % 3).collect(), vec![0]),
        };
        for state in &mut states {
            model.reorder(state, &order, &sentences);
        }
        rows = order.len();
    }
}

#[test]
fn attention_is_a_distribution_over_the_source_that_ignores_padding_and_later_tokens() {
    let model = tiny(|_| ());
    let (src_tokens, prev_output_tokens) = (
        ints([[1, 1, 5, 9, 2], [4, 8, 7, 6, 2]]),
        ints([[2, 4, 9], [2, 20, 5]]),
    );
    let off = Dropout::off();
    let (logits, attention) =
        model.forward_with_attention(src_tokens.clone(), prev_output_tokens.clone(), &off);
    assert_eq!(attention.dims(), [2, 3, 5]);
    assert_eq!(
        largest(logits - model.forward(src_tokens.clone(), prev_output_tokens, &off)),
        0.0
    );
    assert!(largest(attention.clone().sum_dim(2) - 1.0) < 1e-6);
    assert_eq!(largest(attention.clone().slice([0..1, 0..3, 0..2])), 0.0);

    let (_, shorter) = model.forward_with_attention(src_tokens, ints([[2, 4], [2, 20]]), &off);
    assert!(largest(shorter - attention.clone().slice([0..2, 0..2])) < 1e-6);
    let (_, alone) = model.forward_with_attention(ints([[5, 9, 2]]), ints([[2, 4, 9]]), &off);
    assert!(largest(alone - attention.slice([0..1, 0..3, 2..5])) < 1e-6);
}

#[test]
fn the_attention_of_each_head_is_that_which_the_blocks_compute_with() {
    for normalize_before in [false, true] {
        let model = tiny(|config| {
            config.encoder_normalize_before = normalize_before;
            config.decoder_normalize_before = normalize_before;
        });
        let (src_tokens, prev_output_tokens) = (
            ints([[1, 1, 5, 9, 2], [4, 8, 7, 6, 2]]),
            ints([[2, 4, 9], [2, 20, 5]]),
        );
        let found = model.attention_probabilities(src_tokens.clone(), prev_output_tokens.clone());
        let layers = [&found.encoder, &found.decoder, &found.cross].map(Vec::len);
        assert_eq!(
            layers,
            [
                model.encoder.layers.len(),
                model.decoder.layers.len(),
                model.decoder.layers.len()
            ]
        );
        for layer in found.encoder.iter().chain(&found.decoder).chain(&found.cross) {
            assert!(largest(layer.clone().sum_dim(3) - 1.0) < 1e-6);
        }

        // The last cross-attention depends on every block before it, of the encoder and of the decoder.
        let off = Dropout::off();
        let (_, mean) = model.forward_with_attention(src_tokens.clone(), prev_output_tokens.clone(), &off);
        let last = found.cross.last().unwrap().clone();
        assert!(largest(last.mean_dim(1).squeeze_dim::<3>(1) - mean) < 1e-6);

        // Padding of the source is not seen, and neither are later tokens of the target.
        let padding = found.encoder[0].clone().slice([0..1, 0..1, 0..5, 0..2]);
        assert_eq!(largest(padding), 0.0);
        let later = found.decoder[0].clone().slice([0..2, 0..1, 0..2, 2..3]);
        assert_eq!(largest(later), 0.0);

        // The first block of the encoder, from its input and its own weights.
        let (_, states) = model.forward_with_states(src_tokens.clone(), prev_output_tokens);
        let layer = &model.encoder.layers[0];
        let x = if normalize_before {
            layer.self_attn_layer_norm.forward(states.encoder[0].clone())
        } else {
            states.encoder[0].clone()
        };
        let queries = layer.self_attn.q_proj.forward(x.clone());
        let keys = layer.self_attn.k_proj.forward(x);
        let [batch, heads, len, _] = found.encoder[0].dims();
        let [_, _, d_model] = queries.dims();
        let head_dim = d_model / heads;
        let values = |x: Tensor<3>| x.into_data().try_to_vec::<f32>().unwrap();
        let (queries, keys) = (values(queries), values(keys));
        let probabilities = found.encoder[0].clone().into_data().try_to_vec::<f32>().unwrap();
        let is_pad = src_tokens.equal_elem(1).into_data().try_to_vec::<bool>().unwrap();
        for sentence in 0..batch {
            for head in 0..heads {
                for query in 0..len {
                    let at = |place: usize| (sentence * len + place) * d_model + head * head_dim;
                    let weight = |key: usize| {
                        let products = (0..head_dim).map(|d| queries[at(query) + d] * keys[at(key) + d]);
                        let score = products.sum::<f32>() / (head_dim as f32).sqrt();
                        if is_pad[sentence * len + key] {
                            0.0
                        } else {
                            score.exp()
                        }
                    };
                    let sum: f32 = (0..len).map(weight).sum();
                    for key in 0..len {
                        let found = probabilities[((sentence * heads + head) * len + query) * len + key];
                        assert!((found - weight(key) / sum).abs() < 1e-5, "{found}");
                    }
                }
            }
        }
    }
}
