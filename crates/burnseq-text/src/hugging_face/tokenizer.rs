//! A tokenizer of Hugging Face: texts to ids and back.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use tokenizers::{Decoder as _, Tokenizer};

use super::encoding::{EncodeOptions, HfEncoding};
use super::form::Form;
use super::library;
use super::open;
use super::python_only::PythonOnly;
use super::special::{Class, HfSpecialIds};
use super::template::{Place, Row, Template, Ties};
use crate::FileError;
use crate::error::{Error, Result};
use crate::pipeline::TextFiles;

/// The tokenizer of a folder of Hugging Face.
///
/// It gives what the fast tokenizers of transformers give, in ids, tokens, offsets and decoded text; for Marian and M2M100, which
/// have none, what those in Python give. Settings for padding and truncation in `tokenizer.json` have no effect: who encodes says
/// how long a text may be, and batches are padded where they are made. Several threads may share one value.
///
/// ```
/// use burnseq_text::hugging_face::{EncodeOptions, HfTokenizer};
/// use burnseq_text::TextFiles;
/// let vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhun\n##d\n";
/// let files = TextFiles::from([("vocab.txt".to_owned(), vocab.as_bytes().to_vec())]);
/// let tokenizer = HfTokenizer::from_files(&files)?;
/// let encoding = tokenizer.encode("Hund", &EncodeOptions::default())?;
/// assert_eq!(encoding.ids, [2, 5, 6, 3]);
/// assert_eq!(encoding.offsets, [(0, 0), (0, 3), (3, 4), (0, 0)]);
/// assert_eq!(tokenizer.decode(&encoding.ids, true)?, "hund");
/// # Ok::<(), burnseq_text::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HfTokenizer {
    pub(super) engine: Engine,
    pub(super) template: Template,
    pub(super) special: HfSpecialIds,
    /// Whether blanks before punctuation are removed in decoded text.
    pub(super) clean_up: bool,
    pub(super) max_length: Option<usize>,
    pub(super) languages: Vec<String>,
    pub(super) class: Class,
}

/// What segments.
#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// The library, with what it was made from.
    Library {
        tokenizer: Arc<Tokenizer>,
        form: Arc<Form>,
    },
    /// What transformers has in Python only.
    PythonOnly(Arc<PythonOnly>),
}

impl HfTokenizer {
    /// Opens the tokenizer of a folder: `tokenizer.json`, or the files that it is made of, with the settings beside it. The path
    /// of a `tokenizer.json` takes that file alone.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::HuggingFace`] or [`Error::SentencePieceModel`] when files are missing, broken, or of a kind
    /// that is not supported.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        if folder.is_file() {
            let bytes = std::fs::read(folder).map_err(FileError::read(folder))?;
            return Self::from_json(&bytes, &folder.display().to_string());
        }
        open::open(&open::read_folder(folder)?, &folder.display().to_string())
    }

    /// As [`open`](Self::open), with the content of the folder's files by name.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for [`Error::Io`].
    pub fn from_files(files: &TextFiles) -> Result<Self> {
        open::open(files, "")
    }

    /// Takes the content of a `tokenizer.json` alone; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::HuggingFace`].
    pub fn from_json(bytes: &[u8], name: &str) -> Result<Self> {
        open::from_json(bytes, name)
    }

    /// A text as tokens.
    ///
    /// # Errors
    /// [`Error::HuggingFaceEncode`] when the text cannot be tokenized or shortened as asked.
    pub fn encode(&self, text: &str, options: &EncodeOptions) -> Result<HfEncoding> {
        self.encode_texts(text, None, options)
    }

    /// A pair of texts as tokens.
    ///
    /// # Errors
    /// [`Error::HuggingFaceEncode`] when a text cannot be tokenized or shortened as asked.
    pub fn encode_pair(&self, first: &str, second: &str, options: &EncodeOptions) -> Result<HfEncoding> {
        self.encode_texts(first, Some(second), options)
    }

    /// Many texts, on all processors.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), for the first text that fails.
    pub fn encode_batch<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        options: &EncodeOptions,
    ) -> Result<Vec<HfEncoding>> {
        texts
            .par_iter()
            .map(|text| self.encode(text.as_ref(), options))
            .collect()
    }

    fn encode_texts(&self, first: &str, second: Option<&str>, options: &EncodeOptions) -> Result<HfEncoding> {
        let rows = (self.rows(first)?, second.map(|text| self.rows(text)).transpose()?);
        let ties = match &self.engine {
            Engine::Library { .. } => Ties::First,
            Engine::PythonOnly(_) => Ties::Second,
        };
        let special = options.add_special_tokens;
        let assembled = self
            .template
            .apply(rows.0, rows.1, special, options.truncation.as_ref(), ties)
            .map_err(|reason| encode_error(first, reason))?;
        Ok(self.template.encoding(&assembled, special, (first, second)))
    }

    /// The ids of a text without special tokens around them, for who needs nothing else.
    ///
    /// # Errors
    /// [`Error::HuggingFaceEncode`].
    pub fn ids_of(&self, text: &str) -> Result<Vec<u32>> {
        match &self.engine {
            Engine::Library { tokenizer, .. } => {
                let encoding = tokenizer.encode_fast(text, false);
                let encoding = encoding.map_err(|cause| encode_error(text, cause.to_string()))?;
                Ok(encoding.get_ids().to_vec())
            }
            Engine::PythonOnly(tokenizer) => Ok(tokenizer.rows(text)?.iter().map(|row| row.id).collect()),
        }
    }

    /// The tokens of a text, without special tokens around them.
    fn rows(&self, text: &str) -> Result<Vec<Row>> {
        match &self.engine {
            Engine::Library { tokenizer, .. } => {
                library::rows(tokenizer, text).map_err(|reason| encode_error(text, reason))
            }
            Engine::PythonOnly(tokenizer) => tokenizer.rows(text),
        }
    }

    /// The text that ids stand for. Ids beyond the vocabulary are left out.
    ///
    /// # Errors
    /// [`Error::HuggingFaceEncode`] when the tokens cannot be joined.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        let text = match &self.engine {
            Engine::Library { tokenizer, .. } => tokenizer
                .decode(ids, skip_special_tokens)
                .map_err(|cause| encode_error("", cause.to_string()))?,
            Engine::PythonOnly(tokenizer) => tokenizer.decode(ids, &self.special, skip_special_tokens)?,
        };
        Ok(if self.clean_up { clean_up(&text) } else { text })
    }

    /// The text that tokens stand for; tokens that are not in the vocabulary are taken as they are.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_tokens(&self, tokens: &[&str]) -> Result<String> {
        let text = match &self.engine {
            Engine::Library { tokenizer, .. } => {
                let owned = tokens.iter().map(|token| (*token).to_owned()).collect();
                match tokenizer.get_decoder() {
                    Some(decoder) => decoder
                        .decode(owned)
                        .map_err(|cause| encode_error("", cause.to_string()))?,
                    None => tokens.join(" "),
                }
            }
            Engine::PythonOnly(tokenizer) => {
                let unk = self.special.unk.unwrap_or(0);
                let ids: Vec<u32> = tokens
                    .iter()
                    .map(|token| tokenizer.id(token).unwrap_or(unk))
                    .collect();
                tokenizer.decode(&ids, &self.special, false)?
            }
        };
        Ok(if self.clean_up { clean_up(&text) } else { text })
    }

    /// The id of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        match &self.engine {
            Engine::Library { tokenizer, .. } => tokenizer.token_to_id(token),
            Engine::PythonOnly(tokenizer) => tokenizer.id(token),
        }
    }

    /// The token with an id.
    pub fn token(&self, id: u32) -> Option<String> {
        match &self.engine {
            Engine::Library { tokenizer, .. } => tokenizer.id_to_token(id),
            Engine::PythonOnly(tokenizer) => tokenizer.token(id).map(str::to_owned),
        }
    }

    /// How many tokens there are, added ones included: ids are below it.
    pub fn len(&self) -> usize {
        match &self.engine {
            Engine::Library { tokenizer, .. } => library::size(tokenizer),
            Engine::PythonOnly(tokenizer) => tokenizer.len(),
        }
    }

    /// Whether there are no tokens, which never happens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ids of the special tokens.
    pub fn special_ids(&self) -> &HfSpecialIds {
        &self.special
    }

    /// How many special tokens stand around one text, or around two.
    pub fn added_tokens(&self, pair: bool) -> usize {
        self.template.added(pair)
    }

    /// The most tokens that the model takes, special ones included, where the folder says it.
    pub fn model_max_length(&self) -> Option<usize> {
        self.max_length
    }

    /// The codes of the languages that [`with_language`](Self::with_language) takes, for mBART and M2M100.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The id of the token of a language, such as `de_DE` (mBART) or `de` (M2M100).
    pub fn language_id(&self, code: &str) -> Option<u32> {
        let known = self.languages.iter().any(|language| language == code);
        let token = match self.class {
            Class::M2m100 => format!("__{code}__"),
            _ => code.to_owned(),
        };
        known.then(|| self.id(&token)).flatten()
    }

    /// The same tokenizer for texts of a language: its code stands beside the text, as the model expects it.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`] for models without languages, and for codes they do not know.
    pub fn with_language(&self, code: &str) -> Result<Self> {
        let Some(id) = self.language_id(code) else {
            return Err(Error::InvalidSettings(match self.languages.as_slice() {
                [] => format!("the tokenizer has no languages, so {code:?} cannot be chosen"),
                known => format!("unknown language {code:?}; choose one of: {}", known.join(", ")),
            }));
        };
        let special = |id: u32| Place::Special {
            id,
            token: self.token(id).unwrap_or_default(),
            type_id: 0,
        };
        let text = |number| Place::Text { number, type_id: 0 };
        let eos = self.special.eos.map(special);
        // M2M100 has the language before the text, mBART behind its end.
        let (before, after): (Vec<Place>, Vec<Place>) = match self.class {
            Class::M2m100 => (vec![special(id)], eos.into_iter().collect()),
            _ => (Vec::new(), eos.into_iter().chain([special(id)]).collect()),
        };
        let around = |texts: Vec<Place>| [before.clone(), texts, after.clone()].concat();
        Ok(Self {
            template: Template {
                single: around(vec![text(0)]),
                pair: around(vec![text(0), text(1)]),
                trim_offsets: None,
            },
            ..self.clone()
        })
    }

    /// The same tokenizer for texts of the target side, which Marian segments with a model of its own. Others have one side.
    pub fn for_target(&self) -> Self {
        let engine = match &self.engine {
            Engine::PythonOnly(tokenizer) => Engine::PythonOnly(tokenizer.for_target().into()),
            library => library.clone(),
        };
        Self {
            engine,
            ..self.clone()
        }
    }

    /// Whether blanks before punctuation are removed in decoded text (`clean_up_tokenization_spaces`).
    pub fn cleans_up(&self) -> bool {
        self.clean_up
    }

    /// The same tokenizer, which removes blanks before punctuation in decoded text or leaves them there.
    pub fn with_clean_up(self, clean_up: bool) -> Self {
        Self { clean_up, ..self }
    }

    /// The content of a `tokenizer.json` that is this tokenizer; none for Marian and M2M100, for which no such file can be.
    pub fn to_json(&self) -> Option<String> {
        match &self.engine {
            Engine::Library { form, .. } => {
                let mut json = serde_json::to_string_pretty(form.as_ref()).expect("forms can be written");
                json.push('\n');
                Some(json)
            }
            Engine::PythonOnly(_) => None,
        }
    }
}

fn encode_error(text: &str, reason: String) -> Error {
    Error::HuggingFaceEncode {
        text: text.chars().take(80).collect(),
        reason,
    }
}

/// Removes blanks before punctuation and contractions, in the order in which transformers does it.
fn clean_up(text: &str) -> String {
    let pairs = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    let mut text = text.to_owned();
    for (from, to) in pairs {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    text
}
