//! Gradients in less memory: of every block only its input is kept, and what happens inside is computed once more on
//! the way back (Chen et al. 2016, "Training deep nets with sublinear memory cost").

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Bool, Gradients, Tensor},
};

use super::{DecoderLayer, EncoderLayer, Stacks};
use crate::{Dropout, Tokens, families::EncoderOut};

/// A block that took part in the forward pass.
struct Block {
    /// Its place in the stack.
    number: usize,
    /// What went in, off the autodiff device: `[batch, len, d_model]`.
    input: Tensor<3>,
    /// The masks as they stood before it.
    dropout: Dropout,
}

/// What the forward pass keeps of one stack.
struct Stack {
    /// The masks as they stood before the embeddings.
    dropout: Dropout,
    /// Blocks that were not left out.
    blocks: Vec<Block>,
    /// Output of the last block, off the autodiff device.
    output: Tensor<3>,
    /// True at padding, `[batch, len]`.
    is_pad: Tensor<2, Bool>,
}

impl Stack {
    /// Runs a stack of `layers` blocks without autodiff.
    fn run(
        layers: usize,
        layerdrop: f64,
        dropout: &Dropout,
        embed: impl FnOnce(&Dropout) -> (Tensor<3>, Tensor<2, Bool>),
        block: impl Fn(usize, Tensor<3>, &Tensor<2, Bool>, &Dropout) -> Tensor<3>,
    ) -> Self {
        let before = dropout.clone();
        let (mut x, is_pad) = embed(dropout);
        let mut blocks = Vec::new();
        for number in 0..layers {
            if dropout.drops_layer(layerdrop) {
                continue;
            }
            blocks.push(Block {
                number,
                input: x.clone(),
                dropout: dropout.clone(),
            });
            x = block(number, x, &is_pad, dropout);
        }
        Self {
            dropout: before,
            blocks,
            output: x,
            is_pad,
        }
    }
}

/// See [`crate::EncoderDecoder::backward_recomputing`].
pub(super) fn backward<E: EncoderLayer, D: DecoderLayer, T>(
    model: &Stacks<E, D>,
    [src_tokens, prev_output_tokens]: [Tokens; 2],
    dropout: &Dropout,
    loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
    add: &mut dyn FnMut(GradientsParams),
) -> T {
    let plain = model.valid();
    let encoder = Stack::run(
        plain.encoder.layers.len(),
        plain.encoder.layerdrop,
        dropout,
        |dropout| plain.encoder.embed(src_tokens.clone().inner(), dropout),
        |number, x, is_pad, dropout| plain.encoder.layers[number].forward(x, is_pad, dropout),
    );
    let memory = EncoderOut {
        x: plain.encoder.finish(encoder.output.clone()),
        is_pad: encoder.is_pad,
    };
    let decoder = Stack::run(
        plain.decoder.layers.len(),
        plain.decoder.layerdrop,
        dropout,
        |dropout| {
            let tokens = prev_output_tokens.clone().inner();
            plain.decoder.embed(tokens, plain.tgt_embedding(), dropout)
        },
        |number, x, is_pad, dropout| {
            plain.decoder.layers[number].forward(x, is_pad, &memory, dropout, |_| ())
        },
    );

    let mut back = |mut grads: Gradients, inputs: &[&Tensor<3>]| -> Vec<Tensor<3>> {
        let of_inputs = inputs.iter().map(|input| {
            let grad = input.grad_remove(&mut grads);
            grad.expect("the output depends on every input")
        });
        let of_inputs = of_inputs.collect();
        add(GradientsParams::from_grads(grads, model));
        of_inputs
    };
    // The loss, the output projection, then the blocks of the decoder and its embeddings.
    let features = leaf(decoder.output);
    let (loss, rest) = loss(model.project(model.decoder.finish(features.clone())));
    let mut grad = back(loss.backward(), &[&features]).remove(0);
    let mut of_memory: Option<Tensor<3>> = None;
    let is_pad = Tensor::from_inner(decoder.is_pad);
    let src_is_pad = Tensor::from_inner(memory.is_pad);
    for block in decoder.blocks.into_iter().rev() {
        let input = leaf(block.input);
        let memory = EncoderOut {
            x: leaf(memory.x.clone()),
            is_pad: src_is_pad.clone(),
        };
        let layer = &model.decoder.layers[block.number];
        let output = layer.forward(input.clone(), &is_pad, &memory, &block.dropout, |_| ());
        let mut grads = back(pull(output, grad), &[&input, &memory.x]);
        let more = grads.pop().expect("one for each input");
        of_memory = Some(match of_memory {
            Some(sum) => sum + more,
            None => more,
        });
        grad = grads.remove(0);
    }
    let (embedded, _) = model
        .decoder
        .embed(prev_output_tokens, model.tgt_embedding(), &decoder.dropout);
    back(pull(embedded, grad), &[]);

    // The encoder, which the loss does not depend on where all blocks of the decoder were left out.
    let Some(of_memory) = of_memory else {
        return rest;
    };
    let output = leaf(encoder.output);
    let finished = model.encoder.finish(output.clone());
    let mut grad = back(pull(finished, of_memory), &[&output]).remove(0);
    for block in encoder.blocks.into_iter().rev() {
        let input = leaf(block.input);
        let layer = &model.encoder.layers[block.number];
        let output = layer.forward(input.clone(), &src_is_pad, &block.dropout);
        grad = back(pull(output, grad), &[&input]).remove(0);
    }
    let (embedded, _) = model.encoder.embed(src_tokens, &encoder.dropout);
    back(pull(embedded, grad), &[]);
    rest
}

/// A tensor whose gradient is wanted.
fn leaf(x: Tensor<3>) -> Tensor<3> {
    Tensor::from_inner(x).require_grad()
}

/// Gradients of what `output` was made of, given that of `output`: those of the sum of the products of both.
fn pull(output: Tensor<3>, grad: Tensor<3>) -> Gradients {
    (output * Tensor::from_inner(grad)).backward()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::{Device, Int};
    use burnseq_kernels::ops;
    use burnseq_text::Vocab;

    use super::*;
    use crate::{EncoderDecoder, FamilyConfig, Transformer, TransformerConfig, named_parameters};

    const VOCAB: Vocab = Vocab::fairseq(12, 12);

    /// Sums of gradients, by the parameter's name.
    #[derive(Default)]
    struct Sums(HashMap<String, Vec<f32>>);

    impl Sums {
        fn add(&mut self, model: &Transformer, grads: &GradientsParams) {
            struct Add<'a>(&'a GradientsParams, &'a mut Sums, std::vec::IntoIter<String>);
            impl ModuleVisitor for Add<'_> {
                fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                    let name = self.2.next().expect("every parameter has a name");
                    let Some(grad) = self.0.get::<D>(param.id) else {
                        return;
                    };
                    let grad: Vec<f32> = grad.into_data().try_to_vec().unwrap();
                    let sum = self.1.0.entry(name).or_insert_with(|| vec![0.0; grad.len()]);
                    sum.iter_mut().zip(grad).for_each(|(sum, grad)| *sum += grad);
                }
            }
            let names: Vec<String> = named_parameters(model)
                .into_iter()
                .map(|(name, ..)| name)
                .collect();
            model.visit(&mut Add(grads, self, names.into_iter()));
        }
    }

    /// Loss and gradients, through the whole graph and with blocks computed again.
    fn both_ways(config: TransformerConfig, seed: u64) -> [(f32, Sums); 2] {
        let device = Device::flex().autodiff();
        let model = config.init(&VOCAB, 3, &device).train();
        let src = || Tensor::<2, Int>::from_ints([[1, 1, 5, 7, 2], [9, 8, 7, 6, 2]], &device);
        let prev = || Tensor::<2, Int>::from_ints([[2, 9, 10, 11], [2, 4, 1, 1]], &device);
        let loss = |logits: Tensor<3>| {
            let target = Tensor::<1, Int>::from_ints([9, 10, 11, 2, 4, 2, 1, 1], &device);
            let (loss, _) = ops::label_smoothed_nll(logits.reshape([8, VOCAB.tgt]), target, VOCAB.pad(), 0.1);
            (loss.clone(), loss.into_scalar::<f32>())
        };
        let (scalar, whole) = loss(model.forward(src(), prev(), &Dropout::seeded(seed)));
        let mut sums = Sums::default();
        sums.add(&model, &GradientsParams::from_grads(scalar.backward(), &model));
        let mut again = Sums::default();
        let recomputed =
            model.backward_recomputing(src(), prev(), &Dropout::seeded(seed), loss, &mut |grads| {
                again.add(&model, &grads);
            });
        [(whole, sums), (recomputed, again)]
    }

    fn dropping() -> TransformerConfig {
        TransformerConfig {
            encoder_layers: 2,
            decoder_layers: 2,
            dropout: 0.3,
            attention_dropout: 0.2,
            activation_dropout: 0.1,
            ..TransformerConfig::tiny()
        }
    }

    #[test]
    fn loss_and_gradients_are_those_of_the_whole_graph() {
        let shared = TransformerConfig {
            share_all_embeddings: true,
            encoder_normalize_before: true,
            decoder_normalize_before: true,
            encoder_learned_pos: true,
            layernorm_embedding: true,
            ..dropping()
        };
        for config in [TransformerConfig::tiny(), dropping(), shared] {
            let [(whole, expected), (again, found)] = both_ways(config, 5);
            assert_eq!(whole, again);
            assert_eq!(found.0.len(), expected.0.len());
            let most = |grad: &[f32]| grad.iter().map(|x| x.abs()).fold(0.0, f32::max);
            let most_of_all = expected
                .0
                .values()
                .map(|grad| most(grad.as_slice()))
                .fold(0.0, f32::max);
            for (name, expected) in expected.0 {
                // A constant added to all scores changes no softmax: what is computed for it is rounding noise.
                let own = most(&expected);
                assert!(
                    name.ends_with("k_proj.bias") || own > 1e-4 * most_of_all,
                    "{name}: {own} beside {most_of_all}"
                );
                for (found, expected) in found.0[&name].iter().zip(expected) {
                    assert!(
                        (found - expected).abs() <= 1e-6 * most_of_all,
                        "{name}: {found}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_block_that_is_left_out_stays_out() {
        let config = TransformerConfig {
            encoder_layerdrop: 0.5,
            decoder_layerdrop: 0.5,
            ..dropping()
        };
        let mut parameters = Vec::new();
        for seed in 0..12 {
            let [(whole, expected), (again, found)] = both_ways(config.clone(), seed);
            assert_eq!(whole, again);
            let mut names = [expected.0, found.0].map(|sums| sums.into_keys().collect::<Vec<_>>());
            names.iter_mut().for_each(|names| names.sort());
            assert_eq!(names[0], names[1]);
            parameters.push(names[0].len());
        }
        parameters.sort();
        parameters.dedup();
        assert!(parameters.len() > 3, "{parameters:?}"); // all, some and, without a decoder block, no encoder
    }
}
