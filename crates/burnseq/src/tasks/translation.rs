//! Translation: sentence pairs of a data folder, an encoder-decoder, and BLEU by beam search.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use burnseq_data::{
    Dataset, DatasetDir, DatasetImpl, LanguagePairDataset, PairOptions, Resampling, SideSampler,
};
use burnseq_kernels::Compute;
use burnseq_model::{EncoderDecoder, Model, ModelConfig, OfConfig, load_state_dict, state_dict};
use burnseq_text::FileError;
use burnseq_text::Vocab;
use burnseq_text::{
    Dictionary, SubwordModel, SubwordSampler, SubwordSampling, TextFiles, TextPipeline, TextSettings,
};
use burnseq_train::checkpoint::Dictionaries;
use burnseq_train::{
    Checkpoint, CriterionConfig, DatasetConfig, DeviceMemory, Event, Interrupt, LossOnly, Objective,
    Observer, Seq2Seq, StopReason, TaskInfo, TrainConfig, TrainContext, TrainData, Trainer, TrainingRecord,
    ValidSet,
};
use serde::{Deserialize, Serialize};

use super::eval_bleu::{BleuValidator, EvalBleuConfig};
use super::like_command::like_command;
use super::pretrained_embeddings;
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
const NAME: &str = "translation";

impl LanguagePair {
    /// The languages that a checkpoint of `task` translates.
    ///
    /// # Errors
    /// Another task.
    pub fn of(task: &TaskInfo) -> Result<Self> {
        if task.name != NAME {
            return Err(Error::Config(format!(
                "the model was trained for the task `{}`, not for translation",
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
    /// When the folder cannot be read, or the languages are not clear.
    pub fn open(config: TranslationConfig) -> Result<Self> {
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

    /// Sizes and special ids of the dictionaries.
    pub fn vocab(&self) -> Vocab {
        self.dictionaries().vocab()
    }

    /// The dictionaries of the data.
    fn dictionaries(&self) -> Dictionaries {
        dictionaries(self.dir.src_dict(), self.dir.tgt_dict())
    }

    /// Makes sure that the task can learn a model of this configuration.
    ///
    /// # Errors
    /// A model of another role; a value out of range.
    pub fn check_model(&self, model: &ModelConfig) -> Result<()> {
        Model::check(model).map_err(|error| {
            Error::Config(format!(
                "{error}\nhint: give another 'arch'; translation learns encoder-decoders"
            ))
        })?;
        Ok(model.validate(&self.vocab())?)
    }

    /// Opens the sets to learn from and to validate on; `device` says how their batches are padded.
    ///
    /// # Errors
    /// When a split is missing or damaged, or lacks its target side.
    pub fn data(
        &self,
        config: &TrainConfig,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<TrainData<LanguagePairDataset>> {
        let options = self.pair_options(&config.dataset, model, device);
        let mut valid = Vec::new();
        if !config.validation.disable_validation {
            for split in &self.config.valid_subset {
                let dataset = self.dir.load(split, false, options.clone())?;
                valid.push((split.clone(), self.checked(split, dataset)?));
            }
        }
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
            let sampler = SubwordSampler::new(pipeline.subword(), sampling)?;
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

    /// Computes loss, perplexity, and BLEU where it is asked for, of a saved model on the validation sets; the loss is
    /// that which the model was trained with, plain cross entropy where the checkpoint does not say.
    ///
    /// # Errors
    /// A checkpoint that cannot be read; data that it does not fit, or sentences that are too long for it.
    pub fn validate(
        &self,
        path: &Path,
        dataset: &DatasetConfig,
        max_steps: Option<usize>,
        compute: &Compute,
        observe: Observer<'_>,
    ) -> Result<()> {
        let checkpoint = Checkpoint::open(path)?;
        let train_state = checkpoint.meta().train_state.clone();
        let (mut config, mut state) = (None, None);
        if let Ok(record) = serde_json::from_value::<TrainingRecord>(train_state) {
            (config, state) = (Some(record.config), Some(record.state));
        }
        let criterion = config.as_ref().map(|config| config.criterion.clone());
        let criterion = criterion.unwrap_or_else(|| {
            observe(Event::Note(
                "the checkpoint does not say what loss it was trained with; the loss shown is cross entropy, without label \
                 smoothing",
            ));
            CriterionConfig::default()
        });
        let sentence_avg = config.is_some_and(|config| config.optimization.sentence_avg);

        let translation = TranslationModel::load(path, compute)?;
        let device = &compute.device;
        translation.check_dictionaries(&self.dir)?;
        if let Some(note) = translation.direction_note(&self.dir) {
            observe(Event::Note(&note));
        }
        let model = &translation.models[0]; // one path, one model
        let mut objective = self.objective(&criterion, sentence_avg, device)?;
        let options = self.pair_options(dataset, &checkpoint.meta().model_config, device);
        let position = state.map_or((0, 0), |state| (state.data.epoch, state.num_updates));
        for split in &self.config.valid_subset {
            let pairs = self.checked(split, self.dir.load(split, false, options.clone())?)?;
            let set = ValidSet::new(split.clone(), pairs, dataset, max_steps, model.max_positions())?;
            let mut memory = DeviceMemory::new(device.clone(), split);
            let record = objective.validate(model, &set, &mut memory, position, observe)?;
            observe(Event::Valid(&record));
        }
        Ok(())
    }

    /// What an encoder-decoder is trained for and judged by.
    ///
    /// # Errors
    /// A loss or a search whose options are out of range; text settings that cannot be read.
    fn objective<M: EncoderDecoder>(
        &self,
        criterion: &CriterionConfig,
        sentence_avg: bool,
        device: &Device,
    ) -> Result<Objective<M, LanguagePairDataset>> {
        Ok(Objective {
            criterion: Arc::new(self.criterion(criterion, sentence_avg)?),
            validator: match self.bleu(device)? {
                Some(bleu) => Box::new(bleu),
                None => Box::new(LossOnly),
            },
        })
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

    /// What a checkpoint needs to translate on its own.
    ///
    /// # Errors
    /// When a file of the data folder cannot be read.
    pub fn context(&self, model: &ModelConfig) -> Result<TrainContext> {
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
                source_lang: self.dir.src_lang().to_owned(),
                target_lang: self.dir.tgt_lang().to_owned(),
            })),
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

    /// Trains a model on this task until a stop rule applies, taking up the checkpoint that the configuration names;
    /// `replicas` are the devices beside the first, where [`TrainConfig::distributed_world_size`] asks for some.
    ///
    /// # Errors
    /// Settings that make no sense, before any work; data or checkpoints that cannot be used; a run that diverges.
    pub fn train(
        &self,
        mut config: TrainConfig,
        model: &ModelConfig,
        compute: &Compute,
        replicas: &[Device],
        interrupt: Interrupt,
        observe: Observer<'_>,
    ) -> Result<StopReason> {
        self.config.complete(&mut config);
        config.validate(&self.config.metrics())?;
        let vocab = self.vocab();
        self.check_model(model)?;
        let data = self.data(&config, model, &compute.device)?;
        if let Some(resampling) = data.train.resampling()
            && !resampling.changes(&data.train, LOOKED_AT)?
        {
            observe(Event::Note(
                "'bpe_dropout' and 'subword_alpha' change no sentence: the dictionaries lack the pieces that are drawn; make \
                 them of text that holds such pieces, too (`burnseq text subword encode --bpe-dropout`)",
            ));
        }
        let context = self.context(model)?;
        let objective = self.objective(
            &config.criterion,
            config.optimization.sentence_avg,
            &compute.device,
        )?;
        let model = Model::init(model, &vocab, u64::from(config.seed), compute)?;
        let model = self.with_pretrained_embeddings(model, observe)?;
        let mut trainer = Trainer::new(
            config,
            context,
            model,
            data,
            objective,
            &compute.device,
            interrupt,
        )
        .map_err(|error| self.with_like_command(error))?
        .with_replicas(replicas.to_vec());
        Ok(trainer.run(observe)?)
    }
}

impl TranslationTask {
    /// An error about other dictionaries with the command that makes data for the checkpoint.
    fn with_like_command(&self, error: burnseq_train::Error) -> burnseq_train::Error {
        let burnseq_train::Error::OtherDictionaries {
            path,
            weights_only,
            problem,
        } = error
        else {
            return error;
        };
        let languages = [self.dir.src_lang(), self.dir.tgt_lang()];
        let command = like_command(&path, self.dir.path(), languages);
        let extend = if weights_only {
            "\nhint: or give 'extend_dictionary': new tokens then begin with the mean of all embeddings"
        } else {
            "\nhint: or give another 'save_dir', and this checkpoint as 'finetune_from_model'"
        };
        burnseq_train::Error::OtherDictionaries {
            problem: format!(
                "{problem}\nhint: make data with the dictionaries of the checkpoint: {command}{extend}"
            ),
            path,
            weights_only,
        }
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
    Ok(std::fs::read(path).map_err(FileError::read(path))?)
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
