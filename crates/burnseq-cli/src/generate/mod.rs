//! `generate`: flags become options, the options go through the decoding side of the library, its output is printed.

mod args;
mod dataset;
mod format;
mod refused;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use burnseq::decode::TranslationModel;
use burnseq_data::{BatchLimits, DatasetDir};
use burnseq_generate::{GenerateOptions, Generator};
use burnseq_model::ModelConfig;
use burnseq_model::device::parse_device;

pub use args::GenerateArgs;
pub use refused::parse;

use crate::exit::usage;

/// Folder of the dataset that is translated when none is named.
const DEFAULT_DATA: &str = "data-bin";
/// Checkpoints that are taken when none is named: the first one that is there.
const DEFAULT_PATHS: [&str; 2] = ["checkpoints/checkpoint_best", "checkpoints/checkpoint_last"];
/// Most tokens in a batch when neither tokens nor sentences are limited, as in fairseq.
const DEFAULT_MAX_TOKENS: usize = 12_000;
/// Most sentences then: thousands of short ones would fit, whose log-probabilities take gigabytes.
const DEFAULT_BATCH_SIZE: usize = 256;

/// Runs `generate`.
///
/// # Errors
/// Wrong usage; data or a checkpoint that cannot be used; output that cannot be written.
pub fn run(args: &GenerateArgs) -> Result<()> {
    args.check().map_err(usage)?;
    let generator = Generator::new(options(args)).map_err(usage)?;
    let limits = limits(args);
    limits.validate().map_err(usage)?;
    let overrides = args.model_overrides()?;
    let device = parse_device(args.device()).map_err(usage)?;

    let path = model_path(args);
    let (model, data) = if is_weights(&path) {
        let arch = args.arch.as_deref().ok_or_else(|| {
            usage(anyhow!(
                "{} holds bare weights, which do not say what model they are\nhint: give --arch, and --model-overrides \
                 for what differs from the preset",
                path.display()
            ))
        })?;
        let config = model_config(arch, overrides)?;
        let data = open_data(args, None)?;
        (
            TranslationModel::from_weights(&path, &config, &data, &device).map_err(coded)?,
            Some(data),
        )
    } else {
        if args.arch.is_some() || overrides.is_some() {
            return Err(usage(anyhow!(
                "--arch and --model-overrides go with a weights file (--path FILE.safetensors); a checkpoint knows its \
                 own architecture"
            )));
        }
        let model = TranslationModel::load(&path, &device).map_err(coded)?;
        let data = match args.input {
            Some(_) => None,
            None => Some(open_data(args, Some(&model))?),
        };
        (model, data)
    };
    match (&args.input, data) {
        (Some(input), _) => text::translate(args, input, &model, &generator, &limits),
        (None, Some(data)) => dataset::translate(args, &data, &model, &generator, &limits),
        (None, None) => unreachable!("a dataset is opened unless there is --input"),
    }
}

/// Marks errors about settings as wrong usage.
fn coded(error: impl Into<burnseq::Error>) -> anyhow::Error {
    let error = error.into();
    if error.is_usage() {
        usage(error)
    } else {
        error.into()
    }
}

fn options(args: &GenerateArgs) -> GenerateOptions {
    let defaults = GenerateOptions::default();
    GenerateOptions {
        beam: args.beam.unwrap_or(defaults.beam),
        nbest: args.nbest.unwrap_or(defaults.nbest),
        lenpen: args.lenpen.unwrap_or(defaults.lenpen),
        unkpen: args.unkpen.unwrap_or(defaults.unkpen),
        min_len: args.min_len.unwrap_or(defaults.min_len),
        max_len_a: args.max_len_a.unwrap_or(defaults.max_len_a),
        max_len_b: args.max_len_b.unwrap_or(defaults.max_len_b),
        temperature: args.temperature.unwrap_or(defaults.temperature),
        unnormalized: args.unnormalized,
        seed: args.seed.unwrap_or(defaults.seed),
        ..defaults
    }
}

fn limits(args: &GenerateArgs) -> BatchLimits {
    let (max_tokens, max_sentences) = match (args.max_tokens, args.batch_size) {
        (None, None) => (Some(DEFAULT_MAX_TOKENS), Some(DEFAULT_BATCH_SIZE)),
        given => given,
    };
    let defaults = BatchLimits::default();
    BatchLimits {
        max_tokens,
        max_sentences,
        required_batch_size_multiple: args
            .required_batch_size_multiple
            .unwrap_or(defaults.required_batch_size_multiple),
    }
}

/// The checkpoint or weights file: what `--path` names, else the best checkpoint, else the last one.
fn model_path(args: &GenerateArgs) -> PathBuf {
    if let Some(path) = &args.path {
        return path.clone();
    }
    let [best, last] = DEFAULT_PATHS.map(PathBuf::from);
    if !best.exists() && last.exists() {
        format::note(&format!(
            "{} is not there, so {} translates",
            best.display(),
            last.display()
        ));
        return last;
    }
    best
}

fn is_weights(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "safetensors")
}

/// The preset with the fields of `overrides` laid over it.
fn model_config(
    arch: &str,
    overrides: Option<serde_json::Map<String, serde_json::Value>>,
) -> Result<ModelConfig> {
    let config = ModelConfig::from_arch(arch).map_err(usage)?;
    let mut json = serde_json::to_value(&config)?;
    for (field, value) in overrides.unwrap_or_default() {
        json[field.as_str()] = value;
    }
    serde_json::from_value(json).map_err(|error| usage(anyhow!("--model-overrides: {error}")))
}

/// Opens the dataset; languages that are not given are those of the model.
fn open_data(args: &GenerateArgs, model: Option<&TranslationModel>) -> Result<DatasetDir> {
    let path = args.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    let language = |given: &Option<String>, of_model: Option<&str>| {
        given.clone().or_else(|| of_model.map(str::to_owned))
    };
    let src = language(
        &args.source_lang,
        model.map(|model| model.task.source_lang.as_str()),
    );
    let tgt = language(
        &args.target_lang,
        model.map(|model| model.task.target_lang.as_str()),
    );
    let data = DatasetDir::open(path, src.as_deref(), tgt.as_deref()).map_err(coded)?;
    if let Some(model) = model {
        model.check_dictionaries(&data).map_err(coded)?;
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_change_a_preset_and_unknown_fields_are_refused() {
        let overrides = |json: &str| Some(serde_json::from_str(json).unwrap());
        let ModelConfig::Transformer(config) =
            model_config("transformer", overrides(r#"{"encoder_layers": 3, "dropout": 0}"#)).unwrap();
        assert_eq!((config.encoder_layers, config.decoder_layers), (3, 6));
        let error = model_config("transformer", overrides(r#"{"encoder_layer": 3}"#)).unwrap_err();
        assert_eq!(crate::exit::code(&error), 2);
        assert!(error.to_string().contains("encoder_layer"), "{error}");
        assert!(
            model_config("transformer_of_mine", None)
                .unwrap_err()
                .to_string()
                .contains("choose one of")
        );
    }
}
