//! The flags of `preprocess`, with fairseq's names and meanings.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use burnseq_data::DatasetImpl;
use burnseq_data::preprocess::{BpeKind, PreprocessConfig, TokenizerKind};
use burnseq_text::packed_path;
use clap::{Args, Parser, ValueEnum};

use crate::exit::usage;
use crate::grammar::{Flags, ShortHelp};

/// Folder of the default text, relative to where `preprocess` is run.
const DEFAULT_TEXT: &str = "data";

/// Turn parallel text into a binarised dataset: learn subwords, make dictionaries, write ids.
///
/// Raw text gets a joint SentencePiece model. Text that already carries subword marks (`@@ ` or
/// `▁`), and tokenised text for which a dictionary of words is asked for (--threshold*, --nwords*),
/// is used as it is, so that fairseq's commands work unchanged. Without --trainpref, --validpref
/// and --testpref the text in `data/` is taken. Text may be compressed with gzip or zstd.
#[derive(Debug, Clone, Parser)]
#[command(name = "preprocess", version, max_term_width = 110, args_override_self = true)]
pub struct PreprocessArgs {
    /// Source language, the suffix of the source files
    #[arg(
        short = 's',
        long,
        visible_alias = "src",
        value_name = "LANG",
        help_heading = "Text"
    )]
    pub source_lang: Option<String>,
    /// Target language, the suffix of the target files
    #[arg(
        short = 't',
        long,
        visible_alias = "tgt",
        value_name = "LANG",
        help_heading = "Text"
    )]
    pub target_lang: Option<String>,
    /// Training text: PREFIX.LANG, one sentence per line [default: data/train]
    #[arg(long, value_name = "PREFIX", help_heading = "Text")]
    pub trainpref: Option<PathBuf>,
    /// Validation text; several sets become valid, valid1, ... [default: data/valid]
    #[arg(long, value_name = "PREFIX,...", value_delimiter = ',', help_heading = "Text")]
    pub validpref: Vec<PathBuf>,
    /// Test text; several sets become test, test1, ... [default: data/test]
    #[arg(long, value_name = "PREFIX,...", value_delimiter = ',', help_heading = "Text")]
    pub testpref: Vec<PathBuf>,
    /// There is only a source side
    #[arg(long, help_heading = "Text")]
    pub only_source: bool,
    /// Leave out lines of more words or tokens, together with their counterpart [default: 50000]
    #[arg(long, value_name = "N", help_heading = "Text")]
    pub max_line_tokens: Option<usize>,

    /// How raw text falls into words.
    #[command(flatten)]
    pub words: WordArgs,

    /// Which subwords words fall into.
    #[command(flatten)]
    pub subwords: SubwordArgs,

    /// Which tokens have numbers, and which.
    #[command(flatten)]
    pub dictionaries: DictionaryArgs,

    /// Folder for the dataset [default: data-bin]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub destdir: Option<PathBuf>,
    /// Replace the dataset that --destdir holds
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,
    /// Threads; the output does not depend on it [default: one per processor]
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub workers: Option<usize>,
    /// Format of the dataset: mmap (ids), or raw (text, which --replace-unk of fairseq needs) [default: mmap]
    #[arg(long, value_name = "IMPL", help_heading = "Output")]
    pub dataset_impl: Option<DatasetImpl>,
    /// Word alignments lie in PREFIX.SUFFIX, as `0-0 1-2`; they become the datasets SPLIT.align.SRC-TGT
    #[arg(long, value_name = "SUFFIX", help_heading = "Output")]
    pub align_suffix: Option<String>,
    /// Make the alignment dictionary alignment.SRC-TGT.txt of the training text from its word alignments
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub alignfile: Option<PathBuf>,
    /// Task that the data is for; `translation` is the only one
    #[arg(long, value_name = "TASK", value_parser = ["translation"], help_heading = "Output")]
    pub task: Option<String>,
    /// How progress and results are shown [default: tqdm on a terminal, else simple]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub log_format: Option<LogFormat>,
    /// Show no progress bar
    #[arg(long, help_heading = "Output")]
    pub no_progress_bar: bool,
}

/// How raw text falls into words.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Words")]
pub struct WordArgs {
    /// How raw text falls into words; decoding puts it together again [default: space]
    #[arg(long, value_enum, value_name = "KIND")]
    pub tokenizer: Option<WordTokenizer>,
    /// Moses: leave dashes inside words alone
    #[arg(long)]
    pub moses_no_dash_splits: bool,
    /// Moses: do not write `& | < > ' " [ ]` as entities
    #[arg(long)]
    pub moses_no_escape: bool,
    /// Moses: abbreviations that keep their full stop, a file in Moses' format for each side: source,target
    /// [default: the lists that Moses has, the English one for a language without]
    #[arg(long, value_name = "FILE,...", value_delimiter = ',')]
    pub nonbreaking_prefixes: Vec<PathBuf>,
    /// Put text in lower case, behind the tokenizer
    #[arg(long)]
    pub lowercase: bool,
}

/// Which subwords words fall into.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Subwords")]
pub struct SubwordArgs {
    /// Subword model: learnt here, or none when the text is to be used as it is [default: auto]
    #[arg(long, value_enum, value_name = "KIND")]
    pub bpe: Option<Bpe>,
    /// Pieces, merges (subword-nmt) or tokens to learn [default: 10000, less on small corpora]
    #[arg(long, value_name = "N")]
    pub bpe_size: Option<usize>,
    /// Learn one model for each side instead of one for both
    #[arg(long)]
    pub bpe_per_side: bool,
    /// Existing SentencePiece model, or with --bpe hf a folder with a tokenizer of Hugging Face or its tokenizer.json; or
    /// two: source,target
    #[arg(
        long,
        visible_alias = "sentencepiece-model",
        value_name = "FILE,...",
        value_delimiter = ','
    )]
    pub bpe_model: Vec<PathBuf>,
    /// Existing subword-nmt codes, or two files: source,target
    #[arg(long, value_name = "FILE,...", value_delimiter = ',')]
    pub bpe_codes: Vec<PathBuf>,
    /// Vocabulary of the codes, or two files: source,target; pieces outside are split again
    #[arg(
        long,
        visible_alias = "vocabulary",
        value_name = "FILE,...",
        value_delimiter = ','
    )]
    pub bpe_vocabulary: Vec<PathBuf>,
    /// Split subword-nmt's pieces again that are seen less often on their side: in the vocabulary, else in the
    /// training text
    #[arg(long, visible_alias = "vocabulary-threshold", value_name = "N")]
    pub bpe_vocab_threshold: Option<u64>,
    /// subword-nmt, WordPiece and byte-level BPE learn no merge that is seen less often [default: 2]
    #[arg(long, value_name = "N")]
    pub bpe_min_frequency: Option<u64>,
    /// Tokens that come first in a vocabulary of wordpiece or byte_bpe and stay whole in text [default: those of BERT for
    /// wordpiece, none for byte_bpe]
    #[arg(long, value_name = "TOKEN,...", value_delimiter = ',')]
    pub bpe_special_tokens: Vec<String>,
    /// Most characters that a vocabulary of wordpiece keeps [default: 1000]
    #[arg(long, value_name = "N")]
    pub bpe_limit_alphabet: Option<usize>,
    /// Characters that a vocabulary of wordpiece holds, seen or not, such as `ABC`
    #[arg(long, value_name = "CHARACTERS")]
    pub bpe_initial_alphabet: Option<String>,
    /// byte_bpe puts a blank before each line, so that its first word is segmented as all others
    #[arg(long)]
    pub bpe_prefix_space: bool,
    /// Share of the characters that SentencePiece keeps [default: 0.9995]
    #[arg(long, value_name = "SHARE")]
    pub character_coverage: Option<f64>,
}

/// Which tokens have numbers, and which.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Dictionaries")]
pub struct DictionaryArgs {
    /// Source tokens seen less often become `<unk>` [default: 0]
    #[arg(long, value_name = "N")]
    pub thresholdsrc: Option<i64>,
    /// Target tokens seen less often become `<unk>` [default: 0]
    #[arg(long, value_name = "N")]
    pub thresholdtgt: Option<i64>,
    /// Most source types, the 4 special symbols included; 0 or -1: all [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub nwordssrc: Option<i64>,
    /// Most target types, the 4 special symbols included; 0 or -1: all [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub nwordstgt: Option<i64>,
    /// Use this source dictionary
    #[arg(long, value_name = "FILE")]
    pub srcdict: Option<PathBuf>,
    /// Use this target dictionary
    #[arg(long, value_name = "FILE")]
    pub tgtdict: Option<PathBuf>,
    /// Make data for a model: use the languages, dictionaries, tokenizer and subword models of this checkpoint, to
    /// fine-tune it on other text or to translate that text
    #[arg(
        long,
        value_name = "CHECKPOINT",
        conflicts_with_all = [
            "srcdict", "tgtdict", "joined_dictionary", "thresholdsrc", "thresholdtgt", "nwordssrc", "nwordstgt",
            "tokenizer", "moses_no_dash_splits", "moses_no_escape", "nonbreaking_prefixes", "lowercase", "bpe",
            "bpe_size", "bpe_per_side", "bpe_model", "bpe_codes", "bpe_vocabulary", "bpe_vocab_threshold",
            "bpe_min_frequency", "bpe_special_tokens", "bpe_limit_alphabet", "bpe_initial_alphabet", "bpe_prefix_space",
            "character_coverage",
        ]
    )]
    pub like: Option<PathBuf>,
    /// With --like and a translation model, make text for a language model of this side: plain text (PREFIX is the file)
    /// with the dictionary and the subwords of the side. Such a language model can be fused into translation (`generate
    /// --lm-path`)
    #[arg(
        long,
        value_enum,
        value_name = "SIDE",
        requires = "like",
        conflicts_with_all = ["source_lang", "target_lang", "align_suffix", "alignfile"]
    )]
    pub like_side: Option<Side>,
    /// One dictionary for both sides, shaped by --thresholdsrc and --nwordssrc
    #[arg(long)]
    pub joined_dictionary: bool,
    /// Fill dictionaries up to a multiple of this many types; 0: not at all [default: 8]
    #[arg(long, value_name = "N")]
    pub padding_factor: Option<usize>,
    /// Symbols that are tokens of their own wherever they stand in raw text, such as `<sep>`. They come last in the
    /// dictionaries, so that with --like or --srcdict all other tokens keep their ids, and `train --finetune-from-model`
    /// takes the model with rows for them
    #[arg(long, value_name = "SYMBOL,...", value_delimiter = ',')]
    pub extra_symbols: Vec<String>,
    /// Stop when the dictionaries are written
    #[arg(long)]
    pub dict_only: bool,
}

/// Values of `--tokenizer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum WordTokenizer {
    /// Words are what white space separates
    Space,
    /// Every character is a token
    Character,
    /// Every byte is a token
    Byte,
    /// Moses' tokenizer, for the language of each side
    Moses,
}

/// Values of `--bpe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Bpe {
    /// None when the training text already carries subword marks or words are asked for, else sentencepiece
    Auto,
    /// SentencePiece BPE, which takes raw text
    Sentencepiece,
    /// subword-nmt, which takes text in words
    #[value(alias = "subword-nmt")]
    SubwordNmt,
    /// WordPiece as for BERT, which takes raw text; written as a tokenizer of Hugging Face
    Wordpiece,
    /// BPE on bytes as for GPT-2, which takes raw text; written as a tokenizer of Hugging Face
    ByteBpe,
    /// An existing tokenizer of Hugging Face (--bpe-model), which takes raw text
    Hf,
    /// Every character is a token, as with --tokenizer character
    Characters,
    /// Every byte is a token, as with --tokenizer byte
    Bytes,
    /// The text is used as it is, split at white space
    None,
}

/// Values of `--like-side`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// The text that the model reads
    Source,
    /// The text that it writes
    Target,
}

/// Values of `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Progress bar on stderr, table on stdout
    Tqdm,
    /// A line per stage on stderr, table on stdout
    Simple,
    /// A line per stage on stderr, one JSON object on stdout
    Json,
    /// Nothing but errors
    None,
}

/// A config, and what the user should know about how it came about.
#[derive(Debug)]
pub struct Resolved {
    /// The full config.
    pub config: PreprocessConfig,
    /// Default sets that are not there.
    pub notes: Vec<String>,
}

impl Flags for PreprocessArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            (
                "source-lang",
                "Source language, such as de; the ending of its files",
            ),
            ("target-lang", "Target language, such as en"),
            (
                "trainpref",
                "Training text without its ending: data/train [default: data/train]",
            ),
            ("validpref", "Validation text, likewise"),
            ("testpref", "Test text, likewise"),
            ("destdir", "Folder of the dataset [default: data-bin]"),
            (
                "bpe",
                "Subword model: sentencepiece, subword_nmt, wordpiece, byte_bpe, hf, none",
            ),
            ("bpe-size", ""),
            ("joined-dictionary", ""),
            ("only-source", "Text of one side alone"),
            ("workers", ""),
        ],
        examples: "preprocess --src de --tgt en\n\
                   preprocess -s de -t en --trainpref train --validpref valid --testpref test --destdir data-bin --bpe-size 8000",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        let config = self.clone().resolve();
        let valid = config.and_then(|resolved| Ok(resolved.config.validate()?));
        valid.err().into_iter().collect()
    }
}

impl PreprocessArgs {
    /// Flags that do not act beside the others, as in fairseq: a note on each.
    fn without_effect(&self) -> Vec<String> {
        let above_zero = |count: Option<i64>| count.is_some_and(|count| count > 0);
        let given_dictionaries = if self.dictionaries.joined_dictionary {
            self.dictionaries.srcdict.is_some() || self.dictionaries.tgtdict.is_some()
        } else {
            self.dictionaries.srcdict.is_some() && (self.only_source || self.dictionaries.tgtdict.is_some())
        };
        let joined = "a joined dictionary is shaped by --thresholdsrc and --nwordssrc";
        let one_sided = "there is no target side";
        let target = if self.only_source { one_sided } else { joined };
        let no_target = self.dictionaries.joined_dictionary || self.only_source;
        let flags = [
            (
                "--thresholdtgt",
                no_target && above_zero(self.dictionaries.thresholdtgt),
                target,
            ),
            (
                "--nwordstgt",
                no_target && above_zero(self.dictionaries.nwordstgt),
                target,
            ),
            (
                "--padding-factor",
                self.dictionaries.padding_factor.is_some() && given_dictionaries,
                "dictionaries that are given stay as they are",
            ),
            (
                "--alignfile",
                self.alignfile.is_some() && self.dictionaries.dict_only,
                "--dict-only stops before it",
            ),
        ];
        let given = flags.iter().filter(|(_, given, _)| *given);
        given
            .map(|(flag, _, why)| format!("{flag} changes nothing here: {why}"))
            .collect()
    }

    /// The defaults overlaid by the flags.
    ///
    /// # Errors
    /// Usage errors: flags of fairseq that are not supported, numbers out of range.
    pub fn resolve(self) -> anyhow::Result<Resolved> {
        let mut notes = self.without_effect();
        let mut config = PreprocessConfig {
            source_lang: self.source_lang,
            target_lang: self.target_lang,
            trainpref: self.trainpref,
            validpref: self.validpref,
            testpref: self.testpref,
            overwrite: self.overwrite,
            nwordssrc: nwords(self.dictionaries.nwordssrc),
            nwordstgt: nwords(self.dictionaries.nwordstgt),
            srcdict: self.dictionaries.srcdict,
            tgtdict: self.dictionaries.tgtdict,
            joined_dictionary: self.dictionaries.joined_dictionary,
            only_source: self.only_source,
            extra_symbols: self.dictionaries.extra_symbols,
            dict_only: self.dictionaries.dict_only,
            workers: self.workers,
            bpe_size: self.subwords.bpe_size,
            bpe_per_side: self.subwords.bpe_per_side,
            bpe_model: self.subwords.bpe_model,
            bpe_codes: self.subwords.bpe_codes,
            bpe_vocabulary: self.subwords.bpe_vocabulary,
            bpe_vocab_threshold: self.subwords.bpe_vocab_threshold,
            bpe_special_tokens: self.subwords.bpe_special_tokens,
            bpe_limit_alphabet: self.subwords.bpe_limit_alphabet,
            bpe_prefix_space: self.subwords.bpe_prefix_space,
            align_suffix: self.align_suffix,
            alignfile: self.alignfile,
            moses_no_dash_splits: self.words.moses_no_dash_splits,
            moses_no_escape: self.words.moses_no_escape,
            nonbreaking_prefixes: self.words.nonbreaking_prefixes,
            lowercase: self.words.lowercase,
            ..PreprocessConfig::default()
        };
        overlay(&mut config.destdir, self.destdir);
        let threshold = |count: i64| u64::try_from(count).unwrap_or(0);
        overlay(
            &mut config.thresholdsrc,
            self.dictionaries.thresholdsrc.map(threshold),
        );
        overlay(
            &mut config.thresholdtgt,
            self.dictionaries.thresholdtgt.map(threshold),
        );
        overlay(&mut config.padding_factor, self.dictionaries.padding_factor);
        let of_bpe = self.subwords.bpe.and_then(Bpe::tokenizer);
        if let (Some(of_bpe), Some(given)) = (of_bpe, self.words.tokenizer)
            && of_bpe != given
        {
            return Err(usage(anyhow!(
                "--bpe characters and --bpe bytes say what a token is, and so does --tokenizer\nhint: leave out --tokenizer"
            )));
        }
        if of_bpe.is_some() && (self.subwords.bpe_size.is_some() || self.subwords.bpe_per_side) {
            return Err(usage(anyhow!(
                "--bpe characters and --bpe bytes learn nothing, so --bpe-size and --bpe-per-side have no meaning\nhint: leave \
                 them out, or give --bpe sentencepiece to learn subwords"
            )));
        }
        overlay(
            &mut config.tokenizer,
            of_bpe.or(self.words.tokenizer).map(TokenizerKind::from),
        );
        overlay(&mut config.bpe, self.subwords.bpe.map(BpeKind::from));
        overlay(&mut config.bpe_min_frequency, self.subwords.bpe_min_frequency);
        overlay(
            &mut config.bpe_initial_alphabet,
            self.subwords.bpe_initial_alphabet,
        );
        overlay(&mut config.character_coverage, self.subwords.character_coverage);
        overlay(&mut config.max_line_tokens, self.max_line_tokens);
        overlay(&mut config.dataset_impl, self.dataset_impl);
        let side = match &self.dictionaries.like {
            Some(checkpoint) => super::like::apply(checkpoint, self.dictionaries.like_side, &mut config)?,
            None => None,
        };
        default_text(&mut config, side.as_deref(), &mut notes);
        Ok(Resolved { config, notes })
    }
}

/// Takes the text in `data/` when no text is named at all: of all languages, or of `side` alone.
fn default_text(config: &mut PreprocessConfig, side: Option<&str>, notes: &mut Vec<String>) {
    let named = config.trainpref.is_some() || !config.validpref.is_empty() || !config.testpref.is_empty();
    if named {
        return;
    }
    let folder = Path::new(DEFAULT_TEXT);
    let prefix = |split: &str| match side {
        Some(lang) => folder.join(format!("{split}.{lang}")),
        None => folder.join(split),
    };
    config.trainpref = Some(prefix("train"));
    for (split, prefixes) in [("valid", &mut config.validpref), ("test", &mut config.testpref)] {
        let prefix = prefix(split);
        let file = match &config.source_lang {
            Some(lang) => folder.join(format!("{split}.{lang}")),
            None => prefix.clone(),
        };
        if packed_path(file.clone()).exists() {
            prefixes.push(prefix);
        } else {
            notes.push(format!(
                "there is no {split} set: {} does not exist",
                file.display()
            ));
        }
    }
}

fn overlay<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

/// fairseq writes no limit as -1, and takes every number up to 0 for it.
fn nwords(types: Option<i64>) -> Option<usize> {
    types
        .filter(|&types| types > 0)
        .map(|types| usize::try_from(types).unwrap_or(usize::MAX))
}

impl Bpe {
    /// The tokenizer that it stands for.
    fn tokenizer(self) -> Option<WordTokenizer> {
        match self {
            Self::Characters => Some(WordTokenizer::Character),
            Self::Bytes => Some(WordTokenizer::Byte),
            Self::Auto
            | Self::Sentencepiece
            | Self::SubwordNmt
            | Self::Wordpiece
            | Self::ByteBpe
            | Self::Hf
            | Self::None => None,
        }
    }
}

impl From<WordTokenizer> for TokenizerKind {
    fn from(tokenizer: WordTokenizer) -> Self {
        match tokenizer {
            WordTokenizer::Space => Self::Space,
            WordTokenizer::Character => Self::Character,
            WordTokenizer::Byte => Self::Byte,
            WordTokenizer::Moses => Self::Moses,
        }
    }
}

impl From<Bpe> for BpeKind {
    fn from(bpe: Bpe) -> Self {
        match bpe {
            Bpe::Auto => Self::Auto,
            Bpe::Sentencepiece => Self::Sentencepiece,
            Bpe::SubwordNmt => Self::SubwordNmt,
            Bpe::Wordpiece => Self::Wordpiece,
            Bpe::ByteBpe => Self::ByteBpe,
            Bpe::Hf => Self::Hf,
            Bpe::Characters | Bpe::Bytes | Bpe::None => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn resolve(flags: &[&str]) -> anyhow::Result<Resolved> {
        let args = ["preprocess"].iter().chain(flags);
        PreprocessArgs::try_parse_from(args)?.resolve()
    }

    #[test]
    fn the_command_is_consistent() {
        PreprocessArgs::command().debug_assert();
    }

    #[test]
    fn fairseqs_recipe_gives_the_config_that_it_means() {
        let flags = "--source-lang de --target-lang en --trainpref d/train --validpref d/valid \
                     --testpref d/test,d/test2 --destdir out --workers 20 --dataset-impl mmap \
                     --nwordssrc -1 --nwordstgt 900 --thresholdsrc 2 --task translation";
        let flags: Vec<_> = flags.split_whitespace().collect();
        let expected = PreprocessConfig {
            source_lang: Some("de".into()),
            target_lang: Some("en".into()),
            trainpref: Some("d/train".into()),
            validpref: vec!["d/valid".into()],
            testpref: vec!["d/test".into(), "d/test2".into()],
            destdir: "out".into(),
            workers: Some(20),
            nwordstgt: Some(900),
            thresholdsrc: 2,
            ..PreprocessConfig::default()
        };
        assert_eq!(resolve(&flags).unwrap().config, expected);
    }

    #[test]
    fn what_fairseq_takes_for_no_limit_is_none() {
        for off in ["0", "-1", "-7"] {
            let flags = [
                "--nwordssrc",
                off,
                "--nwordstgt",
                off,
                "--thresholdsrc",
                off,
                "--thresholdtgt",
                off,
            ];
            let words = ["preprocess"].into_iter().chain(flags);
            let config = crate::preprocess::GRAMMAR
                .try_parse::<PreprocessArgs>(words)
                .unwrap()
                .unwrap()
                .resolve()
                .unwrap()
                .config;
            assert_eq!((config.nwordssrc, config.nwordstgt), (None, None));
            assert_eq!((config.thresholdsrc, config.thresholdtgt), (0, 0));
        }
    }

    #[test]
    fn flags_that_do_not_act_beside_the_others_are_named() {
        let notes = |flags: &str| {
            let flags = format!("-s de -t en --trainpref t {flags}");
            let words: Vec<&str> = flags.split_whitespace().collect();
            resolve(&words).unwrap().notes.join("\n")
        };
        for (flags, expected) in [
            (
                "--joined-dictionary --thresholdtgt 2 --thresholdsrc 2",
                "--thresholdtgt changes nothing here: a joined",
            ),
            (
                "--joined-dictionary --nwordstgt 100",
                "--nwordstgt changes nothing here: a joined",
            ),
            (
                "--only-source --nwordstgt 100",
                "--nwordstgt changes nothing here: there is no target side",
            ),
            (
                "--srcdict a --tgtdict b --padding-factor 4",
                "--padding-factor changes nothing here",
            ),
            (
                "--joined-dictionary --srcdict a --padding-factor 4",
                "--padding-factor changes nothing here",
            ),
            ("--alignfile x --dict-only", "--alignfile changes nothing here"),
        ] {
            assert!(notes(flags).contains(expected), "{flags}: {}", notes(flags));
        }
        for flags in [
            "--joined-dictionary --thresholdtgt 0 --nwordstgt -1",
            "--thresholdtgt 2 --nwordstgt 100 --padding-factor 4 --srcdict a",
        ] {
            assert_eq!(notes(flags), "", "{flags}");
        }
    }

    #[test]
    fn formats_alignments_and_vocabularies_reach_the_config() {
        let flags = "-s de -t en --trainpref d/train --dataset-impl raw --alignfile links --align-suffix align \
                     --bpe-codes c --vocabulary v.de,v.en --vocabulary-threshold 50";
        let flags: Vec<_> = flags.split_whitespace().collect();
        let expected = PreprocessConfig {
            source_lang: Some("de".into()),
            target_lang: Some("en".into()),
            trainpref: Some("d/train".into()),
            dataset_impl: DatasetImpl::Raw,
            alignfile: Some("links".into()),
            align_suffix: Some("align".into()),
            bpe_codes: vec!["c".into()],
            bpe_vocabulary: vec!["v.de".into(), "v.en".into()],
            bpe_vocab_threshold: Some(50),
            ..PreprocessConfig::default()
        };
        assert_eq!(resolve(&flags).unwrap().config, expected);
    }

    #[test]
    fn words_can_be_those_of_moses() {
        let flags = "-s de -t en --tokenizer moses --moses-no-dash-splits --moses-no-escape \
                     --nonbreaking-prefixes a,b --lowercase --trainpref d/train";
        let flags: Vec<_> = flags.split_whitespace().collect();
        let config = resolve(&flags).unwrap().config;
        assert_eq!(config.tokenizer, TokenizerKind::Moses);
        assert!(config.moses_no_dash_splits && config.moses_no_escape && config.lowercase);
        assert_eq!(config.nonbreaking_prefixes, [PathBuf::from("a"), "b".into()]);
    }

    #[test]
    fn short_names_mean_the_same() {
        for flags in [["--src", "de", "--tgt", "en"], ["-s", "de", "-t", "en"]] {
            let resolved = resolve(&flags).unwrap();
            assert_eq!(resolved.config.source_lang.as_deref(), Some("de"));
            assert_eq!(resolved.config.trainpref, Some("data/train".into()));
        }
    }

    #[test]
    fn default_sets_are_not_added_to_named_text() {
        let resolved = resolve(&["-s", "de", "-t", "en", "--trainpref", "mine"]).unwrap();
        assert!(resolved.config.validpref.is_empty() && resolved.config.testpref.is_empty());
        assert!(resolved.notes.is_empty());
    }

    #[test]
    fn unsupported_flags_are_refused_clearly() {
        for (flags, expected) in [
            (
                ["--dataset-impl", "huffman"],
                "`huffman` (compressed ids) is not supported",
            ),
            (["--task", "denoising"], "possible values: translation"),
        ] {
            let error = resolve(&flags).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
