//! Flags that say how raw text becomes tokens and back, in place of what the checkpoint carries.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burnseq::decode::TranslationModel;
use burnseq_text::FileError;
use burnseq_text::sentencepiece::SentencePiece;
use burnseq_text::subword_nmt::Codes;
use burnseq_text::{MosesSettings, SubwordSettings, TextFiles, TextPipeline, TextSettings, Tokenizer};
use clap::{Args, ValueEnum};

use super::coded;
use crate::problems::Problems;

/// Name of the subword model among the files of the settings.
const SUBWORD_FILE: &str = "subword";

/// Tokenizer and subword model.
#[derive(Debug, Args)]
pub struct TextArgs {
    /// Tokenizer, and detokenizer of D- lines; --tokenizer and --bpe stand for all that the checkpoint carries
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Text")]
    pub tokenizer: Option<TokenizerName>,
    /// Moses: leave dashes inside words alone
    #[arg(long, help_heading = "Text")]
    pub moses_no_dash_splits: bool,
    /// Moses: do not write `& | < > ' " [ ]` as entities
    #[arg(long, help_heading = "Text")]
    pub moses_no_escape: bool,
    /// Subword model; goes with --bpe-codes or --sentencepiece-model
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Text")]
    pub bpe: Option<BpeName>,
    /// Merges of subword-nmt or fastBPE
    #[arg(long, value_name = "FILE", help_heading = "Text")]
    pub bpe_codes: Option<PathBuf>,
    /// Model of SentencePiece
    #[arg(long, value_name = "FILE", help_heading = "Text")]
    pub sentencepiece_model: Option<PathBuf>,
}

/// Values of `--tokenizer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenizerName {
    /// Tokens are separated by blanks already
    Space,
    /// Moses' tokenizer, for the languages of the model
    Moses,
}

/// Values of `--bpe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum BpeName {
    /// BPE of subword-nmt
    SubwordNmt,
    /// BPE of fastBPE
    Fastbpe,
    /// BPE or unigram model of SentencePiece
    Sentencepiece,
}

impl TextArgs {
    /// Whether they stand for what the checkpoint carries.
    pub(crate) fn given(&self) -> bool {
        self.tokenizer.is_some() || self.bpe.is_some()
    }

    /// Checks combinations.
    ///
    /// # Errors
    /// Flags that need another, or contradict it.
    pub(crate) fn check(&self) -> Result<()> {
        let mut problems = Problems::new();
        let moses = self.tokenizer == Some(TokenizerName::Moses);
        for (flag, given) in [
            ("--moses-no-dash-splits", self.moses_no_dash_splits),
            ("--moses-no-escape", self.moses_no_escape),
        ] {
            if given && !moses {
                problems.say(format!(
                    "{flag} goes with --tokenizer moses\nhint: add it, or leave out {flag}"
                ));
            }
        }
        let (codes, model) = (self.bpe_codes.is_some(), self.sentencepiece_model.is_some());
        let of_codes = matches!(self.bpe, Some(BpeName::SubwordNmt | BpeName::Fastbpe));
        let of_model = self.bpe == Some(BpeName::Sentencepiece);
        if codes && !of_codes {
            problems.say("--bpe-codes goes with --bpe subword_nmt or --bpe fastbpe\nhint: add one of them");
        }
        if model && !of_model {
            problems.say("--sentencepiece-model goes with --bpe sentencepiece\nhint: add it");
        }
        if of_codes && !codes {
            problems.say("--bpe needs its merges\nhint: add --bpe-codes FILE");
        }
        if of_model && !model {
            problems.say("--bpe needs its model\nhint: add --sentencepiece-model FILE");
        }
        problems.into_result()
    }

    /// Gives `model` the tokenizer and subword model of the flags, if there are any.
    ///
    /// # Errors
    /// A subword model that cannot be read.
    pub(crate) fn apply(&self, model: &mut TranslationModel) -> Result<()> {
        if !self.given() {
            return Ok(());
        }
        let (subword, path) = match (&self.bpe_codes, &self.sentencepiece_model) {
            (Some(codes), _) => {
                let settings = SubwordSettings::SubwordNmt {
                    codes: SUBWORD_FILE.to_owned(),
                    vocabulary: None,
                    threshold: 0,
                };
                (settings, Some(codes))
            }
            (None, Some(model)) => {
                let settings = SubwordSettings::SentencePiece {
                    model: SUBWORD_FILE.to_owned(),
                };
                (settings, Some(model))
            }
            (None, None) => (SubwordSettings::None, None),
        };
        let mut files = TextFiles::new();
        if let Some(path) = path {
            let content = read(path)?;
            // Errors name the file that was given.
            let checked = match &subword {
                SubwordSettings::SubwordNmt { .. } => Codes::parse(content.as_slice(), path).map(drop),
                _ => SentencePiece::from_bytes(&content, &path.display().to_string()).map(drop),
            };
            checked.map_err(coded)?;
            files.insert(SUBWORD_FILE.to_owned(), content);
        }
        let pipeline = |language: &str| {
            let settings = TextSettings {
                tokenizer: self.tokenizer(language)?,
                subword: subword.clone(),
                ..TextSettings::default()
            };
            TextPipeline::new(settings, &files).map_err(coded)
        };
        model.src_text = pipeline(&model.task.source_lang)?;
        model.tgt_text = pipeline(&model.task.target_lang)?;
        Ok(())
    }

    /// The tokenizer of one side.
    fn tokenizer(&self, language: &str) -> Result<Tokenizer> {
        match self.tokenizer {
            None | Some(TokenizerName::Space) => Ok(Tokenizer::Space),
            Some(TokenizerName::Moses) if language.is_empty() => {
                bail!(
                    "--tokenizer moses needs the languages, which the model does not tell\nhint: add -s and -t"
                )
            }
            Some(TokenizerName::Moses) => Ok(Tokenizer::Moses(MosesSettings {
                aggressive_dash_splits: !self.moses_no_dash_splits,
                escape: !self.moses_no_escape,
                ..MosesSettings::new(language)
            })),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| coded(burnseq::Error::from(FileError::read(path)(source))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: TextArgs,
    }

    #[test]
    fn a_subword_model_needs_its_file_and_a_file_its_model() {
        for (flags, expected) in [
            ("--bpe subword_nmt", "add --bpe-codes"),
            (
                "--bpe fastbpe --sentencepiece-model x",
                "--sentencepiece-model goes with",
            ),
            ("--bpe sentencepiece", "add --sentencepiece-model"),
            ("--bpe-codes x", "--bpe-codes goes with"),
            ("--bpe sentencepiece --bpe-codes x", "--bpe-codes goes with"),
            (
                "--moses-no-escape",
                "--moses-no-escape goes with --tokenizer moses",
            ),
            (
                "--tokenizer space --moses-no-dash-splits",
                "--moses-no-dash-splits goes with",
            ),
        ] {
            let words = ["x"].into_iter().chain(flags.split_whitespace());
            let problem = Cli::try_parse_from(words)
                .unwrap()
                .args
                .check()
                .unwrap_err()
                .to_string();
            assert!(problem.contains(expected), "{flags}: {problem}");
        }
        for flags in [
            "",
            "--tokenizer space --bpe fastbpe --bpe-codes x",
            "--tokenizer moses --moses-no-escape",
        ] {
            let words = ["x"].into_iter().chain(flags.split_whitespace());
            Cli::try_parse_from(words).unwrap().args.check().unwrap();
        }
        assert!(Cli::try_parse_from(["x", "--bpe", "gpt2"]).is_err());
    }

    #[test]
    fn moses_takes_the_language_of_each_side() {
        let args = |flags: &str| {
            Cli::try_parse_from(["x"].into_iter().chain(flags.split(' ')))
                .unwrap()
                .args
        };
        let tokenizer = args("--tokenizer moses --moses-no-dash-splits")
            .tokenizer("de")
            .unwrap();
        let expected = MosesSettings {
            aggressive_dash_splits: false,
            ..MosesSettings::new("de")
        };
        assert_eq!(tokenizer, Tokenizer::Moses(expected));
        let error = args("--tokenizer moses").tokenizer("").unwrap_err();
        assert!(error.to_string().contains("hint: add -s and -t"), "{error}");
    }
}
