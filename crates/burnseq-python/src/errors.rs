//! Errors of the library as exceptions, each with its message on one line.

use std::io;

use pyo3::exceptions::{PyException, PyFileNotFoundError, PyUserWarning, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(
    burnseq,
    Error,
    PyException,
    "A file is damaged, does not fit the others, or a model gives no probabilities; the message names the file and the remedy."
);

/// An error of the library: `FileNotFoundError` where a file or folder is not there, `ValueError` where an argument is wrong,
/// `burnseq.Error` otherwise.
pub fn exception(error: burnseq::Error) -> PyErr {
    let message = one_line(&burnseq::describe(&error, str::to_owned));
    if is_not_found(&error) {
        PyFileNotFoundError::new_err(message)
    } else if is_about_arguments(&error) {
        PyValueError::new_err(message)
    } else {
        Error::new_err(message)
    }
}

/// A wrong argument.
pub fn wrong(message: impl AsRef<str>) -> PyErr {
    PyValueError::new_err(one_line(message.as_ref()))
}

/// A `UserWarning`, which becomes an exception where the program asks for that.
pub fn warn(py: Python<'_>, message: &str) -> PyResult<()> {
    let message = std::ffi::CString::new(message).unwrap_or_default();
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &message, 1)
}

/// Name of the type of a value.
pub fn kind(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name();
    name.map_or_else(|_| "?".to_owned(), |name| name.to_string())
}

/// Remedies, which the library writes on lines of their own, behind the message.
fn one_line(message: &str) -> String {
    message.replace("\nhint: ", "; hint: ").replace('\n', "; ")
}

fn is_not_found(error: &burnseq::Error) -> bool {
    if let burnseq::Error::Train(burnseq::train::Error::NoCheckpoint { path, .. }) = error {
        return !path.exists();
    }
    let error: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::NotFound)
}

fn is_about_arguments(error: &burnseq::Error) -> bool {
    use burnseq::Error::{Line, LineTooLong};
    error.is_usage() || matches!(error, Line { .. } | LineTooLong { .. })
}
