//! Flags of the model families: what each of them takes, shows and refuses.

use crate::fixture::assert_says;
use std::fs;

use burnseq_cli::train::{GRAMMAR, Request, TrainArgs};
use burnseq_model::{Kind, Model, ModelConfig};
use clap::CommandFactory;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cases::stderr_of;
use crate::fixture::tool;

fn request(words: &[&str]) -> anyhow::Result<Request> {
    let words = std::iter::once("train").chain(words.iter().copied());
    Request::new(&GRAMMAR.try_parse::<TrainArgs>(words).unwrap()?)
}

/// The fields of the model that a command asks for.
#[track_caller]
fn model(words: &[&str]) -> serde_json::Map<String, Value> {
    request(words).unwrap().model.fields()
}

fn problem(words: &[&str]) -> String {
    burnseq_cli::exit::describe(&request(words).unwrap_err())
}

fn help(arch: &str) -> String {
    let words = ["train", "--arch", arch, "--help-all"];
    let words = &words[..if arch.is_empty() { 1 } else { 3 }];
    let words = words.iter().copied().chain(["--help-all"]);
    GRAMMAR.try_parse::<TrainArgs>(words).unwrap_err().to_string()
}

#[test]
fn commands_of_fairseqs_recipes_are_understood() {
    // examples/pay_less_attention_paper
    let lightconv = model(&[
        "data-bin",
        "--clip-norm",
        "0",
        "--optimizer",
        "adam",
        "--lr",
        "0.0005",
        "--max-tokens",
        "4000",
        "--lr-scheduler",
        "inverse_sqrt",
        "--adam-betas",
        "(0.9, 0.98)",
        "-a",
        "lightconv_iwslt_de_en",
        "--dropout",
        "0.3",
        "--attention-dropout",
        "0.1",
        "--weight-dropout",
        "0.1",
        "--encoder-glu",
        "0",
        "--decoder-glu",
        "0",
        "--encoder-conv-type",
        "lightweight",
        "--decoder-conv-type",
        "lightweight",
        "--encoder-kernel-size-list",
        "[3,7,15,31,31,31,31]",
    ]);
    for (field, value) in [
        ("type", json!("lightconv")),
        ("dropout", json!(0.3)),
        ("weight_dropout", json!(0.1)),
        ("encoder_glu", json!(false)),
        ("decoder_conv_type", json!("lightweight")),
        ("encoder_kernel_size_list", json!([3, 7, 15, 31, 31, 31, 31])),
        ("weight_softmax", json!(true)),
    ] {
        assert_eq!(lightconv[field], value, "{field}");
    }
    // examples/conv_seq2seq
    let fconv = model(&[
        "data-bin",
        "--arch=fconv_wmt_en_de",
        "--encoder-layers",
        "[(256, 3)] * 4 + [(512,3)]",
        "--decoder-layers",
        "[(256, 3, 2)] * 3",
        "--decoder-attention",
        "[True, False, True]",
        "--encoder-embed-dim",
        "256",
        "--share-input-output-embed",
    ]);
    assert_eq!(fconv["encoder_layers"], "[(256, 3)] * 4 + [(512, 3)]");
    assert_eq!(fconv["decoder_layers"], "[(256, 3, 2)] * 3");
    assert_eq!(fconv["decoder_attention"], "[True, False, True]");
    assert_eq!(fconv["share_input_output_embed"], true);
    let lstm = model(&[
        "data-bin",
        "-a",
        "lstm",
        "--encoder-bidirectional",
        "--encoder-layers",
        "2",
        "--decoder-layers",
        "2",
        "--encoder-hidden-size",
        "256",
        "--decoder-attention",
        "False",
        "--decoder-dropout-out",
        "0",
        "--decoder-freeze-embed",
    ]);
    for (field, value) in [
        ("encoder_bidirectional", json!(true)),
        ("encoder_layers", json!(2)),
        ("encoder_hidden_size", json!(256)),
        ("decoder_hidden_size", json!(null)),
        ("decoder_attention", json!(false)),
        ("decoder_dropout_out", json!(0.0)),
        ("decoder_freeze_embed", json!(true)),
        ("encoder_freeze_embed", json!(false)),
    ] {
        assert_eq!(lstm[field], value, "{field}");
    }
}

#[test]
fn one_name_is_what_each_family_calls_by_it() {
    let relu = |words: &[&str]| {
        let fields = model(words);
        let field = ["relu_dropout", "activation_dropout"]
            .iter()
            .find_map(|name| fields.get(*name));
        field.cloned().unwrap()
    };
    assert_eq!(relu(&["--arch", "lightconv", "--relu-dropout", "0.2"]), 0.2);
    assert_eq!(relu(&["--arch", "transformer", "--relu-dropout", "0.2"]), 0.2);
    // Of two names of one setting the last one counts.
    let both = ["--relu-dropout", "0.2", "--activation-dropout", "0.4"];
    assert_eq!(relu(&both), 0.4);
    assert_eq!(relu(&[both[2], both[3], both[0], both[1]]), 0.2);
    assert!(problem(&["--arch", "lightconv", "--activation-dropout", "0.2"]).contains("does not apply"));
}

#[test]
fn fewer_layers_take_the_taps_of_the_first_ones() {
    let fields = model(&["--arch", "lightconv", "--encoder-layers", "3"]);
    assert_eq!(fields["encoder_kernel_size_list"], json!([3, 7, 15]));
    assert_eq!(fields["decoder_kernel_size_list"].as_array().unwrap().len(), 6);
}

#[test]
fn a_flag_that_the_family_does_not_have_is_refused_with_those_that_have_it() {
    for (words, expected) in [
        (
            &["--arch", "lstm", "--encoder-glu", "True"][..],
            "--encoder-glu does not apply: an LSTM has no such option\n\
             hint: leave it out, or choose an --arch of LightConv",
        ),
        (
            &["--arch", "lightconv", "--encoder-bidirectional"],
            "--encoder-bidirectional does not apply: LightConv has no such option\n\
             hint: leave it out, or choose an --arch of LSTM",
        ),
        (
            &["--arch", "fconv", "--decoder-freeze-embed"],
            "--decoder-freeze-embed does not apply: fconv has no such option\n\
             hint: leave it out, or choose an --arch of LSTM",
        ),
        (
            &["--decoder-out-embed-dim", "8"],
            "--decoder-out-embed-dim does not apply: a Transformer has no such option\n\
             hint: leave it out, or choose an --arch of LSTM or fconv",
        ),
    ] {
        let error = request(words).unwrap_err();
        assert_eq!(burnseq_cli::exit::describe(&error), expected);
        assert_eq!(burnseq_cli::exit::code(&error), 2);
    }
    // With an architecture that there is not, nobody knows.
    let said = problem(&["--arch", "lightcomv", "--encoder-glu", "True"]);
    assert!(
        said.starts_with("unknown architecture") && !said.contains("apply"),
        "{said}"
    );
}

#[test]
fn a_value_of_another_kind_is_told_with_what_the_flag_takes() {
    for (words, expected) in [
        (
            &["--arch", "lightconv", "--encoder-glu", "maybe"][..],
            "invalid value \"maybe\" for --encoder-glu: expected True or False",
        ),
        (
            &["--arch", "lightconv", "--encoder-kernel-size-list", "[3, x]"],
            "invalid value \"[3, x]\" for --encoder-kernel-size-list: expected a number at character 5; give whole numbers \
             such as [3, 7, 15]",
        ),
        (
            &["--arch", "lightconv", "--encoder-conv-type", "separable"],
            "invalid value \"separable\" for --encoder-conv-type\nhint: choose one of: dynamic, lightweight",
        ),
        (
            &["--arch", "lstm", "--encoder-layers", "[(256, 3)] * 4"],
            "invalid value \"[(256, 3)] * 4\" for --encoder-layers: expected a whole number",
        ),
        (
            &["--encoder-layers", "[(256, 3)] * 4"],
            "invalid value \"[(256, 3)] * 4\" for --encoder-layers: expected a whole number",
        ),
        (
            &["--arch", "fconv", "--encoder-layers", "4"],
            "invalid value \"4\" for --encoder-layers: expected `[` at character 1; give something like [(256, 3)] * 4",
        ),
        (
            &["--encoder-layers", "four"],
            "invalid value \"four\" for --encoder-layers: expected a whole number or something like [(256, 3)] * 4",
        ),
        (
            &["--arch", "lstm", "--decoder-dropout-in", "nan"],
            "invalid value \"nan\" for --decoder-dropout-in: expected a number",
        ),
        (
            &["--arch", "lstm", "--encoder-hidden-size", "-3"],
            "invalid value \"-3\" for --encoder-hidden-size: expected a whole number of at least 0",
        ),
    ] {
        let error = request(words).unwrap_err();
        assert_eq!(burnseq_cli::exit::describe(&error), expected);
        assert_eq!(burnseq_cli::exit::code(&error), 2, "{expected}");
    }
}

#[test]
fn a_value_out_of_range_is_told_with_the_range() {
    let dir = crate::fixture::folder();
    for (flags, expected) in [
        (
            "--arch lightconv --encoder-kernel-size-list 3,5",
            "--encoder-kernel-size-list = [3, 5]: must have one number, or one for each of --encoder-layers 7",
        ),
        (
            "--arch lightconv --weight-dropout 1",
            "--weight-dropout = 1: must be at least 0 and below 1",
        ),
        (
            "--arch lstm --encoder-layers 2",
            "--encoder-layers = 2: must equal --decoder-layers 1",
        ),
        (
            "--arch lstm --encoder-hidden-size 0",
            "--encoder-hidden-size = 0: must be at least 1",
        ),
        (
            "--arch fconv --decoder-attention False",
            "--decoder-attention = False: must be True for at least one decoder layer",
        ),
    ] {
        let said = stderr_of(
            dir.path(),
            &format!("train data-bin --cpu --max-update 1 --save-dir run {flags}"),
            2,
        );
        assert_eq!(said.trim(), format!("train: error: {expected}"), "{flags}");
    }
    assert!(!dir.path().join("run").exists());
}

#[test]
fn help_shows_every_flag_under_its_families() {
    let help = help("");
    for family in ModelConfig::families_of::<Model>() {
        for setting in family.settings {
            let flag = format!("--{}", setting.field.replace('_', "-"));
            assert!(help.contains(&flag), "{flag} of {}", family.name);
        }
        for (arch, _) in &family.presets {
            assert!(help.contains(arch), "{arch} is not in the help of --arch");
        }
        assert!(
            help.contains(&format!("Model: {} alone:", family.name)),
            "{}",
            family.name
        );
    }
    // Which families a flag is of, and what it means in each.
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_says(
        &flat,
        "--encoder-embed-dim <N> Width of the encoder (Transformer, LightConv); width of the source embeddings (LSTM, fconv)",
    );
    assert_says(&flat, "transformer_iwslt = transformer_iwslt_de_en");
    assert_says(
        &flat,
        "[default: transformer_iwslt, transformer_lm of a language model]",
    );
}

#[test]
fn help_of_a_preset_shows_its_family_alone_with_its_defaults() {
    for family in ModelConfig::families_of::<Model>() {
        for (arch, preset) in &family.presets {
            let help = help(arch);
            for other in ModelConfig::families_of::<Model>() {
                for setting in other.settings {
                    let flag = format!("--{}", setting.field.replace('_', "-"));
                    let shown = help
                        .split_whitespace()
                        .any(|word| word.trim_end_matches([',', ']']) == flag);
                    assert_eq!(shown, family.setting(setting.field).is_some(), "{flag} of {arch}");
                }
            }
            let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
            for setting in family.settings {
                let text = match &preset.fields()[setting.field] {
                    Value::Null => None,
                    Value::Bool(_) if matches!(setting.kind, Kind::Switch) => None,
                    Value::Bool(value) => Some(if *value { "True" } else { "False" }.to_owned()),
                    Value::String(text) => Some(text.clone()),
                    value => Some(value.to_string()),
                };
                if let Some(text) = text {
                    let leader = preset
                        .followers(arch)
                        .iter()
                        .find(|(field, _)| *field == setting.field);
                    let text = match leader {
                        Some((_, other)) => format!("that of --{}, {text}", other.replace('_', "-")),
                        None => text,
                    };
                    assert!(
                        flat.contains(&format!("{} [default: {text}]", setting.help)),
                        "{} of {arch}: {flat}",
                        setting.field
                    );
                }
                assert!(flat.contains(setting.help), "{} of {arch}: {flat}", setting.field);
            }
            assert!(help.contains("--max-tokens") && help.contains("--arch"), "{arch}");
            // In the order in which the family declares them.
            let place = |field: &str| help.find(&format!(" --{} ", field.replace('_', "-")));
            let places: Vec<usize> = [
                "encoder_embed_dim",
                "encoder_layers",
                "decoder_embed_dim",
                "decoder_layers",
            ]
            .iter()
            .filter_map(|field| place(field))
            .collect();
            assert!(places.is_sorted() && places.len() == 4, "{arch}: {places:?}");
        }
    }
}

#[test]
fn completions_and_manual_pages_hold_the_flags_of_all_families() {
    let dir = TempDir::new().unwrap();
    let output = tool("completions")
        .args(["bash", "--binary", "train"])
        .output()
        .unwrap();
    let script = String::from_utf8(output.stdout).unwrap();
    let output = tool("man").arg("man").current_dir(dir.path()).output().unwrap();
    assert!(output.status.success());
    let page = fs::read_to_string(dir.path().join("man/burnseq-train.1")).unwrap();
    let command = TrainArgs::command();
    for family in ModelConfig::families_of::<Model>() {
        for setting in family.settings {
            let flag = setting.field.replace('_', "-");
            assert!(script.contains(&format!("--{flag}")), "{flag}");
            assert!(page.contains(&flag.replace('-', "\\-")), "{flag}");
            assert!(
                command.get_arguments().any(|arg| arg.get_long() == Some(&*flag)),
                "{flag}"
            );
        }
    }
    assert_says(&script, "dynamic lightweight");
}

#[test]
fn configurations_in_json_take_the_settings_of_their_family() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("c.json");
    let config = path.to_str().unwrap();
    fs::write(
        &path,
        r#"{"arch": "lstm", "model": {"encoder_bidirectional": true, "encoder_hidden_size": 64}}"#,
    )
    .unwrap();
    let fields = model(&["--config", config, "--decoder-attention", "0"]);
    assert_eq!(
        (
            &fields["encoder_bidirectional"],
            &fields["encoder_hidden_size"],
            &fields["decoder_attention"]
        ),
        (&json!(true), &json!(64), &json!(false))
    );
    // The family is that of the file.
    let said = problem(&["--config", config, "--encoder-glu", "1"]);
    assert_says(&said, "an LSTM has no such option");
    fs::write(&path, r#"{"arch": "fconv", "model": {"encoder_layers": 3}}"#).unwrap();
    assert!(problem(&["--config", config]).starts_with("model: "));
    let said = problem(&[
        "--config",
        config,
        "--arch",
        "fconv",
        "--encoder-layers",
        "[(8, 3)]",
        "--dropout",
        "x",
    ]);
    assert_eq!(said, "invalid value \"x\" for --dropout: expected a number");
    fs::write(&path, r#"{"encoder_kernel_size_list": [3]}"#).unwrap();
    assert!(
        problem(&["--config", config])
            .contains(r#"its place is {"model": {"encoder_kernel_size_list": ...}}"#)
    );
}
