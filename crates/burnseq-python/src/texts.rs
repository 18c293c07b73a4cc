//! A text or several of them, as arguments and as results.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::errors::{kind, wrong};

/// What a method was given, and so the form of what it gives: an item for a text, a list for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// The texts, one where it was a single one.
    pub items: Vec<String>,
    /// Whether they came as a list.
    pub is_list: bool,
}

impl Texts {
    /// From a `str`, or anything that gives some.
    ///
    /// # Errors
    /// `TypeError`: something else, by its place.
    pub fn new(argument: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        if let Ok(text) = argument.cast::<PyString>() {
            return Ok(Self {
                items: vec![text.to_str()?.to_owned()],
                is_list: false,
            });
        }
        let other = || {
            PyTypeError::new_err(format!(
                "'{name}' must be a str or a list of str, got {}",
                kind(argument)
            ))
        };
        let items = argument.try_iter().map_err(|_| other())?;
        let items = items.enumerate().map(|(place, item)| {
            let item = item?;
            let text = item.cast::<PyString>().map_err(|_| {
                let kind = kind(&item);
                PyTypeError::new_err(format!(
                    "'{name}' must be a str or a list of str, item {place} is of type {kind}"
                ))
            })?;
            Ok(text.to_str()?.to_owned())
        });
        Ok(Self {
            items: items.collect::<PyResult<_>>()?,
            is_list: true,
        })
    }

    /// The same for sentences: the line end that a file has behind each goes, one inside is refused.
    ///
    /// # Errors
    /// `ValueError`: a text of several lines.
    pub fn lines(mut self, name: &str) -> PyResult<Self> {
        for (place, item) in self.items.iter_mut().enumerate() {
            let line = item.strip_suffix('\n').unwrap_or(item);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.contains(['\n', '\r']) {
                let place = if self.is_list {
                    format!("item {place} of '{name}'")
                } else {
                    format!("'{name}'")
                };
                return Err(wrong(format!(
                    "{place} has several lines, and a sentence is one line\nhint: give a list, such as text.splitlines()"
                )));
            }
            *item = line.to_owned();
        }
        Ok(self)
    }

    /// The results of the texts in the form that they were given in.
    ///
    /// # Panics
    /// When there is not one result for each text.
    pub fn shaped<'py, T: IntoPyObject<'py>>(
        &self,
        py: Python<'py>,
        results: Vec<T>,
    ) -> PyResult<Bound<'py, PyAny>> {
        assert_eq!(results.len(), self.items.len(), "one result for each text");
        if self.is_list {
            return Ok(PyList::new(py, results)?.into_any());
        }
        let result = results.into_iter().next().expect("there is one text");
        result.into_bound_py_any(py)
    }
}
