//! Tokenizers of Hugging Face against what transformers gave for the same folders: every line, every field.

use std::fs;
use std::path::Path;

use burnseq_testing::golden;
use burnseq_text::hugging_face::{
    EncodeOptions, HfEncoding, HfTokenizer, Side, TOKENIZER_FILES, Truncation, TruncationStrategy,
};
use serde_json::{Map, Value, json};

use super::shared::{read, shared};

/// A JSON file, unpacked where it is packed.
fn parse(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse_lines(path: &Path) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).expect("a line is JSON");
    read(path).lines().map(line).collect()
}

/// A list of numbers.
fn numbers(value: &Value) -> Vec<u32> {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} is no list"));
    list.iter()
        .map(|number| number.as_u64().expect("a number") as u32)
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} is no list"));
    list.iter().map(|text| text.as_str().expect("a text")).collect()
}

fn spans(value: &Value) -> Vec<(usize, usize)> {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} is no list"));
    let span = |span: &Value| {
        let span = numbers(span);
        (span[0] as usize, span[1] as usize)
    };
    list.iter().map(span).collect()
}

/// The tokenizers of the golden folder with the folder whose vocabulary each uses: its own, or the one whose name its own
/// begins with.
fn tokenizers(root: &Path) -> Vec<(String, String, Value)> {
    let summary = parse(&root.join("summary.json"));
    let entries = summary["tokenizers"].as_object().expect("tokenizers by name");
    let has_vocabulary = |name: &str| {
        ["vocab.txt", "vocab.json", "spiece.model"]
            .iter()
            .any(|file| root.join(name).join(file).exists())
    };
    let source = |name: &String| {
        let mut candidates: Vec<&String> = entries.keys().collect();
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.len()));
        let found = candidates
            .into_iter()
            .find(|candidate| name.starts_with(candidate.as_str()) && has_vocabulary(candidate));
        found
            .unwrap_or_else(|| panic!("{name} has no vocabulary"))
            .clone()
    };
    entries
        .iter()
        .map(|(name, entry)| (name.clone(), source(name), entry.clone()))
        .collect()
}

/// `tokenizer_config.json` for a tokenizer: its class by its name, its special tokens, and the settings of its `tokenizer.json` or
/// its note.
fn config(name: &str, entry: &Value, form: Option<&Value>, clean_up: Option<bool>) -> Value {
    let class = ["bert", "gpt2", "roberta", "openai_gpt", "albert", "marian"]
        .into_iter()
        .find(|class| name.starts_with(class))
        .unwrap_or_else(|| panic!("{name} is of an unknown class"));
    let class = match class {
        "bert" => "BertTokenizer",
        "gpt2" => "GPT2TokenizerFast",
        "roberta" => "RobertaTokenizer",
        "openai_gpt" => "OpenAIGPTTokenizer",
        "albert" => "AlbertTokenizer",
        _ => "MarianTokenizer",
    };
    let mut config = Map::new();
    config.insert("tokenizer_class".to_owned(), json!(class));
    for (role, token) in entry["special_tokens"].as_object().expect("special tokens") {
        config.insert(role.clone(), token[0].clone());
    }
    let clean_up = clean_up.map_or_else(|| entry["clean_up_tokenization_spaces"].clone(), Value::from);
    config.insert("clean_up_tokenization_spaces".to_owned(), clean_up);
    if let Some(form) = form {
        let normalizer = &form["normalizer"];
        if normalizer["type"] == "BertNormalizer" {
            config.insert("do_lower_case".to_owned(), normalizer["lowercase"].clone());
            config.insert("strip_accents".to_owned(), normalizer["strip_accents"].clone());
            config.insert(
                "tokenize_chinese_chars".to_owned(),
                normalizer["handle_chinese_chars"].clone(),
            );
        }
        if let Some(prefix) = form["pre_tokenizer"].get("add_prefix_space") {
            config.insert("add_prefix_space".to_owned(), prefix.clone());
        }
    }
    // Such as: do_lower_case False, keep_accents True.
    let note = entry["note"].as_str().unwrap_or("");
    for setting in ["do_lower_case", "keep_accents"] {
        if let Some(value) = note.split(&format!("{setting} ")).nth(1) {
            config.insert(setting.to_owned(), json!(value.starts_with("True")));
        }
    }
    Value::Object(config)
}

/// The `tokenizer.json` of a golden folder.
fn form(folder: &Path) -> Option<Value> {
    ["tokenizer.json", "tokenizer.json.gz"]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
        .map(|path| parse(&path))
}

/// Opens a tokenizer from its `tokenizer.json` or from the files that it is made of.
fn open(
    root: &Path,
    (name, source, entry): &(String, String, Value),
    json: bool,
    clean_up: Option<bool>,
) -> Option<HfTokenizer> {
    let folder = tempfile::tempdir().expect("a folder");
    let form = form(&root.join(name));
    if json {
        fs::write(folder.path().join("tokenizer.json"), form.as_ref()?.to_string()).unwrap();
    } else {
        for file in TOKENIZER_FILES.iter().chain(&["target.spm"]) {
            let path = root.join(source).join(file);
            if path.exists() && *file != "tokenizer.json" {
                fs::copy(&path, folder.path().join(file)).unwrap();
            }
        }
    }
    let config = config(name, entry, form.as_ref(), clean_up);
    fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    Some(HfTokenizer::open(folder.path()).unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn plain() -> EncodeOptions {
    EncodeOptions {
        add_special_tokens: false,
        truncation: None,
    }
}

/// Offsets in bytes are those in characters.
fn assert_bytes(encoding: &HfEncoding, text: &str, what: &str) {
    let starts: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    for (&(start, end), &bytes) in encoding.offsets.iter().zip(&encoding.byte_offsets) {
        assert_eq!((starts[start], starts[end]), bytes, "{what}");
    }
}

/// Compares everything that is recorded of a line.
fn assert_line(
    tokenizers: (&HfTokenizer, &HfTokenizer),
    text: &str,
    expected: &Value,
    offsets: Option<&Value>,
    what: &str,
) {
    let (tokenizer, without_clean_up) = tokenizers;
    let encoding = tokenizer.encode(text, &EncodeOptions::default()).unwrap();
    assert_eq!(encoding.ids, numbers(&expected["ids"]), "{what}: ids");
    let inner = tokenizer.encode(text, &plain()).unwrap();
    assert_eq!(
        inner.ids,
        numbers(&expected["ids_no_special"]),
        "{what}: ids without special tokens"
    );
    assert_eq!(inner.tokens, texts(&expected["tokens"]), "{what}: tokens");
    let with_special = expected.get("tokens_with_special").unwrap_or(&expected["tokens"]);
    let named: Vec<String> = encoding
        .ids
        .iter()
        .map(|&id| tokenizer.token(id).expect("ids have tokens"))
        .collect();
    assert_eq!(named, texts(with_special), "{what}: tokens of the ids");
    for (token, &id) in named.iter().zip(&encoding.ids) {
        assert_eq!(tokenizer.id(token), Some(id), "{what}");
    }
    if let Some(offsets) = offsets {
        assert_eq!(encoding.offsets, spans(offsets), "{what}: offsets");
    }
    assert_bytes(&encoding, text, what);
    let decoded = |tokenizer: &HfTokenizer, skip| tokenizer.decode(&encoding.ids, skip).unwrap();
    assert_eq!(decoded(tokenizer, false), expected["decoded"], "{what}: decoded");
    assert_eq!(
        decoded(tokenizer, true),
        expected["decoded_skip"],
        "{what}: decoded without special tokens"
    );
    let raw = expected
        .get("decoded_skip_noclean")
        .unwrap_or(&expected["decoded_skip"]);
    assert_eq!(
        decoded(without_clean_up, true),
        *raw,
        "{what}: decoded without clean-up"
    );
}

#[test]
fn golden_every_line_has_the_ids_tokens_offsets_and_text_of_transformers() {
    let Some(root) = golden("families/tokenizers") else {
        return;
    };
    let lines = parse(&root.join("cases.json"));
    let lines = texts(&lines);
    for entry in tokenizers(&root) {
        let name = &entry.0;
        let rows = parse_lines(&root.join(name).join("expected.jsonl.gz"));
        assert_eq!(rows.len(), lines.len(), "{name}");
        let mut routes = 0;
        for json in [true, false] {
            let Some(tokenizer) = open(&root, &entry, json, None) else {
                continue;
            };
            let raw = open(&root, &entry, json, Some(false)).expect("it was opened");
            routes += 1;
            assert_eq!(tokenizer.len() as u64, entry.2["vocab_size"], "{name}");
            for (row, line) in rows.iter().zip(&lines) {
                let expected = match row.get("fast") {
                    None => &row["slow"],
                    Some(Value::String(same)) if same == "same" => &row["slow"],
                    Some(fast) => fast,
                };
                let what = format!("{name}, json {json}, line {}: {line:?}", row["i"]);
                assert!(expected.get("error").is_none(), "{what}");
                let offsets = row.get("offsets").filter(|offsets| !offsets.is_null());
                assert_line((&tokenizer, &raw), line, expected, offsets, &what);
            }
        }
        assert!(routes > 0, "{name}");
    }
}

#[test]
fn golden_special_ids_are_those_of_transformers() {
    let Some(root) = golden("families/tokenizers") else {
        return;
    };
    for entry in tokenizers(&root) {
        for json in [true, false] {
            let Some(tokenizer) = open(&root, &entry, json, None) else {
                continue;
            };
            let ids = tokenizer.special_ids();
            let roles = [
                ("bos_token", ids.bos),
                ("eos_token", ids.eos),
                ("unk_token", ids.unk),
                ("sep_token", ids.sep),
                ("pad_token", ids.pad),
                ("cls_token", ids.cls),
                ("mask_token", ids.mask),
            ];
            for (role, id) in roles {
                let expected = entry.2["special_tokens"].get(role).map(|token| token[1].clone());
                assert_eq!(id.map(Value::from), expected, "{}: {role}", entry.0);
            }
        }
    }
}

/// How transformers was told to shorten texts.
fn truncation(kwargs: &Value) -> Option<Truncation> {
    let strategy = match kwargs.get("truncation")? {
        Value::Bool(true) => TruncationStrategy::LongestFirst,
        Value::String(name) => match name.as_str() {
            "longest_first" => TruncationStrategy::LongestFirst,
            "only_first" => TruncationStrategy::OnlyFirst,
            "only_second" => TruncationStrategy::OnlySecond,
            other => panic!("unknown strategy {other}"),
        },
        other => panic!("unknown truncation {other}"),
    };
    Some(Truncation {
        max_length: kwargs["max_length"].as_u64().expect("a number") as usize,
        strategy,
        side: Side::Right,
        stride: kwargs["stride"].as_u64().unwrap_or(0) as usize,
    })
}

/// Compares a result of transformers, without its padding.
fn assert_output(encoding: &HfEncoding, out: &Value, number: Option<usize>, what: &str) {
    let field = |name: &str| {
        let value = out.get(name)?;
        Some(number.map_or(value, |number| &value[number]))
    };
    let mask = numbers(field("attention_mask").expect("a mask"));
    let kept = |name: &str| {
        let values = numbers(field(name)?);
        let kept = values.into_iter().zip(&mask).filter(|(_, mask)| **mask == 1);
        Some(kept.map(|(value, _)| value).collect::<Vec<u32>>())
    };
    assert_eq!(encoding.ids, kept("input_ids").expect("ids"), "{what}: ids");
    if let Some(types) = kept("token_type_ids") {
        assert_eq!(encoding.type_ids, types, "{what}: types");
    }
    if let Some(special) = kept("special_tokens_mask") {
        let got: Vec<u32> = encoding
            .special_tokens_mask
            .iter()
            .map(|&special| u32::from(special))
            .collect();
        assert_eq!(got, special, "{what}: special tokens");
    }
    if let Some(offsets) = field("offset_mapping") {
        assert_eq!(encoding.offsets, spans(offsets), "{what}: offsets");
    }
}

#[test]
fn golden_pairs_truncation_and_windows_are_those_of_transformers() {
    let Some(root) = golden("families/tokenizers") else {
        return;
    };
    for entry in tokenizers(&root) {
        let name = &entry.0;
        let recorded = parse(&root.join(name).join("pairs.json"));
        let empty = Vec::new();
        let list = |kind: &str| recorded.get(kind).and_then(Value::as_array).unwrap_or(&empty);
        let (slow, fast) = (list("slow"), list("fast"));
        let key = |item: &Value| {
            json!([
                item.get("a"),
                item.get("b"),
                item.get("batch"),
                item.get("kwargs")
            ])
        };
        // `fast` lists what differs from `slow`.
        let changed = |item: &Value| fast.iter().any(|other| key(other) == key(item));
        let items: Vec<&Value> = slow.iter().filter(|item| !changed(item)).chain(fast).collect();
        for json in [true, false] {
            let Some(tokenizer) = open(&root, &entry, json, None) else {
                continue;
            };
            for item in &items {
                let what = format!("{name}, json {json}: {}", key(item));
                let kwargs = item.get("kwargs").unwrap_or(&Value::Null);
                let options = EncodeOptions {
                    add_special_tokens: true,
                    truncation: truncation(kwargs),
                };
                if let Some(batch) = item.get("batch") {
                    let encodings = tokenizer.encode_batch(&texts(batch), &options).unwrap();
                    for (number, encoding) in encodings.iter().enumerate() {
                        // The mask of transformers' own Python code does not tell padding from other special tokens.
                        assert_output(encoding, &item["out"], Some(number), &what);
                    }
                    continue;
                }
                let (a, b) = (item["a"].as_str().unwrap(), item["b"].as_str().unwrap());
                let result = tokenizer.encode_pair(a, b, &options);
                // Python's own tokenizers log an error and shorten nothing.
                let longer = |limit: &Value| {
                    let length = item["out"]["input_ids"].as_array().map(Vec::len);
                    limit.as_u64().is_some_and(|limit| length > Some(limit as usize))
                };
                let windows = kwargs.get("return_overflowing_tokens").is_some();
                if item.get("error").is_some() || (!windows && longer(&kwargs["max_length"])) {
                    assert!(result.is_err(), "{what}");
                    continue;
                }
                let encoding = result.unwrap_or_else(|error| panic!("{what}: {error}"));
                if !windows {
                    assert_output(&encoding, &item["out"], None, &what);
                    continue;
                }
                let all: Vec<&HfEncoding> = [&encoding].into_iter().chain(&encoding.overflowing).collect();
                assert_eq!(
                    all.len(),
                    item["out"]["input_ids"].as_array().unwrap().len(),
                    "{what}"
                );
                for (number, window) in all.into_iter().enumerate() {
                    assert_output(window, &item["out"], Some(number), &what);
                    // Without a post-processor the library loses which text the tokens of a window are of.
                    let recorded = item["sequence_ids"][number].as_array().expect("a list");
                    if recorded.iter().all(|id| *id != 1) {
                        continue;
                    }
                    let sequences: Vec<Value> = window.sequence_ids.iter().map(|id| json!(id)).collect();
                    assert_eq!(
                        json!(sequences),
                        item["sequence_ids"][number],
                        "{what}: sequences"
                    );
                }
            }
        }
    }
}

#[test]
fn golden_marian_segments_the_target_side_with_its_own_model() {
    let Some(root) = golden("families/tokenizers") else {
        return;
    };
    let lines = parse(&root.join("cases.json"));
    for entry in tokenizers(&root) {
        let folder = root.join(&entry.0);
        let target = folder.join("expected_target.jsonl.gz");
        if !target.exists() {
            continue;
        }
        let tokenizer = open(&root, &entry, false, None).expect("it has files");
        let for_target = tokenizer.for_target();
        for (row, line) in parse_lines(&target).iter().zip(texts(&lines)) {
            let encoding = for_target.encode(line, &EncodeOptions::default()).unwrap();
            assert_eq!(encoding.ids, numbers(&row["ids"]), "{line:?}");
            let named: Vec<String> = encoding
                .ids
                .iter()
                .filter_map(|&id| tokenizer.token(id))
                .collect();
            assert_eq!(named, texts(&row["tokens"]), "{line:?}");
            assert_eq!(
                tokenizer.decode(&encoding.ids, true).unwrap(),
                row["decoded_skip"],
                "{line:?}"
            );
        }
        for item in parse(&folder.join("lang_code.json")).as_array().expect("a list") {
            let text = item["text"].as_str().expect("a text");
            let encoding = tokenizer.encode(text, &EncodeOptions::default()).unwrap();
            assert_eq!(encoding.ids, numbers(&item["ids"]), "{text:?}");
        }
    }
}

/// A folder with the unpacked files of a published vocabulary.
fn published(folder: &str, files: &[&str]) -> Option<(tempfile::TempDir, Vec<Value>)> {
    let source = shared(&format!("data/vocabs/{folder}"))?;
    let unpacked = tempfile::tempdir().expect("a folder");
    for file in files {
        fs::write(
            unpacked.path().join(file),
            read(&source.join(format!("{file}.gz"))),
        )
        .unwrap();
    }
    let golden = match folder {
        "bert-base-uncased" => shared("data/minilm-golden/golden.json.gz")?,
        _ => source.join("golden.json.gz"),
    };
    let items = parse(&golden).as_array().expect("a list of texts").clone();
    Some((unpacked, items))
}

#[test]
fn golden_the_vocabulary_of_bert_gives_the_ids_of_minilm() {
    for file in ["tokenizer.json", "vocab.txt"] {
        let Some((folder, items)) = published("bert-base-uncased", &[file]) else {
            return;
        };
        let tokenizer = HfTokenizer::open(folder.path()).unwrap();
        assert_eq!(tokenizer.len(), 30_522);
        for item in &items {
            let first = item["text"].as_str().expect("a text");
            let options = EncodeOptions::default();
            let encoding = match item["pair"].as_str() {
                None => tokenizer.encode(first, &options).unwrap(),
                Some(second) => tokenizer.encode_pair(first, second, &options).unwrap(),
            };
            assert_eq!(encoding.tokens, texts(&item["tokens"]), "{file}: {first:?}");
            assert_eq!(encoding.ids, numbers(&item["ids"]), "{file}: {first:?}");
            assert_eq!(encoding.type_ids, numbers(&item["type_ids"]), "{file}: {first:?}");
        }
    }
}

#[test]
fn golden_the_vocabulary_of_gpt2_gives_its_ids_and_those_of_fairseq() {
    let Some((folder, items)) = published("gpt2", &["encoder.json", "vocab.bpe", "fairseq_dict.txt"]) else {
        return;
    };
    let tokenizer = HfTokenizer::open(folder.path()).unwrap();
    assert_eq!(tokenizer.len(), 50_257);
    let dictionary = read(&folder.path().join("fairseq_dict.txt"));
    let words: Vec<&str> = dictionary
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    for item in &items {
        let text = item["text"].as_str().expect("a text");
        let encoding = tokenizer.encode(text, &EncodeOptions::default()).unwrap();
        assert_eq!(encoding.ids, numbers(&item["ids"]), "{text:?}");
        assert_eq!(encoding.tokens, texts(&item["tokens"]), "{text:?}");
        assert_eq!(
            tokenizer.decode(&encoding.ids, false).unwrap(),
            item["decoded"],
            "{text:?}"
        );
        // fairseq takes the ids as words of a dictionary.
        let word = |id: &u32| words.iter().position(|word| *word == id.to_string()).unwrap() as u32 + 4;
        let fairseq: Vec<u32> = [0]
            .into_iter()
            .chain(encoding.ids.iter().map(word))
            .chain([2])
            .collect();
        assert_eq!(fairseq, numbers(&item["fairseq_roberta_ids"]), "{text:?}");
    }
}

#[test]
fn golden_the_vocabulary_of_kcbert_keeps_syllables() {
    let Some((folder, items)) = published("kcbert", &["vocab.txt"]) else {
        return;
    };
    let config = json!({"tokenizer_class": "BertTokenizer", "do_lower_case": false});
    fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let tokenizer = HfTokenizer::open(folder.path()).unwrap();
    for item in &items {
        let text = item["text"].as_str().expect("a text");
        let encoding = tokenizer.encode(text, &EncodeOptions::default()).unwrap();
        assert_eq!(encoding.ids, numbers(&item["ids"]), "{text:?}");
    }
}
