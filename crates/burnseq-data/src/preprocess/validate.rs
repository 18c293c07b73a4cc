//! The checks of a configuration of `preprocess` that need no file.

use burnseq_text::{SPECIAL_SYMBOLS, tokenize_line};

use super::config::{BpeKind, PreprocessConfig, TokenizerKind};
use crate::dataset_impl::DatasetImpl;
use crate::error::{Error, Result};

/// What is wrong with alignments of text that is segmented here.
pub(super) const ALIGNED_TEXT_IS_SEGMENTED: &str = "'align_suffix' and 'alignfile' count the tokens of the text as \
    it is given, but a tokenizer, lower case or subwords are applied to it here\nhint: segment the text first, align \
    the result, and give 'bpe' none";

/// A dictionary is filled up with fewer types than this.
const MAX_PADDING_FACTOR: usize = 4096;
/// Threads of one run.
const MAX_WORKERS: usize = 1024;

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
            .or_else(|| self.extra_symbol_problem())
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
                return Some("'source_lang' is missing, for example `'source_lang' de`".into());
            }
            if tgt.is_none() {
                return Some(
                    "'target_lang' is missing, for example `'target_lang' en`\n\
                     hint: for text without a target side give 'only_source'"
                        .into(),
                );
            }
        }
        if src.is_some() && src == tgt && !self.only_source {
            return Some(format!(
                "'source_lang' and 'target_lang' are both {:?}; the two sides need two suffixes\n\
                 hint: for text without a target side give 'only_source'",
                src.as_deref().unwrap_or_default()
            ));
        }
        for (flag, lang) in [("'source_lang'", src), ("'target_lang'", tgt)] {
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
                    "'trainpref' is missing, and without training text the dictionaries must be \
                     given ('srcdict', 'tgtdict')"
                        .into(),
                );
            }
            if self.validpref.is_empty() && self.testpref.is_empty() && !self.dict_only {
                return Some("there is nothing to do: give 'trainpref', 'validpref' or 'testpref'".into());
            }
        }
        None
    }

    fn dictionary_problem(&self) -> Option<String> {
        if self.joined_dictionary && self.srcdict.is_some() && self.tgtdict.is_some() {
            return Some(
                "'joined_dictionary' takes 'srcdict' or 'tgtdict', not both, since both sides \
                 share one dictionary"
                    .into(),
            );
        }
        if self.only_source && self.tgtdict.is_some() && !self.joined_dictionary {
            return Some("'tgtdict' needs a target side, but 'only_source' is given".into());
        }
        if self.only_source && self.joined_dictionary && self.srcdict.is_none() && self.tgtdict.is_none() {
            return Some(
                "'joined_dictionary' counts both sides, but 'only_source' gives one\n\
                 hint: give the joined dictionary with 'srcdict', or leave out 'joined_dictionary'"
                    .into(),
            );
        }
        let given_src = self.srcdict.is_some() || (self.joined_dictionary && self.tgtdict.is_some());
        if given_src && (self.thresholdsrc > 0 || self.nwordssrc.is_some()) {
            return Some(
                "'thresholdsrc' and 'nwordssrc' shape a new dictionary and do not go with an \
                 existing one"
                    .into(),
            );
        }
        if self.tgtdict.is_some() && (self.thresholdtgt > 0 || self.nwordstgt.is_some()) {
            return Some(
                "'thresholdtgt' and 'nwordstgt' shape a new dictionary and do not go with an \
                 existing one"
                    .into(),
            );
        }
        None
    }

    fn extra_symbol_problem(&self) -> Option<String> {
        for (number, symbol) in self.extra_symbols.iter().enumerate() {
            let problem = if symbol.is_empty() || tokenize_line(symbol).ne([symbol.as_str()]) {
                "must be a word without blanks"
            } else if SPECIAL_SYMBOLS.contains(&symbol.as_str()) {
                "is in every dictionary"
            } else if self.extra_symbols[..number].contains(symbol) {
                "is given twice"
            } else {
                continue;
            };
            return Some(format!("'extra_symbols' {symbol:?} {problem}"));
        }
        None
    }

    fn tokenizer_problem(&self) -> Option<String> {
        if self.tokenizer != TokenizerKind::Moses {
            for (flag, given) in [
                ("'moses_no_dash_splits'", self.moses_no_dash_splits),
                ("'moses_no_escape'", self.moses_no_escape),
                ("'nonbreaking_prefixes'", !self.nonbreaking_prefixes.is_empty()),
            ] {
                if given {
                    return Some(format!("{flag} needs 'tokenizer' moses"));
                }
            }
        }
        if self.tokenizer == TokenizerKind::Moses && self.source_lang.is_none() {
            return Some("'tokenizer' moses needs the language of the text ('source_lang')".into());
        }
        let sides = self.langs().len();
        if !self.nonbreaking_prefixes.is_empty() && self.nonbreaking_prefixes.len() != sides {
            return Some(format!(
                "'nonbreaking_prefixes' takes a file for each side ({sides}), got {}",
                self.nonbreaking_prefixes.len()
            ));
        }
        if self.bpe.is_hugging_face() && self.tokenizer != TokenizerKind::Space {
            return Some(format!(
                "'bpe' {} takes raw text, so 'tokenizer' does not go with it\nhint: leave out 'tokenizer'",
                self.bpe.name()
            ));
        }
        if self.bpe == BpeKind::Hf && self.lowercase {
            return Some(
                "'bpe' hf takes raw text; whether it is put in lower case says the tokenizer\nhint: leave out 'lowercase'".into(),
            );
        }
        let subwords = !matches!(self.bpe, BpeKind::Auto | BpeKind::None)
            || !self.bpe_model.is_empty()
            || !self.bpe_codes.is_empty();
        if self.tokenizer.splits_words() && subwords {
            return Some("'tokenizer' character and byte go without subwords ('bpe' none)".into());
        }
        None
    }

    fn bpe_problem(&self) -> Option<String> {
        if !self.bpe_model.is_empty() && !self.bpe_codes.is_empty() {
            return Some("'bpe_model' and 'bpe_codes' exclude each other".into());
        }
        if self.bpe == BpeKind::Hf && self.bpe_model.is_empty() {
            return Some(
                "'bpe' hf takes an existing tokenizer\nhint: give its folder with 'bpe_model'; 'bpe' wordpiece and byte_bpe \
                 learn one"
                    .into(),
            );
        }
        let of_model = match self.bpe {
            BpeKind::Hf => BpeKind::Hf,
            _ => BpeKind::Sentencepiece,
        };
        for (flag, files, kind) in [
            ("'bpe_model'", &self.bpe_model, of_model),
            ("'bpe_codes'", &self.bpe_codes, BpeKind::SubwordNmt),
        ] {
            if files.len() > 2 || (self.only_source && files.len() > 1) {
                return Some(format!("{flag} takes one file, or one for each side"));
            }
            if !files.is_empty() && !matches!(self.bpe, BpeKind::Auto) && self.bpe != kind {
                return Some(format!("{flag} does not go with another kind of 'bpe'"));
            }
            if !files.is_empty() && (self.bpe_size.is_some() || self.bpe_per_side) {
                return Some(format!(
                    "'bpe_size' and 'bpe_per_side' are about learning, which {flag} makes \
                     unnecessary"
                ));
            }
        }
        let default = Self::default();
        if self.bpe_min_frequency != default.bpe_min_frequency
            && (!matches!(
                self.bpe,
                BpeKind::SubwordNmt | BpeKind::Wordpiece | BpeKind::ByteBpe
            ) || !self.bpe_codes.is_empty())
        {
            return Some(
                "'bpe_min_frequency' is about learning merges\nhint: add 'bpe' subword_nmt, wordpiece or byte_bpe, or leave \
                 it out"
                    .into(),
            );
        }
        let (pieces, bytes) = (self.bpe == BpeKind::Wordpiece, self.bpe == BpeKind::ByteBpe);
        for (flag, given, fits, kinds) in [
            (
                "'bpe_special_tokens'",
                !self.bpe_special_tokens.is_empty(),
                pieces || bytes,
                "wordpiece or byte_bpe",
            ),
            (
                "'bpe_limit_alphabet'",
                self.bpe_limit_alphabet.is_some(),
                pieces,
                "wordpiece",
            ),
            (
                "'bpe_initial_alphabet'",
                !self.bpe_initial_alphabet.is_empty(),
                pieces,
                "wordpiece",
            ),
            ("'bpe_prefix_space'", self.bpe_prefix_space, bytes, "byte_bpe"),
        ] {
            if given && !fits {
                return Some(format!(
                    "{flag} is about learning with 'bpe' {kinds}\nhint: add that, or leave it out"
                ));
            }
        }
        if self.character_coverage != default.character_coverage
            && (!matches!(self.bpe, BpeKind::Sentencepiece | BpeKind::Auto) || !self.bpe_model.is_empty())
        {
            return Some(
                "'character_coverage' is about learning a SentencePiece model\nhint: add 'bpe' sentencepiece, or leave it out"
                    .into(),
            );
        }
        if self.bpe == BpeKind::None && (self.bpe_size.is_some() || self.bpe_per_side) {
            return Some("'bpe' none learns nothing, so 'bpe_size' and 'bpe_per_side' do not apply".into());
        }
        let tokens = &self.bpe_special_tokens;
        for (number, token) in tokens.iter().enumerate() {
            if token.is_empty()
                || tokenize_line(token).ne([token.as_str()])
                || tokens[..number].contains(token)
            {
                return Some(format!(
                    "'bpe_special_tokens' takes words without blanks, each once, got {token:?}"
                ));
            }
        }
        if pieces && !tokens.is_empty() && tokens.iter().all(|token| token != "[UNK]") {
            return Some(
                "'bpe_special_tokens' must hold [UNK], which stands for what is not in the vocabulary\nhint: add it".into(),
            );
        }
        if self.bpe_limit_alphabet == Some(0) {
            return Some("'bpe_limit_alphabet' must be at least 1".into());
        }
        let learns = !matches!(self.bpe, BpeKind::Auto | BpeKind::None | BpeKind::Hf)
            && self.bpe_model.is_empty()
            && self.bpe_codes.is_empty();
        if learns && self.trainpref.is_none() {
            return Some("learning subwords needs 'trainpref'".into());
        }
        None
    }

    fn bpe_vocabulary_problem(&self) -> Option<String> {
        if self.bpe_vocabulary.is_empty() && self.bpe_vocab_threshold.is_none() {
            return None;
        }
        if self.bpe != BpeKind::SubwordNmt && self.bpe_codes.is_empty() {
            return Some(
                "'bpe_vocabulary' and 'bpe_vocab_threshold' are about subword-nmt\n\
                 hint: add 'bpe' subword_nmt or 'bpe_codes'"
                    .into(),
            );
        }
        if self.bpe_vocabulary.len() > 2 || (self.only_source && self.bpe_vocabulary.len() > 1) {
            return Some("'bpe_vocabulary' takes one file, or one for each side".into());
        }
        if !self.bpe_vocabulary.is_empty() && self.bpe_codes.is_empty() {
            return Some("'bpe_vocabulary' goes with 'bpe_codes': codes learnt here have none yet".into());
        }
        if self.bpe_vocabulary.is_empty() && self.trainpref.is_none() {
            return Some(
                "'bpe_vocab_threshold' counts the pieces of 'trainpref', which is missing\n\
                 hint: give the vocabularies with 'bpe_vocabulary'"
                    .into(),
            );
        }
        None
    }

    fn alignment_problem(&self) -> Option<String> {
        let flag = match (&self.align_suffix, &self.alignfile) {
            (Some(_), _) => "'align_suffix'",
            (None, Some(_)) => "'alignfile'",
            (None, None) => return None,
        };
        if self.only_source {
            return Some(format!("{flag} needs two sides, but 'only_source' is given"));
        }
        if self.alignfile.is_some() && self.trainpref.is_none() {
            return Some("'alignfile' aligns the text of 'trainpref', which is missing".into());
        }
        if self.align_suffix.is_some() && self.dataset_impl == DatasetImpl::Raw {
            return Some(
                "'align_suffix' goes with 'dataset_impl' mmap; alignments have no text format".into(),
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
                "'dataset_impl' {other} is not written, only read\nhint: leave it out; fairseq reads `mmap` as well"
            )),
        }
    }

    fn range_problem(&self) -> Option<String> {
        if self.padding_factor > MAX_PADDING_FACTOR {
            return Some(format!(
                "'padding_factor' must be at most {MAX_PADDING_FACTOR} (0 and 1 add nothing), got {}",
                self.padding_factor
            ));
        }
        if let Some(workers) = self.workers
            && !(1..=MAX_WORKERS).contains(&workers)
        {
            return Some(format!(
                "'workers' must be at least 1 and at most {MAX_WORKERS}, got {workers}"
            ));
        }
        if self.bpe_size == Some(0) {
            return Some("'bpe_size' must be at least 1".into());
        }
        if self.max_line_tokens == 0 {
            return Some("'max_line_tokens' must be at least 1".into());
        }
        if !(self.character_coverage > 0.0 && self.character_coverage <= 1.0) {
            return Some(format!(
                "'character_coverage' must be above 0 and at most 1, got {}",
                self.character_coverage
            ));
        }
        for (flag, nwords) in [("'nwordssrc'", self.nwordssrc), ("'nwordstgt'", self.nwordstgt)] {
            if nwords.is_some_and(|nwords| nwords <= 4) {
                return Some(format!(
                    "{flag} counts the 4 special symbols, so it must be above 4"
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
    fn a_plain_pair_is_fine() {
        pair().validate().unwrap();
    }

    #[test]
    fn what_tokenizers_of_hugging_face_cannot_do_is_named() {
        let with = |bpe: BpeKind, change: fn(&mut PreprocessConfig)| {
            problem(|c| {
                c.bpe = bpe;
                change(c);
            })
        };
        let moses = with(BpeKind::Wordpiece, |c| c.tokenizer = TokenizerKind::Moses);
        assert!(moses.contains("'bpe' wordpiece takes raw text"), "{moses}");
        let missing = with(BpeKind::Hf, |_| {});
        assert!(
            missing.contains("'bpe' hf takes an existing tokenizer"),
            "{missing}"
        );
        let lower = with(BpeKind::Hf, |c| {
            c.bpe_model = vec!["x".into()];
            c.lowercase = true;
        });
        assert!(lower.contains("leave out 'lowercase'"), "{lower}");
        let unknown = with(BpeKind::Wordpiece, |c| {
            c.bpe_special_tokens = vec!["[CLS]".into()]
        });
        assert!(unknown.contains("must hold [UNK]"), "{unknown}");
        let twice = with(BpeKind::ByteBpe, |c| {
            c.bpe_special_tokens = vec!["<s>".into(), "<s>".into()]
        });
        assert!(twice.contains("each once, got \"<s>\""), "{twice}");
        let alphabet = with(BpeKind::ByteBpe, |c| c.bpe_limit_alphabet = Some(9));
        assert!(
            alphabet.contains("'bpe_limit_alphabet' is about learning with 'bpe' wordpiece"),
            "{alphabet}"
        );
        let prefix = with(BpeKind::Wordpiece, |c| c.bpe_prefix_space = true);
        assert!(prefix.contains("'bpe' byte_bpe"), "{prefix}");
        let none = with(BpeKind::Wordpiece, |c| c.bpe_limit_alphabet = Some(0));
        assert!(none.contains("at least 1"), "{none}");
        let mut config = pair();
        config.bpe = BpeKind::ByteBpe;
        config.bpe_min_frequency = 3;
        config.lowercase = true;
        config.validate().unwrap();
    }

    #[test]
    fn contradictions_are_named_before_any_work() {
        let some = || Some(PathBuf::from("x"));
        assert!(problem(|c| c.target_lang = None).contains("'target_lang' is missing"));
        assert!(problem(|c| c.target_lang = Some("de".into())).contains("both \"de\""));
        assert!(problem(|c| c.source_lang = Some("a/b".into())).contains("'source_lang' \"a/b\""));
        assert!(problem(|c| c.trainpref = None).contains("'trainpref' is missing"));
        assert!(problem(|c| c.padding_factor = 1_000_000_000).contains("at most 4096"));
        assert!(problem(|c| c.workers = Some(0)).contains("'workers'"));
        assert!(problem(|c| c.workers = Some(1_000_000_000)).contains("at most 1024"));
        assert!(problem(|c| c.nwordssrc = Some(4)).contains("'nwordssrc'"));
        assert!(problem(|c| c.character_coverage = f64::NAN).contains("'character_coverage'"));
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
            .contains("'bpe_model'")
        );
        assert!(problem(|c| c.bpe_min_frequency = 5).contains("add 'bpe' subword_nmt"));
        assert!(
            problem(|c| {
                c.bpe = BpeKind::SubwordNmt;
                c.character_coverage = 0.9;
            })
            .contains("add 'bpe' sentencepiece")
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
            .contains("goes with 'bpe_codes'")
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
    fn extra_symbols_are_words_of_their_own() {
        for (symbols, expected) in [
            (&[""][..], "a word without blanks"),
            (&["a b"], "a word without blanks"),
            (&["</s>"], "in every dictionary"),
            (&["<a>", "<a>"], "given twice"),
        ] {
            let found = problem(|c| c.extra_symbols = symbols.iter().map(|s| (*s).to_owned()).collect());
            assert!(
                found.contains(expected) && found.contains("'extra_symbols'"),
                "{found}"
            );
        }
    }

    #[test]
    fn flags_of_moses_need_moses() {
        assert!(problem(|c| c.moses_no_escape = true).contains("'moses_no_escape' needs 'tokenizer' moses"));
        assert!(problem(|c| c.moses_no_dash_splits = true).contains("'moses_no_dash_splits' needs"));
        assert!(problem(|c| c.nonbreaking_prefixes = vec!["x".into()]).contains("needs 'tokenizer' moses"));
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
    fn a_source_side_alone_may_have_a_joined_dictionary_and_any_target_language() {
        let mut config = PreprocessConfig {
            only_source: true,
            joined_dictionary: true,
            srcdict: Some("dict".into()),
            ..pair()
        };
        config.validate().unwrap();
        config.target_lang = Some("de".into());
        config.validate().unwrap();
        config.srcdict = None;
        let problem = config.validate().unwrap_err().to_string();
        assert!(
            problem.contains("hint: give the joined dictionary with 'srcdict'"),
            "{problem}"
        );
        config.joined_dictionary = false;
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
}
