//! Searches that fairseq ran with the trained model of the golden data; `tests/data/fairseq_searches.py` tells how.

use burnseq_search::{ConstraintOrder, GenerateOptions, Hypothesis, Source};
use serde::Deserialize;

use super::golden::{Golden, folder};

/// Scores in bits, of each sentence.
#[derive(Deserialize)]
struct Recorded {
    /// All of five hypotheses.
    #[serde(rename = "diversity_rate_0.5")]
    diversity_rate: Vec<Vec<f64>>,
    ordered_best: Vec<f64>,
    unordered_best: Vec<f64>,
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("../data/fairseq_searches.json")).unwrap()
}

/// The hypotheses of the first 200 sentences, in order.
fn decode(
    golden: &Golden,
    options: &GenerateOptions,
    source: impl Fn(usize) -> Source,
) -> Vec<Vec<Hypothesis>> {
    let models = std::slice::from_ref(&golden.model);
    let (mut found, _) = golden.decode_with(models, 200, source, |_| options.clone());
    (0..200).map(|id| found.remove(&id).unwrap()).collect()
}

#[test]
fn siblings_are_as_diverse_as_in_fairseq() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let options = GenerateOptions {
        nbest: 5,
        diversity_rate: Some(0.5),
        ..GenerateOptions::default()
    };
    let plain = |id| Source::new(id as u64, golden.test.example(id).source);
    let found = decode(&golden, &options, plain);
    let recorded = recorded().diversity_rate;
    assert_eq!(recorded.len(), found.len());
    for (id, (found, expected)) in found.iter().zip(recorded).enumerate() {
        assert_eq!(found.len(), expected.len(), "sentence {id}");
        for (found, expected) in found.iter().zip(expected) {
            let found = f64::from(found.score_base2());
            assert!(
                (found - expected).abs() < 1e-4,
                "sentence {id}: {found} and {expected}"
            );
        }
    }
}

/// fairseq starts from the first constraint again where a later one breaks off, and spends part of the beam on tokens
/// of constraints that are met; otherwise the searches are the same.
#[test]
fn constrained_hypotheses_are_as_good_as_those_of_fairseq() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let Recorded {
        ordered_best,
        unordered_best,
        ..
    } = recorded();
    for (order, expected, least_equal) in [
        (ConstraintOrder::Ordered, ordered_best, 188),
        (ConstraintOrder::Unordered, unordered_best, 195),
    ] {
        let source = |id| {
            let example = golden.test.example(id);
            let target = example.target.unwrap();
            let words = &target[..target.len() - 1];
            let part = |from: usize, to: usize| words[from.min(words.len())..to.min(words.len())].to_vec();
            let mut constraints = vec![part(1, 2), part(4, 6)];
            constraints.retain(|constraint| !constraint.is_empty());
            if order == ConstraintOrder::Unordered {
                constraints.reverse();
            }
            Source {
                constraints,
                ..Source::new(id as u64, example.source)
            }
        };
        let options = GenerateOptions {
            constraints: Some(order),
            ..GenerateOptions::default()
        };
        let found = decode(&golden, &options, source);
        let gains = found
            .iter()
            .zip(&expected)
            .map(|(found, expected)| f64::from(found[0].score_base2()) - expected);
        let (mut equal, mut better, mut worse) = (0, 0, 0);
        for gain in gains {
            match gain {
                gain if gain > 1e-4 => better += 1,
                gain if gain < -1e-4 => worse += 1,
                _ => equal += 1,
            }
        }
        eprintln!("{order:?}: {equal} equal, {better} better, {worse} worse");
        assert!(
            equal >= least_equal && worse <= 2,
            "{order:?}: {equal} equal, {worse} worse"
        );
    }
}
