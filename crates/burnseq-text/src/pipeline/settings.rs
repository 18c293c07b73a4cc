//! What is done to text, as a file beside the data and in checkpoints.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{TextFiles, Tokenizer};
use crate::FileError;
use crate::atomic::write_atomically;
use crate::error::{Error, Result};
use crate::hugging_face::HfMarks;
use crate::normalize::Normalization;
use crate::whitespace::is_space;

/// What is done to the text of one language, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextSettings {
    /// Unicode normalisation.
    pub normalization: Normalization,
    /// Splitting into tokens.
    pub tokenizer: Tokenizer,
    /// Tokens are put in lower case.
    #[serde(skip_serializing_if = "is_false")]
    pub lowercase: bool,
    /// Splitting tokens into subwords.
    pub subword: SubwordSettings,
    /// Symbols that stay whole in raw text: what lies between them goes through the steps above by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_symbols: Vec<String>,
}

/// A subword model; files are named relative to the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SubwordSettings {
    /// Tokens are not split.
    #[default]
    None,
    /// A SentencePiece model of any kind.
    #[serde(rename = "sentencepiece")]
    SentencePiece {
        /// Name of the `.model` file.
        model: String,
    },
    /// BPE merges in the form of subword-nmt.
    SubwordNmt {
        /// Name of the codes file.
        codes: String,
        /// Name of a vocabulary file; pieces outside it are split again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vocabulary: Option<String>,
        /// Pieces of the vocabulary that occur less often count as outside.
        #[serde(default, skip_serializing_if = "is_zero")]
        threshold: u64,
    },
    /// A tokenizer of Hugging Face, which takes raw text.
    HuggingFace {
        /// Name of the `tokenizer.json`.
        tokenizer: String,
        /// How its tokens tell pieces from words.
        marks: HfMarks,
        /// Blanks before punctuation are removed in decoded text.
        #[serde(default, skip_serializing_if = "is_false")]
        clean_up: bool,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(threshold: &u64) -> bool {
    *threshold == 0
}

impl TextSettings {
    /// Name of the settings file of a language: `text.<language>.json`.
    pub fn file_name(language: &str) -> String {
        format!("text.{language}.json")
    }

    /// Reads a settings file.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Settings`] with the place of what is wrong.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(FileError::read(path))?;
        let error = |reason: String| Error::Settings {
            path: path.to_owned(),
            reason,
        };
        let settings: Self = serde_json::from_slice(&bytes).map_err(|cause| error(cause.to_string()))?;
        settings.validate().map_err(|cause| error(cause.to_string()))?;
        Ok(settings)
    }

    /// Writes the settings file atomically.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path.as_ref(), |writer| {
            serde_json::to_writer_pretty(&mut *writer, self)?;
            writer.write_all(b"\n")
        })
    }

    /// Names of the files that the settings need.
    pub fn files(&self) -> Vec<&str> {
        let prefixes = match &self.tokenizer {
            Tokenizer::Moses(moses) => moses.nonbreaking_prefixes.as_ref(),
            Tokenizer::Space | Tokenizer::Character | Tokenizer::Byte => None,
        };
        let (model, vocabulary) = match &self.subword {
            SubwordSettings::None => (None, None),
            SubwordSettings::SentencePiece { model } => (Some(model), None),
            SubwordSettings::SubwordNmt {
                codes, vocabulary, ..
            } => (Some(codes), vocabulary.as_ref()),
            SubwordSettings::HuggingFace { tokenizer, .. } => (Some(tokenizer), None),
        };
        let names = prefixes.into_iter().chain(model).chain(vocabulary);
        names.map(String::as_str).collect()
    }

    /// Reads the files that the settings need from a folder, for use there or in a checkpoint.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::InvalidSettings`].
    pub fn read_files(&self, folder: &Path) -> Result<TextFiles> {
        self.validate()?;
        let read = |name: &str| {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).map_err(FileError::read(&path))?;
            Ok((name.to_owned(), bytes))
        };
        self.files().into_iter().map(read).collect()
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`] for combinations that make no sense, and for file names that
    /// lead out of the folder.
    pub fn validate(&self) -> Result<()> {
        let error = |message: String| Err(Error::InvalidSettings(message));
        if self.tokenizer.splits_words() && self.subword != SubwordSettings::None {
            return error(
                "the tokenizers `character` and `byte` go with the subword model `none` only".to_owned(),
            );
        }
        if let SubwordSettings::SubwordNmt {
            vocabulary: None,
            threshold,
            ..
        } = &self.subword
            && *threshold > 0
        {
            return error(format!("the vocabulary threshold {threshold} needs a vocabulary"));
        }
        let raw = self.tokenizer == Tokenizer::Space && !self.lowercase;
        if matches!(self.subword, SubwordSettings::HuggingFace { .. }) && !raw {
            return error(
                "a tokenizer of Hugging Face takes raw text: other tokenizers and lower case do not go with it".to_owned(),
            );
        }
        for symbol in &self.extra_symbols {
            if symbol.is_empty() || symbol.contains(is_space) {
                return error(format!(
                    "the extra symbol {symbol:?} must be a word without blanks"
                ));
            }
        }
        for name in self.files() {
            let plain = Path::new(name).file_name().is_some_and(|plain| plain == name);
            if !plain || name.contains(['/', '\\']) {
                return error(format!("{name:?} is not the name of a file beside the settings"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::MosesSettings;

    fn parse(json: &str) -> Result<TextSettings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_survive_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(TextSettings::file_name("de"));
        for subword in [
            SubwordSettings::None,
            SubwordSettings::SentencePiece {
                model: "spm.model".into(),
            },
            SubwordSettings::SubwordNmt {
                codes: "codes".into(),
                vocabulary: None,
                threshold: 0,
            },
            SubwordSettings::SubwordNmt {
                codes: "codes".into(),
                vocabulary: Some("v".into()),
                threshold: 5,
            },
        ] {
            let settings = TextSettings {
                normalization: Normalization::NmtNfkc,
                subword,
                ..TextSettings::default()
            };
            settings.save(&path).unwrap();
            assert_eq!(TextSettings::load(&path).unwrap(), settings);
        }
        assert!(path.ends_with("text.de.json"));
    }

    #[test]
    fn moses_and_lower_case_survive_the_file() {
        let settings = TextSettings {
            tokenizer: Tokenizer::Moses(MosesSettings {
                escape: false,
                nonbreaking_prefixes: Some("prefixes.de".into()),
                ..MosesSettings::new("de")
            }),
            lowercase: true,
            ..TextSettings::default()
        };
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(parse(&json).unwrap(), settings);
        assert_eq!(settings.files(), ["prefixes.de"]);
    }

    #[test]
    fn spelling_of_the_file_is_fixed() {
        let json = r#"{
            "normalization": {"type": "nmt_nfkc"},
            "tokenizer": {"type": "space"},
            "subword": {"type": "sentencepiece", "model": "spm.model"}
        }"#;
        let settings = parse(json).unwrap();
        assert_eq!(settings.normalization, Normalization::NmtNfkc);
        assert_eq!(settings.files(), ["spm.model"]);
        assert_eq!(parse("{}").unwrap(), TextSettings::default());
    }

    #[test]
    fn unknown_keys_and_kinds_are_errors() {
        for (json, part) in [
            (r#"{"tokeniser": {"type": "space"}}"#, "unknown field `tokeniser`"),
            (
                r#"{"subword": {"type": "wordpiece"}}"#,
                "unknown variant `wordpiece`",
            ),
            (
                r#"{"subword": {"type": "sentencepiece", "model": "a", "size": 3}}"#,
                "unknown field `size`",
            ),
            (r#"{"tokenizer": {"type": "moses"}}"#, "missing field `language`"),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn impossible_combinations_and_foreign_paths_are_refused() {
        let with = |tokenizer, subword| {
            let settings = TextSettings {
                tokenizer,
                subword,
                ..TextSettings::default()
            };
            settings.validate().map_err(|error| error.to_string())
        };
        let spm = |model: &str| SubwordSettings::SentencePiece {
            model: model.to_owned(),
        };
        assert!(with(Tokenizer::Character, spm("m")).is_err());
        assert!(with(Tokenizer::Character, SubwordSettings::None).is_ok());
        let threshold = SubwordSettings::SubwordNmt {
            codes: "c".into(),
            vocabulary: None,
            threshold: 3,
        };
        assert!(with(Tokenizer::Space, threshold).is_err());
        assert!(with(Tokenizer::Space, spm("spm.model")).is_ok());
        for bad in ["", "..", "a/b", "/etc/passwd", "../x", "a\\b", "x/"] {
            assert!(with(Tokenizer::Space, spm(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn broken_settings_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text.de.json");
        std::fs::write(&path, "{\n  \"subword\": 3\n}").unwrap();
        let error = TextSettings::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("text.de.json: ") && error.contains("line 2"),
            "{error}"
        );
    }
}
