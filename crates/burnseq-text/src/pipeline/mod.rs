//! From raw text to the tokens a dictionary knows, and back, as settings beside the data say.
//!
//! Each language of a data folder may have a file `text.<language>.json` ([`TextSettings`]); the
//! subword models it names lie beside it. Both languages name the same files when their subwords
//! are joint. Without the file, text is used as it is. A checkpoint carries the settings and the
//! bytes of the files they name ([`TextFiles`]).

mod extra_symbols;
mod settings;
mod tokenizer;

use std::collections::BTreeMap;
use std::path::Path;

pub use settings::{SubwordSettings, TextSettings};
pub use tokenizer::{MosesSettings, Tokenizer};

use crate::blank::has_word;
use crate::error::{Error, Result};
use crate::hugging_face::{HfSubword, HfTokenizer};
use crate::moses::lowercase;
use crate::sentencepiece::SentencePiece;
use crate::subword::SubwordModel;
use crate::subword_nmt::{Codes, SubwordNmt, Vocabulary};
use crate::whitespace::is_space;
use extra_symbols::{ExtraSymbols, Part};
use tokenizer::{Blanks, Tokenization};

/// Content of the files that settings name, by name.
pub type TextFiles = BTreeMap<String, Vec<u8>>;

/// Turns raw lines into tokens separated by blanks, and tokens into text.
///
/// ```
/// use burnseq_text::{TextFiles, TextPipeline, TextSettings};
/// let settings: TextSettings =
///     serde_json::from_str(r#"{"subword": {"type": "subword_nmt", "codes": "bpe.codes"}}"#)?;
/// let files = TextFiles::from([("bpe.codes".to_owned(), b"#version: 0.2\nH u\n".to_vec())]);
/// let pipeline = TextPipeline::new(settings, &files)?;
/// assert_eq!(pipeline.encode("Hu u")?, "H@@ u u");
/// assert_eq!(pipeline.decode("H@@ u u"), "Hu u");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TextPipeline {
    settings: TextSettings,
    tokenization: Tokenization,
    subword: SubwordModel,
    symbols: ExtraSymbols,
}

impl TextPipeline {
    /// Builds the pipeline from settings and the content of the files they name.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`], [`Error::MissingFile`], and those of the files.
    pub fn new(settings: TextSettings, files: &TextFiles) -> Result<Self> {
        settings.validate()?;
        let content = |name: &str| {
            files
                .get(name)
                .map(Vec::as_slice)
                .ok_or_else(|| Error::MissingFile {
                    name: name.to_owned(),
                })
        };
        let subword = match &settings.subword {
            SubwordSettings::None => SubwordModel::None,
            SubwordSettings::SentencePiece { model } => {
                SubwordModel::SentencePiece(SentencePiece::from_bytes(content(model)?, model)?)
            }
            SubwordSettings::SubwordNmt {
                codes,
                vocabulary,
                threshold,
            } => {
                let codes = Codes::parse(content(codes)?, codes)?;
                SubwordModel::SubwordNmt(match vocabulary {
                    None => SubwordNmt::new(&codes),
                    Some(name) => {
                        let vocabulary = Vocabulary::parse(content(name)?, name, *threshold)?;
                        SubwordNmt::with_vocabulary(&codes, vocabulary)?
                    }
                })
            }
            SubwordSettings::HuggingFace {
                tokenizer,
                marks,
                clean_up,
            } => {
                let model = HfTokenizer::from_json(content(tokenizer)?, tokenizer)?;
                let model = HfSubword::new(model.with_clean_up(*clean_up), tokenizer)?;
                if model.marks() != *marks {
                    return Err(Error::InvalidSettings(format!(
                        "{tokenizer} marks pieces of words by {:?}, but the text settings say {marks:?}",
                        model.marks()
                    )));
                }
                SubwordModel::HuggingFace(model)
            }
        };
        Ok(Self {
            tokenization: Tokenization::new(&settings.tokenizer, files)?,
            symbols: ExtraSymbols::new(&settings.extra_symbols),
            settings,
            subword,
        })
    }

    /// As [`TextPipeline::new`], with the files in a folder.
    ///
    /// # Errors
    /// Also [`Error::Io`].
    pub fn from_folder(settings: TextSettings, folder: &Path) -> Result<Self> {
        let files = settings.read_files(folder)?;
        Self::new(settings, &files)
    }

    /// The settings it was built from.
    pub fn settings(&self) -> &TextSettings {
        &self.settings
    }

    /// The subword model.
    pub fn subword(&self) -> &SubwordModel {
        &self.subword
    }

    /// Normalises, tokenises and segments a raw line; the tokens are separated by blanks.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`] and [`Error::HuggingFaceEncode`].
    pub fn encode(&self, raw: &str) -> Result<String> {
        self.encode_parts(raw, Blanks::default())
    }

    /// As [`encode`](Self::encode), for the beginning of a text that goes on: where a blank is a token, one at the end is
    /// kept.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`] and [`Error::HuggingFaceEncode`].
    pub fn encode_prompt(&self, raw: &str) -> Result<String> {
        let blanks = Blanks {
            at_end: true,
            ..Blanks::default()
        };
        self.encode_parts(raw, blanks)
    }

    /// The words of a raw line, before they are split into subwords. A line without a word has none, whatever characters it
    /// is of, unless the settings say that text stays as it is. Extra symbols are left out.
    pub fn words(&self, raw: &str) -> String {
        let mut words = String::new();
        for (part, blanks) in self.parts(raw, Blanks::default()) {
            if let Part::Text(text) = part {
                append(&mut words, &self.words_between(text, blanks));
            }
        }
        words
    }

    /// Joins subwords and undoes the tokenisation; normalisation cannot be undone.
    pub fn decode(&self, tokens: &str) -> String {
        if self.symbols.is_empty() {
            return self.decode_between(tokens);
        }
        // Where a blank is a token, none is added.
        let between = if self.settings.tokenizer.splits_words() {
            ""
        } else {
            " "
        };
        let mut parts: Vec<String> = Vec::new();
        let tokens: Vec<&str> = tokens.split(' ').collect();
        for run in tokens.chunk_by(|a, b| !self.symbols.contains(a) && !self.symbols.contains(b)) {
            parts.push(match run {
                [symbol] if self.symbols.contains(symbol) => (*symbol).to_owned(),
                text => self.decode_between(&text.join(" ")),
            });
        }
        parts.retain(|part| !part.is_empty());
        parts.join(between)
    }

    fn encode_parts(&self, raw: &str, blanks: Blanks) -> Result<String> {
        let mut tokens = String::new();
        for (part, blanks) in self.parts(raw, blanks) {
            match part {
                Part::Text(text) => {
                    let words = self.words_between(text, blanks);
                    append(&mut tokens, &self.subword.encode_line(&words)?);
                }
                Part::Symbol(symbol) => append(&mut tokens, symbol),
            }
        }
        Ok(tokens)
    }

    /// The parts of a raw line, with the blanks that texts keep at their ends: those beside a symbol.
    fn parts<'a>(&self, raw: &'a str, blanks: Blanks) -> Vec<(Part<'a>, Blanks)> {
        if self.symbols.is_empty() {
            return vec![(Part::Text(raw), blanks)];
        }
        let parts = self.symbols.parts(raw);
        let last = parts.len().saturating_sub(1);
        let kept = |number: usize| Blanks {
            at_start: number > 0 || blanks.at_start,
            at_end: number < last || blanks.at_end,
        };
        let blanks_are_tokens = self.settings.tokenizer.splits_words();
        let parts = parts.into_iter().enumerate().map(|(number, part)| {
            let part = match part {
                Part::Text(text) if !blanks_are_tokens => Part::Text(text.trim_matches(is_space)),
                part => part,
            };
            (part, kept(number))
        });
        parts.collect()
    }

    /// The words of a text without extra symbols.
    fn words_between(&self, raw: &str, blanks: Blanks) -> String {
        let as_is = self.settings == TextSettings::default();
        // At the start of a text it marks the order of bytes, and elsewhere it has no width.
        let raw = if as_is {
            raw
        } else {
            raw.trim_start_matches('\u{feff}')
        };
        // Blank lines go on: they have no words either, and subword-nmt keeps their blanks.
        if !has_word(raw) && !raw.chars().all(is_space) && !as_is {
            return String::new();
        }
        let line = self.settings.normalization.apply(raw);
        let line = self.tokenization.tokenize(line, blanks);
        if self.settings.lowercase {
            lowercase(&line)
        } else {
            line
        }
    }

    fn decode_between(&self, tokens: &str) -> String {
        self.tokenization.detokenize(self.subword.decode(tokens))
    }
}

/// Adds tokens behind others; nothing where there are none.
fn append(tokens: &mut String, more: &str) {
    if tokens.is_empty() {
        tokens.push_str(more);
    } else if !more.is_empty() {
        tokens.push(' ');
        tokens.push_str(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::Normalization;
    use crate::sentencepiece::{SentencePieceOptions, learn};

    #[test]
    fn default_settings_change_nothing() {
        let pipeline = TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap();
        for line in ["", "  a\tb ", "x@@ ▁y", "ﬁ\u{a0}", "\u{feff}a"] {
            assert_eq!(pipeline.encode(line).unwrap(), line);
            assert_eq!(pipeline.decode(line), line);
        }
    }

    #[test]
    fn raw_text_becomes_pieces_of_normalised_text_and_back() {
        let options = SentencePieceOptions {
            vocab_size: 30,
            ..SentencePieceOptions::default()
        };
        let learned = learn(["ein Hund", "ein Mann", "fi"], &options).unwrap();
        let settings = TextSettings {
            normalization: Normalization::NmtNfkc,
            subword: SubwordSettings::SentencePiece {
                model: "spm.model".into(),
            },
            ..TextSettings::default()
        };
        let files = TextFiles::from([("spm.model".to_owned(), learned.model)]);
        let pipeline = TextPipeline::new(settings, &files).unwrap();
        let tokens = pipeline.encode("\u{feff}ein\u{a0}ﬁ ").unwrap();
        assert_eq!(tokens, "▁ein ▁fi");
        assert_eq!(pipeline.decode(&tokens), "ein fi");
    }

    #[test]
    fn text_is_tokenised_then_lowered_then_segmented() {
        let settings = TextSettings {
            tokenizer: Tokenizer::Moses(MosesSettings::new("en")),
            lowercase: true,
            subword: SubwordSettings::SubwordNmt {
                codes: "c".into(),
                vocabulary: None,
                threshold: 0,
            },
            ..TextSettings::default()
        };
        let files = TextFiles::from([("c".to_owned(), b"#version: 0.2\nd r\nd o\ndo g</w>\n".to_vec())]);
        let pipeline = TextPipeline::new(settings, &files).unwrap();
        assert_eq!(pipeline.encode("\u{feff}dog").unwrap(), "dog");
        // `Dr` is known as an abbreviation in its own case only.
        assert_eq!(pipeline.words("Dr. A's Dog-"), "dr. a &apos;s dog-");
        assert_eq!(
            pipeline.encode("Dr. \"Dog").unwrap(),
            "dr@@ . &@@ q@@ u@@ o@@ t@@ ; dog"
        );
        assert_eq!(pipeline.decode("dr@@ . &@@ q@@ u@@ o@@ t@@ ; dog"), "dr. \"dog");
    }

    #[test]
    fn extra_symbols_stay_whole_and_the_text_between_them_is_segmented() {
        let codes = SubwordSettings::SubwordNmt {
            codes: "c".into(),
            vocabulary: None,
            threshold: 0,
        };
        let files = TextFiles::from([("c".to_owned(), b"#version: 0.2\nd o\ndo g</w>\n".to_vec())]);
        let with = |tokenizer: Tokenizer, subword: SubwordSettings| {
            let settings = TextSettings {
                tokenizer,
                subword,
                lowercase: true,
                extra_symbols: vec!["<SEP>".to_owned(), "<A>".to_owned()],
                ..TextSettings::default()
            };
            TextPipeline::new(settings, &files).unwrap()
        };
        let words = with(Tokenizer::Space, codes);
        let tokens = words.encode("Dog<SEP> do <A>").unwrap();
        assert_eq!(tokens, "dog <SEP> d@@ o <A>");
        assert_eq!(words.decode(&tokens), "dog <SEP> do <A>");
        assert_eq!(words.words("Dog<SEP>do"), "dog do");
        let characters = with(Tokenizer::Character, SubwordSettings::None);
        let tokens = characters.encode(" ab <SEP>c <A> ").unwrap();
        assert_eq!(tokens, "a b \u{2581} <SEP> c \u{2581} <A>");
        assert_eq!(characters.decode(&tokens), "ab <SEP>c <A>");
        for line in ["<A>", "<A><A>", "a<A>", ""] {
            assert_eq!(characters.decode(&characters.encode(line).unwrap()), line);
        }
    }

    #[test]
    fn a_prompt_keeps_the_blank_at_its_end_where_a_blank_is_a_token() {
        let with = |tokenizer: Tokenizer| {
            let settings = TextSettings {
                tokenizer,
                ..TextSettings::default()
            };
            TextPipeline::new(settings, &TextFiles::new()).unwrap()
        };
        for tokenizer in [Tokenizer::Character, Tokenizer::Byte] {
            let pipeline = with(tokenizer);
            assert_eq!(pipeline.encode(" A:  ").unwrap(), "A :");
            assert_eq!(pipeline.encode_prompt(" A:  ").unwrap(), "A : \u{2581}");
            assert_eq!(pipeline.encode_prompt("A:").unwrap(), "A :");
            assert_eq!(pipeline.encode_prompt("  ").unwrap(), "");
        }
        assert_eq!(with(Tokenizer::Space).encode_prompt("A: ").unwrap(), "A: ");
    }

    #[test]
    fn lines_without_a_word_stay_empty() {
        let subword = SubwordSettings::SubwordNmt {
            codes: "c".into(),
            vocabulary: None,
            threshold: 0,
        };
        let files = TextFiles::from([("c".to_owned(), b"#version: 0.2\na b\n".to_vec())]);
        for settings in [
            TextSettings {
                subword,
                ..TextSettings::default()
            },
            TextSettings {
                tokenizer: Tokenizer::Moses(MosesSettings::new("de")),
                ..TextSettings::default()
            },
            TextSettings {
                tokenizer: Tokenizer::Character,
                ..TextSettings::default()
            },
            TextSettings {
                lowercase: true,
                ..TextSettings::default()
            },
        ] {
            let pipeline = TextPipeline::new(settings, &files).unwrap();
            for line in [
                "",
                " \t",
                "\u{200b}",
                "\u{feff}",
                "\u{200f}\u{202e} ",
                "\u{1}\u{7f}",
                "\u{fffd} \u{fffd}",
            ] {
                assert_eq!(pipeline.encode(line).unwrap().trim(), "", "{line:?}");
            }
            assert_ne!(pipeline.encode("\u{200b}.").unwrap(), "");
        }
    }

    #[test]
    fn files_come_from_the_folder_and_missing_ones_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let settings = TextSettings {
            subword: SubwordSettings::SubwordNmt {
                codes: "c".into(),
                vocabulary: Some("v".into()),
                threshold: 2,
            },
            ..TextSettings::default()
        };
        std::fs::write(dir.path().join("c"), "#version: 0.2\na b</w>\n").unwrap();
        let error = TextPipeline::from_folder(settings.clone(), dir.path()).unwrap_err();
        assert!(error.to_string().ends_with("/v"), "{error}");
        std::fs::write(dir.path().join("v"), "ab 1\n").unwrap();
        let pipeline = TextPipeline::from_folder(settings.clone(), dir.path()).unwrap();
        // `ab` occurs less than twice, so it is split again.
        assert_eq!(pipeline.encode("ab").unwrap(), "a@@ b");
        let error = TextPipeline::new(settings, &TextFiles::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the text settings name the file \"c\", which is missing"
        );
    }
}
