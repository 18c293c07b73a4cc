//! `config.json` and files like it: fields by name, with errors that name file and field.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use burnseq_text::FileError;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A JSON file of settings. A field that is `null` counts as absent, as in transformers.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    path: PathBuf,
    fields: Map<String, Value>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is not JSON, or is no object.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(FileError::read(path))?;
        let wrong = |problem: String| Error::File {
            path: path.to_owned(),
            problem,
        };
        match serde_json::from_slice(&text) {
            Ok(Value::Object(fields)) => Ok(Self {
                path: path.to_owned(),
                fields,
            }),
            Ok(other) => Err(wrong(format!(
                "holds {}, expected an object such as {{\"model_type\": \"bert\"}}",
                kind(&other)
            ))),
            Err(error) => Err(wrong(format!(
                "is not JSON: {error}\nhint: the file is damaged; copy it again"
            ))),
        }
    }

    /// Fields that were not read from a file; `path` is for messages.
    pub fn of_fields(path: impl Into<PathBuf>, fields: Map<String, Value>) -> Self {
        Self {
            path: path.into(),
            fields,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All fields, in the order of the file.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// The value of a field; none where it is absent or `null`.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// An error about a field.
    pub fn error(&self, field: &str, problem: impl Display) -> Error {
        Error::Entry {
            path: self.path.clone(),
            entry: field.to_owned(),
            problem: match self.fields.get(field) {
                Some(value) => format!("is {value}; {problem}"),
                None => format!("is missing; {problem}"),
            },
        }
    }

    /// The value that `read` gives for the field; none where it is absent.
    fn value<'a, T>(
        &'a self,
        field: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(value) => Ok(Some(value)),
                None => Err(self.error(field, format_args!("expected {expected}"))),
            },
        }
    }

    fn required<T>(&self, field: &str, expected: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.error(field, format_args!("expected {expected}")))
    }

    /// A count; none where the field is absent.
    ///
    /// # Errors
    /// Another type of value.
    pub fn count(&self, field: &str) -> Result<Option<usize>> {
        self.value(field, COUNT, |value| value.as_u64()?.try_into().ok())
    }

    /// A count that must be there.
    ///
    /// # Errors
    /// Another type of value, or none.
    pub fn required_count(&self, field: &str) -> Result<usize> {
        let value = self.count(field)?;
        self.required(field, COUNT, value)
    }

    /// A number; none where the field is absent.
    ///
    /// # Errors
    /// Another type of value.
    pub fn number(&self, field: &str) -> Result<Option<f64>> {
        self.value(field, "a number", Value::as_f64)
    }

    /// `true` or `false`; none where the field is absent.
    ///
    /// # Errors
    /// Another type of value.
    pub fn flag(&self, field: &str) -> Result<Option<bool>> {
        self.value(field, "true or false", Value::as_bool)
    }

    /// Text; none where the field is absent.
    ///
    /// # Errors
    /// Another type of value.
    pub fn text(&self, field: &str) -> Result<Option<&str>> {
        self.value(field, "text", Value::as_str)
    }

    /// Text that must be there.
    ///
    /// # Errors
    /// Another type of value, or none.
    pub fn required_text(&self, field: &str) -> Result<&str> {
        let value = self.text(field)?;
        self.required(field, "text", value)
    }

    /// A list of texts; empty where the field is absent.
    ///
    /// # Errors
    /// Another type of value.
    pub fn texts(&self, field: &str) -> Result<Vec<&str>> {
        let texts = |value: &'_ Value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let _: Option<Vec<String>> = self.value(field, "a list of texts", texts)?;
        let items = self.get(field).and_then(Value::as_array);
        Ok(items.into_iter().flatten().filter_map(Value::as_str).collect())
    }

    /// A list of counts; empty where the field is absent. A single count is a list of one, as in generation settings.
    ///
    /// # Errors
    /// Another type of value.
    pub fn counts(&self, field: &str) -> Result<Vec<usize>> {
        let count = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let counts = |value: &Value| match value {
            Value::Array(items) => items.iter().map(count).collect(),
            single => count(single).map(|single| vec![single]),
        };
        let found = self.value(field, "a list of whole numbers", counts)?;
        Ok(found.unwrap_or_default())
    }

    /// What kind of model it is, such as `bert`.
    ///
    /// # Errors
    /// None is named.
    pub fn model_type(&self) -> Result<&str> {
        match self.text("model_type")? {
            Some(model_type) => Ok(model_type),
            None => Err(self.error(
                "model_type",
                "it says what the model is, such as \"bert\"\n\
                 hint: add it, or use the config.json that the model was published with",
            )),
        }
    }

    /// Makes sure that a field which is not supported has the one value that changes nothing, or is absent.
    ///
    /// # Errors
    /// Another value.
    pub fn only(&self, field: &str, supported: &Value) -> Result<()> {
        match self.get(field) {
            Some(value) if !same(value, supported) => {
                Err(self.error(field, format_args!("only {supported} is supported")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether two values are equal; `1` and `1.0` are.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

const COUNT: &str = "a whole number of at least 0";

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(fields: Value) -> Config {
        Config::of_fields("config.json", fields.as_object().unwrap().clone())
    }

    #[test]
    fn fields_are_typed_and_null_is_absent() {
        let config = config(json!({
            "n": 3, "x": 1e-12, "one": 1, "yes": true, "text": "gelu", "none": null,
            "texts": ["a", "b"], "ids": [1, 2], "id": 7,
        }));
        assert_eq!(config.count("n").unwrap(), Some(3));
        assert_eq!(config.number("x").unwrap(), Some(1e-12));
        assert_eq!(config.flag("yes").unwrap(), Some(true));
        assert_eq!(config.text("text").unwrap(), Some("gelu"));
        assert_eq!(config.count("none").unwrap(), None);
        assert_eq!(config.texts("texts").unwrap(), ["a", "b"]);
        assert_eq!(config.counts("ids").unwrap(), [1, 2]);
        assert_eq!(config.counts("id").unwrap(), [7]);
        config.only("one", &json!(1.0)).unwrap();
        config.only("none", &json!(false)).unwrap();
    }

    #[test]
    fn errors_name_file_field_and_value() {
        let config = config(json!({ "n": -1, "x": "a", "texts": ["a", 1], "none": null }));
        let told = |error: Error| error.to_string();
        assert_eq!(
            told(config.count("n").unwrap_err()),
            "config.json: n: is -1; expected a whole number of at least 0"
        );
        assert_eq!(
            told(config.number("x").unwrap_err()),
            "config.json: x: is \"a\"; expected a number"
        );
        assert_eq!(
            told(config.required_count("none").unwrap_err()),
            "config.json: none: is null; expected a whole number of at least 0"
        );
        assert_eq!(
            told(config.only("x", &json!("b")).unwrap_err()),
            "config.json: x: is \"a\"; only \"b\" is supported"
        );
        assert!(config.texts("texts").is_err());
        let missing = told(config.model_type().unwrap_err());
        assert!(
            missing.starts_with("config.json: model_type: is missing; "),
            "{missing}"
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        for text in ["", "{", "[1]", "null", "\u{feff}{}", "{\"a\": NaN}"] {
            std::fs::write(&path, text).unwrap();
            let error = Config::read(&path).unwrap_err().to_string();
            assert!(error.contains("config.json: "), "{text}: {error}");
        }
        assert!(Config::read(dir.path()).is_err());
    }
}
