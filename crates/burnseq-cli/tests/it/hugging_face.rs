//! Folders of transformers from end to end: used as they lie there, converted, and written again. The recorded models
//! have no tokenizer, so that ids are the words of their texts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::fixture::{assert_fails, stdout, tool};
use crate::toy::succeed;

/// A recorded model; nothing (said once per test) where they are absent.
fn recorded(name: &str) -> Option<PathBuf> {
    burnseq_testing::golden(&format!("families/hf/{name}"))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&burnseq_testing::read(path)).unwrap()
}

fn run(binary: &str, dir: &Path, args: &[&str]) -> Output {
    tool(binary).current_dir(dir).args(args).output().unwrap()
}

/// Ids as words, without padding and what is no text.
fn words(ids: &[u64], no_text: &[u64]) -> String {
    let words: Vec<String> = ids
        .iter()
        .filter(|id| !no_text.contains(id))
        .map(u64::to_string)
        .collect();
    words.join(" ")
}

#[test]
fn a_folder_translates_as_it_lies_there_and_converted() {
    for name in ["bart", "marian", "m2m100"] {
        let Some(folder) = recorded(name) else { return };
        let (values, config) = (
            json(&folder.join("values.json")),
            json(&folder.join("config.json")),
        );
        let id = |name: &str| config[name].as_u64().unwrap();
        let no_text = [
            id("pad_token_id"),
            id("eos_token_id"),
            id("decoder_start_token_id"),
        ];
        let rows = |value: &Value| -> Vec<Vec<u64>> { serde_json::from_value(value.clone()).unwrap() };
        let sources = rows(&values["generate_inputs"]["input_ids"]);
        let expected = rows(&values["generate"]["beam4"]["sequences"]);
        let expected: Vec<String> = expected.iter().map(|ids| words(ids, &no_text)).collect();
        let dir = TempDir::new().unwrap();
        let text: Vec<String> = sources.iter().map(|ids| words(ids, &no_text)).collect();
        fs::write(dir.path().join("text"), text.join("\n") + "\n").unwrap();
        let folder = folder.to_str().unwrap();
        succeed(run("convert", dir.path(), &[folder, "checkpoint"]));
        // 14 new tokens, of which the end is one where it is forced.
        let new = if name == "m2m100" { "14" } else { "13" };
        for path in [folder, "checkpoint"] {
            let flags = [
                "--path",
                path,
                "--input",
                "text",
                "--beam",
                "4",
                "--max-new-tokens",
                new,
                "--cpu",
            ];
            let output = run("generate", dir.path(), &flags);
            let found: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
            assert_eq!(
                found,
                expected,
                "{name} in {path}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn a_language_model_continues_ids() {
    let Some(folder) = recorded("gpt2") else { return };
    let values = json(&folder.join("values.json"));
    let prompts: Vec<Vec<u64>> = serde_json::from_value(values["generate_inputs"]["plain"].clone()).unwrap();
    let sequences: Vec<Vec<u64>> =
        serde_json::from_value(values["generate"]["beam4"]["sequences"].clone()).unwrap();
    let dir = TempDir::new().unwrap();
    let lines: Vec<String> = prompts.iter().map(|ids| words(ids, &[])).collect();
    fs::write(dir.path().join("prompts"), lines.join("\n") + "\n").unwrap();
    let flags = [
        "--path",
        folder.to_str().unwrap(),
        "--input",
        "prompts",
        "--beam",
        "4",
        "--max-new-tokens",
        "12",
        "--cpu",
    ];
    let output = run("generate", dir.path(), &flags);
    let expected: Vec<String> = sequences.iter().map(|ids| words(ids, &[159])).collect();
    let found: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_folder_comes_back_as_it_went() {
    for name in ["bart", "marian", "mbart", "m2m100", "gpt2", "openai_gpt"] {
        let Some(folder) = recorded(name) else { return };
        let dir = TempDir::new().unwrap();
        succeed(run(
            "convert",
            dir.path(),
            &[folder.to_str().unwrap(), "checkpoint"],
        ));
        succeed(run("convert", dir.path(), &["--to", "hf", "checkpoint", "back"]));
        let tensors = |path: &Path| {
            let bytes = fs::read(path.join("model.safetensors")).unwrap();
            let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let tensors = file
                .iter()
                .map(|(name, view)| (name.to_owned(), view.shape().to_vec(), view.data().to_vec()));
            let mut tensors: Vec<_> = tensors.collect();
            tensors.sort();
            tensors
        };
        let back = dir.path().join("back");
        assert_eq!(tensors(&back), tensors(&folder), "{name}");
        for file in ["config.json", "generation_config.json"] {
            assert_eq!(json(&back.join(file)), json(&folder.join(file)), "{name}: {file}");
        }
    }
}

#[test]
fn only_an_earlier_result_is_replaced() {
    let Some(folder) = recorded("gpt2") else { return };
    let dir = TempDir::new().unwrap();
    let convert = |flags: &[&str]| run("convert", dir.path(), flags);
    succeed(convert(&[folder.to_str().unwrap(), "kept/checkpoint"]));
    fs::write(dir.path().join("kept/thesis.txt"), "x").unwrap();
    let output = convert(&["--to", "hf", "kept/checkpoint", "kept", "--overwrite"]);
    assert_fails(&output, 1, "kept is, or holds, what is converted");
    let output = convert(&["--to", "hf", "kept/checkpoint", "kept/checkpoint", "--overwrite"]);
    assert_fails(&output, 1, "is, or holds, what is converted");
    fs::create_dir(dir.path().join("other")).unwrap();
    fs::write(dir.path().join("other/precious"), "x").unwrap();
    let output = convert(&["--to", "hf", "kept/checkpoint", "other", "--overwrite"]);
    assert_fails(
        &output,
        1,
        "is not a folder of transformers, so it is not replaced",
    );
    for file in [
        "kept/thesis.txt",
        "kept/checkpoint/checkpoint.json",
        "other/precious",
    ] {
        assert!(dir.path().join(file).exists(), "{file}");
    }
    succeed(convert(&["--to", "hf", "kept/checkpoint", "model"]));
    assert_fails(
        &convert(&["--to", "hf", "kept/checkpoint", "model"]),
        1,
        "is there already",
    );
    // A checkpoint that is damaged leaves the earlier result alone.
    succeed(convert(&[
        "--to",
        "hf",
        "kept/checkpoint",
        "model",
        "--overwrite",
    ]));
    fs::write(dir.path().join("kept/checkpoint/model.safetensors"), "x").unwrap();
    assert!(
        !convert(&["--to", "hf", "kept/checkpoint", "model", "--overwrite"])
            .status
            .success()
    );
    assert!(dir.path().join("model/model.safetensors").exists());
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 3, "nothing else is left behind");
}

/// A folder with a changed `config.json`, and the weights of a recorded model.
fn changed(folder: &Path, change: impl FnOnce(&mut Map<String, Value>)) -> TempDir {
    let dir = TempDir::new().unwrap();
    let mut config = json(&folder.join("config.json"));
    change(config.as_object_mut().unwrap());
    fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    fs::copy(
        folder.join("model.safetensors"),
        dir.path().join("model.safetensors"),
    )
    .unwrap();
    dir
}

#[test]
fn what_is_not_supported_or_missing_is_named() {
    let Some(folder) = recorded("bart") else { return };
    let refused = |dir: &Path, problem: &str| {
        let output = run("convert", dir, &["--from", "hf", ".", "out"]);
        assert_fails(&output, 1, problem);
        assert!(!dir.join("out").exists());
    };
    let unknown = changed(&folder, |config| {
        config.insert("activation_function".to_owned(), json!("mish"));
    });
    refused(
        unknown.path(),
        "field `activation_function` = \"mish\": there is no support for it",
    );
    let other = changed(&folder, |config| {
        config.insert("model_type".to_owned(), json!("t5"));
    });
    refused(
        other.path(),
        "field `model_type` = \"t5\": there is no support for it",
    );
    let deeper = changed(&folder, |config| {
        config.insert("decoder_layers".to_owned(), json!(3));
    });
    refused(deeper.path(), "are missing: model.decoder.layers.2");
    let flatter = changed(&folder, |config| {
        config.insert("decoder_layers".to_owned(), json!(1));
    });
    refused(flatter.path(), "has no use for: model.decoder.layers.1");
    let wider = changed(&folder, |config| {
        config.insert("vocab_size".to_owned(), json!(170));
    });
    refused(wider.path(), "170");
    let endless = changed(&folder, |config| {
        config.insert("vocab_size".to_owned(), json!(1_000_000_000));
    });
    refused(
        endless.path(),
        "field `vocab_size` = 1000000000: `model.shared.weight` has 160 rows",
    );
    let forced = changed(&folder, |_| ());
    fs::write(
        forced.path().join("generation_config.json"),
        r#"{"forced_bos_token_id": 160}"#,
    )
    .unwrap();
    refused(
        forced.path(),
        "field `forced_bos_token_id` = 160: the model has 160 tokens",
    );
    // They may be left out, or drawn.
    for dir in [deeper, flatter] {
        let output = run(
            "convert",
            dir.path(),
            &["--ignore-missing", "--from", "hf", ".", "out"],
        );
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("model.decoder.layers."));
    }
    let broken = changed(&folder, |_| ());
    fs::write(broken.path().join("config.json"), "{").unwrap();
    refused(broken.path(), "config.json: is not JSON");
    let cut = changed(&folder, |_| ());
    let weights = fs::read(cut.path().join("model.safetensors")).unwrap();
    fs::write(
        cut.path().join("model.safetensors"),
        &weights[..weights.len() / 2],
    )
    .unwrap();
    refused(cut.path(), "model.safetensors");
}
