//! Confidence intervals and paired tests of sacreBLEU 2.6.0 on a corpus of 60 lines.

use burnseq_metrics::bootstrap::{
    Comparison, Confidence, Trials, approximate_randomisation, confidence, paired_bootstrap,
};
use burnseq_metrics::{Bleu, Chrf, Metric, References, Ter};
use serde_json::Value;

use super::{assert_close, read_json, strings};

/// sacreBLEU sums statistics in single precision.
const TOLERANCE: f64 = 1e-5;

#[track_caller]
fn assert_confidence(ours: &Confidence, expected: &Value) {
    assert_close(ours.mean, &expected["mean"], TOLERANCE, "mean");
    assert_close(ours.half_width, &expected["ci"], TOLERANCE, "confidence");
}

#[track_caller]
fn assert_comparison(ours: &Comparison, [baseline, system]: [&Value; 2]) {
    assert_close(ours.baseline, &baseline["score"], 1e-9, "baseline");
    assert_close(ours.system, &system["score"], 1e-9, "system");
    assert_close(ours.p_value, &system["p"], 0.0, "p");
    match &ours.confidence {
        Some(confidence) => assert_confidence(confidence, system),
        None => assert!(system["ci"].is_null()),
    }
}

/// Both tests of one metric, named as in the vectors.
fn compare<M: Metric>(metric: &M, name: &str, vectors: &Value) {
    let references = [strings(&vectors["refs"][0])];
    let references = References::from_streams(&references).expect("one set");
    let statistics = |of: &str| {
        metric
            .corpus_statistics(&strings(&vectors[of]), &references)
            .expect("aligned")
    };
    let (baseline, system) = (statistics("base"), statistics("sys"));
    let expected = |test: &str| [0, 1].map(|index| &vectors["paired"][test][name][index]);

    let ours = paired_bootstrap(metric, &baseline, &system, Trials::BOOTSTRAP).expect("paired");
    assert_comparison(&ours, expected("bs"));
    let ours = confidence(metric, &baseline, Trials::BOOTSTRAP).expect("segments");
    assert_confidence(&ours, expected("bs")[0]);
    let ours = approximate_randomisation(metric, &baseline, &system, Trials::RANDOMISATION).expect("paired");
    assert_comparison(&ours, expected("ar"));

    let count = references.count();
    for (test, trials) in [("bs", Trials::BOOTSTRAP), ("ar", Trials::RANDOMISATION)] {
        let signature = metric
            .signature(count)
            .with_trials(test, trials.count, trials.seed);
        let expected = &vectors["paired"][test]["signatures"][name];
        assert_eq!(*expected, signature.with_version("2.6.0").to_string());
    }
}

#[test]
fn paired_tests_agree_with_sacrebleu() {
    let Some(vectors) = read_json("vectors/sacrebleu.json") else {
        return;
    };
    let vectors = &vectors["bootstrap"];
    compare(&Bleu::default(), "BLEU", vectors);
    compare(&Chrf::default(), "chrF2", vectors);
    compare(&Ter::default(), "TER", vectors);
}

#[test]
fn lines_with_intervals_are_those_of_sacrebleu() {
    let Some(vectors) = read_json("vectors/sacrebleu.json") else {
        return;
    };
    let vectors = &vectors["bootstrap"];
    let hypotheses = strings(&vectors["base"]);
    let references = [strings(&vectors["refs"][0])];
    let references = References::from_streams(&references).expect("one set");
    macro_rules! line {
        ($metric:expr) => {{
            let metric = $metric;
            let segments = metric
                .corpus_statistics(&hypotheses, &references)
                .expect("aligned");
            let interval = confidence(&metric, &segments, Trials::BOOTSTRAP).expect("segments");
            let score = metric.corpus_score(&hypotheses, &references).expect("aligned");
            score.with_confidence(interval).with_version("2.6.0").to_string()
        }};
    }
    let ours = [
        line!(Bleu::default()),
        line!(Chrf::default()),
        line!(Chrf::plus_plus()),
        line!(Ter::default()),
    ];
    let expected = vectors["ci"].as_array().expect("four metrics");
    assert_eq!(expected.len(), ours.len());
    for (ours, expected) in ours.iter().zip(expected) {
        assert_eq!(expected["line"], **ours);
    }
}
