//! Checkpoints to folders of transformers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use burnseq_interchange::hugging_face::FolderWriter;
use burnseq_interchange::torch_file::Tensor;
use burnseq_model::{LanguageModel, Model, OfConfig, state_dict};
use burnseq_search::{AtMaxLen, EarlyStopping, GenerateOptions};
use burnseq_train::Checkpoint;
use serde_json::{Map, Value};

use super::tensors;
use super::text;
use crate::convert::Conversion;
use crate::convert::observer::{Observer, Stage, meter};
use crate::error::{Error, Result};
use crate::tasks::generation;

/// Converts a checkpoint to a folder that transformers opens; nothing must be at `output` yet.
///
/// # Errors
/// A checkpoint that is damaged; a model that transformers does not have; a folder that cannot be written.
pub fn to_hugging_face(input: &Path, output: &Path, observer: &Arc<dyn Observer>) -> Result<Conversion> {
    let checkpoint = Checkpoint::open(input)?.metered(meter(observer));
    let meta = checkpoint.meta();
    let vocab = meta.dictionaries.vocab();
    let wrong = |problem: String| Error::Convert {
        path: checkpoint.path().to_owned(),
        problem,
    };
    if vocab.src != vocab.tgt {
        return Err(wrong(format!(
            "has dictionaries of {} and {} types; models of transformers have one for both sides\nhint: train with a joined \
             dictionary",
            vocab.src, vocab.tgt
        )));
    }
    let described = meta.model_config.in_hugging_face(&vocab).ok_or_else(|| {
        wrong(format!(
            "{} with these settings cannot be converted: transformers has no such model\nhint: what it has are GPT, GPT-2, \
             BART, mBART, M2M100 and Marian as they were published",
            meta.model_config.phrase()
        ))
    })?;
    let size = checkpoint
        .path()
        .join("model.safetensors")
        .metadata()
        .map_or(0, |file| file.len());
    observer.stage(Stage::Reading, size);
    let is_language_model = LanguageModel::check(&meta.model_config).is_ok();
    let parameters: HashMap<String, TensorData> = match is_language_model {
        true => weights::<LanguageModel>(&checkpoint)?,
        false => weights::<Model>(&checkpoint)?,
    };
    observer.stage(Stage::Converting, 0);
    let stored: Vec<(String, Tensor)> = tensors::stored(&described, &parameters)
        .into_iter()
        .map(|(name, data)| {
            let tensor = Tensor {
                shape: data.shape().to_vec(),
                values: data.iter::<f32>().collect(),
            };
            (name, tensor)
        })
        .collect();

    // What came from transformers goes back with all that its file holds.
    let is_kept = meta.files.contains_key("config.json");
    let mut config: Map<String, Value> = match is_kept {
        true => serde_json::from_slice(&checkpoint.file("config.json")?)
            .map_err(|error| wrong(format!("holds a config.json that is not JSON: {error}")))?,
        false => Map::new(),
    };
    let symbols = vocab.special_symbols;
    for (name, value) in described.fields {
        // What is left open there, or written in another way, stays as it is.
        let same = config
            .get(&name)
            .is_some_and(|old| old.is_null() || old.as_f64() == value.as_f64() && old.is_number());
        if !same {
            config.insert(name, value);
        }
    }
    let mut of_generation: Map<String, Value> = Map::new();
    if !is_kept {
        config.insert(
            "architectures".to_owned(),
            vec![described.architectures[0]].into(),
        );
        config.insert("model_type".to_owned(), described.model_type.into());
        config.insert("torch_dtype".to_owned(), "float32".into());
        let mut ids = vec![("bos_token_id", symbols.bos), ("eos_token_id", symbols.eos)];
        // Where no token stands for padding, texts are padded with their end.
        let has_pad = symbols.pad < vocab.tgt;
        ids.push(("pad_token_id", if has_pad { symbols.pad } else { symbols.eos }));
        if !is_language_model {
            ids.push(("decoder_start_token_id", vocab.decoder_start()));
        }
        for (name, id) in ids {
            config.insert(name.to_owned(), id.into());
            of_generation.insert(name.to_owned(), id.into());
        }
        config.sort_keys();
    }
    config.insert("vocab_size".to_owned(), vocab.tgt.into());
    let search = generation::of_task(&meta.task).map_err(wrong)?;
    if let Some(search) = &search {
        of_generation.extend(generation_fields(search, is_language_model, vocab.eos()));
    }

    let folder = FolderWriter::create(output)?.metered(meter(observer));
    folder.settings("config.json", &config)?;
    let mut notes = Vec::new();
    // Ids of a dictionary in fairseq's order are not those of a tokenizer.
    if meta.dictionaries.sides[0].file == text::VOCABULARY {
        for name in text::kept().filter(|name| *name != "config.json" && meta.files.contains_key(*name)) {
            let content = checkpoint.file(name)?;
            folder.file(name, |out| out.write_all(&content))?;
        }
    } else {
        notes.push(format!(
            "no tokenizer is written: the ids of the model are those of its dictionary, {}",
            meta.dictionaries.sides[0].file
        ));
    }
    if !meta.files.contains_key("generation_config.json") {
        folder.settings("generation_config.json", &of_generation)?;
    }
    observer.stage(
        Stage::Writing,
        4 * stored
            .iter()
            .map(|(_, tensor)| tensor.values.len() as u64)
            .sum::<u64>(),
    );
    folder.weights(&stored)?;
    folder.commit()?;
    Ok(Conversion {
        output: output.to_owned(),
        parameters: stored.iter().map(|(_, tensor)| tensor.values.len()).sum(),
        num_updates: None,
        leaves_adam: false,
        notes,
    })
}

/// The parameters of a model that plays the role `M`.
fn weights<M: OfConfig>(checkpoint: &Checkpoint) -> Result<HashMap<String, TensorData>> {
    let model = checkpoint.model::<M>(&Device::flex())?;
    Ok(state_dict(&model).into_iter().collect())
}

/// Options of the search as transformers writes them: what [`super::Generation::read`] reads.
fn generation_fields(search: &GenerateOptions, is_language_model: bool, eos: usize) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut insert = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let default = GenerateOptions::default();
    insert("num_beams", search.beam.into());
    let forced_eos = search.at_max_len == AtMaxLen::FreeEnd;
    let (end, start) = (usize::from(forced_eos), usize::from(!is_language_model));
    if forced_eos {
        insert("forced_eos_token_id", eos.into());
    }
    if search.max_len_b != default.max_len_b {
        match is_language_model {
            true => insert("max_new_tokens", (search.max_len_b + end).into()),
            false => insert("max_length", (search.max_len_b + start + end).into()),
        };
    }
    if search.min_len > 0 {
        match is_language_model {
            true => insert("min_new_tokens", search.min_len.into()),
            false => insert("min_length", (search.min_len + start).into()),
        };
    }
    let early_stopping = match search.early_stopping {
        EarlyStopping::True => true.into(),
        EarlyStopping::False => false.into(),
        EarlyStopping::Never => "never".into(),
    };
    insert("early_stopping", early_stopping);
    if let Some(bos) = search.forced_bos {
        insert("forced_bos_token_id", bos.into());
    }
    for (name, value, usual) in [
        ("length_penalty", search.lenpen, 1.0),
        ("repetition_penalty", search.repetition_penalty, 1.0),
    ] {
        if value != usual {
            insert(name, value.into());
        }
    }
    if search.no_repeat_ngram_size > 0 {
        insert("no_repeat_ngram_size", search.no_repeat_ngram_size.into());
    }
    if search.nbest > 1 {
        insert("num_return_sequences", search.nbest.into());
    }
    if search.sampling {
        insert("do_sample", true.into());
        insert("temperature", search.temperature.into());
        insert("top_k", search.sampling_topk.unwrap_or(0).into());
        if let Some(p) = search.sampling_topp {
            insert("top_p", p.into());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use burnseq_text::Vocab;

    use super::super::Generation;
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let bart = GenerateOptions {
            beam: 4,
            lenpen: 2.0,
            min_len: 55,
            max_len_b: 140,
            at_max_len: AtMaxLen::FreeEnd,
            early_stopping: EarlyStopping::Never,
            forced_bos: Some(0),
            no_repeat_ngram_size: 3,
            ..GenerateOptions::default()
        };
        let sampled = GenerateOptions {
            beam: 1,
            sampling: true,
            sampling_topp: Some(0.9),
            temperature: 0.7,
            max_len_b: 30,
            min_len: 5,
            at_max_len: AtMaxLen::Cut,
            early_stopping: EarlyStopping::False,
            ..GenerateOptions::default()
        };
        for (options, is_language_model) in [(bart, false), (sampled, true)] {
            let fields = generation_fields(&options, is_language_model, 2);
            let read = Generation::read(&fields, is_language_model, &Vocab::fairseq(20, 20)).unwrap();
            assert_eq!(read.options, options);
        }
    }
}
