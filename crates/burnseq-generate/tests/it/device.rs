//! Decoding as on a GPU: one growing cache, and candidates or whole steps chosen where the logits are. Here it runs on the
//! processor.

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_generate::ModelNextToken;
use burnseq_kernels::{Precision, Stepping};
use burnseq_model::{Dropout, EncoderDecoder, Transformer};
use burnseq_search::search::{Beam, run_options};
use burnseq_search::{
    BatchSearch, ConstraintOrder, Ensemble, GenerateOptions, Hypothesis, LogProbs, NextToken, Predictions,
    Request, Source, Wanted,
};

use crate::golden::{Golden, folder};
use crate::properties::{VOCAB, assert_same, forced, model, model_in, sources};

/// Who chooses how hypotheses go on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Chooser {
    /// The host, from all log-probabilities.
    Host,
    /// The host, from candidates that the device has chosen.
    Both,
    /// The device.
    Device,
}

/// A model that remembers who chose in its latest step.
struct Watched<N> {
    inner: N,
    chooser: Option<Chooser>,
}

impl<N: NextToken> NextToken for Watched<N> {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        self.inner.log_probs(prev_output_tokens)
    }

    fn predict(&mut self, prev_output_tokens: &[u32], wanted: Option<&Wanted>) -> Predictions {
        let predictions = self.inner.predict(prev_output_tokens, wanted);
        self.chooser = Some(match predictions {
            Predictions::Dense(_) => Chooser::Host,
            Predictions::Sparse(_) => Chooser::Both,
        });
        predictions
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        self.inner.reorder(rows, sentences);
    }

    fn run_beam(&mut self, search: &mut BatchSearch<'_, Beam>) {
        self.inner.run_beam(search);
    }
}

/// `[batch, src_len]`, padded on the left.
fn batch(sources: &[Source]) -> Tensor<2, Int> {
    let src_len = sources.iter().map(|source| source.tokens.len()).max().unwrap();
    let padded = |source: &Source| {
        let padding = std::iter::repeat_n(VOCAB.pad() as i32, src_len - source.tokens.len());
        let tokens = source.tokens.iter().map(|&token| token as i32);
        padding.chain(tokens).collect::<Vec<_>>()
    };
    let tokens: Vec<i32> = sources.iter().flat_map(padded).collect();
    Tensor::from_data(TensorData::new(tokens, [sources.len(), src_len]), &Device::flex())
}

/// What a search finds, and who chose.
fn decode(
    models: &[Transformer],
    sources: &[Source],
    options: &GenerateOptions,
    stepping: Stepping,
) -> (Vec<Vec<Hypothesis>>, Chooser) {
    let requests: Vec<Request> = sources
        .iter()
        .map(|source| Request {
            source,
            max_len: options.max_len(source.tokens.len(), models[0].max_positions().1),
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
    let mut model = Watched {
        inner: Ensemble::new(models.iter().map(member).collect()),
        chooser: None,
    };
    let found = run_options(options, &models[0].vocab(), &requests, &mut model);
    // Only a search that leaves the steps to the device asks for no predictions.
    (found, model.chooser.unwrap_or(Chooser::Device))
}

/// Checks that both ways find the same, and that with the second one it is `chooser` who chooses.
fn assert_alike(models: &[Transformer], sources: &[Source], options: &GenerateOptions, chooser: Chooser) {
    let (expected, on_processor) = decode(models, sources, options, Stepping::Processor);
    let (found, on_device) = decode(models, sources, options, Stepping::Device);
    assert_eq!((on_processor, on_device), (Chooser::Host, chooser), "{options:?}");
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
                assert_alike(&models, &some_sources(batch), &options(beam), Chooser::Device);
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
    assert_alike(&[model(4)], &some_sources(6), &long, Chooser::Device);
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
        |options| options.lenpen = 1.7,
    ];
    for change in changes {
        for beam in 1..=5 {
            let mut options = options(beam);
            change(&mut options);
            assert_alike(&models, &sources, &options, Chooser::Device);
            // Continuations of one hypothesis that compete by rank are compared on the host.
            options.diversity_rate = Some(0.4);
            assert_alike(&models, &sources, &options, Chooser::Both);
        }
    }
}

#[test]
fn a_trained_model_finds_the_same() {
    let Some(folder) = folder() else { return };
    let Golden { model, test, .. } = Golden::load(folder);
    let sources: Vec<Source> = (0..48)
        .map(|id| Source::new(id as u64, test.example(id).source))
        .collect();
    let models = [model];
    for beam in [1, 5] {
        let options = GenerateOptions {
            beam,
            nbest: beam,
            ..GenerateOptions::default()
        };
        assert_alike(&models, &sources, &options, Chooser::Device);
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
        assert_alike(&models, &some_sources(9), &options, Chooser::Host);
    }
    let mut prefixed = some_sources(5);
    prefixed[3].prefix = vec![7, 9];
    assert_alike(&models, &prefixed, &options(4), Chooser::Host);
    let ensemble = [model(7), model(8)];
    assert_alike(&ensemble, &some_sources(9), &options(4), Chooser::Host);
}

#[test]
fn half_precision_gives_translations_their_scores() {
    let (narrow, exact) = (model_in(Precision::Fp16, 9), model(9));
    let sources = some_sources(8);
    let options = GenerateOptions {
        unnormalized: true,
        ..options(3)
    };
    let (found, chooser) = decode(&[narrow], &sources, &options, Stepping::Device);
    assert_eq!(chooser, Chooser::Device);
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
