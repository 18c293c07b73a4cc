//! The flags of the search, with fairseq's names and meanings.

use burnseq_search::{AtMaxLen, ConstraintOrder, EarlyStopping, GenerateOptions};
use clap::{Args, ValueEnum};

/// How hypotheses are found.
#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArgs {
    /// Live hypotheses per sentence; 1: greedy search [default: 5]
    #[arg(long, value_name = "N")]
    pub beam: Option<usize>,
    /// Hypotheses printed per sentence [default: 1]
    #[arg(long, value_name = "N")]
    pub nbest: Option<usize>,
    /// Scores are divided by length to this power: above 1 longer hypotheses gain [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub lenpen: Option<f64>,
    /// Penalty of `<unk>` in nats: negative favours it [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub unkpen: Option<f64>,
    /// Scores are sums, not divided by length
    #[arg(long)]
    pub unnormalized: bool,
    /// Fewest tokens of a hypothesis, without `</s>` [default: 1]
    #[arg(long, value_name = "N")]
    pub min_len: Option<usize>,
    /// At most A * source tokens + B tokens, `</s>` counted in the source only [default: 0]
    #[arg(long, value_name = "A")]
    pub max_len_a: Option<f64>,
    /// See --max-len-a [default: 200]
    #[arg(long, value_name = "B")]
    pub max_len_b: Option<usize>,
    /// The same as --max-len-b, as users of other toolkits know it
    #[arg(long, value_name = "N", conflicts_with = "max_len_b")]
    pub max_new_tokens: Option<usize>,
    /// Hypotheses have as many tokens as the source, its `</s>` counted and their own not
    #[arg(long)]
    pub match_source_len: bool,
    /// No sequence of N tokens occurs twice in a hypothesis; 0: any may [default: 0]
    #[arg(long, value_name = "N")]
    pub no_repeat_ngram_size: Option<usize>,
    /// Tokens that are there already, in the prompt too, become less likely by this factor [default: 1]
    #[arg(long, value_name = "X")]
    pub repetition_penalty: Option<f64>,
    /// When the search of a sentence ends: `true`, when --beam hypotheses have ended; `false`, when no live one is
    /// better than the worst of them; `never`, when none could become so [default: true]
    #[arg(long, value_name = "WHEN", value_parser = names(&EarlyStopping::NAMES), hide_possible_values = true)]
    pub early_stopping: Option<String>,
    /// What becomes of a hypothesis of the longest length: `end`, it gets its `</s>`; `free_end`, at no cost; `cut`, it
    /// ends without [default: end]
    #[arg(long, value_name = "HOW", value_parser = names(&AtMaxLen::NAMES), hide_possible_values = true)]
    pub at_max_len: Option<String>,
    /// Logits are divided by it [default: 1]
    #[arg(long, value_name = "X")]
    pub temperature: Option<f64>,
    /// Draw --beam hypotheses at random instead of searching
    #[arg(long)]
    pub sampling: bool,
    /// Draw from the K likeliest tokens; 0 or -1: from all [default: -1]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub sampling_topk: Option<i64>,
    /// Draw from the fewest tokens whose probabilities reach P; -1: from all [default: -1]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub sampling_topp: Option<f64>,
    /// Split the beam into N groups that avoid each other's tokens; -1: one beam [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub diverse_beam_groups: Option<i64>,
    /// What a token costs that another group has chosen, in nats [default: 0.5]
    #[arg(long, value_name = "X")]
    pub diverse_beam_strength: Option<f64>,
    /// What each rank among the continuations of a hypothesis costs, in nats; -1: nothing [default: -1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub diversity_rate: Option<f64>,
    /// Translations hold the texts that stand behind tabulators on the line of their source, in this order or in any;
    /// without value: ordered
    #[arg(
        long,
        value_enum,
        value_name = "ORDER",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "ordered"
    )]
    pub constraints: Option<Order>,
    /// Seed of what is drawn at random: by --sampling and --retain-dropout [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Values of `--constraints`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// As they stand on the line
    Ordered,
    /// In any order
    Unordered,
}

impl SearchArgs {
    /// Flags that ask for a search of another kind than beam search, and are given.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        let given = [
            ("--sampling", self.sampling),
            (
                "--diverse-beam-groups",
                above_zero(self.diverse_beam_groups).is_some(),
            ),
            ("--diversity-rate", positive(self.diversity_rate).is_some()),
            ("--constraints", self.constraints.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }

    /// The options of the search; `defaults` holds those of the flags that are not given.
    pub(crate) fn options(&self, defaults: &GenerateOptions) -> GenerateOptions {
        let defaults = defaults.clone();
        // A search that is asked for takes the place of the default one.
        let sampling = self.sampling || (defaults.sampling && self.beam.is_none() && self.kind().is_none());
        let beam = self.beam.unwrap_or(defaults.beam);
        let max_len_b = self.max_len_b.or(self.max_new_tokens);
        GenerateOptions {
            beam,
            nbest: self.nbest.unwrap_or(defaults.nbest.min(beam)),
            lenpen: self.lenpen.unwrap_or(defaults.lenpen),
            unkpen: self.unkpen.unwrap_or(defaults.unkpen),
            // A longest length that is asked for takes the place of a least one that is not.
            min_len: self
                .min_len
                .unwrap_or(max_len_b.map_or(defaults.min_len, |max_len| defaults.min_len.min(max_len))),
            max_len_a: self.max_len_a.unwrap_or(defaults.max_len_a),
            max_len_b: max_len_b.unwrap_or(defaults.max_len_b),
            early_stopping: named(&EarlyStopping::NAMES, self.early_stopping.as_deref())
                .unwrap_or(defaults.early_stopping),
            at_max_len: named(&AtMaxLen::NAMES, self.at_max_len.as_deref()).unwrap_or(defaults.at_max_len),
            temperature: self.temperature.unwrap_or(defaults.temperature),
            unnormalized: self.unnormalized,
            match_source_len: self.match_source_len,
            no_repeat_ngram_size: self.no_repeat_ngram_size.unwrap_or(defaults.no_repeat_ngram_size),
            repetition_penalty: self.repetition_penalty.unwrap_or(defaults.repetition_penalty),
            sampling,
            sampling_topk: match (self.sampling_topk, self.sampling_topp) {
                (None, None) => defaults.sampling_topk.filter(|_| sampling),
                (topk, _) => above_zero(topk),
            },
            sampling_topp: match (self.sampling_topk, self.sampling_topp) {
                (None, None) => defaults.sampling_topp.filter(|_| sampling),
                (_, topp) => positive(topp),
            },
            diverse_beam_groups: above_zero(self.diverse_beam_groups),
            diverse_beam_strength: self
                .diverse_beam_strength
                .unwrap_or(defaults.diverse_beam_strength),
            diversity_rate: positive(self.diversity_rate),
            constraints: self.constraints.map(|order| match order {
                Order::Ordered => ConstraintOrder::Ordered,
                Order::Unordered => ConstraintOrder::Unordered,
            }),
            seed: self.seed.unwrap_or(defaults.seed),
            ..defaults
        }
    }
}

/// The names of a table of names and values.
fn names<T, const N: usize>(table: &'static [(&'static str, T); N]) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}

/// The value of a name in a table, which has it.
fn named<T: Copy>(table: &[(&str, T)], name: Option<&str>) -> Option<T> {
    let name = name?;
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
}

/// A count that fairseq writes as -1 where there is none.
fn above_zero(count: Option<i64>) -> Option<usize> {
    count
        .and_then(|count| usize::try_from(count).ok())
        .filter(|&count| count > 0)
}

/// A number that fairseq writes as -1 where there is none. NaN stays, to be refused.
fn positive(number: Option<f64>) -> Option<f64> {
    number.filter(|number| *number > 0.0 || number.is_nan())
}
