//! Presets against the fields that fairseq's presets resolve to.

use std::fmt::Debug;

use burnseq_model::families::{
    encoder::EncoderConfig,
    fconv::{self, ConvSpec, FConvConfig},
    lightconv::{self, LightConvConfig},
    lstm::{self, LstmConfig},
    lstm_lm::LstmLmConfig,
    transformer_lm::{self, TransformerLmConfig},
};
use burnseq_model::{FamilyConfig, Preset};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Fields of every architecture of a model of fairseq's, or nothing (said once per test) where they are absent.
fn archs(model: &str) -> Option<Vec<(String, Map<String, Value>)>> {
    let text = burnseq_testing::read(&burnseq_testing::shared("golden/families/fairseq/archs.json")?);
    let file: Value = serde_json::from_str(&text).unwrap();
    let archs = file["archs"].as_object().unwrap().iter();
    let archs = archs.filter(|(_, arch)| arch["model"] == model);
    let archs = archs.map(|(name, arch)| {
        let mut fields = arch["fields"].as_object().unwrap().clone();
        // Settings of the task, which fairseq copies into the model; and one of `base_layers`, of which there are none.
        if model == "transformer_lm" {
            for field in [
                "add_bos_token",
                "base_shuffle",
                "max_target_positions",
                "tokens_per_sample",
                "tpu",
            ] {
                fields.remove(field);
            }
        }
        (name.clone(), fields)
    });
    Some(archs.collect())
}

/// Numbers are the same however they are written.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => ours == theirs,
    }
}

/// Checks that presets and fairseq's architectures have the same names, and compares every field; `resolve` gives what
/// an unset field stands for, `elsewhere` names fields that are no settings of the model.
fn compare<C: Serialize + DeserializeOwned + PartialEq + Debug>(
    model: &str,
    presets: &[Preset<C>],
    resolve: impl Fn(&C, &str) -> Option<Value>,
    elsewhere: &[(&str, Value)],
) {
    let Some(archs) = archs(model) else { return };
    let mut known: Vec<&str> = presets.iter().map(|(name, _)| *name).collect();
    let mut theirs: Vec<&str> = archs.iter().map(|(name, _)| name.as_str()).collect();
    known.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(known, theirs);
    for (name, fields) in &archs {
        let (_, preset) = presets.iter().find(|(known, _)| known == name).unwrap();
        let config = preset();
        let Value::Object(ours) = serde_json::to_value(&config).unwrap() else {
            panic!("a config is an object");
        };
        for (field, expected) in fields {
            if let Some((_, value)) = elsewhere.iter().find(|(name, _)| name == field) {
                assert!(
                    same(expected, value),
                    "{name}: {field} is {expected} in fairseq, not {value}"
                );
                continue;
            }
            let found = resolve(&config, field).or(ours.get(field).cloned());
            let found = found.unwrap_or_else(|| panic!("{name}: no field {field}"));
            assert!(
                same(&found, expected),
                "{name}: {field} is {found} instead of {expected}"
            );
        }
    }
}

#[test]
fn lightconv_presets_equal_fairseq() {
    compare(
        "lightconv",
        <lightconv::LightConvConfig as FamilyConfig>::ARCHS,
        |config: &LightConvConfig, field| match field {
            "encoder_conv_dim" => Some(config.encoder_conv_width().into()),
            "decoder_conv_dim" => Some(config.decoder_conv_width().into()),
            // No options: always the width of the decoder.
            "decoder_input_dim" | "decoder_output_dim" => Some(config.decoder_embed_dim.into()),
            _ => None,
        },
        &[
            ("adaptive_softmax_cutoff", Value::Null),
            ("adaptive_softmax_dropout", 0.into()),
            ("encoder_embed_path", Value::Null),
            ("decoder_embed_path", Value::Null),
        ],
    );
}

#[test]
fn lstm_presets_equal_fairseq() {
    compare(
        "lstm",
        <lstm::LstmConfig as FamilyConfig>::ARCHS,
        |config: &LstmConfig, field| {
            let or_dropout = |probability: Option<f64>| Some(probability.unwrap_or(config.dropout).into());
            match field {
                "encoder_hidden_size" => Some(config.encoder_hidden().into()),
                "decoder_hidden_size" => Some(config.decoder_hidden().into()),
                "encoder_dropout_in" => or_dropout(config.encoder_dropout_in),
                "encoder_dropout_out" => or_dropout(config.encoder_dropout_out),
                "decoder_dropout_in" => or_dropout(config.decoder_dropout_in),
                "decoder_dropout_out" => or_dropout(config.decoder_dropout_out),
                "decoder_attention" => Some(if config.decoder_attention { "1" } else { "0" }.into()),
                _ => None,
            }
        },
        &[
            // Only read with the criterion `adaptive_loss`.
            ("adaptive_softmax_cutoff", "10000,50000,200000".into()),
            ("encoder_embed_path", Value::Null),
            ("decoder_embed_path", Value::Null),
        ],
    );
}

#[test]
fn fconv_presets_equal_fairseq() {
    // Repetitions may be written in several ways: compared as layers, which fairseq's text must be readable for.
    let written = |spec: &ConvSpec, name: &str, field: &str| {
        let archs = archs("fconv")?;
        let (_, fields) = archs.iter().find(|(known, _)| known == name)?;
        let theirs = fields[field].as_str().unwrap();
        (theirs.parse::<ConvSpec>().unwrap() == *spec).then(|| Value::from(theirs))
    };
    compare(
        "fconv",
        <fconv::FConvConfig as FamilyConfig>::ARCHS,
        |config: &FConvConfig, field| {
            let (name, _) = <fconv::FConvConfig as FamilyConfig>::ARCHS
                .iter()
                .find(|(_, preset)| preset() == *config)?;
            match field {
                "encoder_layers" => written(&config.encoder_layers, name, field),
                "decoder_layers" => written(&config.decoder_layers, name, field),
                _ => None,
            }
        },
        &[
            ("encoder_embed_path", Value::Null),
            ("decoder_embed_path", Value::Null),
        ],
    );
}

#[test]
fn language_model_presets_equal_fairseq() {
    let list = |cutoffs: &Option<Vec<usize>>| match cutoffs {
        None => Value::Null,
        Some(cutoffs) => {
            let cutoffs: Vec<String> = cutoffs.iter().map(usize::to_string).collect();
            cutoffs.join(",").into()
        }
    };
    // What we have no setting for is off in every preset: as in `transformer_lm`.
    let Some(archs) = archs("transformer_lm") else {
        return;
    };
    let (_, plain) = archs.iter().find(|(name, _)| name == "transformer_lm").unwrap();
    let ours = serde_json::to_value(TransformerLmConfig::default()).unwrap();
    let elsewhere: Vec<(&str, Value)> = plain
        .iter()
        .filter(|(field, _)| ours.get(field.as_str()).is_none())
        .map(|(field, value)| (field.as_str(), value.clone()))
        .collect();
    // OpenAI's are not fairseq's.
    let presets = <transformer_lm::TransformerLmConfig as FamilyConfig>::ARCHS;
    let presets: Vec<Preset<TransformerLmConfig>> = presets
        .iter()
        .filter(|(name, _)| name.starts_with("transformer_lm"))
        .copied()
        .collect();
    compare(
        "transformer_lm",
        &presets,
        |config: &TransformerLmConfig, field| match field {
            "adaptive_input_cutoff" => Some(list(&config.adaptive_input_cutoff)),
            "adaptive_softmax_cutoff" => Some(list(&config.adaptive_softmax_cutoff)),
            _ => None,
        },
        &elsewhere,
    );
}

#[test]
fn lstm_language_model_presets_equal_fairseq() {
    compare(
        "lstm_lm",
        <LstmLmConfig as FamilyConfig>::ARCHS,
        |config: &LstmLmConfig, field| match field {
            "decoder_hidden_size" => Some(config.hidden().into()),
            "decoder_dropout_in" | "decoder_dropout_out" => Some(config.dropout.into()),
            _ => None,
        },
        &[
            // Only read with the criterion `adaptive_loss`.
            ("adaptive_softmax_cutoff", "10000,50000,200000".into()),
            ("decoder_attention", "0".into()),
            ("decoder_embed_path", Value::Null),
            ("residuals", false.into()),
        ],
    );
}

/// fairseq's encoders are some of ours; fields that it has and we do not have one value there.
#[test]
fn roberta_presets_equal_fairseq() {
    let Some(archs) = archs("roberta") else { return };
    assert!(!archs.is_empty());
    for (name, fields) in archs {
        let (_, preset) = <EncoderConfig as FamilyConfig>::ARCHS
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("there is no preset {name}"));
        let ours = serde_json::to_value(preset()).unwrap();
        let mut compared = 0;
        for (field, expected) in &fields {
            if let Some(found) = ours.get(field) {
                assert!(
                    same(found, expected),
                    "{name}: {field} is {found} instead of {expected}"
                );
                compared += 1;
            }
        }
        assert!(compared >= 13, "{name}: {compared} fields");
    }
}
