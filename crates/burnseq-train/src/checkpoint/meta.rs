//! `checkpoint.json`: what a checkpoint is, and the checksums of its other files.

use std::collections::BTreeMap;

use burnseq_model::ModelConfig;
use burnseq_text::{SpecialSymbols, Vocab};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The layout that this version writes; it reads all earlier ones.
pub const FORMAT_VERSION: u32 = 2;

/// Content of `checkpoint.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointMeta {
    /// Layout of the folder; see [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Version of burnseq that wrote it.
    pub burnseq_version: String,
    /// The complete model configuration.
    pub model_config: ModelConfig,
    /// What the model was trained for.
    pub task: TaskInfo,
    /// What the model reads and writes.
    pub dictionaries: Dictionaries,
    /// State of the training run, for the trainer only; null when there is none.
    pub train_state: Value,
    /// Every other file of the folder.
    pub files: BTreeMap<String, FileInfo>,
}

/// A task and what it has to know to use the model, such as languages.
///
/// To training it is something to keep, and to compare; only the task itself knows its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Name of the task, such as `translation`.
    #[serde(rename = "type")]
    pub name: String,
    /// Its fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl TaskInfo {
    /// A task whose fields are text.
    pub fn new<const N: usize>(name: &str, fields: [(&str, &str); N]) -> Self {
        let fields = fields.map(|(field, value)| (field.to_owned(), Value::from(value)));
        Self {
            name: name.to_owned(),
            fields: Map::from_iter(fields),
        }
    }

    /// A field that is text; empty where there is none.
    pub fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The dictionaries of a model, and the symbols that they share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dictionaries {
    /// One for each side of the data, in the order in which they are read and written; at least one.
    pub sides: Vec<DictionaryInfo>,
    /// Ids of the special symbols in all of them.
    pub special_symbols: SpecialSymbols,
}

/// A dictionary of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DictionaryInfo {
    /// Side of the data, such as `source`.
    pub side: String,
    /// Its file in the checkpoint.
    pub file: String,
    /// Types, specials and padding types included.
    pub types: usize,
}

impl Dictionaries {
    /// The dictionaries of sentence pairs, in the files `dict.src.txt` and `dict.tgt.txt`.
    pub fn source_and_target(vocab: &Vocab) -> Self {
        let side = |side: &str, file: &str, types| DictionaryInfo {
            side: side.to_owned(),
            file: file.to_owned(),
            types,
        };
        Self {
            sides: vec![
                side("source", "dict.src.txt", vocab.src),
                side("target", "dict.tgt.txt", vocab.tgt),
            ],
            special_symbols: vocab.special_symbols,
        }
    }

    /// The dictionary of a side.
    pub fn side(&self, side: &str) -> Option<&DictionaryInfo> {
        self.sides.iter().find(|info| info.side == side)
    }

    /// What a model has to know of them: it reads the first and writes the last.
    ///
    /// # Panics
    /// Without a dictionary.
    pub fn vocab(&self) -> Vocab {
        let types = |info: Option<&DictionaryInfo>| info.expect("there is a dictionary").types;
        Vocab {
            src: types(self.sides.first()),
            tgt: types(self.sides.last()),
            special_symbols: self.special_symbols,
        }
    }
}

/// Size and checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInfo {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, 64 hexadecimal digits.
    pub sha256: String,
}

/// Reads `checkpoint.json` of any format; the version comes first, so that an unknown one is named as such.
///
/// # Errors
/// Why it cannot be read: an unknown format, or what `damaged` says of a content that is not of its format.
pub(super) fn parse(json: &[u8], damaged: impl Fn(String) -> String) -> Result<CheckpointMeta, String> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let wrong = |error: serde_json::Error| damaged(error.to_string());
    let Version { format_version } = serde_json::from_slice(json).map_err(wrong)?;
    let meta: CheckpointMeta = match format_version {
        1 => serde_json::from_slice::<Format1>(json).map_err(wrong)?.into(),
        FORMAT_VERSION => serde_json::from_slice(json).map_err(wrong)?,
        _ => {
            return Err(format!(
                "checkpoint format {format_version} is unknown: burnseq {} reads formats 1 to {FORMAT_VERSION}; use the \
                 version of burnseq that wrote it",
                env!("CARGO_PKG_VERSION")
            ));
        }
    };
    if meta.dictionaries.sides.is_empty() {
        return Err(damaged("it names no dictionary".to_owned()));
    }
    Ok(meta)
}

/// Format 1: translation alone, with two dictionaries whose files have fixed names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Format1 {
    format_version: u32,
    burnseq_version: String,
    model_config: ModelConfig,
    vocab: Sizes,
    task: Languages,
    train_state: Value,
    files: BTreeMap<String, FileInfo>,
}

/// The dictionaries of format 1: sizes, and the ids that models look at; the others are fairseq's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    src: usize,
    tgt: usize,
    pad: usize,
    eos: usize,
}

impl From<Sizes> for Vocab {
    fn from(Sizes { src, tgt, pad, eos }: Sizes) -> Self {
        let special_symbols = SpecialSymbols {
            pad,
            eos,
            ..SpecialSymbols::FAIRSEQ
        };
        Self {
            src,
            tgt,
            special_symbols,
        }
    }
}

/// The task of format 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Languages {
    source_lang: String,
    target_lang: String,
}

impl From<Format1> for CheckpointMeta {
    fn from(old: Format1) -> Self {
        let languages = [
            ("source_lang", old.task.source_lang.as_str()),
            ("target_lang", old.task.target_lang.as_str()),
        ];
        Self {
            format_version: old.format_version,
            burnseq_version: old.burnseq_version,
            model_config: old.model_config,
            task: TaskInfo::new("translation", languages),
            dictionaries: Dictionaries::source_and_target(&old.vocab.into()),
            train_state: old.train_state,
            files: old.files,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VOCAB: Vocab = Vocab::fairseq(12, 9);

    fn read(json: &Value) -> Result<CheckpointMeta, String> {
        parse(json.to_string().as_bytes(), |problem| {
            format!("{problem}: damaged")
        })
    }

    #[test]
    fn format_1_is_read_as_what_it_means_today() {
        let old = json!({
            "format_version": 1,
            "burnseq_version": "0.1.0",
            "model_config": {"type": "transformer", "dropout": 0.25},
            "vocab": {"src": 12, "tgt": 9, "pad": 1, "eos": 2},
            "task": {"source_lang": "de", "target_lang": "en"},
            "train_state": {"x": 1},
            "files": {},
        });
        let meta = read(&old).unwrap();
        assert_eq!(meta.model_config.fields()["dropout"], 0.25);
        assert_eq!(
            (meta.task.name.as_str(), meta.task.text("target_lang")),
            ("translation", "en")
        );
        assert_eq!(meta.dictionaries.vocab(), VOCAB);
        assert_eq!(meta.dictionaries.side("target").unwrap().file, "dict.tgt.txt");
        assert_eq!(meta.train_state, json!({"x": 1}));

        // What is written today is read back as it was.
        let new = CheckpointMeta {
            format_version: FORMAT_VERSION,
            ..meta
        };
        let json = serde_json::to_value(&new).unwrap();
        assert_eq!(
            json["task"],
            json!({"type": "translation", "source_lang": "de", "target_lang": "en"})
        );
        assert_eq!(read(&json).unwrap(), new);
    }

    #[test]
    fn a_later_format_is_refused_in_one_line() {
        let error = read(&json!({"format_version": 3, "whatever": []})).unwrap_err();
        assert!(
            error.starts_with("checkpoint format 3 is unknown")
                && error.ends_with("use the version of burnseq that wrote it")
                && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn a_model_of_one_dictionary_reads_and_writes_it() {
        let mut dictionaries = Dictionaries::source_and_target(&VOCAB);
        dictionaries.sides.truncate(1);
        assert_eq!(dictionaries.vocab(), Vocab { tgt: 12, ..VOCAB });
    }
}
