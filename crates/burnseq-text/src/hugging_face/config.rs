//! What stands beside vocabularies: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, `config.json`.

use serde_json::{Map, Value};

use super::form::AddedToken;
use super::vocabulary::Content;
use crate::error::Result;

/// The settings of a folder's tokenizer.
#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    /// Where errors point to.
    name: String,
    fields: Map<String, Value>,
    /// Special tokens of `special_tokens_map.json`, which count where `tokenizer_config.json` has none.
    map: Map<String, Value>,
    /// Tokens of `added_tokens.json` with their ids.
    added: Vec<(String, u32)>,
    /// `model_type` of `config.json`.
    model_type: Option<String>,
}

/// A special token as a file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedToken {
    pub(super) content: String,
    /// How it is found in text, where the file says so.
    pub(super) matching: Option<AddedToken>,
}

/// The files, of which none is necessary.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConfigFiles<'a> {
    pub(super) tokenizer_config: Option<Content<'a>>,
    pub(super) special_tokens_map: Option<Content<'a>>,
    pub(super) added_tokens: Option<Content<'a>>,
    pub(super) config: Option<Content<'a>>,
}

impl Config {
    /// Reads what there is.
    ///
    /// # Errors
    /// For broken files.
    pub(super) fn read(files: ConfigFiles<'_>) -> Result<Self> {
        let object = |content: Option<Content<'_>>| -> Result<Map<String, Value>> {
            content.map_or_else(|| Ok(Map::new()), |content| content.json())
        };
        let name = files
            .tokenizer_config
            .map_or("tokenizer_config.json", |content| content.name);
        let added = match files.added_tokens {
            None => Vec::new(),
            Some(content) => content.vocab_json()?,
        };
        let config = object(files.config)?;
        let model_type = config.get("model_type").and_then(Value::as_str);
        Ok(Self {
            name: name.to_owned(),
            fields: object(files.tokenizer_config)?,
            map: object(files.special_tokens_map)?,
            added,
            model_type: model_type.map(str::to_owned),
        })
    }

    fn error(&self, reason: String) -> crate::Error {
        crate::Error::HuggingFace {
            name: self.name.clone(),
            reason,
        }
    }

    /// The class of the tokenizer, or else the type of the model, in lower case: `bert`, `gpt2`, `marian`.
    pub(super) fn kind(&self) -> Option<String> {
        let class = self.fields.get("tokenizer_class").and_then(Value::as_str);
        let class = class.map(|class| {
            let class = class.strip_suffix("Fast").unwrap_or(class);
            class.strip_suffix("Tokenizer").unwrap_or(class).to_lowercase()
        });
        // What says nothing about the kind.
        let class = class.filter(|class| !matches!(class.as_str(), "" | "pretrained"));
        class.or_else(|| self.model_type.as_ref().map(|kind| kind.to_lowercase()))
    }

    /// Whether there is a `tokenizer_config.json`.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.map.is_empty()
    }

    /// A setting that is true or false; none where it is absent or null.
    ///
    /// # Errors
    /// For other values.
    pub(super) fn flag(&self, field: &str) -> Result<Option<bool>> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.error(format!("`{field}` must be true or false, got {other}"))),
        }
    }

    /// A setting that is a text; none where it is absent or null.
    ///
    /// # Errors
    /// For other values.
    pub(super) fn text(&self, field: &str) -> Result<Option<&str>> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.error(format!("`{field}` must be a text, got {other}"))),
        }
    }

    /// The most tokens that the model takes; none where the file says nothing, or a number that stands for no limit.
    ///
    /// # Errors
    /// For values that are no number above 0.
    pub(super) fn model_max_length(&self) -> Result<Option<usize>> {
        match self.fields.get("model_max_length") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(length) if length >= 1e9 => Ok(None),
                Some(length) if length >= 1.0 && length.fract() == 0.0 => Ok(Some(length as usize)),
                _ => Err(self.error(format!(
                    "`model_max_length` must be a number above 0, got {value}"
                ))),
            },
        }
    }

    /// A special token, such as `cls_token`. Inner none: the file says that there is none.
    ///
    /// # Errors
    /// For values that are no token.
    pub(super) fn token(&self, field: &str) -> Result<Option<Option<NamedToken>>> {
        let value = self.fields.get(field).or_else(|| self.map.get(field));
        value.map(|value| self.named(field, value)).transpose()
    }

    fn named(&self, field: &str, value: &Value) -> Result<Option<NamedToken>> {
        let wrong = || self.error(format!("`{field}` must be a token, got {value}"));
        match value {
            Value::Null => Ok(None),
            Value::String(content) if !content.is_empty() => Ok(Some(NamedToken {
                content: content.clone(),
                matching: None,
            })),
            Value::Object(fields) => {
                let matching = self.matching(field, 0, fields)?;
                Ok(Some(NamedToken {
                    content: matching.content.clone(),
                    matching: Some(matching),
                }))
            }
            _ => Err(wrong()),
        }
    }

    /// A token with how it is found in text.
    fn matching(&self, field: &str, id: u32, fields: &Map<String, Value>) -> Result<AddedToken> {
        let flag = |name: &str, default: bool| match fields.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.error(format!(
                "`{name}` of `{field}` must be true or false, got {other}"
            ))),
        };
        let content = fields.get("content").and_then(Value::as_str);
        let content = content.filter(|content| !content.is_empty());
        let content = content.ok_or_else(|| self.error(format!("`{field}` lacks its `content`")))?;
        let special = flag("special", true)?;
        Ok(AddedToken {
            id,
            content: content.to_owned(),
            single_word: flag("single_word", false)?,
            lstrip: flag("lstrip", false)?,
            rstrip: flag("rstrip", false)?,
            normalized: flag("normalized", !special)?,
            special,
        })
    }

    /// Further special tokens.
    ///
    /// # Errors
    /// For values that are no tokens.
    pub(super) fn additional_tokens(&self) -> Result<Vec<NamedToken>> {
        let mut tokens = Vec::new();
        for field in ["additional_special_tokens", "extra_special_tokens"] {
            let list = match self.fields.get(field).or_else(|| self.map.get(field)) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(list)) => list.iter().collect::<Vec<_>>(),
                Some(Value::Object(named)) => named.values().collect(),
                Some(other) => {
                    return Err(self.error(format!("`{field}` must be a list of tokens, got {other}")));
                }
            };
            for value in list {
                tokens.extend(self.named(field, value)?);
            }
        }
        Ok(tokens)
    }

    /// Tokens with ids of their own: `added_tokens_decoder`, and `added_tokens.json`. In the order of their ids.
    ///
    /// # Errors
    /// For entries that are no tokens.
    pub(super) fn added_tokens(&self) -> Result<Vec<AddedToken>> {
        let mut tokens: Vec<AddedToken> = Vec::new();
        match self.fields.get("added_tokens_decoder") {
            None | Some(Value::Null) => {}
            Some(Value::Object(entries)) => {
                for (id, fields) in entries {
                    let wrong = || {
                        self.error(format!(
                            "`added_tokens_decoder` holds {id:?}: {fields}, which is no id with a token"
                        ))
                    };
                    let id = id.parse().map_err(|_| wrong())?;
                    let fields = fields.as_object().ok_or_else(wrong)?;
                    let mut token = self.matching("added_tokens_decoder", id, fields)?;
                    token.special = fields.get("special").and_then(Value::as_bool).unwrap_or(false);
                    tokens.push(token);
                }
            }
            Some(other) => {
                return Err(self.error(format!(
                    "`added_tokens_decoder` must be ids with tokens, got {other}"
                )));
            }
        }
        for (content, id) in &self.added {
            if tokens.iter().all(|token| token.content != *content) {
                tokens.push(AddedToken {
                    normalized: true,
                    special: false,
                    ..AddedToken::special(*id, content.clone())
                });
            }
        }
        tokens.sort_by_key(|token| token.id);
        Ok(tokens)
    }
}
