//! What the flags of `burnseq score` ask for; ranges and combinations are checked before any file is opened.

use std::path::Path;

use anyhow::{Result, bail};
use burnseq_metrics::bootstrap::Trials;
use burnseq_metrics::{Bleu, BleuConfig, Chrf, ChrfConfig, Smoothing, Ter, TerConfig, TokenisedBleuConfig};

use super::args::{Format, MetricName, ScoreArgs};
use crate::grammar::{Flags, ShortHelp};

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

impl Flags for ScoreArgs {
    const SHORT_HELP: ShortHelp = ShortHelp {
        flags: &[
            (
                "sys",
                "Translations, one per line; several files are several systems",
            ),
            (
                "ref",
                "References, one per line; several files are several references of each line",
            ),
            ("gen-output", ""),
            (
                "metrics",
                "Metrics as sacreBLEU's: bleu, chrf, ter; without it fairseq-score's BLEU of tokens",
            ),
            ("tokenize", "Tokenizer of BLEU: 13a, intl, char, zh, none"),
            ("lowercase", ""),
            ("confidence", ""),
            ("paired-bs", ""),
            ("sentence-level", ""),
            ("format", "How scores are printed: text, json"),
            ("score-only", ""),
        ],
        examples: "burnseq score -r test.en -i translations.en -m bleu chrf\n\
                   burnseq score -r test.en -i base.en better.en --paired-bs\n\
                   burnseq score --gen-output generate.out",
    };

    fn problems(&self) -> Vec<anyhow::Error> {
        self.check().err().into_iter().collect()
    }
}

impl ScoreArgs {
    fn is_sacrebleu(&self) -> bool {
        self.sacrebleu || !self.metrics.is_empty() || !self.refs.is_empty()
    }

    /// Checks settings and combinations; no file is touched.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn check(&self) -> Result<()> {
        self.request().map(drop)
    }

    /// Settings and combinations, checked; no file is touched.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn request(&self) -> Result<Request> {
        self.check_files()?;
        self.check_encoding()?;
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
        match self.num_refs {
            Some(0) => bail!("--num-refs must be at least 1"),
            Some(2..) if self.references().len() > 1 => bail!(
                "--num-refs is about one file that holds several references of each line, but {} files are given\nhint: leave \
                 it out; every file holds one reference of each line",
                self.references().len()
            ),
            _ => {}
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
            ("--language-pair", self.language_pair.is_some()),
            ("--num-refs", self.num_refs.is_some()),
            ("--paired-jobs", self.paired_jobs.is_some()),
            ("--no-color", self.no_color),
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
            warn_tokenised: names.contains(&MetricName::Bleu) && !tokenised && !self.force && !self.quiet,
            style,
            width: self
                .width
                .map_or(if style == Style::Fairseq { 2 } else { 1 }, usize::from),
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
        let trials = |default: Trials, count: Option<u32>| Trials {
            count: count.map_or(default.count, |count| count as usize),
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
            test => Ok(test),
        }
    }

    fn bleu(&self) -> Result<Bleu> {
        let tokenizer = self.tokenizer()?;
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
            char_order: self.chrf_char_order.map_or(defaults.char_order, usize::from),
            word_order: self.chrf_word_order.map_or(defaults.word_order, usize::from),
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
pub(super) mod tests {
    use std::path::PathBuf;

    use burnseq_metrics::Tokenizer;
    use clap::Parser;

    use super::super::spellings::spelled;
    use super::*;

    pub(in super::super) fn args(flags: &str) -> ScoreArgs {
        let flags = ["score"].into_iter().chain(flags.split_whitespace());
        ScoreArgs::try_parse_from(spelled(flags.map(Into::into)).unwrap()).unwrap()
    }

    pub(in super::super) fn problem(flags: &str) -> String {
        args(flags).request().unwrap_err().to_string()
    }

    fn sacrebleu(flags: &str) -> SacrebleuRequest {
        match args(flags).request().unwrap() {
            Request::Sacrebleu(request) => request,
            other => panic!("{other:?}"),
        }
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
