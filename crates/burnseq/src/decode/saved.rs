//! What a checkpoint carries, read for every kind of model in the same way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burnseq_interchange::hugging_face::is_folder;
use burnseq_kernels::Compute;
use burnseq_model::{ModelConfig, ModelError, OfConfig, Stepwise};
use burnseq_text::{Dictionary, FileError, TextFiles, TextPipeline, TextSettings};
use burnseq_train::checkpoint::DictionaryInfo;
use burnseq_train::{Checkpoint, TaskInfo};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::convert::{HuggingFaceOptions, Observer, from_hugging_face, hugging_face_task};
use crate::error::{Error, Result};

/// A checkpoint on its way to a model.
pub(super) struct Saved {
    pub(super) checkpoint: Checkpoint,
    /// What was asked for: the checkpoint, or a folder of transformers.
    pub(super) path: PathBuf,
    /// Where a folder of transformers was converted to.
    _converted: Option<TempDir>,
}

/// What a checkpoint, or a folder of transformers, was made for; weights are not read.
///
/// # Errors
/// Neither there; a file that is damaged.
pub fn task_of(path: &Path) -> Result<TaskInfo> {
    if is_hugging_face(path) {
        return hugging_face_task(path, &HuggingFaceOptions::default());
    }
    Ok(Checkpoint::open(path)?.meta().task.clone())
}

/// Whether a path is a folder of transformers, and not a checkpoint.
pub fn is_hugging_face(path: &Path) -> bool {
    is_folder(path) && !path.join("checkpoint.json").exists()
}

impl Saved {
    /// # Errors
    /// No checkpoint there; a file that is damaged.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if !is_hugging_face(path) {
            let checkpoint = Checkpoint::open(path)?;
            return Ok(Self {
                checkpoint,
                path: path.to_owned(),
                _converted: None,
            });
        }
        let folder = tempfile::tempdir().map_err(FileError::write(&std::env::temp_dir()))?;
        let converted = folder.path().join("checkpoint");
        let observer: Arc<dyn Observer> = Arc::new(());
        from_hugging_face(path, &HuggingFaceOptions::default(), &converted, &observer)?;
        Ok(Self {
            checkpoint: Checkpoint::open(&converted)?,
            path: path.to_owned(),
            _converted: Some(folder),
        })
    }

    /// What it was trained for.
    pub(super) fn task(&self) -> &TaskInfo {
        &self.checkpoint.meta().task
    }

    /// The network, laid out for decoding, with `overrides` laid over the fields of its configuration.
    ///
    /// # Errors
    /// Overrides that name no field or have a value of the wrong type; weights that do not fit.
    pub(super) fn model<M: OfConfig + Stepwise>(
        &self,
        overrides: &Map<String, Value>,
        compute: &Compute,
    ) -> Result<M> {
        let meta = self.checkpoint.meta();
        let config = overlaid(&meta.model_config, overrides)?;
        config.validate(&meta.dictionaries.vocab())?;
        let model = self.checkpoint.model_as::<M>(&config, compute)?;
        Ok(model.laid_out_for_decoding())
    }

    /// The dictionary of a side.
    ///
    /// # Errors
    /// There is none, or it does not fit the model.
    pub(super) fn dictionary(&self, side: &str) -> Result<Arc<Dictionary>> {
        let named = self.checkpoint.meta().dictionaries.side(side);
        let DictionaryInfo { file, types, .. } = named.ok_or_else(|| Error::Dictionary {
            path: self.path.clone(),
            problem: format!("has no {side} dictionary, which its task needs"),
        })?;
        let path = self.path.join(file);
        let content = self.checkpoint.file(file)?;
        let is_vocabulary = path
            .extension()
            .is_some_and(|extension| extension == Dictionary::VOCABULARY);
        let dictionary = match is_vocabulary {
            true => Dictionary::parse_vocabulary(&content, &path)?,
            false => Dictionary::parse(content.as_slice(), &path)?,
        };
        if dictionary.len() == *types {
            return Ok(Arc::new(dictionary));
        }
        Err(Error::Dictionary {
            path,
            problem: format!("has {} types, the model was built for {types}", dictionary.len()),
        })
    }

    /// How text becomes tokens, as the settings `name` of a checkpoint say; text is tokens already where there are none.
    ///
    /// # Errors
    /// Settings or files they name that are damaged.
    pub(super) fn pipeline(&self, name: &str) -> Result<TextPipeline> {
        if !self.checkpoint.meta().files.contains_key(name) {
            return Ok(TextPipeline::new(TextSettings::default(), &TextFiles::new())?);
        }
        let broken = |reason: String| {
            Error::Text(burnseq_text::Error::Settings {
                path: self.path.join(name),
                reason,
            })
        };
        let settings: TextSettings = serde_json::from_slice(&self.checkpoint.file(name)?)
            .map_err(|error| broken(error.to_string()))?;
        settings.validate().map_err(|error| broken(error.to_string()))?;
        let mut files = TextFiles::new();
        for file in settings.files() {
            files.insert(file.to_owned(), self.checkpoint.file(file)?);
        }
        Ok(TextPipeline::new(settings, &files)?)
    }
}

/// `config` with `overrides` laid over its fields (`--model-overrides`).
///
/// # Errors
/// An override that names no field, or has a value of the wrong type.
pub fn overlaid(config: &ModelConfig, overrides: &Map<String, Value>) -> Result<ModelConfig> {
    let wrong = |error: ModelError| Error::Config(format!("'model_overrides': {error}"));
    config.with_fields(overrides).map_err(wrong)
}

/// How two dictionaries differ, in words; counts do not matter.
pub(super) fn difference(ours: &Dictionary, theirs: &Dictionary) -> Option<String> {
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
    fn overrides_change_fields_and_unknown_ones_are_refused() {
        let config = ModelConfig::from_arch("transformer").unwrap();
        let overrides = |json: &str| serde_json::from_str::<Map<String, Value>>(json).unwrap();
        let changed = overlaid(&config, &overrides(r#"{"encoder_layers": 3, "dropout": 0}"#)).unwrap();
        let layers = ["encoder_layers", "decoder_layers"].map(|field| changed.fields()[field].clone());
        assert_eq!(layers, [3, 6]);
        assert_eq!(overlaid(&config, &Map::new()).unwrap(), config);
        for wrong in [r#"{"encoder_layer": 3}"#, r#"{"encoder_layers": "three"}"#] {
            let error = overlaid(&config, &overrides(wrong)).unwrap_err();
            assert!(
                error.is_usage() && error.to_string().starts_with("'model_overrides': "),
                "{error}"
            );
        }
    }
}
