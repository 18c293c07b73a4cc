//! The flags of `burnseq convert`.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use burnseq::decode::is_hugging_face;
use clap::{Parser, ValueEnum};

use crate::decoding::overrides::{self, Overrides};
use crate::grammar::Flags;
use crate::task::LanguageArgs;

/// Convert a checkpoint of fairseq or of Hugging Face's transformers to one of burnseq, or back.
///
/// A checkpoint of fairseq is a file `.pt`; nothing in it is executed. Its dictionaries come from
/// --data. One of transformers is a folder with config.json, one of burnseq a folder with
/// checkpoint.json. The names tell the formats, unless --from and --to do:
///
///   convert checkpoint_best.pt checkpoints/checkpoint_best --data data-bin
///   convert checkpoints/checkpoint_best checkpoint_best.pt
///   convert opus-mt-de-en checkpoints/marian
///   convert --to hf checkpoints/checkpoint_best model
#[derive(Debug, Parser)]
#[command(name = "convert", version, max_term_width = 110, verbatim_doc_comment)]
pub struct ConvertArgs {
    /// What to convert: checkpoint.pt, weights.safetensors under fairseq's names, or the folder of a checkpoint
    pub input: PathBuf,
    /// What to write: a folder, or checkpoint.pt
    pub output: PathBuf,

    /// Format of the input [default: fairseq for a file, hf for a folder with config.json, burnseq for another folder]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub from: Option<Format>,
    /// Format of the output [default: burnseq; from burnseq, fairseq]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub to: Option<Format>,
    /// Replace the output if it exists
    #[arg(long, visible_alias = "force")]
    pub overwrite: bool,

    /// Folder of the data that the model was trained on, for its dictionaries [default: data-bin]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["srcdict", "tgtdict"], help_heading = "From fairseq")]
    pub data: Option<PathBuf>,
    /// Source dictionary, in place of --data; of a language model its only one
    #[arg(long, value_name = "FILE", help_heading = "From fairseq")]
    pub srcdict: Option<PathBuf>,
    /// Target dictionary, in place of --data
    #[arg(
        long,
        value_name = "FILE",
        requires = "srcdict",
        help_heading = "From fairseq"
    )]
    pub tgtdict: Option<PathBuf>,
    /// Languages.
    #[command(flatten, next_help_heading = "From fairseq")]
    pub languages: LanguageArgs,
    /// Take over the state of Adam and the position in the training data of --data, so that `train` continues
    #[arg(long, help_heading = "From fairseq")]
    pub with_optimizer: bool,
    /// Options of fairseq to take as if they were not there, comma-separated
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        help_heading = "From fairseq"
    )]
    pub ignore: Vec<String>,
    /// Go on where weights are missing, which then have fresh values, and where some are of no use
    #[arg(long, help_heading = "From Hugging Face")]
    pub ignore_missing: bool,
    /// Preset that a .safetensors file belongs to
    #[arg(short = 'a', long, value_name = "NAME", help_heading = "From bare weights")]
    pub arch: Option<String>,
    /// What a .safetensors file has different from its preset, as a dictionary: "{'encoder_layers': 3}"
    #[arg(
        long = "model-overrides",
        value_name = "DICT",
        value_parser = overrides::parse,
        requires = "arch",
        help_heading = "From bare weights"
    )]
    pub overrides: Option<Overrides>,
}

/// Whose checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A file `.pt`, or weights in a file `.safetensors`
    Fairseq,
    /// A folder with checkpoint.json
    Burnseq,
    /// A folder of Hugging Face's transformers, with config.json
    #[value(alias = "huggingface", alias = "hugging_face", alias = "transformers")]
    Hf,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A `.pt` file becomes a folder.
    FromFairseq,
    /// A `.safetensors` file becomes a folder.
    FromWeights,
    /// A folder becomes a `.pt` file.
    ToFairseq,
    /// A folder of transformers becomes one of burnseq.
    FromHuggingFace,
    /// A folder of burnseq becomes one of transformers.
    ToHuggingFace,
}

impl Flags for ConvertArgs {
    fn problems(&self) -> Vec<anyhow::Error> {
        self.direction().err().into_iter().collect()
    }
}

impl ConvertArgs {
    /// What is to be done; no file is touched but that the input is looked up.
    ///
    /// # Errors
    /// Formats that are not clear or the same; flags that go with another direction.
    pub fn direction(&self) -> Result<Direction> {
        let from = self.from.or_else(|| format_of(&self.input));
        let to = self.to.or_else(|| from.map(Format::other));
        let direction = match (from, to) {
            (Some(Format::Fairseq), Some(Format::Burnseq)) if has_extension(&self.input, "safetensors") => {
                Direction::FromWeights
            }
            (Some(Format::Fairseq), Some(Format::Burnseq)) => Direction::FromFairseq,
            (Some(Format::Burnseq), Some(Format::Fairseq)) => Direction::ToFairseq,
            (Some(Format::Hf), Some(Format::Burnseq)) => Direction::FromHuggingFace,
            (Some(Format::Burnseq), Some(Format::Hf)) => Direction::ToHuggingFace,
            (Some(Format::Hf), Some(Format::Fairseq)) | (Some(Format::Fairseq), Some(Format::Hf)) => bail!(
                "one of --from and --to must be burnseq\nhint: convert twice, with a checkpoint of burnseq in between"
            ),
            (None, _) => bail!(
                "{} is neither a file .pt or .safetensors nor a folder\nhint: say what it is with --from",
                self.input.display()
            ),
            _ => bail!(
                "--from and --to are the same format\nhint: one is `burnseq`, the other `fairseq` or `hf`"
            ),
        };
        let is_file_name = has_extension(&self.output, "pt");
        if is_file_name != (direction == Direction::ToFairseq) {
            let expected = if is_file_name {
                "a folder, not a file .pt"
            } else {
                "a file .pt"
            };
            bail!("{}: the output must be {expected}", self.output.display());
        }
        self.check_flags(direction)?;
        Ok(direction)
    }

    fn check_flags(&self, direction: Direction) -> Result<()> {
        use Direction::{FromFairseq, FromHuggingFace, FromWeights, ToFairseq, ToHuggingFace};
        let flags: [(&str, bool, &[Direction]); 9] = [
            ("--data", self.data.is_some(), &[FromFairseq, FromWeights]),
            ("--srcdict", self.srcdict.is_some(), &[FromFairseq, FromWeights]),
            (
                "--source-lang",
                self.languages.source_lang.is_some(),
                &[FromFairseq, FromWeights, FromHuggingFace],
            ),
            (
                "--target-lang",
                self.languages.target_lang.is_some(),
                &[FromFairseq, FromWeights, FromHuggingFace],
            ),
            ("--with-optimizer", self.with_optimizer, &[FromFairseq]),
            ("--ignore", !self.ignore.is_empty(), &[FromFairseq]),
            ("--ignore-missing", self.ignore_missing, &[FromHuggingFace]),
            ("--arch", self.arch.is_some(), &[FromWeights]),
            ("--model-overrides", self.overrides.is_some(), &[FromWeights]),
        ];
        if let Some((flag, ..)) = flags
            .iter()
            .find(|(_, given, with)| *given && !with.contains(&direction))
        {
            let what = match direction {
                FromFairseq => "a checkpoint of fairseq, which knows its own architecture",
                FromWeights => "bare weights, which hold nothing else",
                FromHuggingFace => {
                    "a folder of transformers, which knows its own architecture and vocabulary"
                }
                ToFairseq | ToHuggingFace => {
                    "a checkpoint of burnseq, which carries its dictionaries and its optimiser"
                }
            };
            bail!("{flag} does not go with {what}\nhint: leave it out");
        }
        if direction == FromWeights && self.arch.is_none() {
            return Err(anyhow!(
                "{} holds bare weights, which do not say what model they are\nhint: give --arch, and --model-overrides \
                 for what differs from the preset",
                self.input.display()
            ));
        }
        Ok(())
    }
}

impl Format {
    fn other(self) -> Self {
        match self {
            Self::Fairseq | Self::Hf => Self::Burnseq,
            Self::Burnseq => Self::Fairseq,
        }
    }
}

fn format_of(path: &Path) -> Option<Format> {
    if is_hugging_face(path) {
        Some(Format::Hf)
    } else if path.is_dir() {
        Some(Format::Burnseq)
    } else if has_extension(path, "pt") || has_extension(path, "safetensors") {
        Some(Format::Fairseq)
    } else {
        None
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(line: &str) -> Result<Direction, String> {
        let args = ConvertArgs::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        args.direction().map_err(|error| error.to_string())
    }

    #[test]
    fn formats_are_told_from_names_or_given() {
        assert_eq!(direction("convert x.pt out"), Ok(Direction::FromFairseq));
        assert_eq!(
            direction("convert --from fairseq x.pt --to burnseq out"),
            Ok(Direction::FromFairseq)
        );
        assert_eq!(
            direction("convert --from fairseq x.bin out"),
            Ok(Direction::FromFairseq)
        );
        assert_eq!(
            direction("convert x.safetensors out --arch transformer"),
            Ok(Direction::FromWeights)
        );
        assert_eq!(direction("convert /tmp x.pt"), Ok(Direction::ToFairseq));
        assert_eq!(
            direction("convert --from burnseq none --to fairseq x.pt"),
            Ok(Direction::ToFairseq)
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (line, problem) in [
            ("convert x.bin out", "--from"),
            ("convert --from fairseq x.pt --to fairseq y.pt", "the same format"),
            ("convert x.pt y.pt", "must be a folder"),
            ("convert --from burnseq ckpt out", "must be a file .pt"),
            (
                "convert --from burnseq ckpt out.pt --data data-bin",
                "--data does not go",
            ),
            (
                "convert --from burnseq ckpt out.pt --with-optimizer",
                "--with-optimizer does not go",
            ),
            ("convert x.pt out --arch transformer", "--arch does not go"),
            (
                "convert x.safetensors out --arch transformer --with-optimizer",
                "--with-optimizer does not go",
            ),
            ("convert x.safetensors out", "give --arch"),
            ("convert x.pt out --tgtdict a", "--srcdict"),
            (
                "convert x.pt out --data a --srcdict a --tgtdict b",
                "cannot be used with",
            ),
        ] {
            let found = direction(line).unwrap_err();
            assert!(found.contains(problem), "{line}: {found}");
        }
    }
}
