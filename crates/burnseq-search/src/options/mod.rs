//! What a user may set about decoding, under fairseq's names.

mod validate;

use serde::{Deserialize, Deserializer, Serialize};

/// Whether lexical constraints must occur in the order in which they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintOrder {
    /// In this order.
    Ordered,
    /// In any order.
    Unordered,
}

/// When the search for hypotheses of a sentence ends, by the names of Hugging Face's option.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStopping {
    /// When `beam` hypotheses have ended, as in fairseq.
    #[default]
    True,
    /// When no live hypothesis, if it ended now, would be better than the worst of the best `beam` that have ended.
    False,
    /// The same for one that could still grow to the longest length; differs where `lenpen` is above 0.
    Never,
}

impl EarlyStopping {
    /// Names, as in flags and files.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("true", Self::True),
        ("false", Self::False),
        ("never", Self::Never),
    ];
}

/// What becomes of a hypothesis that has reached the longest length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtMaxLen {
    /// It gets its `</s>`, whose log-probability counts, as in fairseq.
    #[default]
    End,
    /// It gets its `</s>`, which costs nothing: `forced_eos_token_id` in Hugging Face's files.
    FreeEnd,
    /// It is cut there, without `</s>`.
    Cut,
}

impl AtMaxLen {
    /// Names, as in flags and files.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("end", Self::End),
        ("free_end", Self::FreeEnd),
        ("cut", Self::Cut),
    ];
}

/// Options of decoding; the keys are those of `--eval-bleu-args` and the flags of `generate`.
///
/// ```
/// # use burnseq_search::GenerateOptions;
/// let options: GenerateOptions = serde_json::from_str(r#"{"beam": 4, "lenpen": 0.6, "max_len_a": 1.2}"#).unwrap();
/// assert_eq!((options.beam, options.max_len_b), (4, 200));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerateOptions {
    /// Live hypotheses per sentence; 1 is greedy search.
    pub beam: usize,
    /// Hypotheses returned per sentence, best first; at most `beam`.
    pub nbest: usize,
    /// A hypothesis of `n` tokens, `</s>` included, scores its log-probability divided by `n^lenpen`: above 1 longer
    /// ones gain, below 1 shorter ones.
    pub lenpen: f64,
    /// Taken from the log-probability of `<unk>`, in nats; a negative value favours it.
    pub unkpen: f64,
    /// Fewest tokens of a hypothesis, without `</s>`.
    pub min_len: usize,
    /// The longest hypothesis has `max_len_a * n + max_len_b` tokens without `</s>`, for a source of `n` tokens with
    /// `</s>`. fairseq takes the padded width of the batch for `n`, so that its results depend on the batch.
    pub max_len_a: f64,
    /// See [`max_len_a`](Self::max_len_a).
    pub max_len_b: usize,
    /// What becomes of a hypothesis of the longest length.
    pub at_max_len: AtMaxLen,
    /// When the search ends.
    pub early_stopping: EarlyStopping,
    /// Id of the first token of every hypothesis, which costs nothing: `forced_bos_token_id` in Hugging Face's files.
    pub forced_bos: Option<u32>,
    /// `</s>` is a token like others, and every hypothesis has the longest length: a text of several lines.
    pub ignore_eos: bool,
    /// Logits are divided by it: above 1 flattens, below 1 sharpens the distribution.
    pub temperature: f64,
    /// Scores are plain sums, not divided by `n^lenpen`.
    pub unnormalized: bool,
    /// Hypotheses have as many tokens before `</s>` as the source has with it, as in fairseq; the end costs nothing then.
    pub match_source_len: bool,
    /// No sequence of so many tokens occurs twice in a hypothesis; 0: any may.
    pub no_repeat_ngram_size: usize,
    /// Tokens that a hypothesis or its prompt holds become less likely: their log-probabilities are multiplied by it; in
    /// greedy search and sampling logits are, those above 0 divided (Keskar et al. 2019, section 4.1). 1 is none.
    pub repetition_penalty: f64,
    /// Hypotheses are drawn at random, `beam` of them, instead of searched for.
    pub sampling: bool,
    /// Sampling draws from the so many likeliest tokens; a value below 1 is none.
    #[serde(deserialize_with = "count")]
    pub sampling_topk: Option<usize>,
    /// Sampling draws from the fewest tokens whose probabilities reach this sum; 0 and below is none.
    #[serde(deserialize_with = "positive")]
    pub sampling_topp: Option<f64>,
    /// The beam is split into so many groups that avoid each other's tokens; a value below 1 is none. Divides `beam`.
    #[serde(deserialize_with = "count")]
    pub diverse_beam_groups: Option<usize>,
    /// What a token that another group has chosen costs, in nats.
    pub diverse_beam_strength: f64,
    /// What each rank among the continuations of one hypothesis costs, in nats; 0 and below is none.
    #[serde(deserialize_with = "positive")]
    pub diversity_rate: Option<f64>,
    /// Hypotheses contain the [constraints](crate::Source::constraints) of their source.
    pub constraints: Option<ConstraintOrder>,
    /// Factor of the log-probabilities of a language model.
    pub lm_weight: f64,
    /// Hypotheses come with their [attention](crate::Attention).
    pub attention: bool,
    /// Values are dropped as in training, so that hypotheses are samples of the model (Gal and Ghahramani 2016).
    pub retain_dropout: bool,
    /// Where they are dropped, by fairseq's names of the modules, which the model knows; `None`: everywhere.
    pub retain_dropout_modules: Option<Vec<String>>,
    /// What is drawn at random for a sentence depends on this number, on that of the sentence, and nothing else.
    pub seed: u64,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            beam: 5,
            nbest: 1,
            lenpen: 1.0,
            unkpen: 0.0,
            min_len: 1,
            max_len_a: 0.0,
            max_len_b: 200,
            at_max_len: AtMaxLen::End,
            early_stopping: EarlyStopping::True,
            forced_bos: None,
            ignore_eos: false,
            temperature: 1.0,
            unnormalized: false,
            match_source_len: false,
            no_repeat_ngram_size: 0,
            repetition_penalty: 1.0,
            sampling: false,
            sampling_topk: None,
            sampling_topp: None,
            diverse_beam_groups: None,
            diverse_beam_strength: 0.5,
            diversity_rate: None,
            constraints: None,
            lm_weight: 0.0,
            attention: false,
            retain_dropout: false,
            retain_dropout_modules: None,
            seed: 1,
        }
    }
}

/// A count that is absent below 1, as fairseq's -1.
fn count<'de, D: Deserializer<'de>>(value: D) -> Result<Option<usize>, D::Error> {
    let value = Option::<i64>::deserialize(value)?;
    Ok(value
        .and_then(|value| usize::try_from(value).ok())
        .filter(|&value| value > 0))
}

/// A number that is absent at 0 and below, as fairseq's -1.
fn positive<'de, D: Deserializer<'de>>(value: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::<f64>::deserialize(value)?.filter(|&value| value > 0.0))
}

impl GenerateOptions {
    /// Most tokens, without `</s>`, of the translation of a source of `src_len` tokens with `</s>`, for a model whose
    /// target positions end at `max_target_positions`.
    pub fn max_len(&self, src_len: usize, max_target_positions: usize) -> usize {
        let wanted = if self.match_source_len {
            src_len
        } else {
            // The sum is cut towards zero as in fairseq; a saturating cast takes care of huge factors.
            (self.max_len_a * src_len as f64 + self.max_len_b as f64) as usize
        };
        wanted.min(max_target_positions.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fairseq_turns_off_by_a_negative_number_is_off() {
        let read = |json| serde_json::from_str::<GenerateOptions>(json).unwrap();
        let off = r#"{"sampling_topk": -1, "sampling_topp": -1.0, "diverse_beam_groups": -1, "diversity_rate": -1}"#;
        assert_eq!(read(off), GenerateOptions::default());
        let on = read(r#"{"sampling": true, "sampling_topk": 10, "constraints": "unordered"}"#);
        assert_eq!(
            (on.sampling_topk, on.constraints),
            (Some(10), Some(ConstraintOrder::Unordered))
        );
        let saved = serde_json::to_string(&on).unwrap();
        assert_eq!(read(&saved), on);
    }

    #[test]
    fn the_longest_hypothesis_follows_the_source_and_stays_within_the_positions() {
        let options = GenerateOptions {
            max_len_a: 1.2,
            max_len_b: 10,
            ..GenerateOptions::default()
        };
        assert_eq!(options.max_len(8, 1024), 19); // 1.2 * 8 + 10 = 19.6
        assert_eq!(options.max_len(2000, 1024), 1023);
        let options = GenerateOptions {
            match_source_len: true,
            ..GenerateOptions::default()
        };
        assert_eq!(options.max_len(8, 1024), 8);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<GenerateOptions>(r#"{"beams": 4}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `beams`"), "{error}");
    }
}
