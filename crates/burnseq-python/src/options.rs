//! Keyword arguments, which have the names of flags, to options of the library.

use burnseq::GenerateOptions;
use burnseq::kernels::{Compute, Precision};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString};
use serde_json::{Map, Number, Value};

use crate::errors::{exception, kind, wrong};

/// Options of the search that are about translation alone.
pub const OF_TRANSLATION: &[&str] = &["attention", "constraints", "lm_weight", "match_source_len"];
/// Options of the search that are about language models alone.
pub const OF_LANGUAGE_MODELS: &[&str] = &["ignore_eos"];

/// Options of the search, with those of `keywords` in place of `base`'s; `None` stands for the default of the library.
///
/// # Errors
/// `TypeError`: a name that is none, or one of `others`; `ValueError`: a value of the wrong kind.
pub fn overlaid(
    base: &GenerateOptions,
    keywords: Option<&Bound<'_, PyDict>>,
    others: &[&str],
) -> PyResult<GenerateOptions> {
    let Value::Object(mut all) = json(base) else {
        unreachable!("options are an object");
    };
    let defaults = json(&GenerateOptions::default());
    for (name, value) in keywords.into_iter().flatten() {
        let name: String = name.extract()?;
        if !all.contains_key(&name) || others.contains(&name.as_str()) {
            let choices: Vec<&str> = all
                .keys()
                .map(String::as_str)
                .filter(|name| !others.contains(name))
                .collect();
            return Err(PyTypeError::new_err(format!(
                "unexpected keyword argument '{name}'; choose from: {}",
                choices.join(", ")
            )));
        }
        let given = if value.is_none() {
            defaults[&name].clone()
        } else {
            to_json(&value, &name)?
        };
        // One by one, so that an error names the option.
        let alone = Value::Object(Map::from_iter([(name.clone(), given.clone())]));
        if let Err(error) = serde_json::from_value::<GenerateOptions>(alone) {
            // Names of types that Python does not have.
            let error = error.to_string();
            let error = error
                .replace("usize", "a whole number, 0 or more")
                .replace("u64", "a whole number, 0 or more");
            return Err(wrong(format!(
                "'{name}' = {given}: {}",
                error.replace("f64", "a number").replace("string or map", "a str")
            )));
        }
        all.insert(name, given);
    }
    serde_json::from_value(Value::Object(all)).map_err(|error| wrong(error.to_string()))
}

/// Refuses all options but these.
///
/// # Errors
/// `TypeError`, with the names to choose from.
pub fn only(keywords: Option<&Bound<'_, PyDict>>, names: &[&str]) -> PyResult<()> {
    for name in keywords.into_iter().flat_map(|keywords| keywords.keys()) {
        let name: String = name.extract()?;
        if !names.contains(&name.as_str()) {
            return Err(PyTypeError::new_err(format!(
                "unexpected keyword argument '{name}'; choose from: {}",
                names.join(", ")
            )));
        }
    }
    Ok(())
}

/// A number that counts something.
///
/// # Errors
/// `ValueError`: one below 0.
pub fn count(number: i64, name: &str) -> PyResult<usize> {
    usize::try_from(number).map_err(|_| wrong(format!("'{name}' = {number}: must not be below 0")))
}

/// Where to compute, and in which number format.
///
/// # Errors
/// `ValueError`: an unknown name, or a device that cannot be used.
pub fn compute(device: &str, precision: Option<&str>) -> PyResult<Compute> {
    let precision = precision.map(str::parse::<Precision>).transpose();
    let precision = precision.map_err(|error| wrong(format!("'precision': {error}")))?;
    Compute::open(device, precision).map_err(|error| exception(error.into()))
}

/// The settings of a model that are to differ from those it was saved with.
///
/// # Errors
/// `TypeError`, `ValueError`: what JSON has no form for.
pub fn model_overrides(overrides: Option<&Bound<'_, PyDict>>) -> PyResult<Map<String, Value>> {
    let fields = overrides.into_iter().flatten();
    let fields = fields.map(|(name, value)| {
        let name: String = name.extract()?;
        let value = to_json(&value, &name)?;
        Ok((name, value))
    });
    fields.collect()
}

fn json(options: &GenerateOptions) -> Value {
    serde_json::to_value(options).expect("options have a form in JSON")
}

/// A value of Python or numpy as JSON.
fn to_json(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.extract::<bool>() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(text.to_str()?.to_owned()));
    }
    if !value.is_instance_of::<PyFloat>()
        && let Ok(number) = value.extract::<i64>()
    {
        return Ok(number.into());
    }
    if let Ok(number) = value.extract::<u64>() {
        return Ok(number.into());
    }
    if value.is_instance_of::<PyInt>() {
        return Err(wrong(format!("'{name}' = {value}: must have at most 64 bits")));
    }
    if let Ok(number) = value.extract::<f64>() {
        let finite = Number::from_f64(number);
        return finite
            .map(Value::Number)
            .ok_or_else(|| wrong(format!("'{name}' = {number}: must be a finite number")));
    }
    let items = value.try_iter().map_err(|_| {
        let kind = kind(value);
        PyTypeError::new_err(format!(
            "'{name}' must be a number, a bool, a str or a list of these, got {kind}"
        ))
    })?;
    let items = items.map(|item| to_json(&item?, name));
    Ok(Value::Array(items.collect::<PyResult<_>>()?))
}
