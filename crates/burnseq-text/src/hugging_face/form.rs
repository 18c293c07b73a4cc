//! The form of `tokenizer.json`: its parts as types, so that what is unknown is named when the file is read.
//!
//! The library gets its parts from these types and never the file itself: its own readers panic on some files.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A whole `tokenizer.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    #[serde(default = "version")]
    pub(super) version: String,
    /// Not used: who encodes says how long a text may be.
    #[serde(default)]
    pub(super) truncation: Option<Value>,
    /// Not used: batches are padded where they are made.
    #[serde(default)]
    pub(super) padding: Option<Value>,
    #[serde(default)]
    pub(super) added_tokens: Vec<AddedToken>,
    #[serde(default)]
    pub(super) normalizer: Option<Normalizer>,
    #[serde(default)]
    pub(super) pre_tokenizer: Option<PreTokenizer>,
    #[serde(default)]
    pub(super) post_processor: Option<PostProcessor>,
    #[serde(default)]
    pub(super) decoder: Option<Decoder>,
    pub(super) model: Model,
}

fn version() -> String {
    "1.0".to_owned()
}

/// A token that is found in text before anything else happens to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedToken {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) normalized: bool,
    #[serde(default)]
    pub(super) special: bool,
}

impl AddedToken {
    /// A special token that is found in raw text.
    pub(super) fn special(id: u32, content: impl Into<String>) -> Self {
        Self {
            id,
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
        }
    }
}

/// What happens to characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Normalizer {
    #[serde(rename = "BertNormalizer")]
    Bert {
        clean_text: bool,
        handle_chinese_chars: bool,
        strip_accents: Option<bool>,
        lowercase: bool,
    },
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    StripAccents {},
    #[serde(rename = "NFC")]
    Nfc {},
    #[serde(rename = "NFD")]
    Nfd {},
    #[serde(rename = "NFKC")]
    Nfkc {},
    #[serde(rename = "NFKD")]
    Nfkd {},
    Lowercase {},
    Nmt {},
    Precompiled {
        /// In base 64.
        precompiled_charsmap: String,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
    Prepend {
        prepend: String,
    },
    ByteLevel {},
    Sequence {
        normalizers: Vec<Normalizer>,
    },
}

/// What is looked for in text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Pattern {
    String(String),
    Regex(String),
}

/// How text falls into words, each of which the model takes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum PreTokenizer {
    #[serde(rename = "BertPreTokenizer")]
    Bert {},
    ByteLevel(ByteLevel),
    #[serde(alias = "CharDelimiterSplit")]
    Delimiter {
        delimiter: char,
    },
    Metaspace(Metaspace),
    Whitespace {},
    WhitespaceSplit {},
    Punctuation {
        #[serde(default = "isolated")]
        behavior: String,
    },
    Digits {
        individual_digits: bool,
    },
    Split {
        pattern: Pattern,
        behavior: String,
        invert: bool,
    },
    UnicodeScripts {},
    Sequence {
        pretokenizers: Vec<PreTokenizer>,
    },
}

fn isolated() -> String {
    "Isolated".to_owned()
}

/// Bytes as characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByteLevel {
    pub(super) add_prefix_space: bool,
    pub(super) trim_offsets: bool,
    #[serde(default = "yes")]
    pub(super) use_regex: bool,
}

fn yes() -> bool {
    true
}

/// U+2581 for blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "MetaspaceFields")]
pub(super) struct Metaspace {
    pub(super) replacement: char,
    pub(super) prepend_scheme: PrependScheme,
    pub(super) split: bool,
}

impl Metaspace {
    /// As the fast tokenizers of SentencePiece models have it.
    pub(super) fn sentencepiece() -> Self {
        Self {
            replacement: '\u{2581}',
            prepend_scheme: PrependScheme::Always,
            split: true,
        }
    }
}

/// Where a blank is put before text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PrependScheme {
    Always,
    First,
    Never,
}

/// The fields of [`Metaspace`] in files of all versions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetaspaceFields {
    replacement: char,
    #[serde(default)]
    prepend_scheme: Option<PrependScheme>,
    #[serde(default)]
    add_prefix_space: Option<bool>,
    /// Says `replacement` once more.
    #[serde(default, rename = "str_rep")]
    _str_rep: Option<String>,
    #[serde(default = "yes")]
    split: bool,
}

impl TryFrom<MetaspaceFields> for Metaspace {
    type Error = String;

    fn try_from(fields: MetaspaceFields) -> Result<Self, String> {
        let prepend_scheme = match (fields.prepend_scheme, fields.add_prefix_space) {
            (None, Some(false)) => PrependScheme::Never,
            (None, _) => PrependScheme::Always,
            (Some(scheme), Some(false)) if scheme != PrependScheme::Never => {
                return Err(format!(
                    "`add_prefix_space` is false, but `prepend_scheme` is {scheme:?}"
                ));
            }
            (Some(scheme), _) => scheme,
        };
        Ok(Self {
            replacement: fields.replacement,
            prepend_scheme,
            split: fields.split,
        })
    }
}

/// Which tokens stand around texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum PostProcessor {
    BertProcessing {
        sep: (String, u32),
        cls: (String, u32),
    },
    RobertaProcessing {
        sep: (String, u32),
        cls: (String, u32),
        trim_offsets: bool,
        add_prefix_space: bool,
    },
    ByteLevel(ByteLevel),
    TemplateProcessing {
        single: Vec<TemplatePiece>,
        pair: Vec<TemplatePiece>,
        special_tokens: SpecialTokens,
    },
    Sequence {
        processors: Vec<PostProcessor>,
    },
}

/// A place of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TemplatePiece {
    SpecialToken { id: String, type_id: u32 },
    Sequence { id: Sequence, type_id: u32 },
}

/// The first or the second text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sequence {
    A,
    B,
}

/// The special tokens of templates, by name.
pub(super) type SpecialTokens = std::collections::BTreeMap<String, SpecialToken>;

/// What a special token of a template stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecialToken {
    pub(super) id: String,
    pub(super) ids: Vec<u32>,
    pub(super) tokens: Vec<String>,
}

/// How tokens become text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Decoder {
    #[serde(rename = "BPEDecoder")]
    Bpe {
        suffix: String,
    },
    ByteLevel(ByteLevel),
    WordPiece {
        prefix: String,
        cleanup: bool,
    },
    Metaspace(Metaspace),
    Fuse {},
    ByteFallback {},
    Strip {
        content: char,
        start: usize,
        stop: usize,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
    Sequence {
        decoders: Vec<Decoder>,
    },
}

/// The vocabulary and how words are segmented with it. Which fields a model has follows from its `type`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Model {
    /// Older files lack it.
    #[serde(rename = "type")]
    pub(super) kind: Option<ModelKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dropout: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unk_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unk_id: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) continuing_subword_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_of_word_suffix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_input_chars_per_word: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fuse_unk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) byte_fallback: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ignore_merges: Option<bool>,
    pub(super) vocab: Vocabulary,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) merges: Option<Vec<Merge>>,
}

/// The kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ModelKind {
    #[serde(rename = "BPE")]
    Bpe,
    WordPiece,
    WordLevel,
    Unigram,
}

impl Model {
    /// The `type`, or what an older file without it means.
    pub(super) fn kind(&self) -> ModelKind {
        self.kind.unwrap_or(match (&self.vocab, &self.merges) {
            (Vocabulary::Scores(_), _) => ModelKind::Unigram,
            (_, Some(_)) => ModelKind::Bpe,
            _ if self.max_input_chars_per_word.is_some() => ModelKind::WordPiece,
            _ => ModelKind::WordLevel,
        })
    }
}

/// Tokens with their ids, in the order of the file, or with scores, in the order of their ids.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Vocabulary {
    Ids(Vec<(String, u32)>),
    Scores(Vec<(String, f64)>),
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::Ids(Vec::new())
    }
}

impl Vocabulary {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ids(entries) => entries.len(),
            Self::Scores(entries) => entries.len(),
        }
    }

    /// The tokens with their ids.
    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = (&str, u32)> + '_> {
        match self {
            Self::Ids(entries) => Box::new(entries.iter().map(|(token, id)| (token.as_str(), *id))),
            Self::Scores(entries) => {
                let tokens = entries.iter().map(|(token, _)| token.as_str());
                Box::new(tokens.zip(0..))
            }
        }
    }
}

impl Serialize for Vocabulary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ids(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|(_, id)| *id);
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (token, id) in entries {
                    map.serialize_entry(token, id)?;
                }
                map.end()
            }
            Self::Scores(entries) => {
                let mut list = serializer.serialize_seq(Some(entries.len()))?;
                for entry in entries {
                    list.serialize_element(entry)?;
                }
                list.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Vocabulary;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("tokens with their ids, or a list of tokens with scores")
            }

            // A map of serde would keep the last of two entries of one name in silence.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Vocabulary::Ids(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                }
                Ok(Vocabulary::Scores(entries))
            }
        }

        deserializer.deserialize_any(Entries)
    }
}

/// Two tokens that are joined. Older files have them in one text, separated by a blank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Merge(pub(super) String, pub(super) String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;

        impl<'de> Visitor<'de> for Pair {
            type Value = Merge;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("two tokens that are joined")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Merge, E> {
                Merge::parse(text)
                    .ok_or_else(|| E::custom(format!("expected a merge `<left> <right>`, got {text:?}")))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Merge, A::Error> {
                let missing = |length| de::Error::invalid_length(length, &Self);
                let left = list.next_element()?.ok_or_else(|| missing(0))?;
                let right = list.next_element()?.ok_or_else(|| missing(1))?;
                match list.next_element::<de::IgnoredAny>()? {
                    None => Ok(Merge(left, right)),
                    Some(_) => Err(missing(3)),
                }
            }
        }

        deserializer.deserialize_any(Pair)
    }
}

impl Merge {
    /// Takes a merge out of a line: two words separated by one blank.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (left, right) = line.split_once(' ')?;
        let both = !left.is_empty() && !right.is_empty() && !right.contains(' ');
        both.then(|| Self(left.to_owned(), right.to_owned()))
    }
}
