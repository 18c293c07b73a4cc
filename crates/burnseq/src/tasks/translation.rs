//! Translation: sentence pairs of a data folder, an encoder-decoder, and BLEU by beam search.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use burnseq_data::{DatasetDir, LanguagePairDataset, PairOptions};
use burnseq_model::{ModelConfig, Vocab};
use burnseq_text::{TextFiles, TextPipeline, TextSettings};
use burnseq_train::{
    Interrupt, LossOnly, Observer, StopReason, TaskInfo, TrainConfig, TrainContext, TrainData, Trainer,
    Validator,
};
use serde::{Deserialize, Serialize};

use super::eval_bleu::{BleuValidator, EvalBleuConfig};
use crate::error::{Error, Result};

/// Name of the source dictionary inside a checkpoint.
pub const SRC_DICT_FILE: &str = "dict.src.txt";
/// Name of the target dictionary inside a checkpoint.
pub const TGT_DICT_FILE: &str = "dict.tgt.txt";

/// What to translate, and from which data to learn it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranslationConfig {
    /// Folder that `preprocess` wrote; or several with colons between, of which each epoch learns from one,
    /// in turn, and the first one has the dictionaries and the sets to validate on.
    pub data: PathBuf,
    /// Source language; `None`: as the folder tells.
    pub source_lang: Option<String>,
    /// Target language; `None`: as the folder tells.
    pub target_lang: Option<String>,
    /// Split to learn from; `train1`, `train2`, ... are taken with `train`.
    pub train_subset: String,
    /// Splits to validate on.
    pub valid_subset: Vec<String>,
    /// Padding goes before the source sentence.
    pub left_pad_source: bool,
    /// BLEU while validating; `None`: loss and perplexity only.
    pub eval_bleu: Option<EvalBleuConfig>,
}

impl Default for TranslationConfig {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data-bin"),
            source_lang: None,
            target_lang: None,
            train_subset: "train".to_owned(),
            valid_subset: vec!["valid".to_owned()],
            left_pad_source: true,
            eval_bleu: None,
        }
    }
}

/// The task on an opened data folder.
#[derive(Debug, Clone)]
pub struct TranslationTask {
    config: TranslationConfig,
    dir: DatasetDir,
}

impl TranslationTask {
    /// Opens the data folder.
    ///
    /// # Errors
    /// When the folder cannot be read, or the languages are not clear.
    pub fn open(config: TranslationConfig) -> Result<Self> {
        let dir = DatasetDir::open(
            &config.data,
            config.source_lang.as_deref(),
            config.target_lang.as_deref(),
        )?;
        Ok(Self { config, dir })
    }

    /// The data folder.
    pub fn dir(&self) -> &DatasetDir {
        &self.dir
    }

    /// Sizes and special ids of the dictionaries.
    pub fn vocab(&self) -> Vocab {
        let (src, tgt) = (self.dir.src_dict(), self.dir.tgt_dict());
        Vocab {
            src: src.len(),
            tgt: tgt.len(),
            pad: tgt.pad() as usize,
            eos: tgt.eos() as usize,
        }
    }

    /// Names of the metrics that validation yields beside the loss.
    pub fn metrics(&self) -> Vec<&'static str> {
        if self.config.eval_bleu.is_some() {
            vec!["bleu"]
        } else {
            Vec::new()
        }
    }

    /// Opens the sets to learn from and to validate on.
    ///
    /// # Errors
    /// When a split is missing or damaged, or lacks its target side.
    pub fn data(&self, train: &TrainConfig) -> Result<TrainData> {
        let options = || PairOptions {
            left_pad_source: self.config.left_pad_source,
            required_seq_len_multiple: train.dataset.required_seq_len_multiple,
            ..PairOptions::default()
        };
        let mut valid = Vec::new();
        if !train.validation.disable_validation {
            for split in &self.config.valid_subset {
                let dataset = self.dir.load(split, false, options())?;
                valid.push((split.clone(), self.parallel(split, dataset)?));
            }
        }
        let split = &self.config.train_subset;
        let train = self.parallel(split, self.dir.load_train(split, options())?)?;
        Ok(TrainData { train, valid })
    }

    /// The dataset, which must have pairs to compare.
    fn parallel(&self, split: &str, dataset: LanguagePairDataset) -> Result<Arc<LanguagePairDataset>> {
        let problem = if dataset.tgt().is_none() {
            format!("has no {} side; training needs both", self.dir.tgt_lang())
        } else if dataset.is_empty() {
            "holds no sentence".to_owned()
        } else {
            return Ok(Arc::new(dataset));
        };
        Err(Error::Data(burnseq_data::Error::DataDir {
            path: self.dir.path().to_owned(),
            problem: format!("the split {split:?} {problem}"),
        }))
    }

    /// What a checkpoint needs to translate on its own.
    ///
    /// # Errors
    /// When a file of the data folder cannot be read.
    pub fn context(&self, model: &ModelConfig) -> Result<TrainContext> {
        let task = TaskInfo {
            source_lang: self.dir.src_lang().to_owned(),
            target_lang: self.dir.tgt_lang().to_owned(),
        };
        Ok(TrainContext {
            model: model.clone(),
            task,
            files: self.files()?,
        })
    }

    /// Dictionaries, text settings and subword models, under their names in a checkpoint.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let dir = self.dir.path();
        let mut files = vec![
            (
                SRC_DICT_FILE.to_owned(),
                read(&dir.join(format!("dict.{}.txt", self.dir.src_lang())))?,
            ),
            (
                TGT_DICT_FILE.to_owned(),
                read(&dir.join(format!("dict.{}.txt", self.dir.tgt_lang())))?,
            ),
        ];
        files.extend(text_files(dir, [self.dir.src_lang(), self.dir.tgt_lang()])?);
        Ok(files)
    }

    /// Trains a model on this task until a stop rule applies, taking up the checkpoint that the configuration names.
    ///
    /// # Errors
    /// Settings that make no sense, before any work; data or checkpoints that cannot be used; a run that diverges.
    pub fn train(
        &self,
        config: TrainConfig,
        model: &ModelConfig,
        device: &Device,
        interrupt: Interrupt,
        observe: Observer<'_>,
    ) -> Result<StopReason> {
        config.validate(&self.metrics())?;
        let vocab = self.vocab();
        model.validate(&vocab)?;
        let data = self.data(&config)?;
        let context = self.context(model)?;
        let bleu = match &self.config.eval_bleu {
            Some(bleu) => {
                let pipeline = text_pipeline(self.dir.path(), self.dir.tgt_lang())?;
                Some(BleuValidator::new(
                    bleu,
                    Arc::clone(self.dir.tgt_dict()),
                    pipeline,
                    device,
                )?)
            }
            None => None,
        };
        match model {
            ModelConfig::Transformer(transformer) => {
                let model = transformer.init(&vocab, u64::from(config.seed), device);
                let validator: Box<dyn Validator<_>> = match bleu {
                    Some(bleu) => Box::new(bleu),
                    None => Box::new(LossOnly),
                };
                let mut trainer = Trainer::new(config, context, model, data, validator, device, interrupt)?;
                Ok(trainer.run(observe)?)
            }
        }
    }
}

/// Text settings of the languages of a data folder, and the subword models they name; nothing in folders of fairseq.
fn text_files(dir: &Path, languages: [&str; 2]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str| -> Result<()> {
        if !files.iter().any(|(known, _)| known == name) {
            files.push((name.to_owned(), read(&dir.join(name))?));
        }
        Ok(())
    };
    for language in languages {
        let name = TextSettings::file_name(language);
        if dir.join(&name).is_file() {
            let settings = TextSettings::load(dir.join(&name))?;
            add(&name)?;
            settings.files().into_iter().try_for_each(&mut add)?;
        }
    }
    Ok(files)
}

/// How the text of a language became tokens; nothing was done to it where the folder does not say.
fn text_pipeline(dir: &Path, language: &str) -> Result<TextPipeline> {
    let path = dir.join(TextSettings::file_name(language));
    if path.is_file() {
        Ok(TextPipeline::from_folder(TextSettings::load(path)?, dir)?)
    } else {
        Ok(TextPipeline::new(TextSettings::default(), &TextFiles::new())?)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subword_models_that_the_settings_name_travel_with_the_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let files = || text_files(dir.path(), ["de", "en"]);
        assert!(files().unwrap().is_empty());
        let json = r#"{"subword": {"type": "sentencepiece", "model": "spm.model"}}"#;
        std::fs::write(dir.path().join("text.de.json"), json).unwrap();
        std::fs::write(dir.path().join("text.en.json"), json).unwrap();
        assert!(files().unwrap_err().to_string().contains("spm.model"));
        std::fs::write(dir.path().join("spm.model"), [1, 2, 3]).unwrap();
        std::fs::write(dir.path().join("other"), "x").unwrap();
        let names: Vec<String> = files().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["text.de.json", "spm.model", "text.en.json"]);
    }
}
