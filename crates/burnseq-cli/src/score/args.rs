//! The flags of `burnseq score`: those of fairseq-score, and those of sacreBLEU.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use burnseq_text::LineReader;
use clap::{Parser, ValueEnum};

use super::spellings::spelled;
use crate::decoding::format;
use crate::grammar::Grammar;

/// Score translations against references.
///
/// `burnseq score -s SYS -r REF` gives BLEU on white-space tokens as fairseq-score prints it. With --sacrebleu, with -m or
/// with the references as arguments (`burnseq score REF -i SYS`), text is scored as sacreBLEU scores it.
#[derive(Debug, Parser)]
#[command(name = "score", version, max_term_width = 110, args_override_self = true)]
pub struct ScoreArgs {
    /// References for sacreBLEU's metrics; several files are several references of each line
    #[arg(value_name = "REF")]
    pub refs: Vec<PathBuf>,

    /// Translations, one per line; several files are several systems [default: -, which is standard input]
    #[arg(
        short = 's',
        long,
        visible_short_alias = 'i',
        visible_alias = "input",
        value_name = "FILE",
        num_args = 1..,
        help_heading = "Input"
    )]
    pub sys: Vec<PathBuf>,
    /// References, one per line; several files are several references of each line
    #[arg(short = 'r', long = "ref", value_name = "FILE", num_args = 1.., help_heading = "Input")]
    pub reference: Vec<PathBuf>,
    /// Take translations from what `generate` or fairseq-generate printed, in the order of their numbers: its H- lines
    /// against its T- lines; its D- lines where sacreBLEU's metrics have references of their own
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        conflicts_with = "sys",
        help_heading = "Input"
    )]
    pub gen_output: Vec<PathBuf>,

    /// The file of references holds this many on each line, with tabulators between them [default: 1]
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub num_refs: Option<usize>,
    /// Encoding of all files; UTF-8 is the only one
    #[arg(short = 'e', long, value_name = "NAME", help_heading = "Input")]
    pub encoding: Option<String>,

    /// Highest order of n-grams, 1 to 4 [default: 4]
    #[arg(short = 'o', long, value_name = "N", help_heading = "BLEU on tokens")]
    pub order: Option<usize>,
    /// Ignore case
    #[arg(long, help_heading = "BLEU on tokens")]
    pub ignore_case: bool,
    /// A score for each line, with one added to the matches and totals of orders above 1
    #[arg(long, help_heading = "BLEU on tokens")]
    pub sentence_bleu: bool,

    /// sacreBLEU's BLEU; `-m bleu` with fairseq's line
    #[arg(long, help_heading = "sacreBLEU")]
    pub sacrebleu: bool,
    /// Metrics [default: bleu]
    #[arg(
        short = 'm',
        long,
        value_enum,
        value_name = "NAME",
        num_args = 1..,
        help_heading = "sacreBLEU"
    )]
    pub metrics: Vec<MetricName>,
    /// A score for each line; BLEU then leaves out orders without n-grams
    #[arg(long, help_heading = "sacreBLEU")]
    pub sentence_level: bool,
    /// BLEU: how lines become tokens: 13a, none, intl, char, zh [default: 13a]
    #[arg(long, value_name = "NAME", help_heading = "sacreBLEU")]
    pub tokenize: Option<String>,
    /// Source and target language, such as `en-de`: BLEU of Chinese has the tokenizer zh then
    #[arg(short = 'l', long, value_name = "PAIR", help_heading = "sacreBLEU")]
    pub language_pair: Option<String>,
    /// BLEU: what happens to orders without a match: exp, floor, add-k, none [default: exp]
    #[arg(long, value_name = "NAME", help_heading = "sacreBLEU")]
    pub smooth_method: Option<String>,
    /// BLEU: value of floor and add-k [default: 0.1 and 1]
    #[arg(long, value_name = "X", help_heading = "sacreBLEU")]
    pub smooth_value: Option<f64>,
    /// BLEU: ignore case
    #[arg(long, help_heading = "sacreBLEU")]
    pub lowercase: bool,
    /// BLEU: do not tell when translations look tokenised
    #[arg(long, help_heading = "sacreBLEU")]
    pub force: bool,
    /// chrF: highest order of character n-grams [default: 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=100), help_heading = "sacreBLEU")]
    pub chrf_char_order: Option<u8>,
    /// chrF: highest order of word n-grams; 2 is chrF++ [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=100), help_heading = "sacreBLEU")]
    pub chrf_word_order: Option<u8>,
    /// chrF: how many times recall weighs as much as precision [default: 2]
    #[arg(long, value_name = "N", help_heading = "sacreBLEU")]
    pub chrf_beta: Option<u32>,
    /// chrF: count blanks as characters
    #[arg(long, help_heading = "sacreBLEU")]
    pub chrf_whitespace: bool,
    /// chrF: ignore case
    #[arg(long, help_heading = "sacreBLEU")]
    pub chrf_lowercase: bool,
    /// chrF: absent orders count as 1e-16, as in chrF++.py, and are not left out
    #[arg(long, help_heading = "sacreBLEU")]
    pub chrf_eps_smoothing: bool,
    /// TER: case counts
    #[arg(long, help_heading = "sacreBLEU")]
    pub ter_case_sensitive: bool,
    /// TER: also treat East Asian characters
    #[arg(long, help_heading = "sacreBLEU")]
    pub ter_asian_support: bool,
    /// TER: drop punctuation
    #[arg(long, help_heading = "sacreBLEU")]
    pub ter_no_punct: bool,
    /// TER: unescape XML and split off punctuation
    #[arg(long, help_heading = "sacreBLEU")]
    pub ter_normalized: bool,

    /// 95 % confidence intervals by bootstrap resampling
    #[arg(long, help_heading = "Significance")]
    pub confidence: bool,
    /// Resampled corpora of --confidence [default: 1000]
    #[arg(
        long,
        value_name = "N",
        value_parser = trial_range(),
        requires = "confidence",
        help_heading = "Significance"
    )]
    pub confidence_n: Option<u32>,
    /// Compare systems with the first one by paired bootstrap resampling
    #[arg(
        long,
        conflicts_with_all = ["confidence", "paired_ar"],
        help_heading = "Significance"
    )]
    pub paired_bs: bool,
    /// Resampled corpora of --paired-bs [default: 1000]
    #[arg(
        long,
        value_name = "N",
        value_parser = trial_range(),
        requires = "paired_bs",
        help_heading = "Significance"
    )]
    pub paired_bs_n: Option<u32>,
    /// Compare systems with the first one by approximate randomisation
    #[arg(long, conflicts_with = "confidence", help_heading = "Significance")]
    pub paired_ar: bool,
    /// Trials of --paired-ar [default: 10000]
    #[arg(
        long,
        value_name = "N",
        value_parser = trial_range(),
        requires = "paired_ar",
        help_heading = "Significance"
    )]
    pub paired_ar_n: Option<u32>,
    /// Seed of the random numbers [default: 12345]
    #[arg(long, value_name = "N", help_heading = "Significance")]
    pub seed: Option<u64>,

    /// Print no notes
    #[arg(short = 'q', long, help_heading = "Output")]
    pub quiet: bool,
    /// Of sacreBLEU; nothing is coloured
    #[arg(long, hide = true)]
    pub no_color: bool,
    /// Of sacreBLEU; a paired test takes one thread
    #[arg(long, value_name = "N", hide = true)]
    pub paired_jobs: Option<u32>,
    /// How sacreBLEU's scores are printed [default: text]
    #[arg(short = 'f', long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<Format>,
    /// Decimals of sacreBLEU's scores [default: 1, with --sacrebleu 2]
    #[arg(
        short = 'w',
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(..=15),
        help_heading = "Output"
    )]
    pub width: Option<u8>,
    /// Print nothing but numbers
    #[arg(short = 'b', long, help_heading = "Output")]
    pub score_only: bool,
}

/// Numbers of trials: all of them are drawn before any is scored, so that memory sets the limit.
fn trial_range() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=100_000)
}

/// Values of `-m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MetricName {
    /// BLEU (Papineni et al. 2002)
    Bleu,
    /// chrF (Popović 2015), or chrF++ (Popović 2017)
    Chrf,
    /// Translation edit rate (Snover et al. 2006)
    Ter,
}

/// Values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for each metric, or a table for several systems
    Text,
    /// One JSON value
    Json,
}

/// Reads a command line whose first word is the name of the program; `--help` ends the process, as usual.
///
/// # Errors
/// Options of sacreBLEU that are refused, and everything else that is wrong with the flags, as wrong usage.
pub fn parse(words: Vec<OsString>) -> Result<ScoreArgs> {
    let args: ScoreArgs = Grammar::PLAIN.parse_words(spelled(words)?)?;
    Ok(args.settled())
}

/// Whether a file holds lines of a decoder.
fn has_hypotheses(path: &Path) -> bool {
    let Ok(mut reader) = LineReader::open(path) else {
        return true; // what is wrong with it is told when it is scored
    };
    while let Ok(Some(line)) = reader.read_line() {
        if line.starts_with("H-") {
            return true;
        }
    }
    false
}

impl ScoreArgs {
    /// Takes the last file for the references where none are named and it cannot be anything else: `-i HYP REF`, which
    /// gives both to `-i`, and `--gen-output OUT REF`.
    fn settled(mut self) -> Self {
        if !self.references().is_empty() {
            return self;
        }
        let (flag, last) = if self.sys.len() > 1 {
            ("-i", self.sys.pop())
        } else if self.gen_output.len() > 1
            && self
                .gen_output
                .last()
                .is_some_and(|path| path != Path::new("-") && !has_hypotheses(path))
        {
            ("--gen-output", self.gen_output.pop())
        } else {
            return self;
        };
        if let Some(path) = &last {
            format::note(&format!(
                "no references are named, so {}, the last file behind {flag}, is taken for them",
                path.display()
            ));
        }
        self.refs.extend(last);
        self
    }

    /// Files of translations; standard input when none is named.
    pub(super) fn systems(&self) -> Vec<PathBuf> {
        if self.sys.is_empty() && self.gen_output.is_empty() {
            vec![PathBuf::from("-")]
        } else {
            self.sys.clone()
        }
    }

    /// Files of references.
    pub(super) fn references(&self) -> &[PathBuf] {
        if self.refs.is_empty() {
            &self.reference
        } else {
            &self.refs
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        ScoreArgs::command().debug_assert();
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for flags in [
            "ref -i a b --paired-ar --paired-ar-n 0",
            "ref -i a --confidence --confidence-n 100001",
            "ref -i a -w 16",
            "ref -i a -m chrf --chrf-char-order 101",
        ] {
            let flags = ["score"].into_iter().chain(flags.split_whitespace());
            let error = ScoreArgs::try_parse_from(flags).unwrap_err().to_string();
            assert!(error.contains("is not in "), "{error}");
        }
    }
}
