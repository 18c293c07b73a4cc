//! Learnt tokenizers against those of the library's own trainers.

use std::collections::BTreeSet;
use std::path::Path;

use burnseq_testing::{golden, read};
use burnseq_text::hugging_face::{HfLearnOptions, HfLearned, HfLearner, LearnedKind};
use serde_json::{Map, Value};

/// The options of a recorded run.
fn options(kind: LearnedKind, run: &Value) -> HfLearnOptions {
    let recorded = run["options"].as_object().expect("options");
    let init = recorded.get("init").and_then(Value::as_object);
    let empty = Map::new();
    let init = init.unwrap_or(&empty);
    let size = recorded["vocab_size"].as_u64().expect("a size") as usize;
    let mut options = HfLearnOptions::new(kind, size);
    let words = |value: &Value| -> Vec<String> {
        let list = value.as_array().expect("a list");
        list.iter()
            .map(|word| word.as_str().expect("a word").to_owned())
            .collect()
    };
    let flag = |value: &Value| value.as_bool().expect("true or false");
    let count = |value: &Value| value.as_u64().expect("a number");
    let mut fields: Vec<(&str, &Value)> = vec![];
    fields.extend(recorded.iter().map(|(name, value)| (name.as_str(), value)));
    fields.extend(init.iter().map(|(name, value)| (name.as_str(), value)));
    for name in ["lowercase", "special_tokens"] {
        fields.extend(run.get(name).map(|value| (name, value)));
    }
    for (name, value) in fields {
        match name {
            "vocab_size" | "init" => {}
            "min_frequency" => options.min_frequency = count(value),
            "special_tokens" => options.special_tokens = words(value),
            "limit_alphabet" => options.limit_alphabet = Some(count(value) as usize),
            "initial_alphabet" => options.initial_alphabet = words(value).concat().chars().collect(),
            "lowercase" => options.lowercase = flag(value),
            "add_prefix_space" => options.add_prefix_space = flag(value),
            other => panic!("unknown option {other}"),
        }
    }
    options
}

/// Learns from the files of a run, in parts, as `preprocess` does with threads.
fn learn(folder: &Path, run: &Value, options: HfLearnOptions) -> HfLearned {
    let mut whole = HfLearner::new(options.clone()).unwrap();
    for file in run["files"].as_array().expect("files") {
        let name = match file.as_str().expect("a name") {
            "ko" => "text_ko.txt",
            name => &format!("{name}.txt"),
        };
        let text = read(&folder.join(name));
        let lines: Vec<&str> = text.lines().collect();
        for part in lines.chunks(50) {
            let mut learner = HfLearner::new(options.clone()).unwrap();
            part.iter().for_each(|line| learner.add_line(line).unwrap());
            whole.merge(learner);
        }
    }
    whole.learn().unwrap()
}

fn vocab(learned: &HfLearned) -> Map<String, Value> {
    let json: Value = serde_json::from_str(&learned.json).expect("JSON");
    json["model"]["vocab"].as_object().expect("a vocabulary").clone()
}

#[test]
fn golden_tokenizers_are_those_that_the_trainers_learn() {
    let Some(folder) = golden("families/trainers") else {
        return;
    };
    let recorded: Value = serde_json::from_str(&read(&folder.join("trainers.json"))).expect("JSON");
    for (name, run) in recorded["runs"].as_object().expect("runs") {
        let pieces = folder.join(format!("{name}.vocab.txt"));
        let kind = if pieces.exists() {
            LearnedKind::WordPiece
        } else {
            LearnedKind::ByteBpe
        };
        let options = options(kind, run);
        let learned = learn(&folder, run, options.clone());
        assert_eq!(learned, learn(&folder, run, options), "{name}: twice the same");
        let vocab = vocab(&learned);
        if kind == LearnedKind::ByteBpe {
            // The library learns the same tokenizer in every run.
            let expected: Value =
                serde_json::from_str(&read(&folder.join(format!("{name}.vocab.json")))).expect("JSON");
            assert_eq!(Value::Object(vocab), expected, "{name}: vocabulary");
            let json: Value = serde_json::from_str(&learned.json).expect("JSON");
            let merges = json["model"]["merges"].as_array().expect("merges");
            let merges: Vec<String> = merges
                .iter()
                .map(|merge| format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap()))
                .collect();
            let text = read(&folder.join(format!("{name}.merges.txt")));
            let expected: Vec<&str> = text.lines().skip(1).collect();
            assert_eq!(merges, expected, "{name}: merges");
            continue;
        }
        // It numbers tokens in another order in each run, and breaks ties by their numbers: what all runs have in common must be
        // there.
        assert_eq!(learned.size as u64, run["size"], "{name}: size");
        let text = read(&pieces);
        let one_run: BTreeSet<&str> = text.lines().collect();
        let varying = run["not_in_every_run"].as_array().expect("a list");
        let varying: BTreeSet<&str> = varying.iter().filter_map(Value::as_str).collect();
        let missing: Vec<&&str> = one_run
            .difference(&varying)
            .filter(|token| !vocab.contains_key(**token))
            .collect();
        assert!(missing.is_empty(), "{name}: {missing:?} are missing");
        let special = run["special_tokens"].as_array().expect("special tokens");
        for (id, token) in special.iter().enumerate() {
            assert_eq!(vocab[token.as_str().expect("a token")], id as u64, "{name}");
        }
    }
}
