//! Every family learns to copy short sequences.

use burn::{
    optim::GradientsParams,
    tensor::{Device, Int, Tensor, TensorData},
};
use burnseq_kernels::Stepping;
use burnseq_model::{
    Dropout, EncoderDecoder, FamilyConfig,
    families::{fconv::FConvConfig, lightconv::LightConvConfig, lstm::LstmConfig},
    layers::ConvType,
};
use burnseq_numerics::split_mix::seed_of;
use burnseq_text::Vocab;
use burnseq_train::{Accumulated, CriterionConfig, OptimizerConfig, optim::AdamConfig};

const VOCAB: Vocab = Vocab::fairseq(14, 14);

const ROWS: usize = 32;
/// Tokens of a sentence, the end of sentence included.
const LEN: usize = 6;

/// Random sentences: sources, decoder inputs and targets, each `[ROWS, LEN]`.
fn batch(number: u64, device: &Device) -> [Tensor<2, Int>; 3] {
    let mut place = 0;
    let mut word = || {
        place += 1;
        4 + (seed_of(&[number, place]) % 10) as i32
    };
    let (mut source, mut previous) = (Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let words: Vec<i32> = (1..LEN).map(|_| word()).collect();
        source.extend(&words);
        source.push(2);
        previous.push(2);
        previous.extend(&words);
    }
    let ids = |ids: &Vec<i32>| Tensor::from_data(TensorData::new(ids.clone(), [ROWS, LEN]), device);
    [ids(&source), ids(&previous), ids(&source)]
}

/// Trains for `updates`, then decodes other sentences greedily: the share of right tokens.
fn accuracy<M: EncoderDecoder>(model: M, updates: u64, lr: f64) -> f64 {
    let device = Device::flex().autodiff();
    let criterion = CriterionConfig::CrossEntropy(Default::default()).loss().unwrap();
    let mut model = model.train();
    let adam = AdamConfig {
        betas: (0.9, 0.98),
        ..AdamConfig::default()
    };
    let mut optimizer = OptimizerConfig::Adam(adam).init(&model).unwrap();
    for update in 0..updates {
        let [source, previous, target] = batch(update, &device);
        let logits = model.forward(source, previous, &Dropout::seeded(update));
        let loss = criterion.forward(logits, target, VOCAB.pad()).loss;
        let mut sum = Accumulated::new();
        sum.add(&model, GradientsParams::from_grads(loss.backward(), &model));
        sum.scale(1.0 / (ROWS * LEN) as f64);
        sum.clip(&model, 1.0).unwrap();
        model = optimizer.step(model, sum, lr);
    }
    let model = model.valid();
    let [source, _, target] = batch(u64::MAX, &Device::flex());
    let mut state = model.start(source, Dropout::off(), Stepping::Processor);
    let mut tokens = Tensor::from_ints([2; ROWS], &Device::flex());
    let mut right = 0;
    for t in 0..LEN {
        let logits = model.step(tokens, &mut state);
        tokens = logits.argmax(1).squeeze_dim(1);
        let expected = target.clone().slice([0..ROWS, t..t + 1]).squeeze_dim(1);
        let equal = tokens.clone().equal(expected).int().sum();
        right += equal.into_scalar::<i64>();
    }
    right as f64 / (ROWS * LEN) as f64
}

#[test]
fn lightconv_and_dynamicconv_learn_to_copy() {
    for conv_type in [ConvType::Lightweight, ConvType::Dynamic] {
        let config = LightConvConfig {
            encoder_embed_dim: 32,
            encoder_ffn_embed_dim: 64,
            encoder_layers: 2,
            encoder_attention_heads: 4,
            encoder_kernel_size_list: vec![3],
            encoder_conv_type: conv_type,
            decoder_embed_dim: 32,
            decoder_ffn_embed_dim: 64,
            decoder_layers: 2,
            decoder_attention_heads: 4,
            decoder_kernel_size_list: vec![3],
            decoder_conv_type: conv_type,
            dropout: 0.0,
            input_dropout: 0.0,
            weight_dropout: 0.1,
            ..LightConvConfig::default()
        };
        let found = accuracy(config.init(&VOCAB, 1, &Device::flex()), 300, 3e-3);
        eprintln!("{conv_type:?}: {found:.3}");
        assert!(found > 0.95, "{conv_type:?}: {found}");
    }
}

#[test]
fn the_lstm_learns_to_copy() {
    let config = LstmConfig {
        encoder_embed_dim: 32,
        encoder_bidirectional: true,
        decoder_embed_dim: 32,
        decoder_out_embed_dim: 32,
        dropout: 0.0,
        ..LstmConfig::default()
    };
    let found = accuracy(config.init(&VOCAB, 1, &Device::flex()), 400, 1e-2);
    eprintln!("lstm: {found:.3}");
    assert!(found > 0.95, "{found}");
}

#[test]
fn fconv_learns_to_copy() {
    let config = FConvConfig {
        encoder_embed_dim: 32,
        encoder_layers: "[(32, 3)] * 2".parse().unwrap(),
        decoder_embed_dim: 32,
        decoder_layers: "[(32, 3)] * 2".parse().unwrap(),
        decoder_out_embed_dim: 32,
        dropout: 0.0,
        ..FConvConfig::default()
    };
    let found = accuracy(config.init(&VOCAB, 1, &Device::flex()), 400, 1e-2);
    eprintln!("fconv: {found:.3}");
    assert!(found > 0.95, "{found}");
}
