//! What models give, with arrays of numpy.

use burnseq::search::Attention;
use burnseq::text::Dictionary;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

/// A translation or a generated text, with its scores.
///
/// Shapes: `tgt_len` counts the tokens of the hypothesis and `src_len` those of the source, both with `</s>`.
#[derive(Debug)]
#[pyclass(frozen, get_all, module = "burnseq")]
pub struct Hypothesis {
    /// Detokenised text.
    text: String,
    /// Log-probability in nats, divided by `tgt_len ** lenpen` unless `unnormalized`.
    score: f64,
    /// Tokens of the dictionary, `</s>` last where the model ended the text: a list of `tgt_len` str. Of generated text these
    /// are the new ones.
    tokens: Vec<String>,
    /// Ids of the tokens: int64, `[tgt_len]`.
    ids: Py<PyArray1<i64>>,
    /// Log-probability of each token in nats: float32, `[tgt_len]`.
    token_scores: Py<PyArray1<f32>>,
    /// Tokens of the source as the model read them: a list of `src_len` str; empty for generated text, and where the model was
    /// not asked.
    source_tokens: Vec<String>,
    /// How much each token looked at each token of the source: float32, `[tgt_len, src_len]`, rows add up to 1; `None` unless
    /// `attention=True`.
    attention: Option<Py<PyArray2<f32>>>,
    /// For each token but `</s>` the source token that it looked at most, as pairs of places (source, target) from 0: int64,
    /// `[tgt_len - 1, 2]`; `None` unless `attention=True`.
    alignment: Option<Py<PyArray2<i64>>>,
}

#[pymethods]
impl Hypothesis {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "Hypothesis({}, score={:.4})",
            shown(py, &self.text)?,
            self.score
        ))
    }
}

/// The parts of a hypothesis as the library has them.
pub struct Parts<'a> {
    pub text: String,
    pub score: f32,
    pub ids: &'a [u32],
    pub token_scores: Vec<f32>,
    pub source_tokens: Vec<String>,
    pub attention: Option<&'a Attention>,
}

impl Hypothesis {
    /// With arrays of numpy; `dictionary` has the tokens.
    pub fn new(py: Python<'_>, parts: Parts<'_>, dictionary: &Dictionary) -> PyResult<Self> {
        let attention = parts.attention.map(|attention| {
            let rows: Vec<Vec<f32>> = attention.rows().map(<[f32]>::to_vec).collect();
            PyArray2::from_vec2(py, &rows).map(Bound::unbind)
        });
        let alignment = parts.attention.map(|attention| {
            let pairs = attention.hard().into_iter().enumerate();
            let pairs: Vec<i64> = pairs
                .flat_map(|(target, source)| [source as i64, target as i64])
                .collect();
            let rows = pairs.len() / 2;
            PyArray1::from_vec(py, pairs)
                .reshape([rows, 2])
                .map(Bound::unbind)
        });
        Ok(Self {
            text: parts.text,
            score: f64::from(parts.score),
            tokens: symbols(dictionary, parts.ids),
            ids: ids(py, parts.ids),
            token_scores: PyArray1::from_vec(py, parts.token_scores).unbind(),
            source_tokens: parts.source_tokens,
            attention: attention.transpose()?,
            alignment: alignment.transpose()?,
        })
    }
}

/// A text with the log-probabilities that a language model gives to its tokens.
///
/// Shapes: `len` counts the tokens of the text, with a `</s>` behind each line.
#[derive(Debug)]
#[pyclass(frozen, get_all, module = "burnseq")]
pub struct ScoredText {
    /// The text.
    text: String,
    /// Its tokens: a list of `len` str; `<unk>` for those that the dictionary does not have.
    tokens: Vec<String>,
    /// Ids of the tokens: int64, `[len]`.
    ids: Py<PyArray1<i64>>,
    /// Log-probability of each token in nats: float32, `[len]`.
    token_scores: Py<PyArray1<f32>>,
    /// Log-probability of the text in nats: the sum over its tokens.
    log_prob: f64,
    /// `exp(-log_prob / len)`.
    perplexity: f64,
}

#[pymethods]
impl ScoredText {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = shown(py, &self.text)?;
        Ok(format!("ScoredText({text}, perplexity={:.2})", self.perplexity))
    }
}

impl ScoredText {
    /// With arrays of numpy; `dictionary` has the tokens.
    pub fn new(
        py: Python<'_>,
        text: String,
        tokens: &[u32],
        scores: Vec<f32>,
        dictionary: &Dictionary,
    ) -> Self {
        let log_prob = sum(&scores);
        Self {
            text,
            tokens: symbols(dictionary, tokens),
            ids: ids(py, tokens),
            perplexity: perplexity(log_prob, scores.len()),
            token_scores: PyArray1::from_vec(py, scores).unbind(),
            log_prob,
        }
    }
}

/// Sum of log-probabilities.
pub fn sum(scores: &[f32]) -> f64 {
    scores.iter().map(|&score| f64::from(score)).sum()
}

/// Perplexity of so many tokens with this log-probability in nats.
pub fn perplexity(log_prob: f64, tokens: usize) -> f64 {
    (-log_prob / tokens.max(1) as f64).exp()
}

/// Ids as an array.
pub fn ids(py: Python<'_>, ids: &[u32]) -> Py<PyArray1<i64>> {
    PyArray1::from_vec(py, ids.iter().map(|&id| i64::from(id)).collect()).unbind()
}

fn symbols(dictionary: &Dictionary, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| dictionary.symbol(id).to_owned()).collect()
}

/// A text as Python writes it.
fn shown(py: Python<'_>, text: &str) -> PyResult<String> {
    text.into_pyobject(py)?.repr()?.extract()
}
