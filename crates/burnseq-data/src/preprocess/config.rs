//! What `preprocess` can be asked to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset_impl::DatasetImpl;

/// Which subword model turns words into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BpeKind {
    /// `none` when the training text already carries subword marks, else `sentencepiece`.
    #[default]
    Auto,
    /// A SentencePiece BPE model, which takes raw text.
    Sentencepiece,
    /// subword-nmt codes, which take text in words.
    SubwordNmt,
    /// A WordPiece tokenizer of Hugging Face, which takes raw text.
    Wordpiece,
    /// A byte-level BPE tokenizer of Hugging Face, which takes raw text.
    ByteBpe,
    /// An existing tokenizer of Hugging Face, which takes raw text.
    Hf,
    /// The text is used as it is, split at white space.
    None,
}

impl BpeKind {
    /// Whether it is a tokenizer of Hugging Face.
    pub(crate) fn is_hugging_face(self) -> bool {
        matches!(self, Self::Wordpiece | Self::ByteBpe | Self::Hf)
    }

    /// As users write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Sentencepiece => "sentencepiece",
            Self::SubwordNmt => "subword_nmt",
            Self::Wordpiece => "wordpiece",
            Self::ByteBpe => "byte_bpe",
            Self::Hf => "hf",
            Self::None => "none",
        }
    }
}

/// How raw text falls into words before it is split into subwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerKind {
    /// Words are what white space separates.
    #[default]
    Space,
    /// Every character is a token.
    Character,
    /// Every byte of UTF-8 is a token.
    Byte,
    /// Moses' tokenizer for the language of each side.
    Moses,
}

impl TokenizerKind {
    /// Whether tokens are parts of words, so that subwords have no place.
    pub(crate) fn splits_words(self) -> bool {
        matches!(self, Self::Character | Self::Byte)
    }
}

/// A run of `preprocess`; names and meanings are fairseq's where it has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreprocessConfig {
    /// Source language, the suffix of the source files.
    pub source_lang: Option<String>,
    /// Target language, the suffix of the target files.
    pub target_lang: Option<String>,
    /// Training text without its language suffix.
    pub trainpref: Option<PathBuf>,
    /// Validation sets: `valid`, `valid1`, ...
    pub validpref: Vec<PathBuf>,
    /// Test sets: `test`, `test1`, ...
    pub testpref: Vec<PathBuf>,
    /// Folder that the dataset is written to.
    pub destdir: PathBuf,
    /// Replace a dataset that is already in `destdir`.
    pub overwrite: bool,
    /// Source words seen less often become `<unk>`.
    pub thresholdsrc: u64,
    /// Target words seen less often become `<unk>`.
    pub thresholdtgt: u64,
    /// Most source types, the four special symbols included.
    pub nwordssrc: Option<usize>,
    /// Most target types, the four special symbols included.
    pub nwordstgt: Option<usize>,
    /// Source dictionary to use instead of making one.
    pub srcdict: Option<PathBuf>,
    /// Target dictionary to use instead of making one.
    pub tgtdict: Option<PathBuf>,
    /// Text settings that text of one side without a language follows; without them those are looked for beside the
    /// dictionary.
    pub text_settings: Option<PathBuf>,
    /// One dictionary for both sides.
    pub joined_dictionary: bool,
    /// There is no target side.
    pub only_source: bool,
    /// Symbols that stay whole in raw text and come last in the dictionaries, unless these hold them already.
    pub extra_symbols: Vec<String>,
    /// Stop when the dictionaries are written.
    pub dict_only: bool,
    /// Dictionaries are filled up to a multiple of this many types; 0 and 1 add nothing.
    pub padding_factor: usize,
    /// Threads; `None` takes one per processor. The output does not depend on it.
    pub workers: Option<usize>,
    /// How raw text falls into words.
    pub tokenizer: TokenizerKind,
    /// Moses: dashes inside words do not become tokens.
    pub moses_no_dash_splits: bool,
    /// Moses: `& | < > ' " [ ]` are not written as entities.
    pub moses_no_escape: bool,
    /// Moses: lists of abbreviations, one for each side; empty takes the built-in ones.
    pub nonbreaking_prefixes: Vec<PathBuf>,
    /// Text is put in lower case, after it was split into words.
    pub lowercase: bool,
    /// Subword model.
    pub bpe: BpeKind,
    /// Pieces (SentencePiece), merges (subword-nmt) or tokens (WordPiece, byte-level BPE) to learn; `None` takes
    /// [`DEFAULT_BPE_SIZE`], less on small corpora.
    pub bpe_size: Option<usize>,
    /// Learn a model for each side instead of one on both.
    pub bpe_per_side: bool,
    /// Existing SentencePiece models, or tokenizers of Hugging Face (folders, or `tokenizer.json`): one for both sides, or
    /// one for each.
    pub bpe_model: Vec<PathBuf>,
    /// Existing subword-nmt codes: one file for both sides, or one for each.
    pub bpe_codes: Vec<PathBuf>,
    /// subword-nmt vocabularies, one for both sides or one for each: pieces outside are split again.
    pub bpe_vocabulary: Vec<PathBuf>,
    /// Pieces seen less often count as outside of the vocabulary; without a given vocabulary the
    /// pieces of each side of the training text are counted.
    pub bpe_vocab_threshold: Option<u64>,
    /// subword-nmt, WordPiece and byte-level BPE learn no merge seen less often.
    pub bpe_min_frequency: u64,
    /// Tokens that WordPiece and byte-level BPE hold first; empty takes those of BERT, and none for bytes.
    pub bpe_special_tokens: Vec<String>,
    /// Most characters of a WordPiece vocabulary; `None` takes 1000.
    pub bpe_limit_alphabet: Option<usize>,
    /// Characters that a WordPiece vocabulary holds, seen or not.
    pub bpe_initial_alphabet: String,
    /// Byte-level BPE puts a blank before each line.
    pub bpe_prefix_space: bool,
    /// Share of the characters that SentencePiece keeps; the rest become `<unk>`.
    pub character_coverage: f64,
    /// Lines of more words or tokens are left out, with the line they are paired with.
    pub max_line_tokens: usize,
    /// Format of the dataset: `mmap` or `raw`.
    pub dataset_impl: DatasetImpl,
    /// Suffix of files with word alignments beside the text, which become a dataset of their own.
    pub align_suffix: Option<String>,
    /// Word alignments of the training text, from which an alignment dictionary is made.
    pub alignfile: Option<PathBuf>,
}

/// Pieces or merges that are learnt on a corpus that is large enough for them.
pub const DEFAULT_BPE_SIZE: usize = 10_000;

impl Default for PreprocessConfig {
    fn default() -> Self {
        Self {
            source_lang: None,
            target_lang: None,
            trainpref: None,
            validpref: Vec::new(),
            testpref: Vec::new(),
            destdir: PathBuf::from("data-bin"),
            overwrite: false,
            thresholdsrc: 0,
            thresholdtgt: 0,
            nwordssrc: None,
            nwordstgt: None,
            srcdict: None,
            tgtdict: None,
            text_settings: None,
            joined_dictionary: false,
            only_source: false,
            extra_symbols: Vec::new(),
            dict_only: false,
            padding_factor: 8,
            workers: None,
            tokenizer: TokenizerKind::Space,
            moses_no_dash_splits: false,
            moses_no_escape: false,
            nonbreaking_prefixes: Vec::new(),
            lowercase: false,
            bpe: BpeKind::Auto,
            bpe_size: None,
            bpe_per_side: false,
            bpe_model: Vec::new(),
            bpe_codes: Vec::new(),
            bpe_vocabulary: Vec::new(),
            bpe_vocab_threshold: None,
            bpe_min_frequency: 2,
            bpe_special_tokens: Vec::new(),
            bpe_limit_alphabet: None,
            bpe_initial_alphabet: String::new(),
            bpe_prefix_space: false,
            character_coverage: 0.9995,
            max_line_tokens: 50_000,
            dataset_impl: DatasetImpl::Mmap,
            align_suffix: None,
            alignfile: None,
        }
    }
}

impl PreprocessConfig {
    /// The languages of the sides there are, source first; `None` for text without suffix.
    pub(crate) fn langs(&self) -> Vec<Option<String>> {
        let mut langs = vec![self.source_lang.clone()];
        if !self.only_source {
            langs.push(self.target_lang.clone());
        }
        langs
    }

    /// Split names with the prefix that their text is read from: `train`, `valid`, `valid1`, ...
    pub(crate) fn splits(&self) -> Vec<(String, PathBuf)> {
        let mut splits = Vec::new();
        if let Some(prefix) = &self.trainpref {
            splits.push(("train".to_owned(), prefix.clone()));
        }
        for (name, prefixes) in [("valid", &self.validpref), ("test", &self.testpref)] {
            for (number, prefix) in prefixes.iter().enumerate() {
                let number = if number == 0 {
                    String::new()
                } else {
                    number.to_string()
                };
                splits.push((format!("{name}{number}"), prefix.clone()));
            }
        }
        splits
    }

    /// Threads to use.
    pub(crate) fn worker_count(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.workers.unwrap_or_else(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trips() {
        let config = PreprocessConfig {
            source_lang: Some("de".into()),
            testpref: vec!["a".into()],
            ..PreprocessConfig::default()
        };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<PreprocessConfig>(&json).unwrap(), config);
    }

    #[test]
    fn further_sets_are_numbered() {
        let config = PreprocessConfig {
            trainpref: Some("train".into()),
            testpref: vec!["a".into(), "b".into(), "c".into()],
            ..PreprocessConfig::default()
        };
        let names: Vec<_> = config.splits().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["train", "test", "test1", "test2"]);
    }
}
