//! Models of a family as Hugging Face's transformers describes and stores them: `config.json`, and names of tensors.
//!
//! A family declares them in [`FamilyConfig::HUGGING_FACE`](super::FamilyConfig::HUGGING_FACE), one entry for each
//! `model_type`. Everything here is about names and values; files are `burnseq-interchange`'s.

use burnseq_text::{SpecialSymbols, Vocab};
use serde_json::{Map, Value};

use super::ModelConfig;
use crate::layers::ActivationFn;

/// How transformers describes and stores the models of one `model_type`.
pub struct HuggingFace<C: 'static> {
    /// The `model_type` in `config.json`.
    pub model_type: &'static str,
    /// The classes that the family can be, of those in `architectures`; the first one is written.
    pub architectures: &'static [&'static str],
    /// The configuration that `config.json` gives.
    pub read: fn(&Fields<'_>) -> Result<C, String>,
    /// The fields of `config.json`; none where there is no such model in transformers.
    pub write: fn(&C, &Vocab) -> Option<Map<String, Value>>,
    /// Where each parameter is stored.
    pub tensors: fn(&C) -> Vec<Stored>,
    /// Names that transformers may store beside these: second names of tied tensors, and tables that are computed.
    pub redundant: &'static [&'static str],
}

/// A tensor of a file of transformers, and the parameters that it holds under fairseq's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name in the file, behind the prefix of the class.
    pub name: String,
    /// Its parameters: one, or several side by side.
    pub parameters: Vec<String>,
    /// How it is stored.
    pub layout: TensorLayout,
}

/// How a tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorLayout {
    /// As PyTorch's modules have it.
    Plain,
    /// A matrix `[in, out]`; several parameters share the outputs.
    InOut,
    /// A vector that several parameters share.
    Concatenated,
    /// With a leading dimension of 1.
    Row,
}

impl Stored {
    /// One parameter, as it is.
    pub(super) fn plain(name: impl Into<String>, parameter: impl Into<String>) -> Self {
        Self::new(name, [parameter.into()], TensorLayout::Plain)
    }

    pub(super) fn new<const N: usize>(
        name: impl Into<String>,
        parameters: [String; N],
        layout: TensorLayout,
    ) -> Self {
        Self {
            name: name.into(),
            parameters: parameters.to_vec(),
            layout,
        }
    }

    /// Weight and bias of a module.
    pub(super) fn module(name: &str, module: &str) -> [Self; 2] {
        ["weight", "bias"].map(|part| Self::plain(format!("{name}.{part}"), format!("{module}.{part}")))
    }
}

/// The fields of `config.json`, read with errors that name the field.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(pub &'a Map<String, Value>);

impl Fields<'_> {
    /// The value of a field, unless it is null or not there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn wrong(name: &str, value: &Value, expected: &str) -> String {
        format!("field `{name}` = {value}: expected {expected}")
    }

    /// A whole number, if there is one.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn count_if(&self, name: &str) -> Result<Option<usize>, String> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count
            .map(Some)
            .ok_or_else(|| Self::wrong(name, value, "a whole number of at least 0"))
    }

    /// A whole number.
    ///
    /// # Errors
    /// No value, or one of another kind.
    pub fn count(&self, name: &str) -> Result<usize, String> {
        self.count_if(name)?
            .ok_or_else(|| format!("there is no field `{name}`"))
    }

    /// A number, or `default`.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn number_or(&self, name: &str, default: f64) -> Result<f64, String> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| Self::wrong(name, value, "a number")),
        }
    }

    /// True or false, or `default`.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| Self::wrong(name, value, "true or false")),
        }
    }

    /// The activation of a field, by transformers' names, or `default`.
    ///
    /// # Errors
    /// A name that there is no support for.
    pub fn activation_or(&self, name: &str, default: &str) -> Result<ActivationFn, String> {
        let named = match self.get(name) {
            None => default,
            Some(value) => value
                .as_str()
                .ok_or_else(|| Self::wrong(name, value, "the name of an activation"))?,
        };
        let found = ACTIVATIONS.iter().find(|(known, _)| *known == named);
        found.map(|(_, function)| *function).ok_or_else(|| {
            let known: Vec<&str> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
            format!(
                "field `{name}` = {named:?}: there is no support for it; supported are {}",
                known.join(", ")
            )
        })
    }

    /// Makes sure that a field has one of these values, the only ones that there is support for; none is the first one.
    ///
    /// # Errors
    /// Another value.
    pub fn only(&self, name: &str, values: &[Value]) -> Result<(), String> {
        match self.get(name) {
            Some(value) if !values.contains(value) => {
                let known: Vec<String> = values.iter().map(Value::to_string).collect();
                Err(format!(
                    "field `{name}` = {value}: there is no support for it; supported is {}",
                    known.join(" or ")
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Activations by transformers' names; the first name of each is written.
const ACTIVATIONS: [(&str, ActivationFn); 10] = [
    ("gelu", ActivationFn::Gelu),
    ("gelu_new", ActivationFn::GeluAccurate),
    ("relu", ActivationFn::Relu),
    ("swish", ActivationFn::Swish),
    ("tanh", ActivationFn::Tanh),
    ("relu2", ActivationFn::ReluSquared),
    ("linear", ActivationFn::Linear),
    ("silu", ActivationFn::Swish),
    ("gelu_pytorch_tanh", ActivationFn::GeluAccurate),
    ("gelu_fast", ActivationFn::GeluAccurate),
];

/// transformers' name of an activation.
pub(super) fn activation_name(function: ActivationFn) -> &'static str {
    let found = ACTIVATIONS.iter().find(|(_, known)| *known == function);
    found.expect("every activation is listed").0
}

/// A model as transformers describes and stores it.
#[derive(Debug, Clone)]
pub struct InHuggingFace {
    /// The `model_type`.
    pub model_type: &'static str,
    /// The classes that the model can be; the first one is written.
    pub architectures: &'static [&'static str],
    /// See [`HuggingFace::write`].
    pub fields: Map<String, Value>,
    /// See [`HuggingFace::tensors`].
    pub tensors: Vec<Stored>,
    /// See [`HuggingFace::redundant`].
    pub redundant: &'static [&'static str],
}

impl<C> HuggingFace<C> {
    /// The model of a configuration.
    pub(super) fn describe(&self, config: &C, vocab: &Vocab) -> Option<InHuggingFace> {
        Some(InHuggingFace {
            model_type: self.model_type,
            architectures: self.architectures,
            fields: (self.write)(config, vocab)?,
            tensors: (self.tensors)(config),
            redundant: self.redundant,
        })
    }
}

/// What `config.json` says of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct FromHuggingFace {
    /// The configuration.
    pub config: ModelConfig,
    /// Rows of the embeddings.
    pub types: usize,
    /// Ids of the special symbols that it names.
    pub symbols: NamedSymbols,
}

/// Ids of special symbols, as far as `config.json` names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NamedSymbols {
    /// `bos_token_id`
    pub bos: Option<usize>,
    /// `pad_token_id`
    pub pad: Option<usize>,
    /// `eos_token_id`
    pub eos: Option<usize>,
    /// `decoder_start_token_id`
    pub decoder_start: Option<usize>,
}

impl NamedSymbols {
    fn read(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self {
            bos: fields.count_if("bos_token_id")?,
            pad: fields.count_if("pad_token_id")?,
            eos: fields.count_if("eos_token_id")?,
            decoder_start: fields.count_if("decoder_start_token_id")?,
        })
    }

    /// The ids that a model with so many `types` uses; `unk` is the tokenizer's, where it has one.
    ///
    /// Padding that is none, or a token that texts hold as well, gets the id behind the last one in a language model, so
    /// that no token is taken for it.
    pub fn complete(&self, types: usize, is_language_model: bool, unk: Option<usize>) -> SpecialSymbols {
        let eos = self.eos.or(self.bos).unwrap_or(0);
        let pad = self
            .pad
            .filter(|&pad| !is_language_model || (pad != eos && Some(pad) != self.bos));
        let pad = pad.unwrap_or(if is_language_model { types } else { eos });
        SpecialSymbols {
            bos: self.bos.unwrap_or(eos),
            pad,
            eos,
            // A vocabulary of bytes knows every text; the end of a text stands for unknown ones in name only.
            unk: unk.filter(|&unk| unk != eos).unwrap_or(types),
            decoder_start: self
                .decoder_start
                .filter(|&start| !is_language_model && start != eos),
        }
    }
}

/// Reads the configuration of a model from `config.json`.
type Read = Box<dyn Fn(&Fields<'_>) -> Result<ModelConfig, String>>;

/// One `model_type` of any family.
pub(super) struct Reader {
    pub(super) model_type: &'static str,
    pub(super) architectures: &'static [&'static str],
    pub(super) read: Read,
}

impl ModelConfig {
    /// The model that `config.json` describes.
    ///
    /// # Errors
    /// A `model_type` or a class that there is no support for; a field of another kind, or with a value that there is no
    /// support for, by its name.
    pub fn from_hugging_face(fields: &Map<String, Value>) -> Result<FromHuggingFace, String> {
        let fields = Fields(fields);
        let readers = Self::hugging_face_readers();
        let model_types = || {
            let mut known: Vec<&str> = readers.iter().map(|reader| reader.model_type).collect();
            known.sort_unstable();
            known.dedup();
            known.join(", ")
        };
        let model_type = match fields.get("model_type") {
            Some(Value::String(name)) => name.as_str(),
            Some(other) => return Err(Fields::wrong("model_type", other, "a name")),
            None => {
                return Err(format!(
                    "there is no field `model_type`, so it is no configuration of transformers; models that can be read: {}",
                    model_types()
                ));
            }
        };
        let mut of_type = readers.iter().filter(|reader| reader.model_type == model_type);
        let named: Vec<&str> = match fields.get("architectures") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let first = of_type.clone().next().ok_or_else(|| {
            format!(
                "field `model_type` = {model_type:?}: there is no support for it; supported are {}",
                model_types()
            )
        })?;
        let reader = match named.as_slice() {
            [] => first,
            names => of_type
                .find(|reader| reader.architectures.iter().any(|known| names.contains(known)))
                .ok_or_else(|| {
                    format!(
                        "field `architectures` = {names:?}: there is no support for that head; supported are {}",
                        first.architectures.join(", ")
                    )
                })?,
        };
        Ok(FromHuggingFace {
            config: (reader.read)(&fields)?,
            types: fields.count("vocab_size")?,
            symbols: NamedSymbols::read(&fields)?,
        })
    }
}
