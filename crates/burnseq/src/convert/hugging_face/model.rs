//! A model out of what a folder of transformers holds.

use std::collections::HashMap;

use burn::tensor::{Device, TensorData};
use burnseq_interchange::hugging_face::{Folder, Weights};
use burnseq_model::families::hugging_face::FromHuggingFace;
use burnseq_model::{EncoderModel, LanguageModel, Model, ModelConfig, OfConfig, state_dict};
use burnseq_text::Vocab;
use serde_json::{Map, Value};

use super::tensors;
use crate::error::{Error, Result};

/// A model that was described and stored by transformers.
#[derive(Debug, Clone)]
pub struct HuggingFaceModel {
    /// Its configuration.
    pub config: ModelConfig,
    /// Sizes and special symbols; those of the tokenizer are not among them.
    pub vocab: Vocab,
    /// Its parameters under fairseq's names.
    pub parameters: HashMap<String, TensorData>,
    /// Tensors that the model has no use for, by name.
    pub unused: Vec<String>,
    /// Tensors that were missing, whose parameters have fresh values.
    pub missing: Vec<String>,
}

impl HuggingFaceModel {
    /// The model of a folder, whose weights are `stored`; see [`new`](Self::new).
    ///
    /// # Errors
    /// Also weights that cannot be read.
    pub fn read(folder: &Folder, stored: &Weights, unk: Option<usize>, ignore_missing: bool) -> Result<Self> {
        let mut tensors = HashMap::new();
        for name in stored.names() {
            let tensor = stored.read(name)?;
            tensors.insert(name.to_owned(), TensorData::new(tensor.values, tensor.shape));
        }
        let config = folder.config();
        Self::new(config.fields(), tensors, unk, ignore_missing).map_err(|problem| Error::Convert {
            path: config.path().to_owned(),
            problem,
        })
    }

    /// The model that `fields`, the content of `config.json`, and `tensors` give; `unk` is the id of unknown words, where
    /// the tokenizer has one. With `ignore_missing`, parameters that are not stored get fresh values.
    ///
    /// # Errors
    /// What there is no support for, by field; tensors that are missing or have another shape, by name.
    pub fn new(
        fields: &Map<String, Value>,
        mut tensors: HashMap<String, TensorData>,
        unk: Option<usize>,
        ignore_missing: bool,
    ) -> std::result::Result<Self, String> {
        let FromHuggingFace {
            config,
            types,
            symbols,
        } = ModelConfig::from_hugging_face(fields)?;
        let is_language_model = LanguageModel::check(&config).is_ok();
        let vocab = Vocab {
            src: types,
            tgt: types,
            special_symbols: symbols.complete(types, is_language_model, unk),
        };
        config.validate(&vocab).map_err(|error| error.to_string())?;
        let described = config
            .in_hugging_face(&vocab)
            .expect("what was read from transformers can be written for it");
        tensors::check_rows(&described, types, &tensors)?;
        let (mut parameters, missing) = tensors::parameters(&described, types, &mut tensors)?;
        if !missing.is_empty() {
            if !ignore_missing {
                let names: Vec<&str> = missing.iter().map(String::as_str).collect();
                return Err(format!(
                    "{} of the {} tensors of the model are missing: {}\nhint: `burnseq convert FOLDER CHECKPOINT --ignore-missing` gives them \
                     fresh values",
                    missing.len(),
                    described.tensors.len(),
                    tensors::shortened(&names)
                ));
            }
            let device = Device::flex();
            let fresh = match is_language_model {
                true => LanguageModel::init(&config, &vocab, 1, &device).map(|model| state_dict(&model)),
                false if EncoderModel::check(&config).is_ok() => {
                    EncoderModel::init(&config, &vocab, 1, &device).map(|model| state_dict(&model))
                }
                false => Model::init(&config, &vocab, 1, &device).map(|model| state_dict(&model)),
            };
            for (name, value) in fresh.map_err(|error| error.to_string())? {
                parameters.entry(name).or_insert(value);
            }
        }
        let embeddings = [
            "decoder.embed_tokens.weight",
            "encoder.embed_tokens.weight",
            "encoder.sentence_encoder.embed_tokens.weight",
        ];
        if let Some(table) = embeddings.iter().find_map(|name| parameters.get(*name)) {
            tensors::drop_redundant(&described, table, &mut tensors)?;
        }
        let mut unused: Vec<String> = tensors.into_keys().collect();
        unused.sort();
        Ok(Self {
            config,
            vocab,
            parameters,
            unused,
            missing,
        })
    }
}

impl HuggingFaceModel {
    /// Values of all parameters, such as `parameters` or their gradients, as the tensors of a file of transformers.
    ///
    /// # Panics
    /// When a parameter of the model is not there.
    pub fn stored(&self, parameters: &HashMap<String, TensorData>) -> Vec<(String, TensorData)> {
        let described = self
            .config
            .in_hugging_face(&self.vocab)
            .expect("it came from transformers");
        tensors::stored(&described, parameters)
    }
}
