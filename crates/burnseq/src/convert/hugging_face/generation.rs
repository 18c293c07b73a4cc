//! `generation_config.json`: how transformers decodes with a model unless it is told otherwise.

use burnseq_search::{AtMaxLen, EarlyStopping, GenerateOptions};
use burnseq_text::Vocab;
use serde_json::{Map, Value};

/// Fields that change nothing where they have these values, or that are about other programs.
const WITHOUT_EFFECT: [&str; 14] = [
    "_from_model_config",
    "transformers_version",
    "bos_token_id",
    "pad_token_id",
    "eos_token_id",
    "decoder_start_token_id",
    "use_cache",
    "cache_implementation",
    "return_dict_in_generate",
    "output_scores",
    "output_attentions",
    "output_hidden_states",
    "renormalize_logits",
    "max_time",
];

/// Fields that options of the search stand for.
const KNOWN: [&str; 16] = [
    "num_beams",
    "do_sample",
    "forced_eos_token_id",
    "forced_bos_token_id",
    "max_new_tokens",
    "max_length",
    "min_new_tokens",
    "min_length",
    "early_stopping",
    "top_k",
    "top_p",
    "temperature",
    "num_return_sequences",
    "length_penalty",
    "no_repeat_ngram_size",
    "repetition_penalty",
];

/// What a model asks of decoding, and what of that has no counterpart.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Options of the search.
    pub options: GenerateOptions,
    /// What is left out, for the user.
    pub notes: Vec<String>,
}

impl Generation {
    /// From the fields of `generation_config.json`, or of a `config.json` of before 4.27, which held them as well.
    ///
    /// Lengths that are not given stay as they are here: transformers' own default of 20 tokens cuts most sentences.
    ///
    /// # Errors
    /// A field whose value is of another kind, by name.
    pub fn read(fields: &Map<String, Value>, is_language_model: bool, vocab: &Vocab) -> Result<Self, String> {
        let pad = vocab.pad();
        let fields = Reader(fields);
        let mut notes = Vec::new();
        let default = GenerateOptions::default();
        let beam = fields.count("num_beams")?.unwrap_or(1);
        let sampling = fields.flag("do_sample")?.unwrap_or(false);
        let forced_eos = match fields.id("forced_eos_token_id", vocab)? {
            None => false,
            Some(id) if id == vocab.eos() => true,
            Some(id) => {
                return Err(format!(
                    "field `forced_eos_token_id` = {id}: another token than the end of a text, {}, is not supported",
                    vocab.eos()
                ));
            }
        };
        // The end, which is one of the tokens there, and what the decoder starts from.
        let end = usize::from(forced_eos);
        let start = usize::from(!is_language_model);
        let max_len = match (fields.count("max_new_tokens")?, fields.count("max_length")?) {
            (Some(new), _) => Some(new.saturating_sub(end)),
            // It counts the prompt, whose length is not known here.
            (None, Some(length)) if is_language_model => {
                notes.push(format!(
                    "`max_length` = {length} of its generation settings is left out: it counts the prompt"
                ));
                None
            }
            (None, max_length) => max_length.map(|length| length.saturating_sub(start + end)),
        };
        let min_len = match (fields.count("min_new_tokens")?, fields.count("min_length")?) {
            (Some(new), _) => new,
            (None, Some(length)) if !is_language_model => length.saturating_sub(start),
            (None, Some(length)) if length > 0 => {
                notes.push(format!(
                    "`min_length` = {length} of its generation settings is left out: it counts the prompt"
                ));
                0
            }
            (None, _) => 0,
        };
        let early_stopping = match fields.get("early_stopping") {
            None | Some(Value::Bool(false)) => EarlyStopping::False,
            Some(Value::Bool(true)) => EarlyStopping::True,
            Some(Value::String(never)) if never == "never" => EarlyStopping::Never,
            Some(other) => return Err(wrong("early_stopping", other, "true, false or \"never\"")),
        };
        let topk = fields.count("top_k")?.unwrap_or(50);
        let topp = fields.number("top_p")?.filter(|&p| p < 1.0);
        if sampling && topk > 0 && topp.is_some() {
            notes.push("`top_k` is left out beside `top_p`: tokens are drawn by one of them".to_owned());
        }
        let options = GenerateOptions {
            beam,
            nbest: fields.count("num_return_sequences")?.unwrap_or(1).min(beam),
            lenpen: fields.number("length_penalty")?.unwrap_or(1.0),
            min_len,
            max_len_b: max_len.unwrap_or(default.max_len_b),
            at_max_len: if forced_eos {
                AtMaxLen::FreeEnd
            } else {
                AtMaxLen::Cut
            },
            early_stopping,
            forced_bos: fields.id("forced_bos_token_id", vocab)?.map(|id| id as u32),
            no_repeat_ngram_size: fields.count("no_repeat_ngram_size")?.unwrap_or(0),
            repetition_penalty: fields.number("repetition_penalty")?.unwrap_or(1.0),
            sampling,
            temperature: if sampling {
                fields.number("temperature")?.unwrap_or(1.0)
            } else {
                1.0
            },
            sampling_topp: topp.filter(|_| sampling),
            sampling_topk: (sampling && topp.is_none() && topk > 0).then_some(topk),
            ..default
        };
        for (name, value) in fields.0 {
            let is_known = KNOWN.contains(&name.as_str()) || WITHOUT_EFFECT.contains(&name.as_str());
            let bans_padding = name == "bad_words_ids" && *value == serde_json::json!([[pad]]);
            if !is_known && !bans_padding && !is_neutral(name, value) {
                notes.push(format!(
                    "`{name}` = {value} of its generation settings has no counterpart and is left out"
                ));
            }
        }
        Ok(Self { options, notes })
    }
}

/// Fields of generation among those of a `config.json`, which older versions wrote together.
pub(super) fn among(fields: &Map<String, Value>) -> Map<String, Value> {
    let of_generation = fields.iter().filter(|(name, _)| KNOWN.contains(&name.as_str()));
    of_generation
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a value means that an option is not used.
fn is_neutral(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64().is_some_and(|number| {
            // Factors and groups are none at 1, lengths are not.
            number == 0.0 || (number == 1.0 && !name.ends_with("_size"))
        }),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn wrong(name: &str, value: &Value, expected: &str) -> String {
    format!("field `{name}` = {value}: expected {expected}")
}

/// Fields that may be there.
struct Reader<'a>(&'a Map<String, Value>);

impl Reader<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn count(&self, name: &str) -> Result<Option<usize>, String> {
        self.get(name)
            .map(|value| {
                let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
                count.ok_or_else(|| wrong(name, value, "a whole number of at least 0"))
            })
            .transpose()
    }

    /// The id of a token.
    fn id(&self, name: &str, vocab: &Vocab) -> Result<Option<usize>, String> {
        let id = self.count(name)?;
        match id.filter(|id| *id >= vocab.tgt) {
            Some(id) => Err(format!(
                "field `{name}` = {id}: the model has {} tokens, with ids from 0",
                vocab.tgt
            )),
            None => Ok(id),
        }
    }

    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        self.get(name)
            .map(|value| value.as_f64().ok_or_else(|| wrong(name, value, "a number")))
            .transpose()
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.get(name)
            .map(|value| value.as_bool().ok_or_else(|| wrong(name, value, "true or false")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(fields: Value) -> Result<Generation, String> {
        Generation::read(fields.as_object().unwrap(), false, &Vocab::fairseq(20, 20))
    }

    #[test]
    fn lengths_are_those_of_transformers() {
        // BART's: a start, at most 140 tokens, an end that costs nothing.
        let bart = read(json!({
            "num_beams": 4, "max_length": 142, "min_length": 56, "no_repeat_ngram_size": 3, "length_penalty": 2.0,
            "early_stopping": true, "forced_bos_token_id": 0, "forced_eos_token_id": 2
        }))
        .unwrap();
        let GenerateOptions {
            beam,
            max_len_b,
            min_len,
            at_max_len,
            early_stopping,
            forced_bos,
            ..
        } = bart.options;
        assert_eq!((beam, max_len_b, min_len), (4, 140, 55));
        assert_eq!(
            (at_max_len, early_stopping, forced_bos),
            (AtMaxLen::FreeEnd, EarlyStopping::True, Some(0))
        );
        assert!(bart.notes.is_empty(), "{:?}", bart.notes);
        let plain = read(json!({ "max_new_tokens": 14 })).unwrap().options;
        assert_eq!(
            (plain.beam, plain.max_len_b, plain.at_max_len),
            (1, 14, AtMaxLen::Cut)
        );
    }

    #[test]
    fn what_has_no_counterpart_is_said() {
        let marian = read(json!({ "bad_words_ids": [[1]], "num_beam_groups": 1, "typical_p": 0.3 })).unwrap();
        assert_eq!(marian.notes.len(), 1);
        assert!(
            marian.notes[0].contains("`typical_p` = 0.3"),
            "{:?}",
            marian.notes
        );
        for (field, id) in [("forced_bos_token_id", 20), ("forced_eos_token_id", 7)] {
            let error = read(json!({ field: id })).unwrap_err();
            assert!(error.starts_with(&format!("field `{field}` = {id}: ")), "{error}");
        }
        let error = read(json!({ "num_beams": "four" })).unwrap_err();
        assert_eq!(
            error,
            "field `num_beams` = \"four\": expected a whole number of at least 0"
        );
    }
}
