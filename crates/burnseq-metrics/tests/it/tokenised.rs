//! Tokenised BLEU of small corpora: fairseq's scorer and Moses' multi-bleu.perl.

use burnseq_metrics::{
    BleuConfig, Metric, References, Smoothing, TokenisedBleu, TokenisedBleuConfig, TokenisedBleuScore,
    Tokenizer,
};
use serde_json::Value;

use super::{assert_close, cases, read_json, strings};

#[track_caller]
fn assert_score(score: &TokenisedBleuScore, expected: &Value, what: &str) {
    assert_close(score.score, &expected["score"], 1e-9, what);
    assert_close(score.brevity_penalty, &expected["bp"], 1e-9, what);
    assert_eq!(expected["predlen"], score.sys_len, "{what}");
    assert_eq!(expected["reflen"], score.ref_len, "{what}");
    for order in 1..=4 {
        assert_eq!(
            expected[format!("match{order}")],
            score.matched[order - 1],
            "{what}"
        );
        assert_eq!(
            expected[format!("count{order}")],
            score.total[order - 1],
            "{what}"
        );
        let percent = score.precisions[order - 1];
        assert_close(percent / 100.0, &expected["precisions"][order - 1], 1e-9, what);
    }
    assert_eq!(expected["line"], score.to_string(), "{what}");
}

#[test]
fn corpora_and_sentences_score_as_in_fairseq() {
    let Some(vectors) = read_json("vectors/tokenized_bleu.json") else {
        return;
    };
    let config = TokenisedBleuConfig::default();
    for case in vectors["cases"].as_array().expect("cases") {
        let what = case["id"].to_string();
        let hypotheses = strings(&case["hyps"]);
        let references = strings(&case["refs"][0]);
        let score = TokenisedBleu::corpus_score(config, &hypotheses, &references).expect("aligned");
        assert_score(&score, &case["fairseq"], &what);

        let sentences = case["fairseq_sentence"].as_array().expect("sentences");
        assert_eq!(sentences.len(), hypotheses.len());
        for ((hypothesis, reference), expected) in hypotheses.iter().zip(&references).zip(sentences) {
            let mut sentence = TokenisedBleu::for_sentence(config).expect("a valid order");
            sentence.add_lines(reference, hypothesis);
            assert_score(&sentence.score().expect("one segment"), expected, &what);
        }
    }
}

#[test]
fn without_tokenizer_and_smoothing_bleu_is_that_of_multi_bleu() {
    let Some(cases) = cases("vectors/tokenized_bleu.json") else {
        return;
    };
    let mut compared = 0;
    for case in &cases {
        let hypotheses = strings(&case["hyps"]);
        let streams: Vec<Vec<String>> = case["refs"]
            .as_array()
            .expect("streams")
            .iter()
            .map(strings)
            .collect();
        let references = References::from_streams(&streams).expect("aligned");
        for (name, lowercase) in [("multi_bleu", false), ("multi_bleu_lc", true)] {
            // multi-bleu.perl reads bytes: its -lc knows only ASCII.
            let ascii = hypotheses
                .iter()
                .chain(streams.iter().flatten())
                .all(|line| line.is_ascii());
            if lowercase && !ascii {
                continue;
            }
            // "BLEU = 38.42, 77.1/..."; nothing is printed for a corpus without any token.
            let line = case[name].as_str().expect("a line");
            let Some(expected) = line
                .strip_prefix("BLEU = ")
                .and_then(|rest| rest.split(',').next())
            else {
                continue;
            };
            let smoothing = Smoothing::None;
            let config = BleuConfig {
                tokenizer: Tokenizer::None,
                smoothing,
                lowercase,
                ..BleuConfig::default()
            };
            let metric = config.init().expect("a valid configuration");
            let score = metric
                .corpus_score(&hypotheses, &references)
                .expect("aligned")
                .score;
            let expected: f64 = expected.parse().expect("a number");
            assert!(
                (score - expected).abs() < 0.005 + 1e-9,
                "{} {name}: {score} for {line}",
                case["id"]
            );
            compared += 1;
        }
    }
    assert!(
        compared > 60,
        "only {compared} lines of multi-bleu were understood"
    );
}
