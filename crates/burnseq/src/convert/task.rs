//! The task of a checkpoint: fairseq's options and ours.

use burnseq_interchange::fairseq::Options;
use burnseq_model::families::fairseq::is_off;
use burnseq_train::TrainConfig;
use serde_json::{Map, Value, json};

use super::overlay::overlay;
use crate::tasks::TaskConfig;
use crate::tasks::language_modeling::{self, LanguageModelingConfig};
use crate::tasks::translation::{self, LanguagePair, TranslationConfig};

/// Options of fairseq's `language_modeling` that ask for another reading direction or another dictionary, and what they
/// stand for.
const REFUSED: [(&str, &str); 4] = [
    ("self_target", "targets that are the inputs"),
    ("future_target", "models that read from right to left"),
    ("past_target", "targets before the inputs"),
    ("output_dictionary_size", "a dictionary that is cut off"),
];

/// The task that the options of a checkpoint describe, without its data.
///
/// # Errors
/// Another task than translation and language modelling; options of it that are not supported, or of another type.
pub(super) fn task_config(options: &Options) -> Result<TaskConfig, String> {
    match options.choice("task") {
        None | Some(translation::NAME) => {
            let lang = |option: &str| {
                let lang = options.get("task", option).and_then(Value::as_str);
                lang.map(str::to_owned)
            };
            Ok(TaskConfig::Translation(TranslationConfig {
                source_lang: lang("source_lang"),
                target_lang: lang("target_lang"),
                ..TranslationConfig::default()
            }))
        }
        Some(language_modeling::NAME) => text(options).map(TaskConfig::LanguageModeling),
        Some(other) => Err(format!(
            "it was made for the task `{other}`; choose from: {}",
            TaskConfig::NAMES.join(", ")
        )),
    }
}

/// How the text of a language model was cut into blocks.
fn text(options: &Options) -> Result<LanguageModelingConfig, String> {
    for (name, what) in REFUSED {
        if let Some(value) = options.get("task", name).filter(|value| !is_off(value)) {
            return Err(format!(
                "option `{name}` = {value}: there is no support for {what}\nhint: there is no equivalent; train the model \
                 without it"
            ));
        }
    }
    // Where the data lies and which part is trained on is no part of a model.
    const TAKEN: [&str; 4] = [
        "sample_break_mode",
        "tokens_per_sample",
        "add_bos_token",
        "shorten_method",
    ];
    overlay(&LanguageModelingConfig::default(), |field| {
        let value = options.get("task", field).filter(|_| TAKEN.contains(&field))?;
        // `None`, which is the default, is the text or nothing, and empty text is no method.
        let is_none = matches!(value.as_str(), Some("" | "None"));
        (!is_none).then(|| value.clone())
    })
}

/// The section `task` of fairseq's configuration for a language model.
pub(super) fn language_modeling_section(
    config: &LanguageModelingConfig,
    train: &TrainConfig,
    max_target_positions: &Value,
) -> Value {
    let fields = serde_json::to_value(config).expect("configurations are JSON objects");
    json!({
        "_name": language_modeling::NAME,
        "data": "data-bin",
        "sample_break_mode": fields["sample_break_mode"],
        "tokens_per_sample": config.tokens_per_sample,
        "output_dictionary_size": -1,
        "self_target": false,
        "future_target": false,
        "past_target": false,
        "add_bos_token": config.add_bos_token,
        "max_target_positions": max_target_positions,
        "shorten_method": fields["shorten_method"],
        "shorten_data_split_list": config.shorten_data_split_list.join(","),
        "pad_to_fixed_length": false,
        "pad_to_fixed_bsz": false,
        "seed": train.seed,
        "batch_size": train.dataset.batch_size,
        "batch_size_valid": train.dataset.batch_size_valid.or(train.dataset.batch_size),
        "dataset_impl": null,
        "data_buffer_size": train.dataset.data_buffer_size,
        "tpu": false,
        "use_plasma_view": false,
        "plasma_path": "/tmp/plasma",
    })
}

/// The section `task` of fairseq's configuration for a translation model.
pub(super) fn translation_section(
    languages: &LanguagePair,
    train: &TrainConfig,
    model: &Map<String, Value>,
) -> Value {
    json!({
        "_name": translation::NAME,
        "data": "data-bin",
        "source_lang": languages.source_lang,
        "target_lang": languages.target_lang,
        "load_alignments": false,
        "left_pad_source": true,
        "left_pad_target": false,
        "max_source_positions": model["max_source_positions"],
        "max_target_positions": model["max_target_positions"],
        "upsample_primary": -1,
        "truncate_source": false,
        "num_batch_buckets": 0,
        "train_subset": "train",
        "dataset_impl": null,
        "required_seq_len_multiple": train.dataset.required_seq_len_multiple.unwrap_or(1),
        "eval_bleu": false,
        "eval_bleu_args": "{}",
        "eval_bleu_detok": "space",
        "eval_bleu_detok_args": "{}",
        "eval_tokenized_bleu": false,
        "eval_bleu_remove_bpe": null,
        "eval_bleu_print_samples": false,
    })
}

#[cfg(test)]
mod tests {
    use burnseq_data::{SampleBreakMode, ShortenMethod};

    use super::*;

    fn of_task(task: Value) -> Result<TaskConfig, String> {
        let sections = Map::from_iter([("task".to_owned(), task)]);
        task_config(&Options::by_section(sections))
    }

    #[test]
    fn blocks_survive_the_way_to_fairseq_s_options_and_back() {
        let config = LanguageModelingConfig {
            sample_break_mode: SampleBreakMode::CompleteDoc,
            tokens_per_sample: 17,
            add_bos_token: true,
            shorten_method: ShortenMethod::Truncate,
            ..LanguageModelingConfig::default()
        };
        let section = language_modeling_section(&config, &TrainConfig::default(), &json!(18));
        assert_eq!(of_task(section), Ok(TaskConfig::LanguageModeling(config)));
        let unset = json!({ "_name": "language_modeling", "sample_break_mode": null, "shorten_method": "" });
        assert_eq!(
            of_task(unset),
            Ok(TaskConfig::LanguageModeling(LanguageModelingConfig::default()))
        );
        // `args`, until 0.9.
        let flat = json!({ "task": "language_modeling", "sample_break_mode": "eos", "tokens_per_sample": 9 });
        let Ok(TaskConfig::LanguageModeling(flat)) =
            task_config(&Options::flat(flat.as_object().unwrap().clone()))
        else {
            panic!("it is a language model")
        };
        assert_eq!(
            (flat.sample_break_mode, flat.tokens_per_sample),
            (SampleBreakMode::Eos, 9)
        );
    }

    #[test]
    fn other_tasks_and_directions_are_refused_by_name() {
        let said = of_task(json!({ "_name": "masked_lm" })).unwrap_err();
        assert!(
            said.contains("`masked_lm`; choose from: translation, language_modeling"),
            "{said}"
        );
        for (name, what) in REFUSED {
            let said = of_task(json!({ "_name": "language_modeling", name: 7 })).unwrap_err();
            assert!(
                said.starts_with(&format!("option `{name}` = 7: there is no support for {what}")),
                "{said}"
            );
        }
        of_task(json!({ "_name": "language_modeling", "output_dictionary_size": -1 })).unwrap();
    }
}
