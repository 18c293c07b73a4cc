//! Forced scores and attentions: those that fairseq printed, and those of the search.

use burn::tensor::Device;
use burnseq_data::Dataset;
use burnseq_generate::{Generate, Scorer};
use burnseq_search::{GenerateOptions, Generator, Hypothesis, SearchError, Source};

use super::golden::{Golden, folder};
use super::properties::{model, sources};

fn options() -> GenerateOptions {
    GenerateOptions::default()
}

#[test]
fn references_score_as_in_fairseq() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let stored = golden.stored("score_reference");
    let scorer = Scorer::new(options()).unwrap();
    let (mut worst_score, mut worst_positional) = (0.0_f64, 0.0_f64);
    let ids: Vec<usize> = (0..golden.test.len()).collect();
    assert_eq!(ids.len(), stored.hypotheses.len());
    for ids in ids.chunks(64) {
        let examples: Vec<_> = ids.iter().map(|&id| golden.test.example(id)).collect();
        let sources: Vec<Source> = examples
            .iter()
            .map(|example| Source::new(example.id as u64, example.source.clone()))
            .collect();
        let targets: Vec<Vec<u32>> = examples
            .iter()
            .map(|example| example.target.clone().unwrap())
            .collect();
        let models = std::slice::from_ref(&golden.model);
        let scored = scorer
            .score(models, &sources, &targets, false, &Device::flex())
            .unwrap();
        for (id, (found, target)) in ids.iter().zip(scored.iter().zip(&targets)) {
            assert_eq!(&found.tokens, target);
            let expected = &stored.hypotheses[id][0];
            worst_score = burnseq_testing::larger(
                worst_score,
                (f64::from(found.score_base2()) - expected.score).abs(),
            );
            assert_eq!(found.tokens.len(), expected.positional.len());
            for (found, expected) in found.positional_scores_base2().zip(&expected.positional) {
                worst_positional =
                    burnseq_testing::larger(worst_positional, (f64::from(found) - expected).abs());
            }
        }
    }
    eprintln!("score_reference: |H| {worst_score:.1e}, |P| {worst_positional:.1e}");
    assert!(
        worst_score <= 1e-4 && worst_positional <= 2e-4,
        "{worst_score} {worst_positional}"
    );
}

#[test]
fn hypotheses_are_aligned_as_in_fairseq() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let stored = golden.stored("beam5_print_alignment_200");
    let (found, _) = golden.decode(200, &options());
    let scorer = Scorer::new(options()).unwrap();
    let (mut tokens, mut different) = (0, 0);
    for (id, mut hypotheses) in found {
        let expected = &stored.hypotheses[&id][0];
        let source = Source::new(id as u64, golden.test.example(id).source);
        let models = std::slice::from_ref(&golden.model);
        scorer
            .attend(
                models,
                &[source],
                std::slice::from_mut(&mut hypotheses),
                &Device::flex(),
            )
            .unwrap();
        let alignment = hypotheses[0].attention.as_ref().unwrap().hard();
        if alignment.len() == expected.alignment.len() {
            tokens += alignment.len();
            different += alignment
                .iter()
                .zip(&expected.alignment)
                .filter(|(a, b)| a != b)
                .count();
        }
    }
    eprintln!("alignment: {different} of {tokens} tokens differ");
    assert!(
        tokens > 2000 && different * 1000 <= tokens,
        "{different} of {tokens} tokens differ"
    );
}

#[test]
fn a_search_scores_what_it_finds_as_the_scorer_does() {
    let models = [model(1), model(2)];
    let sources: Vec<Source> = (0..)
        .zip(sources(12))
        .map(|(id, tokens)| Source::new(id, tokens))
        .collect();
    let options = GenerateOptions {
        beam: 4,
        nbest: 3,
        lenpen: 0.6,
        temperature: 1.3,
        max_len_b: 9,
        ..options()
    };
    for models in [&models[..1], &models] {
        let scorer = Scorer::new(options.clone()).unwrap();
        let device = Device::flex();
        let mut found = Generator::new(options.clone())
            .unwrap()
            .generate(models, &sources, &device)
            .unwrap();
        scorer.attend(models, &sources, &mut found, &device).unwrap();
        for (source, found) in sources.iter().zip(&found) {
            assert_eq!(found.len(), 3);
            for found in found {
                let alone = scorer
                    .score(
                        models,
                        std::slice::from_ref(source),
                        std::slice::from_ref(&found.tokens),
                        true,
                        &device,
                    )
                    .unwrap();
                assert_close(found, &alone[0]);
            }
        }
    }
}

fn assert_close(a: &Hypothesis, b: &Hypothesis) {
    assert_eq!(a.tokens, b.tokens);
    assert!((a.score - b.score).abs() < 1e-5, "{} and {}", a.score, b.score);
    assert_eq!(a.positional_scores.len(), b.positional_scores.len());
    for (a, b) in a.positional_scores.iter().zip(&b.positional_scores) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
    let (a, b) = (a.attention.as_ref().unwrap(), b.attention.as_ref().unwrap());
    assert_eq!(a.rows().len(), b.rows().len());
    for (a, b) in a.rows().zip(b.rows()) {
        assert!(
            a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5),
            "{a:?} and {b:?}"
        );
        assert!((a.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn targets_that_cannot_be_scored_are_refused() {
    let scorer = Scorer::new(options()).unwrap();
    let problem = |target: Vec<u32>| {
        let source = Source::new(0, vec![5, 2]);
        let found = scorer.score(&[model(1)], &[source], &[target], false, &Device::flex());
        match found.unwrap_err() {
            SearchError::Target { sentence: 0, problem } => problem,
            other => panic!("{other}"),
        }
    };
    assert!(problem(vec![4]).contains("end-of-sentence token 2"));
    assert!(problem(vec![]).contains("end-of-sentence token 2"));
    assert!(problem(vec![31, 2]).contains("holds token 31, the model knows 31"));
    assert!(problem([4; 40].into_iter().chain([2]).collect()).contains("has 41 tokens, the model takes 40"));
}

#[test]
fn dropout_samples_the_model_by_seed_and_sentence() {
    let options = GenerateOptions {
        max_len_b: 9,
        retain_dropout: true,
        attention: true,
        ..options()
    };
    let models = [model(1), model(2)];
    let sources: Vec<Source> = (0..6).map(|id| Source::new(id, vec![5, 9, 7, 2])).collect();
    let generate = |options: &GenerateOptions, sources: &[Source]| {
        let generator = Generator::new(options.clone()).unwrap();
        generator.generate(&models, sources, &Device::flex()).unwrap()
    };
    let found = generate(&options, &sources);
    assert_eq!(found, generate(&options, &sources));
    assert_eq!(found[3..4], generate(&options, &sources[3..4]));
    let other_seed = GenerateOptions {
        seed: 2,
        ..options.clone()
    };
    assert_ne!(found, generate(&other_seed, &sources));
    assert!(found[1..].iter().any(|other| other[0].score != found[0][0].score));

    let nowhere = GenerateOptions {
        retain_dropout_modules: Some(Vec::new()),
        ..options.clone()
    };
    let without = GenerateOptions {
        retain_dropout: false,
        ..options.clone()
    };
    assert_eq!(
        generate(&nowhere, &sources[..1]),
        generate(&without, &sources[..1])
    );

    let scorer = Scorer::new(options).unwrap();
    let targets = vec![found[0][0].tokens.clone(); 6];
    let scored = scorer
        .score(&models, &sources, &targets, false, &Device::flex())
        .unwrap();
    let alone = scorer
        .score(&models, &sources[2..3], &targets[..1], false, &Device::flex())
        .unwrap();
    assert_eq!(scored[2..3], alone);
    assert_ne!(scored[0].score, scored[1].score);
}
