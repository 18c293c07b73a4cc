//! Random combinations of options on a small model: what must hold for all of them.

use std::collections::HashSet;

use burn::tensor::Device;
use burnseq_generate::{Generate, Scorer};
use burnseq_model::Transformer;
use burnseq_numerics::split_mix::SplitMix64;
use burnseq_search::{ConstraintOrder, GenerateOptions, Generator, Hypothesis, Source};

use super::properties::{model, sources};

/// How many combinations are drawn.
const COMBINATIONS: usize = 500;
const EOS: u32 = 2;
const UNK: u32 = 3;

/// What combinations are drawn with.
struct Random(SplitMix64);

impl Random {
    /// Below `n`.
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn words(&mut self, n: usize) -> Vec<u32> {
        (0..n).map(|_| 4 + self.below(27) as u32).collect()
    }
}

/// A combination that `validate` accepts.
fn draw_options(random: &mut Random) -> GenerateOptions {
    let beam = 1 + random.below(6);
    let mut options = GenerateOptions {
        beam,
        nbest: 1 + random.below(beam),
        lenpen: random.one_of(&[0.0, 0.6, 1.0, 1.5]),
        unkpen: random.one_of(&[0.0, 0.0, 2.0, -2.0]),
        temperature: random.one_of(&[1.0, 1.0, 0.7, 1.7]),
        unnormalized: random.once_in(4),
        match_source_len: random.once_in(6),
        no_repeat_ngram_size: random.one_of(&[0, 0, 1, 2, 3]),
        retain_dropout: random.once_in(10),
        attention: random.once_in(10),
        seed: random.below(1000) as u64,
        ..GenerateOptions::default()
    };
    if !options.match_source_len {
        options.min_len = random.below(5);
        options.max_len_a = random.one_of(&[0.0, 0.5, 1.0]);
        options.max_len_b = 4 + random.below(8);
    }
    match random.below(6) {
        0 => {}
        1 => {
            options.sampling = true;
            match random.below(3) {
                0 => options.sampling_topk = Some(1 + random.below(40)),
                1 => options.sampling_topp = Some(random.one_of(&[0.1, 0.5, 0.9, 1.0])),
                _ => {}
            }
        }
        2 => {
            let divisors: Vec<usize> = (1..=beam).filter(|&groups| beam.is_multiple_of(groups)).collect();
            options.diverse_beam_groups = Some(random.one_of(&divisors));
            options.diverse_beam_strength = random.one_of(&[0.25, 0.5, 1.0]);
        }
        3 => options.diversity_rate = Some(random.one_of(&[0.25, 0.5, 1.0])),
        4 => options.constraints = Some(ConstraintOrder::Ordered),
        _ => options.constraints = Some(ConstraintOrder::Unordered),
    }
    options.validate().unwrap();
    options
}

/// Sentences that ask for a prefix or for constraints, where the options allow it.
fn draw_sources(random: &mut Random, options: &GenerateOptions) -> Vec<Source> {
    let pool = sources(40);
    let first = random.below(37);
    (first..first + 3)
        .map(|number| {
            let mut source = Source::new(number as u64, pool[number].clone());
            let mut room = options.max_len(source.tokens.len(), 40);
            if options.constraints.is_some() {
                for _ in 0..random.below(4) {
                    let tokens = (1 + random.below(3)).min(room);
                    if tokens > 0 {
                        source.constraints.push(random.words(tokens));
                        room -= tokens;
                    }
                }
            } else if random.once_in(3) {
                let tokens = random.below(4);
                source.prefix = random.words(tokens);
            }
            source
        })
        .collect()
}

/// Whether `tokens` contain the constraints, no token serving two of them.
fn contains(tokens: &[u32], constraints: &[Vec<u32>], order: ConstraintOrder) -> bool {
    let candidates = match order {
        ConstraintOrder::Ordered => 0..1.min(constraints.len()),
        ConstraintOrder::Unordered => 0..constraints.len(),
    };
    // Whichever constraint comes first may be taken where it first occurs.
    constraints.is_empty()
        || candidates.into_iter().any(|first| {
            let constraint = &constraints[first];
            let place = tokens
                .windows(constraint.len())
                .position(|window| window == constraint);
            let mut rest = constraints.to_vec();
            rest.remove(first);
            place.is_some_and(|place| contains(&tokens[place + constraint.len()..], &rest, order))
        })
}

fn generate(models: &[Transformer], sources: &[Source], options: &GenerateOptions) -> Vec<Vec<Hypothesis>> {
    Generator::new(options.clone())
        .unwrap()
        .generate(models, sources, &Device::flex())
        .unwrap()
}

/// What the options and the source ask of the tokens of a hypothesis.
fn check_tokens(hypothesis: &Hypothesis, source: &Source, options: &GenerateOptions) {
    let (end, words) = hypothesis.tokens.split_last().unwrap();
    assert_eq!(*end, EOS);
    assert!(
        words
            .iter()
            .all(|&token| token != EOS && token != 1 && token < 31)
    );
    let max_len = options.max_len(source.tokens.len(), 40);
    let prefix = &source.prefix[..source.prefix.len().min(max_len)];
    assert!(words.starts_with(prefix));
    let min_len = if options.match_source_len {
        max_len
    } else {
        options.min_len.min(max_len)
    };
    assert!((min_len..=max_len).contains(&words.len()));
    if let Some(order) = options.constraints {
        assert!(contains(words, &source.constraints, order));
    }
    if options.no_repeat_ngram_size > 0 && prefix.is_empty() && source.constraints.is_empty() {
        let tokens: Vec<u32> = [EOS].into_iter().chain(words.iter().copied()).collect();
        let mut seen = HashSet::new();
        assert!(
            tokens
                .windows(options.no_repeat_ngram_size)
                .all(|ngram| seen.insert(ngram))
        );
    }
}

/// Compares with what the models say to the whole sentence, and with what the search takes from it.
fn check_scores(hypothesis: &Hypothesis, scored: &Hypothesis, options: &GenerateOptions) {
    // Diverse searches take a multiple of this.
    let penalty = if options.diverse_beam_groups.is_some() {
        options.diverse_beam_strength
    } else {
        options.diversity_rate.unwrap_or(0.0)
    };
    let last = hypothesis.tokens.len() - 1;
    for (place, &token) in hypothesis.tokens.iter().enumerate() {
        let found = f64::from(hypothesis.positional_scores[place]);
        let mut expected = f64::from(scored.positional_scores[place]);
        if token == UNK {
            expected -= options.unkpen;
        }
        if place == last && options.match_source_len {
            expected = 0.0;
        }
        let missing = expected - found;
        let times = if penalty > 0.0 {
            (missing / penalty).round().max(0.0)
        } else {
            0.0
        };
        assert!(
            (missing - times * penalty).abs() < 1e-4,
            "token {place} scores {found}, the model gives it {expected}"
        );
    }
    let total: f64 = hypothesis
        .positional_scores
        .iter()
        .map(|&score| f64::from(score))
        .sum();
    let length = if options.unnormalized {
        1.0
    } else {
        ((last + 1) as f64).powf(options.lenpen)
    };
    assert!((f64::from(hypothesis.score) - total / length).abs() < 1e-4);
}

#[test]
fn any_legal_combination_decodes_every_sentence_by_itself_with_scores_that_can_be_reproduced() {
    let models = [model(11), model(12)];
    let mut kinds = HashSet::new();
    for number in 0..COMBINATIONS {
        let random = &mut Random(SplitMix64::new(number as u64));
        let options = draw_options(random);
        let sources = draw_sources(random, &options);
        let models = &models[..1 + random.below(2)];
        let described = format!(
            "combination {number}: {options:?}, {sources:?}, {} models",
            models.len()
        );
        // Printed with the message of an assertion that fails.
        let _context = Context(&described);

        let all = generate(models, &sources, &options);
        assert_eq!(all.len(), sources.len());
        let scorer = Scorer::new(options.clone()).unwrap();
        for (source, hypotheses) in sources.iter().zip(&all) {
            assert!(!hypotheses.is_empty() && hypotheses.len() <= options.nbest);
            assert!(hypotheses.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let targets: Vec<Vec<u32>> = hypotheses.iter().map(|found| found.tokens.clone()).collect();
            let again = vec![source.clone(); targets.len()];
            let scored = scorer
                .score(models, &again, &targets, false, &Device::flex())
                .unwrap();
            for (hypothesis, scored) in hypotheses.iter().zip(&scored) {
                check_tokens(hypothesis, source, &options);
                assert_eq!(hypothesis.attention.is_some(), options.attention);
                // With dropout every pass is another sample of the model.
                if !options.retain_dropout {
                    check_scores(hypothesis, scored, &options);
                }
            }
        }
        let alone = generate(models, &sources[1..2], &options);
        super::properties::assert_same(&all[1], &alone[0], "alone");
        kinds.insert((
            options.sampling,
            options.diverse_beam_groups.is_some(),
            options.diversity_rate.is_some(),
            options.constraints,
            options.match_source_len,
            models.len(),
        ));
    }
    // All kinds of search, with and without matched lengths, with one model and with two.
    assert_eq!(kinds.len(), 6 * 2 * 2);
}

/// Says what was decoded when a test fails.
struct Context<'a>(&'a str);

impl Drop for Context<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

#[test]
fn without_constraints_constrained_search_is_beam_search() {
    let model = [model(13)];
    let sources: Vec<Source> = (0..)
        .zip(sources(12))
        .map(|(id, tokens)| Source::new(id, tokens))
        .collect();
    for beam in [1, 5] {
        let plain = GenerateOptions {
            beam,
            nbest: beam,
            max_len_b: 12,
            ..GenerateOptions::default()
        };
        for order in [ConstraintOrder::Ordered, ConstraintOrder::Unordered] {
            let constrained = GenerateOptions {
                constraints: Some(order),
                ..plain.clone()
            };
            // Equal to the last bit.
            assert_eq!(
                generate(&model, &sources, &constrained),
                generate(&model, &sources, &plain)
            );
        }
    }
}
