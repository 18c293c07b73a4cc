//! What holds for any model and any options.

use std::collections::HashSet;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use burnseq_generate::Generate;
use burnseq_kernels::{Compute, Precision};
use burnseq_model::{
    Dropout, EncoderDecoder, FamilyConfig, Transformer, TransformerConfig, load_state_dict, state_dict,
};
use burnseq_search::{ConstraintOrder, GenerateOptions, Generator, Hypothesis, SearchError, Source};
use burnseq_text::Vocab;

pub const VOCAB: Vocab = Vocab::fairseq(29, 31);

/// A small model whose weights are large enough that sources and prefixes matter.
pub fn model(seed: u64) -> Transformer {
    model_in(Precision::Fp32, seed)
}

/// The same in another precision.
pub fn model_in(precision: Precision, seed: u64) -> Transformer {
    let config = TransformerConfig {
        share_decoder_input_output_embed: true,
        max_source_positions: 40,
        max_target_positions: 40,
        ..TransformerConfig::sized(16, 32, 2, 2)
    };
    let compute = Compute {
        device: Device::flex(),
        precision,
    };
    let model = config.init(&VOCAB, seed, &compute);
    let tensors = state_dict(&model).into_iter().map(|(name, data)| {
        let scale = if name.contains("norm") { 1.0 } else { 1.7 };
        let shape = data.shape().clone();
        let values: Vec<f32> = data.iter::<f32>().map(|value| value * scale).collect();
        (name, TensorData::new(values, shape))
    });
    load_state_dict(model, &tensors.collect()).unwrap()
}

/// Sources of 1 to 12 tokens, `</s>` included.
pub fn sources(n: usize) -> Vec<Vec<u32>> {
    let mut state = 7_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    (0..n)
        .map(|_| {
            let tokens = next(12);
            (0..tokens).map(|_| 4 + next(25)).chain([2]).collect()
        })
        .collect()
}

fn generate(model: &Transformer, sources: &[Vec<u32>], options: &GenerateOptions) -> Vec<Vec<Hypothesis>> {
    let sources: Vec<Source> = (0..)
        .zip(sources)
        .map(|(id, source)| Source::new(id, source.clone()))
        .collect();
    Generator::new(options.clone())
        .unwrap()
        .generate(std::slice::from_ref(model), &sources, &Device::flex())
        .unwrap()
}

/// Log-probabilities of `tokens` after `source` by one pass over the whole sentence.
pub fn forced(model: &Transformer, source: &[u32], tokens: &[u32]) -> Vec<f64> {
    let device = Device::flex();
    let ids = |ids: Vec<i32>| {
        let shape = [1, ids.len()];
        Tensor::<2, burn::tensor::Int>::from_data(TensorData::new(ids, shape), &device)
    };
    let prev: Vec<i32> = [2]
        .into_iter()
        .chain(tokens[..tokens.len() - 1].iter().map(|&id| id as i32))
        .collect();
    let logits = model.forward(
        ids(source.iter().map(|&id| id as i32).collect()),
        ids(prev),
        &Dropout::off(),
    );
    let [_, _, vocab] = logits.dims();
    let logits: Vec<f64> = logits.into_data().iter::<f64>().collect();
    let rows = logits.chunks(vocab).zip(tokens);
    rows.map(|(row, &token)| row[token as usize] - row.iter().map(|x| x.exp()).sum::<f64>().ln())
        .collect()
}

pub fn assert_same(a: &[Hypothesis], b: &[Hypothesis], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.tokens, b.tokens, "{what}");
        assert!(
            (a.score - b.score).abs() < 1e-5 * a.score.abs().max(1.0),
            "{what}: {} and {}",
            a.score,
            b.score
        );
    }
}

#[test]
fn batch_mates_change_nothing() {
    let model = model(1);
    let sources = sources(24);
    for beam in [1, 4] {
        let options = GenerateOptions {
            beam,
            nbest: beam,
            max_len_a: 1.0,
            max_len_b: 3,
            ..Default::default()
        };
        let together = generate(&model, &sources, &options);
        // Sentences that change places would be noticed.
        let scores: HashSet<u32> = together.iter().map(|found| found[0].score.to_bits()).collect();
        assert!(scores.len() > 12, "{scores:?}");
        for (index, source) in sources.iter().enumerate() {
            let alone = generate(&model, std::slice::from_ref(source), &options);
            assert_same(
                &together[index],
                &alone[0],
                &format!("sentence {index}, beam {beam}"),
            );
        }
        let reversed: Vec<_> = sources.iter().rev().cloned().collect();
        for (a, b) in together
            .iter()
            .zip(generate(&model, &reversed, &options).iter().rev())
        {
            assert_same(a, b, "reversed batch");
        }
    }
}

#[test]
fn scores_are_those_of_a_pass_over_the_whole_sentence() {
    let model = model(2);
    let sources = sources(12);
    let options = GenerateOptions {
        nbest: 5,
        max_len_b: 15,
        lenpen: 0.7,
        ..Default::default()
    };
    for (source, hypotheses) in sources.iter().zip(generate(&model, &sources, &options)) {
        assert_eq!(hypotheses.len(), 5);
        for hypothesis in hypotheses {
            let expected = forced(&model, source, &hypothesis.tokens);
            assert_eq!(hypothesis.positional_scores.len(), expected.len());
            for (score, expected) in hypothesis.positional_scores.iter().zip(&expected) {
                assert!(
                    (f64::from(*score) - expected).abs() < 1e-5,
                    "{score} and {expected}"
                );
            }
            let total = expected.iter().sum::<f64>() / (expected.len() as f64).powf(0.7);
            assert!((f64::from(hypothesis.score) - total).abs() < 1e-5);
        }
    }
}

#[test]
fn a_beam_of_one_takes_the_likeliest_token_every_time() {
    let model = model(3);
    let options = GenerateOptions {
        beam: 1,
        max_len_b: 12,
        ..Default::default()
    };
    let sources = sources(10);
    for (source, hypotheses) in sources.iter().zip(generate(&model, &sources, &options)) {
        let tokens = &hypotheses[0].tokens;
        for place in 0..tokens.len().min(12) {
            let chosen = forced(&model, source, &tokens[..=place])[place];
            for token in (0..31).filter(|&token| token != 1 && !(token == 2 && place == 0)) {
                let mut other = tokens[..place].to_vec();
                other.push(token);
                assert!(
                    forced(&model, source, &other)[place] <= chosen + 1e-6,
                    "{token} at {place}"
                );
            }
        }
    }
}

#[test]
fn every_source_gets_sorted_hypotheses_within_the_limits() {
    let model = model(4);
    let sources = sources(30);
    for (beam, nbest, min_len, a, b) in [
        (1, 1, 1, 0.0, 9),
        (3, 2, 4, 0.5, 2),
        (6, 6, 0, 0.0, 1),
        (40, 5, 2, 1.0, 0),
    ] {
        let options = GenerateOptions {
            beam,
            nbest,
            min_len,
            max_len_a: a,
            max_len_b: b,
            ..Default::default()
        };
        let all = generate(&model, &sources, &options);
        assert_eq!(all.len(), sources.len());
        for (source, hypotheses) in sources.iter().zip(all) {
            assert!(!hypotheses.is_empty() && hypotheses.len() <= nbest);
            assert!(hypotheses.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let max_len = options.max_len(source.len(), 40);
            for hypothesis in &hypotheses {
                let (end, words) = hypothesis.tokens.split_last().unwrap();
                assert_eq!(*end, 2);
                assert!(words.iter().all(|&token| token != 1 && token != 2), "{words:?}");
                assert!(
                    words.len() <= max_len && words.len() >= min_len.min(max_len),
                    "{words:?}, {max_len}"
                );
                assert_eq!(hypothesis.positional_scores.len(), hypothesis.tokens.len());
            }
            let distinct: HashSet<_> = hypotheses.iter().map(|h| &h.tokens).collect();
            assert_eq!(distinct.len(), hypotheses.len());
        }
    }
}

#[test]
fn a_wider_beam_does_not_miss_what_it_must_find() {
    // With a beam over all continuations of two tokens, the best of them is found for certain.
    let model = model(5);
    let source = vec![5, 9, 2];
    let options = GenerateOptions {
        beam: 30,
        max_len_b: 2,
        unnormalized: true,
        min_len: 2,
        ..Default::default()
    };
    let found = &generate(&model, std::slice::from_ref(&source), &options)[0][0];
    let words = || (0..31).filter(|token| ![1, 2].contains(token));
    let best = words()
        .flat_map(|first| words().map(move |second| vec![first, second, 2]))
        .map(|tokens| (forced(&model, &source, &tokens).iter().sum::<f64>(), tokens))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap();
    assert_eq!(found.tokens, best.1);
    assert!((f64::from(found.score) - best.0).abs() < 1e-5);
}

#[test]
fn sources_that_do_not_fit_are_named() {
    let model = model(6);
    let generator = Generator::new(GenerateOptions::default()).unwrap();
    let refused = |source: Vec<u32>| {
        generator
            .generate(
                std::slice::from_ref(&model),
                &[Source::new(0, vec![2]), Source::new(1, source)],
                &Device::flex(),
            )
            .unwrap_err()
            .to_string()
    };
    assert!(
        refused([vec![5; 40], vec![2]].concat()).starts_with("sentence 1 has 41 tokens, the model takes 40")
    );
    assert!(refused(vec![29, 2]).starts_with("sentence 1 holds token 29, the model knows 29"));
    assert!(refused(vec![5]).contains("does not end"));
    assert!(refused(vec![]).contains("does not end"));
    assert_eq!(
        generator.generate(&[model], &[], &Device::flex()).unwrap(),
        Vec::<Vec<Hypothesis>>::new()
    );
}

#[test]
fn models_with_different_dictionaries_are_no_ensemble() {
    let other = TransformerConfig {
        encoder_layers: 1,
        decoder_layers: 1,
        ..TransformerConfig::default()
    };
    let other = other.init(&Vocab { tgt: 32, ..VOCAB }, 1, &Device::flex());
    let generator = Generator::new(GenerateOptions::default()).unwrap();
    let error = generator
        .generate(&[model(8), other], &[Source::new(0, vec![2])], &Device::flex())
        .unwrap_err();
    assert!(
        error.to_string().starts_with(
            "model 2 of the ensemble was built for 29 source and 32 target tokens, the first one for 29 source and 31"
        ),
        "{error}"
    );
}

#[test]
fn weights_without_a_distribution_are_an_error() {
    struct Poison;
    impl burn::module::ModuleMapper for Poison {
        fn map_float<const D: usize>(
            &mut self,
            param: burn::module::Param<Tensor<D>>,
        ) -> burn::module::Param<Tensor<D>> {
            param.map(|tensor| tensor * f32::NAN)
        }
    }
    let poisoned = || model(7).map(&mut Poison);
    let plain = GenerateOptions::default;
    let kinds = [
        plain(),
        GenerateOptions {
            sampling: true,
            ..plain()
        },
        GenerateOptions {
            diverse_beam_groups: Some(5),
            ..plain()
        },
        GenerateOptions {
            diversity_rate: Some(0.5),
            ..plain()
        },
        GenerateOptions {
            constraints: Some(ConstraintOrder::Unordered),
            ..plain()
        },
    ];
    for options in kinds {
        let mut source = Source::new(3, vec![5, 2]);
        if options.constraints.is_some() {
            source.constraints.push(vec![6, 7]);
        }
        let generator = Generator::new(options).unwrap();
        // A sound model beside it does not hide it.
        for models in [
            vec![poisoned()],
            vec![poisoned(), model(8)],
            vec![model(8), poisoned()],
        ] {
            let error = generator
                .generate(&models, std::slice::from_ref(&source), &Device::flex())
                .unwrap_err();
            assert!(
                matches!(error, SearchError::NoHypothesis { sentence: 3 }),
                "{error}"
            );
        }
    }
}
