//! What `preprocess` can be asked to do, and the checks that need no file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset_impl::DatasetImpl;
use crate::error::{Error, Result};

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
    /// The text is used as it is, split at white space.
    None,
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
    /// Moses' tokenizer for the language of each side.
    Moses,
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
    /// One dictionary for both sides.
    pub joined_dictionary: bool,
    /// There is no target side.
    pub only_source: bool,
    /// Stop when the dictionaries are written.
    pub dict_only: bool,
    /// Dictionaries are filled up to a multiple of this many types.
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
    /// Pieces (SentencePiece) or merges (subword-nmt) to learn; `None` takes
    /// [`DEFAULT_BPE_SIZE`], less on small corpora.
    pub bpe_size: Option<usize>,
    /// Learn a model for each side instead of one on both.
    pub bpe_per_side: bool,
    /// Existing SentencePiece models: one for both sides, or one for each.
    pub bpe_model: Vec<PathBuf>,
    /// Existing subword-nmt codes: one file for both sides, or one for each.
    pub bpe_codes: Vec<PathBuf>,
    /// subword-nmt vocabularies, one for both sides or one for each: pieces outside are split again.
    pub bpe_vocabulary: Vec<PathBuf>,
    /// Pieces seen less often count as outside of the vocabulary; without a given vocabulary the
    /// pieces of each side of the training text are counted.
    pub bpe_vocab_threshold: Option<u64>,
    /// subword-nmt learns no merge seen less often.
    pub bpe_min_frequency: u64,
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

/// What is wrong with alignments of text that is segmented here.
pub(crate) const ALIGNED_TEXT_IS_SEGMENTED: &str = "--align-suffix and --alignfile count the tokens of the text as \
    it is given, but a tokenizer, lower case or subwords are applied to it here\nhint: segment the text first, align \
    the result, and give --bpe none";

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
            joined_dictionary: false,
            only_source: false,
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
            character_coverage: 0.9995,
            max_line_tokens: 50_000,
            dataset_impl: DatasetImpl::Mmap,
            align_suffix: None,
            alignfile: None,
        }
    }
}

impl PreprocessConfig {
    /// Checks ranges and combinations; no file is touched.
    ///
    /// # Errors
    /// [`Error::Config`] with what is wrong and what to do.
    pub fn validate(&self) -> Result<()> {
        self.problem()
            .map_or(Ok(()), |problem| Err(Error::Config(problem)))
    }

    fn problem(&self) -> Option<String> {
        self.language_problem()
            .or_else(|| self.input_problem())
            .or_else(|| self.dictionary_problem())
            .or_else(|| self.tokenizer_problem())
            .or_else(|| self.bpe_problem())
            .or_else(|| self.bpe_vocabulary_problem())
            .or_else(|| self.alignment_problem())
            .or_else(|| self.format_problem())
            .or_else(|| self.range_problem())
    }

    fn language_problem(&self) -> Option<String> {
        let (src, tgt) = (&self.source_lang, &self.target_lang);
        if !self.only_source {
            if src.is_none() {
                return Some("--source-lang is missing, for example `--source-lang de`".into());
            }
            if tgt.is_none() {
                return Some(
                    "--target-lang is missing, for example `--target-lang en`\n\
                     hint: for text without a target side give --only-source"
                        .into(),
                );
            }
        }
        if src.is_some() && src == tgt {
            return Some(format!(
                "--source-lang and --target-lang are both {:?}; the two sides need two suffixes",
                src.as_deref().unwrap_or_default()
            ));
        }
        for (flag, lang) in [("--source-lang", src), ("--target-lang", tgt)] {
            if let Some(lang) = lang
                && (lang.is_empty() || lang.contains(['/', '\\']) || lang.contains(char::is_whitespace))
            {
                return Some(format!("{flag} {lang:?} must be a file suffix, such as `de`"));
            }
        }
        None
    }

    fn input_problem(&self) -> Option<String> {
        if self.trainpref.is_none() {
            let sides = if self.only_source || self.joined_dictionary {
                self.srcdict.is_some() || (self.joined_dictionary && self.tgtdict.is_some())
            } else {
                self.srcdict.is_some() && self.tgtdict.is_some()
            };
            if !sides {
                return Some(
                    "--trainpref is missing, and without training text the dictionaries must be \
                     given (--srcdict, --tgtdict)"
                        .into(),
                );
            }
            if self.validpref.is_empty() && self.testpref.is_empty() && !self.dict_only {
                return Some("there is nothing to do: give --trainpref, --validpref or --testpref".into());
            }
        }
        None
    }

    fn dictionary_problem(&self) -> Option<String> {
        if self.joined_dictionary && self.srcdict.is_some() && self.tgtdict.is_some() {
            return Some(
                "--joined-dictionary takes --srcdict or --tgtdict, not both, since both sides \
                 share one dictionary"
                    .into(),
            );
        }
        if self.only_source && self.tgtdict.is_some() {
            return Some("--tgtdict needs a target side, but --only-source is given".into());
        }
        if self.only_source && self.joined_dictionary {
            return Some("--joined-dictionary needs two sides, but --only-source is given".into());
        }
        let given_src = self.srcdict.is_some() || (self.joined_dictionary && self.tgtdict.is_some());
        if given_src && (self.thresholdsrc > 0 || self.nwordssrc.is_some()) {
            return Some(
                "--thresholdsrc and --nwordssrc shape a new dictionary and do not go with an \
                 existing one"
                    .into(),
            );
        }
        if self.tgtdict.is_some() && (self.thresholdtgt > 0 || self.nwordstgt.is_some()) {
            return Some(
                "--thresholdtgt and --nwordstgt shape a new dictionary and do not go with an \
                 existing one"
                    .into(),
            );
        }
        None
    }

    fn tokenizer_problem(&self) -> Option<String> {
        if self.tokenizer != TokenizerKind::Moses {
            for (flag, given) in [
                ("--moses-no-dash-splits", self.moses_no_dash_splits),
                ("--moses-no-escape", self.moses_no_escape),
                ("--nonbreaking-prefixes", !self.nonbreaking_prefixes.is_empty()),
            ] {
                if given {
                    return Some(format!("{flag} needs --tokenizer moses"));
                }
            }
        }
        if self.tokenizer == TokenizerKind::Moses && self.source_lang.is_none() {
            return Some("--tokenizer moses needs the language of the text (--source-lang)".into());
        }
        let sides = self.langs().len();
        if !self.nonbreaking_prefixes.is_empty() && self.nonbreaking_prefixes.len() != sides {
            return Some(format!(
                "--nonbreaking-prefixes takes a file for each side ({sides}), got {}",
                self.nonbreaking_prefixes.len()
            ));
        }
        let subwords = matches!(self.bpe, BpeKind::Sentencepiece | BpeKind::SubwordNmt)
            || !self.bpe_model.is_empty()
            || !self.bpe_codes.is_empty();
        if self.tokenizer == TokenizerKind::Character && subwords {
            return Some("--tokenizer character goes without subwords (--bpe none)".into());
        }
        None
    }

    fn bpe_problem(&self) -> Option<String> {
        if !self.bpe_model.is_empty() && !self.bpe_codes.is_empty() {
            return Some("--bpe-model and --bpe-codes exclude each other".into());
        }
        for (flag, files, kind) in [
            ("--bpe-model", &self.bpe_model, BpeKind::Sentencepiece),
            ("--bpe-codes", &self.bpe_codes, BpeKind::SubwordNmt),
        ] {
            if files.len() > 2 || (self.only_source && files.len() > 1) {
                return Some(format!("{flag} takes one file, or one for each side"));
            }
            if !files.is_empty() && !matches!(self.bpe, BpeKind::Auto) && self.bpe != kind {
                return Some(format!("{flag} does not go with another kind of --bpe"));
            }
            if !files.is_empty() && (self.bpe_size.is_some() || self.bpe_per_side) {
                return Some(format!(
                    "--bpe-size and --bpe-per-side are about learning, which {flag} makes \
                     unnecessary"
                ));
            }
        }
        if self.bpe == BpeKind::None && (self.bpe_size.is_some() || self.bpe_per_side) {
            return Some("--bpe none learns nothing, so --bpe-size and --bpe-per-side do not apply".into());
        }
        let learns = matches!(self.bpe, BpeKind::Sentencepiece | BpeKind::SubwordNmt)
            && self.bpe_model.is_empty()
            && self.bpe_codes.is_empty();
        if learns && self.trainpref.is_none() {
            return Some("learning subwords needs --trainpref".into());
        }
        None
    }

    fn bpe_vocabulary_problem(&self) -> Option<String> {
        if self.bpe_vocabulary.is_empty() && self.bpe_vocab_threshold.is_none() {
            return None;
        }
        if self.bpe != BpeKind::SubwordNmt && self.bpe_codes.is_empty() {
            return Some(
                "--bpe-vocabulary and --bpe-vocab-threshold are about subword-nmt\n\
                 hint: add --bpe subword_nmt or --bpe-codes"
                    .into(),
            );
        }
        if self.bpe_vocabulary.len() > 2 || (self.only_source && self.bpe_vocabulary.len() > 1) {
            return Some("--bpe-vocabulary takes one file, or one for each side".into());
        }
        if !self.bpe_vocabulary.is_empty() && self.bpe_codes.is_empty() {
            return Some("--bpe-vocabulary goes with --bpe-codes: codes learnt here have none yet".into());
        }
        if self.bpe_vocabulary.is_empty() && self.trainpref.is_none() {
            return Some(
                "--bpe-vocab-threshold counts the pieces of --trainpref, which is missing\n\
                 hint: give the vocabularies with --bpe-vocabulary"
                    .into(),
            );
        }
        None
    }

    fn alignment_problem(&self) -> Option<String> {
        let flag = match (&self.align_suffix, &self.alignfile) {
            (Some(_), _) => "--align-suffix",
            (None, Some(_)) => "--alignfile",
            (None, None) => return None,
        };
        if self.only_source {
            return Some(format!("{flag} needs two sides, but --only-source is given"));
        }
        if self.alignfile.is_some() && self.trainpref.is_none() {
            return Some("--alignfile aligns the text of --trainpref, which is missing".into());
        }
        if self.align_suffix.is_some() && self.dataset_impl == DatasetImpl::Raw {
            return Some(
                "--align-suffix goes with --dataset-impl mmap; alignments have no text format".into(),
            );
        }
        let applies = !matches!(self.bpe, BpeKind::Auto | BpeKind::None);
        if applies || !self.bpe_model.is_empty() || !self.bpe_codes.is_empty() {
            return Some(ALIGNED_TEXT_IS_SEGMENTED.into());
        }
        None
    }

    fn format_problem(&self) -> Option<String> {
        match self.dataset_impl {
            DatasetImpl::Mmap | DatasetImpl::Raw => None,
            other => Some(format!(
                "--dataset-impl {other} is not written, only read\nhint: leave it out; fairseq reads `mmap` as well"
            )),
        }
    }

    fn range_problem(&self) -> Option<String> {
        if self.padding_factor == 0 {
            return Some("--padding-factor must be at least 1 (1 adds nothing)".into());
        }
        if self.workers == Some(0) {
            return Some("--workers must be at least 1".into());
        }
        if self.bpe_size == Some(0) {
            return Some("--bpe-size must be at least 1".into());
        }
        if self.max_line_tokens == 0 {
            return Some("--max-line-tokens must be at least 1".into());
        }
        if !(self.character_coverage > 0.0 && self.character_coverage <= 1.0) {
            return Some(format!(
                "--character-coverage must be above 0 and at most 1, got {}",
                self.character_coverage
            ));
        }
        for (flag, nwords) in [("--nwordssrc", self.nwordssrc), ("--nwordstgt", self.nwordstgt)] {
            if nwords.is_some_and(|nwords| nwords <= 4) {
                return Some(format!(
                    "{flag} counts the 4 special symbols, so it must be above 4"
                ));
            }
        }
        None
    }

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

    fn pair() -> PreprocessConfig {
        PreprocessConfig {
            source_lang: Some("de".into()),
            target_lang: Some("en".into()),
            trainpref: Some("train".into()),
            ..PreprocessConfig::default()
        }
    }

    fn problem(change: impl FnOnce(&mut PreprocessConfig)) -> String {
        let mut config = pair();
        change(&mut config);
        let error = config.validate().expect_err("the settings contradict each other");
        assert!(error.is_usage());
        error.to_string()
    }

    #[test]
    fn a_plain_pair_is_fine_and_json_round_trips() {
        pair().validate().unwrap();
        let json = serde_json::to_string(&pair()).unwrap();
        assert_eq!(serde_json::from_str::<PreprocessConfig>(&json).unwrap(), pair());
    }

    #[test]
    fn contradictions_are_named_before_any_work() {
        let some = || Some(PathBuf::from("x"));
        assert!(problem(|c| c.target_lang = None).contains("--target-lang is missing"));
        assert!(problem(|c| c.target_lang = Some("de".into())).contains("both \"de\""));
        assert!(problem(|c| c.source_lang = Some("a/b".into())).contains("--source-lang \"a/b\""));
        assert!(problem(|c| c.trainpref = None).contains("--trainpref is missing"));
        assert!(problem(|c| c.padding_factor = 0).contains("--padding-factor"));
        assert!(problem(|c| c.workers = Some(0)).contains("--workers"));
        assert!(problem(|c| c.nwordssrc = Some(4)).contains("--nwordssrc"));
        assert!(problem(|c| c.character_coverage = f64::NAN).contains("--character-coverage"));
        assert!(
            problem(|c| {
                c.joined_dictionary = true;
                (c.srcdict, c.tgtdict) = (some(), some());
            })
            .contains("not both")
        );
        assert!(
            problem(|c| {
                c.bpe = BpeKind::SubwordNmt;
                c.bpe_model = vec!["m".into()];
            })
            .contains("--bpe-model")
        );
        assert!(
            problem(|c| {
                c.bpe = BpeKind::None;
                c.bpe_size = Some(5);
            })
            .contains("learns nothing")
        );
    }

    #[test]
    fn vocabularies_alignments_and_formats_have_their_places() {
        assert!(problem(|c| c.bpe_vocab_threshold = Some(5)).contains("are about subword-nmt"));
        assert!(
            problem(|c| {
                c.bpe = BpeKind::SubwordNmt;
                c.bpe_vocabulary = vec!["v".into()];
            })
            .contains("goes with --bpe-codes")
        );
        assert!(problem(|c| c.dataset_impl = DatasetImpl::Lazy).contains("lazy is not written"));
        let aligned = |change: fn(&mut PreprocessConfig)| {
            problem(|c| {
                c.align_suffix = Some("align".into());
                change(c);
            })
        };
        assert!(aligned(|c| c.dataset_impl = DatasetImpl::Raw).contains("no text format"));
        assert!(aligned(|c| c.bpe = BpeKind::Sentencepiece).contains("subwords are applied"));
        assert!(aligned(|c| c.bpe_codes = vec!["x".into()]).contains("subwords are applied"));
        assert!(aligned(|c| (c.only_source, c.target_lang) = (true, None)).contains("needs two sides"));
    }

    #[test]
    fn flags_of_moses_need_moses() {
        assert!(problem(|c| c.moses_no_escape = true).contains("--moses-no-escape needs --tokenizer moses"));
        assert!(problem(|c| c.moses_no_dash_splits = true).contains("--moses-no-dash-splits needs"));
        assert!(problem(|c| c.nonbreaking_prefixes = vec!["x".into()]).contains("needs --tokenizer moses"));
        let moses = |c: &mut PreprocessConfig| c.tokenizer = TokenizerKind::Moses;
        assert!(
            problem(|c| {
                moses(c);
                c.nonbreaking_prefixes = vec!["x".into()];
            })
            .contains("a file for each side (2), got 1")
        );
        assert!(
            problem(|c| {
                moses(c);
                (c.only_source, c.source_lang, c.target_lang) = (true, None, None);
            })
            .contains("needs the language")
        );
        assert!(
            problem(|c| {
                c.tokenizer = TokenizerKind::Character;
                c.bpe = BpeKind::SubwordNmt;
            })
            .contains("without subwords")
        );
        let mut config = pair();
        moses(&mut config);
        config.nonbreaking_prefixes = vec!["x".into(), "y".into()];
        config.validate().unwrap();
    }

    #[test]
    fn text_without_training_needs_both_dictionaries() {
        let mut config = PreprocessConfig {
            trainpref: None,
            testpref: vec!["test".into()],
            srcdict: Some("a".into()),
            ..pair()
        };
        assert!(config.validate().is_err());
        config.tgtdict = Some("b".into());
        config.validate().unwrap();
    }

    #[test]
    fn further_sets_are_numbered() {
        let mut config = pair();
        config.testpref = vec!["a".into(), "b".into(), "c".into()];
        let names: Vec<_> = config.splits().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["train", "test", "test1", "test2"]);
    }
}
