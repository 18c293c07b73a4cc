//! Scoring and continuing text.

use std::path::PathBuf;

use burnseq::decode::{BlockScores, TextCodec, TextModel};
use burnseq::{ContinuationFormat, GenerateOptions, Generated, TextGenerator};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::ThreadPool;

use crate::errors::{exception, warn, wrong};
use crate::hypothesis::{Hypothesis, Parts, ScoredText, perplexity, sum};
use crate::options::{OF_TRANSLATION, compute, count, model_overrides, overlaid};
use crate::texts::Texts;
use crate::tokenizer::Tokenizer;
use crate::work::{self, Reporter, pool};

/// A trained language model: scores of text, and text that continues a prompt.
///
/// path: a checkpoint folder. The other arguments are those of Translator; options are those of `generate` for language
/// models, as defaults for all calls.
///
/// A text may have several lines; the model reads `</s>` between them.
#[pyclass(frozen, module = "burnseq")]
pub struct LanguageModel {
    generator: TextGenerator,
    options: GenerateOptions,
    pool: Option<ThreadPool>,
}

#[pymethods]
impl LanguageModel {
    #[new]
    #[pyo3(signature = (path, *, device="auto", precision=None, threads=None, model_overrides=None, **options))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        device: &str,
        precision: Option<&str>,
        threads: Option<i64>,
        model_overrides: Option<&Bound<'_, PyDict>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let options = checked(overlaid(&GenerateOptions::default(), options, OF_TRANSLATION)?)?;
        let overrides = self::model_overrides(model_overrides)?;
        let pool = pool(threads)?;
        let compute = compute(device, precision)?;
        let model = work::load(py, || TextModel::load_with(&path, &overrides, &compute))?;
        Ok(Self {
            generator: TextGenerator::new(model),
            options,
            pool,
        })
    }

    /// The log-probability of each token of a text, as a ScoredText; of a list of str a list of them, each read by itself.
    ///
    /// context_window: a text that is longer than the positions of the model is scored in parts, of which each reads so many
    /// tokens before it. progress: as in Translator.translate.
    #[pyo3(signature = (text, *, context_window=0, progress=None))]
    fn score<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        context_window: i64,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let texts = Texts::new(text, "text")?;
        let scores = self.scores(py, &texts, context_window, progress)?;
        let dictionary = &self.generator.model().dictionary;
        let scored = texts.items.iter().zip(scores);
        let scored = scored
            .map(|(text, block)| ScoredText::new(py, text.clone(), &block.tokens, block.scores, dictionary));
        texts.shaped(py, scored.collect())
    }

    /// The perplexity of a text, or of all tokens of a list of texts, as a float: that of `burnseq eval-lm`.
    #[pyo3(signature = (text, *, context_window=0, progress=None))]
    fn perplexity(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        context_window: i64,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<f64> {
        let texts = Texts::new(text, "text")?;
        if texts.items.is_empty() {
            return Err(wrong("'text' is an empty list, which has no perplexity"));
        }
        let scores = self.scores(py, &texts, context_window, progress)?;
        let tokens = scores.iter().map(|block| block.scores.len()).sum();
        Ok(perplexity(
            scores.iter().map(|block| sum(&block.scores)).sum(),
            tokens,
        ))
    }

    /// A text that begins with `prompt`, as a str; of a list of prompts a list. `max_len_b` limits the new tokens.
    ///
    /// continuation_only: without the prompt. sliding_window: a text that reaches the positions of the model goes on from its
    /// last half. progress, options: as in Translator.translate; ignore_eos=True writes on behind the end of a line.
    #[pyo3(signature = (prompt, *, continuation_only=false, sliding_window=false, progress=None, **options))]
    fn generate<'py>(
        &self,
        py: Python<'py>,
        prompt: &Bound<'py, PyAny>,
        continuation_only: bool,
        sliding_window: bool,
        progress: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if options.is_some_and(|options| options.contains("nbest").unwrap_or(false)) {
            return Err(wrong(
                "'nbest' asks for several texts of a prompt, and generate() gives the best\nhint: call hypotheses()",
            ));
        }
        let options = GenerateOptions {
            nbest: 1,
            ..self.overlaid(options)?
        };
        let prompts = Texts::new(prompt, "prompt")?;
        let format = ContinuationFormat {
            continuation_only,
            sliding_window,
        };
        let generated = self.run(py, &prompts, &options, format, progress)?;
        let best = generated
            .into_iter()
            .map(|mut generated| generated.hypotheses.swap_remove(0).text);
        prompts.shaped(py, best.collect())
    }

    /// The `nbest` best texts that begin with `prompt`, as a list of Hypothesis, best first; of a list of prompts a list of
    /// such lists.
    #[pyo3(signature = (prompt, *, continuation_only=false, sliding_window=false, progress=None, **options))]
    fn hypotheses<'py>(
        &self,
        py: Python<'py>,
        prompt: &Bound<'py, PyAny>,
        continuation_only: bool,
        sliding_window: bool,
        progress: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = self.overlaid(options)?;
        let prompts = Texts::new(prompt, "prompt")?;
        let format = ContinuationFormat {
            continuation_only,
            sliding_window,
        };
        let generated = self.run(py, &prompts, &options, format, progress)?;
        let dictionary = &self.generator.model().dictionary;
        let found = generated.into_iter().map(|generated| {
            let hypotheses = generated.hypotheses.into_iter().map(|hypothesis| {
                let parts = Parts {
                    text: hypothesis.text,
                    score: hypothesis.score,
                    ids: &hypothesis.ids,
                    token_scores: hypothesis.positional_scores,
                    source_tokens: Vec::new(),
                    attention: None,
                };
                Hypothesis::new(py, parts, dictionary)
            });
            hypotheses.collect::<PyResult<Vec<_>>>()
        });
        prompts.shaped(py, found.collect::<PyResult<Vec<_>>>()?)
    }

    /// Tokenizer of the model.
    #[getter]
    fn tokenizer(&self) -> Tokenizer {
        let model = self.generator.model();
        Tokenizer::from(TextCodec {
            dictionary: model.dictionary.clone(),
            text: model.text.clone(),
        })
    }

    fn __repr__(&self) -> String {
        format!("LanguageModel({} types)", self.generator.model().dictionary.len())
    }
}

impl LanguageModel {
    fn overlaid(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<GenerateOptions> {
        checked(overlaid(&self.options, options, OF_TRANSLATION)?)
    }

    fn scores(
        &self,
        py: Python<'_>,
        texts: &Texts,
        context_window: i64,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<BlockScores>> {
        let context_window = count(context_window, "context_window")?;
        let reporter = Reporter::new(py, progress, "scoring")?;
        work::run(py, self.pool.as_ref(), &reporter, |on_batch| {
            self.generator.score(&texts.items, context_window, on_batch)
        })
    }

    fn run(
        &self,
        py: Python<'_>,
        prompts: &Texts,
        options: &GenerateOptions,
        format: ContinuationFormat,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Generated>> {
        let reporter = Reporter::new(py, progress, "generating")?;
        let generated = work::run(py, self.pool.as_ref(), &reporter, |on_batch| {
            self.generator.generate(&prompts.items, options, format, on_batch)
        })?;
        drop(reporter);
        for (place, generated) in generated.iter().enumerate() {
            if let Some(tokens) = generated.cut_from {
                warn(
                    py,
                    &format!(
                        "prompt {place} has {tokens} tokens, more than the model reads, and was cut from the left"
                    ),
                )?;
            }
        }
        Ok(generated)
    }
}

/// Options that are in range.
fn checked(options: GenerateOptions) -> PyResult<GenerateOptions> {
    options.validate().map_err(|error| exception(error.into()))?;
    Ok(options)
}
