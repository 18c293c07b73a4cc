//! Decoding as on a GPU: one growing cache, and candidates chosen where the logits are. Here it runs on the processor.

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_generate::search::run_options;
use burnseq_generate::{
    ConstraintOrder, Ensemble, GenerateOptions, Hypothesis, LogProbs, ModelNextToken, NextToken, Predictions,
    Request, Source, Wanted,
};
use burnseq_model::{Dropout, Precision, Stepping, Transformer};

use crate::properties::{VOCAB, assert_same, forced, model, model_in, sources};

/// A model that counts the steps in which it gave all of its log-probabilities, and the others.
struct Counted<N> {
    inner: N,
    dense: usize,
    sparse: usize,
}

impl<N: NextToken> NextToken for Counted<N> {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        self.inner.log_probs(prev_output_tokens)
    }

    fn predict(&mut self, prev_output_tokens: &[u32], wanted: Option<&Wanted>) -> Predictions {
        let predictions = self.inner.predict(prev_output_tokens, wanted);
        match predictions {
            Predictions::Dense(_) => self.dense += 1,
            Predictions::Sparse(_) => self.sparse += 1,
        }
        predictions
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        self.inner.reorder(rows, sentences);
    }
}

/// `[batch, src_len]`, padded on the left.
fn batch(sources: &[Source]) -> Tensor<2, Int> {
    let src_len = sources.iter().map(|source| source.tokens.len()).max().unwrap();
    let padded = |source: &Source| {
        let padding = std::iter::repeat_n(VOCAB.pad as i32, src_len - source.tokens.len());
        let tokens = source.tokens.iter().map(|&token| token as i32);
        padding.chain(tokens).collect::<Vec<_>>()
    };
    let tokens: Vec<i32> = sources.iter().flat_map(padded).collect();
    Tensor::from_data(TensorData::new(tokens, [sources.len(), src_len]), &Device::flex())
}

/// What a search finds, and whether the device chose the candidates of every step.
fn decode(
    models: &[Transformer],
    sources: &[Source],
    options: &GenerateOptions,
    stepping: Stepping,
) -> (Vec<Vec<Hypothesis>>, bool) {
    let requests: Vec<Request> = sources
        .iter()
        .map(|source| Request {
            source,
            max_len: options.max_len(source.tokens.len(), 40),
        })
        .collect();
    let member = |model| {
        ModelNextToken::new(
            model,
            batch(sources),
            options.temperature,
            Dropout::off(),
            stepping,
        )
    };
    let mut model = Counted {
        inner: Ensemble::new(models.iter().map(member).collect()),
        dense: 0,
        sparse: 0,
    };
    let found = run_options(options, &VOCAB, &requests, &mut model);
    assert!(model.dense == 0 || model.sparse == 0);
    (found, model.sparse > 0)
}

/// Checks that both ways find the same, and that the device chooses the candidates where it `chooses`.
fn assert_alike(models: &[Transformer], sources: &[Source], options: &GenerateOptions, chooses: bool) {
    let (expected, on_host) = decode(models, sources, options, Stepping::Processor);
    let (found, on_device) = decode(models, sources, options, Stepping::Device);
    assert_eq!((on_host, on_device), (false, chooses), "{options:?}");
    assert_eq!(found.len(), sources.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!(!found.is_empty());
        assert_same(found, expected, &format!("{options:?}"));
    }
}

fn some_sources(n: usize) -> Vec<Source> {
    (0..)
        .zip(sources(n))
        .map(|(id, tokens)| Source::new(id, tokens))
        .collect()
}

/// Lengths that differ from sentence to sentence, so that sentences end at different steps.
fn options(beam: usize) -> GenerateOptions {
    GenerateOptions {
        beam,
        nbest: beam,
        max_len_a: 1.5,
        max_len_b: 3,
        ..GenerateOptions::default()
    }
}

#[test]
fn beams_and_batches_of_all_sizes_find_the_same() {
    for seed in 0..3 {
        let models = [model(seed)];
        for beam in [1, 2, 5, 30] {
            for batch in [1, 4, 19] {
                assert_alike(&models, &some_sources(batch), &options(beam), true);
            }
        }
    }
}

#[test]
fn targets_that_outgrow_the_cache_find_the_same() {
    let long = GenerateOptions {
        min_len: 36,
        max_len_b: 38,
        ..options(3)
    };
    assert_alike(&[model(4)], &some_sources(6), &long, true);
}

#[test]
fn rules_about_single_tokens_find_the_same() {
    let models = [model(5)];
    let sources = some_sources(12);
    let changes: [fn(&mut GenerateOptions); 8] = [
        |options| options.min_len = 6,
        |options| options.min_len = 0,
        |options| options.unkpen = 3.0,
        |options| options.unkpen = -4.0,
        |options| options.match_source_len = true,
        |options| options.temperature = 0.6,
        |options| options.unnormalized = true,
        |options| options.diversity_rate = Some(0.4),
    ];
    for change in changes {
        for beam in [1, 4] {
            let mut options = options(beam);
            change(&mut options);
            assert_alike(&models, &sources, &options, true);
        }
    }
}

#[test]
fn searches_that_look_at_all_tokens_find_the_same() {
    let models = [model(6)];
    let changes: [fn(&mut GenerateOptions); 4] = [
        |options| options.no_repeat_ngram_size = 2,
        |options| options.diverse_beam_groups = Some(2),
        |options| options.sampling = true,
        |options| options.constraints = Some(ConstraintOrder::Unordered),
    ];
    for change in changes {
        let mut options = options(4);
        change(&mut options);
        assert_alike(&models, &some_sources(9), &options, false);
    }
    let mut prefixed = some_sources(5);
    prefixed[3].prefix = vec![7, 9];
    assert_alike(&models, &prefixed, &options(4), false);
    assert_alike(&[model(7), model(8)], &some_sources(9), &options(4), false);
}

#[test]
fn half_precision_gives_translations_their_scores() {
    let (narrow, exact) = (model_in(Precision::Fp16, 9), model(9));
    let sources = some_sources(8);
    let options = GenerateOptions {
        unnormalized: true,
        ..options(3)
    };
    let (found, chosen_on_device) = decode(&[narrow], &sources, &options, Stepping::Device);
    assert!(chosen_on_device);
    for (source, found) in sources.iter().zip(found) {
        assert_eq!(found.len(), 3);
        for hypothesis in found {
            let log_probs = forced(&exact, &source.tokens, &hypothesis.tokens);
            let expected = log_probs.iter().sum::<f64>() as f32;
            let off = (hypothesis.score - expected).abs() / expected.abs();
            assert!(off < 1e-2, "{} and {expected}", hypothesis.score);
        }
    }
}
