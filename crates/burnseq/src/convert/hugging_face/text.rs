//! The text side of a folder of transformers: tokenizer, vocabulary, languages.

use burnseq_data::TextDir;
use burnseq_interchange::hugging_face::Folder;
use burnseq_text::hugging_face::{HfSubword, HfTokenizer, TOKENIZER_FILES};
use burnseq_text::{Dictionary, FileError, SubwordSettings, TextSettings, Vocab};
use burnseq_train::TaskInfo;

use crate::error::{Error, Result};

/// Tokenizer of a folder; none where it holds no file of one, so that text is ids.
///
/// # Errors
/// Files that are broken, or of a kind that is not supported.
pub(super) fn tokenizer(folder: &Folder) -> Result<Option<HfTokenizer>> {
    // `config.json` alone makes none.
    let files = TOKENIZER_FILES.iter().filter(|name| **name != "config.json");
    let is_there = files.into_iter().any(|name| folder.path().join(name).is_file());
    is_there
        .then(|| HfTokenizer::open(folder.path()))
        .transpose()
        .map_err(Error::Text)
}

/// Files that a checkpoint keeps as they are, so that they go back as they came.
pub(super) fn kept() -> impl Iterator<Item = &'static str> {
    TOKENIZER_FILES
        .into_iter()
        .chain(["target.spm", "generation_config.json"])
}

/// What stands around the tokens of a source: ids before them, and behind them, the end of the sentence among these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceTemplate {
    /// Before the text.
    pub before: Vec<u32>,
    /// Behind it; empty: the end of the sentence alone.
    pub after: Vec<u32>,
}

impl SourceTemplate {
    /// Its field in the task of a checkpoint.
    const FIELD: &'static str = "source_template";

    /// What the tokenizer puts around a text of the source language.
    pub(super) fn of(tokenizer: Option<&HfTokenizer>, language: &str, folder: &Folder) -> Result<Self> {
        let Some(tokenizer) = tokenizer else {
            return Ok(Self::default());
        };
        let tokenizer = match tokenizer.languages() {
            [] => tokenizer.clone(),
            _ => tokenizer.with_language(language).map_err(Error::Text)?,
        };
        let encoded = tokenizer.encode("a", &Default::default()).map_err(Error::Text)?;
        let text = |special: &bool| !special;
        let first = encoded.special_tokens_mask.iter().position(text);
        let last = encoded.special_tokens_mask.iter().rposition(text);
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Error::Convert {
                path: folder.path().to_owned(),
                problem: "its tokenizer makes no token of the text \"a\"\nhint: the files of the tokenizer are damaged".to_owned(),
            });
        };
        Ok(Self {
            before: encoded.ids[..first].to_vec(),
            after: encoded.ids[last + 1..].to_vec(),
        })
    }

    /// How many ids it adds.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.after.len().max(1)
    }

    /// The ids of a text with those around them.
    pub(crate) fn around(&self, text: Vec<u32>, eos: u32) -> Vec<u32> {
        let after: &[u32] = if self.after.is_empty() {
            &[eos]
        } else {
            &self.after
        };
        [self.before.as_slice(), &text, after].concat()
    }

    /// Puts it into what a checkpoint says of its task.
    pub(super) fn insert(&self, task: &mut TaskInfo) {
        if *self != Self::default() {
            let field = serde_json::json!({ "before": self.before, "after": self.after });
            task.fields.insert(Self::FIELD.to_owned(), field);
        }
    }

    /// Takes it out of what a checkpoint says of its task; nothing where it says nothing.
    ///
    /// # Errors
    /// Something else in its place.
    pub(crate) fn of_task(task: &TaskInfo) -> std::result::Result<Self, String> {
        let Some(field) = task.fields.get(Self::FIELD) else {
            return Ok(Self::default());
        };
        let ids = |name: &str| -> Option<Vec<u32>> {
            let ids = field.get(name)?.as_array()?.iter();
            ids.map(|id| u32::try_from(id.as_u64()?).ok()).collect()
        };
        match (ids("before"), ids("after")) {
            (Some(before), Some(after)) => Ok(Self { before, after }),
            _ => Err(format!(
                "'{}' = {field}: expected lists of ids `before` and `after`",
                Self::FIELD
            )),
        }
    }
}

/// Names of the languages of source and target: as they are asked for, or as the files tell.
pub(super) fn languages(
    folder: &Folder,
    tokenizer: Option<&HfTokenizer>,
    asked: [&Option<String>; 2],
) -> Result<[String; 2]> {
    let known = tokenizer.map(HfTokenizer::languages).unwrap_or_default();
    let settings = folder.settings("tokenizer_config.json")?;
    let names = ["source_lang", "target_lang"];
    let defaults = ["src", "tgt"];
    let mut languages = [String::new(), String::new()];
    for (number, language) in languages.iter_mut().enumerate() {
        let of_file = |name: &str| match &settings {
            Some(settings) => settings.text(name).map(|text| text.map(str::to_owned)),
            None => Ok(None),
        };
        let short = ["src_lang", "tgt_lang"][number];
        let told = match asked[number] {
            Some(language) => Some(language.clone()),
            None => of_file(names[number])?.or(of_file(short)?),
        };
        *language = match told {
            Some(language) => language,
            None if known.is_empty() => defaults[number].to_owned(),
            None => {
                return Err(Error::Config(format!(
                    "{} translates between {} languages\nhint: give '{}', one of: {}",
                    folder.path().display(),
                    known.len(),
                    names[number],
                    known.join(", ")
                )));
            }
        };
    }
    if languages[0] == languages[1] {
        languages[0].push_str(".src");
    }
    Ok(languages)
}

/// The vocabulary of both sides, as a file of a checkpoint.
pub(super) const VOCABULARY: &str = "dict.json";

/// Vocabulary, text settings, and the files that these name, as files of a checkpoint.
pub(super) fn files(
    folder: &Folder,
    tokenizer: Option<&HfTokenizer>,
    vocab: &Vocab,
    languages: Option<&[String; 2]>,
) -> Result<Vec<(String, Vec<u8>)>> {
    let dictionary = dictionary(folder, tokenizer, vocab)?;
    let json = dictionary.vocabulary_json().into_bytes();
    let mut files = vec![(VOCABULARY.to_owned(), json)];
    for name in kept() {
        let path = folder.path().join(name);
        if path.is_file() {
            let content = std::fs::read(&path).map_err(FileError::read(&path))?;
            files.push((name.to_owned(), content));
        }
    }
    let Some(tokenizer) = tokenizer else {
        return Ok(files);
    };
    let names: Vec<String> = match languages {
        None => vec![TextDir::SETTINGS.to_owned()],
        Some(languages) => languages
            .iter()
            .map(|language| TextSettings::file_name(language))
            .collect(),
    };
    let pieces = SIDE_MODELS
        .iter()
        .find(|names| folder.path().join(names[0]).is_file());
    let subwords: Vec<SubwordSettings> = match (tokenizer.to_json(), pieces) {
        (Some(json), _) => {
            let subword = HfSubword::new(tokenizer.clone(), TOKENIZER).map_err(Error::Text)?;
            files.push((TOKENIZER.to_owned(), json.into_bytes()));
            let settings = SubwordSettings::HuggingFace {
                tokenizer: TOKENIZER.to_owned(),
                marks: subword.marks(),
                clean_up: tokenizer.cleans_up(),
            };
            vec![settings; names.len()]
        }
        // Marian and M2M100 are SentencePiece with a vocabulary beside it.
        (None, Some(models)) => {
            let of_side = |model: &&str| SubwordSettings::SentencePiece {
                model: (*model).to_owned(),
            };
            models.iter().map(of_side).collect()
        }
        (None, None) => {
            return Err(Error::Convert {
                path: folder.path().to_owned(),
                problem: format!(
                    "has a tokenizer without its SentencePiece model\nhint: download {} as well",
                    SIDE_MODELS[0].join(" and ")
                ),
            });
        }
    };
    for (name, subword) in names.into_iter().zip(subwords) {
        let settings = TextSettings {
            subword,
            ..TextSettings::default()
        };
        let json = serde_json::to_vec_pretty(&settings).expect("plain data is JSON");
        files.push((name, json));
    }
    Ok(files)
}

/// The tokenizer with all settings in one, as a file of a checkpoint.
const TOKENIZER: &str = "text.tokenizer.json";

/// SentencePiece models of source and target.
const SIDE_MODELS: [[&str; 2]; 2] = [
    ["source.spm", "target.spm"],
    ["sentencepiece.bpe.model", "sentencepiece.bpe.model"],
];

/// The tokens by their ids; without a tokenizer the ids themselves are the tokens.
fn dictionary(folder: &Folder, tokenizer: Option<&HfTokenizer>, vocab: &Vocab) -> Result<Dictionary> {
    let wrong = |problem: String| Error::Dictionary {
        path: folder.path().to_owned(),
        problem,
    };
    let types = vocab.tgt as u32;
    let Some(tokenizer) = tokenizer else {
        let tokens = (0..types).map(|id| id.to_string());
        return Dictionary::of_vocabulary(tokens, vocab.special_symbols).map_err(wrong);
    };
    if tokenizer.len() > vocab.tgt {
        return Err(wrong(format!(
            "has a tokenizer of {} tokens, the model has embeddings of {types}\nhint: the tokenizer is of another model, or \
             tokens were added after the model was saved",
            tokenizer.len()
        )));
    }
    // Rows without a token fill the table up.
    let tokens = (0..types).map(|id| {
        tokenizer
            .token(id)
            .unwrap_or_else(|| format!("madeupword{id:04}"))
    });
    let dictionary = Dictionary::of_vocabulary(tokens, vocab.special_symbols).map_err(wrong)?;
    let special = tokenizer.special_ids();
    let roles = [special.sep, special.cls, special.mask].into_iter().flatten();
    let languages = tokenizer
        .languages()
        .iter()
        .filter_map(|code| tokenizer.language_id(code));
    let mut structure: Vec<u32> = roles
        .chain(languages)
        .chain(special.additional.iter().copied())
        .collect();
    structure.sort_unstable();
    structure.dedup();
    Ok(dictionary.with_structure(structure))
}
