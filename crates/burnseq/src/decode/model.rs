//! A model with everything that translating needs beside it.

use std::{collections::HashMap, path::Path, sync::Arc};

use burn::tensor::{Device, TensorData};
use burnseq_data::DatasetDir;
use burnseq_model::{ModelConfig, Transformer, Vocab, load_state_dict};
use burnseq_text::{Dictionary, TextFiles, TextPipeline, TextSettings};
use burnseq_train::{Checkpoint, TaskInfo};
use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};
use crate::tasks::translation::{SRC_DICT_FILE, TGT_DICT_FILE};

/// A trained model, its dictionaries, and how text becomes tokens and back.
#[derive(Debug, Clone)]
pub struct TranslationModel {
    /// The network, off autodiff.
    pub model: Transformer,
    /// Where it computes.
    pub device: Device,
    /// Languages; empty names when a plain weights file does not say.
    pub task: TaskInfo,
    /// Source dictionary.
    pub src_dict: Arc<Dictionary>,
    /// Target dictionary.
    pub tgt_dict: Arc<Dictionary>,
    /// From raw source lines to source tokens.
    pub src_text: TextPipeline,
    /// From target tokens to text.
    pub tgt_text: TextPipeline,
}

impl TranslationModel {
    /// Loads a checkpoint, which carries all of it.
    ///
    /// # Errors
    /// No checkpoint there; a file that is damaged; weights, dictionaries and text settings that do not fit together.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let checkpoint = Checkpoint::open(path.as_ref())?;
        let meta = checkpoint.meta();
        let dictionary = |name: &str, types: usize| {
            let path = checkpoint.path().join(name);
            let dictionary = Dictionary::parse(checkpoint.file(name)?.as_slice(), &path)?;
            if dictionary.len() == types {
                return Ok(Arc::new(dictionary));
            }
            Err(Error::Dictionary {
                path,
                problem: format!("has {} types, the model was built for {types}", dictionary.len()),
            })
        };
        let src_dict = dictionary(SRC_DICT_FILE, meta.vocab.src)?;
        let tgt_dict = dictionary(TGT_DICT_FILE, meta.vocab.tgt)?;
        let pipeline = |language: &str| -> Result<TextPipeline> {
            let name = TextSettings::file_name(language);
            if !meta.files.contains_key(&name) {
                return Ok(TextPipeline::new(TextSettings::default(), &TextFiles::new())?);
            }
            let broken = |reason: String| {
                Error::Text(burnseq_text::Error::Settings {
                    path: checkpoint.path().join(&name),
                    reason,
                })
            };
            let settings: TextSettings = serde_json::from_slice(&checkpoint.file(&name)?)
                .map_err(|error| broken(error.to_string()))?;
            settings.validate().map_err(|error| broken(error.to_string()))?;
            let mut files = TextFiles::new();
            for file in settings.files() {
                files.insert(file.to_owned(), checkpoint.file(file)?);
            }
            Ok(TextPipeline::new(settings, &files)?)
        };
        Ok(Self {
            model: checkpoint.model(device)?,
            device: device.clone(),
            task: meta.task.clone(),
            src_text: pipeline(&meta.task.source_lang)?,
            tgt_text: pipeline(&meta.task.target_lang)?,
            src_dict,
            tgt_dict,
        })
    }

    /// Loads a bare safetensors file under fairseq's names; `config` says what it holds, `data` brings dictionaries
    /// and text settings.
    ///
    /// # Errors
    /// A file that cannot be read or is not safetensors; weights that do not fit the configuration.
    pub fn from_weights(
        path: impl AsRef<Path>,
        config: &ModelConfig,
        data: &DatasetDir,
        device: &Device,
    ) -> Result<Self> {
        let path = path.as_ref();
        let (src_dict, tgt_dict) = (Arc::clone(data.src_dict()), Arc::clone(data.tgt_dict()));
        let vocab = Vocab {
            src: src_dict.len(),
            tgt: tgt_dict.len(),
            pad: tgt_dict.pad() as usize,
            eos: tgt_dict.eos() as usize,
        };
        config.validate(&vocab)?;
        let tensors = read_safetensors(path)?;
        let ModelConfig::Transformer(transformer) = config;
        let model = load_state_dict(transformer.init(&vocab, 0, device), &tensors).map_err(|problem| {
            Error::Weights {
                path: path.to_owned(),
                problem: problem.to_string(),
            }
        })?;
        let task = TaskInfo {
            source_lang: data.src_lang().to_owned(),
            target_lang: data.tgt_lang().to_owned(),
        };
        Ok(Self {
            model,
            device: device.clone(),
            task,
            src_dict,
            tgt_dict,
            src_text: data.src_pipeline()?,
            tgt_text: data.tgt_pipeline()?,
        })
    }

    /// Makes sure that a dataset was written with the dictionaries of this model.
    ///
    /// # Errors
    /// The first token that differs.
    pub fn check_dictionaries(&self, data: &DatasetDir) -> Result<()> {
        for (ours, theirs, lang) in [
            (&self.src_dict, data.src_dict(), data.src_lang()),
            (&self.tgt_dict, data.tgt_dict(), data.tgt_lang()),
        ] {
            if let Some(difference) = difference(ours, theirs) {
                return Err(Error::Dictionary {
                    path: data.path().join(format!("dict.{lang}.txt")),
                    problem: format!(
                        "is not the dictionary that the model was trained with: {difference}\n\
                         hint: make the dataset with --srcdict and --tgtdict of the training data, or translate raw text \
                         with --input"
                    ),
                });
            }
        }
        Ok(())
    }
}

/// How two dictionaries differ, in words; counts do not matter.
fn difference(ours: &Dictionary, theirs: &Dictionary) -> Option<String> {
    let tokens = ours
        .iter()
        .map(|(token, _)| token)
        .zip(theirs.iter().map(|(token, _)| token));
    for (id, (expected, found)) in tokens.enumerate() {
        if expected != found {
            return Some(format!("id {id} is {found:?} instead of {expected:?}"));
        }
    }
    (ours.len() != theirs.len()).then(|| format!("{} types instead of {}", theirs.len(), ours.len()))
}

/// All tensors of a safetensors file as `f32`.
fn read_safetensors(path: &Path) -> Result<HashMap<String, TensorData>> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let wrong = |problem: String| Error::Weights {
        path: path.to_owned(),
        problem,
    };
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| wrong(format!("not a safetensors file: {error}")))?;
    let mut tensors = HashMap::with_capacity(file.len());
    for (name, view) in file.iter() {
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Dtype::F16 => view
                .data()
                .chunks_exact(2)
                .map(|b| burn::tensor::f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Dtype::BF16 => view
                .data()
                .chunks_exact(2)
                .map(|b| burn::tensor::bf16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            other => {
                return Err(wrong(format!(
                    "`{name}` has type {other}, expected F32, F16 or BF16"
                )));
            }
        };
        tensors.insert(name.to_owned(), TensorData::new(values, view.shape()));
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(tokens: &[&str]) -> Dictionary {
        let mut dictionary = Dictionary::new();
        for token in tokens {
            dictionary.add_symbol(token, 1);
        }
        dictionary
    }

    #[test]
    fn dictionaries_are_compared_by_tokens() {
        let ours = dictionary(&["a", "b"]);
        assert_eq!(difference(&ours, &dictionary(&["a", "b"])), None);
        assert_eq!(
            difference(&ours, &dictionary(&["a", "c"])).unwrap(),
            "id 5 is \"c\" instead of \"b\""
        );
        assert_eq!(
            difference(&ours, &dictionary(&["a"])).unwrap(),
            "5 types instead of 6"
        );
    }

    #[test]
    fn half_precision_weights_are_widened_and_other_types_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.safetensors");
        let half: Vec<u8> = [1.5_f32, -0.25]
            .iter()
            .flat_map(|v| burn::tensor::f16::from_f32(*v).to_le_bytes())
            .collect();
        let view = safetensors::tensor::TensorView::new(Dtype::F16, vec![2], &half).unwrap();
        std::fs::write(&path, safetensors::serialize([("x", view)], None).unwrap()).unwrap();
        assert_eq!(
            read_safetensors(&path).unwrap()["x"],
            TensorData::new(vec![1.5_f32, -0.25], [2])
        );
        let ids = safetensors::tensor::TensorView::new(Dtype::I64, vec![1], &[0; 8]).unwrap();
        std::fs::write(&path, safetensors::serialize([("ids", ids)], None).unwrap()).unwrap();
        assert!(
            read_safetensors(&path)
                .unwrap_err()
                .to_string()
                .contains("`ids` has type")
        );
        std::fs::write(&path, "no tensors").unwrap();
        assert!(
            read_safetensors(&path)
                .unwrap_err()
                .to_string()
                .contains("not a safetensors file")
        );
    }
}
