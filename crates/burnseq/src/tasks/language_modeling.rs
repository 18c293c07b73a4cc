//! Language modelling: text of a data folder in blocks, a decoder, and the perplexity of what it did not learn from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use burnseq_data::{
    Dataset, DatasetImpl, SampleBreakMode, Sentences, ShortenMethod, TextDir, TokenBlockDataset,
    TokenBlockOptions,
};
use burnseq_kernels::Compute;
use burnseq_model::{EncoderModel, LanguageModel, ModelConfig, OfConfig};
use burnseq_text::{Dictionary, Vocab};
use burnseq_train::checkpoint::{Dictionaries, DictionaryInfo};
use burnseq_train::{
    CheckpointMeta, CriterionConfig, DatasetConfig, LossOnly, NextTokenPrediction, Objective, Observer,
    TaskInfo, TrainConfig, TrainContext, TrainData, TrainingRecord,
};
use serde::{Deserialize, Serialize};

use super::TaskConfig;
use super::files::{read, text_files};
use super::like_command::{like_command_of_text, with_like_command};
use super::task::Task;
use crate::convert::FairseqImporter;
use crate::decode::TextModel;
use crate::error::{Error, Result};

/// Name of the task in checkpoints.
pub const NAME: &str = "language_modeling";

/// The field of the task in checkpoints that says whether texts begin with `<s>`.
const ADD_BOS_TOKEN: &str = "add_bos_token";

/// The field of the task in checkpoints that says that texts are whole: line ends are tokens, and nothing stands before.
const WHOLE_TEXTS: &str = "whole_texts";

/// What a checkpoint says of the task where its texts are whole, as those of GPT-2 are.
pub(crate) fn whole_texts_task() -> TaskInfo {
    let mut info = TaskInfo::new(NAME, []);
    info.fields.insert(WHOLE_TEXTS.to_owned(), true.into());
    info
}

/// Whether texts of a model are whole; see [`whole_texts_task`].
pub(crate) fn has_whole_texts(task: &TaskInfo) -> bool {
    task.fields.get(WHOLE_TEXTS) == Some(&true.into())
}

/// The side of the data that a checkpoint names.
pub(crate) const SIDE: &str = "text";

/// Text to learn from, and how it is cut into blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanguageModelingConfig {
    /// Folder that `preprocess --only-source` wrote; or several with colons between, whose training text is joined; the
    /// first one has the dictionary and the sets to validate on.
    pub data: PathBuf,
    /// Format of the files of ids or text; `None`: as the files tell.
    pub dataset_impl: Option<DatasetImpl>,
    /// Split to learn from; `train1`, `train2`, ... are taken with `train`.
    pub train_subset: String,
    /// Splits to validate on; without one, a run does not validate.
    pub valid_subset: Vec<String>,
    /// Where blocks end.
    pub sample_break_mode: SampleBreakMode,
    /// Longest block in tokens.
    pub tokens_per_sample: usize,
    /// Every block begins with `<s>`, which is also its first target.
    pub add_bos_token: bool,
    /// What becomes of sentences that are longer than a block.
    pub shorten_method: ShortenMethod,
    /// Splits whose sentences are shortened; empty: all.
    pub shorten_data_split_list: Vec<String>,
}

impl Default for LanguageModelingConfig {
    /// fairseq's defaults.
    fn default() -> Self {
        let blocks = TokenBlockOptions::default();
        Self {
            data: PathBuf::from("data-bin"),
            dataset_impl: None,
            train_subset: "train".to_owned(),
            valid_subset: vec!["valid".to_owned()],
            sample_break_mode: blocks.sample_break_mode,
            tokens_per_sample: blocks.tokens_per_sample,
            add_bos_token: blocks.add_bos_token,
            shorten_method: blocks.shorten_method,
            shorten_data_split_list: Vec::new(),
        }
    }
}

impl LanguageModelingConfig {
    /// Adds what follows for a run: without a set to validate on, it does not validate.
    pub fn complete(&self, train: &mut TrainConfig) {
        train.validation.disable_validation |= self.valid_subset.is_empty();
    }

    /// Positions that a model needs for the longest block, its `<s>` included.
    pub fn positions(&self) -> usize {
        self.tokens_per_sample + usize::from(self.add_bos_token)
    }

    /// What a checkpoint says of the task: whether texts begin with `<s>`.
    pub fn task_info(&self) -> TaskInfo {
        let mut info = TaskInfo::new(NAME, []);
        if self.add_bos_token {
            info.fields.insert(ADD_BOS_TOKEN.to_owned(), true.into());
        }
        info
    }

    /// How the text of a split is cut into blocks.
    pub fn block_options(&self, split: &str, dictionary: &Dictionary) -> TokenBlockOptions {
        let listed = &self.shorten_data_split_list;
        let shortens = listed.is_empty() || listed.iter().any(|listed| listed == split);
        TokenBlockOptions {
            sample_break_mode: self.sample_break_mode,
            tokens_per_sample: self.tokens_per_sample,
            add_bos_token: self.add_bos_token,
            shorten_method: if shortens {
                self.shorten_method
            } else {
                ShortenMethod::None
            },
            bos: dictionary.bos(),
            pad: dictionary.pad(),
            eos: dictionary.eos(),
            ..TokenBlockOptions::default()
        }
    }

    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// Blocks without tokens; splits to shorten where nothing is shortened.
    pub fn validate(&self) -> Result<()> {
        if self.tokens_per_sample == 0 {
            return Err(Error::Config(
                "'tokens_per_sample' 0 leaves no token in a block\nhint: give the length of a block in tokens, such as 512"
                    .to_owned(),
            ));
        }
        if !self.shorten_data_split_list.is_empty() && self.shorten_method == ShortenMethod::None {
            return Err(Error::Config(
                "'shorten_data_split_list' names splits, but nothing is shortened\nhint: add 'shorten_method' truncate or \
                 random_crop, or leave it out"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// What a checkpoint says of the dictionary of a language model.
pub fn dictionaries(dictionary: &Dictionary) -> Dictionaries {
    let vocab = Vocab::of(dictionary, dictionary);
    Dictionaries {
        sides: vec![DictionaryInfo {
            side: SIDE.to_owned(),
            file: TextDir::DICTIONARY.to_owned(),
            types: vocab.tgt,
        }],
        special_symbols: vocab.special_symbols,
    }
}

/// Makes sure that a checkpoint holds a language model.
///
/// # Errors
/// A checkpoint of another task.
pub fn check_task(path: &Path, task: &TaskInfo) -> Result<()> {
    if task.name == NAME {
        return Ok(());
    }
    Err(Error::Config(format!(
        "{} was trained for the task `{}`, it is no language model\nhint: give the checkpoint of a run with 'task' {NAME}",
        path.display(),
        task.name
    )))
}

/// Whether the run of a checkpoint put `<s>` before its blocks.
pub(crate) fn begins_with_bos(meta: &CheckpointMeta) -> bool {
    if let Some(saved) = meta.task.fields.get(ADD_BOS_TOKEN) {
        return saved == true;
    }
    // Until there was such a field.
    let record = serde_json::from_value::<TrainingRecord>(meta.train_state.clone()).ok();
    let config = record.and_then(|record| TaskConfig::from_value(record.task).ok());
    matches!(
        config,
        Some(TaskConfig::LanguageModeling(LanguageModelingConfig {
            add_bos_token: true,
            ..
        }))
    )
}

/// The task on an opened data folder.
#[derive(Debug, Clone)]
pub struct LanguageModelingTask {
    config: LanguageModelingConfig,
    dir: TextDir,
}

impl LanguageModelingTask {
    /// Opens the data folder.
    ///
    /// # Errors
    /// Settings out of range; a folder that cannot be read, or holds sentence pairs.
    pub fn open(config: LanguageModelingConfig) -> Result<Self> {
        config.validate()?;
        let dir = TextDir::open(&config.data)?.with_dataset_impl(config.dataset_impl);
        Ok(Self { config, dir })
    }

    /// The data folder.
    pub fn dir(&self) -> &TextDir {
        &self.dir
    }

    /// Dictionary, text settings and subword model, under their names in a checkpoint.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let dir = self.dir.path();
        let dictionary = read(&dir.join(TextDir::DICTIONARY))?;
        let mut files = vec![(TextDir::DICTIONARY.to_owned(), dictionary)];
        files.extend(text_files(dir, [TextDir::SETTINGS.to_owned()])?);
        Ok(files)
    }

    /// The sentences of a split as blocks; `seed` draws the parts of sentences that are cut out.
    ///
    /// # Errors
    /// No token to read.
    pub fn blocks(
        &self,
        split: &str,
        sentences: Sentences,
        seed: u64,
        required_seq_len_multiple: usize,
    ) -> Result<Arc<TokenBlockDataset>> {
        let dictionary = self.dir.dictionary();
        let options = TokenBlockOptions {
            seed,
            required_seq_len_multiple,
            ..self.config.block_options(split, dictionary)
        };
        let blocks = TokenBlockDataset::new(sentences, dictionary.len(), options)?;
        if blocks.is_empty() {
            return Err(Error::Data(burnseq_data::Error::DataDir {
                path: self.dir.path().to_owned(),
                problem: format!(
                    "the split {split:?} holds no text\nhint: run `preprocess --only-source` on a file with text"
                ),
            }));
        }
        Ok(Arc::new(blocks))
    }
}

impl LanguageModelingTask {
    /// Makes sure that the blocks that are cut by length fit into batches. Sentences that are blocks of their own are left
    /// to the rules for long sentences.
    fn check_limits(&self, blocks: &TokenBlockDataset, max_tokens: Option<usize>) -> Result<()> {
        let max_tokens = max_tokens.unwrap_or(usize::MAX);
        let cuts_by_length = self.config.sample_break_mode == SampleBreakMode::None;
        let longest = (0..blocks.len()).map(|index| blocks.sizes(index)[1]).max();
        match longest {
            Some(longest) if cuts_by_length && longest > max_tokens => Err(Error::Config(format!(
                "'max_tokens' {max_tokens} is below the length of a block, {longest} tokens\nhint: give 'max_tokens' {longest} or \
                 more, or shorter blocks with 'tokens_per_sample'"
            ))),
            _ => Ok(()),
        }
    }
}

impl Task for LanguageModelingTask {
    type Model = LanguageModel;
    type Dataset = TokenBlockDataset;

    fn description(&self) -> String {
        format!("language modelling: a dictionary of {} types", self.vocab().tgt)
    }

    fn vocab(&self) -> Vocab {
        let dictionary = self.dir.dictionary();
        Vocab::of(dictionary, dictionary)
    }

    fn complete(&self, train: &mut TrainConfig) {
        self.config.complete(train);
    }

    fn check_model(&self, model: &ModelConfig) -> Result<()> {
        LanguageModel::check(model).map_err(|error| {
            let other = match EncoderModel::check(model) {
                Ok(()) => "there is no task that trains encoders",
                Err(_) => "or 'task' translation",
            };
            Error::Config(format!(
                "{error}\nhint: give another 'arch', {other}; language modelling trains decoders"
            ))
        })?;
        let (_, max_positions) = model.max_positions();
        let positions = self.config.positions();
        let cuts_by_length = self.config.sample_break_mode != SampleBreakMode::Eos;
        if cuts_by_length && positions > max_positions {
            let bos = if self.config.add_bos_token {
                " with <s>"
            } else {
                ""
            };
            return Err(Error::Config(format!(
                "blocks of {positions} tokens{bos} are longer than the {max_positions} positions of the model \
                 ('max_target_positions')\nhint: give 'tokens_per_sample' {}",
                max_positions - usize::from(self.config.add_bos_token)
            )));
        }
        Ok(model.validate(&self.vocab())?)
    }

    fn data(
        &self,
        config: &TrainConfig,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<TrainData<TokenBlockDataset>> {
        let valid = if config.validation.disable_validation {
            Vec::new()
        } else {
            self.valid_data(&config.dataset, model, device)?
        };
        let split = &self.config.train_subset;
        let sentences = self.dir.load_train(split)?;
        let multiple = config.dataset.seq_len_multiple(device);
        let train = self.blocks(split, sentences, config.seed.into(), multiple)?;
        self.check_limits(&train, config.dataset.max_tokens)?;
        Ok(TrainData { train, valid })
    }

    fn valid_data(
        &self,
        dataset: &DatasetConfig,
        _model: &ModelConfig,
        device: &Device,
    ) -> Result<Vec<(String, Arc<TokenBlockDataset>)>> {
        let multiple = dataset.seq_len_multiple(device);
        // Nothing is drawn from the seed in validation, whose epoch is always the same.
        let load = |split: &String| {
            let blocks = self.blocks(split, self.dir.load(split)?, 1, multiple)?;
            Ok((split.clone(), blocks))
        };
        self.config.valid_subset.iter().map(load).collect()
    }

    fn objective(
        &self,
        criterion: &CriterionConfig,
        sentence_avg: bool,
        _device: &Device,
    ) -> Result<Objective<LanguageModel, TokenBlockDataset>> {
        let criterion = NextTokenPrediction::new(criterion, self.vocab().pad(), sentence_avg)?;
        Ok(Objective {
            criterion: Arc::new(criterion),
            validator: Box::new(LossOnly),
        })
    }

    fn context(&self, model: &ModelConfig) -> Result<TrainContext> {
        let config = TaskConfig::LanguageModeling(self.config.clone());
        Ok(TrainContext {
            model: model.clone(),
            dictionaries: dictionaries(self.dir.dictionary()),
            task: self.config.task_info(),
            task_config: serde_json::to_value(config).expect("plain data is JSON"),
            files: self.files()?,
            importer: Some(Arc::new(FairseqImporter {
                data: self.dir.path().to_owned(),
                task: NAME,
                langs: [None, None],
            })),
        })
    }

    fn explained(&self, error: burnseq_train::Error) -> burnseq_train::Error {
        with_like_command(error, "the dictionary", like_command_of_text)
    }

    fn trained_model(&self, path: &Path, compute: &Compute, _observe: Observer<'_>) -> Result<LanguageModel> {
        let text_model = TextModel::load(path, compute)?;
        text_model.check_dictionary(self.dir.dictionary(), &self.dir.path().join(TextDir::DICTIONARY))?;
        Ok(text_model.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(config: LanguageModelingConfig) -> String {
        let error = config.validate().unwrap_err();
        assert!(error.is_usage());
        error.to_string()
    }

    #[test]
    fn blocks_without_tokens_and_idle_splits_are_refused() {
        let default = LanguageModelingConfig::default;
        default().validate().unwrap();
        let tokens_per_sample = 0;
        assert!(
            problem(LanguageModelingConfig {
                tokens_per_sample,
                ..default()
            })
            .contains("hint: give the length")
        );
        let shorten_data_split_list = vec!["train".to_owned()];
        assert!(
            problem(LanguageModelingConfig {
                shorten_data_split_list,
                ..default()
            })
            .contains("nothing is shortened")
        );
    }

    #[test]
    fn a_block_needs_a_position_for_each_token_and_its_start() {
        let config = LanguageModelingConfig {
            tokens_per_sample: 32,
            add_bos_token: true,
            ..LanguageModelingConfig::default()
        };
        assert_eq!(config.positions(), 33);
    }
}
