//! The flags of `burnseq report`.

use std::path::PathBuf;

use anyhow::anyhow;
use burnseq_search::{GenerateOptions, Generator, SearchError};
use clap::Parser;

use crate::compute::ComputeArgs;
use crate::decoding::RemoveBpeArgs;
use crate::exit::usage;
use crate::grammar::{Flags, Grammar, MARKS, ShortHelp};
use crate::problems::Problems;

/// Write a page about training runs: curves, settings, data, translations, attention maps.
///
/// RUN is a folder of checkpoints (--save-dir of `train`), or a log alone. The page is one HTML file that loads nothing.
/// A run may still be going. A run is translated with its best checkpoint.
#[derive(Debug, Parser)]
#[command(name = "report", version, max_term_width = 110, args_override_self = true)]
pub struct ReportArgs {
    /// Runs: folders of checkpoints, or logs
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The page; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub output: PathBuf,
    /// Folder for the figures, each as SVG and as PNG
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub overwrite: bool,
    /// Logs of the runs, in their order [default: the log in the folder of each run]
    #[arg(long, value_name = "FILE,...", value_delimiter = ',')]
    pub log_file: Vec<PathBuf>,
    /// Folder of the dataset [default: the one that each run was trained on]
    #[arg(long, value_name = "DATA-BIN")]
    pub data: Option<PathBuf>,

    /// Checkpoint of each run that translates [default: checkpoint_best, else checkpoint_last]
    #[arg(long, value_name = "NAME", help_heading = "Translations")]
    pub checkpoint: Option<String>,
    /// Part of the dataset that is translated [default: the first validation set of the run]
    #[arg(long, value_name = "SPLIT", help_heading = "Translations")]
    pub gen_subset: Option<String>,
    /// Sentences of it that are translated, at equal distances; 0: none
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Translations")]
    pub num_sentences: usize,
    /// Live hypotheses per sentence
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Translations")]
    pub beam: usize,
    /// Hypotheses shown per sentence [default: 3, or as many as there are]
    #[arg(long, value_name = "N", help_heading = "Translations")]
    pub nbest: Option<usize>,
    /// At most B tokens per translation
    #[arg(long, value_name = "B", default_value_t = 200, help_heading = "Translations")]
    pub max_len_b: usize,
    /// How pieces of words are joined.
    #[command(flatten)]
    pub marks: RemoveBpeArgs,
    /// Best and worst translations that are shown
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Translations")]
    pub examples: usize,
    /// Device and precision.
    #[command(flatten, next_help_heading = "Translations")]
    pub compute: ComputeArgs,

    /// Sentences whose attention is shown, counted from 0; `none` shows none [default: three short ones]
    #[arg(long, value_name = "N,...", value_delimiter = ',', help_heading = "Attention")]
    pub attention: Vec<String>,
    /// Layers that are shown, counted from 1 [default: all]
    #[arg(long, value_name = "N,...", value_delimiter = ',', help_heading = "Attention")]
    pub attention_layers: Vec<usize>,
    /// Heads that are shown, counted from 1 [default: all]
    #[arg(long, value_name = "N,...", value_delimiter = ',', help_heading = "Attention")]
    pub attention_heads: Vec<usize>,
}

/// Hypotheses shown per sentence where nobody says how many.
const SHOWN: usize = 3;

/// The command line of `burnseq report`.
pub const GRAMMAR: Grammar = Grammar {
    harmless: [&[], &[]],
    refused: &[],
    optional_values: &[("remove-bpe", MARKS), ("post-process", MARKS)],
};

impl ReportArgs {
    /// How sentences are translated.
    ///
    /// # Errors
    /// An option that is out of range.
    pub(super) fn generator(&self) -> Result<Generator, SearchError> {
        Generator::new(GenerateOptions {
            beam: self.beam,
            nbest: self.nbest.unwrap_or(SHOWN.min(self.beam)),
            max_len_b: self.max_len_b,
            ..GenerateOptions::default()
        })
    }

    /// The sentences that `--attention` names; `None`: it names none.
    ///
    /// # Errors
    /// A word that is no number.
    pub(super) fn sentences(&self) -> anyhow::Result<Option<Vec<usize>>> {
        if self.attention.is_empty() {
            return Ok(None);
        }
        if self.attention == ["none"] {
            return Ok(Some(Vec::new()));
        }
        let number = |word: &String| {
            word.parse().map_err(|_| {
                anyhow!(
                    "invalid value {word:?} for --attention: expected numbers of sentences, or `none` alone"
                )
            })
        };
        self.attention
            .iter()
            .map(number)
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

impl Flags for ReportArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            ("runs", ""),
            ("output", ""),
            ("out", ""),
            ("overwrite", ""),
            ("data", ""),
            ("gen-subset", ""),
            ("num-sentences", ""),
            ("beam", ""),
            ("attention", ""),
            ("cpu", ""),
        ],
        examples: "burnseq report checkpoints\n\
                   burnseq report runs/a runs/b --output ab.html --out figures",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        let mut problems = Vec::new();
        problems.extend(self.generator().err().map(anyhow::Error::new));
        problems.extend(self.sentences().err());
        for (flag, numbers) in [
            ("--attention-layers", &self.attention_layers),
            ("--attention-heads", &self.attention_heads),
        ] {
            if numbers.contains(&0) {
                problems.push(anyhow!("{flag} counts from 1, got 0\nhint: the first one is 1"));
            }
        }
        if !self.log_file.is_empty() && self.log_file.len() != self.runs.len() {
            problems.push(anyhow!(
                "--log-file names {} logs for {} runs\nhint: give one for each run, in their order",
                self.log_file.len(),
                self.runs.len()
            ));
        }
        for (number, run) in self.runs.iter().enumerate() {
            if self.runs[..number].contains(run) {
                problems.push(anyhow!(
                    "{} is given twice\nhint: give each run once",
                    run.display()
                ));
            }
        }
        problems
    }
}

impl ReportArgs {
    /// Checks ranges and combinations; no file is touched.
    ///
    /// # Errors
    /// Wrong usage: everything that is wrong with the flags.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut problems = Problems::new();
        self.problems()
            .into_iter()
            .for_each(|problem| problems.push(usage(problem)));
        problems.into_result()
    }
}

#[cfg(test)]
mod tests {
    use burnseq_text::RemoveBpe;

    use super::*;
    use clap::CommandFactory;

    fn read(flags: &str) -> anyhow::Result<ReportArgs> {
        let words = std::iter::once("report").chain(flags.split_whitespace());
        let args: ReportArgs = GRAMMAR.try_parse(words).unwrap()?;
        args.check().map(|()| args)
    }

    #[test]
    fn flags_say_what_is_shown() {
        ReportArgs::command().debug_assert();
        let args = read("a b --attention 0,3 --attention-heads 1,2 --remove-bpe --beam 4").unwrap();
        assert_eq!(args.sentences().unwrap(), Some(vec![0, 3]));
        assert_eq!(args.marks.post_process(), RemoveBpe::SubwordNmt);
        assert_eq!(read("a").unwrap().sentences().unwrap(), None);
        assert_eq!(
            read("a --attention none").unwrap().sentences().unwrap(),
            Some(Vec::new())
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_flag() {
        for (flags, part) in [
            ("a a", "a is given twice"),
            ("a b --log-file x", "--log-file names 1 logs for 2 runs"),
            ("a --attention x", "\"x\" for --attention"),
            ("a --attention-heads 0", "--attention-heads counts from 1"),
            ("a --beam 0", "--beam"),
            ("a --beam 2 --nbest 3", "--nbest"),
        ] {
            let error = read(flags).unwrap_err();
            let said = crate::exit::blocks(&error).join("\n");
            assert!(said.contains(part), "{flags}: {said}");
            assert_eq!(crate::exit::code(&error), 2);
        }
    }
}
