//! Text to ids and back, without a model.

use std::path::Path;
use std::sync::Arc;

use burnseq_data::TextDir;
use burnseq_text::{Dictionary, FileError, RemoveBpe, TextPipeline, TextSettings, tokenize_line};

use super::TargetText;
use super::saved::{Saved, is_hugging_face};
use super::segmented::tokens_of;
use crate::error::{Error, Result};
use crate::tasks::language_modeling;
use crate::tasks::translation::LanguagePair;

/// Tokenizer, subword model and dictionary of one language.
#[derive(Debug, Clone)]
pub struct TextCodec {
    /// What tokens are numbered by.
    pub dictionary: Arc<Dictionary>,
    /// From raw text to tokens, and back.
    pub text: TextPipeline,
}

impl TextCodec {
    /// Opens that of a checkpoint, or of a folder that `preprocess` has written. `language` chooses one where there are
    /// several.
    ///
    /// # Errors
    /// A folder that is neither; a language that it does not have, or none where it has two; files that are damaged.
    pub fn open(path: impl AsRef<Path>, language: Option<&str>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_file() {
            return Err(Error::Config(format!(
                "{} is a file; tokens need a dictionary too\nhint: give the folder that `preprocess` has written, or a checkpoint",
                path.display()
            )));
        }
        if is_hugging_face(path) {
            return Self::of_checkpoint(&Saved::open(path)?, language);
        }
        let entries = std::fs::read_dir(path).map_err(FileError::read(path))?;
        let mut languages: Vec<String> = Vec::new();
        for entry in entries {
            let name = entry.map_err(FileError::read(path))?.file_name();
            let name = name.to_string_lossy();
            if name == "checkpoint.json" {
                return Self::of_checkpoint(&Saved::open(path)?, language);
            }
            let dictionary = name
                .strip_prefix("dict.")
                .and_then(|rest| rest.strip_suffix(".txt"));
            languages.extend(dictionary.map(str::to_owned));
        }
        if TextDir::is_one(path) {
            let dir = TextDir::open(path)?;
            return Ok(Self {
                dictionary: Arc::clone(dir.dictionary()),
                text: dir.pipeline()?,
            });
        }
        languages.sort();
        if languages.is_empty() {
            return Err(Error::Config(format!(
                "{} is neither a checkpoint nor a folder of `preprocess`: it has no checkpoint.json and no dict.*.txt",
                path.display()
            )));
        }
        let known: Vec<&str> = languages.iter().map(String::as_str).collect();
        let language = chosen(path, &known, language)?;
        let dictionary = Dictionary::load(path.join(format!("dict.{language}.txt")))?;
        let file = path.join(TextSettings::file_name(language));
        let settings = if file.is_file() {
            TextSettings::load(&file)?
        } else {
            TextSettings::default()
        };
        Ok(Self {
            dictionary: Arc::new(dictionary),
            text: TextPipeline::from_folder(settings, path)?,
        })
    }

    fn of_checkpoint(saved: &Saved, language: Option<&str>) -> Result<Self> {
        let task = saved.task();
        let (side, file) = if task.name == language_modeling::NAME {
            (language_modeling::SIDE, TextDir::SETTINGS.to_owned())
        } else {
            let pair = LanguagePair::of(task)?;
            let known = [&*pair.source_lang, &*pair.target_lang];
            let language = chosen(&saved.path, &known, language)?;
            let side = if language == pair.source_lang {
                "source"
            } else {
                "target"
            };
            (side, TextSettings::file_name(language))
        };
        Ok(Self {
            dictionary: saved.dictionary(side)?,
            text: saved.pipeline(&file)?,
        })
    }

    /// The tokens of a line of text, as the subword model makes them; tokens outside the dictionary are among them.
    ///
    /// # Errors
    /// Text that the subword model cannot take.
    pub fn pieces(&self, text: &str) -> Result<Vec<String>> {
        let tokens = tokens_of(text, false, &self.text, &self.dictionary)?.unwrap_or_default();
        Ok(tokenize_line(&tokens).map(str::to_owned).collect())
    }

    /// The ids of a line of text; `append_eos` puts `</s>` behind them.
    ///
    /// # Errors
    /// Text that the subword model cannot take.
    pub fn encode(&self, text: &str, append_eos: bool) -> Result<Vec<u32>> {
        let tokens = tokens_of(text, false, &self.text, &self.dictionary)?.unwrap_or_default();
        Ok(self.dictionary.encode_line(&tokens, append_eos))
    }

    /// The text of ids; `<s>`, `<pad>` and `</s>` are left out.
    ///
    /// # Errors
    /// An id that the dictionary does not have.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let types = self.dictionary.len();
        if let Some(id) = ids.iter().find(|&&id| id as usize >= types) {
            return Err(Error::Config(format!(
                "the dictionary has no id {id}; its {types} ids begin with 0"
            )));
        }
        let text = TargetText::new(Arc::clone(&self.dictionary), self.text.clone(), RemoveBpe::None);
        Ok(text.text(ids, self.dictionary.symbol(self.dictionary.unk())))
    }
}

/// The language that is meant, of those that `path` has.
fn chosen<'a>(path: &Path, known: &[&'a str], language: Option<&str>) -> Result<&'a str> {
    let list = known.join(", ");
    match (known, language) {
        (&[one], None) => Ok(one),
        (_, None) => Err(Error::Config(format!(
            "{} has several languages\nhint: choose one with 'lang': {list}",
            path.display()
        ))),
        (_, Some(language)) => known
            .iter()
            .find(|known| **known == language)
            .copied()
            .ok_or_else(|| {
                Error::Config(format!(
                    "{} has no language {language:?}; choose one of: {list}",
                    path.display()
                ))
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_preprocess_gives_the_language_that_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dict.de.txt"), "H@@ 2\nund 1\n").unwrap();
        std::fs::write(dir.path().join("dict.en.txt"), "dog 1\n").unwrap();
        std::fs::write(dir.path().join("codes"), "#version: 0.2\nu n\nun d</w>\n").unwrap();
        let settings = r#"{"subword": {"type": "subword_nmt", "codes": "codes"}}"#;
        std::fs::write(dir.path().join("text.de.json"), settings).unwrap();
        let codec = TextCodec::open(dir.path(), Some("de")).unwrap();
        assert_eq!(codec.pieces("Hund x").unwrap(), ["H@@", "und", "x"]);
        assert_eq!(codec.encode("Hund x", true).unwrap(), [4, 5, 3, 2]);
        assert_eq!(codec.decode(&[0, 4, 5, 3, 2, 1]).unwrap(), "Hund <unk>");
        let plain = TextCodec::open(dir.path(), Some("en")).unwrap();
        assert_eq!(plain.encode("dog", false).unwrap(), [4]);

        let refused = |language| TextCodec::open(dir.path(), language).unwrap_err().to_string();
        assert!(refused(None).ends_with("choose one with 'lang': de, en"));
        assert!(refused(Some("fr")).ends_with("has no language \"fr\"; choose one of: de, en"));
        let error = plain.decode(&[5]).unwrap_err().to_string();
        assert_eq!(error, "the dictionary has no id 5; its 5 ids begin with 0");
        std::fs::remove_file(dir.path().join("dict.de.txt")).unwrap();
        assert!(TextCodec::open(dir.path(), None).is_ok());
        std::fs::remove_file(dir.path().join("dict.en.txt")).unwrap();
        assert!(refused(None).contains("neither a checkpoint nor a folder of `preprocess`"));
    }
}
