//! What every family keeps to: stepwise decoding is the whole pass, neither padding nor batch
//! mates change a bit, dropout depends on its seed, gradients reach every parameter.

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Device, Int, Tensor, TensorData},
};
use burnseq_kernels::{Compute, Precision, Stepping, ops};
use burnseq_model::{
    Dropout, DropoutModule, EncoderDecoder, FamilyConfig, Stepwise, TransformerConfig,
    families::{fconv::FConvConfig, lightconv::LightConvConfig, lstm::LstmConfig},
    layers::ConvType,
    named_parameters,
};
use burnseq_text::Vocab;

const VOCAB: Vocab = Vocab::fairseq(30, 26);

const STEPPINGS: [Stepping; 2] = [Stepping::Processor, Stepping::Device];

fn transformer() -> TransformerConfig {
    TransformerConfig {
        dropout: 0.3,
        attention_dropout: 0.3,
        ..TransformerConfig::sized(64, 64, 2, 2)
    }
}

/// Pre-norm, with learned positions.
fn transformer_changed() -> TransformerConfig {
    TransformerConfig {
        encoder_normalize_before: true,
        encoder_learned_pos: true,
        decoder_normalize_before: true,
        decoder_learned_pos: true,
        ..transformer()
    }
}

fn lightconv(conv_type: ConvType) -> LightConvConfig {
    LightConvConfig {
        encoder_embed_dim: 32,
        encoder_ffn_embed_dim: 24,
        encoder_layers: 2,
        encoder_attention_heads: 4,
        encoder_kernel_size_list: vec![3, 6],
        encoder_conv_type: conv_type,
        decoder_embed_dim: 32,
        decoder_ffn_embed_dim: 24,
        decoder_layers: 2,
        decoder_attention_heads: 4,
        decoder_kernel_size_list: vec![3, 31],
        decoder_conv_type: conv_type,
        dropout: 0.3,
        attention_dropout: 0.3,
        input_dropout: 0.3,
        relu_dropout: 0.3,
        weight_dropout: 0.3,
        ..LightConvConfig::default()
    }
}

/// Width and convolutions other than those of [`lightconv`].
fn lightconv_changed(conv_type: ConvType) -> LightConvConfig {
    LightConvConfig {
        encoder_conv_dim: Some(16),
        encoder_normalize_before: true,
        encoder_learned_pos: true,
        encoder_glu: false,
        decoder_conv_dim: Some(64),
        decoder_normalize_before: true,
        decoder_learned_pos: true,
        decoder_glu: false,
        weight_softmax: false,
        share_decoder_input_output_embed: true,
        ..lightconv(conv_type)
    }
}

fn lstm() -> LstmConfig {
    LstmConfig {
        encoder_embed_dim: 24,
        encoder_hidden_size: Some(20),
        encoder_layers: 2,
        encoder_bidirectional: true,
        decoder_embed_dim: 28,
        decoder_hidden_size: Some(32),
        decoder_layers: 2,
        decoder_out_embed_dim: 16,
        dropout: 0.3,
        ..LstmConfig::default()
    }
}

fn lstm_without_attention() -> LstmConfig {
    LstmConfig {
        encoder_hidden_size: Some(32),
        encoder_bidirectional: false,
        decoder_attention: false,
        decoder_out_embed_dim: 28,
        share_decoder_input_output_embed: true,
        ..lstm()
    }
}

fn fconv() -> FConvConfig {
    FConvConfig {
        encoder_embed_dim: 24,
        encoder_layers: "[(20, 3)] * 2 + [(28, 4)]".parse().unwrap(),
        decoder_embed_dim: 24,
        decoder_layers: "[(20, 3), (24, 1, 0), (28, 4, 3)]".parse().unwrap(),
        decoder_out_embed_dim: 16,
        decoder_attention: "[True, False, True]".parse().unwrap(),
        dropout: 0.3,
        ..FConvConfig::default()
    }
}

fn fconv_shared() -> FConvConfig {
    FConvConfig {
        decoder_out_embed_dim: 24,
        decoder_attention: "True".parse().unwrap(),
        share_input_output_embed: true,
        ..fconv()
    }
}

/// Calls a generic function with a model of every kind on a device, and the name of the kind.
macro_rules! with_every_model {
    ($device:expr, $call:ident) => {{
        let device: &Device = $device;
        $call(&transformer().init(&VOCAB, 7, device), "transformer");
        $call(
            &transformer_changed().init(&VOCAB, 7, device),
            "transformer, changed",
        );
        for conv_type in [ConvType::Dynamic, ConvType::Lightweight] {
            $call(
                &lightconv(conv_type).init(&VOCAB, 7, device),
                &format!("{conv_type:?}"),
            );
            $call(
                &lightconv_changed(conv_type).init(&VOCAB, 7, device),
                &format!("{conv_type:?}, changed"),
            );
        }
        $call(&lstm().init(&VOCAB, 7, device), "lstm");
        $call(
            &lstm_without_attention().init(&VOCAB, 7, device),
            "lstm without attention",
        );
        $call(&fconv().init(&VOCAB, 7, device), "fconv");
        $call(&fconv_shared().init(&VOCAB, 7, device), "fconv, shared");
    }};
}

fn ints<const D: usize>(values: impl Into<TensorData>) -> Tensor<D, Int> {
    Tensor::from_ints(values, &Device::flex())
}

/// The largest number of a tensor, signs aside; NaN fails.
fn largest<const D: usize>(x: Tensor<D>) -> f32 {
    let values: Vec<f32> = x.into_data().iter().collect();
    burnseq_testing::largest_difference("tensors", &values, &vec![0.0; values.len()]) as f32
}

#[test]
fn configs_are_valid() {
    transformer().validate(&VOCAB).unwrap();
    transformer_changed().validate(&VOCAB).unwrap();
    for conv_type in [ConvType::Dynamic, ConvType::Lightweight] {
        lightconv(conv_type).validate(&VOCAB).unwrap();
        lightconv_changed(conv_type).validate(&VOCAB).unwrap();
    }
    lstm().validate(&VOCAB).unwrap();
    lstm_without_attention().validate(&VOCAB).unwrap();
    fconv().validate(&VOCAB).unwrap();
    fconv_shared().validate(&VOCAB).unwrap();
}

#[test]
fn steps_equal_the_whole_pass() {
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let src_tokens = ints([[1, 1, 5, 9, 2], [4, 8, 7, 6, 2]]);
        let prev_output_tokens = ints::<2>([[2, 4, 9, 11, 7, 5], [2, 20, 5, 6, 6, 9]]);
        let whole = model.forward(src_tokens.clone(), prev_output_tokens.clone(), &Dropout::off());
        // A step that forgot the past would be noticed.
        let mixed = ints::<2>([[2, 5, 9, 11, 7, 5], [2, 21, 5, 6, 6, 9]]);
        let other = model.forward(src_tokens.clone(), mixed, &Dropout::off());
        let off = largest((other - whole.clone()).slice([0..2, 3..4]));
        assert!(off > 1e-5, "{name}: {off:e}");
        for stepping in STEPPINGS {
            let mut state = model.start(src_tokens.clone(), Dropout::off(), stepping);
            for step in 0..6 {
                let token = prev_output_tokens
                    .clone()
                    .slice([0..2, step..step + 1])
                    .squeeze_dim(1);
                let logits = model.step(token, &mut state);
                let off = largest(logits - whole.clone().slice([0..2, step..step + 1]).squeeze_dim(1));
                assert!(
                    off < 2e-6,
                    "{name}: step {step} differs by {off:e} for {stepping:?}"
                );
            }
        }
    }
    with_every_model!(&Device::flex(), check);
}

#[test]
fn weights_laid_out_for_decoding_change_no_bit() {
    fn compare<M: EncoderDecoder>(plain: &M, laid_out: &M, name: &str) {
        let run = |model: &M| {
            let mut state = model.start(ints([[5, 9, 2], [8, 7, 2]]), Dropout::off(), Stepping::Processor);
            model.step(ints([2, 2]), &mut state);
            model.step(ints([9, 4]), &mut state).into_data()
        };
        assert_eq!(run(plain), run(laid_out), "{name}");
    }
    let device = Device::flex();
    for config in [transformer(), transformer_changed()] {
        let model = config.init(&VOCAB, 7, &device);
        compare(&model, &model.clone().laid_out_for_decoding(), "transformer");
    }
    for conv_type in [ConvType::Dynamic, ConvType::Lightweight] {
        let model = lightconv(conv_type).init(&VOCAB, 7, &device);
        compare(&model, &model.clone().laid_out_for_decoding(), "lightconv");
    }
    for config in [lstm(), lstm_without_attention()] {
        let model = config.init(&VOCAB, 7, &device);
        compare(&model, &model.clone().laid_out_for_decoding(), "lstm");
    }
    for config in [fconv(), fconv_shared()] {
        let model = config.init(&VOCAB, 7, &device);
        compare(&model, &model.clone().laid_out_for_decoding(), "fconv");
    }
}

#[test]
fn reordered_rows_go_on_as_if_they_had_been_there_from_the_start() {
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let (first, second) = ([5, 9, 2], [8, 7, 2]);
        let prefixes = ints::<2>([[2, 7, 9], [2, 7, 10]]);
        let forward = |sources, prefixes| model.forward(sources, prefixes, &Dropout::off());
        let whole = forward(ints([second, second]), prefixes.clone());
        // Another sentence, and another row of the right one, would be noticed.
        let others = [
            forward(ints([first, first]), prefixes),
            forward(ints([second, second]), ints([[2, 6, 9], [2, 6, 10]])),
        ];
        for other in others {
            let off = largest((other - whole.clone()).slice([0..2, 2..3]));
            assert!(off > 1e-5, "{name}: {off:e}");
        }
        for stepping in STEPPINGS {
            let mut state = model.start(ints([first, second]), Dropout::off(), stepping);
            model.step(ints([2, 2]), &mut state);
            model.reorder(&mut state, &[0, 0, 1, 1], &[0, 1]); // two rows per sentence
            model.step(ints([4, 5, 6, 7]), &mut state);
            model.reorder(&mut state, &[3, 3], &[1]); // the second sentence stays, with its second row twice
            let logits = model.step(ints([9, 10]), &mut state);
            let off = largest(logits - whole.clone().slice([0..2, 2..3]).squeeze_dim(1));
            assert!(off < 2e-6, "{name}: differs by {off:e} for {stepping:?}");
        }
    }
    with_every_model!(&Device::flex(), check);
}

#[test]
fn rows_that_the_device_chose_go_on_as_if_they_had_been_there_from_the_start() {
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let (first, second) = ([5, 9, 2], [8, 7, 2]);
        let prefixes = ints::<2>([[2, 5, 9], [2, 4, 10], [2, 7, 11], [2, 7, 12]]);
        let sources = ints([first, first, second, second]);
        let whole = model.forward(sources.clone(), prefixes, &Dropout::off());
        // Rows in the order of before would be noticed.
        let before = ints([[2, 4, 9], [2, 5, 10], [2, 6, 11], [2, 7, 12]]);
        let other = model.forward(sources, before, &Dropout::off());
        let off = largest((other - whole.clone()).slice([0..3, 2..3]));
        assert!(off > 1e-5, "{name}: {off:e}");
        for stepping in STEPPINGS {
            let mut state = model.start(ints([first, second]), Dropout::off(), stepping);
            model.step(ints([2, 2]), &mut state);
            model.reorder_rows(&mut state, ints([0, 0, 1, 1])); // two rows per sentence
            model.step(ints([4, 5, 6, 7]), &mut state);
            model.reorder_rows(&mut state, ints([1, 0, 3, 3]));
            let logits = model.step(ints([9, 10, 11, 12]), &mut state);
            let off = largest(logits - whole.clone().slice([0..4, 2..3]).squeeze_dim(1));
            assert!(off < 2e-6, "{name}: differs by {off:e} for {stepping:?}");
        }
    }
    with_every_model!(&Device::flex(), check);
}

#[test]
fn neither_padding_nor_batch_mates_change_a_bit() {
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let off = Dropout::off();
        let alone = model.forward(ints([[5, 9, 2]]), ints([[2, 4]]), &off).into_data();
        let long: Vec<i32> = (0..40).map(|i| 4 + (i * 7) % 20).collect();
        for (pads_before, pads_after) in [(0, 0), (2, 0), (0, 2), (37, 0), (0, 37)] {
            let src_len = pads_before + 3 + pads_after;
            let mut rows = vec![1; src_len * 10];
            rows[pads_before..pads_before + 3].copy_from_slice(&[5, 9, 2]);
            for row in 1..10 {
                rows[row * src_len..(row + 1) * src_len].copy_from_slice(&long[..src_len]);
            }
            for tgt_len in [2, 3, 40] {
                let mut prev = vec![1; tgt_len * 10];
                prev[..2].copy_from_slice(&[2, 4]);
                for row in 1..10 {
                    prev[row * tgt_len..(row + 1) * tgt_len].copy_from_slice(&long[..tgt_len]);
                }
                let src_tokens = ints::<2>(TensorData::new(rows.clone(), [10, src_len]));
                let prev = ints::<2>(TensorData::new(prev, [10, tgt_len]));
                let logits = model.forward(src_tokens, prev, &off);
                let found = logits.slice([0..1, 0..2]).into_data();
                assert_eq!(
                    found, alone,
                    "{name}: source in {src_len} places after {pads_before}, target in {tgt_len}"
                );
            }
        }
    }
    with_every_model!(&Device::flex(), check);
}

#[test]
fn filters_that_are_cut_to_the_batch_depend_on_it() {
    let device = Device::flex();
    let forward = |cut_filters_to_batch: bool, prev_output_tokens: Tensor<2, Int>| {
        let config = LightConvConfig {
            cut_filters_to_batch,
            ..lightconv(ConvType::Dynamic)
        };
        let model = config.init(&VOCAB, 7, &device);
        let rows = prev_output_tokens.dims()[0];
        let src_tokens = ints::<2>([[5, 9, 2]]).repeat_dim(0, rows);
        let logits = model.forward(src_tokens, prev_output_tokens, &Dropout::off());
        logits.slice([0..1, 0..2])
    };
    let (alone, longer) = (ints([[2, 4]]), ints([[2, 4, 1, 1], [2, 5, 6, 7]]));
    let off = largest(forward(true, alone.clone()) - forward(true, longer.clone()));
    assert!(off > 1e-3, "{off:e}");
    let whole = (forward(false, alone.clone()), forward(false, longer));
    assert_eq!(whole.0.into_data(), whole.1.into_data());
    let off = largest(forward(true, alone.clone()) - forward(false, alone));
    assert!(off > 1e-3, "{off:e}");
}

#[test]
fn a_source_of_padding_alone_gives_finite_logits() {
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let logits = model.forward(ints([[1, 1], [5, 2]]), ints([[2], [2]]), &Dropout::off());
        assert!(largest(logits).is_finite(), "{name}");
    }
    with_every_model!(&Device::flex(), check);
}

#[test]
fn attention_weights_ignore_padding_and_leave_the_logits() {
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let off = Dropout::off();
        let (src_tokens, prev) = (
            ints([[1, 1, 5, 9, 2], [4, 8, 7, 6, 2]]),
            ints([[2, 4, 9], [2, 20, 5]]),
        );
        let (logits, attention) = model.forward_with_attention(src_tokens.clone(), prev.clone(), &off);
        assert_eq!(attention.dims(), [2, 3, 5], "{name}");
        assert_eq!(
            largest(logits - model.forward(src_tokens, prev, &off)),
            0.0,
            "{name}"
        );
        assert_eq!(
            largest(attention.clone().slice([0..1, 0..3, 0..2])),
            0.0,
            "{name}"
        );
        // The share of layers that attend.
        let share = match name {
            "lstm without attention" => 0.0,
            "fconv" => 2.0 / 3.0,
            _ => 1.0,
        };
        let off = largest(attention.sum_dim(2) - share);
        assert!(off < 1e-6, "{name}: {off:e}");
    }
    with_every_model!(&Device::flex(), check);
}

#[test]
fn dropout_depends_on_its_seed_alone_and_on_every_place() {
    fn places(name: &str) -> Vec<DropoutModule> {
        let places = match name {
            _ if name.starts_with("lstm") => LstmConfig::DROPOUT_MODULES,
            _ if name.starts_with("fconv") => FConvConfig::DROPOUT_MODULES,
            _ if name.starts_with("transformer") => TransformerConfig::DROPOUT_MODULES,
            _ => LightConvConfig::DROPOUT_MODULES,
        };
        let other = match name {
            _ if name.starts_with("Dynamic") => Some(DropoutModule::LightweightConv),
            _ if name.starts_with("Lightweight") => Some(DropoutModule::DynamicConv),
            _ => None,
        };
        places
            .iter()
            .copied()
            .filter(|place| Some(*place) != other)
            .collect()
    }
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let whole = |dropout| model.forward(ints([[5, 9, 2]]), ints([[2, 4]]), &dropout);
        let steps = |dropout| {
            let mut state = model.start(ints([[5, 9, 2]]), dropout, Stepping::Processor);
            let first = model.step(ints([2]), &mut state);
            Tensor::stack(vec![first, model.step(ints([4]), &mut state)], 1)
        };
        let runs: [&dyn Fn(Dropout) -> Tensor<3>; 2] = [&whole, &steps];
        for run in runs {
            let off = run(Dropout::off());
            assert_eq!(
                largest(run(Dropout::seeded(3)) - run(Dropout::seeded(3))),
                0.0,
                "{name}"
            );
            assert!(
                largest(run(Dropout::seeded(3)) - run(Dropout::seeded(4))) > 1e-4,
                "{name}"
            );
            for place in places(name) {
                let difference = largest(run(Dropout::seeded(3).only_in(&[place])) - off.clone());
                assert!(difference > 1e-5, "{name}, {place:?}: {difference:e}");
            }
            assert_eq!(largest(run(Dropout::seeded(3).only_in(&[])) - off), 0.0, "{name}");
        }
    }
    with_every_model!(&Device::flex(), check);
}

/// Gradients of a loss, with the names of the parameters that have none.
fn gradients<M: EncoderDecoder>(model: &M, dropout: &Dropout) -> (GradientsParams, Vec<String>) {
    let device = Device::flex().autodiff();
    let src = Tensor::from_ints([[1, 5, 9, 2], [4, 8, 7, 2]], &device);
    let prev = Tensor::from_ints([[2, 4, 9], [2, 20, 5]], &device);
    let target = Tensor::from_ints([4, 9, 2, 20, 5, 2], &device);
    let logits = model.forward(src, prev, dropout);
    let [batch, len, vocab] = logits.dims();
    let (loss, _) = ops::label_smoothed_nll(logits.reshape([batch * len, vocab]), target, 1, 0.1);
    let gradients = GradientsParams::from_grads(loss.backward(), model);
    let without = named_parameters(model)
        .into_iter()
        .filter(|(_, id, shape)| match shape.len() {
            1 => gradients.get::<1>(*id).is_none(),
            2 => gradients.get::<2>(*id).is_none(),
            _ => gradients.get::<3>(*id).is_none(),
        })
        .map(|(name, ..)| name)
        .collect();
    (gradients, without)
}

#[test]
fn gradients_reach_every_parameter() {
    fn check<M: EncoderDecoder>(model: &M, name: &str) {
        let (_, without) = gradients(model, &Dropout::seeded(3));
        assert!(without.is_empty(), "{name}: {without:?}");
    }
    with_every_model!(&Device::flex().autodiff(), check);
}

#[test]
fn frozen_embeddings_get_no_gradient() {
    let device = Device::flex().autodiff();
    let config = LstmConfig {
        encoder_freeze_embed: true,
        ..lstm()
    };
    let (_, without) = gradients(&config.init(&VOCAB, 7, &device), &Dropout::off());
    assert_eq!(without, ["encoder.embed_tokens.weight"]);
    let config = LstmConfig {
        decoder_freeze_embed: true,
        ..lstm_without_attention()
    };
    let (_, without) = gradients(&config.init(&VOCAB, 7, &device), &Dropout::off());
    // The table is the output layer, too.
    assert_eq!(without, ["decoder.embed_tokens.weight"]);
}

#[test]
fn half_precision_is_close() {
    fn compare<M: EncoderDecoder>(full: &M, half: &M, name: &str) {
        let forward = |model: &M| {
            let logits = model.forward(
                ints([[1, 5, 9, 2], [4, 8, 7, 2]]),
                ints([[2, 4], [2, 20]]),
                &Dropout::off(),
            );
            Tensor::<3>::from_data(logits.into_data().convert::<f32>(), &Device::flex())
        };
        let full = forward(full);
        let off = largest(forward(half) - full.clone());
        assert!(
            off > 0.0 && off < 1e-2 * largest(full).max(1.0),
            "{name}: {off:e}"
        );
    }
    let compute = Compute {
        device: Device::flex(),
        precision: Precision::Fp16,
    };
    let device = Device::flex();
    for conv_type in [ConvType::Dynamic, ConvType::Lightweight] {
        let config = lightconv(conv_type);
        compare(
            &config.init(&VOCAB, 7, &device),
            &config.init(&VOCAB, 7, compute.clone()),
            "lightconv",
        );
    }
    compare(
        &lstm().init(&VOCAB, 7, &device),
        &lstm().init(&VOCAB, 7, compute.clone()),
        "lstm",
    );
    compare(
        &fconv().init(&VOCAB, 7, &device),
        &fconv().init(&VOCAB, 7, compute),
        "fconv",
    );
}

#[test]
fn a_model_survives_being_made_trainable() {
    let model = lstm().init(&VOCAB, 7, &Device::flex());
    let before = named_parameters(&model);
    let after = named_parameters(&model.train());
    assert_eq!(before, after);
}
