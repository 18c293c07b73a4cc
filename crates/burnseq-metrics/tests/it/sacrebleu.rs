//! sacreBLEU 2.6.0: corpora, sentences, tokens; scores within 1e-9, lines and signatures equal.

use burnseq_metrics::tokenizers::tercom::Tercom;
use burnseq_metrics::whitespace::trim_end;
use burnseq_metrics::{
    Bleu, BleuConfig, BleuScore, Chrf, ChrfConfig, Metric, References, Smoothing, Ter, TerConfig, Tokenizer,
};
use serde_json::Value;

use super::{assert_close, cases, number, read, read_json, strings};

const TOLERANCE: f64 = 1e-9;
const VERSION: &str = "2.6.0";

/// sacreBLEU's own arguments as our settings; an argument that is not known here fails the test.
fn bleu(arguments: &Value) -> Bleu {
    let mut config = BleuConfig::default();
    let mut smoothing = ("exp", None);
    for (name, value) in arguments.as_object().expect("arguments") {
        match name.as_str() {
            "tokenize" => config.tokenizer = value.as_str().expect("a name").parse().expect("a tokenizer"),
            "lowercase" => config.lowercase = value == true,
            "smooth_method" => smoothing.0 = value.as_str().expect("a name"),
            "smooth_value" => smoothing.1 = Some(number(value)),
            "effective_order" => config.effective_order = value == true,
            "max_ngram_order" => config.max_ngram_order = value.as_u64().expect("an order") as usize,
            _ => panic!("unknown argument {name}"),
        }
    }
    config.smoothing = Smoothing::from_name(smoothing.0, smoothing.1).expect("a smoothing method");
    config.init().expect("a valid configuration")
}

/// chrF's and TER's arguments have the names of our fields.
fn chrf(arguments: &Value) -> Chrf {
    serde_json::from_value::<ChrfConfig>(arguments.clone())
        .expect("known fields")
        .init()
        .expect("valid orders")
}

fn ter(arguments: &Value) -> Ter {
    serde_json::from_value::<TerConfig>(arguments.clone())
        .expect("known fields")
        .init()
}

fn optional_streams(refs: &Value) -> Vec<Vec<Option<String>>> {
    let stream = |stream: &Value| {
        let lines = stream.as_array().expect("a stream");
        lines
            .iter()
            .map(|line| line.as_str().map(str::to_owned))
            .collect()
    };
    refs.as_array().expect("streams").iter().map(stream).collect()
}

#[track_caller]
fn assert_bleu(score: &BleuScore, expected: &Value, what: &str) {
    let details = &score.details;
    let lists = [
        ("counts", &details.counts),
        ("totals", &details.totals),
        ("precisions", &details.precisions),
    ];
    for (name, ours) in lists {
        let theirs = expected[name].as_array().expect("a list");
        assert_eq!(ours.len(), theirs.len(), "{what} {name}");
        for (&ours, theirs) in ours.iter().zip(theirs) {
            assert_close(ours, theirs, TOLERANCE, &format!("{what} {name}"));
        }
    }
    assert_close(score.score, &expected["score"], TOLERANCE, what);
    assert_close(details.brevity_penalty, &expected["bp"], TOLERANCE, what);
    assert_eq!(expected["sys_len"], details.hyp_len, "{what}");
    assert_eq!(expected["ref_len"], details.ref_len, "{what}");
}

#[test]
fn corpora_score_as_in_sacrebleu() {
    let Some(cases) = cases("vectors/sacrebleu.json") else {
        return;
    };
    let mut compared = 0;
    for case in &cases {
        let hypotheses = strings(&case["hyps"]);
        let streams = optional_streams(&case["refs"]);
        let references = References::from_optional_streams(&streams).expect("references");
        let results = |name: &str| case["results"][name].as_array().expect("results").iter();
        let what = |expected: &Value| format!("{} {}", case["id"], expected["config"]);

        for expected in results("bleu") {
            let score = bleu(&expected["config"])
                .corpus_score(&hypotheses, &references)
                .expect("aligned");
            let score = score.with_version(VERSION);
            assert_bleu(&score, expected, &what(expected));
            assert_eq!(expected["signature"], score.signature().to_string());
            assert_eq!(expected["line"], score.to_string());
            compared += 1;
        }
        for expected in results("chrf") {
            let metric = chrf(&expected["config"]);
            let score = metric
                .corpus_score(&hypotheses, &references)
                .expect("aligned")
                .with_version(VERSION);
            assert_close(score.score, &expected["score"], TOLERANCE, &what(expected));
            assert_eq!(expected["name"], score.name);
            assert_eq!(expected["signature"], score.signature().to_string());
            assert_eq!(expected["line"], score.to_string());
            let segments = metric
                .corpus_statistics(&hypotheses, &references)
                .expect("aligned");
            let orders = segments.iter().map(|segment| segment.orders.iter());
            let mut sums = vec![0; expected["stats"].as_array().expect("a list").len()];
            for order in orders {
                let counts = order.flat_map(|order| [order.hyp, order.reference, order.matched]);
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            assert_eq!(expected["stats"], Value::from(sums), "{}", what(expected));
            compared += 1;
        }
        for expected in results("ter") {
            let score = ter(&expected["config"])
                .corpus_score(&hypotheses, &references)
                .expect("aligned");
            let score = score.with_version(VERSION);
            assert_close(score.score, &expected["score"], TOLERANCE, &what(expected));
            assert_eq!(expected["num_edits"], score.details.edits, "{}", what(expected));
            assert_close(
                score.details.ref_len,
                &expected["ref_length"],
                TOLERANCE,
                &what(expected),
            );
            assert_eq!(expected["signature"], score.signature().to_string());
            assert_eq!(expected["line"], score.to_string());
            compared += 1;
        }
    }
    eprintln!("{compared} corpus scores compared");
    assert!(compared >= cases.len() * 3);
}

#[test]
fn sentences_score_as_in_sacrebleu() {
    let Some(vectors) = read_json("vectors/sacrebleu.json") else {
        return;
    };
    let effective = BleuConfig {
        effective_order: true,
        ..BleuConfig::default()
    };
    let effective = effective.init().expect("a valid configuration");
    for case in vectors["cases"].as_array().expect("cases") {
        let hypotheses = strings(&case["hyps"]);
        let sentences = case["results"]["sentence"].as_array().expect("sentences");
        assert_eq!(hypotheses.len(), sentences.len());
        for (hypothesis, expected) in hypotheses.iter().zip(sentences) {
            let references = strings(&expected["refs"]);
            let what = format!("{} {hypothesis:?}", case["id"]);
            let score = effective
                .sentence_score(hypothesis, &references)
                .expect("references");
            assert_bleu(&score, &expected["bleu_eff"], &what);
            let score = Bleu::default()
                .sentence_score(hypothesis, &references)
                .expect("references");
            assert_bleu(&score, &expected["bleu_noeff"], &what);
            let score = Chrf::default()
                .sentence_score(hypothesis, &references)
                .expect("references");
            assert_close(score.score, &expected["chrf"], TOLERANCE, &what);
            let score = Chrf::plus_plus()
                .sentence_score(hypothesis, &references)
                .expect("references");
            assert_close(score.score, &expected["chrfpp"], TOLERANCE, &what);
            let score = Ter::default()
                .sentence_score(hypothesis, &references)
                .expect("references");
            assert_close(score.score, &expected["ter"], TOLERANCE, &what);
        }
    }
}

#[test]
fn lines_are_tokenised_as_in_sacrebleu() {
    let Some(vectors) = read_json("vectors/sacrebleu.json") else {
        return;
    };
    let plain = Tercom::default();
    let normalized = Tercom {
        normalized: true,
        ..plain
    };
    let asian = Tercom {
        asian_support: true,
        ..normalized
    };
    let no_punct = Tercom {
        no_punct: true,
        ..plain
    };
    for vector in vectors["tokenizers"].as_array().expect("lines") {
        let text = trim_end(vector["text"].as_str().expect("a line"));
        // `char` joins blanks with blanks; what counts are the tokens between them.
        let expected = |name: &str| -> Vec<String> {
            vector[name]
                .as_str()
                .expect("tokens")
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        let tokenizers = [
            Tokenizer::Mteval13a,
            Tokenizer::Intl,
            Tokenizer::Char,
            Tokenizer::Zh,
        ];
        for tokenizer in tokenizers {
            let ours: Vec<String> = tokenizer.tokenize(text);
            let theirs: Vec<String> = expected(tokenizer.name())
                .iter()
                .flat_map(|token| burnseq_metrics::whitespace::words(token))
                .map(str::to_owned)
                .collect();
            assert_eq!(ours, theirs, "{tokenizer} {text:?}");
        }
        for (tercom, name) in [
            (plain, "ter"),
            (normalized, "ter_norm"),
            (asian, "ter_norm_asian"),
            (no_punct, "ter_nopunct"),
        ] {
            assert_eq!(tercom.tokenize(text), expected(name), "{name} {text:?}");
        }
    }
}

#[test]
fn whole_files_score_as_in_sacrebleu() {
    let Some(golden) = read_json("golden/score/sacrebleu.json") else {
        return;
    };
    let lines = |name: &str| -> Vec<String> {
        let text = read(&format!("golden/score/{name}.txt")).expect("beside the scores");
        text.lines().map(str::to_owned).collect()
    };
    for expected in golden.as_array().expect("scores") {
        let what = format!("{} {}", expected["sys"], expected["options"]);
        let (system, reference) = match expected["sys"].as_str().expect("a name") {
            "short" => ("short_sys", "short_ref"),
            "sys_unk" => ("sys_unk", "ref_unk"),
            system => (system, "ref"),
        };
        let hypotheses = lines(system);
        let references = [lines(reference)];
        let references = References::from_streams(&references).expect("one set");
        let score = match expected["options"].as_str() {
            None => {
                let score = bleu(&expected["options"])
                    .corpus_score(&hypotheses, &references)
                    .expect("aligned");
                assert_eq!(expected["line"], score.line(2), "{what}");
                let score = score.with_version(VERSION);
                assert_eq!(expected["signature"], score.signature().to_string(), "{what}");
                score.score
            }
            Some("chrF2") => {
                Chrf::default()
                    .corpus_score(&hypotheses, &references)
                    .expect("aligned")
                    .score
            }
            Some("chrF2++") => {
                Chrf::plus_plus()
                    .corpus_score(&hypotheses, &references)
                    .expect("aligned")
                    .score
            }
            Some("TER") => {
                Ter::default()
                    .corpus_score(&hypotheses, &references)
                    .expect("aligned")
                    .score
            }
            Some("sentence BLEU effective order, first 20") => {
                let metric = BleuConfig {
                    effective_order: true,
                    ..BleuConfig::default()
                };
                let metric = metric.init().expect("a valid configuration");
                let scores = expected["scores"].as_array().expect("scores");
                assert_eq!(scores.len(), hypotheses.len().min(20));
                for ((hypothesis, references), score) in
                    hypotheses.iter().zip(references.segments()).zip(scores)
                {
                    let ours = metric
                        .sentence_score(hypothesis, references)
                        .expect("a reference");
                    assert_close(ours.score, score, TOLERANCE, &what);
                }
                continue;
            }
            Some(other) => panic!("unknown metric {other}"),
        };
        assert_close(score, &expected["score"], TOLERANCE, &what);
    }
}
