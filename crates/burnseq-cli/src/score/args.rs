//! The flags of `score`: those of fairseq-score, and those of sacreBLEU.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burnseq_metrics::bootstrap::Trials;
use burnseq_metrics::{
    Bleu, BleuConfig, Chrf, ChrfConfig, Smoothing, Ter, TerConfig, TokenisedBleuConfig, Tokenizer,
};
use clap::{Parser, ValueEnum};

/// Score translations against references.
///
/// `score -s SYS -r REF` gives BLEU on white-space tokens as fairseq-score prints it. With --sacrebleu, with -m or
/// with the references as arguments (`score REF -i SYS`), text is scored as sacreBLEU scores it.
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
        short_alias = 'i',
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
    #[arg(long, value_name = "N", help_heading = "sacreBLEU")]
    pub chrf_char_order: Option<usize>,
    /// chrF: highest order of word n-grams; 2 is chrF++ [default: 0]
    #[arg(long, value_name = "N", help_heading = "sacreBLEU")]
    pub chrf_word_order: Option<usize>,
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
        requires = "confidence",
        help_heading = "Significance"
    )]
    pub confidence_n: Option<usize>,
    /// Compare systems with the first one by paired bootstrap resampling
    #[arg(
        long,
        conflicts_with_all = ["confidence", "paired_ar"],
        help_heading = "Significance"
    )]
    pub paired_bs: bool,
    /// Resampled corpora of --paired-bs [default: 1000]
    #[arg(long, value_name = "N", requires = "paired_bs", help_heading = "Significance")]
    pub paired_bs_n: Option<usize>,
    /// Compare systems with the first one by approximate randomisation
    #[arg(long, conflicts_with = "confidence", help_heading = "Significance")]
    pub paired_ar: bool,
    /// Trials of --paired-ar [default: 10000]
    #[arg(long, value_name = "N", requires = "paired_ar", help_heading = "Significance")]
    pub paired_ar_n: Option<usize>,
    /// Seed of the random numbers [default: 12345]
    #[arg(long, value_name = "N", help_heading = "Significance")]
    pub seed: Option<u64>,

    /// How sacreBLEU's scores are printed [default: text]
    #[arg(short = 'f', long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<Format>,
    /// Decimals of sacreBLEU's scores [default: 1, with --sacrebleu 2]
    #[arg(short = 'w', long, value_name = "N", help_heading = "Output")]
    pub width: Option<usize>,
    /// Print nothing but numbers
    #[arg(short = 'b', long, help_heading = "Output")]
    pub score_only: bool,
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

/// What is to be computed; ranges and combinations are checked.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// fairseq-score's BLEU.
    Tokenised {
        config: TokenisedBleuConfig,
        /// A score for each line.
        sentences: bool,
    },
    /// sacreBLEU's metrics.
    Sacrebleu(SacrebleuRequest),
}

/// What is to be computed as sacreBLEU does.
#[derive(Debug, PartialEq)]
pub(super) struct SacrebleuRequest {
    pub(super) metrics: Vec<AnyMetric>,
    pub(super) test: Test,
    /// A score for each line.
    pub(super) sentences: bool,
    /// Whether translations that look tokenised are worth a note.
    pub(super) warn_tokenised: bool,
    pub(super) style: Style,
    pub(super) width: usize,
}

/// A metric with its settings.
#[derive(Debug, PartialEq)]
pub(super) enum AnyMetric {
    Bleu(Bleu),
    Chrf(Chrf),
    Ter(Ter),
}

/// How far scores may be chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    None,
    Confidence(Trials),
    PairedBootstrap(Trials),
    PairedRandomisation(Trials),
}

/// How scores are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    /// fairseq-score's line, which has no signature; that follows on a line of its own.
    Fairseq,
    Json,
    Number,
}

/// sacreBLEU's flags of several letters behind one hyphen, as clap has none.
const SHORT_FLAGS: [(&str, &str); 12] = [
    ("-sl", "--sentence-level"),
    ("-tok", "--tokenize"),
    ("-sv", "--smooth-value"),
    ("-lc", "--lowercase"),
    ("-cc", "--chrf-char-order"),
    ("-cw", "--chrf-word-order"),
    ("-ci", "--confidence"),
    ("-cin", "--confidence-n"),
    ("-pbs", "--paired-bs"),
    ("-pbsn", "--paired-bs-n"),
    ("-par", "--paired-ar"),
    ("-parn", "--paired-ar-n"),
];

/// Reads the command line; `--help` and wrong flags end the process, as usual.
pub fn parse() -> ScoreArgs {
    ScoreArgs::parse_from(std::env::args_os().map(long_flag))
}

fn long_flag(arg: OsString) -> OsString {
    let known = SHORT_FLAGS.iter().find(|(short, _)| arg == *short);
    known.map_or(arg, |(_, long)| OsString::from(long))
}

impl ScoreArgs {
    fn is_sacrebleu(&self) -> bool {
        self.sacrebleu || !self.metrics.is_empty() || !self.refs.is_empty()
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

    /// Settings and combinations, checked; no file is touched.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn request(&self) -> Result<Request> {
        self.check_files()?;
        let sacrebleu = self.is_sacrebleu();
        let foreign = if sacrebleu {
            self.tokens_only()
        } else {
            self.sacrebleu_only()
        };
        if let Some(flag) = foreign {
            let (mode, hint) = if sacrebleu {
                let hint = if flag == "--ignore-case" {
                    "sacreBLEU's flags are --lowercase and --chrf-lowercase; TER ignores case by itself"
                } else {
                    "leave out --sacrebleu, -m and give the references with -r"
                };
                ("BLEU on tokens", hint)
            } else {
                ("sacreBLEU's metrics", "add --sacrebleu or -m bleu chrf ter")
            };
            bail!("{flag} goes with {mode}\nhint: {hint}");
        }
        if sacrebleu {
            return Ok(Request::Sacrebleu(self.sacrebleu_request()?));
        }
        if self.references().len() > 1 {
            bail!("BLEU on tokens takes one reference\nhint: several go with --sacrebleu or -m");
        }
        let config = TokenisedBleuConfig {
            order: self.order.unwrap_or(TokenisedBleuConfig::default().order),
            ignore_case: self.ignore_case,
        };
        config.init()?;
        Ok(Request::Tokenised {
            config,
            sentences: self.sentence_bleu,
        })
    }

    fn check_files(&self) -> Result<()> {
        if !self.refs.is_empty() && !self.reference.is_empty() {
            bail!("references are given twice: as arguments and with -r");
        }
        if self.references().is_empty() && self.gen_output.is_empty() {
            bail!("there is no reference\nhint: give it with -r FILE");
        }
        let systems = self.systems();
        let all = systems.iter().chain(self.references()).chain(&self.gen_output);
        if all.filter(|path| *path == Path::new("-")).count() > 1 {
            bail!("standard input can be read only once\nhint: name the other files");
        }
        Ok(())
    }

    /// A flag that says something about BLEU on tokens.
    fn tokens_only(&self) -> Option<&'static str> {
        let flags = [
            ("--order", self.order.is_some()),
            ("--ignore-case", self.ignore_case),
            ("--sentence-bleu", self.sentence_bleu),
        ];
        first_given(&flags)
    }

    /// A flag that says something about sacreBLEU's metrics.
    fn sacrebleu_only(&self) -> Option<&'static str> {
        let flags = [
            ("--sentence-level", self.sentence_level),
            ("--confidence", self.confidence),
            ("--paired-bs", self.paired_bs),
            ("--paired-ar", self.paired_ar),
            ("--seed", self.seed.is_some()),
            ("--format", self.format.is_some()),
            ("--width", self.width.is_some()),
            ("--score-only", self.score_only),
        ];
        let several = self.systems().len() + self.gen_output.len() > 1;
        let several = several.then_some("a comparison of several systems");
        self.bleu_only()
            .or(self.chrf_only())
            .or(self.ter_only())
            .or(first_given(&flags))
            .or(several)
    }

    fn bleu_only(&self) -> Option<&'static str> {
        first_given(&[
            ("--tokenize", self.tokenize.is_some()),
            ("--smooth-method", self.smooth_method.is_some()),
            ("--smooth-value", self.smooth_value.is_some()),
            ("--lowercase", self.lowercase),
            ("--force", self.force),
        ])
    }

    fn chrf_only(&self) -> Option<&'static str> {
        first_given(&[
            ("--chrf-char-order", self.chrf_char_order.is_some()),
            ("--chrf-word-order", self.chrf_word_order.is_some()),
            ("--chrf-beta", self.chrf_beta.is_some()),
            ("--chrf-whitespace", self.chrf_whitespace),
            ("--chrf-lowercase", self.chrf_lowercase),
            ("--chrf-eps-smoothing", self.chrf_eps_smoothing),
        ])
    }

    fn ter_only(&self) -> Option<&'static str> {
        first_given(&[
            ("--ter-case-sensitive", self.ter_case_sensitive),
            ("--ter-asian-support", self.ter_asian_support),
            ("--ter-no-punct", self.ter_no_punct),
            ("--ter-normalized", self.ter_normalized),
        ])
    }

    fn sacrebleu_request(&self) -> Result<SacrebleuRequest> {
        let names = self.metric_names();
        for (name, metric, flag) in [
            ("bleu", MetricName::Bleu, self.bleu_only()),
            ("chrf", MetricName::Chrf, self.chrf_only()),
            ("ter", MetricName::Ter, self.ter_only()),
        ] {
            if let Some(flag) = flag.filter(|_| !names.contains(&metric)) {
                bail!("{flag} is about the metric `{name}`, which is not asked for\nhint: add it to -m");
            }
        }
        let systems = self.systems().len() + self.gen_output.len();
        let test = self.test(systems)?;
        if self.sentence_level {
            if names.len() > 1 || systems > 1 {
                bail!("--sentence-level takes one metric and one system");
            }
            if test != Test::None {
                bail!("--sentence-level scores each line alone; intervals and tests need a corpus");
            }
        }
        let plain = self.metrics.is_empty() && self.sacrebleu;
        let style = match self.format {
            _ if self.score_only && self.format == Some(Format::Json) => {
                bail!("--score-only prints numbers only; it does not go with --format json")
            }
            _ if self.score_only => Style::Number,
            Some(Format::Json) => Style::Json,
            _ if plain && systems == 1 => Style::Fairseq,
            _ => Style::Text,
        };
        if style == Style::Number && matches!(test, Test::PairedBootstrap(_) | Test::PairedRandomisation(_)) {
            bail!("--score-only prints no p-values; it does not go with --paired-bs and --paired-ar");
        }
        let metric = |name: &MetricName| {
            Ok(match name {
                MetricName::Bleu => AnyMetric::Bleu(self.bleu()?),
                MetricName::Chrf => AnyMetric::Chrf(self.chrf()?),
                MetricName::Ter => AnyMetric::Ter(self.ter()),
            })
        };
        let tokenised = self.tokenize.as_deref() == Some("none");
        Ok(SacrebleuRequest {
            metrics: names.iter().map(metric).collect::<Result<_>>()?,
            test,
            sentences: self.sentence_level,
            warn_tokenised: names.contains(&MetricName::Bleu) && !tokenised && !self.force,
            style,
            width: self.width.unwrap_or(if style == Style::Fairseq { 2 } else { 1 }),
        })
    }

    /// The metrics asked for, each once.
    fn metric_names(&self) -> Vec<MetricName> {
        let mut names = Vec::new();
        for &name in &self.metrics {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            names.push(MetricName::Bleu);
        }
        names
    }

    fn test(&self, systems: usize) -> Result<Test> {
        let trials = |default: Trials, count: Option<usize>| Trials {
            count: count.unwrap_or(default.count),
            seed: self.seed.unwrap_or(default.seed),
        };
        let test = if self.confidence {
            Test::Confidence(trials(Trials::BOOTSTRAP, self.confidence_n))
        } else if self.paired_bs {
            Test::PairedBootstrap(trials(Trials::BOOTSTRAP, self.paired_bs_n))
        } else if self.paired_ar {
            Test::PairedRandomisation(trials(Trials::RANDOMISATION, self.paired_ar_n))
        } else {
            if self.seed.is_some() {
                bail!("--seed goes with --confidence, --paired-bs or --paired-ar");
            }
            Test::None
        };
        match test {
            Test::PairedBootstrap(_) | Test::PairedRandomisation(_) if systems < 2 => {
                bail!(
                    "a paired test compares systems with the first one, but there is only one\n\
                     hint: name several, baseline first: -i baseline.txt system.txt"
                )
            }
            Test::Confidence(trials) | Test::PairedBootstrap(trials) | Test::PairedRandomisation(trials)
                if trials.count == 0 =>
            {
                bail!("the number of trials is 0; it must be at least 1")
            }
            test => Ok(test),
        }
    }

    fn bleu(&self) -> Result<Bleu> {
        let tokenizer = match &self.tokenize {
            Some(name) => name.parse()?,
            None => Tokenizer::default(),
        };
        let method = self.smooth_method.as_deref().unwrap_or("exp");
        let config = BleuConfig {
            tokenizer,
            lowercase: self.lowercase,
            smoothing: Smoothing::from_name(method, self.smooth_value)?,
            effective_order: self.sentence_level,
            ..BleuConfig::default()
        };
        Ok(config.init()?)
    }

    fn chrf(&self) -> Result<Chrf> {
        let defaults = ChrfConfig::default();
        let config = ChrfConfig {
            char_order: self.chrf_char_order.unwrap_or(defaults.char_order),
            word_order: self.chrf_word_order.unwrap_or(defaults.word_order),
            beta: self.chrf_beta.unwrap_or(defaults.beta),
            lowercase: self.chrf_lowercase,
            whitespace: self.chrf_whitespace,
            eps_smoothing: self.chrf_eps_smoothing,
        };
        Ok(config.init()?)
    }

    fn ter(&self) -> Ter {
        let config = TerConfig {
            normalized: self.ter_normalized,
            no_punct: self.ter_no_punct,
            asian_support: self.ter_asian_support,
            case_sensitive: self.ter_case_sensitive,
        };
        config.init()
    }
}

/// The first flag of the list that is given.
fn first_given(flags: &[(&'static str, bool)]) -> Option<&'static str> {
    flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn args(flags: &str) -> ScoreArgs {
        let flags = ["score"].into_iter().chain(flags.split_whitespace());
        ScoreArgs::try_parse_from(flags.map(|flag| long_flag(flag.into()))).unwrap()
    }

    fn problem(flags: &str) -> String {
        args(flags).request().unwrap_err().to_string()
    }

    fn sacrebleu(flags: &str) -> SacrebleuRequest {
        match args(flags).request().unwrap() {
            Request::Sacrebleu(request) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        ScoreArgs::command().debug_assert();
    }

    #[test]
    fn commands_of_fairseq_are_understood() {
        let config = |order, ignore_case| TokenisedBleuConfig { order, ignore_case };
        for (flags, config, sentences) in [
            ("-r ref", config(4, false), false),
            ("--sys a --ref b -o 2 --ignore-case", config(2, true), false),
            ("-s a -r b --sentence-bleu", config(4, false), true),
        ] {
            let request = args(flags).request().unwrap();
            assert_eq!(request, Request::Tokenised { config, sentences });
        }
        assert_eq!(args("-r ref").systems(), [PathBuf::from("-")]);
        let request = sacrebleu("-s a -r b --sacrebleu");
        assert_eq!((request.style, request.width), (Style::Fairseq, 2));
    }

    #[test]
    fn commands_of_sacrebleu_are_understood() {
        let args = args("ref1 ref2 -i a b c -m bleu chrf ter -tok intl -lc -cw 2 -pbs -pbsn 50 -w 3");
        assert_eq!((args.references().len(), args.systems().len()), (2, 3));
        let Request::Sacrebleu(request) = args.request().unwrap() else {
            panic!("references are arguments");
        };
        let bleu = BleuConfig {
            tokenizer: Tokenizer::Intl,
            lowercase: true,
            ..BleuConfig::default()
        };
        let expected = [
            AnyMetric::Bleu(bleu.init().unwrap()),
            AnyMetric::Chrf(Chrf::plus_plus()),
            AnyMetric::Ter(Ter::default()),
        ];
        assert_eq!(request.metrics, expected);
        let trials = Trials {
            count: 50,
            seed: 12345,
        };
        assert_eq!(request.test, Test::PairedBootstrap(trials));
        assert_eq!((request.style, request.width), (Style::Text, 3));
        assert!(!sacrebleu("ref -i a --tokenize none").warn_tokenised);
        assert!(sacrebleu("ref -i a").warn_tokenised);
    }

    #[test]
    fn flags_of_one_kind_do_not_go_with_the_other() {
        for (flags, expected) in [
            (
                "ref -i a -o 3",
                "--order goes with BLEU on tokens\nhint: leave out",
            ),
            (
                "ref -i a --ignore-case",
                "hint: sacreBLEU's flags are --lowercase",
            ),
            (
                "-s a -r b --tokenize intl",
                "--tokenize goes with sacreBLEU's metrics",
            ),
            ("-s a -r b -f json", "--format goes with sacreBLEU's metrics"),
            (
                "-s a c -r b",
                "a comparison of several systems goes with sacreBLEU's metrics",
            ),
            ("-s a -r b c", "BLEU on tokens takes one reference"),
            ("-s a -r b -m chrf -lc", "--lowercase is about the metric `bleu`"),
            (
                "-s a -r b -m bleu -cw 2",
                "--chrf-word-order is about the metric `chrf`",
            ),
        ] {
            assert!(problem(flags).contains(expected), "{flags}: {}", problem(flags));
        }
    }

    #[test]
    fn impossible_requests_are_named() {
        for (flags, expected) in [
            ("-s a", "there is no reference"),
            ("c -s a -r b", "references are given twice"),
            ("-r -", "standard input can be read only once"),
            ("-s a -r b -o 5", "order is 5; it must be 1, 2, 3 or 4"),
            (
                "ref -i a --paired-bs",
                "a paired test compares systems with the first one",
            ),
            (
                "ref -i a --paired-ar",
                "a paired test compares systems with the first one",
            ),
            (
                "ref -i a b --paired-ar --paired-ar-n 0",
                "the number of trials is 0",
            ),
            ("ref -i a --seed 3", "--seed goes with --confidence"),
            (
                "ref -i a -tok moses",
                "unknown tokenizer `moses`; choose one of: 13a",
            ),
            ("ref -i a -sv 2", "smoothing value is 2"),
            ("ref -i a -sl -m bleu ter", "--sentence-level takes one metric"),
            (
                "ref -i a b -sl",
                "--sentence-level takes one metric and one system",
            ),
            (
                "ref -i a -sl --confidence",
                "--sentence-level scores each line alone",
            ),
            ("ref -i a -b -f json", "--score-only prints numbers only"),
            ("ref -i a b -b -par", "--score-only prints no p-values"),
            (
                "ref -i a -m chrf --chrf-char-order 0",
                "char_order + word_order is 0",
            ),
        ] {
            assert!(problem(flags).contains(expected), "{flags}: {}", problem(flags));
        }
    }
}
