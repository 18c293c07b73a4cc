//! How raw lines become words, before subwords are learnt or applied: tokenizer and lower case.

use burnseq_text::FileError;
use burnseq_text::moses::NonbreakingPrefixes;
use burnseq_text::{
    MosesSettings, Normalization, SubwordSettings, TextFiles, TextPipeline, TextSettings, Tokenizer,
};

use super::config::{PreprocessConfig, TokenizerKind};
use crate::error::Result;

/// What is done to the text of each side first.
pub(crate) struct Words {
    /// Settings without normalisation and subwords, source first.
    sides: Vec<TextSettings>,
    /// The lists of abbreviations that they name.
    files: TextFiles,
}

impl Words {
    /// # Errors
    /// When a list of abbreviations cannot be read.
    pub(crate) fn new(config: &PreprocessConfig) -> Result<Self> {
        let mut files = TextFiles::new();
        let mut sides = Vec::new();
        for (side, lang) in config.langs().into_iter().enumerate() {
            let tokenizer = match config.tokenizer {
                TokenizerKind::Space => Tokenizer::Space,
                TokenizerKind::Character => Tokenizer::Character,
                TokenizerKind::Byte => Tokenizer::Byte,
                TokenizerKind::Moses => {
                    let language = lang.expect("checked by `validate`");
                    let mut name = None;
                    if let Some(path) = config.nonbreaking_prefixes.get(side) {
                        let content = std::fs::read(path).map_err(FileError::read(path))?;
                        let file = format!("nonbreaking_prefix.{language}");
                        files.insert(file.clone(), content);
                        name = Some(file);
                    }
                    Tokenizer::Moses(MosesSettings {
                        aggressive_dash_splits: !config.moses_no_dash_splits,
                        escape: !config.moses_no_escape,
                        nonbreaking_prefixes: name,
                        ..MosesSettings::new(language)
                    })
                }
            };
            sides.push(TextSettings {
                tokenizer,
                // Tokenizers that are learnt put text in lower case themselves.
                lowercase: config.lowercase && !config.bpe.is_hugging_face(),
                extra_symbols: config.extra_symbols.clone(),
                ..TextSettings::default()
            });
        }
        Ok(Self { sides, files })
    }

    /// What the user should know: languages that have no list of abbreviations.
    pub(crate) fn notes(&self) -> Vec<String> {
        let languages = self.sides.iter().filter_map(|side| match &side.tokenizer {
            Tokenizer::Moses(moses) if moses.nonbreaking_prefixes.is_none() => Some(&moses.language),
            _ => None,
        });
        languages
            .filter(|language| !NonbreakingPrefixes::is_built_in(language))
            .map(|language| {
                format!(
                    "there is no list of abbreviations for `{language}`; the English one is used, as in Moses \
                     ('nonbreaking_prefixes' takes others)"
                )
            })
            .collect()
    }

    /// The files that the settings name.
    pub(crate) fn files(&self) -> &TextFiles {
        &self.files
    }

    /// Whether text is used as it is, but for subwords.
    pub(crate) fn as_is(&self) -> bool {
        self.sides
            .iter()
            .all(|side| side.tokenizer == Tokenizer::Space && !side.lowercase)
    }

    /// Whether text becomes words on side `side` as `settings` say.
    pub(crate) fn agree(&self, side: usize, settings: &TextSettings) -> bool {
        let ours = &self.sides[side];
        (&ours.tokenizer, ours.lowercase) == (&settings.tokenizer, settings.lowercase)
    }

    /// Settings of side `side` with all steps.
    pub(crate) fn settings(
        &self,
        side: usize,
        normalization: Normalization,
        subword: SubwordSettings,
    ) -> TextSettings {
        let settings = TextSettings {
            normalization,
            subword,
            ..self.sides[side].clone()
        };
        let plain = TextSettings {
            extra_symbols: Vec::new(),
            ..settings.clone()
        };
        // Text that stays as it is consists of tokens, extra symbols among them.
        if plain == TextSettings::default() {
            plain
        } else {
            settings
        }
    }

    /// What subwords are learnt from, for each side: words without extra symbols.
    ///
    /// # Errors
    /// When a list of abbreviations is not UTF-8.
    pub(crate) fn pipelines(&self, normalization: Normalization) -> Result<Vec<TextPipeline>> {
        let pipeline = |side: usize| {
            let settings = TextSettings {
                normalization,
                ..self.sides[side].clone()
            };
            Ok(TextPipeline::new(settings, &self.files)?)
        };
        (0..self.sides.len()).map(pipeline).collect()
    }
}

/// What is done before subwords, to be put behind their description.
pub(crate) fn description(settings: &TextSettings) -> &'static str {
    match (&settings.tokenizer, settings.lowercase) {
        (Tokenizer::Space, false) => "",
        (Tokenizer::Space, true) => "; lower case",
        (Tokenizer::Character, false) => "; every character is a token",
        (Tokenizer::Character, true) => "; every character is a token; lower case",
        (Tokenizer::Byte, false) => "; every byte is a token",
        (Tokenizer::Byte, true) => "; every byte is a token; lower case",
        (Tokenizer::Moses(_), false) => "; words are Moses tokens",
        (Tokenizer::Moses(_), true) => "; words are Moses tokens; lower case",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_without_abbreviations_are_noted() {
        let notes = |tokenizer: TokenizerKind, src: &str| {
            let config = PreprocessConfig {
                source_lang: Some(src.into()),
                target_lang: Some("en".into()),
                tokenizer,
                ..PreprocessConfig::default()
            };
            Words::new(&config).unwrap().notes()
        };
        let [note] = &notes(TokenizerKind::Moses, "xx")[..] else {
            panic!("one side has no list");
        };
        assert!(
            note.starts_with("there is no list of abbreviations for `xx`"),
            "{note}"
        );
        assert!(notes(TokenizerKind::Moses, "de").is_empty());
        assert!(notes(TokenizerKind::Space, "xx").is_empty());
    }
}
