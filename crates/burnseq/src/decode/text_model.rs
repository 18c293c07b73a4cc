//! A language model with everything that its use on text needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use burnseq_data::TextDir;
use burnseq_kernels::Compute;
use burnseq_model::LanguageModel;
use burnseq_search::GenerateOptions;
use burnseq_text::hugging_face::HfMarks;
use burnseq_text::{Dictionary, SubwordSettings, TextPipeline};
use serde_json::{Map, Value};

use super::saved::{Saved, difference};
use super::segmented::{prompt_tokens_of, tokens_of};
use crate::error::{Error, Result};
use crate::tasks::{generation, language_modeling};

/// A trained language model, its dictionary, and how text becomes tokens and back.
#[derive(Debug, Clone)]
pub struct TextModel {
    /// The network, off autodiff.
    pub model: LanguageModel,
    /// Where it computes.
    pub device: Device,
    /// What it reads and writes.
    pub dictionary: Arc<Dictionary>,
    /// From raw lines to tokens, and back.
    pub text: TextPipeline,
    /// Whether the blocks that it learned from begin with `<s>`.
    pub begins_with_bos: bool,
    /// Whether texts are whole: ends of lines are tokens, and a prompt has nothing before it.
    pub whole_texts: bool,
    /// What the model asks of the search, where it asks for anything.
    pub generation: Option<GenerateOptions>,
    /// The checkpoint.
    pub path: PathBuf,
}

impl TextModel {
    /// Loads a checkpoint, which carries all of it.
    ///
    /// # Errors
    /// No checkpoint there, or one of another task; a file that is damaged; weights, dictionary and text settings that do
    /// not fit together.
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
        let checkpoint = &saved.checkpoint;
        language_modeling::check_task(&saved.path, saved.task())?;
        let compute = compute.into();
        Ok(Self {
            dictionary: saved.dictionary(language_modeling::SIDE)?,
            text: saved.pipeline(TextDir::SETTINGS)?,
            model: saved.model(overrides, &compute)?,
            device: compute.device,
            begins_with_bos: language_modeling::begins_with_bos(checkpoint.meta()),
            whole_texts: language_modeling::has_whole_texts(saved.task()),
            generation: generation::of_task(saved.task()).map_err(Error::Config)?,
            path: saved.path.clone(),
        })
    }

    /// The ids of a line of text with its `</s>`; a line without a word is `</s>` alone. Lines that are `tokenised` are tokens
    /// of the dictionary already.
    ///
    /// # Errors
    /// Text that the subword model cannot take.
    pub fn encode_line(&self, line: &str, tokenised: bool) -> Result<Vec<u32>> {
        let tokens = self.line_tokens(line, tokenised)?;
        Ok(self.dictionary.encode_line(&tokens, true))
    }

    /// The tokens of a line of text, separated by blanks; none of a line without a word.
    ///
    /// # Errors
    /// Text that the subword model cannot take.
    pub fn line_tokens(&self, line: &str, tokenised: bool) -> Result<String> {
        let tokens = tokens_of(line, tokenised, &self.text, &self.dictionary)?;
        Ok(tokens.unwrap_or_default())
    }

    /// The same of the beginning of a line that goes on: where a blank is a token, one at the end is kept.
    ///
    /// # Errors
    /// Text that the subword model cannot take.
    pub fn prompt_tokens(&self, line: &str, tokenised: bool) -> Result<String> {
        let tokens = prompt_tokens_of(line, tokenised, &self.text, &self.dictionary)?;
        Ok(tokens.unwrap_or_default())
    }

    /// What every text begins with: `</s>`, behind `<s>` where the model was trained so.
    pub fn start(&self) -> Vec<u32> {
        let bos = self.begins_with_bos.then(|| self.dictionary.bos());
        bos.into_iter().chain([self.dictionary.eos()]).collect()
    }

    /// Whether the tokens `new` begin a word behind `prompt`, where they could go on with its last one: text of new tokens
    /// alone then begins with a blank that tells so.
    pub fn begins_word(&self, prompt: &[u32], new: &[u32]) -> bool {
        let goes_on = prompt.last().is_some_and(|&id| id != self.dictionary.eos());
        let symbol = |id: Option<&u32>| id.map_or("", |&id| self.dictionary.symbol(id));
        let (last, first) = (symbol(prompt.last()), symbol(new.first()));
        let begins = match &self.text.settings().subword {
            SubwordSettings::SentencePiece { .. }
            | SubwordSettings::HuggingFace {
                marks: HfMarks::SentencePiece,
                ..
            } => first.starts_with('\u{2581}'),
            SubwordSettings::HuggingFace {
                marks: HfMarks::WordPiece,
                ..
            } => !first.starts_with("##"),
            SubwordSettings::HuggingFace {
                marks: HfMarks::EndOfWord,
                ..
            } => last.ends_with("</w>"),
            // Where the blank is a part of the token, it is decoded with it.
            _ => false,
        };
        begins && goes_on && !new.is_empty()
    }

    /// Makes sure that ids of the dictionary `theirs`, which was read from `path`, mean the same to this model.
    ///
    /// # Errors
    /// The first token that differs.
    pub fn check_dictionary(&self, theirs: &Dictionary, path: &Path) -> Result<()> {
        let Some(difference) = difference(&self.dictionary, theirs) else {
            return Ok(());
        };
        Err(Error::Dictionary {
            path: path.to_owned(),
            problem: format!(
                "is not the dictionary that the language model was trained with: {difference}\nhint: make the data with \
                 `preprocess --like {} --only-source`",
                self.path.display()
            ),
        })
    }
}
