//! A model with everything that translating needs beside it.

use std::{collections::HashMap, path::Path, sync::Arc};

use burn::tensor::{Device, TensorData};
use burnseq_data::{DatasetDir, TextDir};
use burnseq_generate::{Continuation, Generate};
use burnseq_kernels::Compute;
use burnseq_model::{EncoderDecoder, Model, ModelConfig, OfConfig, Stepwise};
use burnseq_search::{GenerateOptions, Generator, Hypothesis, SearchError, Source};
use burnseq_text::ByteMeter;
use burnseq_text::{Dictionary, TextPipeline, TextSettings};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

use super::TextModel;
use super::saved::{Saved, difference};
use crate::convert::SourceTemplate;
use crate::error::{Error, Result};
use crate::tasks::generation;
use crate::tasks::translation::{self, LanguagePair};

/// A trained model, its dictionaries, and how text becomes tokens and back.
#[derive(Debug, Clone)]
pub struct TranslationModel {
    /// The network, off autodiff; several are an ensemble, whose probabilities are averaged.
    pub models: Vec<Model>,
    /// Where it computes.
    pub device: Device,
    /// Languages; empty names when a plain weights file does not say.
    pub task: LanguagePair,
    /// Source dictionary.
    pub src_dict: Arc<Dictionary>,
    /// Target dictionary.
    pub tgt_dict: Arc<Dictionary>,
    /// From raw source lines to source tokens.
    pub src_text: TextPipeline,
    /// From target tokens to text.
    pub tgt_text: TextPipeline,
    /// What stands around the tokens of a source.
    pub template: SourceTemplate,
    /// What the model asks of the search, where it asks for anything.
    pub generation: Option<GenerateOptions>,
    /// A language model of the target side, whose scores are added to those of the networks.
    pub lm: Option<Arc<TextModel>>,
}

impl TranslationModel {
    /// Loads a checkpoint, which carries all of it.
    ///
    /// # Errors
    /// No checkpoint there; a file that is damaged; weights, dictionaries and text settings that do not fit together.
    pub fn load(path: impl AsRef<Path>, compute: impl Into<Compute>) -> Result<Self> {
        Self::load_with(path, &Map::new(), compute)
    }

    /// As [`load`](Self::load), with `overrides` laid over the fields of the configuration.
    ///
    /// # Errors
    /// Also overrides that name no field or have a value of the wrong type.
    pub fn load_with(
        path: impl AsRef<Path>,
        overrides: &Map<String, Value>,
        compute: impl Into<Compute>,
    ) -> Result<Self> {
        let saved = Saved::open(path.as_ref())?;
        let languages = LanguagePair::of(saved.task())?;
        let pipeline = |language: &str| saved.pipeline(&TextSettings::file_name(language));
        let compute = compute.into();
        Ok(Self {
            src_dict: saved.dictionary("source")?,
            tgt_dict: saved.dictionary("target")?,
            models: vec![saved.model(overrides, &compute)?],
            device: compute.device,
            src_text: pipeline(&languages.source_lang)?,
            tgt_text: pipeline(&languages.target_lang)?,
            template: SourceTemplate::of_task(saved.task()).map_err(Error::Config)?,
            generation: generation::of_task(saved.task()).map_err(Error::Config)?,
            task: languages,
            lm: None,
        })
    }

    /// As [`load_with`](Self::load_with), of several checkpoints: an ensemble.
    ///
    /// # Errors
    /// Also no path at all, and models that do not share their dictionaries.
    pub fn load_ensemble<P: AsRef<Path>>(
        paths: &[P],
        overrides: &Map<String, Value>,
        compute: impl Into<Compute>,
    ) -> Result<Self> {
        let Some((first, others)) = paths.split_first() else {
            return Err(Error::Config(
                "'path' names no checkpoint\nhint: name one, or several of an ensemble".to_owned(),
            ));
        };
        let compute = compute.into();
        let mut model = Self::load_with(first, overrides, &compute)?;
        for path in others {
            model.join(Self::load_with(path, overrides, &compute)?, path.as_ref())?;
        }
        Ok(model)
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
        compute: impl Into<Compute>,
    ) -> Result<Self> {
        let path = path.as_ref();
        let (src_dict, tgt_dict) = (Arc::clone(data.src_dict()), Arc::clone(data.tgt_dict()));
        let vocab = translation::dictionaries(&src_dict, &tgt_dict).vocab();
        config.validate(&vocab)?;
        let tensors = read_safetensors(path, &ByteMeter::default())?;
        let compute = compute.into();
        let model = Model::load(config, &vocab, &tensors, &compute);
        let model = model.map_err(|problem| Error::Weights {
            path: path.to_owned(),
            problem: problem.to_string(),
        })?;
        let task = LanguagePair {
            source_lang: data.src_lang().to_owned(),
            target_lang: data.tgt_lang().to_owned(),
        };
        Ok(Self {
            models: vec![model.laid_out_for_decoding()],
            device: compute.device,
            task,
            src_dict,
            tgt_dict,
            src_text: data.src_pipeline()?,
            tgt_text: data.tgt_pipeline()?,
            template: SourceTemplate::default(),
            generation: None,
            lm: None,
        })
    }

    /// Adds the networks of `other`, which was loaded from `path`, as members of an ensemble.
    ///
    /// # Errors
    /// The first token of the dictionaries that differs.
    pub fn join(&mut self, other: Self, path: &Path) -> Result<()> {
        for (ours, theirs, side) in [
            (&self.src_dict, &other.src_dict, "source"),
            (&self.tgt_dict, &other.tgt_dict, "target"),
        ] {
            if let Some(difference) = difference(ours, theirs) {
                return Err(Error::Dictionary {
                    path: path.to_owned(),
                    problem: format!(
                        "its {side} dictionary is not that of the first model: {difference}\n\
                         hint: the models of an ensemble share their dictionaries"
                    ),
                });
            }
        }
        self.models.extend(other.models);
        Ok(())
    }

    /// Adds a language model of the target side to decoding (shallow fusion, Gulcehre et al. 2015).
    ///
    /// # Errors
    /// The first token of its dictionary that is not that of the target dictionary.
    pub fn fuse(&mut self, lm: TextModel) -> Result<()> {
        if let Some(difference) = difference(&self.tgt_dict, &lm.dictionary) {
            return Err(Error::Dictionary {
                path: lm.path.join(TextDir::DICTIONARY),
                problem: format!(
                    "is not the target dictionary of the translation model: {difference}\nhint: make the text of the language \
                     model with `preprocess --like TRANSLATION-MODEL --like-side target --trainpref TEXT --destdir FOLDER`"
                ),
            });
        }
        self.lm = Some(Arc::new(lm));
        Ok(())
    }

    /// The hypotheses of each source, with the language model where there is one.
    ///
    /// # Errors
    /// As [`Generate::generate`].
    pub fn decode(
        &self,
        generator: &Generator,
        sources: &[Source],
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError> {
        let (models, device) = (&self.models, &self.device);
        match &self.lm {
            None => generator.generate(models, sources, device),
            Some(lm) => {
                let begin = |_: &[Source]| Continuation::from_start(&lm.model, device);
                generator.generate_with_lm(models, begin, sources, device)
            }
        }
    }

    /// Longest source and target that all networks take, in tokens with `</s>`.
    pub fn max_positions(&self) -> (usize, usize) {
        let limits = self.models.iter().map(Model::max_positions);
        limits.fold((usize::MAX, usize::MAX), |(a, b), (c, d)| (a.min(c), b.min(d)))
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
                let hint = match self.direction_note(data) {
                    Some(direction) => format!("{direction}; leave out 'source_lang' and 'target_lang'"),
                    None => "make the dataset with `preprocess --like CHECKPOINT`, or with 'srcdict' and 'tgtdict' of the \
                             training data; `generate --input` translates raw text without a dataset"
                        .to_owned(),
                };
                return Err(Error::Dictionary {
                    path: data.path().join(format!("dict.{lang}.txt")),
                    problem: format!(
                        "is not the dictionary that the model was trained with: {difference}\nhint: {hint}"
                    ),
                });
            }
        }
        Ok(())
    }

    /// What is worth a note where a dataset is opened in another direction than the model translates.
    pub fn direction_note(&self, data: &DatasetDir) -> Option<String> {
        let (ours, theirs) = (
            [&*self.task.source_lang, &*self.task.target_lang],
            [data.src_lang(), data.tgt_lang()],
        );
        let known = ours.iter().all(|language| !language.is_empty());
        (known && ours != theirs).then(|| {
            format!(
                "the model translates from {} to {}, the dataset is opened from {} to {}",
                ours[0], ours[1], theirs[0], theirs[1]
            )
        })
    }
}

/// All tensors of a safetensors file as `f32`.
pub(crate) fn read_safetensors(path: &Path, meter: &ByteMeter) -> Result<HashMap<String, TensorData>> {
    let bytes = meter.read(path)?;
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
        // What PyTorch puts before the names of a model that is wrapped for several devices.
        let plain = name.trim_start_matches("module.");
        tensors.insert(plain.to_owned(), TensorData::new(values, view.shape()));
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            read_safetensors(&path, &ByteMeter::default()).unwrap()["x"],
            TensorData::new(vec![1.5_f32, -0.25], [2])
        );
        let ids = safetensors::tensor::TensorView::new(Dtype::I64, vec![1], &[0; 8]).unwrap();
        std::fs::write(&path, safetensors::serialize([("ids", ids)], None).unwrap()).unwrap();
        assert!(
            read_safetensors(&path, &ByteMeter::default())
                .unwrap_err()
                .to_string()
                .contains("`ids` has type")
        );
        std::fs::write(&path, "no tensors").unwrap();
        assert!(
            read_safetensors(&path, &ByteMeter::default())
                .unwrap_err()
                .to_string()
                .contains("not a safetensors file")
        );
    }
}
