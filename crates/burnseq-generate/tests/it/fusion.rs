//! A language model beside a translation model.

use burn::tensor::Device;
use burnseq_generate::{Generate, Scorer};
use burnseq_model::Transformer;
use burnseq_search::{GenerateOptions, Generator, Hypothesis, LogProbs, NextToken, Source};

use super::properties::{model, sources};

/// A language model that gives probability `1/2` to one word, and shares the rest among all other tokens. Which word
/// depends on all tokens so far, so that rows must be followed.
struct SumOfTokens {
    /// Sum of the tokens of each row, the leading `</s>` included.
    sums: Vec<u32>,
}

const VOCAB: u32 = 31;

fn lm(sources: &[Source]) -> SumOfTokens {
    SumOfTokens {
        sums: vec![0; sources.len()],
    }
}

/// The word that is as likely as all others together.
fn favourite(sum: u32) -> u32 {
    4 + sum % 27
}

fn lm_log_prob(sum: u32, token: u32) -> f64 {
    if token == favourite(sum) {
        0.5_f64.ln()
    } else {
        (0.5 / f64::from(VOCAB - 1)).ln()
    }
}

impl NextToken for SumOfTokens {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        assert_eq!(self.sums.len(), prev_output_tokens.len());
        for (sum, token) in self.sums.iter_mut().zip(prev_output_tokens) {
            *sum += token;
        }
        let row = |&sum: &u32| (0..VOCAB).map(move |token| lm_log_prob(sum, token) as f32);
        LogProbs::from_scores(self.sums.iter().flat_map(row).collect(), VOCAB as usize)
    }

    fn reorder(&mut self, rows: &[usize], _sentences: &[usize]) {
        self.sums = rows.iter().map(|&row| self.sums[row]).collect();
    }
}

fn decode(model: &Transformer, sources: &[Source], lm_weight: f64) -> Vec<Vec<Hypothesis>> {
    let options = GenerateOptions {
        lm_weight,
        max_len_b: 12,
        nbest: 5,
        ..GenerateOptions::default()
    };
    let models = std::slice::from_ref(model);
    Generator::new(options)
        .unwrap()
        .generate_with_lm(models, lm, sources, &Device::flex())
        .unwrap()
}

#[test]
fn scores_are_weighted_sums_over_both_models() {
    let model = model(21);
    let sources: Vec<Source> = (0..)
        .zip(sources(10))
        .map(|(id, tokens)| Source::new(id, tokens))
        .collect();
    let scorer = Scorer::new(GenerateOptions::default()).unwrap();
    for (source, hypotheses) in sources.iter().zip(decode(&model, &sources, 0.7)) {
        assert_eq!(hypotheses.len(), 5);
        for hypothesis in hypotheses {
            assert_eq!(hypothesis.positional_scores.len(), hypothesis.tokens.len());
            let models = std::slice::from_ref(&model);
            let targets = [hypothesis.tokens.clone()];
            let scored = scorer
                .score(
                    models,
                    std::slice::from_ref(source),
                    &targets,
                    false,
                    &Device::flex(),
                )
                .unwrap();
            let mut sum = 2;
            for (place, &token) in hypothesis.tokens.iter().enumerate() {
                let expected = f64::from(scored[0].positional_scores[place]) + 0.7 * lm_log_prob(sum, token);
                let found = f64::from(hypothesis.positional_scores[place]);
                assert!((found - expected).abs() < 1e-4, "{found} and {expected}");
                sum += token;
            }
        }
    }
}

#[test]
fn a_heavy_language_model_has_its_way_and_a_weightless_one_none() {
    let model = model(22);
    let sources = [Source::new(0, vec![5, 9, 2])];
    let heavy = decode(&model, &sources, 1000.0);
    // The end is no favourite: only the longest length brings it.
    let (_, words) = heavy[0][0].tokens.split_last().unwrap();
    assert_eq!(words.len(), 12);
    let mut sum = 2;
    for &word in words {
        assert_eq!(word, favourite(sum));
        sum += word;
    }
    let plain = GenerateOptions {
        max_len_b: 12,
        nbest: 5,
        ..GenerateOptions::default()
    };
    let without = Generator::new(plain)
        .unwrap()
        .generate(std::slice::from_ref(&model), &sources, &Device::flex())
        .unwrap();
    assert_eq!(decode(&model, &sources, 0.0), without);
}

#[test]
fn a_weight_without_a_language_model_is_refused() {
    let options = GenerateOptions {
        lm_weight: 0.5,
        ..GenerateOptions::default()
    };
    let error = Generator::new(options)
        .unwrap()
        .generate(&[model(23)], &[], &Device::flex())
        .unwrap_err();
    assert_eq!(error.to_string(), "'lm_weight' goes with a language model only");
}
