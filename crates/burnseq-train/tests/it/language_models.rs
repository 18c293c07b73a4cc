//! Language models against the outputs of the real fairseq: forward pass, losses, gradients, weights after two and five
//! updates, stepwise decoding.

use burn::tensor::{Device, Tensor};
use burnseq_kernels::Stepping;
use burnseq_model::{
    DecoderOnly, Dropout, FamilyConfig, Stepwise,
    families::transformer_lm::{TransformerLm, TransformerLmConfig},
    named_parameters,
};
use burnseq_testing::larger;

use super::recorded::{
    Batch, Item, Recorded, compare_training, compare_updates, difference, difference_at_tokens, items,
};

impl Recorded for TransformerLm {
    fn logits(&self, batch: &Batch) -> Tensor<3> {
        self.forward(batch.src_tokens.clone(), &Dropout::off())
    }
}

fn transformer(item: &Item) -> TransformerLm {
    let config: TransformerLmConfig = item.config();
    config.validate(&item.vocab).unwrap();
    let weights = item.parameters(&config.fairseq_extras());
    config.load(&item.vocab, &weights, &Device::flex()).unwrap()
}

#[test]
fn the_transformer_gives_fairseqs_states_and_logits() {
    for item in items("lm") {
        let name = &item.name;
        let model = transformer(&item);
        let (batch, forward) = (item.batch(1, &Device::flex()), item.forward());
        let (logits, states) = model.forward_with_states(batch.src_tokens.clone());
        let mut worst = difference(name, logits, &forward["logits"]);
        for (layer, state) in states.into_iter().enumerate() {
            let key = format!("decoder_state.{layer}");
            let state = state.swap_dims(0, 1);
            worst = larger(
                worst,
                difference(&format!("{name}: {key}"), state, &forward[&key]),
            );
        }
        // Log-probabilities of an adaptive softmax are further off in fairseq, too.
        let tolerance = if model.decoder.adaptive_softmax.is_some() {
            3e-5
        } else {
            1e-5
        };
        assert!(worst < tolerance, "{name}: {worst:.1e} off");
        eprintln!("{name}: at most {worst:.1e} off");
    }
}

#[test]
fn the_transformer_learns_as_in_fairseq() {
    for item in items("lm") {
        compare_training(&item, transformer(&item));
        compare_updates(&item, transformer(&item));
    }
}

#[test]
fn the_transformer_decodes_step_by_step() {
    for item in items("lm") {
        let model = transformer(&item);
        let batch = item.batch(1, &Device::flex());
        let [rows, len] = batch.src_tokens.dims();
        let mut state = model.start(Dropout::off(), Stepping::Processor);
        let steps = (0..len).map(|t| {
            let tokens = batch.src_tokens.clone().slice([0..rows, t..t + 1]);
            model.step(tokens.squeeze_dim(1), &mut state)
        });
        let stepwise = Tensor::stack(steps.collect(), 1);
        let off = difference_at_tokens(&item.name, stepwise, model.logits(&batch), &batch);
        let tolerance = if model.decoder.adaptive_softmax.is_some() {
            1e-5
        } else {
            2e-6
        };
        assert!(off < tolerance, "{}: steps are {off:.1e} off", item.name);
    }
}

#[test]
fn names_and_shapes_are_fairseqs() {
    for item in items("lm") {
        let ours = named_parameters(&transformer(&item));
        let theirs = item.values["shapes"].as_object().unwrap();
        assert_eq!(ours.len(), theirs.len(), "{}", item.name);
        for (name, _, shape) in ours {
            let expected: Vec<usize> = serde_json::from_value(theirs[&name].clone()).unwrap();
            assert_eq!(shape, expected, "{}: {name}", item.name);
        }
    }
}
