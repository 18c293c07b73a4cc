//! Text to ids and back.

use std::path::PathBuf;

use burnseq::decode::TextCodec;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors::{exception, kind, wrong};
use crate::hypothesis;
use crate::texts::Texts;
use crate::work;

/// Tokenizer, subword model and dictionary of a language.
///
/// path: a folder that `preprocess` has written, or a checkpoint. lang: the language, where there are two.
#[pyclass(frozen, module = "burnseq")]
pub struct Tokenizer {
    codec: TextCodec,
}

impl From<TextCodec> for Tokenizer {
    fn from(codec: TextCodec) -> Self {
        Self { codec }
    }
}

#[pymethods]
impl Tokenizer {
    #[new]
    #[pyo3(signature = (path, lang=None))]
    fn new(py: Python<'_>, path: PathBuf, lang: Option<&str>) -> PyResult<Self> {
        Ok(Self::from(work::load(py, || TextCodec::open(&path, lang))?))
    }

    /// The ids of a line of text: int64, `[len]`; of a list of str a list of arrays. Tokens that the dictionary does not have
    /// are `unk`.
    #[pyo3(signature = (text, *, append_eos=true))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        append_eos: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let texts = Texts::new(text, "text")?.lines("text")?;
        let encoded = texts.items.iter().map(|line| {
            let ids = self.codec.encode(line, append_eos).map_err(exception)?;
            Ok(hypothesis::ids(py, &ids))
        });
        texts.shaped(py, encoded.collect::<PyResult<Vec<_>>>()?)
    }

    /// The tokens of a line of text: a list of str; of a list of str a list of lists.
    fn pieces<'py>(&self, py: Python<'py>, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let texts = Texts::new(text, "text")?.lines("text")?;
        let pieces = texts
            .items
            .iter()
            .map(|line| self.codec.pieces(line).map_err(exception));
        texts.shaped(py, pieces.collect::<PyResult<Vec<_>>>()?)
    }

    /// The text of ids, an array of whole numbers or a list of int, as a str; of several a list of str. `bos`, `pad` and `eos`
    /// are left out.
    fn decode<'py>(&self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if is_several(ids)? {
            let texts = ids.try_iter()?.map(|ids| self.decode_one(&ids?));
            return Ok(PyList::new(py, texts.collect::<PyResult<Vec<_>>>()?)?.into_any());
        }
        self.decode_one(ids)?.into_bound_py_any(py)
    }

    /// The id of a token, or None where the dictionary does not have it.
    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.codec.dictionary.index_of(token)
    }

    /// The token of an id.
    fn id_to_token(&self, id: i64) -> PyResult<&str> {
        let dictionary = &self.codec.dictionary;
        match u32::try_from(id) {
            Ok(known) if (known as usize) < dictionary.len() => Ok(dictionary.symbol(known)),
            _ => Err(self.no_id(id)),
        }
    }

    /// Id of the beginning of a sentence.
    #[getter]
    fn bos(&self) -> u32 {
        self.codec.dictionary.bos()
    }

    /// Id of padding.
    #[getter]
    fn pad(&self) -> u32 {
        self.codec.dictionary.pad()
    }

    /// Id of the end of a sentence.
    #[getter]
    fn eos(&self) -> u32 {
        self.codec.dictionary.eos()
    }

    /// Id of tokens that the dictionary does not have.
    #[getter]
    fn unk(&self) -> u32 {
        self.codec.dictionary.unk()
    }

    fn __len__(&self) -> usize {
        self.codec.dictionary.len()
    }

    fn __repr__(&self) -> String {
        format!("Tokenizer({} types)", self.codec.dictionary.len())
    }
}

impl Tokenizer {
    fn decode_one(&self, ids: &Bound<'_, PyAny>) -> PyResult<String> {
        let known = array(ids)?
            .into_iter()
            .map(|id| u32::try_from(id).map_err(|_| self.no_id(id)));
        let known = known.collect::<PyResult<Vec<u32>>>()?;
        self.codec.decode(&known).map_err(exception)
    }

    fn no_id(&self, id: i64) -> PyErr {
        let types = self.codec.dictionary.len();
        wrong(format!(
            "the dictionary has no id {id}; its {types} ids begin with 0"
        ))
    }
}

/// Whether these are several sequences of ids.
fn is_several(ids: &Bound<'_, PyAny>) -> PyResult<bool> {
    let first = ids.try_iter().map_err(|_| no_ids(ids))?.next().transpose()?;
    Ok(first.is_some_and(|first| first.try_iter().is_ok()))
}

/// A sequence of ids.
fn array(ids: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let numpy = ids.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (ids,)).map_err(|_| no_ids(ids))?;
    let (dims, len): (usize, usize) = (
        array.getattr("ndim")?.extract()?,
        array.getattr("size")?.extract()?,
    );
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    // An empty list is an array of floats.
    if dims != 1 || (len > 0 && kind != "i" && kind != "u") {
        return Err(no_ids(ids));
    }
    let array = array.call_method1("astype", ("int64",))?;
    let array = array.cast_into::<PyArray1<i64>>().map_err(|_| no_ids(ids))?;
    Ok(array.to_vec()?)
}

fn no_ids(ids: &Bound<'_, PyAny>) -> PyErr {
    let kind = kind(ids);
    PyTypeError::new_err(format!(
        "'ids' must be an array of whole numbers, a list of int, or a list of these, got {kind}"
    ))
}
