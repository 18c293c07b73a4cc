//! Folders of transformers to checkpoints.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use burnseq_interchange::hugging_face::{Config, Folder};
use burnseq_model::{EncoderModel, LanguageModel, Model, ModelConfig, OfConfig, state_dict};
use burnseq_text::Vocab;
use burnseq_text::hugging_face::HfTokenizer;
use burnseq_train::TaskInfo;
use burnseq_train::checkpoint::{self, CheckpointContents, Dictionaries, DictionaryInfo};
use serde_json::{Map, Value};

use super::text::{self, VOCABULARY};
use super::{Generation, HuggingFaceModel, SourceTemplate};
use crate::convert::Conversion;
use crate::convert::import::folder_of;
use crate::convert::observer::{Observer, Stage, meter};
use crate::error::{Error, Result};
use crate::tasks::{generation, language_modeling, translation};

/// How a folder of transformers is taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HuggingFaceOptions {
    /// Source language; needed by models of many languages.
    pub source_lang: Option<String>,
    /// Target language; needed by models of many languages.
    pub target_lang: Option<String>,
    /// Tensors that are missing, and then have fresh values, and tensors of no use are no error.
    pub ignore_missing: bool,
}

/// A folder of transformers, read: all that a checkpoint of it will hold.
struct Read {
    model: HuggingFaceModel,
    files: Vec<(String, Vec<u8>)>,
    task: TaskInfo,
    notes: Vec<String>,
}

/// Converts a folder of transformers; `output` is the folder of the new checkpoint, which is replaced if it is one.
///
/// # Errors
/// A folder that is no model; files that are damaged or missing; what there is no support for, by field; a folder that
/// cannot be written.
pub fn from_hugging_face(
    input: &Path,
    options: &HuggingFaceOptions,
    output: &Path,
    observer: &Arc<dyn Observer>,
) -> Result<Conversion> {
    let folder = Folder::open(input)?;
    let Read {
        model,
        files,
        task,
        notes,
    } = read(&folder, options, observer)?;
    let vocab = model.vocab;
    let side = |side: &str| DictionaryInfo {
        side: side.to_owned(),
        file: VOCABULARY.to_owned(),
        types: vocab.tgt,
    };
    let is_language_model = LanguageModel::check(&model.config).is_ok();
    let sides = match is_language_model {
        true => vec![side(language_modeling::SIDE)],
        false => vec![side("source"), side("target")],
    };
    let dictionaries = Dictionaries {
        sides,
        special_symbols: vocab.special_symbols,
    };
    observer.stage(Stage::Converting, 0);
    let weights = match is_language_model {
        true => weights::<LanguageModel>(&model, input)?,
        false => weights::<Model>(&model, input)?,
    };
    let contents = CheckpointContents {
        model_config: &model.config,
        dictionaries: &dictionaries,
        task: &task,
        train_state: Value::Null,
        model: &weights,
        raw_model: None,
        optimizer: None,
        files: &files,
    };
    let bytes = weights.iter().map(|(_, data)| data.as_bytes().len() as u64).sum();
    observer.stage(Stage::Writing, bytes);
    let name = output.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Error::Config(format!(
            "{} is not the name of a folder to write",
            output.display()
        ))
    })?;
    checkpoint::save_metered(folder_of(output), &[name], &contents, &meter(observer))?;
    Ok(Conversion {
        output: output.to_owned(),
        parameters: weights.iter().map(|(_, data)| data.num_elements()).sum(),
        num_updates: None,
        leaves_adam: false,
        notes,
    })
}

/// What a checkpoint of the folder would say of its task; weights are not read.
///
/// # Errors
/// As [`from_hugging_face`], but for weights.
pub fn hugging_face_task(input: &Path, options: &HuggingFaceOptions) -> Result<TaskInfo> {
    let folder = Folder::open(input)?;
    let read = ModelConfig::from_hugging_face(folder.config().fields());
    let read = read.map_err(|problem| wrong(folder.config(), problem))?;
    refuse_encoders(&read.config, input)?;
    let is_language_model = LanguageModel::check(&read.config).is_ok();
    // A language model has one side, whose task says nothing of its tokens: a large vocabulary takes long to open.
    let tokenizer = match is_language_model {
        true => None,
        false => text::tokenizer(&folder)?,
    };
    let symbols = read.symbols.complete(read.types, is_language_model, None);
    let mut notes = Vec::new();
    task(
        &folder,
        options,
        is_language_model,
        &Vocab {
            src: read.types,
            tgt: read.types,
            special_symbols: symbols,
        },
        tokenizer.as_ref(),
        &mut notes,
    )
    .map(|(task, _)| task)
}

fn read(folder: &Folder, options: &HuggingFaceOptions, observer: &Arc<dyn Observer>) -> Result<Read> {
    let config = folder.config();
    let described =
        ModelConfig::from_hugging_face(config.fields()).map_err(|problem| wrong(config, problem))?;
    refuse_encoders(&described.config, folder.path())?;
    let tokenizer = text::tokenizer(folder)?;
    let stored = folder.weights()?.metered(meter(observer));
    observer.stage(
        Stage::Reading,
        u64::try_from(4 * stored.elements()).unwrap_or(u64::MAX),
    );
    let unk = tokenizer
        .as_ref()
        .and_then(|tokenizer| tokenizer.special_ids().unk);
    let unk = unk.map(|unk| unk as usize);
    let mut model = HuggingFaceModel::read(folder, &stored, unk, options.ignore_missing)?;
    let mut notes = Vec::new();
    if !model.missing.is_empty() {
        let names: Vec<&str> = model.missing.iter().map(String::as_str).collect();
        notes.push(format!(
            "weights that are missing have fresh values: {}",
            super::tensors::shortened(&names)
        ));
    }
    if !model.unused.is_empty() {
        let names: Vec<&str> = model.unused.iter().map(String::as_str).collect();
        let listed = super::tensors::shortened(&names);
        if !options.ignore_missing {
            return Err(Error::Convert {
                path: folder.path().to_owned(),
                problem: format!(
                    "holds tensors that {} has no use for: {listed}\nhint: `burnseq convert FOLDER CHECKPOINT --ignore-missing` leaves them \
                     out",
                    model.config.phrase()
                ),
            });
        }
        notes.push(format!(
            "tensors that the model has no use for are left out: {listed}"
        ));
    }
    let is_language_model = LanguageModel::check(&model.config).is_ok();
    let (task, start) = task(
        folder,
        options,
        is_language_model,
        &model.vocab,
        tokenizer.as_ref(),
        &mut notes,
    )?;
    if start.is_some() {
        model.vocab.special_symbols.decoder_start = start;
    }
    let languages = ["source_lang", "target_lang"].map(|side| task.text(side).to_owned());
    let languages = (!is_language_model).then_some(&languages);
    let files = text::files(folder, tokenizer.as_ref(), &model.vocab, languages)?;
    Ok(Read {
        model,
        files,
        task,
        notes,
    })
}

/// What a checkpoint says of the task, and what its decoder starts from, where that depends on the languages.
fn task(
    folder: &Folder,
    options: &HuggingFaceOptions,
    is_language_model: bool,
    vocab: &Vocab,
    tokenizer: Option<&HfTokenizer>,
    notes: &mut Vec<String>,
) -> Result<(TaskInfo, Option<usize>)> {
    let of_generation = folder.settings("generation_config.json")?;
    // Before version 4.27 they were among the others.
    let settings = of_generation.as_ref().unwrap_or(folder.config());
    let asked: Map<String, Value> = match of_generation {
        Some(_) => settings.fields().clone(),
        None => super::generation::among(settings.fields()),
    };
    let generation =
        Generation::read(&asked, is_language_model, vocab).map_err(|problem| wrong(settings, problem))?;
    let mut search = generation.options;
    for (name, id) in [
        ("eos_token_id", vocab.eos()),
        ("decoder_start_token_id", vocab.decoder_start()),
    ] {
        if let Some(asked) = asked.get(name).filter(|asked| !asked.is_null())
            && asked.as_u64() != Some(id as u64)
            && !(is_language_model && name == "decoder_start_token_id")
        {
            notes.push(format!(
                "`{name}` = {asked} of its generation settings is left out: the model has {id}"
            ));
        }
    }
    notes.extend(generation.notes);
    if is_language_model {
        let mut task = language_modeling::whole_texts_task();
        generation::insert(&mut task, &search, notes);
        return Ok((task, None));
    }
    let languages = text::languages(folder, tokenizer, [&options.source_lang, &options.target_lang])?;
    let template = SourceTemplate::of(tokenizer, &languages[0], folder)?;
    let mut start = None;
    if let Some(tokenizer) = tokenizer
        && let Some(id) = tokenizer.language_id(&languages[1])
    {
        // mBART's decoder starts from the language, M2M100's first token is it.
        let is_mbart = folder.config().text("model_type")? == Some("mbart");
        if is_mbart && search.forced_bos.is_none() {
            start = Some(id as usize);
        } else {
            search.forced_bos = Some(id);
        }
    }
    let pair = translation::LanguagePair {
        source_lang: languages[0].clone(),
        target_lang: languages[1].clone(),
    };
    let mut task = TaskInfo::from(&pair);
    template.insert(&mut task);
    generation::insert(&mut task, &search, notes);
    Ok((task, start))
}

/// Checkpoints hold models that a task trains, and there is none for encoders yet.
fn refuse_encoders(config: &ModelConfig, path: &Path) -> Result<()> {
    match EncoderModel::check(config) {
        Err(_) => Ok(()),
        Ok(()) => Err(Error::Convert {
            path: path.to_owned(),
            problem: format!(
                "{} writes no text, and there is no task that trains it\nhint: give the folder itself to a command that \
                 reads encoders, such as `burnseq features`",
                config.phrase()
            ),
        }),
    }
}

fn wrong(config: &Config, problem: String) -> Error {
    Error::Convert {
        path: config.path().to_owned(),
        problem,
    }
}

/// The weights of a model that plays the role `M`, under fairseq's names.
fn weights<M: OfConfig>(model: &HuggingFaceModel, path: &Path) -> Result<Vec<(String, TensorData)>> {
    let loaded = M::load(&model.config, &model.vocab, &model.parameters, &Device::flex());
    let loaded = loaded.map_err(|error| Error::Convert {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    Ok(state_dict(&loaded))
}
