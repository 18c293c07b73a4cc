//! LightConv, DynamicConv, LSTM and fconv against the outputs of the real fairseq: forward pass, losses, gradients,
//! weights after two and five updates, stepwise decoding.

use burn::tensor::{Device, Tensor};
use burnseq_kernels::Stepping;
use burnseq_model::{
    Dropout, EncoderDecoder, FamilyConfig,
    families::{
        Extra, ExtraValue,
        fconv::{FConvConfig, FConvModel},
        lightconv::{LightConvConfig, LightConvModel},
        lstm::{LstmConfig, LstmModel},
    },
    named_parameters,
};
use burnseq_testing::larger;

use super::recorded::{
    Batch, Item, Recorded, compare_training, compare_updates, difference, difference_at_tokens, items,
};

macro_rules! recorded_encoder_decoders {
    ($($model:ty),+) => { $(
        impl Recorded for $model {
            fn logits(&self, batch: &Batch) -> Tensor<3> {
                self.forward(batch.src_tokens.clone(), batch.last_side(), &Dropout::off())
            }
        }
    )+ };
}

recorded_encoder_decoders!(LightConvModel, LstmModel, FConvModel);

/// Logits of the first batch step by step, `[batch, tgt_len, vocab]`.
fn stepwise<M: EncoderDecoder>(model: &M, batch: &Batch) -> Tensor<3> {
    let [rows, tgt_len] = batch.last_side().dims();
    let mut state = model.start(batch.src_tokens.clone(), Dropout::off(), Stepping::Processor);
    let steps = (0..tgt_len).map(|t| {
        let tokens = batch.last_side().slice([0..rows, t..t + 1]);
        model.step(tokens.squeeze_dim(1), &mut state)
    });
    Tensor::stack(steps.collect(), 1)
}

/// Stepwise decoding equals the whole pass, as far as fairseq's does.
fn compare_stepwise<M: EncoderDecoder>(item: &Item, model: &M) {
    let batch = item.batch(1, &Device::flex());
    let whole = model.forward(batch.src_tokens.clone(), batch.last_side(), &Dropout::off());
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
        let (logits, states) = model.forward_with_states(batch.src_tokens.clone(), batch.last_side());
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
            model.forward_with_attention(batch.src_tokens.clone(), batch.last_side(), &Dropout::off());
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
        let (logits, attention) =
            model.forward_with_attention(batch.src_tokens.clone(), batch.last_side(), &Dropout::off());
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
            model.forward_with_attention(batch.src_tokens.clone(), batch.last_side(), &Dropout::off());
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
