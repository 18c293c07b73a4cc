//! Translation: sentence pairs of a data folder, an encoder-decoder, and BLEU by beam search.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use burnseq_data::{
    Dataset, DatasetDir, DatasetImpl, LanguagePairDataset, PairOptions, Resampling, SideSampler, TextDir,
};
use burnseq_kernels::Compute;
use burnseq_model::{EncoderModel, Model, ModelConfig, OfConfig, load_state_dict, state_dict};
use burnseq_text::Vocab;
use burnseq_text::{
    Dictionary, SubwordModel, SubwordSampler, SubwordSampling, TextFiles, TextPipeline, TextSettings,
};
use burnseq_train::checkpoint::Dictionaries;
use burnseq_train::{
    CriterionConfig, DatasetConfig, Event, LossOnly, Objective, Observer, Seq2Seq, TaskInfo, TrainConfig,
    TrainContext, TrainData,
};
use serde::{Deserialize, Serialize};

use super::eval_bleu::{BleuValidator, EvalBleuConfig};
use super::files::{read, text_files};
use super::language_modeling;
use super::like_command::{like_command, with_like_command};
use super::pretrained_embeddings;
use super::task::Task;
use crate::convert::FairseqImporter;
use crate::decode::TranslationModel;
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
    /// Format of the files of ids or text; `None`: as the files tell.
    pub dataset_impl: Option<DatasetImpl>,
    /// Split to learn from; `train1`, `train2`, ... are taken with `train`.
    pub train_subset: String,
    /// Splits to validate on; without one, a run does not validate.
    pub valid_subset: Vec<String>,
    /// How often the first of `train`, `train1`, ... is taken in an epoch.
    pub upsample_primary: usize,
    /// Sources that are too long for the model are cut instead of left out.
    pub truncate_source: bool,
    /// Other subwords for the training sentences in every epoch; needs the subword model in the data folder.
    pub subword_sampling: Option<SubwordSampling>,
    /// Padding goes before the source sentence.
    pub left_pad_source: bool,
    /// File of initial source embeddings.
    pub encoder_embed_path: Option<PathBuf>,
    /// File of initial target embeddings.
    pub decoder_embed_path: Option<PathBuf>,
    /// BLEU while validating; `None`: loss and perplexity only.
    pub eval_bleu: Option<EvalBleuConfig>,
}

impl Default for TranslationConfig {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data-bin"),
            source_lang: None,
            target_lang: None,
            dataset_impl: None,
            train_subset: "train".to_owned(),
            valid_subset: vec!["valid".to_owned()],
            upsample_primary: 1,
            truncate_source: false,
            subword_sampling: None,
            left_pad_source: true,
            encoder_embed_path: None,
            decoder_embed_path: None,
            eval_bleu: None,
        }
    }
}

impl TranslationConfig {
    /// Names of the metrics that validation yields beside the loss.
    pub fn metrics(&self) -> Vec<&'static str> {
        if self.eval_bleu.is_some() {
            vec!["bleu"]
        } else {
            Vec::new()
        }
    }

    /// Adds what follows for a run: without a set to validate on, it does not validate.
    pub fn complete(&self, train: &mut TrainConfig) {
        train.validation.disable_validation |= self.valid_subset.is_empty();
    }
}

/// The languages of a model: what a checkpoint says of its task. A name that is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguagePair {
    /// Source language, the suffix of its files.
    pub source_lang: String,
    /// Target language.
    pub target_lang: String,
}

/// Name of the task in checkpoints.
pub const NAME: &str = "translation";

impl LanguagePair {
    /// The languages that a checkpoint of `task` translates.
    ///
    /// # Errors
    /// Another task.
    pub fn of(task: &TaskInfo) -> Result<Self> {
        if task.name != NAME {
            let hint = match task.name.as_str() {
                language_modeling::NAME => {
                    "\nhint: `generate` continues text with it, `burnseq eval-lm` measures it"
                }
                _ => "",
            };
            return Err(Error::Config(format!(
                "the model was trained for the task `{}`, not for translation{hint}",
                task.name
            )));
        }
        Ok(Self {
            source_lang: task.text("source_lang").to_owned(),
            target_lang: task.text("target_lang").to_owned(),
        })
    }
}

impl From<&LanguagePair> for TaskInfo {
    fn from(languages: &LanguagePair) -> Self {
        let fields = [
            ("source_lang", languages.source_lang.as_str()),
            ("target_lang", languages.target_lang.as_str()),
        ];
        Self::new(NAME, fields)
    }
}

/// What a checkpoint says of the dictionaries of sentence pairs, which share the ids of their special symbols.
pub fn dictionaries(src: &Dictionary, tgt: &Dictionary) -> Dictionaries {
    Dictionaries::source_and_target(&Vocab::of(src, tgt))
}

/// The task on an opened data folder.
#[derive(Debug, Clone)]
pub struct TranslationTask {
    config: TranslationConfig,
    dir: DatasetDir,
}

/// Training sentences after which it is clear whether drawing subwords changes any.
const LOOKED_AT: usize = 1000;

impl TranslationTask {
    /// Opens the data folder.
    ///
    /// # Errors
    /// When the folder cannot be read or holds text of one side, or the languages are not clear.
    pub fn open(config: TranslationConfig) -> Result<Self> {
        if TextDir::is_one(&config.data) {
            return Err(Error::Data(burnseq_data::Error::DataDir {
                path: config.data,
                problem: "it holds text without a second side, which is no data for translation\nhint: train a language model \
                          on it: give 'task' language_modeling, or an 'arch' such as transformer_lm_gpt2_small"
                    .to_owned(),
            }));
        }
        let dir = DatasetDir::open(
            &config.data,
            config.source_lang.as_deref(),
            config.target_lang.as_deref(),
        )?
        .with_dataset_impl(config.dataset_impl);
        Ok(Self { config, dir })
    }

    /// The data folder.
    pub fn dir(&self) -> &DatasetDir {
        &self.dir
    }

    /// The dictionaries of the data.
    fn dictionaries(&self) -> Dictionaries {
        dictionaries(self.dir.src_dict(), self.dir.tgt_dict())
    }

    /// What draws other subwords for the training sentences, where that is asked for.
    fn resampling(&self, config: &TrainConfig, model: &ModelConfig) -> Result<Option<Resampling>> {
        let Some(sampling) = self.config.subword_sampling else {
            return Ok(None);
        };
        let (max_src, max_tgt) = model.max_positions();
        let side = |pipeline: TextPipeline, dictionary: &Arc<Dictionary>, max_len: usize| {
            if matches!(pipeline.subword(), SubwordModel::None) {
                return Err(Error::Data(burnseq_data::Error::DataDir {
                    path: self.dir.path().to_owned(),
                    problem: "there is no subword model, which 'bpe_dropout' and 'subword_alpha' need\n\
                              hint: let `preprocess` split the text ('bpe', 'bpe_codes', 'bpe_model')"
                        .to_owned(),
                }));
            }
            let sampler = SubwordSampler::new(pipeline.subword(), sampling)?
                .with_extra_symbols(pipeline.settings().extra_symbols.clone());
            Ok::<_, Error>(SideSampler {
                sampler,
                dictionary: Arc::clone(dictionary),
                max_len,
            })
        };
        Ok(Some(Resampling {
            seed: config.seed.into(),
            limits: config.dataset.limits(),
            src: side(self.dir.src_pipeline()?, self.dir.src_dict(), max_src)?,
            tgt: side(self.dir.tgt_pipeline()?, self.dir.tgt_dict(), max_tgt)?,
        }))
    }

    /// The criterion with the loss of `config`, for the dictionaries of the data.
    ///
    /// # Errors
    /// A loss whose options are out of range.
    pub fn criterion(&self, config: &CriterionConfig, sentence_avg: bool) -> Result<Seq2Seq> {
        Ok(Seq2Seq::new(config, self.vocab().pad(), sentence_avg)?)
    }

    /// What computes BLEU on validation sets, where it is asked for.
    fn bleu(&self, device: &Device) -> Result<Option<BleuValidator>> {
        let Some(bleu) = &self.config.eval_bleu else {
            return Ok(None);
        };
        let pipeline = text_pipeline(self.dir.path(), self.dir.tgt_lang())?;
        let dictionary = Arc::clone(self.dir.tgt_dict());
        let language = self.dir.tgt_lang();
        Ok(Some(BleuValidator::new(
            bleu, language, dictionary, pipeline, device,
        )?))
    }

    /// How pairs become batches.
    fn pair_options(&self, dataset: &DatasetConfig, model: &ModelConfig, device: &Device) -> PairOptions {
        PairOptions {
            left_pad_source: self.config.left_pad_source,
            required_seq_len_multiple: dataset.seq_len_multiple(device),
            truncate_source: self.config.truncate_source.then(|| model.max_positions().0),
            ..PairOptions::default()
        }
    }

    /// Refuses a set that nothing can be learned from.
    fn checked(&self, split: &str, dataset: LanguagePairDataset) -> Result<Arc<LanguagePairDataset>> {
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
        let languages = [self.dir.src_lang(), self.dir.tgt_lang()];
        files.extend(text_files(dir, languages.map(TextSettings::file_name))?);
        Ok(files)
    }

    /// The model with the vectors of the files of initial embeddings.
    fn with_pretrained_embeddings(&self, model: Model, observe: Observer<'_>) -> Result<Model> {
        let tables = [
            ("encoder", &self.config.encoder_embed_path, self.dir.src_dict()),
            ("decoder", &self.config.decoder_embed_path, self.dir.tgt_dict()),
        ];
        if tables.iter().all(|(_, path, _)| path.is_none()) {
            return Ok(model);
        }
        let mut weights: HashMap<String, TensorData> = state_dict(&model).into_iter().collect();
        for (side, path, dictionary) in tables {
            let Some(path) = path else { continue };
            let Some(table) = weights.get_mut(&format!("{side}.embed_tokens.weight")) else {
                return Err(Error::Config(format!(
                    "'{side}_embed_path' has no table to fill: the model shares that of the other side"
                )));
            };
            let found = pretrained_embeddings::fill(table, dictionary, path)?;
            observe(Event::Note(&format!(
                "{found} of {} {side} embeddings start as in {}",
                dictionary.len(),
                path.display()
            )));
        }
        Ok(load_state_dict(model, &weights)?)
    }
}

impl Task for TranslationTask {
    type Model = Model;
    type Dataset = LanguagePairDataset;

    fn description(&self) -> String {
        let vocab = self.vocab();
        format!(
            "translation from {} to {}: dictionaries of {} and {} types",
            self.dir.src_lang(),
            self.dir.tgt_lang(),
            vocab.src,
            vocab.tgt
        )
    }

    fn vocab(&self) -> Vocab {
        self.dictionaries().vocab()
    }

    fn metrics(&self) -> Vec<&'static str> {
        self.config.metrics()
    }

    fn complete(&self, train: &mut TrainConfig) {
        self.config.complete(train);
    }

    fn check_model(&self, model: &ModelConfig) -> Result<()> {
        Model::check(model).map_err(|error| {
            let other = match EncoderModel::check(model) {
                Ok(()) => "there is no task that trains encoders",
                Err(_) => "or 'task' language_modeling",
            };
            Error::Config(format!(
                "{error}\nhint: give another 'arch', {other}; translation learns encoder-decoders"
            ))
        })?;
        Ok(model.validate(&self.vocab())?)
    }

    fn data(
        &self,
        config: &TrainConfig,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<TrainData<LanguagePairDataset>> {
        let options = self.pair_options(&config.dataset, model, device);
        let valid = if config.validation.disable_validation {
            Vec::new()
        } else {
            self.valid_data(&config.dataset, model, device)?
        };
        let split = &self.config.train_subset;
        let train = self
            .dir
            .load_train(split, self.config.upsample_primary, options)?;
        let train = match self.resampling(config, model)? {
            Some(resampling) => train.with_resampling(resampling),
            None => train,
        };
        Ok(TrainData {
            train: self.checked(split, train)?,
            valid,
        })
    }

    fn valid_data(
        &self,
        dataset: &DatasetConfig,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<Vec<(String, Arc<LanguagePairDataset>)>> {
        let options = self.pair_options(dataset, model, device);
        let load = |split: &String| {
            let pairs = self.dir.load(split, false, options.clone())?;
            Ok((split.clone(), self.checked(split, pairs)?))
        };
        self.config.valid_subset.iter().map(load).collect()
    }

    fn objective(
        &self,
        criterion: &CriterionConfig,
        sentence_avg: bool,
        device: &Device,
    ) -> Result<Objective<Model, LanguagePairDataset>> {
        Ok(Objective {
            criterion: Arc::new(self.criterion(criterion, sentence_avg)?),
            validator: match self.bleu(device)? {
                Some(bleu) => Box::new(bleu),
                None => Box::new(LossOnly),
            },
        })
    }

    fn context(&self, model: &ModelConfig) -> Result<TrainContext> {
        let languages = LanguagePair {
            source_lang: self.dir.src_lang().to_owned(),
            target_lang: self.dir.tgt_lang().to_owned(),
        };
        Ok(TrainContext {
            model: model.clone(),
            dictionaries: self.dictionaries(),
            task: (&languages).into(),
            task_config: serde_json::to_value(&self.config).expect("plain data is JSON"),
            files: self.files()?,
            importer: Some(Arc::new(FairseqImporter {
                data: self.dir.path().to_owned(),
                task: NAME,
                langs: [self.dir.src_lang(), self.dir.tgt_lang()].map(|lang| Some(lang.to_owned())),
            })),
        })
    }

    fn init(
        &self,
        model: &ModelConfig,
        seed: u64,
        compute: &Compute,
        observe: Observer<'_>,
    ) -> Result<Model> {
        let model = Model::init(model, &self.vocab(), seed, compute)?;
        self.with_pretrained_embeddings(model, observe)
    }

    fn notes(&self, data: &LanguagePairDataset) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if let Some(resampling) = data.resampling()
            && !resampling.changes(data, LOOKED_AT)?
        {
            notes.push(
                "'bpe_dropout' and 'subword_alpha' change no sentence: the dictionaries lack the pieces that are drawn; make \
                 them of text that holds such pieces, too (`burnseq text subword encode --bpe-dropout`)"
                    .to_owned(),
            );
        }
        Ok(notes)
    }

    fn explained(&self, error: burnseq_train::Error) -> burnseq_train::Error {
        let languages = [self.dir.src_lang(), self.dir.tgt_lang()];
        with_like_command(error, "the dictionaries", |path| {
            like_command(path, self.dir.path(), languages)
        })
    }

    fn trained_model(&self, path: &Path, compute: &Compute, observe: Observer<'_>) -> Result<Model> {
        let mut translation = TranslationModel::load(path, compute)?;
        translation.check_dictionaries(&self.dir)?;
        if let Some(note) = translation.direction_note(&self.dir) {
            observe(Event::Note(&note));
        }
        Ok(translation.models.swap_remove(0)) // one path, one model
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_set_to_validate_on_does_not_validate() {
        let mut train = TrainConfig::default();
        TranslationConfig::default().complete(&mut train);
        train.validate(&[]).unwrap();
        let config: TranslationConfig = serde_json::from_str(r#"{"valid_subset": []}"#).unwrap();
        config.complete(&mut train);
        let refused = train.validate(&[]).unwrap_err();
        assert!(
            refused.to_string().contains("patience counts validations"),
            "{refused}"
        );
    }
}
